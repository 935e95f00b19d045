"""Copies the write-ahead log back into the file beside the work, so that no transaction has to.

Only the owner of a state runs it, in a thread with a connection of its own.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from stageauto.store.driver import dbapi

if TYPE_CHECKING:
    import sqlite3

    from stageauto.store.sqlite import SqliteStore

# Frames of 4 KiB. The log is reused from its start, never cut: a file that grows makes every commit wait longer.
_COPY_AT = 1024  # not copied back yet: from here on they are, while others write
_RESTART_AT = 4096  # in the log: from here on writers wait for a moment, so that it begins anew
_PAUSE, _BUSY_PAUSE = 0.5, 0.05  # seconds


class Checkpointer:
    """The thread; a context manager that starts and ends it. Nothing for a state in memory."""

    def __init__(self, store: SqliteStore) -> None:
        self._path = store.path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="checkpoint", daemon=True)

    def __enter__(self) -> Self:
        if self._path is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        if self._path is None:
            return
        connection = dbapi.connect(f"{self._path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=1.0)
        try:
            pause = _PAUSE
            while not self._stop.wait(pause):
                pause = _BUSY_PAUSE if checkpoint(connection) else _PAUSE
        finally:
            connection.close()


def checkpoint(connection: sqlite3.Connection) -> bool:
    """True where the log was copied back, False where that is not worth it yet."""
    try:
        _, frames, copied = connection.execute("PRAGMA wal_checkpoint(NOOP)").fetchone()
        if frames - copied < _COPY_AT:
            return False
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if frames >= _RESTART_AT:
            # Most was copied just now, so writers wait for the rest only; a busy state tries again at the next round.
            connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
    except dbapi.OperationalError:
        return False
    return True
