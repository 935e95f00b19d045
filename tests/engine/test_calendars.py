"""Calendars: how they are read, when they are open, working days and working time."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stageauto.engine.calendars import CalendarError, CountryHolidays, compile_calendar
from stageauto.engine.local import parse_local, to_local

WARSAW = ZoneInfo("Europe/Warsaw")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
HOUR = 3_600_000

WORKING = {
    "mon-fri": "09:00-13:00, 14:00-18:00",
    "sat": "10:00-14:00",
    "holidays": {"country": "PL", "dates": ["2026-12-23"]},
}
OFFICE = {"mon-fri": "09:00-18:00"}
NIGHT = {"daily": "20:00-08:00"}


def calendar(spec, zone=WARSAW, **ics):
    return compile_calendar("test", spec, zone, ics=ics.get("ics"))


def at(text, zone=WARSAW):
    return parse_local(text, zone)


def shown(ms, zone=WARSAW):
    return f"{to_local(ms, zone):%Y-%m-%dT%H:%M}"


# 2 March 2026 is a Monday.


class TestOpenHours:
    @pytest.mark.parametrize(
        ("moment", "is_open"),
        [
            ("2026-03-02T08:59:59.999", False),
            ("2026-03-02T09:00", True),
            ("2026-03-02T12:59:59.999", True),
            ("2026-03-02T13:00", False),
            ("2026-03-02T14:00", True),
            ("2026-03-02T18:00", False),
            ("2026-03-07T10:00", True),
            ("2026-03-07T09:00", False),
            ("2026-03-08T12:00", False),
            ("2026-05-01T12:00", False),
            ("2026-12-23T12:00", False),
        ],
    )
    def test_windows_are_half_open_and_holidays_closed(self, moment, is_open):
        assert calendar(WORKING).is_open(at(moment)) is is_open

    @pytest.mark.parametrize(
        ("moment", "opens"),
        [
            ("2026-03-02T10:30", "2026-03-02T10:30"),
            ("2026-03-02T13:15", "2026-03-02T14:00"),
            ("2026-03-02T18:00", "2026-03-03T09:00"),
            ("2026-03-07T14:00", "2026-03-09T09:00"),
            ("2026-04-30T18:00", "2026-05-02T10:00"),
            ("2026-12-22T18:00", "2026-12-28T09:00"),
        ],
    )
    def test_the_next_open_moment_passes_over_lunch_nights_weekends_and_holidays(self, moment, opens):
        assert shown(calendar(WORKING).next_open(at(moment))) == opens

    def test_a_window_over_midnight_belongs_to_the_day_on_which_it_opens(self):
        friday = calendar({"fri": "20:00-08:00"})
        assert friday.is_open(at("2026-03-06T20:00"))
        assert friday.is_open(at("2026-03-07T07:59"))
        assert not friday.is_open(at("2026-03-07T08:00"))
        assert not friday.is_open(at("2026-03-06T07:00"))
        assert friday.day_is_working(date(2026, 3, 6))
        assert not friday.day_is_working(date(2026, 3, 7))

    def test_a_window_opened_before_a_holiday_runs_to_its_end_and_none_opens_on_it(self):
        night = calendar({**NIGHT, "holidays": {"dates": ["2026-03-04"]}})
        assert night.is_open(at("2026-03-04T07:59"))
        assert not night.is_open(at("2026-03-04T20:00"))
        assert not night.is_open(at("2026-03-05T03:00"))
        assert night.is_open(at("2026-03-05T20:00"))

    def test_24_00_is_an_end_and_touches_the_next_day(self):
        whole = calendar({"daily": "00:00-24:00"})
        assert whole.next_open(at("2026-03-02T23:59:59.999")) == at("2026-03-02T23:59:59.999")
        assert whole.add_open_time(at("2026-03-02T12:00"), 48 * HOUR) == at("2026-03-04T12:00")

    def test_windows_that_touch_have_no_closing_moment_between_them(self):
        touching = calendar({"mon": "09:00-13:00, 13:00-18:00"})
        assert touching.week[0] == ((540, 1080),)

    def test_overlapping_windows_of_neighbouring_days_are_open_once(self):
        both = calendar({"fri": "20:00-08:00", "sat": "06:00-10:00"})
        assert both.add_open_time(at("2026-03-06T20:00"), 14 * HOUR) == at("2026-03-07T10:00")
        assert both.add_open_time(at("2026-03-07T10:00"), -14 * HOUR) == at("2026-03-06T20:00")

    def test_two_years_without_open_time_give_none(self):
        days = [str(date(2026, 3, 4) + timedelta(days=7 * week)) for week in range(110)]
        wednesdays = calendar({"wed": "09:00-10:00", "holidays": {"dates": days}})
        assert wednesdays.next_open(at("2026-03-02T09:00")) is None
        assert not wednesdays.has_open_time(at("2026-03-02T09:00"))
        assert wednesdays.has_open_time(at("2027-03-02T09:00"))
        with pytest.raises(CalendarError, match="no open time within two years"):
            wednesdays.add_open_time(at("2026-03-02T09:00"), HOUR)
        with pytest.raises(CalendarError, match="no open time within two years"):
            wednesdays.add_working_days(at("2026-03-02T09:00"), 1)

    @pytest.mark.parametrize(
        ("zone", "day", "hours"),
        [
            (WARSAW, "2026-03-28", 11),
            (WARSAW, "2026-10-24", 13),
            (NEW_YORK, "2026-03-07", 11),
            (NEW_YORK, "2026-10-31", 13),
            (LORD_HOWE, "2026-10-03", 11.5),
            (LORD_HOWE, "2026-04-04", 12.5),
        ],
    )
    def test_a_night_with_a_clock_change_is_shorter_or_longer(self, zone, day, hours):
        night = calendar(NIGHT, zone)
        start = at(f"{day}T20:00", zone)
        assert night.add_open_time(start, int(hours * HOUR)) == night._spans(date.fromisoformat(day).toordinal())[0][1]

    def test_a_window_that_spring_swallows_whole_is_left_out(self):
        short = calendar({"sun": "02:30-03:15"})
        assert shown(short.next_open(at("2026-03-28T12:00"))) == "2026-04-05T02:30"


class TestClampBack:
    @pytest.mark.parametrize(
        ("moment", "back"),
        [
            ("2026-03-02T10:00", "2026-03-02T10:00"),
            ("2026-03-02T20:00", "2026-03-02T18:00"),
            ("2026-03-02T18:00", "2026-03-02T18:00"),
            ("2026-03-02T13:30", "2026-03-02T13:00"),
            ("2026-03-03T08:00", "2026-03-02T09:00"),
            ("2026-03-08T12:00", "2026-03-07T12:00"),
            ("2026-03-08T20:00", "2026-03-07T14:00"),
            ("2026-03-08T08:00", "2026-03-07T10:00"),
            ("2026-05-03T16:00", "2026-05-02T14:00"),
            ("2026-05-01T13:30", "2026-04-30T13:00"),
        ],
    )
    def test_a_moment_outside_moves_back_to_the_same_day_or_the_nearest_earlier_one(self, moment, back):
        assert shown(calendar(WORKING).clamp_back(at(moment))) == back

    def test_a_night_window_that_ends_on_the_day_counts_for_that_day(self):
        assert shown(calendar(NIGHT).clamp_back(at("2026-03-03T10:00"))) == "2026-03-03T08:00"

    @settings(max_examples=200, deadline=None)
    @given(st.integers(at("2026-01-01"), at("2027-01-01")), st.sampled_from([WORKING, OFFICE, NIGHT]))
    def test_it_never_moves_forward_and_ends_open_or_at_a_closing_moment(self, moment, spec):
        hours = calendar(spec)
        back = hours.clamp_back(moment)
        assert back <= moment
        assert hours.is_open(back) or hours.is_open(back - 1)


class TestWorkingDays:
    @pytest.mark.parametrize(
        ("moment", "count", "reached"),
        [
            ("2026-03-08T12:00", 1, "2026-03-09T12:00"),
            ("2026-03-06T12:00", 1, "2026-03-09T12:00"),
            ("2026-03-02T12:00", 3, "2026-03-05T12:00"),
            ("2026-03-09T12:00", -1, "2026-03-06T12:00"),
            ("2026-03-08T12:00", -1, "2026-03-06T12:00"),
            ("2026-03-08T12:00", 0, "2026-03-08T12:00"),
            ("2026-03-27T02:30", 1, "2026-03-30T02:30"),
        ],
    )
    def test_n_of_them_lead_to_the_nth_after_or_before_the_day_at_the_same_time(self, moment, count, reached):
        assert shown(calendar(OFFICE).add_working_days(at(moment), count)) == reached

    def test_holidays_are_no_working_days(self):
        assert shown(calendar(WORKING).add_working_days(at("2026-12-22T12:00"), 1)) == "2026-12-28T12:00"

    @pytest.mark.parametrize(
        ("first", "last", "count"),
        [
            ("2026-03-06", "2026-03-09", 1),
            ("2026-03-08", "2026-03-09", 1),
            ("2026-03-09", "2026-03-09", 0),
            ("2026-03-09", "2026-03-06", -1),
            ("2026-03-02", "2026-03-16", 10),
            ("2026-04-30", "2026-05-04", 1),
        ],
    )
    def test_between_two_days_are_those_after_the_first_up_to_the_last(self, first, last, count):
        office = calendar({**OFFICE, "holidays": {"country": "PL"}})
        assert office.working_days_between(date.fromisoformat(first), date.fromisoformat(last)) == count

    def test_a_date_far_off_is_counted_without_walking_there(self):
        office = calendar({**OFFICE, "holidays": {"country": "PL"}})
        assert office.working_days_between(date(1, 1, 1), date.max) > 2_000_000

    @settings(max_examples=200, deadline=None)
    @given(st.dates(date(2024, 1, 1), date(2029, 1, 1)), st.dates(date(2024, 1, 1), date(2029, 1, 1)))
    def test_counting_agrees_with_asking_every_day(self, first, last):
        working = calendar(WORKING)
        low, high, sign = (first + timedelta(1), last + timedelta(1), 1) if first <= last else (last, first, -1)
        days = (low + timedelta(days=number) for number in range((high - low).days))
        assert working.working_days_between(first, last) == sign * sum(map(working.day_is_working, days))


class TestWorkingTime:
    @pytest.mark.parametrize(
        ("moment", "hours", "reached"),
        [
            ("2026-03-02T09:00", 4, "2026-03-02T13:00"),
            ("2026-03-02T09:00", 5, "2026-03-02T15:00"),
            ("2026-03-02T07:00", 1, "2026-03-02T10:00"),
            ("2026-03-02T17:00", 2, "2026-03-03T10:00"),
            ("2026-03-06T17:00", 2, "2026-03-07T11:00"),
            ("2026-03-02T20:00", 0, "2026-03-02T20:00"),
            ("2026-03-02T14:00", -1, "2026-03-02T12:00"),
            ("2026-03-02T13:00", -4, "2026-03-02T09:00"),
            ("2026-03-03T09:00", -8, "2026-03-02T09:00"),
            ("2026-03-08T12:00", -4, "2026-03-07T10:00"),
        ],
    )
    def test_only_open_time_goes_by(self, moment, hours, reached):
        assert shown(calendar(WORKING).add_open_time(at(moment), hours * HOUR)) == reached

    @settings(max_examples=150, deadline=None)
    @given(
        st.integers(at("2026-01-01"), at("2027-01-01")).map(lambda ms: ms - ms % 60_000),
        st.integers(1, 60 * 60),
        st.sampled_from([WORKING, NIGHT, {"fri": "20:00-08:00", "sat": "06:00-10:00", "wed": "01:00-04:00"}]),
        st.booleans(),
    )
    def test_it_agrees_with_counting_open_minutes(self, moment, minutes, spec, forward):
        hours = calendar(spec)
        reached = hours.add_open_time(moment, (minutes if forward else -minutes) * 60_000)
        low, high = sorted((moment, reached))
        assert sum(hours.is_open(minute) for minute in range(low, high, 60_000)) == minutes
        assert hours.is_open(high - 60_000 if forward else low)


class TestReading:
    def test_the_more_specific_key_replaces(self):
        spec = {"sat": "10:00-14:00", "daily": "08:00-20:00", "mon-fri": "09:00-18:00", "wed-fri": "closed", "fri": ""}
        week = calendar({**spec, "thu": "12:00-13:00"}).week
        assert week == (((540, 1080),), ((540, 1080),), (), ((720, 780),), (), ((600, 840),), ((480, 1200),))

    def test_a_range_may_pass_the_end_of_the_week(self):
        week = calendar({"sat-mon": "09:00-10:00"}).week
        assert [bool(windows) for windows in week] == [True, False, False, False, False, True, True]

    @pytest.mark.parametrize(
        ("spec", "key", "says"),
        [
            ({}, "", "never open"),
            ({"mon": "closed"}, "", "never open"),
            ({"monday": "09:00-10:00"}, "monday", "did you mean 'mon'"),
            ({"mon-fry": "09:00-10:00"}, "mon-fry", "no day of a calendar"),
            ({"mon-mon": "09:00-10:00"}, "mon-mon", "no day of a calendar"),
            ({"dayly": "09:00-10:00"}, "dayly", "did you mean 'daily'"),
            ({"mon": 9}, "mon", "no text"),
            ({"mon": "9-18"}, "mon", "no window"),
            ({"mon": "09:00"}, "mon", "no window"),
            ({"mon": "09:00-10:00,"}, "mon", "no window"),
            ({"mon": "09:00-24:30"}, "mon", "no such time"),
            ({"mon": "09:60-10:00"}, "mon", "no such time"),
            ({"mon": "09:00-09:00"}, "mon", "empty"),
            ({"mon": "24:00-09:00"}, "mon", "empty"),
            ({"mon": "09:00-12:00, 11:00-15:00"}, "mon", "overlap"),
            ({"daily": "20:00-08:00, 06:00-10:00"}, "daily", "overlap"),
            ({"mon-wed": "09:00-10:00", "wed-fri": "09:00-10:00"}, "wed-fri", "both say when wed is open"),
            ({**OFFICE, "holidays": "PL"}, "holidays", "no mapping"),
            ({**OFFICE, "holidays": {"contry": "PL"}}, "holidays.contry", "did you mean 'country'"),
            ({**OFFICE, "holidays": {"country": "pl"}}, "holidays.country", "did you mean 'PL'"),
            ({**OFFICE, "holidays": {"country": "Poland"}}, "holidays.country", "are not known"),
            ({**OFFICE, "holidays": {"country": 48}}, "holidays.country", "no text"),
            ({**OFFICE, "holidays": {"country": "DE", "subdivision": "XY"}}, "holidays.subdivision", "no subdivision"),
            ({**OFFICE, "holidays": {"subdivision": "BY"}}, "holidays.subdivision", "needs its country"),
            ({**OFFICE, "holidays": {"dates": "2026-12-24"}}, "holidays.dates", "no list"),
            ({**OFFICE, "holidays": {"dates": ["24.12.2026"]}}, "holidays.dates", "no date"),
            ({**OFFICE, "holidays": {"dates": ["2026-02-30"]}}, "holidays.dates", "no date"),
            ({**OFFICE, "holidays": {"file": "x.ics"}}, "holidays.file", "no file 'x.ics'"),
        ],
    )
    def test_a_fault_names_its_key_and_the_way_out(self, spec, key, says):
        with pytest.raises(CalendarError) as caught:
            calendar(spec)
        assert caught.value.key == key
        assert says in str(caught.value)
        assert caught.value.hint

    def test_public_holidays_come_by_country_and_subdivision(self):
        epiphany = date(2026, 1, 6)
        assert not calendar({**OFFICE, "holidays": {"country": "DE", "subdivision": "BY"}}).day_is_working(epiphany)
        assert calendar({**OFFICE, "holidays": {"country": "DE", "subdivision": "BE"}}).day_is_working(epiphany)

    def test_equal_specs_give_equal_calendars_whatever_was_asked_of_them(self):
        first, second = calendar(WORKING), calendar(WORKING)
        first.next_open(at("2026-03-02T20:00"))
        assert first == second
        assert CountryHolidays("PL") == CountryHolidays("PL")
        assert first != calendar({**WORKING, "sun": "10:00-11:00"})


class TestHolidayFile:
    def days(self, *lines):
        body = "\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR", ""])
        return calendar({**OFFICE, "holidays": {"file": "x.ics"}}, ics={"x.ics": body}).holidays

    def test_an_event_takes_its_days_without_the_end(self):
        found = self.days("DTSTART;VALUE=DATE:20261224", "DTEND;VALUE=DATE:20261227", "SUMMARY:Christmas")
        assert found == {date(2026, 12, 24), date(2026, 12, 25), date(2026, 12, 26)}

    def test_an_event_without_an_end_takes_one_day(self):
        assert self.days("DTSTART;VALUE=DATE:20261224") == {date(2026, 12, 24)}

    def test_folded_lines_and_inner_alarms_are_read(self):
        lines = (
            "DTSTART;VALUE=DATE:2026",
            " 1224",
            "BEGIN:VALARM",
            "DTSTART:20200101",
            "END:VALARM",
            "STATUS:CONFIRMED",
        )
        assert self.days(*lines) == {date(2026, 12, 24)}

    def test_moments_in_utc_count_on_the_local_day(self):
        assert self.days("DTSTART:20261223T230000Z", "DTEND:20261224T230000Z") == {date(2026, 12, 24)}

    def test_a_cancelled_event_is_left_out(self):
        assert self.days("DTSTART;VALUE=DATE:20261224", "STATUS:CANCELLED") == frozenset()

    @pytest.mark.parametrize(
        ("lines", "says"),
        [
            (("SUMMARY:x",), "no DTSTART"),
            (("DTSTART:tomorrow",), "is no date"),
            (("DTSTART;VALUE=DATE:20261345",), "is no date"),
            (("DTSTART;VALUE=DATE:20260101", "RRULE:FREQ=YEARLY"), "repeats by a rule"),
            (("DTSTART;VALUE=DATE:20260101", "DTEND;VALUE=DATE:90260101"), "takes"),
        ],
    )
    def test_what_cannot_be_read_is_a_fault_of_the_file(self, lines, says):
        with pytest.raises(CalendarError, match=says) as caught:
            self.days(*lines)
        assert caught.value.key == "holidays.file"

    def test_a_file_without_events_is_a_fault(self):
        with pytest.raises(CalendarError, match="no event"):
            calendar({**OFFICE, "holidays": {"file": "x.ics"}}, ics={"x.ics": "hello"})


def test_only_the_country_that_is_asked_for_is_loaded_and_all_are_there_for_others():
    asked = """
import sys
from stageauto.engine.countries import country_holidays
assert "2026-11-11" in country_holidays("PL", year=2026)
assert "2026-07-04" in country_holidays("US", "CA", 2026)
print(sum(name.startswith("holidays.countries.") for name in sys.modules))
import holidays.countries
assert holidays.countries.Germany(years=2026)
try:
    country_holidays("XX")
except Exception as error:
    print(type(error).__name__)
"""
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    loaded, unknown = done.stdout.split()
    assert int(loaded) < 10
    assert unknown.startswith("NotImplemented")


def test_a_country_that_another_thread_asks_for_meanwhile_is_loaded_all_the_same():
    asked = """
import sys, threading
from stageauto.engine.countries import country_holidays

begun, ended, got = threading.Event(), threading.Event(), []

def ask(country):
    got.append(country_holidays(country, year=2026).country)

other = threading.Thread(target=ask, args=("DE",))

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "holidays.countries.poland":
            other.start()
            begun.wait(0.5)  # the other is in the midst of it, or waits for its turn
        if name == "holidays.countries.germany":
            begun.set()
            ended.wait(5)

sys.meta_path.insert(0, Watch())
ask("PL")
ended.set()
other.join()
print(*got)
"""
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["PL", "DE"], done.stderr
