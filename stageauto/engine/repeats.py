"""The moments of a rule that runs again while the item stays in its stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stageauto.engine.cron import cron_next, cron_prev
from stageauto.engine.shifts import shift

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from stageauto.engine.durations import Duration
    from stageauto.engine.opening import Calendar

_FARTHEST: Final = 2**32


@dataclass(frozen=True, slots=True)
class Repeat:
    """Again after each `every`, or at each match of `cron`; `times` counts all runs, None is without end."""

    every: Duration | None = None
    cron: str | None = None
    times: int | None = None


def occurrence(  # noqa: PLR0913, PLR0917 the anchor, the number and the clocks it is counted on
    repeat: Repeat,
    anchor_ms: int,
    n: int,
    zone: ZoneInfo,
    working: Calendar | None,
    hours: Calendar | None,
    after: int,
) -> int | None:
    """The moment of run `n` (0 is the first) counted from `anchor_ms`, in ms UTC; None when there is no such run.

    The first is the anchor itself, with cron its first match after it. Every later one is the anchor and `n` (or,
    where those are not after `after`, more) times the step, never the run before and one step; so nothing drifts.
    Moments outside `hours` move forward, and those that thereby fall together are one run. `after`: the due moment of
    the run before, or a later one up to which nothing is to be made up for.
    """
    if repeat.times is not None and n >= repeat.times:
        return None
    if repeat.cron is not None:
        return _cron_moment(repeat.cron, anchor_ms, zone, hours, after if n else None)
    every = repeat.every
    if every is None:
        return _opened(anchor_ms, hours) if n == 0 else None

    def moment(count: int) -> int | None:
        return _opened(shift(anchor_ms, every, zone, working, 1, count), hours)

    return _first_after(moment, n, after) if n else moment(0)


def _opened(ms: int, hours: Calendar | None) -> int | None:
    return ms if hours is None else hours.next_open(ms)


def _cron_moment(expr: str, anchor_ms: int, zone: ZoneInfo, hours: Calendar | None, after: int | None) -> int | None:
    if after is None or after <= anchor_ms:
        return _opened(cron_next(expr, anchor_ms, zone), hours)
    if hours is not None:
        # The match before may stand outside the hours and so be due only after `after`.
        before = cron_prev(expr, after, zone)
        opened = hours.next_open(before) if before > anchor_ms else None
        if opened is not None and opened > after:
            return opened
    return _opened(cron_next(expr, after, zone), hours)


def _first_after(moment: Callable[[int], int | None], count: int, after: int) -> int | None:
    """The first moment after `after` at `count` steps or more; they only grow: the search doubles, then halves."""
    found = moment(count)
    if found is None or found > after:
        return found
    low, width = count, 1
    while (found := moment(low + width)) is not None and found <= after:
        low, width = low + width, width * 2
        if width > _FARTHEST:
            return None
    high = low + width
    while high - low > 1:
        middle = (low + high) // 2
        found = moment(middle)
        if found is None or found > after:
            high = middle
        else:
            low = middle
    return moment(high)
