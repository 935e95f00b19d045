"""Triggers and intake entries that can never win an event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stageauto.engine.model import Intake, Pipeline, Stage, Trigger
from stageauto.loader.lint.movers import may_go
from stageauto.loader.lint.view import Finding, View, always_holds, intake_path, may_hold, trigger_path


def blocked_triggers(view: View) -> Iterator[Finding]:
    """`trigger-blocked`: there is no stage from which the trigger could move an item."""
    for pipeline in view.pipelines():
        for trigger in _enabled(pipeline):
            if _sources(pipeline, trigger):
                continue
            stage = pipeline.stage_by_id[trigger.stage]
            if stage.index == 0:
                why = "it belongs to the first stage, and without `allow_back` triggers move items forward only"
            else:
                why = "all stages before its own are won or lost, and without `allow_back` nothing moves out of these"
            message = f"the trigger `{trigger.id}` can never move an item: {why}"
            path = (*trigger_path(pipeline, trigger), "id")
            yield Finding("trigger-blocked", pipeline.file, path, message, "add `allow_back: true`, or remove it")


def shadowed_triggers(view: View) -> Iterator[Finding]:
    """`trigger-shadowed`: wherever the item stands, another trigger takes every event that this one could take."""
    for pipeline in view.pipelines():
        for rivals in pipeline.triggers_by_event.values():
            takers = [one for one in rivals if always_holds(one)]
            for trigger in rivals if takers else ():
                winners = _winners(view, pipeline, trigger, takers)
                if winners:
                    names = " and ".join(f"`{one.id}` (stage `{one.stage}`)" for one in winners)
                    message = f"the trigger `{trigger.id}` never moves an item: {names} always comes first"
                    path = (*trigger_path(pipeline, trigger), "id")
                    hint = "give the other one an `if` or a narrower `where`, put this one above it, or remove it"
                    yield Finding("trigger-shadowed", pipeline.file, path, message, hint)


def _winners(view: View, pipeline: Pipeline, trigger: Trigger, takers: list[Trigger]) -> list[Trigger]:
    """Those that come first, one for each stage the trigger could move from; nothing where it wins somewhere."""
    kind = view.workspace.events.get(trigger.event)
    machine = kind.machine if kind is not None else ()
    wider = [one for one in takers if one is not trigger and may_hold(trigger) and _is_wider(one, trigger, machine)]
    found: dict[str, Trigger] = {}
    for source in _sources(pipeline, trigger) if wider else ():
        first = next((one for one in wider if _comes_first(pipeline, source, one, trigger)), None)
        if first is None:
            return []
        found[first.id] = first
    return list(found.values())


def _is_wider(one: Trigger, other: Trigger, machine: tuple[str, ...]) -> bool:
    """Whether `one` matches whatever `other` matches."""
    if other.route_all and not one.route_all:
        return False
    if one.cron != other.cron or any(key in other.where and key not in one.where for key in machine):
        return False
    return _where_covers(one.where, other.where)


def _where_covers(wide: Mapping[str, tuple[Any, ...]], narrow: Mapping[str, tuple[Any, ...]]) -> bool:
    return all(
        key in narrow and all(any(_same(value, one) for one in wanted) for value in narrow[key])
        for key, wanted in wide.items()
    )


def _same(value: Any, other: Any) -> bool:
    return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)


def _comes_first(pipeline: Pipeline, source: Stage, one: Trigger, other: Trigger) -> bool:
    """Whether `one` is asked before `other` of an item that stands in the source."""
    if one.from_stages and source.id not in one.from_stages:
        return False
    if not may_go(pipeline, source.id, one.stage, allow_back=one.allow_back):
        return False
    return _rank(pipeline, source, one) < _rank(pipeline, source, other)


def _rank(pipeline: Pipeline, source: Stage, trigger: Trigger) -> tuple[bool, int, int]:
    index = pipeline.stage_by_id[trigger.stage].index
    return index < source.index, abs(index - source.index), trigger.index


def _sources(pipeline: Pipeline, trigger: Trigger) -> list[Stage]:
    """The stages from which the trigger could move an item."""
    stages = [pipeline.stage_by_id[one] for one in trigger.from_stages] or pipeline.stages
    return [one for one in stages if may_go(pipeline, one.id, trigger.stage, allow_back=trigger.allow_back)]


def _enabled(pipeline: Pipeline) -> Iterator[Trigger]:
    for triggers in pipeline.triggers_by_event.values():
        yield from triggers


def shadowed_intake(view: View) -> Iterator[Finding]:
    """`intake-shadowed`: an entry above takes every event that this one could take."""
    for pipeline in view.pipelines():
        for index, entry in enumerate(pipeline.intake):
            first = next((one for one in pipeline.intake[:index] if _takes_all(view, one, entry)), None)
            if first is not None and may_hold(entry):
                message = (
                    f"the intake entry `{entry.id}` never creates an item: `{first.id}` above takes all its events"
                )
                hint = f"give `{first.id}` an `if` or a narrower `where`, or put it below"
                yield Finding("intake-shadowed", pipeline.file, (*intake_path(pipeline, entry), "id"), message, hint)


def _takes_all(view: View, one: Intake, other: Intake) -> bool:
    if one.event != other.event or not always_holds(one):
        return False
    kind = view.workspace.events.get(one.event)
    if kind is not None and any(key in other.where and key not in one.where for key in kind.machine):
        return False
    return _where_covers(one.where, other.where)
