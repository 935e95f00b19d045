"""Between instants (integer milliseconds UTC) and the wall clock of a zone."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from stageauto.errors import StageautoError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_EPOCH: Final = datetime(1970, 1, 1)
_EPOCH_DAY: Final = _EPOCH.toordinal()
_DAY_MS: Final = 86_400_000
_SHOWN: Final = 40
# A customer may send any date. Inside these bounds calendars can be walked for years without leaving what datetime
# can hold; what lies outside is as past or as far as the bound itself.
_FIRST_MS: Final = (datetime(200, 1, 1) - _EPOCH).days * _DAY_MS
_LAST_MS: Final = (datetime(9700, 1, 1) - _EPOCH).days * _DAY_MS

_MOMENT: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})?)?", re.ASCII
)


class LocalTimeError(StageautoError, ValueError):
    """A text that is no date and no local time."""


def to_local(ms: int, zone: ZoneInfo) -> datetime:
    """The aware local time of `ms` (UTC) in `zone`, to the millisecond; clamped to the years 200 to 9700."""
    seconds, rest = divmod(min(max(ms, _FIRST_MS), _LAST_MS), 1000)
    local = datetime.fromtimestamp(seconds, zone)
    return local.replace(microsecond=rest * 1000) if rest else local


def wall(ms: int, zone: ZoneInfo) -> datetime:
    """What the clock on the wall of `zone` shows at `ms` (UTC): a naive datetime."""
    seconds, rest = divmod(min(max(ms, _FIRST_MS), _LAST_MS), 1000)
    return datetime.fromtimestamp(seconds, zone).replace(microsecond=rest * 1000, tzinfo=None, fold=0)


def from_local(local: datetime, zone: ZoneInfo) -> int:
    """The instant, in ms UTC, at which the wall clock of `zone` shows `local` (naive).

    A time that spring skips moves forward by the gap; one that occurs twice is the first. PEP 495 gives both with
    fold=0: within a gap it still counts with the offset from before it.
    """
    offset = local.replace(tzinfo=zone, fold=0).utcoffset() or timedelta()
    return _as_ms(local - _EPOCH) - _as_ms(offset)


def days_later(ms: int, days: int, zone: ZoneInfo) -> int | None:
    """The same local time so many days later (earlier when negative), ms UTC; None where it takes a closer look.

    Most days are nowhere near a change of the clocks: there the wall clock is plain arithmetic.
    """
    then = ms + days * _DAY_MS
    before, after = _calm(ms // _DAY_MS, zone), _calm(then // _DAY_MS, zone)
    return None if before is None or after is None else then + before - after


def midnight(day: date, zone: ZoneInfo) -> int:
    """The first moment of that local day, ms UTC."""
    number = day.toordinal() - _EPOCH_DAY
    offset = _calm(number, zone)
    return from_local(datetime(day.year, day.month, day.day), zone) if offset is None else number * _DAY_MS - offset


def day_of(ms: int, zone: ZoneInfo) -> str:
    """The local day of that instant (ms UTC), as ISO text."""
    offset = _calm(ms // _DAY_MS, zone)
    return to_local(ms, zone).date().isoformat() if offset is None else _iso_day((ms + offset) // _DAY_MS)


@lru_cache(maxsize=64)
def _iso_day(number: int) -> str:
    return date.fromordinal(number + _EPOCH_DAY).isoformat()


@lru_cache(maxsize=4096)
def _calm(number: int, zone: ZoneInfo) -> int | None:
    """The offset of that day (UTC, counted from 1970), in ms; None where it changes within two days around it."""
    if not _FIRST_MS < number * _DAY_MS < _LAST_MS:
        return None
    found = {offset_ms((number + near) * _DAY_MS, zone) for near in (-2, -1, 0, 1, 2, 3)}
    return found.pop() if len(found) == 1 else None


def offset_ms(ms: int, zone: ZoneInfo) -> int:
    """How far the wall clock of `zone` is ahead of UTC at `ms`, in milliseconds (negative west of Greenwich)."""
    return _as_ms(to_local(ms, zone).utcoffset() or timedelta())


def parse_local(text: str, zone: ZoneInfo) -> int:
    """The instant, in ms UTC, that `text` names on the wall clock of `zone`.

    `2026-12-24T09:00`, with seconds if need be; a date alone is its 00:00; with `Z` or an offset the zone does not
    count. Raises LocalTimeError for anything else.
    """
    try:
        # Alone, fromisoformat reads more (20261224, weeks) than anybody means; an empty text it refuses.
        moment = datetime.fromisoformat(text if _MOMENT.fullmatch(text) else "")
        if moment.tzinfo is None:
            return from_local(moment, zone)
        return _as_ms(moment.replace(tzinfo=None) - _EPOCH) - _as_ms(moment.utcoffset() or timedelta())
    except (ValueError, OverflowError):
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
        raise LocalTimeError(f"'{shown}' is no local time", "write it like 2026-12-24T09:00 or 2026-12-24") from None


def _as_ms(span: timedelta) -> int:
    return span.days * _DAY_MS + span.seconds * 1000 + span.microseconds // 1000
