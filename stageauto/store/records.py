"""What the state keeps for the runner and the commands, beside what the engine knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


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
class ApiToken:
    """A user's key to the HTTP interface, by its SHA-256; `id` is what people call it. `made_at` is ms UTC."""

    hash: str
    id: str
    user: str
    made_at: int
    author: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds the timers and the outbox of a state. `since` is ms UTC."""

    pid: int
    host: str
    user: str
    since: int

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} on {self.host}"


class Placed(NamedTuple):
    """Where an item stands; instants in ms UTC."""

    number: int  # of creation
    pipeline: str
    stage: str
    responsible: str | None
    deleted: int
    created_at: int
    entered_at: int


class Moved(NamedTuple):
    """An entry of a stage; the line that an item was created has no stage, unless it was imported there."""

    number: int
    at: int
    kind: str  # created, entered
    pipeline: str | None  # where it is another one than before
    stage: str | None
    since: int | None  # of what was imported: when it had come there, ms UTC


class Ended(NamedTuple):
    """How many runs of a rule ended so."""

    pipeline: str  # of the item as it stands now
    stage: str
    rule: str
    outcome: str
    runs: int
