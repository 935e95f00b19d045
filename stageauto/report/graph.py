"""A pipeline as a picture: text for a terminal, Mermaid (https://mermaid.js.org/syntax/flowchart.html) for a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stageauto.engine.model import Pipeline, Rule, Stage, Trigger
from stageauto.report.tables import safe
from stageauto.report.upkeep import counted
from stageauto.runner.facts import why_then

Counts = Mapping[str, int] | None
"""How many items each stage has; None where there is no state to ask."""
_KINDS = {"won": " [won]", "lost": " [lost]", "open": ""}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a rule takes an item, or makes another; `stage` None: the first one."""

    pipeline: str
    stage: str | None


def as_text(pipeline: Pipeline, counts: Counts = None) -> Iterator[str]:
    """Stages from first to last, with what moves items in and the rules that begin there, chains indented."""
    yield safe(f"{pipeline.name} ({pipeline.id}), {pipeline.entity}")
    for intake in pipeline.intake:
        yield safe(f"  + {intake.event}{asked(intake.where)} creates an item in {intake.stage}  [{intake.id}]")
    for stage in pipeline.stages:
        yield ""
        items = f"  ({counted(counts.get(stage.id, 0), 'item')})" if counts is not None else ""
        yield safe(f"{stage.index + 1}. {stage.id}{_KINDS[stage.kind]}  {stage.name}{items}")
        for trigger in stage.triggers:
            yield safe(f"     <- {said_of(trigger)}  [{trigger.id}]{'' if trigger.enabled else ' (disabled)'}")
        for depth, rule in chained(stage):
            yield safe(f"     {'   ' * depth}{'`- ' if depth else '*  '}{_rule(pipeline, rule)}")


def chained(stage: Stage) -> Iterator[tuple[int, Rule]]:
    """(depth, rule): a chained rule stands below the last of those it waits for."""
    order = {rule.id: rule.index for rule in stage.rules}
    below: dict[str | None, list[Rule]] = {}
    for rule in stage.rules:
        before = [name for name in rule.after if name in order]
        parent = max(before, key=order.__getitem__) if before else None
        below.setdefault(parent, []).append(rule)

    def walk(parent: str | None, depth: int) -> Iterator[tuple[int, Rule]]:
        for rule in below.get(parent, ()):
            yield depth, rule
            yield from walk(rule.id, depth + 1)

    return walk(None, 0)


def _rule(pipeline: Pipeline, rule: Rule) -> str:
    parts = [f"{rule.id}: {rule.do}, {why_then(rule)}"]
    if rule.condition is not None:
        parts.append(f"if {_condition(rule)}")
    parts += [f"-> {named(pipeline, one)}" for one in targets(pipeline, rule)]
    return "  ".join(parts) + ("" if rule.enabled else "  (disabled)")


def _condition(one: Rule | Trigger) -> str:
    return " ".join(str(getattr(one.condition, "source", "")).split())


def said_of(trigger: Trigger) -> str:
    """When the trigger moves an item in, in words."""
    said = [f"cron {trigger.cron}" if trigger.cron else trigger.event + asked(trigger.where)]
    if trigger.from_stages:
        said.append(f"from {', '.join(trigger.from_stages)}")
    if trigger.condition is not None and _condition(trigger):
        said.append(f"if {_condition(trigger)}")
    if trigger.allow_back:
        said.append("also back")
    return "  ".join(said)


def asked(where: Any) -> str:
    """`where` as words: ` (form=website, callback)`."""
    if not where:
        return ""
    return " (" + "; ".join(f"{key}={', '.join(map(str, values))}" for key, values in where.items()) + ")"


def targets(pipeline: Pipeline, rule: Rule) -> list[Target]:
    """Where the rule's action takes the item, or makes another."""
    action: Any = rule.action
    if rule.do == "change_stage":
        return [Target(pipeline.id, action.to)]
    if rule.do in ("create_item", "change_pipeline"):
        return [Target(action.pipeline, action.stage)]
    if rule.do == "convert":
        made = (action.deal, action.quote, action.invoice)
        return [Target(one.pipeline, one.stage) for one in made if one is not None]
    return []


def named(pipeline: Pipeline, target: Target) -> str:
    """The stage, with its pipeline where that is another one."""
    if target.pipeline == pipeline.id:
        return str(target.stage)
    return target.pipeline + (f"/{target.stage}" if target.stage else "")


def as_data(pipeline: Pipeline, counts: Counts = None) -> dict[str, Any]:
    """The picture as JSON: stages with what moves items in and what begins there."""
    stages = [
        {
            "id": stage.id, "name": stage.name, "kind": stage.kind,
            "items": None if counts is None else counts.get(stage.id, 0),
            "triggers": [
                {"id": one.id, "event": one.event, "from": list(one.from_stages), "allow_back": one.allow_back,
                 "enabled": one.enabled}
                for one in stage.triggers
            ],
            "rules": [
                {"id": one.id, "do": one.do, "when": why_then(one), "after": list(one.after), "enabled": one.enabled,
                 "leads_to": [named(pipeline, target) for target in targets(pipeline, one)]}
                for one in stage.rules
            ],
        }
        for stage in pipeline.stages
    ]  # fmt: skip
    intake = [{"id": one.id, "event": one.event, "stage": one.stage} for one in pipeline.intake]
    head = {"pipeline": pipeline.id, "name": pipeline.name, "entity": pipeline.entity}
    return {**head, "intake": intake, "stages": stages}


# -- Mermaid ----------------------------------------------------------------------------------------------------------


def as_mermaid(pipeline: Pipeline, counts: Counts = None) -> Iterator[str]:
    """A flowchart: stages, what moves items between them, and where rules lead."""
    yield "flowchart LR"
    node = {stage.id: f"s{stage.index}" for stage in pipeline.stages}
    for stage in pipeline.stages:
        shape = ("([", "])") if stage.closed else ("[", "]")
        rules = f"<br/>{len(stage.rules)} rule{'s' if len(stage.rules) > 1 else ''}" if stage.rules else ""
        items = f"<br/>{counted(counts.get(stage.id, 0), 'item')}" if counts is not None else ""
        yield f'    {node[stage.id]}{shape[0]}"{_quoted(stage.name)}{rules}{items}"{shape[1]}'
    for number, intake in enumerate(pipeline.intake):
        yield f'    i{number}(("{_quoted(intake.event)}")) --> {node[intake.stage]}'
    for stage in pipeline.stages:
        for trigger in stage.triggers:
            if trigger.enabled:
                yield from _edges(pipeline, stage, trigger, node)
    yield from _rule_edges(pipeline, node)


def _edges(pipeline: Pipeline, stage: Stage, trigger: Trigger, node: dict[str, str]) -> Iterator[str]:
    """From the stage before (it may come from any before that as well), or from those that are named."""
    label = _quoted(f"cron {trigger.cron}" if trigger.cron else trigger.event)
    before = [one.id for one in pipeline.stages[: stage.index] if not one.closed]
    for origin in trigger.from_stages or before[-1:]:
        yield f'    {node[origin]} -->|"{label}"| {node[stage.id]}'
    after = pipeline.stages[stage.index + 1 :]
    if trigger.allow_back and after:
        yield f'    {node[after[0].id]} -.->|"{label}"| {node[stage.id]}'


def _rule_edges(pipeline: Pipeline, node: dict[str, str]) -> Iterator[str]:
    outside: dict[str, str] = {}
    for stage in pipeline.stages:
        for rule in stage.rules:
            for target in targets(pipeline, rule) if rule.enabled else ():
                name = named(pipeline, target)
                if target.pipeline == pipeline.id and target.stage in node:
                    to = node[target.stage]
                elif name in outside:
                    to = outside[name]
                else:
                    to = outside[name] = f"x{len(outside)}"
                    yield f'    {to}[/"{_quoted(name)}"/]'
                yield f'    {node[stage.id]} -.->|"{_quoted(rule.id)}"| {to}'


def _quoted(text: str) -> str:
    """The text as Mermaid takes it between double quotes."""
    return "".join(f"#{ord(one)};" if one in '"#<>&|`\\' else one for one in safe(text))
