"""Cron on the wall clock: matches, clock changes both ways, and what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stageauto.engine.cron import CronError, check_cron, cron_next, cron_prev
from stageauto.engine.local import from_local, parse_local, to_local

WARSAW = ZoneInfo("Europe/Warsaw")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
APIA = ZoneInfo("Pacific/Apia")


def matches(expr, start, count, zone=WARSAW):
    moment, found = parse_local(start, zone), []
    for _ in range(count):
        moment = cron_next(expr, moment, zone)
        found.append(f"{to_local(moment, zone):%Y-%m-%d %H:%M%z}")
    return found


def test_weekday_names_and_ranges_are_read():
    assert matches("0 9 * * mon-fri", "2026-03-05T10:00", 2) == ["2026-03-06 09:00+0100", "2026-03-09 09:00+0100"]


def test_the_next_match_is_strictly_after():
    assert matches("0 9 * * *", "2026-03-02T09:00", 1) == ["2026-03-03 09:00+0100"]
    assert matches("0 9 * * *", "2026-03-02T08:59:59.999", 1) == ["2026-03-02 09:00+0100"]


def test_the_previous_match_may_be_the_moment_itself():
    nine = parse_local("2026-03-02T09:00", WARSAW)
    assert cron_prev("0 9 * * *", nine, WARSAW) == nine
    assert cron_prev("0 9 * * *", nine - 1, WARSAW) == parse_local("2026-03-01T09:00", WARSAW)
    assert cron_prev("0 9 * * *", nine + 30_500, WARSAW) == nine


def test_day_of_month_and_day_of_week_are_joined_by_or():
    assert matches("0 9 15 * mon", "2026-03-10T00:00", 3) == [
        "2026-03-15 09:00+0100",
        "2026-03-16 09:00+0100",
        "2026-03-23 09:00+0100",
    ]


def test_29_february_is_found_in_the_next_leap_year():
    assert matches("0 9 29 2 *", "2026-03-01T00:00", 2) == ["2028-02-29 09:00+0100", "2032-02-29 09:00+0100"]


@pytest.mark.parametrize(
    ("expr", "zone", "start", "expected"),
    [
        ("30 2 * * *", WARSAW, "2026-03-28T12:00", ["2026-03-29 03:30+0200", "2026-03-30 02:30+0200"]),
        ("30 2 * * *", NEW_YORK, "2026-03-07T12:00", ["2026-03-08 03:30-0400", "2026-03-09 02:30-0400"]),
        ("15 2 * * *", LORD_HOWE, "2026-10-03T12:00", ["2026-10-04 02:45+1100", "2026-10-05 02:15+1100"]),
        ("0 12 30 12 *", APIA, "2011-12-29T13:00", ["2011-12-31 12:00+1400", "2012-12-30 12:00+1400"]),
    ],
)
def test_a_time_that_spring_skips_moves_forward_by_the_gap(expr, zone, start, expected):
    assert matches(expr, start, 2, zone) == expected


@pytest.mark.parametrize(
    ("expr", "zone", "start", "expected"),
    [
        ("30 2 * * *", WARSAW, "2026-10-24T12:00", ["2026-10-25 02:30+0200", "2026-10-26 02:30+0100"]),
        ("30 1 * * *", NEW_YORK, "2026-10-31T12:00", ["2026-11-01 01:30-0400", "2026-11-02 01:30-0500"]),
        ("45 1 * * *", LORD_HOWE, "2026-04-04T12:00", ["2026-04-05 01:45+1100", "2026-04-06 01:45+1030"]),
    ],
)
def test_a_time_that_occurs_twice_in_autumn_matches_once_the_first_time(expr, zone, start, expected):
    assert matches(expr, start, 2, zone) == expected


def test_in_the_gap_a_moved_and_a_plain_match_at_one_moment_are_one():
    assert matches("0,30 2,3 * * *", "2026-03-29T01:00", 3) == [
        "2026-03-29 03:00+0200",
        "2026-03-29 03:30+0200",
        "2026-03-30 02:00+0200",
    ]


@pytest.mark.parametrize(
    ("expr", "says"),
    [
        ("0 9 31 2 *", "never matches"),
        ("0 9 31 4,6,9,11 *", "never matches"),
        ("0 9 * *", "4 fields"),
        ("0 0 9 * * *", "6 fields"),
        ("@daily", "1 field"),
        ("", "0 fields"),
        ("61 * * * *", "cannot be read"),
        ("0 25 * * *", "cannot be read"),
        ("0 9 * * someday", "cannot be read"),
        ("H 9 * * *", "random"),
        ("0 R(1-5) * * *", "random"),
        ("0 9," * 200, "too long"),
    ],
)
def test_a_bad_expression_is_refused(expr, says):
    with pytest.raises(CronError, match=says):
        check_cron(expr)


@pytest.mark.parametrize("expr", ["0 9 * * mon-fri", "*/5 * * * *", "0 9 29 2 *", "0 9 31 2 mon", "0 0 1 jan thu"])
def test_a_good_expression_is_accepted(expr):
    check_cron(expr)


CHANGES = {
    WARSAW: ("2026-03-29", "2026-10-25"),
    NEW_YORK: ("2026-03-08", "2026-11-01"),
    LORD_HOWE: ("2026-04-05", "2026-10-04"),
    APIA: ("2011-12-30", "2011-09-24"),
}


@cache
def by_brute_force(minutes, hours, zone, day):
    """Every match in the four days around a clock change, by asking each minute of the wall clock."""
    first = datetime.fromisoformat(day) - timedelta(days=2)
    walls = (first + timedelta(minutes=minute) for minute in range(5 * 1440))
    return sorted({from_local(wall, zone) for wall in walls if wall.minute in minutes and wall.hour in hours})


@settings(max_examples=40, deadline=None)
@given(
    zone=st.sampled_from(list(CHANGES)),
    change=st.integers(0, 1),
    minutes=st.frozensets(st.sampled_from([0, 10, 15, 29, 30, 31, 45, 59]), min_size=1, max_size=3),
    hours=st.frozensets(st.integers(0, 4), min_size=1, max_size=3),
    offset=st.integers(0, 900_000),
)
@example(zone=WARSAW, change=0, minutes=frozenset({0, 30}), hours=frozenset({2, 3}), offset=0)
@example(zone=WARSAW, change=1, minutes=frozenset({0, 45}), hours=frozenset({2}), offset=0)
@example(zone=LORD_HOWE, change=0, minutes=frozenset({45}), hours=frozenset({1}), offset=0)
@example(zone=LORD_HOWE, change=1, minutes=frozenset({10, 30}), hours=frozenset({2}), offset=0)
@example(zone=LORD_HOWE, change=0, minutes=frozenset({10, 30, 31}), hours=frozenset({0, 1, 2}), offset=0)
@example(zone=LORD_HOWE, change=1, minutes=frozenset({10, 30, 31}), hours=frozenset({0, 1, 2}), offset=0)
def test_next_and_previous_agree_with_asking_every_minute_around_a_clock_change(zone, change, minutes, hours, offset):
    day = CHANGES[zone][change]
    expr = f"{','.join(map(str, sorted(minutes)))} {','.join(map(str, sorted(hours)))} * * *"
    expected = by_brute_force(minutes, hours, zone, day)
    midnight = from_local(datetime.fromisoformat(day), zone)
    for quarter in range(-4, 48):
        moment = midnight + offset + quarter * 900_000
        assert cron_next(expr, moment, zone) == min(found for found in expected if found > moment)
        assert cron_prev(expr, moment, zone) == max(found for found in expected if found <= moment)
