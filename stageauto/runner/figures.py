"""Small arithmetic of figures: spans, hours of the week, days and weeks and months."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from stageauto.engine.local import midnight, to_local

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_DAY_MS = 86_400_000
_MOST_DAYS, _MOST_WEEKS, _MOST_YEARS = 45, 60, 8


@dataclass(frozen=True, slots=True)
class Span:
    """How long something took, `count` times; ms, None where it never ended."""

    count: int
    median: int | None = None
    p90: int | None = None


def span_of(spans: Sequence[int]) -> Span:
    """The middle one, and the one that nine in ten do not exceed (the nearest rank)."""
    if not spans:
        return Span(0)
    ordered = sorted(spans)
    count = len(ordered)
    median = (ordered[(count - 1) // 2] + ordered[count // 2]) // 2
    return Span(count, median, ordered[-(-9 * count // 10) - 1])


def beat_of(moments: Iterable[tuple[int, int]], zone: ZoneInfo) -> list[list[int]]:
    """Seven days from Monday, 24 local hours each; of (moment, count) pairs, ms UTC."""
    beat = [[0] * 24 for _ in range(7)]
    for at, count in moments:
        local = to_local(at, zone)
        beat[local.weekday()][local.hour] += count
    return beat


def buckets(
    moments: Mapping[str, Sequence[int]], since: int, until: int, zone: ZoneInfo
) -> tuple[str, list[tuple[int, dict[str, int]]]]:
    """(day, week or month, [(first moment of it, how many of each kind)]), none left out in between.

    `since` 0: from the first moment. Days for up to 45 of them, then weeks from Monday, months, years.
    """
    first = since or min((min(ones) for ones in moments.values() if ones), default=until)
    last = max([until if since else first, *(max(ones) for ones in moments.values() if ones)])
    days = (last - first) // _DAY_MS
    edges = list(_edges(kind := _kind(days), to_local(first, zone).date(), last, zone))
    counted = [(edge, dict.fromkeys(moments, 0)) for edge in edges]
    for name, ones in moments.items():
        for one in ones:
            counted[max(0, bisect_right(edges, one) - 1)][1][name] += 1
    return kind, counted


def _kind(days: int) -> str:
    if days <= _MOST_DAYS:
        return "day"
    return "week" if days <= 7 * _MOST_WEEKS else "month" if days <= 366 * _MOST_YEARS else "year"


def _edges(kind: str, day: date, last: int, zone: ZoneInfo) -> Iterable[int]:
    day = _begin(kind, day)
    while (edge := midnight(day, zone)) <= last:
        yield edge
        day = _begin(kind, day + timedelta(days={"day": 1, "week": 7, "month": 31, "year": 366}[kind]))


def _begin(kind: str, day: date) -> date:
    """The first day of the week, month or year in which the day lies."""
    if kind == "week":
        return day - timedelta(days=day.weekday())
    if kind == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if kind == "year" else day
