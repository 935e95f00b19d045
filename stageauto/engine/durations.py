"""Durations as an admin writes them (`1d12h`, `3wd`), read into plain numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from stageauto.errors import UsageError

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

# Largest first: the order in which the units must be written, and in which they are counted.
_UNITS: Final = ("mo", "w", "d", "wd", "wh", "h", "m", "s")
_EXACT_MS: Final = {"h": HOUR_MS, "m": MINUTE_MS, "s": SECOND_MS}
_DAYS: Final = {"w": 7, "d": 1}

# A hundred years, and ten working years: far beyond any pipeline, near enough that no calendar is walked for long.
_MOST_MONTHS: Final = 1_200
_MOST_DAYS: Final = 36_525
_MOST_MS: Final = _MOST_DAYS * DAY_MS
_MOST_WORKING_MS: Final = 20_000 * HOUR_MS

_PART: Final = re.compile(r"([0-9]{1,12})(mo|wd|wh|[wdhms])(?![a-z])", re.ASCII)
_BARE: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_EXAMPLE: Final = "write it like 30s, 10m, 4h, 3d, 2w, 1mo, 1d12h, 3wd or 4wh"


class DurationError(UsageError, ValueError):
    """A text that is no duration; the message says what is wrong and the hint how one looks."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time: months and days of the local calendar, exact milliseconds, working days and working time.

    Weeks are kept as seven days each. No part is negative: a direction is given where a duration is applied.
    """

    months: int = 0
    days: int = 0
    ms: int = 0
    working_days: int = 0
    working_ms: int = 0

    @property
    def is_zero(self) -> bool:
        """True when nothing is to be waited for."""
        return not (self.months or self.days or self.ms or self.working_days or self.working_ms)

    def __str__(self) -> str:
        """The canonical text, largest unit first; `parse_duration` reads it back to the same duration."""
        parts = [(self.months, "mo"), (self.days, "d"), (self.working_days, "wd")]
        parts += _split(self.working_ms, (("wh", HOUR_MS),))
        parts += _split(self.ms, (("h", HOUR_MS), ("m", MINUTE_MS), ("s", SECOND_MS), ("ms", 1)))
        return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def parse_duration(text: str) -> Duration:
    """The duration that `text` names: `30s 10m 4h 3d 2w 1mo`, joined as in `1d12h`, and `3wd`, `4wh`.

    Units are written largest first (mo, w, d, wd, wh, h, m, s), each at most once.
    Raises DurationError for anything else, a bare number included.
    """
    counts: dict[str, int] = {}
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            raise DurationError(_what_is_wrong(text, position), _EXAMPLE)
        _check_order(text, counts, match[2])
        counts[match[2]] = int(match[1])
        position = match.end()
    if not counts:
        raise DurationError("a duration is missing", _EXAMPLE)
    return _bounded(text, _added_up(counts))


def format_span(ms: int) -> str:
    """`2 d 3 h`: the two largest units of `ms` milliseconds, rounded down, for people to read; minus when negative."""
    if ms < 0:
        return f"-{format_span(-ms)}"
    if 0 < ms < SECOND_MS:
        return f"{ms} ms"
    units = (("d", DAY_MS), ("h", HOUR_MS), ("min", MINUTE_MS), ("s", SECOND_MS))
    counted = _split(ms - ms % SECOND_MS, units)
    first = next((index for index, (count, _) in enumerate(counted) if count), len(counted) - 1)
    shown = [f"{count} {unit}" for count, unit in counted[first : first + 2] if count]
    return " ".join(shown) or "0 s"


def _split(ms: int, units: tuple[tuple[str, int], ...]) -> list[tuple[int, str]]:
    counted = []
    for unit, size in units:
        count, ms = divmod(ms, size)
        counted.append((count, unit))
    return counted


def _check_order(text: str, seen: dict[str, int], unit: str) -> None:
    if unit in seen:
        raise DurationError(f"the duration '{_short(text)}' has '{unit}' twice", "write each unit once, as in 1d12h")
    if seen and _UNITS.index(unit) < max(_UNITS.index(other) for other in seen):
        raise DurationError(
            f"in the duration '{_short(text)}' the unit '{unit}' comes after a smaller one",
            "write the largest unit first, as in 1d12h",
        )


def _added_up(counts: dict[str, int]) -> Duration:
    return Duration(
        months=counts.get("mo", 0),
        days=sum(counts.get(unit, 0) * size for unit, size in _DAYS.items()),
        ms=sum(counts.get(unit, 0) * size for unit, size in _EXACT_MS.items()),
        working_days=counts.get("wd", 0),
        working_ms=counts.get("wh", 0) * HOUR_MS,
    )


def _bounded(text: str, duration: Duration) -> Duration:
    if (
        duration.months > _MOST_MONTHS
        or duration.days > _MOST_DAYS
        or duration.ms > _MOST_MS
        or duration.working_days > _MOST_DAYS
    ):
        raise DurationError(f"the duration '{_short(text)}' is too long", "at most a hundred years, 1200mo")
    if duration.working_ms > _MOST_WORKING_MS:
        raise DurationError(f"the duration '{_short(text)}' is too long", "at most 20000wh; count days with wd")
    return duration


def _what_is_wrong(text: str, position: int) -> str:
    if _BARE.fullmatch(text):
        return f"the duration '{_short(text)}' has no unit"
    if text.startswith("-"):
        return f"the duration '{_short(text)}' is negative"
    if any(character.isspace() for character in text):
        return f"the duration '{_short(text)}' has a space in it"
    if position == 0:
        return f"'{_short(text)}' is no duration"
    return f"'{_short(text[position:])}' in the duration '{_short(text)}' is not understood"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."
