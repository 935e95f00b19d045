"""Completes the tasks that rules made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from stageauto.engine.action import Action, Context
from stageauto.engine.effects import CompleteTasks as CompleteTasksEffect
from stageauto.engine.effects import Effect
from stageauto.engine.options import NameOption, option


@dataclass(frozen=True, slots=True)
class CompleteTasks(Action):
    """Completes all open tasks that this item's rules made, or only those made in one stage.

    Tasks that nobody's rule made are left alone. Each makes the event `task.completed`. Where none is open it is `done`
    all the same.

    Example:
        id: tidy-up
        do: complete_tasks
        with: {stage: new}
    """

    kind: ClassVar[str] = "complete_tasks"
    group: ClassVar[str] = "staff"

    stage: str | None = option(NameOption("stage"), "Only the tasks made in this stage.", None)

    def plan(self, context: Context) -> Sequence[Effect]:
        return [CompleteTasksEffect(self.stage)]
