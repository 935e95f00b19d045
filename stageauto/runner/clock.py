"""The only reader of the clock and the only maker of ids and chance."""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Where time, ids and chance come from."""

    def now(self) -> int:
        """Milliseconds UTC."""

    def new_id(self) -> str:
        """An id that nothing else has."""

    def draw(self, alphabet: str, length: int) -> str:
        """Letters of the alphabet by chance, for codes."""

    def jitter(self, span: int) -> int:
        """Milliseconds to add to a pause so that retries do not come together; 0 to a tenth of the span."""


class SystemClock:
    """The machine's clock and its cryptographic source of chance."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def new_id(self) -> str:
        return secrets.token_hex(16)

    def draw(self, alphabet: str, length: int) -> str:
        return "".join(secrets.choice(alphabet) for _ in range(length))

    def jitter(self, span: int) -> int:
        return random.randrange(span // 10 + 1)  # spreads load, protects nothing


@dataclass(slots=True)
class VirtualClock:
    """A clock that stands until it is set, with ids and chance that are the same every time."""

    at: int
    seed: str = "scenario"
    made: int = field(default=0)

    def now(self) -> int:
        return self.at

    def new_id(self) -> str:
        self.made += 1
        return f"ev-{self.made}"

    def draw(self, alphabet: str, length: int) -> str:
        self.made += 1
        digest = sha256(f"{self.seed}/{self.made}".encode()).digest()
        number = int.from_bytes(digest, "big")
        letters = []
        for _ in range(length):
            number, index = divmod(number, len(alphabet))
            letters.append(alphabet[index])
            if number == 0:
                number = int.from_bytes(sha256(digest + bytes([len(letters) % 256])).digest(), "big")
        return "".join(letters)

    def jitter(self, span: int) -> int:
        return 0


class Chance:
    """Chance that is the same again with the same seed, for made-up items."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def happens(self, share: float) -> bool:
        """True in that share (0 to 1) of all cases."""
        return self._random.random() < share

    def between(self, first: int, last: int) -> int:
        """A whole number from `first` to `last`, each as likely."""
        return self._random.randint(first, max(first, last))

    def one_of(self, many: Sequence[T]) -> T:
        """One of these, each as likely."""
        return self._random.choice(many)


def monotonic_ms() -> int:
    """Monotonic milliseconds, for rates and for noticing a turned wall clock."""
    return time.monotonic_ns() // 1_000_000


def up_ms() -> int:
    """Milliseconds since the machine was started, the time that it slept included: what a turned clock is told by."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1_000_000


def wait(event: threading.Event, milliseconds: int | None) -> bool:
    """Waits for the event, not longer than that; True when it came."""
    return event.wait(None if milliseconds is None else milliseconds / 1000)
