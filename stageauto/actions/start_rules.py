"""Sets rules of a stage going again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from stageauto.actions._rules import unknown_rule
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect
from stageauto.engine.effects import StartRules as StartRulesEffect
from stageauto.engine.options import ListOption, NameOption, option


@dataclass(frozen=True, slots=True)
class StartRules(Action):
    """Sets rules going again for this item, as if it had just entered: all of a stage, or only those under `rules`.

    Without `stage` it is the stage of this rule. The item is not moved.

    `failed`: the stage has no such rule (`bad_value`).

    Example:
        id: again
        do: start_rules
        when: {delay: 7d}
        with: {stage: new, rules: [call-back]}
    """

    kind: ClassVar[str] = "start_rules"
    group: ClassVar[str] = "flow"

    stage: str | None = option(NameOption("stage"), "The stage; default: this rule's.", None)
    rules: tuple[str, ...] = option(ListOption(NameOption("rule"), or_one=True), "Only these rules.", ())

    def plan(self, context: Context) -> Sequence[Effect]:
        stage = self.stage or context.rule.stage
        return [unknown_rule(context, stage, self.rules) or StartRulesEffect(stage, self.rules)]
