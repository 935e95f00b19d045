"""Writes a line into the item's history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, LogEntry
from stageauto.engine.options import TextOption, option

if TYPE_CHECKING:
    from stageauto.engine.templates import Text


@dataclass(frozen=True, slots=True)
class AddLogEntry(Action):
    """Writes a line into the item's history, between the moves and the mails of its timeline.

    Example:
        id: log-price
        do: add_log_entry
        with: {text: "Quoted at {{ item.amount | money }}."}
    """

    kind: ClassVar[str] = "add_log_entry"
    group: ClassVar[str] = "staff"

    text: Text = option(TextOption(), "The text.")

    def plan(self, context: Context) -> Sequence[Effect]:
        return [LogEntry(context.words(self.text))]
