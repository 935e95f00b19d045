"""Whose turn it is to write: a queue of one before SQLite's write lock.

SQLite lets those who wait sleep ever longer, up to a tenth of a second, while a busy writer takes its lock again within
microseconds: one process could keep the others out for seconds. Whoever stands in the turn is next, for the busy
writer has to pass it too. It is a lock of the kernel: the one of a killed process is gone with it.
"""

from __future__ import annotations

import fcntl
import threading

_PAUSE = 0.0003  # seconds
_TRIES = 150_000


def take_turn(fd: int) -> bool:
    """True when the turn is ours, False where somebody had it for a minute. `fd`: the open file that all lock."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            threading.Event().wait(_PAUSE)
        else:
            return True
    return False


def leave_turn(fd: int) -> None:
    """The next one may step up."""
    fcntl.flock(fd, fcntl.LOCK_UN)
