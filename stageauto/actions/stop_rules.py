"""Cancels what is pending of rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect
from stageauto.engine.effects import StopRules as StopRulesEffect
from stageauto.engine.options import ListOption, NameOption, option


@dataclass(frozen=True, slots=True)
class StopRules(Action):
    """Cancels what is pending for this item: of the rules under `rules`, of a `stage`, or, with neither, everything.

    This rule itself is not cancelled, nor what was sent already. Where nothing is pending it is `done` all the same.

    Example:
        id: no-more-reminders
        do: stop_rules
        with: {rules: [call-back]}
    """

    kind: ClassVar[str] = "stop_rules"
    group: ClassVar[str] = "flow"

    stage: str | None = option(NameOption("stage"), "Only the rules of this stage.", None)
    rules: tuple[str, ...] = option(ListOption(NameOption("rule"), or_one=True), "Only these rules.", ())

    def plan(self, context: Context) -> Sequence[Effect]:
        return [StopRulesEffect(self.stage, self.rules)]
