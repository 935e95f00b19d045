"""Figures of a pipeline that was really run, on a clock that the test sets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from stageauto.errors import NotAllowedError, UsageError
from stageauto.loader.files import read_files
from stageauto.runner import change
from stageauto.runner.clock import VirtualClock
from stageauto.runner.figures import beat_of, buckets, span_of
from stageauto.runner.session import Session
from stageauto.runner.stats import stats
from stageauto.runner.versions import load
from tests.runner.support import workspace

ZONE = ZoneInfo("Europe/Warsaw")
DAY = 86_400_000
PIPELINE = """\
pipeline: deals
fields: {amount: {type: money, default: 10}}
stages:
  - id: new
    rules:
      - {id: note, do: add_log_entry, with: {text: Hello}}
      - {id: big, do: add_log_entry, if: item.amount > 100, with: {text: Big}}
      - {id: later, do: add_log_entry, when: {delay: 30d}, with: {text: Later}}
  - {id: quote, name: Quote sent}
  - {id: won, kind: won}
  - {id: lost, kind: lost}
"""
USERS = """\
users: {anna: {name: Anna Nowak, roles: [all]}, peter: {name: Peter}}
roles: {all: {"*": [automation.read, automation.update, items.read, items.update]}}
"""


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    root = workspace(tmp_path, PIPELINE, USERS)
    with Session.open(root, create=True, clock=VirtualClock(at("2026-03-02T09:00")), as_user="anna") as made:
        load(made, read_files(root))
        yield made


def turn(session: Session, moment: str) -> None:
    assert isinstance(session.clock, VirtualClock)
    session.clock.at = at(moment)


def add(session: Session, stage: str | None = None, **values: object) -> str:
    return change.add(session, "deals", stage=stage, values={"title": "Roof", **values}, contact={})


def four_deals(session: Session) -> None:
    """Created on Monday at nine; two go on after one and three days, one of them is won, one is lost from there."""
    first, second, _third, fourth = (add(session, responsible="anna", amount=amount) for amount in (200, 50, 5, 1))
    turn(session, "2026-03-03T09:00")
    change.move(session, first, "quote")
    turn(session, "2026-03-05T09:00")
    change.move(session, second, "quote")
    change.delete(session, fourth)
    turn(session, "2026-03-06T10:30")
    change.move(session, first, "won")
    change.move(session, second, "lost")


def test_the_funnel_counts_who_came_how_far(session):
    four_deals(session)
    [one] = stats(session).pipelines
    assert [(stage.id, stage.entered, stage.reached, stage.here, stage.lost) for stage in one.stages] == [
        ("new", 3, 3, 1, 0), ("quote", 2, 2, 0, 1), ("won", 1, 1, 1, 0),
    ]  # fmt: skip
    assert [(stage.id, stage.here) for stage in one.lost_stages] == [("lost", 1)]
    assert (one.created, one.deleted, one.here("open"), one.lost_from_nowhere) == (3, 1, 1, 0)


def test_a_stage_that_was_jumped_over_counts_as_reached_but_not_as_entered(session):
    change.move(session, add(session), "won")
    new, quote, won = stats(session).pipelines[0].stages
    assert [(one.entered, one.reached) for one in (new, quote, won)] == [(1, 1), (0, 1), (1, 1)]


def test_the_time_in_a_stage_is_that_of_the_visits_that_ended(session):
    four_deals(session)
    new, quote, _won = stats(session).pipelines[0].stages
    assert (new.time.count, new.time.median, new.time.p90) == (2, 2 * DAY, 3 * DAY)
    assert sorted(quote.spans) == [DAY + 5_400_000, 3 * DAY + 5_400_000]


def test_the_time_to_won_counts_from_creation(session):
    four_deals(session)
    assert stats(session).pipelines[0].to_won == [4 * DAY + 5_400_000]


def test_the_sums_are_of_the_first_field_of_money(session):
    four_deals(session)
    one = stats(session).pipelines[0]
    assert (one.money, one.value("open"), one.value("won"), one.value("lost")) == ("amount", 5.0, 200.0, 50.0)


def test_what_the_responsibles_items_became_is_counted(session):
    four_deals(session)
    anna = stats(session).pipelines[0].people["anna"]
    assert (anna.name, anna.open, anna.won, anna.lost) == ("Anna Nowak", 1, 1, 1)


def test_outcomes_are_counted_by_rule_and_what_a_move_cut_off_is_among_them(session):
    four_deals(session)
    note, big, later = stats(session).pipelines[0].rules
    assert (note.rule, dict(note.outcomes)) == ("note", {"done": 4})
    assert dict(big.outcomes) == {"done": 1, "skipped": 3}
    assert dict(later.outcomes) == {"cancelled": 3}


def test_a_rule_that_is_gone_from_the_files_is_still_counted(session):
    add(session)
    file = session.root / "pipelines/work.yaml"
    file.write_text(file.read_text("utf-8").replace("id: note", "id: hello"), "utf-8")
    load(session, read_files(session.root))
    rules = {one.rule: dict(one.outcomes) for one in stats(session).pipelines[0].rules}
    assert rules["hello"] == {}
    assert rules["note"] == {"done": 1}


def test_since_leaves_out_what_was_created_or_ended_before(session):
    four_deals(session)
    turn(session, "2026-03-06T11:00")
    later = add(session)
    change.move(session, later, "quote")
    [one] = stats(session, since="1d").pipelines
    assert (one.created, one.stages[1].reached, one.to_won) == (1, 1, [4 * DAY + 5_400_000])
    assert len(one.stages[0].spans) == 1
    assert dict(one.rules[0].outcomes) == {"done": 1}


def test_the_busiest_hours_are_local_ones(session):
    four_deals(session)
    beat = stats(session).beat
    assert (beat[0][9], beat[1][9], beat[3][9], beat[4][10]) == (4, 1, 1, 2)
    assert sum(map(sum, beat)) == 8


def test_what_was_created_won_and_lost_is_counted_by_day(session):
    four_deals(session)
    found = stats(session)
    kind, counted = found.flow(found.pipelines[0])
    assert (kind, counted[0]) == ("day", (at("2026-03-02T00:00"), {"created": 3, "won": 0, "lost": 0}))
    assert counted[-1] == (at("2026-03-06T00:00"), {"created": 0, "won": 1, "lost": 1})
    assert len(counted) == 5


def test_an_empty_workspace_has_figures_of_nothing(session):
    found = stats(session)
    [one] = found.pipelines
    assert (one.created, one.stages[0].time.median, found.channels) == (0, None, [])
    assert found.flow(one)[0] == "day"


def test_figures_are_for_those_who_may_see_the_items(session, tmp_path):
    with Session.open(tmp_path, clock=session.clock, as_user="peter") as other, pytest.raises(NotAllowedError):
        stats(other)
    with pytest.raises(UsageError, match="no pipeline"):
        stats(session, pipeline="dels")


# -- arithmetic ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spans", "median", "p90"),
    [([], None, None), ([7], 7, 7), ([1, 3], 2, 3), (range(1, 11), 5, 9), (range(1, 12), 6, 10), ([5] * 9 + [9], 5, 5)],
)
def test_the_p90_is_the_value_that_nine_in_ten_do_not_exceed(spans, median, p90):
    found = span_of(list(spans))
    assert (found.count, found.median, found.p90) == (len(spans), median, p90)


def test_hours_are_told_apart_in_zones_that_differ_by_quarters():
    kathmandu = ZoneInfo("Asia/Kathmandu")  # 5 hours 45 minutes
    beat = beat_of([(at("2026-03-02T04:00"), 2), (at("2026-03-02T04:15"), 3)], kathmandu)
    assert (beat[0][8], beat[0][9]) == (2, 3)


@pytest.mark.parametrize(
    ("last", "kind", "count"),
    [
        ("2026-03-30T12:00", "day", 29), ("2026-06-01T12:00", "week", 14), ("2028-01-15T12:00", "month", 23),
        ("2046-01-15T12:00", "year", 21),
    ],
)  # fmt: skip
def test_time_is_cut_into_days_weeks_months_or_years_and_none_is_left_out(last, kind, count):
    moments = {"created": [at("2026-03-02T12:00"), at(last)]}
    found, counted = buckets(moments, 0, 0, ZONE)
    assert (found, len(counted)) == (kind, count)
    assert (counted[0][1], counted[-1][1]) == ({"created": 1}, {"created": 1})
    assert sum(counts["created"] for _, counts in counted) == 2
