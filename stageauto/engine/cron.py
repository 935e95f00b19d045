"""Cron expressions on the wall clock: checked, and their next and previous matches as instants."""

from __future__ import annotations

import copy
import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from stageauto.engine.local import from_local, offset_ms, wall
from stageauto.errors import StageautoError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from croniter import croniter

_FIELDS: Final = 5
_LONGEST: Final = 200
_NAMES: Final = ("minute", "hour", "day of the month", "month", "day of the week")
_HINT: Final = 'five fields: minute, hour, day of month, month, day of week, as in "0 9 * * mon-fri"'
# croniter also reads hashed (H) and random (R) fields, from which no fixed moment follows.
_HASHED: Final = re.compile(r"(?:^|[\s,])[hr](?:[\s,(/]|$)", re.ASCII | re.IGNORECASE)
# No zone has ever moved its clock by more than a day, so a change further back cannot touch a moment.
_LOOK_BACK_MS: Final = 25 * 3_600_000
_MINUTE: Final = timedelta(minutes=1)
# Any fixed day does: the check of an expression must not depend on when it is made.
_CHECKED_FROM: Final = datetime(2001, 1, 1)


class CronError(StageautoError, ValueError):
    """A cron expression that cannot be read, or that never matches."""


def check_cron(expr: str) -> None:
    """Nothing, when `expr` has five readable fields and some day matches it; else raises CronError."""
    _step(expr, _CHECKED_FROM, forward=True)


def cron_next(expr: str, after_ms: int, zone: ZoneInfo) -> int:
    """The first match strictly after `after_ms`, in ms UTC, on the wall clock of `zone`.

    A local time that occurs twice in autumn matches once, the first time; one that spring skips is moved forward by the
    gap. Day of month and day of week are joined by OR. Raises CronError for a bad expression.
    """
    # Times that spring skipped match after the gap, while the clock already shows one gap more.
    cursor = wall(after_ms, zone) - timedelta(milliseconds=max(0, _clock_change(after_ms, zone)))
    best: int | None = None
    while True:
        cursor = _step(expr, cursor, forward=True)
        moment = from_local(cursor, zone)
        if moment > after_ms and (best is None or moment < best):
            best = moment
        # A match that was moved out of a gap may be overtaken by a later one that was not.
        if best is not None and moment > after_ms and wall(moment, zone) == cursor:
            return best


def cron_prev(expr: str, at_ms: int, zone: ZoneInfo) -> int:
    """The latest match at or before `at_ms`, in ms UTC; read as `cron_next` reads it."""
    change = _clock_change(at_ms, zone)
    gap = timedelta(milliseconds=max(0, change))
    # When autumn has put the clock back, times that it shows as still to come have matched already.
    ahead = timedelta(milliseconds=max(0, -change))
    cursor = wall(at_ms, zone).replace(second=0, microsecond=0) + ahead + _MINUTE
    best: int | None = None
    while True:
        cursor = _step(expr, cursor, forward=False)
        moment = from_local(cursor, zone)
        if moment <= at_ms and (best is None or moment > best):
            best = moment
        # Further back only a skipped time, moved forward by the gap, could still be later.
        if best is not None and cursor + gap <= wall(best, zone):
            return best


def _clock_change(ms: int, zone: ZoneInfo) -> int:
    return offset_ms(ms, zone) - offset_ms(ms - _LOOK_BACK_MS, zone)


def _step(expr: str, start: datetime, *, forward: bool) -> datetime:
    from croniter import CroniterBadDateError

    # A croniter keeps its place in itself: each search has a copy of its own, which is cheap beside reading anew.
    search = copy.copy(_compiled(expr))
    try:
        found: datetime = (search.get_next if forward else search.get_prev)(datetime, start_time=start)
    except CroniterBadDateError:
        raise CronError(
            f"the cron expression '{expr}' never matches", "there is no such day, as in 31 February"
        ) from None
    return found


@lru_cache(maxsize=512)
def _compiled(expr: str) -> croniter:
    from croniter import CroniterError, croniter

    if len(expr) > _LONGEST:
        raise CronError(f"the cron expression '{expr[:40]}...' is too long", f"at most {_LONGEST} characters")
    fields = expr.split()
    if len(fields) != _FIELDS:
        count = f"{len(fields)} field" if len(fields) == 1 else f"{len(fields)} fields"
        raise CronError(f"the cron expression '{expr}' has {count}", _HINT)
    if _HASHED.search(expr):
        raise CronError(f"the cron expression '{expr}' has a hashed or random field", "name the minute and the hour")
    try:
        # Without a zone croniter counts on the plain wall clock; gaps and repeated hours are handled above.
        return croniter(" ".join(fields), _CHECKED_FROM)
    except (CroniterError, ValueError, KeyError) as error:
        raise CronError(f"the cron expression '{expr}' cannot be read{_wrong_field(fields)}", _HINT) from error


def _wrong_field(fields: list[str]) -> str:
    """Which of the five is wrong, as the end of a sentence; "" where each is right by itself."""
    from croniter import croniter

    for index, one in enumerate(fields):
        alone = ["*"] * len(fields)
        alone[index] = one
        if not croniter.is_valid(" ".join(alone)):
            return f": '{one}' is no {_NAMES[index]}"
    return ""
