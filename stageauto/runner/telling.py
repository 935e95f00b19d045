"""What the daemon tells: what it hears, what it does, and what others write into the history."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stageauto.store.sqlite import SqliteStore

FOLLOWED = 2_000
"""Lines of the history that are read at once to be told."""

Listener = Callable[[str, dict[str, Any]], None]


class Telling:
    """Passes on to the listener, but never within a transaction: it may be slow, and others wait for the state."""

    def __init__(self, store: SqliteStore, listener: Listener) -> None:
        self._store = store
        self._listener = listener
        self._untold: list[tuple[str, dict[str, Any]]] = []
        self._heard: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()
        self.told = 0  # up to which line of the history

    def hear(self, kind: str, data: dict[str, Any]) -> None:
        """Keeps what another thread says until the next time that something is told."""
        self._heard.put((kind, data))

    def tell(self, kind: str, data: dict[str, Any]) -> None:
        """Tells it, now or when the transaction is over."""
        self._untold.append((kind, data))
        self.speak()

    def speak(self) -> None:
        """Tells what waits, where no transaction is open."""
        while not self._heard.empty():
            self._untold.append(self._heard.get())
        while self._untold and not self._store.connection.in_transaction:
            self._listener(*self._untold.pop(0))

    def forget(self) -> None:
        """Leaves untold what a transaction had to tell that was undone."""
        self._untold.clear()

    def follow(self) -> None:
        """Tells what came into the history since the last time, all of it: it may be long until the next time."""
        while True:
            with self._store.read() as state:
                entries = state.timeline(after_seq=self.told, limit=FOLLOWED)
            for entry in entries:  # outside the transaction, or it would wait for the next thing to tell
                self.told = entry.seq
                self.tell("entry", {"entry": entry})
            if len(entries) < FOLLOWED:
                return
