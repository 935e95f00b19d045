"""What a check of the lint sees, and what it gives back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stageauto.engine.model import Intake, Pipeline, Rule, Trigger, Workspace
from stageauto.loader.source import Path, Source

_OURS = "stageauto.actions."


@dataclass(frozen=True, slots=True)
class View:
    """A workspace without errors, the files it came of, and when it is looked at (`now`, ms UTC).

    `before` are the files of the active version; empty where there is none.
    """

    workspace: Workspace
    sources: Mapping[str, Source]
    now: int
    before: Mapping[str, str] = field(default_factory=dict)

    def pipelines(self) -> Iterator[Pipeline]:
        """All pipelines."""
        yield from self.workspace.pipelines.values()

    def raw(self, file: str, path: Path) -> Any:
        """What stands in the file at that path, None where there is nothing."""
        return self.sources[file].value(path)

    def key(self, file: str, path: Path, *names: str) -> Path:
        """The path of the first of these keys that is there, else the path itself."""
        raw = self.raw(file, path)
        found = next((name for name in names if isinstance(raw, Mapping) and name in raw), None)
        return path if found is None else (*path, found)


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: a code of `LINT_CODES`, the place, what is the matter, the way out."""

    code: str
    file: str
    path: Path
    message: str
    hint: str = ""
    on_key: bool = False


def stage_path(pipeline: Pipeline, stage: str) -> Path:
    """Where a stage stands in its file. Without errors nothing of a file was left out, so the numbers agree."""
    return "stages", pipeline.stage_by_id[stage].index


def rule_path(pipeline: Pipeline, rule: Rule) -> Path:
    """Where a rule stands in its file."""
    return *stage_path(pipeline, rule.stage), "rules", rule.index


def trigger_path(pipeline: Pipeline, trigger: Trigger) -> Path:
    """Where a trigger stands in its file."""
    return *stage_path(pipeline, trigger.stage), "triggers", trigger.index


def intake_path(pipeline: Pipeline, intake: Intake) -> Path:
    """Where an intake entry stands in its file."""
    return "intake", pipeline.intake.index(intake)


def rules_of(pipeline: Pipeline) -> Iterator[Rule]:
    """All rules of a pipeline, disabled ones too."""
    for stage in pipeline.stages:
        yield from stage.rules


def triggers_of(pipeline: Pipeline) -> Iterator[Trigger]:
    """The triggers of a pipeline that may take an event."""
    for triggers in pipeline.triggers_by_event.values():
        yield from (one for one in triggers if may_hold(one))


def may_hold(one: Rule | Trigger | Intake) -> bool:
    """False where the condition is the constant false."""
    return one.condition is None or one.condition.constant_value is not False


def always_holds(one: Rule | Trigger | Intake) -> bool:
    """True where there is no condition, or the constant true."""
    return one.condition is None or one.condition.constant_value is True


def is_foreign(rule: Rule) -> bool:
    """True for an action of another package: what it does to the item is not known here."""
    return not type(rule.action).__module__.startswith(_OURS)
