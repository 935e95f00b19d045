"""Deletes the item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from stageauto.engine.action import Action, Context
from stageauto.engine.effects import DeleteItem as DeleteItemEffect
from stageauto.engine.effects import Effect


@dataclass(frozen=True, slots=True)
class DeleteItem(Action):
    """Deletes the item. Everything it has pending is cancelled; its timeline is kept.

    Example:
        id: forget
        do: delete_item
        when: {delay: 6mo}
    """

    kind: ClassVar[str] = "delete_item"
    group: ClassVar[str] = "item"

    def plan(self, context: Context) -> Sequence[Effect]:
        return [DeleteItemEffect()]
