"""Circles of stage changes that run by themselves: nothing from outside and no timer stands between them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from stageauto.engine.model import Pipeline, Rule, Stage, Trigger, Workspace
from stageauto.loader.lint.movers import GONE, Node, may_go, target_of
from stageauto.loader.lint.view import Finding, View, always_holds, may_hold, rule_path, trigger_path
from stageauto.loader.source import Path

# What these read may be another thing at the next stage; a condition over anything else has the same answer there.
_CHANGES: Final = frozenset({"event", "results", "stage", "pipeline", "document"})
_CHANGING_FIELDS: Final = frozenset({"stage", "stage_entered_at", "pipeline", "links"})
_WAITS: Final = frozenset({"wait", "control"})
_COMPARED: Final = re.compile(r"(?P<left>[\w. |\[\]'-]+?) *(?P<how>==|!=|<=|>=|<|>) *(?P<right>[\w. '\"-]+)")
_CONSTANT: Final = re.compile(r"-?\d+(\.\d+)?|'[^'\"]*'|\"[^'\"]*\"|true|false")
_NEVER_BOTH: Final = frozenset(
    map(frozenset, (("<", ">="), ("<", ">"), ("<", "=="), ("<=", ">"), (">", "=="), ("==", "!=")))
)
_JOINED: Final = re.compile(r"\b(and|or|not|if|in|is)\b")


@dataclass(frozen=True, slots=True)
class Step:
    """One way from a stage to another.

    `condition` is its text, "" for none; `steady` False: its answer may differ in the next round.
    """

    source: Node
    target: Node
    name: str
    file: str
    path: Path
    condition: str
    steady: bool


def circles(view: View) -> Iterator[Finding]:
    """`circle` where it surely goes round, `circle-maybe` where several conditions have to hold for it."""
    steps = [step for pipeline in view.pipelines() for step in _steps(view.workspace, pipeline)]
    if not steps:
        return
    told: set[frozenset[Node]] = set()
    steady = [step for step in steps if step.steady]
    for condition in dict.fromkeys(["", *(step.condition for step in steady)]):
        for circle in _circles(step for step in steady if step.condition in {"", condition}):
            nodes = frozenset(step.source for step in circle)
            if nodes not in told:
                told.add(nodes)
                yield _sure(circle, condition)
    for circle in _circles(steps):
        nodes = frozenset(step.source for step in circle)
        if nodes not in told and not _excluded(circle):
            told.add(nodes)
            yield _maybe(circle)


def _sure(circle: list[Step], condition: str) -> Finding:
    when = f" as soon as `{condition}` holds" if condition else ""
    message = f"items go round in a circle{when}, until the loop guard stops them: {_in_words(circle)}"
    return Finding(
        "circle", circle[0].file, circle[0].path, message, "take one step out, or give it a condition or time"
    )


def _maybe(circle: list[Step]) -> Finding:
    message = f"if their conditions can hold together, items go round in a circle: {_in_words(circle)}"
    hint = "see that they exclude each other"
    return Finding("circle-maybe", circle[0].file, circle[0].path, message, hint)


def _in_words(circle: list[Step]) -> str:
    one = len({step.source[0] for step in circle}) == 1
    words = [f"{_place(step.source, one=one)} -> {_place(step.target, one=one)} (`{step.name}`)" for step in circle]
    return ", ".join(words)


def _place(node: Node, *, one: bool) -> str:
    return f"`{node[1]}`" if one else f"`{node[0]}/{node[1]}`"


def _excluded(circle: list[Step]) -> bool:
    """Whether two of the conditions cannot hold together, as far as their texts show."""
    texts = {step.condition for step in circle if step.condition}
    if any(f"not {one}" in texts or f"not ({one})" in texts for one in texts):
        return True
    plain = [step.condition for step in circle if step.steady and not _JOINED.search(step.condition)]
    asked = [found for text in plain if (found := _COMPARED.fullmatch(text))]
    return any(_contradict(one, other) for one, other in combinations(asked, 2))


def _contradict(one: re.Match[str], other: re.Match[str]) -> bool:
    """Whether two comparisons of the same value leave nothing: `x < 3` and `x >= 3`, `x == 'a'` and `x == 'b'`."""
    if one["left"] != other["left"]:
        return False
    if one["right"] == other["right"]:
        return frozenset([one["how"], other["how"]]) in _NEVER_BOTH
    constant = _CONSTANT.fullmatch(one["right"]) and _CONSTANT.fullmatch(other["right"])
    return bool(constant) and one["how"] == other["how"] == "=="


# -- the steps --------------------------------------------------------------------------------------------------------


def _steps(workspace: Workspace, pipeline: Pipeline) -> Iterator[Step]:
    entered = [one for one in pipeline.triggers_by_event.get("stage.entered", ()) if may_hold(one)]
    for stage in pipeline.stages:
        taken = False
        for trigger in _in_order(pipeline, stage, entered):
            step = _by_trigger(pipeline, stage, trigger)
            yield step
            if not step.condition and step.steady:
                taken = True  # it comes before the rules, and before all other triggers
                break
        if not taken:
            yield from _by_rules(workspace, pipeline, stage)


def _in_order(pipeline: Pipeline, stage: Stage, triggers: Iterable[Trigger]) -> list[Trigger]:
    """The triggers that take `stage.entered` of this stage, in the order they are asked in."""
    able = [
        one
        for one in triggers
        if may_go(pipeline, stage.id, one.stage, allow_back=one.allow_back)
        and stage.id in one.where.get("stage", (stage.id,))
        and pipeline.id in one.where.get("pipeline", (pipeline.id,))
    ]
    return sorted(able, key=lambda one: _rank(pipeline, stage, one))


def _rank(pipeline: Pipeline, stage: Stage, trigger: Trigger) -> tuple[bool, int, int]:
    index = pipeline.stage_by_id[trigger.stage].index
    return index < stage.index, abs(index - stage.index), trigger.index


def _by_trigger(pipeline: Pipeline, stage: Stage, trigger: Trigger) -> Step:
    path = (*trigger_path(pipeline, trigger), "id")
    plain = set(trigger.where) <= {"stage", "pipeline"}
    return Step(
        (pipeline.id, stage.id), (pipeline.id, trigger.stage), trigger.id, pipeline.file, path,
        _text(trigger), plain and _is_steady(trigger) and not trigger.set,
    )  # fmt: skip


def _by_rules(workspace: Workspace, pipeline: Pipeline, stage: Stage) -> Iterator[Step]:
    for rule in stage.rules:
        target = target_of(rule, workspace)
        if target is None or not rule.enabled or rule.once_item or not may_hold(rule) or not _at_once(stage, rule):
            continue
        sure = not rule.after and always_holds(rule)
        if target != GONE:
            path = (*rule_path(pipeline, rule), "id")
            steady = _is_steady(rule) and not _is_written(stage, rule)
            yield Step((pipeline.id, stage.id), target, rule.id, pipeline.file, path, _text(rule), steady)
        if sure:
            return  # the rules below it are cancelled by this move


def _at_once(stage: Stage, rule: Rule) -> bool:
    """Whether it runs in the moment of entry, and so do those before it."""
    if rule.when.kind == "delay" and (not rule.when.by.is_zero or rule.when.time is not None):
        return False
    if rule.when.kind not in {"immediately", "delay"} or rule.hours is not None or rule.repeat is not None:
        return False
    if rule.action.own_time or rule.do in _WAITS:
        return False
    return all(_at_once(stage, stage.rule_by_id[name]) for name in rule.after)


def _text(one: Rule | Trigger) -> str:
    return "" if always_holds(one) or one.condition is None else one.condition.source


def _is_steady(one: Rule | Trigger) -> bool:
    """Whether the condition has the same answer in the next round, if nobody writes what it reads."""
    names = one.condition.names if one.condition is not None else ()
    return not any(
        name.path[0] in _CHANGES or (name.path[0] == "item" and name.path[1:2] and name.path[1] in _CHANGING_FIELDS)
        for name in names
    )


def _is_written(stage: Stage, rule: Rule) -> bool:
    """Whether a rule of the stage writes a field that the condition reads."""
    names = rule.condition.names if rule.condition is not None else ()
    read = {name.path[1] for name in names if name.path[0] == "item" and len(name.path) > 1}
    written = {field for one in stage.rules if one.enabled for field in getattr(one.action, "set", None) or ()}
    written |= {str(getattr(one.action, "field", "")) for one in stage.rules if one.enabled}
    return bool(read & written)


# -- the circles ------------------------------------------------------------------------------------------------------


def _circles(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """A shortest circle of every group of stages that lead to each other, from its first stage in the files on."""
    ways: dict[Node, list[Step]] = {}
    for step in steps:
        ways.setdefault(step.source, []).append(step)
    done: set[Node] = set()
    for node in ways:
        if node not in done:
            circle = _back_to(node, ways)
            done.update(step.source for step in circle)
            if circle:
                yield circle


def _back_to(start: Node, ways: Mapping[Node, list[Step]]) -> list[Step]:
    """The shortest way from a stage back to itself, or nothing."""
    came_by: dict[Node, Step] = {}
    queue = [start]
    for node in queue:
        for step in ways.get(node, ()):
            if step.target == start:
                return [*_way(start, node, came_by), step]
            if step.target not in came_by:
                came_by[step.target] = step
                queue.append(step.target)
    return []


def _way(start: Node, end: Node, came_by: Mapping[Node, Step]) -> list[Step]:
    found: list[Step] = []
    while end != start:
        found.append(came_by[end])
        end = came_by[end].source
    return found[::-1]
