"""A run that is being carried out: what its effects are applied to, and what they leave behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stageauto.engine.draft import Draft
from stageauto.engine.effects import End
from stageauto.engine.model import Rule
from stageauto.engine.state import Item, Run


@dataclass(slots=True)
class Doing:
    """A run that is being carried out."""

    draft: Draft
    item: Item
    run: Run
    rule: Rule
    now: int
    waits: bool = False
    ended: End | None = None
    author: str = ""
    notes: dict[str, Any] = field(default_factory=dict)  # what the timeline says beside the outcome
    afterwards: list[Callable[[], None]] = field(default_factory=list)  # moves and deletion: the run is over first

    def __post_init__(self) -> None:
        self.author = f"rule:{self.rule.id}"
