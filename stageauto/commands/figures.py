"""Figures: how the pipelines do, and what is planned to be sent."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stageauto.commands.common import add, opened, output
from stageauto.commands.look import Pipeline


class Form(StrEnum):
    """How an outlook is written."""

    table = "table"
    csv = "csv"
    ics = "ics"


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    add(app, "outlook", outlook, "stageauto outlook --days 7 --follow")
    add(app, "stats", stats, "stageauto stats --pipeline deals --since 30d --html stats.html")


def outlook(
    ctx: typer.Context,
    pipeline: Pipeline = None,
    days: Annotated[int, typer.Option("--days", "-d", metavar="N", help="How far to look ahead")] = 14,
    follow: Annotated[
        bool, typer.Option("--follow", help="Also what follows from that, by a simulation on a copy of the state")
    ] = False,
    form: Annotated[Form, typer.Option("--format", "-f", help="How it is written")] = Form.table,
) -> None:
    """What is planned to be sent, by day and hour. Without --follow only what is pending by now."""
    from stageauto.report import outlook as report
    from stageauto.runner.outlook import outlook as planned

    out = output(ctx)
    with opened(ctx) as session:
        found = planned(session, days=days, pipeline=pipeline, follow=follow)
    if form is Form.table or out.json:
        out.show(lambda: report.outlook_data(found), lambda: report.outlook_text(found))
    else:
        out.text(report.outlook_csv(found) if form is Form.csv else report.outlook_ics(found))


def stats(
    ctx: typer.Context,
    pipeline: Pipeline = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Only the last so long, such as 30d; without it all")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page to look at, print or send")
    ] = None,
) -> None:
    """How far items come and how fast, how rules end, when what happens, what was sent."""
    from stageauto.report import stats as report
    from stageauto.runner.stats import stats as figures

    out = output(ctx)
    with opened(ctx) as session:
        found = figures(session, pipeline=pipeline, since=since)
    if html is not None:
        from stageauto.report.stats_page import stats_page

        write(html, stats_page(found))
    if html is None or out.json:
        out.show(lambda: report.stats_data(found), lambda: report.stats_text(found))
    else:
        out.note(f"written to {html}")


def write(file: Path, text: str) -> None:
    """Writes what a command made. Raises UsageError where that cannot be."""
    from stageauto.errors import UsageError

    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}", "name another file") from None
