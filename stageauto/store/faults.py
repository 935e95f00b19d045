"""What SQLite says, in words that name the place and the way out."""

from __future__ import annotations

from collections.abc import Callable

from stageauto.errors import DiskFullError, StateError
from stageauto.store.driver import dbapi

_READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 8, 10, 11, 13, 14, 26
CANNOT_WRITE = frozenset({_IOERR, _FULL})
BUSY = frozenset({5, 6})  # SQLITE_BUSY, SQLITE_LOCKED


def code_of(error: BaseException) -> int:
    """SQLite's primary result code, 0 where the error carries none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def explained(error: BaseException, where: str, rescue: Callable[[], str]) -> StateError | None:
    """The error as a StateError, or None where it is not about the file but a defect of ours.

    `rescue` gives the sentence that says where a backup is; it is asked only when one is needed.
    """
    if not isinstance(error, dbapi.DatabaseError):
        return None
    code = code_of(error)
    if code in {_CORRUPT, _NOTADB}:
        return StateError(f"{where} is damaged or no state: {error}", rescue())
    if code in BUSY:
        return StateError(f"{where} is busy: another process holds a transaction", "try again; `stageauto doctor`")
    if code == _FULL:
        return DiskFullError(f"{where} cannot grow: the disk is full", "make room; nothing was changed")
    if code == _IOERR:
        return StateError(f"{where}: reading or writing failed: {error}", "look at the disk; nothing was changed")
    if code in {_READONLY, _CANTOPEN}:
        return StateError(f"{where} cannot be opened: {error}", "you must be able to read and write it and its folder")
    return None
