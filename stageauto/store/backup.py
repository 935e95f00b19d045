"""Copies of a state: to a file and back from one. Always through SQLite: a live file is never copied."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stageauto.errors import StateError
from stageauto.store import migrations, place, schema
from stageauto.store.driver import dbapi
from stageauto.store.faults import CANNOT_WRITE, code_of, explained
from stageauto.store.lock import OwnerLock
from stageauto.store.sqlite import RESTORED, SqliteStore

if TYPE_CHECKING:
    import sqlite3

_BESIDE = ("-wal", "-shm")


def backup(store: SqliteStore, target: str | os.PathLike[str], at: int) -> int:
    """The bytes of the new file `target`, a whole copy of the state as it is now; `at`: now, ms UTC.

    Readable by its owner only. StateError where something is there already: nothing is overwritten.
    """
    file = Path(target).absolute()
    try:
        place.make_file(file)
    except FileExistsError:
        raise StateError(f"{file} is there already", "name a file that is not") from None
    except OSError as error:
        raise StateError(f"{file} cannot be made: {error.strerror}") from error
    try:
        with _words(store.path or file, file):
            store.connection.execute("VACUUM INTO ?", (str(file),))
        _to_disk(file)
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    if store.mark:
        store.mark.note(backup=str(file), backup_at=at)
    return file.stat().st_size


def restore(source: str | os.PathLike[str], target: str | os.PathLike[str], since: int) -> Path | None:
    """Puts the backup in the place of the state; gives where the replaced file is now, or None where there was none.

    The restored state sends nothing until somebody says `resume`. `since`: now, ms UTC, for whoever asks who has the
    lock meanwhile. StateError where the backup is damaged or an owner runs; then nothing was changed.
    """
    origin, file = Path(source).absolute(), Path(target).absolute()
    if not origin.is_file():
        raise StateError(f"there is no backup at {origin}")
    place.check_no_folder(file)
    place.make_room(file)
    lock = OwnerLock(file)
    lock.acquire(since)
    fresh = file.with_name(f"{file.name}.restoring")
    try:
        _remove(fresh)
        place.make_file(fresh)
        _copy_checked(origin, fresh)
        with _writers_wait(file):
            kept = _set_aside(file)
            fresh.rename(file)
            _to_disk(file.parent)
    finally:
        _remove(fresh)
        lock.release()
    # Brings its tables up to date, and makes the mark speak of the new file; that it was restored is noted in it.
    SqliteStore.open(file, create=False).close()
    return kept


@contextmanager
def _words(source: Path, target: Path) -> Iterator[None]:
    """What goes wrong is the source's only where it is damaged: the disk that is full is the target's."""
    try:
        yield
    except dbapi.DatabaseError as error:
        where = target if code_of(error) in CANNOT_WRITE else source
        raise explained(error, str(where), lambda: "it cannot be used") or error from error


def _copy_checked(origin: Path, fresh: Path) -> None:
    with _words(origin, fresh):
        with closing(dbapi.connect(f"{origin.as_uri()}?mode=ro", uri=True, isolation_level=None)) as old:
            _check(old, origin)
            old.execute("VACUUM INTO ?", (str(fresh),))
        with closing(dbapi.connect(f"{fresh.as_uri()}?mode=rw", uri=True, isolation_level=None)) as new:
            new.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (RESTORED, f"restored from {origin}"))
    _to_disk(fresh)


def _check(connection: sqlite3.Connection, origin: Path) -> None:
    wrong = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if wrong != "ok":
        raise StateError(f"{origin} is damaged: {wrong}", "nothing was changed; take another backup")
    if connection.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION_ID:
        raise StateError(f"{origin} is not a state of stageauto", "nothing was changed")
    migrations.check_not_newer(connection, str(origin))


@contextmanager
def _writers_wait(file: Path) -> Iterator[None]:
    """Holds up commands that write, which then see that their file was moved; a damaged state has none."""
    if not file.exists():
        yield
        return
    with closing(dbapi.connect(f"{file.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=10.0)) as old:
        try:
            old.execute("BEGIN IMMEDIATE")
        except dbapi.OperationalError as error:
            raise StateError(f"{file} is busy: another process writes to it", "nothing was changed") from error
        except dbapi.DatabaseError:
            old.close()  # damaged: that is why it is restored
        yield


def _set_aside(file: Path) -> Path | None:
    """Moves the state, and the log that may be beside it, out of the way."""
    if not file.exists():
        return None
    kept, number = file.with_name(f"{file.name}.before-restore"), 1
    while kept.exists():
        number += 1
        kept = file.with_name(f"{file.name}.before-restore-{number}")
    for ending in _BESIDE:
        beside = Path(f"{file}{ending}")
        if beside.exists():
            beside.rename(f"{kept}{ending}")
    file.rename(kept)
    return kept


def _remove(fresh: Path) -> None:
    for ending in ("", *_BESIDE, "-journal"):
        Path(f"{fresh}{ending}").unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
