"""Tables on a terminal. Everything is given to rich as finished text: nothing a customer wrote is read as markup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from stageauto.report.tables import cell_style, cell_text, safe

if TYPE_CHECKING:
    from stageauto.report.tables import Cell, Table

GAP = 2
"""Columns of the screen between two columns of a table."""
LONGEST_WORD = 32
"""A longer word may be broken: an address of the web, a text without a space."""
LONGEST = 500
"""Letters of a cell that are shown."""
HANGS = 4


def console(*, color: bool) -> Console:
    """Stdout as rich sees it."""
    return Console(no_color=not color, highlight=False, markup=False, emoji=False, soft_wrap=False)


def show_table(table: Table, *, color: bool) -> None:
    """Prints the table as wide as the terminal allows; where words would have to be broken for that, its rows as text.

    Ids are there to be copied, and a column of three letters is not to be read.
    """
    screen = console(color=color)
    widths = _widths(table, screen.width)
    if widths is not None:
        _grid(table, widths, screen)
        return
    if table.title:
        screen.print(Text(safe(table.title), style="bold"))
    for line in _lists(table) if table.apart else _lines(table):
        _print_hanging(line, screen)


def _grid(table: Table, widths: Sequence[int], screen: Console) -> None:
    shown = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    if table.title:
        shown.title, shown.title_justify, shown.title_style = Text(safe(table.title)), "left", "bold"
    for name, width in zip(table.columns, widths, strict=True):
        side: Literal["right", "left"] = "right" if name in table.right else "left"
        shown.add_column(Text(name), justify=side, overflow="fold", width=width)
    for row in table.rows:
        shown.add_row(*map(_styled, row))
    screen.print(shown)


def _styled(cell: str | Cell) -> Text:
    return Text(_bounded(cell_text(cell)), style=cell_style(cell))


def _bounded(text: str) -> str:
    """What is longer than anybody reads in a table is cut; `--json` and pipes have it whole."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _widths(table: Table, wide: int) -> list[int] | None:
    """How wide each column is, None where not even the longest word of each has room beside the others."""
    texts = [[*table.columns], *([_bounded(cell_text(cell)) for cell in row] for row in table.rows)]
    columns = list(zip(*texts, strict=True))
    wanted = [max(map(cell_len, column)) for column in columns]
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
    if whole or (text[:1].isdigit() and len(text) <= len("2026-03-05 09:00:00")):
        return cell_len(text)
    return min(max(map(cell_len, text.split()), default=0), LONGEST_WORD)


def _lines(table: Table) -> Iterator[Text]:
    """A line for the headings and for each row: what stands in it, one after the other."""
    yield Text(", ".join(name for name in table.columns if name), style="bold")
    for row in table.rows:
        yield Text("  ").join(cell for cell in map(_styled, row) if cell.plain)


def _lists(table: Table) -> Iterator[Text]:
    """Each column as a list of its own under its heading."""
    for index, name in enumerate(table.columns):
        yield Text(name, style="bold")
        yield from (Text("  ") + cell for row in table.rows if (cell := _styled(row[index])).plain)


def _print_hanging(line: Text, screen: Console) -> None:
    """The line, broken between words; what goes on below stands a little to the right."""
    first = line.wrap(screen, screen.width, overflow="fold")[0]
    screen.print(first)
    rest = line[len(first.plain) :]
    rest = rest[len(rest.plain) - len(rest.plain.lstrip()) :]
    if rest.plain:
        for one in rest.wrap(screen, max(screen.width - HANGS, 1), overflow="fold"):
            screen.print(Text(" " * HANGS) + one)
