"""The figures as text with bars, and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stageauto.engine.state import OUTCOMES
from stageauto.report.tables import Cell, Row, Table, safe
from stageauto.report.times import local, span, utc
from stageauto.report.upkeep import counted
from stageauto.runner.figures import span_of

if TYPE_CHECKING:
    from stageauto.runner.figures import Span
    from stageauto.runner.stats import ChannelFigures, Figures, PipelineFigures, StageFigures

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WIDTH = 28
_PARTS = " ▏▎▍▌▋▊▉█"
_SHADES = " ░▒▓█"
_PLAIN_SHADES = " .:*#"


def number(value: float) -> str:
    """`8,800`; what is not whole with two digits after the point."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 10_000 else f"{value:,.2f}"


def percent(part: float, whole: float) -> str:
    """`63 %`, `0.4 %`; nothing of nothing is no share."""
    if not whole:
        return "–"  # noqa: RUF001
    share = 100 * part / whole
    return f"{share:.1f} %" if 0 < share < 10 or 99 < share < 100 else f"{share:.0f} %"


def long(ms: int | None) -> str:
    """A length of time, of ten days and more in days; a dash where nothing ended yet."""
    if ms is None:
        return "–"  # noqa: RUF001
    days = round(ms / 86_400_000)
    return f"{days} d" if days >= 10 else span(ms)


def period(figures: Figures) -> str:
    """What time the figures are of."""
    until = local(figures.now, figures.facts.zone)
    return f"{local(figures.since, figures.facts.zone)} to {until}" if figures.since else f"until {until}"


# -- text ------------------------------------------------------------------------------------------------------------


def stats_text(figures: Figures) -> Iterator[str | Table]:
    """The figures for a terminal: tables with bars, and the busiest hours as shades."""
    yield f"{period(figures)} ({figures.facts.timezone})"
    for one in figures.pipelines:
        yield ""
        yield safe(_headline(one))
        yield _funnel(one)
        yield from _remarks(one)
        if any(rule.outcomes for rule in one.rules):
            yield ""
            yield _rules(one)
            idle = sum(not rule.outcomes for rule in one.rules)
            if idle:
                yield f"and {counted(idle, 'rule')} that nothing came of yet"
    if any(map(any, figures.beat)):
        yield ""
        yield "moves, events and messages by hour"
        yield from _beat(figures.beat)
    if figures.channels:
        yield ""
        yield _channels(figures.channels)


def _headline(one: PipelineFigures) -> str:
    won, lost = one.here("won"), one.here("lost")
    parts = [f"{number(one.created)} created", f"{number(one.here('open'))} open"]
    if one.money and one.value("open"):
        parts[-1] += f" ({one.money} {number(one.value('open'))})"
    parts.append(f"{number(won)} won" + (f" ({percent(won, won + lost)} of those that ended)" if won + lost else ""))
    if one.money and one.value("won"):
        parts[-1] += f" ({one.money} {number(one.value('won'))})"
    parts.append(f"{number(lost)} lost")
    if one.deleted:
        parts.append(f"{number(one.deleted)} deleted (left out)")
    return f"{one.name}: {', '.join(parts)}"


def _remarks(one: PipelineFigures) -> Iterator[str]:
    to_won = span_of(one.to_won)
    if to_won.count:
        yield f"from creation to won: median {long(to_won.median)}, p90 {long(to_won.p90)}"
    if one.lost_from_nowhere:
        many = number(one.lost_from_nowhere)
        yield f"where {many} of the lost were before is not known: they count for the first stage"


def _funnel(one: PipelineFigures) -> Table:
    rows: list[Row] = []
    won = one.here("won")
    for stage, after in zip(one.stages, [*one.stages[1:], None], strict=True):
        time = stage.time
        rows.append([
            stage.name, bar(stage.reached, one.created), number(stage.reached), number(stage.here), number(stage.lost),
            percent(after.reached, stage.reached) if after and stage.kind == "open" else "",
            percent(won, stage.reached) if stage.kind == "open" else "", long(time.median), long(time.p90),
        ])  # fmt: skip
    rows += [[Cell(one.name, "skipped"), "", "", number(one.here), "", "", "", "", ""] for one in one.lost_stages]
    columns = ["stage", "", "reached", "here now", "lost", "go on", "won", "median", "p90"]
    return Table(columns, rows, right=frozenset(columns[2:]))


def bar(value: float, most: float, width: int = _WIDTH) -> str:
    """A bar as long as its share of the most, to an eighth of a letter where the letters are there."""
    eighths = round(8 * width * value / most) if most else 0
    if value and not eighths:
        eighths = 1
    if not _fancy():
        return "#" * -(-eighths // 8)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_PARTS[rest] if rest else "")


def _fancy() -> bool:
    return (sys.stdout.encoding or "").lower().startswith("utf")


def _rules(one: PipelineFigures) -> Table:
    seen = [name for name in OUTCOMES if any(rule.outcomes.get(name) for rule in one.rules)]
    rows: list[Row] = [
        [rule.stage, rule.rule, rule.do, *(Cell(_count(rule.outcomes.get(name, 0)), name) for name in seen)]
        for rule in one.rules
        if rule.outcomes
    ]
    return Table(["stage", "rule", "do", *seen], rows, right=frozenset(seen))


def _count(value: int) -> str:
    return number(value) if value else ""


def _beat(beat: list[list[int]]) -> Iterator[str]:
    most = max(map(max, beat))
    shades = _SHADES if _fancy() else _PLAIN_SHADES
    yield "      " + "".join(f"{hour:<6}" for hour in range(0, 24, 3)).rstrip()
    for name, hours in zip(DAYS, beat, strict=True):
        shown = "".join(2 * shades[-(-4 * count // most)] for count in hours)
        yield f"{name}   {shown}  {number(sum(hours))}".rstrip()


def _channels(channels: list[ChannelFigures]) -> Table:
    most = max(one.sent for one in channels)
    rows: list[Row] = [
        [one.name, bar(one.sent, most), number(one.sent), ", ".join(f"{n:,} {state}" for state, n in _kept(one))]
        for one in channels
    ]
    return Table(["channel", "", "sent", "not sent"], rows, right=frozenset({"sent"}))


def _kept(one: ChannelFigures) -> list[tuple[str, int]]:
    return sorted(one.kept_back.items())


# -- JSON ------------------------------------------------------------------------------------------------------------


def stats_data(figures: Figures) -> dict[str, Any]:
    """The JSON document: shares are 0 to 1 or null, times in seconds."""
    return {
        "since": utc(figures.since) if figures.since else None,
        "until": utc(figures.now),
        "timezone": figures.facts.timezone,
        "pipelines": [_pipeline_data(figures, one) for one in figures.pipelines],
        "busiest_hours": dict(zip((day.lower() for day in DAYS), figures.beat, strict=True)),
        "channels": [{"channel": one.name, "sent": one.sent, **one.kept_back} for one in figures.channels],
    }


def _pipeline_data(figures: Figures, one: PipelineFigures) -> dict[str, Any]:
    kind, flow = figures.flow(one)
    won, lost = one.here("won"), one.here("lost")
    return {
        "pipeline": one.id, "name": one.name, "created": one.created, "deleted": one.deleted,
        "open": one.here("open"), "won": won, "lost": lost, "won_share": _share(won, won + lost),
        "time_to_won": _time(span_of(one.to_won)), "money": one.money or None,
        "stages": [
            _stage_data(one, stage, after) for stage, after in zip(one.stages, [*one.stages[1:], None], strict=True)
        ],
        "lost_stages": [{"stage": each.id, "name": each.name, "here": each.here} for each in one.lost_stages],
        "lost_from_unknown": one.lost_from_nowhere,
        "rules": [
            {"stage": rule.stage, "rule": rule.rule, "do": rule.do, "outcomes": dict(rule.outcomes)}
            for rule in one.rules
        ],
        "people": [
            {"user": user, "name": person.name, "open": person.open, "won": person.won, "lost": person.lost}
            for user, person in sorted(one.people.items())
        ],
        "flow": {"by": kind, "counts": [{"from": utc(at), **counts} for at, counts in flow]},
    }  # fmt: skip


def _stage_data(one: PipelineFigures, stage: StageFigures, after: StageFigures | None) -> dict[str, Any]:
    return {
        "stage": stage.id, "name": stage.name, "kind": stage.kind, "entered": stage.entered, "reached": stage.reached,
        "here": stage.here, "lost": stage.lost, "value": stage.value if one.money else None,
        "to_next": _share(after.reached, stage.reached) if after else None,
        "to_won": _share(one.here("won"), stage.reached), "time": _time(stage.time),
    }  # fmt: skip


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _time(found: Span) -> Mapping[str, float | int | None]:
    seconds = [None if one is None else one / 1000 for one in (found.median, found.p90)]
    return {"visits": found.count, "median": seconds[0], "p90": seconds[1]}
