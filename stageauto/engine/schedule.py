"""When a rule is due: from stage entry, a predecessor's finish, a date field or a fixed time to one instant.

The order is always the same: base, `by` or `delay`, `time`, `hours`, then the question whether that is past, and for
messages to customers the quiet hours last. All instants are integer milliseconds UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, Literal

from stageauto.engine.durations import Duration
from stageauto.engine.local import LocalTimeError, from_local, midnight, parse_local, to_local, wall
from stageauto.engine.quiet import Quiet, after_quiet
from stageauto.engine.repeats import Repeat, occurrence
from stageauto.engine.shifts import shift
from stageauto.engine.values import value

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from stageauto.engine.opening import Calendar

__all__ = [
    "Due",
    "LocalTimeError",
    "Missing",
    "NotDue",
    "Quiet",
    "Repeat",
    "When",
    "after_quiet",
    "from_local",
    "occurrence",
    "parse_local",
    "shift",
    "to_local",
    "work_out",
]

_NOTHING: Final = Duration()
_DATE_LENGTH: Final = len("2026-12-24")


@dataclass(frozen=True, slots=True)
class When:
    """The `when:` of a rule. `field` is the date field it hangs on, `at` a fixed local time, `time` (hour, minute)."""

    kind: Literal["immediately", "delay", "before", "after", "at"]
    field: str | None = None
    by: Duration = _NOTHING
    at: str | None = None
    time: tuple[int, int] | None = None
    if_past: Literal["run", "skip"] = "run"
    if_missing: Literal["wait", "skip"] = "wait"
    if_late: Literal["run", "skip"] | Duration = "run"


@value(frozen=True, slots=True)
class Due:
    """Due at `at`, ms UTC; `was_past` when the moment found was over and it runs as soon as it may.

    `quiet_from`: the moment from which the customer's quiet hours moved it, None where they did not.
    """

    at: int
    was_past: bool = False
    quiet_from: int | None = None


@value(frozen=True, slots=True)
class Missing:
    """The field is empty: wait until it is filled."""

    field: str


@value(frozen=True, slots=True)
class NotDue:
    """Never due: `code` is past, missing, too_late or no_open_time; `because` is a sentence."""

    code: str
    because: str


def work_out(  # noqa: PLR0913 all that a moment depends on, each by its name
    when: When,
    *,
    base: int,
    now: int,
    value: object,
    zone: ZoneInfo,
    hours: Calendar | None,
    working: Calendar | None,
    quiet: Quiet | None = None,
    has_time: bool = True,
) -> Due | Missing | NotDue:
    """The moment at which a rule is due, that its field is missing, or why it will not be.

    `base` is the stage entry or the predecessor's finish; `value` the field's value as ms UTC or as a `date` (with
    `has_time` False also ms of any moment of that local day), None when empty. A moment equal to `now` is not past.
    Raises CalendarError where working days or hours are needed and `working` is None.
    """
    kind = when.kind
    limit: int | None = None
    if kind == "immediately":
        at = max(base, now)
    elif kind == "delay":
        at = shift(base, when.by, zone, working)
    else:
        anchored = _anchor(when, value, zone, hours, has_time=has_time)
        if not isinstance(anchored, tuple):
            return anchored
        start, date_ms = anchored
        limit = date_ms if kind == "before" else None
        at = shift(start, when.by, zone, working, -1 if kind == "before" else 1)
    if when.time is not None:
        hour, minute = when.time
        at = from_local(wall(at, zone).replace(hour=hour, minute=minute, second=0, microsecond=0), zone)
    if hours is not None:
        opened = hours.clamp_back(at) if kind == "before" else hours.next_open(at)
        if opened is None:
            return _never_open(hours)
        at = opened
    return _settled(when, at, now, limit, zone, hours, quiet)


def _settled(  # noqa: PLR0913, PLR0917 the last step of work_out, called from there only
    when: When, at: int, now: int, limit: int | None, zone: ZoneInfo, hours: Calendar | None, quiet: Quiet | None
) -> Due | NotDue:
    """What becomes of the moment found: asked whether it is past, then moved out of the quiet hours."""
    was_past = at < now
    planned = at
    if was_past:
        if when.if_past == "skip":
            return NotDue("past", f"its moment, {_shown(at, zone)}, was past already")
        opened = now if hours is None else hours.next_open(now)
        if opened is None:
            return _never_open(hours)
        at = opened
    quiet_from: int | None = None
    if quiet is not None:
        settled = after_quiet(at, quiet, hours)
        if settled is None:
            return NotDue("no_open_time", "no moment in two years is outside the quiet hours and inside its hours")
        quiet_from = None if settled == at else at
        at = settled
    if at != planned and limit is not None and at >= limit:
        what = f"'{when.field}', {_shown(limit, zone)}"
        return NotDue("too_late", f"the next moment at which it may run, {_shown(at, zone)}, is not before {what}")
    return Due(at, was_past, quiet_from)


def _anchor(
    when: When, value: object, zone: ZoneInfo, hours: Calendar | None, *, has_time: bool
) -> tuple[int, int] | Missing | NotDue:
    """What is counted from, and the moment of the date itself, both ms UTC; or what stands in the way."""
    if when.at is not None:
        value, has_time = parse_local(when.at, zone), len(when.at) > _DATE_LENGTH
    if value is None:
        return _missing(when)
    if isinstance(value, datetime):
        value = from_local(value, zone) if value.tzinfo is None else int(value.timestamp() * 1000)
    if isinstance(value, date):
        day = value
    elif not isinstance(value, int):
        raise TypeError(f"the moment of '{when.field}' is a {type(value).__name__}, not milliseconds or a date")
    elif has_time:
        return value, value
    else:
        day = wall(value, zone).date()
    first = midnight(day, zone)
    if hours is None:
        return first, first
    start = hours.first_open_on(day)
    if start is None:
        start = hours.clamp_back(first) if when.kind == "before" else hours.next_open(first)
    return _never_open(hours) if start is None else (start, first)


def _missing(when: When) -> Missing | NotDue:
    field = when.field or ""
    if when.if_missing == "skip":
        return NotDue("missing", f"the field '{field}' is empty")
    return Missing(field)


def _never_open(hours: Calendar | None) -> NotDue:
    name = hours.name if hours else ""
    return NotDue("no_open_time", f"the calendar '{name}' has no open time within two years")


def _shown(ms: int, zone: ZoneInfo) -> str:
    return f"{wall(ms, zone):%Y-%m-%d %H:%M}"
