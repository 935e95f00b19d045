"""One owner of the timers and the outbox: a lock of the kernel, which is gone the moment its process is.

Nothing is ever taken over by age: a slow owner is an owner, a dead one holds nothing.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
import threading
from dataclasses import asdict
from pathlib import Path

from stageauto.errors import StateError
from stageauto.store import place
from stageauto.store.records import Owner

_TRIES = 10  # somebody who only looks holds the lock for some microseconds
_PAUSE = 0.01


class OwnerLock:
    """The lock of one state: `path` is the state's file, the lock is beside it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(f"{os.fspath(path)}.lock")
        self._fd: int | None = None

    def acquire(self, since: int) -> None:
        """Takes the lock until `release` or the process ends; StateError naming who has it. `since`: now, ms UTC."""
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except PermissionError as error:
            raise place.closed(self.path) from error
        try:
            os.fchmod(fd, 0o600)
            _take(fd)
            mine = Owner(os.getpid(), socket.gethostname(), _user(), since)
            os.ftruncate(fd, 0)
            os.pwrite(fd, json.dumps(asdict(mine)).encode() + b"\n", 0)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def release(self) -> None:
        """Gives the lock back; nothing where it is not held."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None

    @property
    def held(self) -> bool:
        """True while this object has the lock."""
        return self._fd is not None

    def owner(self) -> Owner | None:
        """Who has the lock, or None; does not take it. StateError where only somebody else may look."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise place.closed(self.path) from error
        try:
            return None if _try(fd, fcntl.LOCK_SH) else _read(fd)
        finally:
            os.close(fd)


def _take(fd: int) -> None:
    for _ in range(_TRIES):
        if _try(fd, fcntl.LOCK_EX):
            return
        threading.Event().wait(_PAUSE)
    owner = _read(fd)
    who = str(owner) if owner.pid else "another process"
    raise StateError(f"{who} runs this state already", "stop it first; `stageauto doctor` tells more")


def _try(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(fd: int) -> Owner:
    try:
        return Owner(**json.loads(os.pread(fd, 4096, 0)))
    except (ValueError, TypeError):  # between taking the lock and writing who took it
        return Owner(0, "", "", 0)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in some containers
        return str(os.getuid())
