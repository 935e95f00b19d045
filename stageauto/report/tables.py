"""Tables as data, and as plain aligned text that can be searched line by line."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

STYLES = {
    "done": "green", "pending": "cyan", "waiting": "cyan", "running": "blue", "failed": "bold red",
    "undeliverable": "red", "unknown": "bold yellow", "suppressed": "yellow", "skipped": "dim", "cancelled": "dim",
    "not_run": "dim", "late": "red",
}  # fmt: skip
"""How a cell of that style looks on a terminal."""

_NEWLINES = {"\n": " ", "\r": "", "\t": " "}
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


WIDEST = 80
"""Columns of a screen to which cells are aligned; longer ones are shown whole, out of line."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with a style of STYLES."""

    text: str
    style: str = ""


Row = Sequence[str | Cell]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings. `right`: headings whose cells stand to the right; `empty`: said where no rows are.

    `apart`: the columns are lists of their own, so that on a narrow terminal one stands below the other.
    """

    columns: Sequence[str]
    rows: Sequence[Row]
    empty: str = ""
    right: frozenset[str] = field(default_factory=frozenset)
    title: str = ""
    apart: bool = False


def safe(text: str, *, keep_lines: bool = False) -> str:
    """The text without anything that a terminal would obey: control characters are shown, not sent."""
    if text.isprintable():
        return text if text.isascii() else "".join("" if one in _BIDI else one for one in text)
    return "".join(one if keep_lines and one == "\n" else _shown(one) for one in text)


def _shown(one: str) -> str:
    if one in _NEWLINES:
        return _NEWLINES[one]
    if one in _BIDI:
        return ""
    if unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"}:
        return f"\\x{ord(one):02x}" if ord(one) < 0x100 else f"\\u{ord(one):04x}"
    return one


def cell_text(cell: str | Cell) -> str:
    """The cell's text on one line, safe to show."""
    return safe(cell.text if isinstance(cell, Cell) else cell)


def cell_style(cell: str | Cell) -> str:
    """How the cell looks on a terminal; "" for as everything else."""
    return STYLES.get(cell.style, "") if isinstance(cell, Cell) else ""


def width(text: str) -> int:
    """The columns that a text takes on a screen."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) or unicodedata.category(one) == "Cf"
        else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )  # fmt: skip


def plain(table: Table) -> Iterator[str]:
    """The table's lines: headings, then a line for each row, two spaces between columns, nothing cut off.

    A very long cell pushes away what follows it in its own line, and makes no gap in all the others.
    """
    rows = [[cell_text(cell) for cell in row] for row in table.rows]
    heads = [name.upper() for name in table.columns]
    widths = [min(WIDEST, max(width(row[index]) for row in [heads, *rows])) for index in range(len(heads))]
    if table.title:
        yield safe(table.title)
    for row in [heads, *rows]:
        cells = []
        for name, text, size in zip(table.columns, row, widths, strict=True):
            gap = " " * (size - width(text))
            cells.append(gap + text if name in table.right else text + gap)
        yield "  ".join(cells).rstrip()
