"""Tables on a terminal. Everything is given to rich as finished text: nothing a customer wrote is read as markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from stageauto.report.tables import cell_style, cell_text, safe

if TYPE_CHECKING:
    from stageauto.report.tables import Table


def console(*, color: bool) -> Console:
    """Stdout as rich sees it."""
    return Console(no_color=not color, highlight=False, markup=False, emoji=False, soft_wrap=False)


def show_table(table: Table, *, color: bool) -> None:
    """Prints the table as wide as the terminal allows."""
    shown = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    if table.title:
        shown.title, shown.title_justify, shown.title_style = Text(safe(table.title)), "left", "bold"
    for name in table.columns:
        shown.add_column(Text(name), justify="right" if name in table.right else "left", overflow="fold")
    for row in table.rows:
        shown.add_row(*(Text(cell_text(cell), style=cell_style(cell)) for cell in row))
    console(color=color).print(shown)
