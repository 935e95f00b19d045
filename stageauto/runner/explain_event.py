"""What an event did to whom, and which triggers looked at it: read from the journal and the items' histories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stageauto.engine.choosing import matches
from stageauto.engine.gates import Gate, refusal_detail, refusal_gate, repr_of
from stageauto.engine.scope import Scope
from stageauto.engine.triggers import as_dict
from stageauto.runner.explain_trigger import verdict_on
from stageauto.runner.explained import Case
from stageauto.runner.intake import event_of

if TYPE_CHECKING:
    from stageauto.engine.model import Intake, Pipeline, Place
    from stageauto.engine.state import Journal

MOST = 50
"""Items of one event that are shown."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A trigger and what it said to the event: `gate` None = it moved the item."""

    trigger: str
    gate: Gate | None
    detail: str = ""
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Touched:
    """An item that the event came to: where it moved (`to`), what it set going, which waits it ended, who was asked."""

    item: str
    title: str
    stage: str = ""
    to: str = ""
    created_by: str = ""
    scheduled: tuple[str, ...] = ()
    cancelled: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    asked: tuple[Asked, ...] = ()
    recorded: bool = True


@dataclass(frozen=True, slots=True)
class Taking:
    """An intake entry for such events, and what it says to this one by the files of now: None = it would take it."""

    intake: str
    pipeline: str
    detail: str | None
    place: Place


@dataclass(frozen=True, slots=True)
class EventAnswer:
    """An event of the journal and what became of it. `gate` is the first that said no, None where it did something."""

    row: Journal
    sentence: str
    gate: Gate | None
    touched: tuple[Touched, ...] = ()
    intakes: tuple[Taking, ...] = ()
    hidden: int = 0  # items that whoever asks may not see
    notes: tuple[str, ...] = field(default_factory=tuple)


def explain_event(cases: dict[str, Case | None], row: Journal, anybody: Case) -> EventAnswer:
    """The answer for one event. `cases`: of each of its items, None for one that may not be seen."""
    seen = {name: case for name, case in cases.items() if case is not None}
    touched = tuple(_touched(case, row) for case in list(seen.values())[:MOST])
    intakes: tuple[Taking, ...] = ()
    if row.outcome in ("unmatched", "no_effect", "created"):
        intakes = tuple(_intakes(anybody, row))
    gate = _gate(row)
    return EventAnswer(
        row, _sentence(row, gate, touched), gate, touched, intakes, len(cases) - len(seen), tuple(_notes(row, seen))
    )


def _gate(row: Journal) -> Gate | None:
    if row.outcome == "queued":
        return Gate.HANDLED
    if row.outcome == "unmatched":
        return Gate.UNMATCHED
    if row.outcome == "no_effect" and not row.items:
        return Gate.LET_IN
    return None


def _sentence(row: Journal, gate: Gate | None, touched: tuple[Touched, ...]) -> str:
    name = f"`{row.id}` ({row.type})"
    if gate is not None:
        return f"{name} did nothing: {gate.no}"
    if row.type.startswith("command."):
        return f"{name} was done by {row.author or 'somebody'}"
    moved = [f"{one.item} to `{one.to}`" for one in touched if one.to and not one.created_by]
    created = [f"{one.item} in `{one.to}`" for one in touched if one.created_by]
    waits = [f"`{name}` of {one.item}" for one in touched for name in one.waits]
    parts = [
        f"{verb} {', '.join(ones)}"
        for verb, ones in (("moved", moved), ("created", created), ("ended the wait", waits))
        if ones
    ]
    if parts:
        return f"{name} {' and '.join(parts)}"
    came = ", ".join(one.item for one in touched)
    return (
        f"{name} came to {came or 'an item'} and moved nothing"
        if row.outcome == "no_effect"
        else f"{name}: {row.outcome}"
    )


def _notes(row: Journal, seen: dict[str, Case]) -> Iterator[str]:
    if len(seen) > MOST:
        yield f"{len(seen) - MOST} more items"
    if row.outcome != "queued" and not row.type.startswith("command."):
        yield "the same id again is accepted and does nothing; how often it came again is not recorded"


def _touched(case: Case, row: Journal) -> Touched:
    item = case.item
    arrival = next((one for one in case.traces.arrivals if one.event == row.id), None)
    lines = [line for line in case.state.timeline(item.id) if line.at == row.at]
    entered = next((line for line in lines if line.kind == "entered" and line.data.get("event") == row.id), None)
    waits = tuple(
        str(line.data.get("rule"))
        for line in lines
        if line.kind == "outcome"
        and line.data.get("code") == "matched"
        and line.data.get("because") == f"{row.type} came"
    )
    data = entered.data if entered is not None else {}
    pipeline = case.workspace.pipelines.get(arrival.pipeline if arrival else item.pipeline)
    return Touched(
        item.id, item.title, arrival.stage if arrival else str(data.get("from") or ""), str(data.get("to") or ""),
        str(data.get("intake") or ""), tuple(str(one[0]) for one in data.get("scheduled", ())),
        tuple(str(one[1]) for one in data.get("cancelled", ())), waits, tuple(_asked(case, pipeline, row)),
        arrival is not None or entered is not None,
    )  # fmt: skip


def _asked(case: Case, pipeline: Pipeline | None, row: Journal) -> Iterator[Asked]:
    arrival = next((one for one in case.traces.arrivals if one.event == row.id), None)
    if arrival is None:
        return
    told: set[str] = set()
    triggers = [one for stage in pipeline.stages for one in stage.triggers if one.event == row.type] if pipeline else []
    for trigger in triggers:
        assert pipeline is not None
        found = verdict_on(case, pipeline, trigger, arrival)
        told.add(trigger.id)
        yield Asked(trigger.id, found.gate, found.detail, trigger.place)
    for refusal in arrival.refused or ():  # those that are gone from the files
        if refusal[0] not in told and refusal[0] not in (pipeline.renamed if pipeline else {}):
            yield Asked(str(refusal[0]), refusal_gate(refusal), refusal_detail(refusal))


def _intakes(case: Case, row: Journal) -> Iterator[Taking]:
    for pipeline in case.workspace.pipelines.values():
        for entry in pipeline.intake:
            if entry.event == row.type:
                yield Taking(entry.id, pipeline.id, _refused(case, entry, row), entry.place)


def _refused(case: Case, entry: Intake, row: Journal) -> str | None:
    for key, wanted in entry.where.items():
        if not matches({key: wanted}, row.data):
            value = row.data.get(key)
            asked = " or ".join(repr_of(one) for one in wanted)
            return f"{key} was {'missing' if value is None else repr_of(value)}, not {asked}"
    if entry.condition is None:
        return None
    verdict = entry.condition.evaluate(Scope(case.draft, row.at, None, event=as_dict(event_of(row))))
    return None if verdict.holds else verdict.because
