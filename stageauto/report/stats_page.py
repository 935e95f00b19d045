"""The figures as one page that needs nothing else: to look at on any screen, to print, to send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from stageauto import __version__
from stageauto.engine.local import to_local
from stageauto.engine.state import OUTCOMES
from stageauto.report import charts
from stageauto.report.stats import DAYS, long, number, percent, period
from stageauto.runner.figures import span_of

if TYPE_CHECKING:
    from stageauto.runner.stats import Figures, PipelineFigures, RuleFigures

MOST_PEOPLE = 15
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def stats_page(figures: Figures) -> str:
    """The page as HTML. What users wrote is escaped; nothing is fetched, no script runs."""
    names = ", ".join(one.name for one in figures.pipelines)
    title = f"{names}: figures" if len(figures.pipelines) < 3 else "Figures"
    body = "\n".join(_body(figures))
    style = files("stageauto.report").joinpath("stats.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<title>{escape(title)}</title>\n<link rel="icon" href="data:,">\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _body(figures: Figures) -> Iterator[str]:
    zone = escape(figures.facts.timezone)
    yield f'<header><p class="when">{escape(period(figures))} <span class="soft">{zone}</span></p></header>'
    for one in figures.pipelines:
        yield from _pipeline(figures, one)
    yield from _everywhere(figures)
    yield f"<footer>stageauto {escape(__version__)}. {' '.join(_how(figures))}</footer>"


def _how(figures: Figures) -> Iterator[str]:
    if figures.since:
        yield "Items that were created in this time; visits, runs and messages that ended in it."
    yield "Reached: stood in this stage or in a later one."
    yield "Median: half took no longer; p90: nine in ten took no longer."


def _pipeline(figures: Figures, one: PipelineFigures) -> Iterator[str]:
    yield f'<section class="pipeline"><h1>{escape(one.name)}</h1>'
    yield from _cards(one)
    yield from _funnel(one)
    yield '<div class="two">'
    yield from _flow(figures, one)
    yield from _times(one)
    yield from _people(one)
    yield "</div>"
    yield from _rules(one)
    yield "</section>"


# -- the numbers on top ----------------------------------------------------------------------------------------------


def _cards(one: PipelineFigures) -> Iterator[str]:
    won, lost, time = one.here("won"), one.here("lost"), span_of(one.to_won)
    worth = f"{escape(one.money.replace('_', ' '))} "
    yield '<div class="cards">'
    yield _card("Created", number(one.created), f"{number(one.deleted)} deleted, left out" if one.deleted else "")
    is_worth = worth + number(one.value("open")) if one.money and one.value("open") else ""
    yield _card("Open now", number(one.here("open")), is_worth, "open")
    is_worth = worth + number(one.value("won")) if one.money and one.value("won") else ""
    yield _card("Won", number(won), is_worth, "won")
    yield _card("Won of all that ended", percent(won, won + lost), f"{number(lost)} lost")
    if time.count:
        yield _card("From creation to won", long(time.median), f"nine in ten within {long(time.p90)}")
    yield "</div>"


def _card(name: str, value: str, below: str = "", style: str = "") -> str:
    under = f'<span class="soft">{below}</span>' if below else ""
    return f'<div class="card {style}"><span class="name">{name}</span><strong>{value}</strong>{under}</div>'


# -- funnel ----------------------------------------------------------------------------------------------------------


def _funnel(one: PipelineFigures) -> Iterator[str]:
    won = one.here("won")
    yield '<article><h2>How far they come</h2><div class="rows funnel">'
    for stage, after in zip(one.stages, [*one.stages[1:], None], strict=True):
        last = stage.kind == "won"
        told = f"{stage.name}: {number(stage.reached)} reached it, {number(stage.here)} are here now"
        style = "won" if last else "open"
        chart = charts.bar(told, [(style, stage.reached, told)], one.created, back=one.created)
        beside = "" if last else f"{number(stage.here)} here now"
        if stage.lost:
            beside += f", {number(stage.lost)} lost from here"
        yield _row(stage.name, chart, number(stage.reached), beside)
        if after is not None and not last:
            share = f"{percent(after.reached, stage.reached)} go on"
            to_won = f"{percent(won, stage.reached)} are won" if after.kind != "won" else ""
            yield f'<p class="step"><b>{share}</b>{f"<span>{to_won}</span>" if to_won else ""}</p>'
    for stage in one.lost_stages:
        chart = charts.bar(stage.name, [("lost", stage.here, f"{number(stage.here)} here now")], one.created)
        yield '<p class="step"></p>'
        yield _row(stage.name, chart, number(stage.here), "")
    yield "</div>"
    if one.lost_from_nowhere:
        many = number(one.lost_from_nowhere)
        yield f'<p class="soft">Where {many} of the lost were before is not known: they count for the first stage.</p>'
    yield "</article>"


def _row(name: str, chart: str, value: str, beside: str) -> str:
    under = f'<span class="soft">{beside}</span>' if beside else ""
    words = f'<span class="label">{escape(name)}</span>'
    return f'<div class="row">{words}{chart}<span class="value">{value}</span>{under}</div>'


# -- the course of time ----------------------------------------------------------------------------------------------


def _flow(figures: Figures, one: PipelineFigures) -> Iterator[str]:
    kind, counted = figures.flow(one)
    if not any(any(counts.values()) for _, counts in counted):
        return
    days = [_day(at, figures, kind) for at, _ in counted]
    rows = [
        (f"{day}: {counts['created']:,} created, {counts['won']:,} won, {counts['lost']:,} lost", counts)
        for day, (_, counts) in zip(days, counted, strict=True)
    ]
    chart, top = charts.columns(f"Created, won and lost by {kind}", rows, ("won", "lost"), "created")
    yield f'<article class="wide"><h2>Created, won and lost by {kind}</h2>'
    yield _legend(("created line", "created"), ("won", "won"), ("lost", "lost"))
    axis = "".join(f"<span>{number(one)}</span>" for one in (top, top / 2, 0))
    yield f'<div class="plot"><div class="axis">{axis}</div>{chart}'
    marks = "".join(
        f'<span style="left:{100 * (index + 0.5) / len(days):.2f}%">{days[index]}</span>'
        for index in charts.chosen(len(days))
    )
    yield f'<div class="ticks">{marks}</div></div></article>'


def _day(at: int, figures: Figures, kind: str) -> str:
    local = to_local(at, figures.facts.zone)
    return f"{local:%Y}" if kind == "year" else f"{local:%b %Y}" if kind == "month" else f"{local.day} {local:%b}"


def _legend(*ones: tuple[str, str]) -> str:
    return (
        '<p class="legend">' + "".join(f'<span class="{style}">{escape(name)}</span>' for style, name in ones) + "</p>"
    )


def _times(one: PipelineFigures) -> Iterator[str]:
    timed = [(stage, time) for stage in one.stages if (time := stage.time).count]
    if not timed:
        return
    most = max(time.p90 or 0 for _, time in timed) or 1
    yield "<article><h2>Time in stage</h2>" + _legend(("time", "median"), ("pale", "p90"))
    yield '<div class="rows">'
    for stage, time in timed:
        told = f"{stage.name}: median {long(time.median)}, p90 {long(time.p90)}, {number(time.count)} visits"
        chart = charts.spread(told, time.median or 0, time.p90 or 0, most)
        yield _row(stage.name, chart, long(time.median), f"p90 {long(time.p90)}, {number(time.count)} visits")
    yield "</div></article>"


def _people(one: PipelineFigures) -> Iterator[str]:
    people = sorted(one.people.values(), key=lambda person: (-person.won, -person.open, person.name))[:MOST_PEOPLE]
    if not people:
        return
    most = max(person.won + person.lost + person.open for person in people)
    yield "<article><h2>By responsible</h2>" + _legend(("won", "won"), ("lost", "lost"), ("open", "open"))
    yield '<div class="rows tight">'
    for person in people:
        told = f"{person.name}: {person.won:,} won, {person.lost:,} lost, {person.open:,} open"
        parts = [("won", person.won, told), ("lost", person.lost, told), ("open", person.open, told)]
        yield _row(person.name, charts.bar(told, parts, most), f"{number(person.won)} won", "")
    yield "</div>"
    if len(one.people) > MOST_PEOPLE:
        yield f'<p class="soft">and {len(one.people) - MOST_PEOPLE} more</p>'
    yield "</article>"


# -- rules -----------------------------------------------------------------------------------------------------------


def _rules(one: PipelineFigures) -> Iterator[str]:
    ran = [rule for rule in one.rules if rule.outcomes]
    if not ran:
        return
    seen = [name for name in OUTCOMES if any(rule.outcomes.get(name) for rule in ran)]
    most = max(sum(rule.outcomes.values()) for rule in ran)
    yield "<article><h2>What became of the rules</h2>" + _legend(*((name, name) for name in seen))
    yield '<div class="rows rules">'
    yield from (_rule(rule, seen, most) for rule in ran)
    yield "</div>"
    idle = [rule for rule in one.rules if not rule.outcomes]
    if idle:
        names = ", ".join(escape(rule.name or rule.rule) for rule in idle)
        yield f'<p class="soft">Not run in this time: {names}</p>'
    yield "</article>"


def _rule(rule: RuleFigures, seen: Iterable[str], most: int) -> str:
    parts = [(name, rule.outcomes.get(name, 0), f"{rule.outcomes.get(name, 0):,} {name}") for name in seen]
    words = ", ".join(told for _, count, told in parts if count)
    title = rule.name or rule.rule
    return _row(title, charts.bar(f"{title}: {words}", parts, most), number(sum(rule.outcomes.values())), words)


# -- all pipelines together ------------------------------------------------------------------------------------------


def _everywhere(figures: Figures) -> Iterator[str]:
    yield '<section><div class="two">'
    yield from _beat(figures)
    yield from _channels(figures)
    yield "</div></section>"


def _beat(figures: Figures) -> Iterator[str]:
    if not any(map(any, figures.beat)):
        return
    top, day, hour = max((count, -d, h) for d, hours in enumerate(figures.beat) for h, count in enumerate(hours))
    yield '<article class="wide"><h2>Busiest hours</h2><p class="soft">Moves, events from outside and messages. '
    yield f"Most of them on {DAYS[-day]} from {hour}:00 to {hour + 1}:00: {number(top)}.</p>"
    yield '<div class="week"><div class="days">' + "".join(f"<span>{one}</span>" for one in DAYS) + "</div>"
    yield charts.heat("Moves, events and messages by day of the week and hour", figures.beat, DAYS)
    yield '<div class="hours">' + "".join(f"<span>{one}</span>" for one in range(0, 24, 3)) + "</div></div></article>"


def _channels(figures: Figures) -> Iterator[str]:
    if not figures.channels:
        return
    most = max(one.sent + sum(one.kept_back.values()) for one in figures.channels)
    yield '<article class="wide"><h2>Messages by channel</h2>' + _legend(("open", "sent"), ("failed", "not sent"))
    yield '<div class="rows">'
    for one in figures.channels:
        not_sent = sum(one.kept_back.values())
        words = ", ".join(f"{count:,} {state}" for state, count in sorted(one.kept_back.items()))
        parts = [("open", one.sent, f"{one.sent:,} sent"), ("failed", not_sent, words)]
        told = f"{one.name}: {one.sent:,} sent{', ' if words else ''}{words}"
        yield _row(one.name, charts.bar(told, parts, most), number(one.sent), words)
    yield "</div></article>"
