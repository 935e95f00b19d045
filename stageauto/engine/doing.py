"""A run that is being carried out: what its effects are applied to, and what they leave behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stageauto.engine.draft import Draft
from stageauto.engine.effects import End
from stageauto.engine.model import Rule
from stageauto.engine.state import Item, Run


class Doing:
    """A run that is being carried out."""

    __slots__ = ("afterwards", "author", "draft", "ended", "item", "notes", "now", "rule", "run", "waits")

    def __init__(self, draft: Draft, item: Item, run: Run, rule: Rule, now: int) -> None:
        self.draft = draft
        self.item = item
        self.run = run
        self.rule = rule
        self.now = now
        self.author = f"rule:{rule.id}"
        self.waits = False
        self.ended: End | None = None
        self.notes: dict[str, Any] = {}  # what the timeline says beside the outcome
        self.afterwards: list[Callable[[], None]] = []  # moves and deletion: the run is over first
