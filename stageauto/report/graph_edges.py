"""What leads from where to where in a pipeline: what creates items, triggers, and rules that move them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stageauto.engine.model import Pipeline, Stage, Trigger
from stageauto.report.graph import asked, named, said_of, targets


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow. `origin` None: from outside; `target` None: to another pipeline, which `outside` names."""

    kind: str  # intake, trigger, back, rule
    origin: int | None
    target: int | None
    label: str
    title: str
    outside: str = ""


def edges(pipeline: Pipeline) -> list[Edge]:
    """All arrows, those of a stage together; disabled rules and triggers have none."""
    place = {stage.id: stage.index for stage in pipeline.stages}
    found = [
        Edge("intake", None, place[one.stage], one.event, f"{one.event}{asked(one.where)} creates an item [{one.id}]")
        for one in pipeline.intake
    ]
    for stage in pipeline.stages:
        for trigger in stage.triggers:
            if trigger.enabled:
                found += _of_trigger(pipeline, stage, trigger, place)
    return [*found, *_of_rules(pipeline, place)]


def _of_trigger(pipeline: Pipeline, stage: Stage, trigger: Trigger, place: dict[str, int]) -> Iterator[Edge]:
    """From the stage before (it may come from any before that as well), or from those that are named."""
    label = f"cron {trigger.cron}" if trigger.cron else trigger.event
    title = f"{said_of(trigger)} [{trigger.id}]"
    before = [one.index for one in pipeline.stages[: stage.index] if not one.closed]
    origins: list[int | None] = [place[one] for one in trigger.from_stages] or [*before[-1:]]
    for origin in origins or [None]:
        back = origin is not None and origin > stage.index
        yield Edge("back" if back else "trigger", origin, stage.index, label, title)
    after = pipeline.stages[stage.index + 1 :]
    if trigger.allow_back and after and not trigger.from_stages:
        yield Edge("back", after[0].index, stage.index, label, f"{title}, from a later stage")


def _of_rules(pipeline: Pipeline, place: dict[str, int]) -> Iterator[Edge]:
    for stage in pipeline.stages:
        for rule in stage.rules:
            for target in targets(pipeline, rule) if rule.enabled else ():
                name = named(pipeline, target)
                here = target.pipeline == pipeline.id and target.stage in place
                to = place[str(target.stage)] if here else None
                yield Edge("rule", stage.index, to, rule.title, f"{rule.id}: {rule.do} to {name}", "" if here else name)
