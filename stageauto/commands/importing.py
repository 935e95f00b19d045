"""Items from a file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stageauto.commands.common import add, opened, output


class Form(StrEnum):
    """How the file is written."""

    csv = "csv"
    jsonl = "jsonl"


def register(app: typer.Typer) -> None:
    """Adds the command of this module."""
    add(app, "import", import_file, "stageauto import deals.csv -p deals --map amount=value --date-format %d.%m.%Y")


def import_file(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, or JSON lines; - is what comes on stdin")],
    pipeline: Annotated[str, typer.Option("--pipeline", "-p", metavar="PIPELINE", help="Where the items go")],
    pairs: Annotated[
        list[str] | None,
        typer.Option("--map", "-m", metavar="FIELD=COLUMN", help="Where a field comes from: title=name, stage=status"),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", metavar="FILE", help="The same in a file, with more (docs: import)")
    ] = None,
    date_format: Annotated[
        str | None, typer.Option("--date-format", metavar="FORMAT", help="How dates are written: %m/%d/%Y")
    ] = None,
    form: Annotated[Form | None, typer.Option("--format", "-f", help="Default: as the file's name says")] = None,
    delimiter: Annotated[
        str | None, typer.Option("--delimiter", metavar="CHAR", help="Default: found in the first line")
    ] = None,
    start_rules: Annotated[
        bool, typer.Option("--start-rules", help="Set the stages' rules going, as for items that enter now")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check the file")] = False,
) -> None:
    """Items from CSV or JSON lines, all or none. The faults of the whole file are listed by line and column.

    Columns that are called like a field go there by themselves. No rule begins and nothing is sent, unless
    --start-rules is given.
    """
    from stageauto.report import upkeep as report
    from stageauto.report.progress import progress
    from stageauto.runner.import_mapping import Mapped, with_options
    from stageauto.runner.import_rows import ImportFaultsError
    from stageauto.runner.importing import Order, import_file, mapping_file, read_input

    out = output(ctx)
    mapped = with_options(mapping_file(mapping) if mapping else Mapped(), pairs or (), date_format)
    name, content = read_input(file)
    order = Order(
        name, content, pipeline, mapped, form.value if form else None, delimiter, start_rules=start_rules,
        dry_run=dry_run,
    )  # fmt: skip
    try:
        with opened(ctx) as session, progress(out) as tell:
            done = import_file(session, order, tell)
    except ImportFaultsError as error:
        report.show_faults(out, name, error)
        raise typer.Exit(error.exit_code) from None
    out.show(lambda: report.imported_data(done), lambda: report.imported_text(done))
