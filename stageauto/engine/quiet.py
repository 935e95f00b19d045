"""Quiet hours: when no message goes to a customer, and where its moment moves to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from stageauto.engine.local import from_local, wall
from stageauto.engine.opening import DAY_MINUTES, HORIZON_DAYS

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from stageauto.engine.opening import Calendar


@dataclass(frozen=True, slots=True)
class Quiet:
    """Every night from `start_minute` to `end_minute` (minutes after midnight) on the wall clock of `zone`.

    Half-open: at the end it is quiet no longer. An end before the start is on the next day; equal ones are never quiet.
    """

    start_minute: int
    end_minute: int
    zone: ZoneInfo

    def end_of(self, ms: int) -> int | None:
        """The end of the quiet hours that `ms` (UTC) lies in, in ms UTC; None when it is not quiet then."""
        if self.start_minute == self.end_minute:
            return None
        midnight = wall(ms, self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        passes_midnight = self.end_minute < self.start_minute
        length = self.end_minute - self.start_minute + (DAY_MINUTES if passes_midnight else 0)
        for day in (1, 0) if passes_midnight else (0,):
            start = midnight - timedelta(days=day) + timedelta(minutes=self.start_minute)
            end = from_local(start + timedelta(minutes=length), self.zone)
            if from_local(start, self.zone) <= ms < end:
                return end
        return None


def after_quiet(ms: int, quiet: Quiet | None, hours: Calendar | None) -> int | None:
    """`ms` when it is not quiet; else the end of the quiet hours, then the next open moment of `hours`, ms UTC.

    The two may lie in different zones, so it goes on until both hold; None when that never happens in two years.
    """
    if quiet is None:
        return ms
    for _ in range(HORIZON_DAYS):
        end = quiet.end_of(ms)
        if end is None:
            return ms
        opened = hours.next_open(end) if hours is not None else end
        if opened is None:
            return None
        ms = opened
    return None
