"""Rules of a stage, named by other rules."""

from __future__ import annotations

from collections.abc import Sequence

from stageauto.actions._values import failed
from stageauto.engine.action import Context
from stageauto.engine.effects import End


def unknown_rule(context: Context, stage: str, rules: Sequence[str]) -> End | None:
    """The End that says which rule the stage does not have; None where it has them all."""
    there = context.pipeline.stage_by_id[stage].rule_by_id
    missing = next((rule for rule in rules if rule not in there), None)
    return None if missing is None else failed(f"the stage {stage} has no rule {missing}")
