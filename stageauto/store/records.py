"""What the state keeps for the runner and the commands, beside what the engine knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Version:
    """One loaded configuration. `files` maps a path relative to the workspace to its text; `loaded_at` is ms UTC."""

    n: int
    loaded_at: int
    author: str
    files: Mapping[str, str]
    note: str = ""
    active: bool = False


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, or tried to. `at` is ms UTC."""

    seq: int
    at: int
    author: str
    action: str
    target: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds the timers and the outbox of a state. `since` is ms UTC."""

    pid: int
    host: str
    user: str
    since: int

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} on {self.host}"
