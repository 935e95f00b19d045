"""When a rule is due, worked out a second time by someone who reads SEMANTICS 9 and knows nothing of the engine."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from stageauto.loader.load import load
from stageauto.runner.scenario import PASSED, run_scenario

ZONE = ZoneInfo("Europe/Warsaw")
HOLIDAYS = (date(2026, 3, 4), date(2026, 4, 6), date(2026, 5, 1))
SPLIT = [(540, 780), (840, 1080)]
OPEN: dict[str, list[list[tuple[int, int]]]] = {  # minutes of each weekday
    "working": [SPLIT, SPLIT, SPLIT, SPLIT, SPLIT, [(600, 840)], []],
    "rare": [[], [(480, 720)], [], [], [(900, 1440)], [], []],
}
WORKSPACE = """\
stageauto: 1
timezone: Europe/Warsaw
calendars:
  working:
    mon-fri: "09:00-13:00, 14:00-18:00"
    sat: "10:00-14:00"
    holidays: &closed {dates: [2026-03-04, 2026-04-06, 2026-05-01]}
  rare: {tue: "08:00-12:00", fri: "15:00-24:00", holidays: *closed}
"""
Span = tuple[int, int, int, int]  # months, days, working days, minutes
SPANS: dict[str, Span] = {
    "0d": (0, 0, 0, 0), "1d": (0, 1, 0, 0), "2d": (0, 2, 0, 0), "1w": (0, 7, 0, 0), "1wd": (0, 0, 1, 0),
    "3wd": (0, 0, 3, 0), "3h": (0, 0, 0, 180), "90m": (0, 0, 0, 90), "24h": (0, 0, 0, 1440), "1mo": (1, 0, 0, 0),
    "1d12h": (0, 1, 0, 720), "1mo1d2h": (1, 1, 0, 120),
}  # fmt: skip


def instant(wall: datetime) -> datetime:
    """The first moment at which the clock shows this; one that spring skips is moved by the gap."""
    return wall.replace(tzinfo=ZONE, fold=0).astimezone(UTC)


def shown(moment: datetime) -> datetime:
    """What the clock shows."""
    return moment.astimezone(ZONE).replace(tzinfo=None, fold=0)


def windows(calendar: str, day: date) -> list[tuple[int, int]]:
    """The open minutes of a day."""
    return [] if day in HOLIDAYS else OPEN[calendar][day.weekday()]


def minute(day: date, number: int) -> datetime:
    """That minute of the day."""
    return datetime.combine(day, time()) + timedelta(minutes=number)


def forward(calendar: str, wall: datetime) -> datetime:
    """The next open moment."""
    at, day = wall.hour * 60 + wall.minute, wall.date()
    while True:
        for start, end in windows(calendar, day):
            if at < end:
                return minute(day, max(start, at))
        at, day = 0, day + timedelta(days=1)


def backward(calendar: str, wall: datetime) -> datetime:
    """That day's last open time before it, or the same time on the nearest earlier open day, clamped into its hours."""
    at, day = wall.hour * 60 + wall.minute, wall.date()
    same_day = True
    while True:
        there = windows(calendar, day)
        if any(start <= at < end for start, end in there):
            return wall if same_day else minute(day, at)
        closed = [end for _, end in there if end <= at]
        if closed:
            return minute(day, closed[-1])
        if there and not same_day:
            return minute(day, there[0][0])
        same_day, day = False, day - timedelta(days=1)


def moved(wall: datetime, span: Span, sign: int) -> datetime:
    """The instant so long after (before) a local time: months and days on the calendar, then exact minutes."""
    months, days, working, minutes = span
    year, month = divmod(wall.year * 12 + wall.month - 1 + sign * months, 12)
    last = (date(year + month // 11, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    wall = wall.replace(year=year, month=month + 1, day=min(wall.day, last)) + timedelta(days=sign * days)
    while working:
        wall += timedelta(days=sign)
        working -= bool(windows("working", wall.date()))
    return instant(wall) + timedelta(minutes=sign * minutes)


def foreseen(start: datetime, kind: str, field: date | datetime, span: Span, rest: dict[str, str]) -> datetime | None:
    """When the rule is due, None for skipped. `rest`: `time`, `if_past` of the rule and its `hours`, "" for none."""
    calendar, back = rest["hours"], kind == "before"
    counted = start if kind == "delay" else field if isinstance(field, datetime) else datetime.combine(field, time())
    if calendar and kind != "delay" and not isinstance(field, datetime):
        there = windows(calendar, field)
        counted = minute(field, there[0][0]) if there else (backward if back else forward)(calendar, counted)
    due = moved(shown(instant(counted)), span, -1 if back else 1)
    if rest["time"]:
        due = instant(datetime.combine(shown(due).date(), time.fromisoformat(rest["time"])))
    if calendar:
        inside = (backward if back else forward)(calendar, shown(due))
        due = due if inside == shown(due) else instant(inside)
    if due >= instant(start):
        return due
    if rest["if_past"] == "skip":
        return None
    at_once = instant(forward(calendar, start)) if calendar else instant(start)
    if not isinstance(field, datetime):
        there = windows(calendar, field) if calendar else []
        field = minute(field, there[0][0] if there else 0)
    return None if back and at_once >= instant(field) else at_once


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_a_rule_is_due_when_the_words_say_so(seed: int):
    chance = random.Random(seed)
    start = datetime(
        2026,
        chance.choice((3, 4, 5, 10)),
        chance.randint(1, 28),
        chance.choice((0, 2, 9, 13, 16, 20)),
        chance.choice((0, 45)),
    )
    if chance.random() < 0.15:  # the nights on which the clocks change
        start = datetime(2026, *chance.choice(((3, 28), (10, 24))), chance.choice((1, 2, 12)), 30)
    kind = chance.choice(("delay", "before", "before", "before", "after", "at"))
    words = "0d" if kind == "at" else chance.choice(("0d", "1d", "2d", *SPANS))
    field: date | datetime = start.date() + timedelta(days=chance.randint(-3, 20))
    if chance.random() < 0.5:
        field = datetime.combine(field, time(chance.choice((0, 2, 9, 13, 13, 18, 20)), chance.choice((0, 0, 30))))
    rest = {
        "hours": chance.choice(("", "working", "working", "rare")),
        "time": chance.choice(("", "", "", "13:00", "02:30", "20:00")),
    }
    rest["if_past"] = "skip" if (kind != "delay" or rest["time"]) and chance.random() < 0.3 else ""
    when = {"delay": f"delay: {words}", "at": "at: f"}.get(kind, f"{kind}: f, by: {words}")
    when += f', time: "{rest["time"]}"' if rest["time"] else ""
    when += ", if_past: skip" if rest["if_past"] else ""
    hours = f"hours: {rest['hours']}, " if rest["hours"] else ""
    pipeline = f"""\
pipeline: p
fields: {{f: {"datetime" if isinstance(field, datetime) else "date"}}}
stages: [{{id: a, rules: [{{id: r, do: add_comment, when: {{{when}}}, {hours}with: {{text: x}}}}]}}]
"""
    due = foreseen(start, kind, field, SPANS[words], rest)
    expected = "outcomes: [{rule: r, outcome: done}]"
    if due is None:
        expected = "outcomes: [{rule: r, outcome: skipped}]"
    elif due > instant(start):
        expected = f'pending: [{{rule: r, due: "{shown(due):%Y-%m-%dT%H:%M}"}}]'
    scenario = f"""\
scenario: x
start: "{start:%Y-%m-%dT%H:%M}"
given: {{items: [{{id: i, pipeline: p, stage: a, fields: {{f: "{field.isoformat()}"}}}}]}}
steps: [{{expect: {{{expected}}}}}]
"""
    files = {"stageauto.yaml": WORKSPACE, "pipelines/p.yaml": pipeline}
    loaded = load(files, env={}, now=1_772_000_000_000, scenarios={"scenarios/s.yaml": scenario})
    assert loaded.workspace is not None, loaded.diagnostics
    result = run_scenario(loaded.workspace, loaded.scenarios[0])
    assert result.outcome == PASSED, (pipeline, scenario, result.failures)
