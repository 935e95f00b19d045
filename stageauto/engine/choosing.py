"""Which trigger takes an event: the candidates in order, each with what kept it from moving the item.

Source: SEMANTICS 16 and 17.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stageauto.engine.event_types import EventType
from stageauto.engine.incoming import heeded
from stageauto.engine.model import Event, Pipeline, Stage, Trigger
from stageauto.engine.refusals import BEHIND, CLOSED, CONDITION, FROM, HERE, LONGEST, MACHINE, OLDER, WHERE, Refusal
from stageauto.engine.scalars import source_text
from stageauto.engine.scope import Scope
from stageauto.engine.state import Item


@dataclass(slots=True)
class Choice:
    """The trigger that takes the event, if any, and what kept those from it that were looked at before."""

    trigger: Trigger | None = None
    refused: list[Refusal] = field(default_factory=list)


def matches(where: Mapping[str, tuple[Any, ...]], data: Mapping[str, Any]) -> bool:
    """Whether every key of `where` equals the event's data; a tuple means any of."""
    return all(any(_same(data.get(key), one) for one in wanted) for key, wanted in where.items())


def _same(value: Any, wanted: Any) -> bool:
    if value == wanted:
        return type(value) is not bool or type(wanted) is bool
    if value is None or wanted is None or isinstance(value, bool) or isinstance(wanted, bool):
        return str(value).casefold() == str(wanted).casefold() if value is not None and wanted is not None else False
    return str(value) == source_text(wanted)


def choose(  # noqa: PLR0913 the item, the event, and how it came to them
    pipeline: Pipeline,
    item: Item,
    event: Event,
    kind: EventType,
    triggers: Sequence[Trigger],
    scope: Scope,
    *,
    only_all: bool = False,
    traced: bool = True,
) -> Choice:
    """Asks the candidates in turn until one holds; only where none does are those told that could not be asked.

    `traced` False leaves out what the conditions were asked of.
    """
    choice = Choice()
    ordered, out = _candidates(pipeline, item, event.type, triggers)
    for trigger in ordered:
        refusal = _refusal(trigger, item, event, kind, scope, only_all=only_all, traced=traced)
        if refusal is None:
            choice.trigger = trigger
            return choice
        choice.refused.append([trigger.id, *refusal])
    choice.refused += [[trigger.id, word] for trigger, word in out]
    return choice


def _candidates(
    pipeline: Pipeline, item: Item, event: str, triggers: Sequence[Trigger]
) -> tuple[Sequence[Trigger], Sequence[tuple[Trigger, str]]]:
    """The triggers that may move the item from where it stands, in the order they are asked in, and the others."""
    current = pipeline.stage_by_id.get(item.stage)
    if current is None or triggers is not pipeline.triggers_by_event.get(event):
        return _ordered(pipeline, current, triggers, closed=item.closed)
    known = pipeline.candidates.get((event, item.stage))
    if known is None:
        known = pipeline.candidates[event, item.stage] = _ordered(pipeline, current, triggers, closed=current.closed)
    return known


def _ordered(
    pipeline: Pipeline, current: Stage | None, triggers: Sequence[Trigger], *, closed: bool
) -> tuple[tuple[Trigger, ...], tuple[tuple[Trigger, str], ...]]:
    here = current.index if current else -1
    ahead, behind, out = [], [], []
    for trigger in triggers:
        index = pipeline.stage_by_id[trigger.stage].index
        if index == here:
            out.append((trigger, HERE))
        elif not trigger.allow_back and (closed or index < here):
            out.append((trigger, CLOSED if index > here else BEHIND))
        elif index > here:
            ahead.append((index, trigger.index, trigger))
        else:
            behind.append((-index, trigger.index, trigger))
    ahead.sort(key=lambda one: one[:2])
    behind.sort(key=lambda one: one[:2])
    return tuple(one[2] for one in (*ahead, *behind)), tuple(out)


def _refusal(  # noqa: PLR0913 as `choose`
    trigger: Trigger,
    item: Item,
    event: Event,
    kind: EventType,
    scope: Scope,
    *,
    only_all: bool,
    traced: bool,
) -> list[Any] | None:
    if only_all and not trigger.route_all:
        return [OLDER]
    if trigger.where and not matches(trigger.where, event.data):
        key = next(key for key in trigger.where if not matches({key: trigger.where[key]}, event.data))
        return [WHERE, [key, event.data.get(key)]]
    if not heeded(kind, event.data, trigger.where):
        return [MACHINE]
    if trigger.from_stages and item.stage not in trigger.from_stages:
        return [FROM, item.stage]
    if trigger.condition is None or trigger.condition.holds(scope):
        return None
    if not traced:
        return [CONDITION]
    return [CONDITION, trigger.condition.kept(scope)]


def values_of(leaves: Sequence[Any]) -> dict[str, Any]:
    """What a condition was asked of, by name, as JSON can keep it."""
    return {name: _plain(value) for leaf in leaves for name, value in leaf.values}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST else value[:LONGEST] + "…"
    return value if value is None or isinstance(value, int | float) else str(value)[:LONGEST]
