"""Instants as text: RFC 3339 in UTC for machines, the workspace's local time for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from stageauto.engine.durations import format_span
from stageauto.engine.local import to_local

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


def utc(ms: int | None) -> str | None:
    """RFC 3339 in UTC: `2026-03-05T10:00:00Z`, with milliseconds where there are any; None for None."""
    if ms is None:
        return None
    seconds, rest = divmod(ms, 1000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:03d}Z" if rest else f"{text}Z"


def local(ms: int | None, zone: ZoneInfo, *, seconds: bool = False) -> str:
    """Local time: `2026-03-05 11:00`; "" for None."""
    if ms is None:
        return ""
    return to_local(ms, zone).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def span(ms: int) -> str:
    """A length of time in its two largest units: `2 d 3 h`."""
    return format_span(ms)


def local_text(text: str, zone: ZoneInfo) -> str:
    """A kept datetime (ISO text with offset) as local time; any other text as it is."""
    if len(text) > len("2026-03-05") and text[4:5] == "-" and text[10:11] == "T":
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return text
        if moment.tzinfo is not None:
            return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    return text
