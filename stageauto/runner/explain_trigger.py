"""Why a trigger did or did not move an item: by the last event of its type that came to the item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stageauto.engine import refusals
from stageauto.engine.cron import cron_next
from stageauto.engine.gates import Gate, refusal_detail, refusal_gate, repr_of
from stageauto.runner.explained import (
    DID,
    DID_NOT,
    NOT_RECORDED,
    TRIGGER,
    WAITS,
    WILL,
    WILL_NOT,
    Answer,
    Case,
    Check,
    said,
)

if TYPE_CHECKING:
    from stageauto.engine.model import Pipeline, Trigger
    from stageauto.runner.traces import Arrival

SCHEDULE = "schedule"
_PLACES = (Gate.HERE, Gate.BEHIND, Gate.CLOSED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a trigger said to an event: None = it moved the item, else the gate that kept it, with what decided."""

    gate: Gate | None
    detail: str = ""
    values: tuple[tuple[str, object], ...] = ()


def explain_trigger(case: Case, pipeline: Pipeline, trigger: Trigger) -> Answer:
    """The answer for one trigger: to the last event of its type, with what became of earlier ones."""
    came = [one for one in case.traces.arrivals if (one.type, one.pipeline) == (trigger.event, pipeline.id)]
    if trigger.event == SCHEDULE and trigger.enabled:
        return _on_the_clock(case, pipeline, trigger, came)
    if not came:
        return _never_asked(case, pipeline, trigger)
    last = came[-1]
    found = verdict_on(case, pipeline, trigger, last)
    notes = _notes(case, pipeline, trigger, came[:-1])
    if not trigger.enabled and found.gate is not Gate.ENABLED:
        notes.append("the trigger is disabled now")
    return _answer(case, pipeline, trigger, last, found, notes)


def names_of(pipeline: Pipeline, trigger: Trigger) -> set[str]:
    """The trigger's id and those it had before."""
    return {trigger.id, *(old for old, new in pipeline.renamed.items() if new == trigger.id)}


def verdict_on(case: Case, pipeline: Pipeline, trigger: Trigger, came: Arrival) -> Verdict:
    """What the trigger said to one event, as recorded."""
    names = names_of(pipeline, trigger)
    if came.winner in names:
        return Verdict(None, f"to `{came.to}`")
    refusal = came.refusal(names)
    if refusal is not None:
        values = refusals.values(refusal[2]) if refusal_gate(refusal) is Gate.CONDITION and len(refusal) > 2 else {}
        return Verdict(refusal_gate(refusal), refusal_detail(refusal), tuple(values.items()))
    same_files = case.loaded_at <= came.at
    if not trigger.enabled and (same_files or came.refused is not None):
        return Verdict(Gate.ENABLED)
    if came.winner:
        place = _place(pipeline, trigger, came.stage) if same_files else None
        if place is not None:
            return Verdict(place, f"it was in `{came.stage}`")
        return Verdict(Gate.OTHER_WON, f"`{came.winner}` moved it to `{came.to}`")
    if came.refused is not None:
        return Verdict(Gate.ADDED_LATER)
    return Verdict(Gate.NOT_RECORDED)


def _place(pipeline: Pipeline, trigger: Trigger, stage_id: str) -> Gate | None:
    """Why the trigger is not asked at all for an item in that stage; None where it is (SEMANTICS 16-17)."""
    stage = pipeline.stage_by_id.get(stage_id)
    target = pipeline.stage_by_id[trigger.stage]
    if stage is None or trigger.allow_back:
        return Gate.HERE if stage_id == trigger.stage else None
    if stage.index == target.index:
        return Gate.HERE
    if target.index < stage.index:
        return Gate.BEHIND
    return Gate.CLOSED if stage.closed else None


# -- answers ----------------------------------------------------------------------------------------------------------


def _answer(
    case: Case, pipeline: Pipeline, trigger: Trigger, came: Arrival, found: Verdict, notes: Sequence[str]
) -> Answer:
    foreseen = case.simulated(came.seq)
    what = came.type + (f" ({came.event})" if came.event else "")
    at = case.local(came.at)
    if found.gate is None:
        verdict = WILL if foreseen else DID
        sentence = f"`{trigger.id}` {'will move' if foreseen else 'moved'} the item {found.detail} at {at}: {what} came"
    elif found.gate is Gate.NOT_RECORDED:
        verdict = NOT_RECORDED
        sentence = f"why `{trigger.id}` did not move the item when {what} came at {at} cannot be said: {found.gate.no}"
    else:
        verdict = WILL_NOT if foreseen else DID_NOT
        verb = "will not move" if foreseen else "did not move"
        sentence = f"`{trigger.id}` {verb} the item when {what} came at {at}: {said(found.gate, foreseen=foreseen)}"
        sentence += f": {found.detail}" if found.detail else ""
    return Answer(
        TRIGGER, trigger.id, verdict, sentence, found.gate, came.at, found.detail, dict(found.values),
        tuple(_checks(case, trigger, found, f"{what} at {at}")), trigger.place, trigger.stage, pipeline.id,
        trigger.name, came.event, tuple(notes),
    )  # fmt: skip


def _never_asked(case: Case, pipeline: Pipeline, trigger: Trigger) -> Answer:
    if not trigger.enabled:
        gate, detail = Gate.ENABLED, ""
    elif not case.traces.complete:
        gate, detail = Gate.NOT_RECORDED, ""
    else:
        gate, detail = Gate.EVENT, f"it listens to {trigger.event}" + _asking(trigger)
    verdict = NOT_RECORDED if gate is Gate.NOT_RECORDED else DID_NOT
    sentence = f"`{trigger.id}` did not move the item: {said(gate, foreseen=False)}" + (f": {detail}" if detail else "")
    if verdict == NOT_RECORDED:
        sentence = f"whether `{trigger.id}` was asked cannot be said: {said(gate, foreseen=False)}"
    notes = []
    place = _place(pipeline, trigger, case.item.stage) if case.item.pipeline == pipeline.id else None
    if gate is Gate.EVENT and place is not None:
        notes.append(f"were one to come now, it would not move the item: {place.no.format(was='is')}")
    return Answer(
        TRIGGER, trigger.id, verdict, sentence, gate, None, detail, checks=tuple(_checks(case, trigger, Verdict(gate))),
        place=trigger.place, stage=trigger.stage, pipeline=pipeline.id, title=trigger.name, notes=tuple(notes),
    )  # fmt: skip


def _asking(trigger: Trigger) -> str:
    wanted = [f"{key}: {' or '.join(repr_of(one) for one in values)}" for key, values in trigger.where.items()]
    return f" where {', '.join(wanted)}" if wanted else ""


def _notes(case: Case, pipeline: Pipeline, trigger: Trigger, came: Sequence[Arrival]) -> list[str]:
    notes = []
    for one in came[-3:]:
        found = verdict_on(case, pipeline, trigger, one)
        why = f"it moved the item {found.detail}" if found.gate is None else said(found.gate, foreseen=False)
        detail = f": {found.detail}" if found.gate is not None and found.detail else ""
        notes.append(f"at {case.local(one.at)}, when {one.type} came, {why}{detail}")
    return notes


# -- the gates one after another --------------------------------------------------------------------------------------


def _checks(case: Case, trigger: Trigger, found: Verdict, what: str = "") -> Iterator[Check]:
    over = False
    for gate, text in _gates(case, trigger, found.gate, what):
        if gate is found.gate:
            over = True
            yield Check(gate, passed=None if gate in (Gate.NOT_RECORDED, Gate.CLOCK) else False, text=found.detail)
        else:
            yield Check(gate, passed=None if over else True, text="" if over else text)


def _gates(case: Case, trigger: Trigger, stop: Gate | None, what: str) -> Iterator[tuple[Gate, str]]:
    yield Gate.ENABLED, ""
    yield Gate.EVENT, what
    if stop in (Gate.ADDED_LATER, Gate.NOT_RECORDED):
        yield stop, ""
        return
    yield from ((gate, "") for gate in _PLACES if gate is Gate.HERE or not trigger.allow_back)
    yield Gate.OTHER_WON, ""
    kind = case.workspace.events.get(trigger.event)
    if stop is Gate.OLDER:
        yield Gate.OLDER, ""
    if trigger.where:
        yield Gate.WHERE, _asking(trigger).removeprefix(" where ")
    if kind is not None and kind.machine:
        yield Gate.MACHINE, ""
    if trigger.from_stages:
        yield Gate.FROM, ", ".join(trigger.from_stages)
    if trigger.condition is not None:
        yield Gate.CONDITION, trigger.condition.source
    if stop is Gate.LOOP_GUARD:
        yield stop, ""


# -- on the clock -----------------------------------------------------------------------------------------------------


def _on_the_clock(case: Case, pipeline: Pipeline, trigger: Trigger, came: Sequence[Arrival]) -> Answer:
    """A schedule: its moves are recorded, what it asks again and again without moving is not."""
    names = names_of(pipeline, trigger)
    won = [one for one in came if one.winner in names]
    notes = _notes(case, pipeline, trigger, won[:-1])
    if won and case.item.stage == trigger.stage:
        return _answer(case, pipeline, trigger, won[-1], Verdict(None, f"to `{won[-1].to}`"), notes)
    if won:
        notes += _notes(case, pipeline, trigger, won[-1:])
    upcoming = cron_next(trigger.cron or "", case.now, case.workspace.zone)
    checks = list(_now(case, pipeline, trigger))
    kept = next((one for one in checks if one.passed is False), None)
    would = "it would move the item" if kept is None else said_now(kept)
    detail = f"it looks next at {case.local(upcoming)}; as things stand now {would}"
    sentence = f"`{trigger.id}` has not moved the item: {Gate.CLOCK.no}; {detail}"
    return Answer(
        TRIGGER, trigger.id, WAITS, sentence, Gate.CLOCK, upcoming, detail, {}, (
            Check(Gate.ENABLED, passed=True), Check(Gate.CLOCK, passed=None), *checks,
        ), trigger.place, trigger.stage, pipeline.id, trigger.name, notes=tuple(notes),
    )  # fmt: skip


def said_now(check: Check) -> str:
    """A gate's answer of this moment."""
    return check.gate.no.format(was="is") + (f": {check.text}" if check.text else "")


def _now(case: Case, pipeline: Pipeline, trigger: Trigger) -> Iterator[Check]:
    """What the trigger would say to the item at this moment."""
    place = _place(pipeline, trigger, case.item.stage) if case.item.pipeline == pipeline.id else Gate.FROM
    if place is not None:
        yield Check(place, passed=False, text=f"it is in `{case.item.stage}`")
        return
    if trigger.from_stages and case.item.stage not in trigger.from_stages:
        yield Check(Gate.FROM, passed=False, text=f"it is in `{case.item.stage}`")
        return
    yield Check(Gate.FROM, passed=True, text=case.item.stage)
    if trigger.condition is not None:
        event = {"id": "", "type": SCHEDULE, "at": case.now, "source": "clock", "data": {}}
        verdict = case.asked_now(trigger.condition, event=event)
        yield Check(Gate.CONDITION, verdict.holds, verdict.because)
