"""A duration applied to an instant, largest unit first."""

from __future__ import annotations

import calendar
from datetime import MAXYEAR, MINYEAR, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from stageauto.engine.local import days_later, from_local, wall
from stageauto.engine.opening import CalendarError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from stageauto.engine.durations import Duration
    from stageauto.engine.opening import Calendar

_LAST_ORDINAL: Final = date.max.toordinal()


def shift(ms: int, d: Duration, zone: ZoneInfo, working: Calendar | None, sign: int = 1, times: int = 1) -> int:
    """The instant, in ms UTC, that lies `times` times `d` after `ms` (before it with sign -1).

    Months, then days on the wall clock of `zone` (the same local time; a month that is too short gives its last day),
    then working days and working time of `working`, then exact time. The whole is multiplied before it is applied, so
    that 31 January and twice one month is 31 March. Raises CalendarError where `working` is needed and None.
    """
    count = sign * times
    if d.months or d.days:
        ms = _on_the_wall(ms, count * d.months, count * d.days, zone)
    if d.working_days or d.working_ms:
        if working is None:
            raise CalendarError(f"the duration {d} needs a calendar called 'working'", hint="add it under calendars")
        ms = working.add_open_time(working.add_working_days(ms, count * d.working_days), count * d.working_ms)
    return ms + count * d.ms


def _on_the_wall(ms: int, months: int, days: int, zone: ZoneInfo) -> int:
    plain = None if months else days_later(ms, days, zone)
    if plain is not None:
        return plain
    local = wall(ms, zone)
    if months:
        local = _months_on(local, months)
    return from_local(_days_on(local, days), zone)


def _months_on(local: datetime, months: int) -> datetime:
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    # A date far off comes from outside; it stops at the end of what can be written, it does not break the decision.
    year = min(max(year, MINYEAR), MAXYEAR)
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day)


def _days_on(local: datetime, days: int) -> datetime:
    ordinal = local.toordinal()
    return local + timedelta(days=min(max(ordinal + days, 1), _LAST_ORDINAL) - ordinal)
