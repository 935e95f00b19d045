"""Moves the item to another stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, Move
from stageauto.engine.options import NameOption, option


@dataclass(frozen=True, slots=True)
class ChangeStage(Action):
    """Moves the item to another stage of its pipeline, forward or back.

    It is a move like any other: what is pending here is cancelled (but for rules with `on_leave: keep`), and the other
    stage's rules begin. Moving to the stage in which the item is does nothing. A pipeline whose stages chase each other
    in a circle is stopped by `limits.automatic_moves`.

    Example:
        id: give-up
        do: change_stage
        when: {delay: 14d}
        with: {to: lost}
    """

    kind: ClassVar[str] = "change_stage"
    group: ClassVar[str] = "item"

    to: str = option(NameOption("stage"), "The stage.")

    def plan(self, context: Context) -> Sequence[Effect]:
        return [Move(self.to)]
