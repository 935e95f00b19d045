"""What `explain` says: a sentence first, then the gates in order, where it stands in the files, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stageauto.report.output import Text
from stageauto.report.tables import Cell, Row, Table, safe
from stageauto.report.times import utc
from stageauto.report.upkeep import counted

if TYPE_CHECKING:
    from stageauto.engine.model import Place
    from stageauto.runner.explain import Explained
    from stageauto.runner.explain_event import EventAnswer, Touched
    from stageauto.runner.explained import Answer, Check

_MARKS = {True: "✓", False: "✗", None: "–"}  # noqa: RUF001
_VERDICTS = {
    "did": "✓", "will": "✓", "did_not": "✗", "will_not": "✗", "waits": "○", "unknown": "?", "not_recorded": "–",  # noqa: RUF001
}  # fmt: skip
_STYLES = {
    "did": "done", "will": "done", "did_not": "skipped", "will_not": "skipped", "waits": "pending",
    "unknown": "unknown", "not_recorded": "not_run",
}  # fmt: skip


# -- an item ----------------------------------------------------------------------------------------------------------


def text(view: Explained) -> Text:
    """The answers for people."""
    if view.whole:
        yield from _overview(view)
        return
    for index, answer in enumerate(view.answers):
        if index:
            yield ""
        yield from _answer(view, answer)


def _overview(view: Explained) -> Iterator[str | Table]:
    yield safe(f"{view.item.id}  {view.item.title}, in {view.item.pipeline}/{view.item.stage}")
    for kind, empty in (("rule", "its stage has no rules"), ("trigger", "its pipeline has no triggers")):
        rows: list[Row] = [
            [
                Cell(_VERDICTS[one.verdict], _STYLES[one.verdict]), one.name, one.stage,
                Cell(one.gate.word if one.gate else "", _STYLES[one.verdict]),
                one.sentence.removeprefix(f"`{one.name}` "),
            ]
            for one in view.answers
            if one.kind == kind
        ]  # fmt: skip
        yield ""
        yield Table(["", kind, "stage", "gate", "why"], rows, empty=empty) if rows else empty


def _answer(view: Explained, answer: Answer) -> Iterator[str | Table]:
    yield safe(answer.sentence)
    yield from (f"  {safe(note)}" for note in answer.notes)
    if answer.checks:
        yield ""
        yield Table(["", "gate", "asks", ""], [_row(one) for one in answer.checks])
    yield ""
    if answer.place.file:
        title = f" ({answer.title})" if answer.title else ""
        yield safe(f"{answer.kind} {answer.name}{title}: {where(answer.place)} of version {view.version}")
    if answer.way_out:
        yield safe(f"what to do: {_named(answer.way_out, view, answer)}")


def _row(check: Check) -> Row:
    return [
        Cell(_MARKS[check.passed], "failed" if check.passed is False else ""),
        check.gate.word,
        check.gate.asks,
        check.text,
    ]


def _named(way_out: str, view: Explained, answer: Answer) -> str:
    """The way out, with the names of this case."""
    return (
        way_out.replace("ITEM", view.item.id)
        .replace("STAGE", answer.stage)
        .replace("--catch-up RULE", f"--catch-up {answer.name}")
    )


def where(place: Place) -> str:
    """`pipelines/deals.yaml:17`."""
    return f"{place.file}:{place.line}"


def data(view: Explained) -> dict[str, Any]:
    """The JSON document: the answer of one rule or trigger, or those of all."""
    about = {"item": view.item.id, "pipeline": view.item.pipeline, "stage": view.item.stage, "at": utc(view.at)}
    answers = [_shape(one) for one in view.answers]
    if not view.whole and len(answers) == 1:
        return {**answers[0], "item": view.item.id, "asked_at": utc(view.at)}
    return {
        **about,
        "rules": [one for one in answers if one["kind"] == "rule"],
        "triggers": [one for one in answers if one["kind"] == "trigger"],
    }


def _shape(one: Answer) -> dict[str, Any]:
    return {
        "kind": one.kind, "name": one.name, "pipeline": one.pipeline, "stage": one.stage, "verdict": one.verdict,
        "gate": one.gate.word if one.gate else None, "at": utc(one.at), "sentence": one.sentence,
        "because": one.detail or None, "values": dict(one.values), "event": one.event or None,
        "gates": [{"gate": check.gate.word, "passed": check.passed, "text": check.text} for check in one.checks],
        "notes": list(one.notes), "place": _place(one.place), "what_to_do": one.way_out or None,
    }  # fmt: skip


def _place(place: Place | None) -> dict[str, Any] | None:
    return {"file": place.file, "line": place.line} if place is not None and place.file else None


# -- an event ---------------------------------------------------------------------------------------------------------


def event_text(view: EventAnswer) -> Text:
    """What an event did, for people."""
    yield safe(view.sentence)
    yield from (f"  {safe(note)}" for note in view.notes)
    if view.hidden:
        yield f"  left out, as they may not be seen: {counted(view.hidden, 'item')}"
    for one in view.touched:
        yield from _touched(one)
    if view.intakes:
        rows: list[Row] = [
            [
                Cell(_MARKS[one.detail is None]),
                f"{one.pipeline}/{one.intake}",
                one.detail or "matches",
                where(one.place),
            ]
            for one in view.intakes
        ]
        yield ""
        yield Table(["", "intake", "by the files of now", "where"], rows)
    if view.gate is not None:
        yield ""
        yield safe(f"what to do: {view.gate.way_out}")


def _touched(one: Touched) -> Iterator[str | Table]:
    yield ""
    moved = f", created by the intake `{one.created_by}` in {one.to}" if one.created_by else (
        f", moved from {one.stage} to {one.to}" if one.to else (f", stayed in {one.stage}" if one.stage else "")
    )  # fmt: skip
    yield safe(f"{one.item}  {one.title}{moved}")
    for what, names in (("set going", one.scheduled), ("cancelled", one.cancelled), ("ended the wait", one.waits)):
        if names:
            yield safe(f"  {what}: {', '.join(names)}")
    if not one.recorded:
        yield "  its history of that moment is gone: pruned"
    if one.asked:
        rows: list[Row] = [
            [
                Cell(_MARKS[one.gate is None]), one.trigger, one.gate.word if one.gate else "moved it",
                one.detail, where(one.place) if one.place else "",
            ]
            for one in one.asked
        ]  # fmt: skip
        yield Table(["", "trigger", "gate", "why", "where"], rows)


def event_data(view: EventAnswer) -> dict[str, Any]:
    """The JSON document of an event."""
    row = view.row
    return {
        "event": row.id, "type": row.type, "at": utc(row.at), "source": row.source, "author": row.author,
        "outcome": row.outcome, "moved_to": row.moved_to, "sentence": view.sentence, "data": row.data,
        "gate": view.gate.word if view.gate else None, "notes": list(view.notes),
        "items": [
            {
                "item": one.item, "from": one.stage or None, "to": one.to or None, "intake": one.created_by or None,
                "scheduled": list(one.scheduled), "cancelled": list(one.cancelled), "waits": list(one.waits),
                "recorded": one.recorded,
                "triggers": [
                    {
                        "trigger": asked.trigger, "moved": asked.gate is None,
                        "gate": asked.gate.word if asked.gate else None, "because": asked.detail or None,
                        "place": _place(asked.place),
                    }
                    for asked in one.asked
                ],
            }
            for one in view.touched
        ],
        "intakes": [
            {
                "intake": one.intake, "pipeline": one.pipeline, "matches": one.detail is None, "because": one.detail,
                "place": _place(one.place),
            }
            for one in view.intakes
        ],
    }  # fmt: skip
