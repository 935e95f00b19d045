"""What files would have done with the past, beside what was done, as people and machines read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from stageauto.report.tables import Cell, Table, safe
from stageauto.report.times import local, span, utc
from stageauto.report.upkeep import counted

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from stageauto.runner.backtest import Backtest, Example, Line, NotRepeated

SENT = "sent"
_ORDER = (
    SENT, "moved", "created", "entered", "done", "skipped", "suppressed", "undeliverable", "failed", "unknown",
    "cancelled",
)  # fmt: skip
_NUMBERS = frozenset({"more", "fewer", "other time"})


def backtest_text(found: Backtest, zone: ZoneInfo, *, everything: bool = False) -> Iterator[str | Table]:
    """The comparison: what it began from, the rules that differ (or `everything`), examples; times in `zone`."""
    yield _heading(found, zone)
    yield from _not_known(found, zone)
    shown = [line for line in found.lines if everything or line.differs]
    if found.dates is not None:
        yield from _dated(found)
        return
    sent, would = _sent(found.lines)
    same = "as it was: nothing would be otherwise" if not found.differs() else ""
    yield same or f"messages: {sent:,} were sent, {would:,} would be"
    if shown:
        yield ""
        yield _table(shown)
    yield from _examples(shown, zone)


def _heading(found: Backtest, zone: ZoneInfo) -> str:
    commands = found.rows - found.events
    again = f"{counted(found.events, 'event')} and {counted(commands, 'command')} again"
    if found.dates is not None:
        again = f"{counted(found.dates.taken, 'item')} of {found.dates.pipeline.id} by {_fields(found)}"
    since = f"{local(found.since, zone)} to {local(found.until, zone)} ({span(found.until - found.since)})"
    at_first = f", {counted(found.past.items, 'item')} at the beginning" if found.dates is None else ""
    return safe(f"{since}: {again}{at_first}")


def _fields(found: Backtest) -> str:
    assert found.dates is not None
    return ", ".join(f"{stage}={name}" for stage, name in found.dates.fields.items())


def _not_known(found: Backtest, zone: ZoneInfo) -> Iterator[str]:
    if found.not_known_before is not None:
        yield f"not known: events from before {local(found.not_known_before, zone)} were pruned"
    left_out = found.dates.left_out if found.dates else Counter[str]()
    for what, number in (found.past.unknown + left_out).items():
        yield safe(f"{'left out' if what in left_out else 'not known'}: {number:,} {what}")
    if found.refused:
        yield f"not done again, since these files do not allow it: {found.refused:,}"
        yield from (safe(f"  {_refused(one)}") for one in found.not_repeated)


def _refused(one: NotRepeated) -> str:
    return f"{one.type.removeprefix('command.')} {one.item}: {one.because}"


def _sent(lines: Sequence[Line]) -> tuple[int, int]:
    rules = [line for line in lines if line.kind == "rule"]
    return sum(one.was[SENT] for one in rules), sum(one.would[SENT] for one in rules)


def _table(lines: Sequence[Line]) -> Table:
    rows = [
        (
            f"{line.kind} {line.name}", _words(line.was), _words(line.would), _number(line.more, "done"),
            _number(line.fewer, "failed"), _number(line.other_time, "pending"),
        )
        for line in lines
    ]  # fmt: skip
    return Table(("what", "was", "would be", "more", "fewer", "other time"), rows, right=_NUMBERS)


def _number(number: int, style: str) -> Cell:
    return Cell(f"{number:,}" if number else "", style)


def _words(counts: Counter[str]) -> str:
    known = [word for word in _ORDER if counts[word]]
    return ", ".join(f"{counts[word]:,} {word}" for word in known) or "-"


def _examples(lines: Sequence[Line], zone: ZoneInfo) -> Iterator[str]:
    if not any(line.examples for line in lines):
        return
    yield ""
    yield "for instance"
    for line in lines:
        for one in line.examples:
            yield safe(f"  {line.kind} {line.name}, {one.item}: {_example(one, zone)}")


def _example(one: Example, zone: ZoneInfo) -> str:
    if one.was is None:
        return f"would be {one.word} {local(one.would, zone)}, was not"
    if one.would is None:
        return f"was {one.word} {local(one.was, zone)}, would not be"
    return f"was {one.word} {local(one.was, zone)}, would be {local(one.would, zone)}"


def _dated(found: Backtest) -> Iterator[str | Table]:
    """What there is to say where nothing was recorded then: only what would be."""
    _, would = _sent(found.lines)
    yield f"messages: {would:,} would have been sent"
    rows = [(f"{line.kind} {line.name}", _words(line.would)) for line in found.lines]
    if rows:
        yield ""
        yield Table(("what", "would be"), rows)


# -- JSON ------------------------------------------------------------------------------------------------------------


def backtest_data(found: Backtest) -> dict[str, Any]:
    """The JSON document: every rule, trigger, intake entry and stage, also those that do not differ."""
    sent, would = _sent(found.lines)
    data: dict[str, Any] = {
        "since": utc(found.since), "until": utc(found.until), "items": found.past.items, "events": found.events,
        "commands": found.rows - found.events, "differs": found.differs(),
        "sent": {"was": sent, "would_be": would},
        "lines": [_line_data(line) for line in found.lines],
        "not_known": dict(found.past.unknown), "events_known_from": utc(found.not_known_before),
        "not_repeated": {"count": found.refused, "examples": [_refused_data(one) for one in found.not_repeated]},
    }  # fmt: skip
    if found.dates is not None:
        by_field = dict(found.dates.fields)
        data["dates"] = {"fields": by_field, "items": found.dates.taken, "left_out": dict(found.dates.left_out)}
    return data


def _line_data(line: Line) -> dict[str, Any]:
    return {
        "kind": line.kind, "name": line.name, "was": _counts(line.was), "would_be": _counts(line.would),
        "more": line.more, "fewer": line.fewer, "other_time": line.other_time,
        "examples": [
            {"item": one.item, "what": one.word, "was": utc(one.was), "would_be": utc(one.would)}
            for one in line.examples
        ],
    }  # fmt: skip


def _counts(counts: Counter[str]) -> dict[str, int]:
    return {word: number for word, number in counts.items() if number}


def _refused_data(one: NotRepeated) -> dict[str, str]:
    return {"id": one.row, "type": one.type, "item": one.item, "because": one.because}
