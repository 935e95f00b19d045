"""Figures: what was measured, what it has to reach, and how both are printed side by side."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


class WrongCountError(Exception):
    """The state does not hold what the run should have left there: its figure is worth nothing."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `ratio` is what is compared with the target where there is a floor, else `value` is."""

    code: str
    what: str
    value: float
    unit: str
    target: str
    reached: bool | None  # None: nothing to reach
    floor: float | None = None
    ratio: float | None = None
    sync: str = "-"
    rows: str = "-"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Race:
    """What both sides did in turns: how many a second in each round."""

    ours: Sequence[float]
    floor: Sequence[float]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios: a slow moment of the machine hits both sides of a round."""
        return statistics.median(one / other for one, other in zip(self.ours, self.floor, strict=True))

    def figure(self, code: str, what: str, least: float, sync: str, rows: str, note: str = "") -> Figure:
        """The line of this race; `least` is the ratio to reach."""
        return Figure(
            code, what, statistics.median(self.ours), "/s", f">= {least} x floor", self.ratio >= least,
            statistics.median(self.floor), self.ratio, sync, rows, note,
        )  # fmt: skip


def check(what: str, found: object, wanted: object) -> None:
    """Raises WrongCountError where a count is not what it should be."""
    if found != wanted:
        raise WrongCountError(f"{what}: {found}, but it should be {wanted}")


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


HEAD = ("", "what", "measured", "floor", "ratio", "must reach", "", "sync", "rows ours/floor", "")


def line(one: Figure) -> tuple[str, ...]:
    """The cells of a figure."""
    return (
        one.code, one.what, f"{_shown(one.value)} {one.unit}".replace(" /s", "/s"),
        "-" if one.floor is None else f"{_shown(one.floor)} {one.unit}".replace(" /s", "/s"),
        "-" if one.ratio is None else f"{one.ratio:.2f}", one.target,
        {True: "yes", False: "NO", None: ""}[one.reached], one.sync, one.rows, one.note,
    )  # fmt: skip


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(figures: Sequence[Figure]) -> str:
    """The figures as a table of Markdown, which reads well in a terminal too."""
    rows = [HEAD, *map(line, figures)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
