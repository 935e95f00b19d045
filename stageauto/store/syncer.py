"""Brings commits onto the disk beside the work, so that the next decision need not wait for the last one's disk.

`synchronous=FULL` lets the writer wait at every commit. The owner of a state does not: its commits stand in the log at
once, a thread of its own syncs the log, and only then is anybody told, a message sent, a waiting client answered. What
was told is as safe as with FULL; what was not may be lost in a power cut, and its sender never heard that it was taken.
Whoever commits next with FULL, a command say, takes along all that stands in the log before it.

SQLite sees to the rest also with `synchronous=NORMAL`: the log is synced before it is copied back and when it begins
anew (https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Self

from stageauto.errors import StateError

if TYPE_CHECKING:
    from stageauto.store.sqlite import SqliteStore

Told = Callable[[StateError | None], None]
"""What is called when a commit is on the disk, or with why it may not be. Any thread may be the one that calls."""

# Only the data and what is needed to find it: SQLite does the same. macOS has no such call.
sync_file: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


_GATHER = 0.001
"""Seconds for which commits gather while they come one after the other: each sync takes some of the work's time."""
_AT_LEISURE = 0.01
"""Seconds for which commits gather that nobody waits for."""


class _Commit(NamedTuple):
    entries: int | None  # as the mark is raised to
    journal: int | None
    told: Told | None


class Syncer:
    """The thread; a context manager that starts and ends it. Belongs to the owner's store, on the owner's thread.

    `sync` brings a file, by its number, onto the disk. For a state in memory nothing is to be done.
    """

    def __init__(self, store: SqliteStore, sync: Callable[[int], None] = sync_file) -> None:
        self._store = store
        self._sync = sync
        self._fd = -1
        self._waiting: deque[_Commit] = deque()
        self._change = threading.Condition()
        self._taken = 0  # commits that were handed over
        self._synced = 0  # of them on the disk, and told
        self._awaited = 0  # how many threads wait for that
        self._urgent = False  # somebody waits for one of those that wait
        self._ending = False
        self._error: StateError | None = None
        self._thread = threading.Thread(target=self._work, name="sync", daemon=True)

    def __enter__(self) -> Self:
        store = self._store
        if store.path is not None:
            with store.read() as state:
                state.height()  # there is a log from the first look on
            log = f"{os.path.realpath(store.path)}-wal"  # SQLite names it after what a link leads to
            self._fd = os.open(log, os.O_RDWR | os.O_CLOEXEC)
            store.connection.execute("PRAGMA synchronous = NORMAL")
            store.syncer = self
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self._thread.is_alive():
            return
        with self._change:
            self._ending = True
            self._change.notify_all()
        self._thread.join()
        self._store.syncer = None
        self._store.connection.execute("PRAGMA synchronous = FULL")
        os.close(self._fd)

    def committed(
        self, entries: int | None, journal: int | None, told: Told | None, *, busy: bool = True, urgent: bool = True
    ) -> None:
        """Takes over a commit that stands in the log.

        With `told` None it waits until that is on the disk, and raises StateError where it may not be. Who is not
        `busy`, and nothing is under way, has it synced here and now: that is sooner than to wake another thread. What
        is not `urgent`, because nobody waits for it, goes with the next that is, or a little later.
        """
        commit = _Commit(entries, journal, told)
        with self._change:
            here = ((urgent and not busy) or told is None) and self._synced == self._taken
            self._taken += 1
            if not here:
                idle = not self._waiting
                self._waiting.append(commit)
                self._urgent = self._urgent or urgent
                if idle or urgent:
                    self._change.notify_all()
        if here:  # nobody else has anything to do then
            self._settle([commit])
            self._synced += 1
        if told is None:
            self.wait()

    def wait(self) -> None:
        """Waits until all that was committed so far is on the disk and told. Raises StateError where it may not be."""
        with self._change:
            mine = self._taken
            if self._synced < mine:
                self._awaited += 1
                self._change.notify_all()
                self._change.wait_for(lambda: self._synced >= mine)
                self._awaited -= 1
        self.check()

    def check(self) -> None:
        """Raises StateError where the disk refused: from then on nothing more is to be written."""
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._ending)
                if not self._waiting:
                    return
                if not self._urgent:
                    self._change.wait_for(lambda: self._urgent or self._awaited or self._ending, _AT_LEISURE)
                group = list(self._waiting)
                self._waiting.clear()
                self._urgent = False
            self._settle(group)
            with self._change:
                self._synced += len(group)
                self._change.notify_all()
                if len(group) > 1:  # they come faster than the disk takes them: let some gather
                    self._change.wait_for(lambda: self._awaited or self._ending, _GATHER)

    def _settle(self, group: list[_Commit]) -> None:
        if self._error is None:
            try:
                self._sync(self._fd)
            except OSError as error:
                # After a refused sync the kernel may hold the pages for clean: asking again would answer yes in vain.
                self._error = StateError(
                    f"{self._store.path}: the disk did not take what was written ({error.strerror})",
                    "see what the system's log says of the disk, then start again",
                )
        if self._error is None and self._store.mark:
            self._store.mark.rise(
                max((one.entries for one in group if one.entries is not None), default=None),
                max((one.journal for one in group if one.journal is not None), default=None),
            )
        for one in group:
            if one.told is not None:
                one.told(self._error)
