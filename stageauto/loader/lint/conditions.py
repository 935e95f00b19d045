"""Conditions that are constant."""

from __future__ import annotations

from collections.abc import Iterator

from stageauto.engine.model import Intake, Pipeline, Rule, Trigger
from stageauto.loader.lint.view import Finding, View, intake_path, rule_path, rules_of, trigger_path
from stageauto.loader.source import Path


def constant_conditions(view: View) -> Iterator[Finding]:
    """`constant-condition`: an `if` that reads nothing and so is always true or always false."""
    for pipeline in view.pipelines():
        for one, path in _asking(pipeline):
            value = one.condition.constant_value if one.condition is not None else None
            if value is None:
                continue
            what = "rule" if isinstance(one, Rule) else "trigger" if isinstance(one, Trigger) else "intake entry"
            if value:
                message, hint = f"this condition is always true: the {what} `{one.id}` needs none", "leave `if` out"
            else:
                message = f"this condition is always false: the {what} `{one.id}` never does anything"
                hint = "compare with a field such as item.amount"
                hint += "" if isinstance(one, Intake) else ", or write `enabled: false` to keep it without running it"
            yield Finding("constant-condition", pipeline.file, (*path, "if"), message, hint)


def _asking(pipeline: Pipeline) -> Iterator[tuple[Rule | Trigger | Intake, Path]]:
    yield from ((rule, rule_path(pipeline, rule)) for rule in rules_of(pipeline) if rule.enabled)
    for triggers in pipeline.triggers_by_event.values():
        yield from ((one, trigger_path(pipeline, one)) for one in triggers)
    yield from ((one, intake_path(pipeline, one)) for one in pipeline.intake)
