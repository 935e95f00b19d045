"""The days that the events of an iCalendar text take up (RFC 5545), for holidays kept as a file."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from stageauto.errors import StageautoError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_FOLD: Final = re.compile(r"\r?\n[ \t]")  # RFC 5545, 3.1: a long line goes on after a line break and one blank
_MOMENT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})(Z?))?", re.ASCII)
_LONGEST_DAYS: Final = 366
_MOST_DAYS: Final = 20_000


class IcsError(StageautoError):
    """A calendar file that cannot be read as a list of days."""


def ics_days(text: str, zone: ZoneInfo) -> frozenset[date]:
    """Every local day on which an event of `text` begins or goes on; cancelled events are left out.

    The end of an event is not part of it; without one it takes its first day. Raises IcsError for a file without
    events, a bad date, an event longer than a year, and one that repeats by a rule.
    """
    events = _events(text)
    if not events:
        raise IcsError("the file holds no event", "it must be an iCalendar file with VEVENT entries")
    days: set[date] = set()
    for event in events:
        if event.get("STATUS", "").upper() != "CANCELLED":
            days.update(_days_of(event, zone))
        if len(days) > _MOST_DAYS:
            raise IcsError("the file holds too many days", f"at most {_MOST_DAYS}")
    return frozenset(days)


def _events(text: str) -> list[dict[str, str]]:
    events: list[dict[str, str]] = []
    open_parts: list[str] = []
    for line in _FOLD.sub("", text).splitlines():
        head, _, value = line.partition(":")
        name = head.partition(";")[0].strip().upper()
        if name == "BEGIN":
            open_parts.append(value.strip().upper())
            if open_parts[-1] == "VEVENT":
                events.append({})
        elif name == "END" and open_parts:
            open_parts.pop()
        elif open_parts and open_parts[-1] == "VEVENT":
            events[-1].setdefault(name, value.strip())
    return events


def _days_of(event: dict[str, str], zone: ZoneInfo) -> list[date]:
    if "DTSTART" not in event:
        raise IcsError("an event has no DTSTART", "every holiday needs its day")
    if "RRULE" in event:
        what = event.get("SUMMARY", event["DTSTART"])
        raise IcsError(f"the event '{what}' repeats by a rule", "export the file with one event for each year")
    start = _moment(event["DTSTART"], zone)
    end = _moment(event.get("DTEND", event["DTSTART"]), zone)
    # The end is exclusive: an event until midnight does not take the day that begins then.
    last = max(start.date(), (end - timedelta(microseconds=1)).date())
    count = (last - start.date()).days + 1
    if count > _LONGEST_DAYS:
        raise IcsError(f"the event of {start.date()} takes {count} days", "a holiday lasts at most a year")
    return [start.date() + timedelta(days=day) for day in range(count)]


def _moment(text: str, zone: ZoneInfo) -> datetime:
    match = _MOMENT.fullmatch(text)
    try:
        if match is not None:
            numbers = [int(number or 0) for number in match.groups()[:6]]
            moment = datetime(*numbers, tzinfo=UTC)  # type: ignore[arg-type,misc]
            return (moment.astimezone(zone) if match[7] else moment).replace(tzinfo=None)
    except (ValueError, OverflowError):
        pass
    raise IcsError(f"'{text[:40]}' is no date", "written like 20261224")
