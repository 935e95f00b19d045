"""Moves the item to another pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, Move
from stageauto.engine.options import NameOption, option


@dataclass(frozen=True, slots=True)
class ChangePipeline(Action):
    """Moves the item to a stage of another pipeline: it leaves the one and enters the other.

    Without `stage` it enters the first. The fields that the other pipeline knows too keep their values.

    Example:
        id: hand-over
        do: change_pipeline
        with: {pipeline: orders, stage: received}
    """

    kind: ClassVar[str] = "change_pipeline"
    group: ClassVar[str] = "item"

    pipeline: str = option(NameOption("pipeline"), "The pipeline.")
    stage: str | None = option(NameOption("stage", pipeline_from="pipeline"), "Its stage; default: the first.", None)

    def plan(self, context: Context) -> Sequence[Effect]:
        stage = self.stage or context.workspace.pipelines[self.pipeline].stages[0].id
        return [Move(stage, self.pipeline)]
