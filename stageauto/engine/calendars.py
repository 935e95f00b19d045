"""A calendar as it stands in stageauto.yaml, compiled: keys of days, windows, holidays."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from stageauto.engine.countries import country_holidays
from stageauto.engine.ics import IcsError, ics_days
from stageauto.engine.opening import DAY_MINUTES, Calendar, CalendarError, CountryHolidays, Windows

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["DAYS", "Calendar", "CalendarError", "CountryHolidays", "compile_calendar"]

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOLIDAY_KEYS: Final = ("country", "subdivision", "dates", "file")
_WINDOW: Final = re.compile(r"\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*", re.ASCII)
_WINDOWS_HINT: Final = 'write it like "09:00-13:00, 14:00-18:00", or "closed"'
_KEYS_HINT: Final = "allowed are daily, mon to sun, ranges such as mon-fri, and holidays"
_COUNTRY: Final = re.compile(r"[A-Z]{2,3}", re.ASCII)
_MOST_DATES: Final = 10_000


def compile_calendar(
    name: str, spec: Mapping[str, object], zone: ZoneInfo, *, ics: Mapping[str, str] | None = None
) -> Calendar:
    """The calendar that `spec` describes, on the wall clock of `zone`; `ics` holds the text of holiday files by name.

    The more specific key replaces the others: `daily`, then a range of days (the shorter one first of all), then a day.
    An empty text or "closed" closes its days. Raises CalendarError, with the key at fault.
    """
    week = _week({key: value for key, value in spec.items() if key != "holidays"})
    if not any(week):
        raise CalendarError(f"the calendar '{name}' is never open", hint=_WINDOWS_HINT)
    dates, source = _holidays(spec.get("holidays"), zone, ics or {})
    return Calendar(name, zone, week, dates, source)


def _week(spec: Mapping[str, object]) -> tuple[Windows, ...]:
    week: list[Windows] = [()] * 7
    claimed: list[tuple[int, str]] = [(0, "")] * 7
    # From the widest key to the narrowest, so that the narrowest is written last and stands.
    for key, days in sorted(((key, _days_of(key)) for key in spec), key=lambda pair: -_width(pair[0], pair[1])):
        windows = _windows(spec[key], key)
        for day in days:
            width, other = claimed[day]
            if width == _width(key, days):
                raise CalendarError(f"'{key}' and '{other}' both say when {DAYS[day]} is open", key, "keep one of them")
            claimed[day] = (_width(key, days), key)
            week[day] = windows
    return tuple(week)


def _width(key: str, days: Sequence[int]) -> int:
    """How specific a key is: 1 for a day, up to 7 for a range of the whole week, 8 for `daily`."""
    return 8 if key == "daily" else len(days)


def _days_of(key: str) -> tuple[int, ...]:
    if key == "daily":
        return tuple(range(7))
    first, dash, last = key.partition("-")
    if first not in DAYS or (dash and (last not in DAYS or last == first)):
        raise CalendarError(
            f"'{key}' is no day of a calendar", key, _near(key, ("daily", *DAYS, "holidays"), _KEYS_HINT)
        )
    start = DAYS.index(first)
    count = (DAYS.index(last) - start) % 7 + 1 if dash else 1
    return tuple((start + offset) % 7 for offset in range(count))


def _windows(value: object, key: str) -> Windows:
    if not isinstance(value, str):
        raise CalendarError(f"the hours of '{key}' are no text", key, _WINDOWS_HINT)
    if value.strip() in {"", "closed"}:
        return ()
    windows = sorted(_window(part, key) for part in value.split(","))
    nexts = [start for start, _ in windows[1:]]
    if key not in DAYS:
        # The same windows stand on the next day too, where the last of this day may still be open.
        nexts.append(windows[0][0] + DAY_MINUTES)
    if any(following < end for (_, end), following in zip(windows, nexts, strict=False)):
        raise CalendarError(
            f"the windows of '{key}' overlap: '{value}'", key, "each begins when the one before is over"
        )
    return _joined(windows)


def _window(text: str, key: str) -> tuple[int, int]:
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise CalendarError(f"'{text.strip()}' in '{key}' is no window", key, _WINDOWS_HINT)
    start, end = _minutes(match[1], match[2], text, key), _minutes(match[3], match[4], text, key)
    if start in {end, DAY_MINUTES}:
        raise CalendarError(f"the window '{text.strip()}' of '{key}' is empty", key, 'a whole day is "00:00-24:00"')
    return start, end if end > start else end + DAY_MINUTES


def _minutes(hour: str, minute: str, text: str, key: str) -> int:
    minutes = int(hour) * 60 + int(minute)
    if minutes > DAY_MINUTES or int(minute) > 59:
        raise CalendarError(f"'{text.strip()}' in '{key}' has no such time", key, "from 00:00 to 24:00")
    return minutes


def _joined(windows: Iterable[tuple[int, int]]) -> Windows:
    """Windows that touch are one: 13:00 between 09:00-13:00 and 13:00-18:00 is no closing moment."""
    joined: list[tuple[int, int]] = []
    for start, end in windows:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def _holidays(spec: object, zone: ZoneInfo, ics: Mapping[str, str]) -> tuple[frozenset[date], CountryHolidays | None]:
    if spec is None:
        return frozenset(), None
    if not isinstance(spec, Mapping):
        hint = 'write it like holidays: {country: PL, dates: ["2026-12-24"]}'
        raise CalendarError("'holidays' is no mapping", "holidays", hint)
    for key in spec:
        if key not in _HOLIDAY_KEYS:
            hint = _near(str(key), _HOLIDAY_KEYS, "allowed are country, subdivision, dates and file")
            raise CalendarError(f"unknown key '{key}' in holidays", f"holidays.{key}", hint)
    days = _own_dates(spec.get("dates", ())) | _file_dates(spec.get("file"), zone, ics)
    return days, _country(spec.get("country"), spec.get("subdivision"))


def _own_dates(dates: object) -> frozenset[date]:
    key = "holidays.dates"
    if not isinstance(dates, Sequence) or isinstance(dates, str) or len(dates) > _MOST_DATES:
        raise CalendarError("the dates of holidays are no list", key, 'write it like dates: ["2026-12-24"]')
    return frozenset(_own_date(value, key) for value in dates)


def _own_date(value: object, key: str) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise CalendarError(f"'{value}' is no date", key, "write it year-month-day, like 2026-12-24")


def _file_dates(name: object, zone: ZoneInfo, ics: Mapping[str, str]) -> frozenset[date]:
    if name is None:
        return frozenset()
    key = "holidays.file"
    if not isinstance(name, str) or name not in ics:
        raise CalendarError(f"there is no file '{name}' for the holidays", key, "its path counts from the workspace")
    try:
        return ics_days(ics[name], zone)
    except IcsError as error:
        raise CalendarError(f"{name}: {error.message}", key, error.hint) from error


def _country(country: object, subdivision: object) -> CountryHolidays | None:
    if country is None:
        if subdivision is not None:
            raise CalendarError("a subdivision needs its country", "holidays.subdivision", "as in {country: DE, ...}")
        return None
    if not isinstance(country, str):
        raise CalendarError("the country of holidays is no text", "holidays.country", "as in {country: PL}")
    code = country if _COUNTRY.fullmatch(country) else ""
    part = None if subdivision is None else str(subdivision)
    try:
        country_holidays(code, part)
    except RuntimeError:  # what the library raises for a country, or a part of one, that it has not
        raise _unknown_country(country, part) from None
    return CountryHolidays(code, part)


def _unknown_country(country: str, subdivision: str | None) -> CalendarError:
    import holidays

    known = holidays.list_supported_countries(include_aliases=True)
    if country not in known:
        hint = _near(country.upper(), tuple(known), "two letters as in ISO 3166, like PL or DE")
        return CalendarError(f"the holidays of the country '{country}' are not known", "holidays.country", hint)
    parts = known[country]
    hint = _near(str(subdivision), parts, f"{country} has {', '.join(parts) or 'none'}")
    return CalendarError(f"{country} has no subdivision '{subdivision}'", "holidays.subdivision", hint)


def _near(word: str, allowed: Sequence[str], otherwise: str) -> str:
    near = difflib.get_close_matches(word, allowed, n=1)
    return f"did you mean '{near[0]}'?" if near else otherwise
