"""Time zones by name."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@cache
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def zone_of(name: str, default: ZoneInfo) -> ZoneInfo:
    """The zone of that IANA name; the default for no name or an unknown one (a customer's record may hold anything)."""
    found = _zone(name) if name else None
    return found if found is not None else default
