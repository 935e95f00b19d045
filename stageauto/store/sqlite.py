"""The state in one SQLite file: opening it safely, and its transactions.

A store belongs to the thread that opened it; other threads and processes open their own. Reading is one snapshot,
writing takes the write lock at once: a transaction that reads first and asks for the lock later fails under load.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, NoReturn, Self

from stageauto.errors import StateError
from stageauto.store import driver, migrations, place, schema
from stageauto.store.driver import dbapi
from stageauto.store.faults import BUSY, code_of, explained
from stageauto.store.mark import Height, Mark
from stageauto.store.sqlite_state import SqliteReader, SqliteState
from stageauto.store.turn import leave_turn, take_turn

if TYPE_CHECKING:
    import sqlite3

    from sqlite_utils import Database

    from stageauto.store.syncer import Syncer, Told


MEMORY = ":memory:"
_NAMELESS = ""
Sync = Literal["FULL", "NORMAL"]

_STATE_ID = "state_id"
RESTORED = "restored"
_BUSY_MS = 60_000
_CACHE_KIB = 16_384
_STATEMENTS = 512
_LOG_TRIES = 1000
# Far more than the owner's checkpointer lets it come to: only where nobody runs the state does a command do it.
_AUTOCHECKPOINT_PAGES = 16_384


class SqliteStore:
    """A state in a file, or in memory. Made by `SqliteStore.open`."""

    def __init__(self, connection: sqlite3.Connection, path: Path | None, *, read_only: bool) -> None:
        self.connection = connection
        self.path = path
        self.read_only = read_only
        self.mark = Mark(path) if path else None
        self._inode = path.stat().st_ino if path else 0
        self.state_id = ""  # given when the state was made
        self.syncer: Syncer | None = None  # set while one is at work
        self._behind = False

    # -- opening and closing ----------------------------------------------------------------------------------------

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        sync: Sync = "FULL",
        create: bool = True,
        read_only: bool = False,
        state_id: str = "",
    ) -> SqliteStore:
        """The state of that file, or a new one in memory for ":memory:".

        A new state gets `state_id`. StateError says what is wrong and what to do: no state there and not to be created,
        damaged, of a newer stageauto, an unsafe SQLite. A file that is there is never replaced.
        """
        driver.check(driver.version())
        if os.fspath(path) == MEMORY:
            return cls._in_memory(state_id)
        file = Path(path).absolute()
        place.prepare(file, create=create and not read_only)
        try:
            return cls._open_file(file, sync, state_id, read_only=read_only)
        except dbapi.DatabaseError as error:
            _explain(error, file)
        except PermissionError as error:
            raise place.closed(file) from error

    @classmethod
    def _in_memory(cls, state_id: str) -> SqliteStore:
        connection = _connect(MEMORY)
        migrations.create(connection)
        store = cls(connection, None, read_only=False)
        store._settle(state_id)
        return store

    @classmethod
    def _open_file(cls, file: Path, sync: Sync, state_id: str, *, read_only: bool) -> SqliteStore:
        if not read_only:
            place.close_own_folder(file.parent)
            place.close_to_others(file)
        connection = _connect(f"{file.as_uri()}?mode={'ro' if read_only else 'rw'}")
        try:
            _check_ours(connection, file)
            connection.execute(f"PRAGMA synchronous = {sync}")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_AUTOCHECKPOINT_PAGES}")
            if not read_only:
                _use_log(connection)
                if migrations.is_older(connection, str(file)):
                    _check_left(file)
                migrations.migrate(connection, str(file))
            elif not migrations.is_current(connection, str(file)):
                connection = _brought_up_to_date(connection, str(file))
            store = cls(connection, file, read_only=read_only)
            store._settle(state_id)
        except BaseException:
            connection.close()
            raise
        return store

    def close(self) -> None:
        """Closes the file; the last one to do so leaves it without a log beside it."""
        self.connection.close()
        if self.mark:
            self.mark.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # -- transactions --------------------------------------------------------------------------------------------------

    @contextmanager
    def transaction(
        self,
        told: Told | None = None,
        *,
        busy: Callable[[], bool] | None = None,
        urgent: Callable[[], bool] | None = None,
    ) -> Iterator[SqliteState]:
        """One write transaction: all of it is kept when the block ends, nothing when it raises.

        At the end of the block it is on the disk. With `told` that is waited for only where no `Syncer` is at work, or
        its owner says that it is not `busy` when the block ends: else `told` is called later, from another thread, and
        some milliseconds later still where its owner says that this is not `urgent`.
        Waits for other writers. StateError where the state is busy for a minute, damaged, or the disk is full.
        """
        connection = self.connection
        try:
            self._begin()
            self.check_in_place()
            state = SqliteState(connection)
            yield state
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, dbapi.DatabaseError):
                _explain(error, self.path)
            raise
        if self.syncer is not None:
            self.syncer.committed(
                *state.written(), told, busy=busy is None or busy(), urgent=urgent is None or urgent()
            )
            return
        if self.mark:
            self.mark.rise(*state.written())
        if told is not None:
            told(None)

    def check_disk(self) -> None:
        """Raises StateError where the disk refused what was committed: nothing more is to be written."""
        if self.syncer is not None:
            self.syncer.check()

    def synced(self) -> None:
        """Waits until all that was committed is on the disk. Raises StateError where the disk refused."""
        if self.syncer is not None:
            self.syncer.wait()

    def _begin(self) -> None:
        """Takes the write lock, in turn with the other writers."""
        self.check_disk()
        fd = self.mark.fd if self.mark else None
        if fd is None or not take_turn(fd):  # who has it for a minute is stopped or dead slow: SQLite decides
            self.connection.execute("BEGIN IMMEDIATE")
            return
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        finally:
            leave_turn(fd)

    @contextmanager
    def read(self) -> Iterator[SqliteReader]:
        """One snapshot: everything read in the block is of one moment, whatever others write meanwhile."""
        connection = self.connection
        try:
            connection.execute("BEGIN")
            yield SqliteReader(connection)
        except dbapi.DatabaseError as error:
            _explain(error, self.path)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def check_in_place(self) -> None:
        """Raises StateError where the file was moved away or deleted meanwhile: what is written to it would be lost."""
        if self.path is None:
            return
        try:
            same = os.stat(self.path).st_ino == self._inode  # noqa: PTH116  # on every transaction: a third of the time
        except FileNotFoundError:
            same = False
        if not same:
            raise StateError(f"{self.path} was replaced or removed while it was open", "start again")

    # -- what the state is --------------------------------------------------------------------------------------------

    @property
    def restored(self) -> bool:
        """True while nothing may be sent: the file was restored or copied, and nobody said `resume` yet."""
        with self.read() as state:
            return self._behind or state.meta_get(RESTORED) is not None

    def resume_sending(self) -> None:
        """Somebody looked at the restored state: it may send again."""
        with self.transaction() as state:
            state.meta_set(RESTORED, None)

    def data_version(self) -> int:
        """A number that changes when another process or thread committed something; what this one commits does not."""
        return int(self.connection.execute("PRAGMA data_version").fetchone()[0])

    def backup(self, target: str | os.PathLike[str], at: int) -> int:
        """The bytes of the new file `target`, a whole copy as of now; `at`: now, ms UTC. Nothing is overwritten."""
        from stageauto.store.backup import backup

        return backup(self, target, at)

    def copy_to_memory(self) -> SqliteStore:
        """A copy that touches no file, for dry runs."""
        copy = SqliteStore.open(MEMORY)
        self.connection.backup(copy.connection)
        copy.state_id = self.state_id
        return copy

    def database(self) -> Database:
        """The same connection for odd queries, as sqlite-utils sees it."""
        from sqlite_utils import Database

        return Database(self.connection)

    # -- the mark ------------------------------------------------------------------------------------------------------

    def _settle(self, state_id: str) -> None:
        """Gives a new state its id, and compares the file with its mark."""
        mark = self.mark.read() if self.mark else None
        with self.read() as reader:
            height, known = reader.height(), reader.meta_get(_STATE_ID)
        self._behind = self.mark is not None and _is_behind(height, mark, self._inode)
        if not self.read_only and (known is None or self._behind):
            with self.transaction() as state:
                known = state.meta_get(_STATE_ID)
                if known is None:
                    state.meta_set(_STATE_ID, state_id)
                if self._behind and state.meta_get(RESTORED) is None:
                    state.meta_set(RESTORED, "the file is not the one that its mark speaks of, or behind it")
                height = state.height()
        self.state_id = known if known is not None else state_id
        if self.mark and not self.read_only:
            self.mark.adopt(self._inode, height if mark is None or self._behind else None)
            self._behind = False  # the note in the state says it from now on


def _is_behind(height: Height, mark: tuple[int, Height] | None, inode: int) -> bool:
    if mark is None:
        return height != Height()  # it has a history, but came without its mark
    return mark[0] != inode or height.entries < mark[1].entries or height.journal < mark[1].journal


def _connect(name: str) -> sqlite3.Connection:
    return dbapi.connect(name, uri=True, isolation_level=None, timeout=_BUSY_MS / 1000, cached_statements=_STATEMENTS)


def _check_left(file: Path) -> None:
    """StateError where somebody runs the older state: one of today would have brought it up to date by itself.

    An older daemon could not read what it finds after that, and would write what nobody reads.
    """
    from stageauto.store.lock import OwnerLock

    owner = OwnerLock(file).owner()
    if owner is not None:
        raise StateError(
            f"an older stageauto runs {file}" + (f" ({owner})" if owner.pid else ""),
            "stop it first; the state is brought up to date when it is opened next",
        )


def _brought_up_to_date(older: sqlite3.Connection, where: str) -> sqlite3.Connection:
    """A copy with today's tables, for who may not write into the file itself.

    It lies in memory as far as it fits into the cache, else in a nameless file that SQLite removes.
    """
    copy = _connect(_NAMELESS)
    try:
        with closing(older):
            older.backup(copy)
        migrations.migrate(copy, where)
        copy.execute("PRAGMA query_only = ON")
    except BaseException:
        copy.close()
        raise
    return copy


def _use_log(connection: sqlite3.Connection) -> None:
    """Switches a new file to the write-ahead log. Who else opens it just then is not waited for by SQLite itself."""
    for _ in range(_LOG_TRIES):
        try:
            if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                return
        except dbapi.OperationalError as error:
            if code_of(error) not in BUSY:
                raise
        threading.Event().wait(0.01)
    raise StateError("another process holds the new state", "try again")


def _check_ours(connection: sqlite3.Connection, file: Path) -> None:
    number = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if number != schema.APPLICATION_ID and tables:
        raise StateError(f"{file} is a database, but not a state of stageauto", "name another file under `state:`")


def _explain(error: BaseException, path: Path | None) -> NoReturn:
    said = explained(error, str(path or "the state in memory"), lambda: place.rescue(path) if path else "")
    if said is None:
        raise error
    raise said from error
