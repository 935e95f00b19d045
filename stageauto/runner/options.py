"""How to run the daemon, and what it counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. `for_ms`: end after that long; `until_idle`: end when nothing is due; spans in ms."""

    until_idle: bool = False
    for_ms: int | None = None
    grace: int = 10_000
    catch_up: bool = False
    follow: bool = False  # tell every line of history, whoever wrote it


@dataclass(slots=True)
class Counts:
    """What the daemon did so far, for its status line."""

    decided: int = 0
    sent: int = 0
    failed: int = 0
    events: int = 0

    def back_to(self, before: Counts) -> None:
        """Counts as many as these again."""
        self.decided, self.sent, self.failed, self.events = before.decided, before.sent, before.failed, before.events
