"""Calendars: open hours by day of the week, holidays, working days and working time.

A window belongs to the day on which it opens, also when it passes midnight. Windows are half-open: at 18:00 a
calendar that is open 09:00-18:00 is closed. They stand on the wall clock, so a night with a clock change is shorter
or longer. `stageauto.engine.calendars` reads a calendar from its mapping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from stageauto.engine.countries import country_holidays
from stageauto.engine.local import from_local, wall
from stageauto.errors import StageautoError

Windows = tuple[tuple[int, int], ...]
Spans = tuple[tuple[int, int], ...]

DAY_MINUTES: Final = 1_440
HORIZON_DAYS: Final = 731  # two years: a calendar without open time for so long is an error
_MOST_DAYS_KEPT: Final = 4_096
_MOST_HOLIDAY_YEARS: Final = 300


class CalendarError(StageautoError):
    """A calendar that cannot be read or used; `key` is the key of its mapping that is at fault, '' for the whole."""

    def __init__(self, message: str, key: str = "", hint: str = "") -> None:
        super().__init__(message, hint)
        self.key = key


@dataclass(frozen=True, slots=True)
class CountryHolidays:
    """The public holidays of a country or one of its subdivisions, worked out year by year when asked for."""

    country: str
    subdivision: str | None = None

    def __call__(self, year: int) -> frozenset[date]:
        """The holidays of `year`; none in years that the `holidays` library does not know."""
        return _country_days(self.country, self.subdivision, year)


@lru_cache(maxsize=2_048)
def _country_days(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    known = country_holidays(country, subdivision, year)
    return frozenset(day for day in known if day.year == year)


@dataclass(frozen=True)
class Calendar:
    """Open hours in a zone.

    `week` holds seven tuples, Monday first, of (start, end) in minutes after the local midnight, in order and not
    overlapping; an end beyond 1440 is on the next day. All moments are integer milliseconds UTC.
    """

    name: str
    zone: ZoneInfo
    week: tuple[Windows, ...]
    holidays: frozenset[date] = frozenset()
    holiday_source: Callable[[int], frozenset[date]] | None = None
    # What was worked out before, by ordinal day: the same answers, only sooner.
    _known: dict[int, Spans] = field(default_factory=dict, init=False, repr=False, compare=False)

    def is_open(self, ms: int) -> bool:
        """True when `ms` lies inside a window."""
        return self.next_open(ms, days=0) == ms

    def next_open(self, ms: int, *, days: int = HORIZON_DAYS) -> int | None:
        """The first open moment at or after `ms`: `ms` itself when open, None when the next two years have none."""
        today = wall(ms, self.zone).toordinal()
        # The window of yesterday may still be open after midnight.
        for ordinal in range(today - 1, today + days + 1):
            for start, end in self._spans(ordinal):
                if end > ms:
                    return max(start, ms)
        return None

    def has_open_time(self, from_ms: int) -> bool:
        """True when there is an open moment in the two years after `from_ms`."""
        return self.next_open(from_ms) is not None

    def first_open_on(self, day: date) -> int | None:
        """The first open moment of the local `day`, None when the whole of it is closed."""
        midnight = from_local(_midnight(day.toordinal()), self.zone)
        moment = self.next_open(midnight, days=1)
        return moment if moment is not None and wall(moment, self.zone).date() <= day else None

    def clamp_back(self, ms: int) -> int | None:
        """`ms` when it is open, else the moment before it that a reminder moves back to; None without open time.

        That is the last open time of the same local day before `ms`, its closing moment; where that day has none before
        it, the same local time on the nearest earlier open day, clamped into the hours of that day.
        """
        if self.is_open(ms):
            return ms
        local = wall(ms, self.zone)
        today = local.toordinal()
        midnight = from_local(_midnight(today), self.zone)
        ends = [end for day in (today - 1, today) for _, end in self._spans(day) if midnight < end <= ms]
        if ends:
            return max(ends)
        for ordinal in range(today - 1, max(today - HORIZON_DAYS, 1), -1):
            spans = self._spans(ordinal)
            if spans:
                same_time = from_local(local - timedelta(days=today - ordinal), self.zone)
                return _clamped(same_time, spans)
        return None

    def day_is_working(self, day: date) -> bool:
        """True when a window opens on `day`: its weekday has hours and it is no holiday."""
        return bool(self.week[day.weekday()]) and not self.is_holiday(day)

    def is_holiday(self, day: date) -> bool:
        """True when `day` is one of the calendar's own holidays or one of its country's."""
        return day in self.holidays or (self.holiday_source is not None and day in self.holiday_source(day.year))

    def add_working_days(self, ms: int, count: int) -> int:
        """The same local time on the `count`-th working day after the day of `ms` (before it when negative).

        Sunday plus one is Monday. Zero is `ms` itself. Raises CalendarError when two years have no working day.
        """
        if count == 0:
            return ms
        local = wall(ms, self.zone)
        ordinal, closed, step = local.toordinal(), 0, 1 if count > 0 else -1
        left = abs(count)
        while left:
            ordinal += step
            if self.day_is_working(date.fromordinal(ordinal)):
                left, closed = left - 1, 0
            else:
                closed += 1
                self._check_horizon(closed)
        return from_local(local + timedelta(days=ordinal - local.toordinal()), self.zone)

    def add_open_time(self, ms: int, span_ms: int) -> int:
        """The first moment at which `span_ms` of open time has gone by since `ms`: 09:00 and four hours is 13:00.

        With a negative span the last moment from which so much open time lies before `ms`. Zero is `ms` itself.
        Raises CalendarError when two years in a row have no open time.
        """
        left = abs(span_ms)
        if not left:
            return ms
        reached = ms
        for start, end in self._spans_after(ms) if span_ms > 0 else self._spans_before(ms):
            # Windows of neighbouring days may overlap; time is counted once.
            if span_ms > 0:
                start = max(start, reached)  # noqa: PLW2901
            else:
                end = min(end, reached)  # noqa: PLW2901
            if end - start >= left:
                return start + left if span_ms > 0 else end - left
            if end > start:
                left -= end - start
                reached = end if span_ms > 0 else start
        raise self._no_open_time()

    def working_days_between(self, first: date, last: date) -> int:
        """How many working days lead from `first` to `last`: those after `first` up to `last`.

        Negative when `last` is the earlier one: `add_working_days` leads that far. Friday to Monday is 1.
        """
        if last < first:
            return -self._count(last.toordinal(), first.toordinal())
        return self._count(first.toordinal() + 1, last.toordinal() + 1)

    def _count(self, start: int, stop: int) -> int:
        """Working days in the half-open range of ordinals. Weeks are multiplied: a customer may name the year 9999."""
        weeks, rest = divmod(stop - start, 7)
        open_days = weeks * sum(1 for windows in self.week if windows)
        open_days += sum(1 for day in range(stop - rest, stop) if self.week[_weekday(day)])
        return open_days - sum(1 for day in self._holidays_in(start, stop) if self.week[day.weekday()])

    def _holidays_in(self, start: int, stop: int) -> set[date]:
        if stop <= start:
            return set()
        first, last = date.fromordinal(start), date.fromordinal(stop - 1)
        found = {day for day in self.holidays if first <= day <= last}
        if self.holiday_source is not None:
            for year in range(first.year, min(last.year, first.year + _MOST_HOLIDAY_YEARS) + 1):
                found.update(day for day in self.holiday_source(year) if first <= day <= last)
        return found

    def _spans_after(self, ms: int) -> Iterator[tuple[int, int]]:
        ordinal, closed = wall(ms, self.zone).toordinal() - 1, 0
        while closed <= HORIZON_DAYS:
            spans = self._spans(ordinal)
            yield from (span for span in spans if span[1] > ms)
            ordinal, closed = ordinal + 1, 0 if spans else closed + 1

    def _spans_before(self, ms: int) -> Iterator[tuple[int, int]]:
        ordinal, closed = wall(ms, self.zone).toordinal(), 0
        while closed <= HORIZON_DAYS:
            spans = self._spans(ordinal)
            yield from (span for span in reversed(spans) if span[0] < ms)
            ordinal, closed = ordinal - 1, 0 if spans else closed + 1

    def _spans(self, ordinal: int) -> Spans:
        """The windows that open on a day as instants, in order."""
        spans = self._known.get(ordinal)
        if spans is None:
            if len(self._known) >= _MOST_DAYS_KEPT:
                self._known.clear()
            spans = self._known[ordinal] = self._worked_out(ordinal)
        return spans

    def _worked_out(self, ordinal: int) -> Spans:
        windows = self.week[_weekday(ordinal)]
        if not windows or self.is_holiday(date.fromordinal(ordinal)):
            return ()
        midnight = _midnight(ordinal)
        spans = (
            (
                from_local(midnight + timedelta(minutes=start), self.zone),
                from_local(midnight + timedelta(minutes=end), self.zone),
            )
            for start, end in windows
        )
        # A window that spring swallows whole is left without time.
        return tuple(span for span in spans if span[0] < span[1])

    def _check_horizon(self, closed: int) -> None:
        if closed > HORIZON_DAYS:
            raise self._no_open_time()

    def _no_open_time(self) -> CalendarError:
        return CalendarError(
            f"the calendar '{self.name}' has no open time within two years", hint="give it windows on some day"
        )


def _clamped(ms: int, spans: Spans) -> int:
    """`ms` where it is inside, the first moment where it is before all, else the last closing moment before it."""
    if ms < spans[0][0]:
        return spans[0][0]
    return max(min(ms, end) for start, end in spans if start <= ms)


def _midnight(ordinal: int) -> datetime:
    return datetime.fromordinal(ordinal)


def _weekday(ordinal: int) -> int:
    return (ordinal + 6) % 7  # day 1 was a Monday
