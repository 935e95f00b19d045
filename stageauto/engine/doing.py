"""A run that is being carried out: what its effects are applied to, and what they leave behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stageauto.engine.action import Context
from stageauto.engine.draft import Draft
from stageauto.engine.model import Rule
from stageauto.engine.scope import Scope
from stageauto.engine.state import Item, Run


class Doing(Context):
    """A run that is being carried out: what its action planned in, and what its effects leave behind."""

    __slots__ = ("afterwards", "author", "draft", "notes", "waits")

    def __init__(self, draft: Draft, item: Item, run: Run, rule: Rule, scope: Scope, now: int) -> None:
        super().__init__(draft, item, run, rule, scope, now)
        self.draft = draft
        self.author = f"rule:{rule.id}"
        self.waits = False
        self.notes: dict[str, Any] = {}  # what the timeline says beside the outcome
        self.afterwards: list[Callable[[], None]] = []  # moves and deletion: the run is over first
