"""Tables on a terminal, as wide as it allows; laid out by hand, for thousands of rows are to be there at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from stageauto.report.tables import cell_style, cell_text, safe, width

if TYPE_CHECKING:
    from stageauto.report.tables import Row, Table

GAP = 2
"""Columns of the screen between two columns of a table."""
LONGEST_WORD = 32
"""A longer word may be broken: an address of the web, a text without a space."""
LONGEST = 500
"""Letters of a cell that are shown."""
HANGS = 4
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}
_Word = tuple[str, str, int]
"""A word, its style, and the spaces before it."""


def laid_out(table: Table, *, wide: int, color: bool) -> Iterator[str]:
    """The table's lines; where words would have to be broken for a grid, its rows as text.

    Ids are there to be copied, and a column of three letters is not to be read.
    """
    if table.title:
        yield painted(safe(table.title), "bold", color=color)
    cells = [[_bounded(cell_text(cell)) for cell in row] for row in table.rows]
    widths = _widths(table, cells, wide)
    if widths is not None:
        yield from _grid(table, cells, widths, color=color)
    elif table.apart:
        yield from _lists(table, cells, wide, color=color)
    else:
        yield from _texts(table, cells, wide, color=color)


@cache
def _codes(style: str) -> str:
    return ";".join(_CODES[one] for one in style.split())


def painted(text: str, style: str, *, color: bool) -> str:
    """The text as that style looks, as it is where there are no colours."""
    return f"\033[{_codes(style)}m{text}\033[0m" if color and style and text else text


def _bounded(text: str) -> str:
    """What is longer than anybody reads in a table is cut; `--json` and pipes have it whole."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


# -- how wide ---------------------------------------------------------------------------------------------------------


def _widths(table: Table, cells: Sequence[Sequence[str]], wide: int) -> list[int] | None:
    """How wide each column is, None where not even the longest word of each has room beside the others."""
    columns = list(zip(*([*table.columns], *cells), strict=True))
    wanted = [max(map(width, column)) for column in columns]
    if sum(wanted) + GAP * (len(wanted) - 1) <= wide:
        return wanted
    whole = [name in table.right for name in table.columns]
    widths = [max(_least(text, whole=one) for text in column) for column, one in zip(columns, whole, strict=True)]
    room = wide - GAP * (len(widths) - 1) - sum(widths)
    if room < 0:
        return None
    lacking = [want - has for want, has in zip(wanted, widths, strict=True)]
    while room > 0 and any(lacking):  # what is left goes to all that lack some, in equal parts
        share = max(1, room // sum(lack > 0 for lack in lacking))
        for index, lack in enumerate(lacking):
            more = min(share, lack, room)
            widths[index], lacking[index], room = widths[index] + more, lack - more, room - more
    return widths


def _least(text: str, *, whole: bool) -> int:
    """The room that the text needs: that of its longest word, but numbers and moments are not broken at all."""
    if whole or _is_moment(text):
        return width(text)
    return min(max(map(width, text.split()), default=0), LONGEST_WORD)


def _is_moment(text: str) -> bool:
    return text[:1].isdigit() and len(text) <= len("2026-03-05 09:00:00")


# -- a grid -----------------------------------------------------------------------------------------------------------


def _grid(table: Table, cells: Sequence[Sequence[str]], widths: Sequence[int], *, color: bool) -> Iterator[str]:
    right = [name in table.right for name in table.columns]
    yield from _across(table.columns, ["bold"] * len(widths), widths, right, color=color)
    yield "─" * (sum(widths) + GAP * (len(widths) - 1))
    for row, texts in zip(table.rows, cells, strict=True):
        yield from _across(texts, [cell_style(cell) for cell in row], widths, right, color=color)


def _across(
    texts: Sequence[str], styles: Sequence[str], widths: Sequence[int], right: Sequence[bool], *, color: bool
) -> Iterator[str]:
    """A row of the grid: as many lines as its longest cell takes."""
    wrapped = [_wrapped(text, wide) for text, wide in zip(texts, widths, strict=True)]
    for line in range(max(map(len, wrapped))):
        parts = []
        for lines, style, wide, to_right in zip(wrapped, styles, widths, right, strict=True):
            text = lines[line] if line < len(lines) else ""
            blank, shown = " " * (wide - width(text)), painted(text, style, color=color)
            parts.append(blank + shown if to_right else shown + blank)
        yield (" " * GAP).join(parts).rstrip()


def _wrapped(text: str, wide: int) -> list[str]:
    if width(text) <= wide:
        return [text]
    return list(_flowing([(word, "", 1) for word in text.split()], wide, hangs=0, color=False))


# -- text -------------------------------------------------------------------------------------------------------------


def _texts(table: Table, cells: Sequence[Sequence[str]], wide: int, *, color: bool) -> Iterator[str]:
    """A line for the headings and for each row: what stands in it, one after the other."""
    heads = ", ".join(name for name in table.columns if name)
    yield from _flowing([(word, "bold", 1) for word in heads.split()], wide, hangs=HANGS, color=color)
    for row, texts in zip(table.rows, cells, strict=True):
        yield from _flowing(_words(row, texts), wide, hangs=HANGS, color=color)


def _words(row: Row, texts: Sequence[str]) -> list[_Word]:
    return [
        (word, cell_style(cell), 1 if index else GAP)
        for cell, text in zip(row, texts, strict=True)
        for index, word in enumerate([text] if _is_moment(text) else text.split())
    ]  # fmt: skip


def _lists(table: Table, cells: Sequence[Sequence[str]], wide: int, *, color: bool) -> Iterator[str]:
    """Each column as a list of its own under its heading."""
    for index, name in enumerate(table.columns):
        yield painted(name, "bold", color=color)
        for row, texts in zip(table.rows, cells, strict=True):
            words = _words([row[index]], [texts[index]])
            if words:
                yield from _flowing([("", "", 0), *words], wide, hangs=HANGS, color=color)


def _flowing(words: Sequence[_Word], wide: int, *, hangs: int, color: bool) -> Iterator[str]:
    """Lines of words, broken between them where one is full; what goes on below stands `hangs` to the right."""
    hangs = hangs if hangs < wide else 0
    line, filled, begun = "", 0, False
    for word, style, gap in words:
        rest = word
        if begun and filled + gap + width(word) > wide:
            yield line
            line, filled, begun = " " * hangs, hangs, False
        space = gap if begun else 0
        while filled + space + width(rest) > wide and wide - filled - space > 0:
            head = _fitting(rest, wide - filled - space)
            yield line + " " * space + painted(head, style, color=color)
            line, filled, space, rest = " " * hangs, hangs, 0, rest[len(head) :]
        line += " " * space + painted(rest, style, color=color)
        filled, begun = filled + space + width(rest), True
    if begun:
        yield line


def _fitting(text: str, room: int) -> str:
    """The beginning of the text that has room; one letter at the least, however wide."""
    size = 1
    while size < len(text) and width(text[: size + 1]) <= room:
        size += 1
    return text[:size]
