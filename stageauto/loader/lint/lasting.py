"""Rules that never run, since another rule has moved the item on by then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stageauto.engine.durations import DAY_MS, HOUR_MS, Duration
from stageauto.engine.model import Pipeline, Rule, Stage, Workspace
from stageauto.loader.lint.movers import target_of
from stageauto.loader.lint.view import Finding, View, always_holds, rule_path, rules_of

_CLOCKS: Final = 2 * HOUR_MS  # how much longer or shorter a change of the clocks can make days


def rules_too_late(view: View) -> Iterator[Finding]:
    """`rule-never-runs`: the item has surely left the stage before the rule is due, and that cancels it."""
    for pipeline in view.pipelines():
        for stage in pipeline.stages:
            movers = [rule for rule in stage.rules if _surely_moves(pipeline, rule, view.workspace)]
            for rule in stage.rules if movers else ():
                if rule.keep or not rule.enabled or _started_elsewhere(pipeline, rule):
                    continue
                mover = next((one for one in movers if one is not rule and _is_sooner(stage, one, rule)), None)
                if mover is not None:
                    where = _in_words(target_of(mover, view.workspace), pipeline)
                    message = f"the rule `{rule.id}` never runs: by then `{mover.id}` has {where}"
                    hint = f"put it before `{mover.id}`, or add `on_leave: keep`"
                    path = view.key(pipeline.file, rule_path(pipeline, rule), "when", "after", "id")
                    yield Finding("rule-never-runs", pipeline.file, path, message, hint)


def _in_words(target: tuple[str, str] | None, pipeline: Pipeline) -> str:
    if target is None or not target[1]:
        return "deleted the item"
    place = f"`{target[1]}`" if target[0] == pipeline.id else f"the pipeline `{target[0]}`"
    return f"moved the item to {place}"


def _surely_moves(pipeline: Pipeline, rule: Rule, workspace: Workspace) -> bool:
    """True where nothing but people and failures can keep the rule from moving the item."""
    if not rule.enabled or not always_holds(rule) or target_of(rule, workspace) is None:
        return False
    if rule.once_item or rule.repeat is not None:
        return False
    when = rule.when
    if when.kind not in {"immediately", "delay"} or when.if_past != "run" or when.if_late != "run":
        return False
    return not any(_stops(one, rule) for one in rules_of(pipeline))


def _stops(one: Rule, other: Rule) -> bool:
    if one.do != "stop_rules" or not one.enabled:
        return False
    action = one.action
    stage, names = getattr(action, "stage", None), getattr(action, "rules", ())
    return (stage is None or stage == other.stage) and (not names or other.id in names)


def _started_elsewhere(pipeline: Pipeline, rule: Rule) -> bool:
    """True where it may be set going while the item stands in another stage."""
    return any(
        one.do == "start_rules"
        and (one.stage != rule.stage or one.keep)
        and (getattr(one.action, "stage", None) or one.stage) == rule.stage
        for one in rules_of(pipeline)
    )


def _is_sooner(stage: Stage, mover: Rule, rule: Rule) -> bool:
    """Whether the mover has surely run when the rule would be due."""
    if mover.id in _before(stage, rule):
        return True
    if mover.after or mover.hours or mover.when.time or mover.when.by.working_days or mover.when.by.working_ms:
        return False
    if _shortest(stage, rule) > _longest(mover.when.by):
        return True
    # Due at the same moment they run in the order of the file.
    if mover.index > rule.index:
        return False
    same = rule.when.kind == "delay" and rule.when.by == mover.when.by and rule.when.time is None and not rule.after
    return mover.when.by.is_zero or same


def _before(stage: Stage, rule: Rule) -> set[str]:
    """The rules that end before the rule begins."""
    found: set[str] = set()
    stack = list(rule.after)
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack += stage.rule_by_id[name].after
    return found


def _shortest(stage: Stage, rule: Rule) -> int:
    """Milliseconds from entering the stage that go by at least before the rule is due."""
    before = max((_shortest(stage, stage.rule_by_id[name]) for name in rule.after), default=0)
    if rule.action.own_time:
        return _least(rule.action.delay_from_entry() or Duration())
    if rule.when.kind != "delay":
        return before
    span = before + _least(rule.when.by)
    return max(before, span - DAY_MS - _CLOCKS) if rule.when.time is not None else span


def _least(span: Duration) -> int:
    days = span.months * 28 + span.days
    return max(0, days * DAY_MS - (_CLOCKS if days else 0)) + span.ms + span.working_ms


def _longest(span: Duration) -> int:
    days = span.months * 31 + span.days
    return days * DAY_MS + (_CLOCKS if days else 0) + span.ms
