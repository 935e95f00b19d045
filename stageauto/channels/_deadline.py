"""The wall-clock limit of one call: a socket's own time-out starts again with every byte, this one does not."""

from __future__ import annotations

import contextlib
import os
import socket
from threading import Lock, Timer
from types import TracebackType
from typing import Self


class Deadline:
    """Cuts the connections it watches when the seconds are over; a blocked read or write then ends at once.

    It holds a duplicate of the descriptor, so that a socket that was wrapped into TLS meanwhile is cut as well.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.over = False
        self._watched: list[socket.socket] = []
        self._lock = Lock()
        self._timer = Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for one in self._watched:
                one.close()
            self._watched.clear()

    def watch(self, connection: socket.socket) -> None:
        """Cut this connection too when the time is over (at once when it is over already)."""
        twin = socket.socket(connection.family, connection.type, connection.proto, os.dup(connection.fileno()))
        with self._lock:
            self._watched.append(twin)
            if self.over:
                _shut(twin)

    def _cut(self) -> None:
        with self._lock:
            self.over = True
            for one in self._watched:
                _shut(one)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other side may have closed it already
        connection.shutdown(socket.SHUT_RDWR)
