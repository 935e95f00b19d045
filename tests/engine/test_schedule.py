"""When a rule is due: shifts, date fields, hours, what is past, quiet hours, repetitions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stageauto.engine.calendars import CalendarError, compile_calendar
from stageauto.engine.durations import Duration, parse_duration
from stageauto.engine.local import days_later, midnight, wall
from stageauto.engine.schedule import (
    Due,
    LocalTimeError,
    Missing,
    NotDue,
    Quiet,
    Repeat,
    When,
    from_local,
    occurrence,
    parse_local,
    shift,
    to_local,
    work_out,
)

WARSAW = ZoneInfo("Europe/Warsaw")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
HOUR = 3_600_000

OFFICE = compile_calendar("working", {"mon-fri": "09:00-18:00"}, WARSAW)
LUNCH = compile_calendar(
    "lunch", {"mon-fri": "09:00-13:00, 14:00-18:00", "sat": "10:00-14:00", "holidays": {"country": "PL"}}, WARSAW
)
NIGHT = compile_calendar("night", {"daily": "20:00-08:00"}, WARSAW)


def at(text, zone=WARSAW):
    return parse_local(text, zone)


def shown(ms, zone=WARSAW):
    return f"{to_local(ms, zone):%Y-%m-%dT%H:%M}"


def moved(text, duration, *, zone=WARSAW, sign=1, times=1, working=OFFICE):
    reached = shift(at(text, zone), parse_duration(duration), zone, working, sign, times)
    return f"{to_local(reached, zone):%Y-%m-%dT%H:%M%z}"


def found(when, *, now="2026-03-02T09:00", base=None, value=None, hours=None, quiet=None, zone=WARSAW, has_time=True):
    """The outcome of work_out; a due moment as local text, with `!` when it was past."""
    given_value = at(value, zone) if isinstance(value, str) else value
    result = work_out(
        when,
        base=at(base or now, zone),
        now=at(now, zone),
        value=given_value,
        zone=zone,
        hours=hours,
        working=OFFICE,
        quiet=quiet,
        has_time=has_time,
    )
    return shown(result.at, zone) + ("!" if result.was_past else "") if isinstance(result, Due) else result


def before(by="0s", **more):
    return When("before", field="date", by=parse_duration(by), **more)


def after(by="0s", **more):
    return When("after", field="date", by=parse_duration(by), **more)


def delay(by, **more):
    return When("delay", by=parse_duration(by), **more)


class TestLocalTime:
    @pytest.mark.parametrize(
        ("text", "utc"),
        [
            ("2026-12-24T09:00", "2026-12-24T08:00:00+00:00"),
            ("2026-12-24 09:00:30", "2026-12-24T08:00:30+00:00"),
            ("2026-12-24", "2026-12-23T23:00:00+00:00"),
            ("2026-12-24T09:00Z", "2026-12-24T09:00:00+00:00"),
            ("2026-12-24T09:00+05:30", "2026-12-24T03:30:00+00:00"),
            ("2026-12-24T09:00:00.250-0500", "2026-12-24T14:00:00.250000+00:00"),
            ("0001-01-01T00:00", "0000-12-31T22:36:00+00:00"),
        ],
    )
    def test_texts_are_read(self, text, utc):
        if utc.startswith("0000"):
            assert at(text) == -62_135_596_800_000 - 84 * 60_000  # the local mean time of Warsaw
        else:
            assert at(text) == round(datetime.fromisoformat(utc).timestamp() * 1000)

    @pytest.mark.parametrize(
        "text", ["", "tomorrow", "20261224", "2026-W01-1", "2026-02-30", "2026-12-24T25:00", "24.12.2026", "x" * 9999]
    )
    def test_other_texts_are_refused(self, text):
        with pytest.raises(LocalTimeError, match="2026-12-24T09:00") as caught:
            at(text)
        assert len(str(caught.value)) < 150

    @pytest.mark.parametrize(
        ("zone", "skipped", "shows"),
        [
            (WARSAW, "2026-03-29T02:30", "2026-03-29T03:30"),
            (NEW_YORK, "2026-03-08T02:00", "2026-03-08T03:00"),
            (LORD_HOWE, "2026-10-04T02:10", "2026-10-04T02:40"),
        ],
    )
    def test_a_skipped_time_moves_forward_by_the_gap(self, zone, skipped, shows):
        assert shown(at(skipped, zone), zone) == shows

    @pytest.mark.parametrize(
        ("zone", "twice", "utc"),
        [
            (WARSAW, "2026-10-25T02:30", "2026-10-25T00:30"),
            (NEW_YORK, "2026-11-01T01:30", "2026-11-01T05:30"),
            (LORD_HOWE, "2026-04-05T01:45", "2026-04-04T14:45"),
        ],
    )
    def test_a_time_that_occurs_twice_is_the_first(self, zone, twice, utc):
        expected = round(datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp() * 1000)
        assert at(twice, zone) == expected
        assert from_local(datetime.fromisoformat(twice).replace(fold=1), zone) == expected

    @given(st.integers(-(10**17), 10**17), st.sampled_from([WARSAW, NEW_YORK, LORD_HOWE]))
    def test_no_instant_is_too_far_for_the_wall_clock(self, ms, zone):
        assert 199 <= to_local(ms, zone).year <= 9700

    @given(st.integers(at("1980-01-01"), at("2080-01-01")), st.sampled_from([WARSAW, NEW_YORK, LORD_HOWE]))
    def test_there_and_back_is_the_same_instant_or_the_first_of_two(self, ms, zone):
        local = to_local(ms, zone)
        back = from_local(local.replace(tzinfo=None), zone)
        assert back == ms if local.fold == 0 else ms - HOUR <= back < ms


class TestShift:
    @pytest.mark.parametrize(
        ("start", "duration", "times", "end"),
        [
            ("2026-01-31T09:00", "1mo", 1, "2026-02-28T09:00+0100"),
            ("2026-01-31T09:00", "1mo", 2, "2026-03-31T09:00+0200"),
            ("2024-01-31T09:00", "1mo", 1, "2024-02-29T09:00+0100"),
            ("2024-02-29T09:00", "12mo", 1, "2025-02-28T09:00+0100"),
            ("2024-02-29T09:00", "12mo", 4, "2028-02-29T09:00+0100"),
            ("2026-12-31T09:00", "2mo", 1, "2027-02-28T09:00+0100"),
            ("2026-01-31T09:00", "1mo1d", 1, "2026-03-01T09:00+0100"),
            ("2026-03-28T09:00", "1d", 1, "2026-03-29T09:00+0200"),
            ("2026-03-28T09:00", "24h", 1, "2026-03-29T10:00+0200"),
            ("2026-10-24T09:00", "1d", 1, "2026-10-25T09:00+0100"),
            ("2026-10-24T09:00", "24h", 1, "2026-10-25T08:00+0100"),
            ("2026-03-28T02:30", "1d", 1, "2026-03-29T03:30+0200"),
            ("2026-03-28T02:30", "1d", 2, "2026-03-30T02:30+0200"),
            ("2026-10-24T02:30", "1d", 1, "2026-10-25T02:30+0200"),
            ("2026-03-02T09:00", "1d12h", 1, "2026-03-03T21:00+0100"),
            ("2026-03-08T12:00", "1wd", 1, "2026-03-09T12:00+0100"),
            ("2026-03-02T09:00", "4wh", 1, "2026-03-02T13:00+0100"),
            ("2026-03-06T20:00", "1wd12h", 1, "2026-03-10T08:00+0100"),
        ],
    )
    def test_adding_moves_the_clock_forward_on_local_time(self, start, duration, times, end):
        assert moved(start, duration, times=times) == end

    @pytest.mark.parametrize(
        ("start", "duration", "end"),
        [
            ("2026-03-31T09:00", "1mo", "2026-02-28T09:00+0100"),
            ("2026-03-30T09:00", "1d", "2026-03-29T09:00+0200"),
            ("2026-03-29T09:00", "24h", "2026-03-28T08:00+0100"),
            ("2026-03-01T09:00", "1mo1d", "2026-01-31T09:00+0100"),
            ("2026-03-08T12:00", "1wd", "2026-03-06T12:00+0100"),
            ("2026-03-03T09:00", "2wh", "2026-03-02T16:00+0100"),
        ],
    )
    def test_subtracting_moves_the_clock_back_on_local_time(self, start, duration, end):
        assert moved(start, duration, sign=-1) == end

    @pytest.mark.parametrize(
        ("zone", "start", "end"),
        [
            (NEW_YORK, "2026-03-07T09:00", "2026-03-08T09:00-0400"),
            (NEW_YORK, "2026-10-31T09:00", "2026-11-01T09:00-0500"),
            (LORD_HOWE, "2026-10-03T02:15", "2026-10-04T02:45+1100"),
            (LORD_HOWE, "2026-04-04T01:45", "2026-04-05T01:45+1100"),
        ],
    )
    def test_a_day_keeps_the_local_time_in_every_zone(self, zone, start, end):
        assert moved(start, "1d", zone=zone) == end

    def test_exact_time_goes_through_the_repeated_hour(self):
        assert moved("2026-10-25T02:30", "1h") == "2026-10-25T02:30+0100"
        assert moved("2026-10-25T02:30", "30m", times=3) == "2026-10-25T03:00+0100"

    def test_working_time_without_a_calendar_is_an_error(self):
        for text in ("1wd", "4wh"):
            with pytest.raises(CalendarError, match="needs a calendar called 'working'"):
                moved("2026-03-02T09:00", text, working=None)

    def test_a_date_far_off_stops_at_the_end_of_time(self):
        far = Duration(months=1200, days=36_525)
        for start in ("0001-01-01T00:00", "9999-12-31T23:59"):
            for sign in (1, -1):
                assert isinstance(shift(at(start), far, WARSAW, OFFICE, sign, 100), int)


class TestImmediatelyAndDelay:
    def test_at_once_and_after_a_delay(self):
        assert found(When("immediately")) == "2026-03-02T09:00"
        assert found(delay("2d")) == "2026-03-04T09:00"
        assert found(delay("2d"), base="2026-03-01T12:00") == "2026-03-03T12:00"

    def test_at_once_is_never_past(self):
        assert found(When("immediately"), base="2026-03-01T09:00") == "2026-03-02T09:00"

    def test_a_delay_that_is_over_runs_at_once(self):
        assert found(delay("2h"), base="2026-03-01T12:00") == "2026-03-02T09:00!"

    def test_a_moment_equal_to_now_is_not_past(self):
        assert found(delay("2h"), base="2026-03-02T07:00") == "2026-03-02T09:00"

    def test_a_time_is_that_time_on_the_day_found(self):
        assert found(delay("1d", time=(12, 0))) == "2026-03-03T12:00"
        assert found(delay("0s", time=(12, 0))) == "2026-03-02T12:00"
        assert found(delay("0s", time=(7, 0))) == "2026-03-02T09:00!"
        assert found(delay("0s", time=(7, 0), if_past="skip")).code == "past"
        assert found(delay("1d", time=(2, 30)), now="2026-03-28T12:00") == "2026-03-29T03:30"

    @pytest.mark.parametrize(
        ("now", "due"),
        [
            ("2026-03-02T10:00", "2026-03-02T10:00"),
            ("2026-03-02T13:30", "2026-03-02T14:00"),
            ("2026-03-02T18:00", "2026-03-03T09:00"),
            ("2026-03-07T15:00", "2026-03-09T09:00"),
            ("2026-04-30T20:00", "2026-05-02T10:00"),
        ],
    )
    def test_hours_move_it_forward_to_the_next_open_moment(self, now, due):
        assert found(When("immediately"), now=now, hours=LUNCH) == due

    def test_hours_come_after_the_time(self):
        assert found(delay("1d", time=(20, 0)), hours=OFFICE) == "2026-03-04T09:00"

    def test_working_days_and_hours_count_on_the_working_calendar(self):
        assert found(delay("1wd"), now="2026-03-08T12:00") == "2026-03-09T12:00"
        assert found(delay("4wh")) == "2026-03-02T13:00"

    def test_a_calendar_that_has_run_out_says_so(self):
        days = [
            date.fromordinal(day).isoformat()
            for day in range(date(2026, 1, 1).toordinal(), date(2029, 1, 1).toordinal())
        ]
        shut = compile_calendar("shut", {"daily": "09:00-18:00", "holidays": {"dates": days}}, WARSAW)
        for when in (When("immediately"), delay("1d"), before("1d")):
            result = found(when, now="2026-06-01T09:00", value="2026-07-01T09:00", hours=shut)
            assert result.code == "no_open_time"
            assert "'shut'" in result.because


class TestDateFields:
    def test_before_after_and_at_a_moment(self):
        assert found(before("1d"), value="2026-03-05T10:00") == "2026-03-04T10:00"
        assert found(after("2h"), value="2026-03-05T10:00") == "2026-03-05T12:00"
        assert found(When("at", field="date"), value="2026-03-05T10:00") == "2026-03-05T10:00"

    def test_at_a_fixed_local_time(self):
        assert found(When("at", at="2026-12-24T09:00")) == "2026-12-24T09:00"
        assert found(When("at", at="2026-12-24")) == "2026-12-24T00:00"
        assert found(When("at", at="2026-03-04"), hours=OFFICE) == "2026-03-04T09:00"
        assert found(When("at", at="2026-03-01T09:00")) == "2026-03-02T09:00!"
        assert found(When("at", at="2026-03-01T09:00", if_past="skip")).code == "past"

    def test_a_date_without_a_time_counts_from_midnight(self):
        assert found(before("1d"), value=date(2026, 3, 5)) == "2026-03-04T00:00"
        assert found(before("1d"), value="2026-03-05T15:00", has_time=False) == "2026-03-04T00:00"
        assert found(after("1d", time=(12, 0)), value=date(2026, 3, 5)) == "2026-03-06T12:00"

    def test_a_date_without_a_time_counts_from_the_first_open_moment_with_hours(self):
        assert found(before("1d"), value=date(2026, 3, 5), hours=OFFICE) == "2026-03-04T09:00"
        assert found(after("3h"), value=date(2026, 3, 5), hours=OFFICE) == "2026-03-05T12:00"
        assert found(before("2wh"), value=date(2026, 3, 5), hours=OFFICE) == "2026-03-04T16:00"
        assert found(When("at", field="date"), value=date(2026, 3, 5), hours=LUNCH) == "2026-03-05T09:00"

    def test_a_date_on_a_closed_day_counts_from_the_day_it_moves_to(self):
        sunday = date(2026, 3, 8)
        assert found(before("1d"), value=sunday, hours=OFFICE) == "2026-03-05T09:00"
        assert found(before(), value=sunday, hours=OFFICE) == "2026-03-06T09:00"
        assert found(after("1d"), value=sunday, hours=OFFICE) == "2026-03-10T09:00"
        assert found(When("at", field="date"), value=sunday, hours=OFFICE) == "2026-03-09T09:00"
        assert found(When("at", field="date"), value=date(2026, 5, 1), hours=LUNCH) == "2026-05-02T10:00"

    @pytest.mark.parametrize(
        ("value", "by", "due"),
        [
            ("2026-03-05T22:00", "2h", "2026-03-05T18:00"),
            ("2026-03-05T15:30", "2h", "2026-03-05T13:00"),
            ("2026-03-05T10:00", "2h", "2026-03-04T09:00"),
            ("2026-03-09T15:00", "1d", "2026-03-07T14:00"),
            ("2026-03-09T12:00", "1d", "2026-03-07T12:00"),
            ("2026-05-04T12:00", "1d", "2026-05-02T12:00"),
        ],
    )
    def test_hours_move_a_reminder_back_so_that_it_never_comes_after_the_date(self, value, by, due):
        assert found(before(by), value=value, hours=LUNCH) == due

    def test_hours_move_what_is_after_or_at_a_date_forward(self):
        assert found(after("2h"), value="2026-03-05T18:00", hours=OFFICE) == "2026-03-06T09:00"
        assert found(When("at", field="date"), value="2026-03-08T12:00", hours=OFFICE) == "2026-03-09T09:00"

    def test_an_empty_field_waits_or_skips(self):
        assert found(before("1d")) == Missing("date")
        skipped = found(before("1d", if_missing="skip"))
        assert skipped == NotDue("missing", "the field 'date' is empty")

    def test_a_value_of_another_type_is_a_defect(self):
        with pytest.raises(TypeError, match="'date' is a list"):
            found(before("1d"), value=[])


class TestPast:
    def test_past_runs_at_once_or_is_skipped(self):
        assert found(before("3d"), value="2026-03-04T09:00") == "2026-03-02T09:00!"
        skipped = found(before("3d", if_past="skip"), value="2026-03-04T09:00")
        assert skipped == NotDue("past", "its moment, 2026-03-01 09:00, was past already")
        assert found(after("1d"), value="2026-02-01T09:00") == "2026-03-02T09:00!"

    def test_at_once_means_at_the_next_open_moment(self):
        late = {"now": "2026-03-06T20:00", "hours": OFFICE}
        assert found(before("3d"), value="2026-03-09T12:00", **late) == "2026-03-09T09:00!"
        assert found(after("1d"), value="2026-02-01T09:00", **late) == "2026-03-09T09:00!"

    def test_a_reminder_whose_next_open_moment_is_not_before_the_date_is_too_late(self):
        late = {"now": "2026-03-06T20:00", "hours": OFFICE}
        assert found(before("3d"), value="2026-03-09T09:00", **late) == NotDue(
            "too_late", "the next moment at which it may run, 2026-03-09 09:00, is not before 'date', 2026-03-09 09:00"
        )
        assert found(before("3d"), value=date(2026, 3, 9), **late).code == "too_late"
        assert found(before("3d"), value=date(2026, 3, 8), **late).code == "too_late"
        assert found(before("1d"), value="2026-03-01T12:00").code == "too_late"

    def test_a_reminder_clamped_back_before_now_is_past(self):
        assert found(before("1h"), now="2026-03-05T18:30", value="2026-03-05T20:00", hours=OFFICE).code == "too_late"
        assert found(before("1h"), now="2026-03-05T17:00", value="2026-03-05T20:00", hours=OFFICE) == "2026-03-05T18:00"

    @settings(max_examples=300, deadline=None)
    @given(
        now=st.integers(at("2026-01-01"), at("2026-12-01")),
        ahead=st.integers(-40 * 24 * HOUR, 40 * 24 * HOUR),
        by=st.sampled_from(["0s", "1h", "1d", "1mo", "3wd", "4wh"]),
        hours=st.sampled_from([None, OFFICE, LUNCH, NIGHT]),
        quiet=st.sampled_from([None, Quiet(1260, 480, NEW_YORK), Quiet(600, 660, WARSAW)]),
        whole_day=st.booleans(),
    )
    def test_a_reminder_is_never_due_after_its_date_nor_before_now(self, now, ahead, by, hours, quiet, whole_day):
        day = to_local(now + ahead, WARSAW).date()
        value = day if whole_day else now + ahead
        date_ms = at(day.isoformat()) if whole_day else now + ahead
        result = work_out(
            before(by), base=now, now=now, value=value, zone=WARSAW, hours=hours, working=OFFICE, quiet=quiet
        )
        if isinstance(result, NotDue):
            assert result.code in {"too_late", "no_open_time"}
            return
        assert isinstance(result, Due)
        assert result.at >= now
        if hours is None or not whole_day:
            assert result.at <= date_ms
        if hours is not None:
            assert hours.is_open(result.at) or hours.is_open(result.at - 1)
        if quiet is not None:
            assert quiet.end_of(result.at) is None


class TestQuietHours:
    NIGHT = Quiet(21 * 60, 8 * 60, WARSAW)

    @pytest.mark.parametrize(
        ("moment", "end"),
        [
            ("2026-03-02T20:59", None),
            ("2026-03-02T21:00", "2026-03-03T08:00"),
            ("2026-03-03T03:00", "2026-03-03T08:00"),
            ("2026-03-03T08:00", None),
            ("2026-03-28T23:00", "2026-03-29T08:00"),
        ],
    )
    def test_they_are_half_open_and_may_pass_midnight(self, moment, end):
        assert self.NIGHT.end_of(at(moment)) == (at(end) if end else None)

    def test_by_day_and_never(self):
        assert Quiet(720, 780, WARSAW).end_of(at("2026-03-02T12:30")) == at("2026-03-02T13:00")
        assert Quiet(720, 780, WARSAW).end_of(at("2026-03-02T13:00")) is None
        assert Quiet(720, 720, WARSAW).end_of(at("2026-03-02T12:00")) is None

    def test_in_the_repeated_hour_the_end_is_never_in_the_past(self):
        quiet = Quiet(60, 150, WARSAW)
        first = at("2026-10-25T02:10")
        assert quiet.end_of(first) == at("2026-10-25T02:30")
        assert quiet.end_of(first + HOUR) is None

    def test_the_moment_moves_to_their_end(self):
        assert found(When("immediately"), now="2026-03-02T22:00", quiet=self.NIGHT) == "2026-03-03T08:00"
        assert found(delay("1h"), now="2026-03-02T10:00", quiet=self.NIGHT) == "2026-03-02T11:00"

    def test_then_hours_apply_again(self):
        saturday = compile_calendar("late", {"mon-sat": "10:00-23:00"}, WARSAW)
        assert (
            found(When("immediately"), now="2026-03-02T22:00", quiet=self.NIGHT, hours=saturday) == "2026-03-03T10:00"
        )
        assert (
            found(When("immediately"), now="2026-03-07T22:00", quiet=self.NIGHT, hours=saturday) == "2026-03-09T10:00"
        )

    def test_they_count_in_the_zone_of_the_customer(self):
        quiet = Quiet(21 * 60, 8 * 60, NEW_YORK)
        # 10:00 in Warsaw is 04:00 in New York; its 08:00 is 14:00 in Warsaw, inside the hours.
        assert found(When("immediately"), now="2026-03-02T10:00", quiet=quiet, hours=OFFICE) == "2026-03-02T14:00"
        mornings = compile_calendar("mornings", {"mon-thu": "09:00-13:00", "fri": "09:00-16:00"}, WARSAW)
        assert found(When("immediately"), now="2026-03-02T10:00", quiet=quiet, hours=mornings) == "2026-03-06T14:00"

    def test_hours_that_are_always_quiet_never_come(self):
        early = compile_calendar("early", {"daily": "05:00-07:00"}, WARSAW)
        assert found(When("immediately"), quiet=self.NIGHT, hours=early).code == "no_open_time"

    def test_a_reminder_that_they_move_to_its_date_or_beyond_is_too_late(self):
        assert found(before("1h"), value="2026-03-03T07:30", quiet=self.NIGHT).code == "too_late"
        assert found(before("1h"), value="2026-03-03T08:00", quiet=self.NIGHT).code == "too_late"
        assert found(before("1h"), value="2026-03-03T08:30", quiet=self.NIGHT) == "2026-03-03T08:00"


class TestRepeat:
    def moments(self, repeat, anchor, count, *, hours=None, zone=WARSAW):
        moments: list[str | None] = []
        last = at(anchor, zone)
        for number in range(count):
            moment = occurrence(repeat, at(anchor, zone), number, zone, OFFICE, hours, last)
            if moment is None:
                return [*moments, None]
            moments.append(shown(moment, zone))
            last = moment
        return moments

    def test_the_first_is_the_anchor_and_times_counts_all(self):
        daily = Repeat(every=parse_duration("1d"), times=3)
        assert self.moments(daily, "2026-03-02T09:00", 5) == [
            "2026-03-02T09:00",
            "2026-03-03T09:00",
            "2026-03-04T09:00",
            None,
        ]

    def test_months_count_from_the_anchor_and_do_not_drift(self):
        monthly = Repeat(every=parse_duration("1mo"))
        assert self.moments(monthly, "2026-01-31T09:00", 5) == [
            "2026-01-31T09:00",
            "2026-02-28T09:00",
            "2026-03-31T09:00",
            "2026-04-30T09:00",
            "2026-05-31T09:00",
        ]

    def test_days_keep_the_local_time_after_a_gap(self):
        daily = Repeat(every=parse_duration("1d"))
        assert self.moments(daily, "2026-03-28T02:30", 3) == [
            "2026-03-28T02:30",
            "2026-03-29T03:30",
            "2026-03-30T02:30",
        ]

    def test_those_that_hours_move_together_are_one(self):
        daily = Repeat(every=parse_duration("1d"))
        assert self.moments(daily, "2026-03-06T20:00", 3, hours=OFFICE) == [
            "2026-03-09T09:00",
            "2026-03-10T09:00",
            "2026-03-11T09:00",
        ]
        hourly = Repeat(every=parse_duration("1h"))
        assert self.moments(hourly, "2026-03-02T16:30", 4, hours=OFFICE) == [
            "2026-03-02T16:30",
            "2026-03-02T17:30",
            "2026-03-03T09:00",
            "2026-03-03T09:30",
        ]

    def test_with_cron_the_first_match_after_the_anchor_then_the_following(self):
        weekdays = Repeat(cron="0 9 * * mon-fri", times=3)
        assert self.moments(weekdays, "2026-03-05T10:00", 5) == [
            "2026-03-06T09:00",
            "2026-03-09T09:00",
            "2026-03-10T09:00",
            None,
        ]
        assert self.moments(weekdays, "2026-03-05T09:00", 1) == ["2026-03-06T09:00"]

    def test_cron_outside_the_hours_moves_forward(self):
        early = Repeat(cron="0 7 * * *")
        assert self.moments(early, "2026-03-06T06:00", 3, hours=OFFICE) == [
            "2026-03-06T09:00",
            "2026-03-09T09:00",
            "2026-03-10T09:00",
        ]
        weekly = Repeat(cron="0 7 * * sat")
        saturday_evening = at("2026-03-07T20:00")
        moment = occurrence(weekly, at("2026-03-06T06:00"), 1, WARSAW, None, OFFICE, saturday_evening)
        assert shown(moment) == "2026-03-09T09:00"

    def test_what_was_missed_is_passed_over_when_after_is_later(self):
        every_minute = Repeat(every=parse_duration("1m"))
        moment = occurrence(every_minute, at("2025-03-02T09:00"), 1, WARSAW, None, None, at("2026-03-02T09:00") + 1)
        assert shown(moment) == "2026-03-02T09:01"
        assert occurrence(Repeat(every=Duration()), at("2026-03-02"), 1, WARSAW, None, None, at("2026-03-03")) is None

    def test_without_a_step_there_is_only_the_first(self):
        assert self.moments(Repeat(), "2026-03-02T09:00", 3) == ["2026-03-02T09:00", None]

    @settings(max_examples=100, deadline=None)
    @given(
        anchor=st.integers(at("2026-01-01"), at("2026-12-01")),
        every=st.sampled_from(["45m", "5h", "1d", "2w", "1mo", "1wd", "3wh", "1d12h"]),
        hours=st.sampled_from([None, OFFICE, LUNCH, NIGHT]),
    )
    def test_every_moment_is_the_anchor_and_a_whole_number_of_steps(self, anchor, every, hours):
        step = parse_duration(every)
        steps = [shift(anchor, step, WARSAW, OFFICE, 1, number) for number in range(400)]
        expected = sorted({moment if hours is None else hours.next_open(moment) for moment in steps})
        last, runs = anchor, []
        for number in range(8):
            last = occurrence(Repeat(every=step), anchor, number, WARSAW, OFFICE, hours, last)
            runs.append(last)
        assert runs == expected[:8]


@given(
    ms=st.integers(-(2**42), 2**43),
    days=st.integers(-800, 800),
    zone=st.sampled_from(["Europe/Warsaw", "Pacific/Apia", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]),
)
@example(ms=1_325_160_000_000, days=1, zone="Pacific/Apia")  # 30 December 2011 was left out there
@example(ms=1_743_296_400_000, days=-1, zone="Europe/Warsaw")
def test_the_quick_way_to_another_day_is_the_way_by_the_wall_clock(ms, days, zone):
    there = ZoneInfo(zone)
    quick = days_later(ms, days, there)
    if quick is not None:
        assert quick == from_local(wall(ms, there) + timedelta(days=days), there)
    day = wall(ms, there).date()
    assert midnight(day, there) == from_local(datetime(day.year, day.month, day.day), there)
