"""Why something did or did not happen."""

from __future__ import annotations

from typing import Annotated

import typer

from stageauto.commands.common import add, opened, output
from stageauto.errors import UsageError

EVENT = "event"


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    add(app, "explain", explain, "stageauto explain deal-17 quote-reminder")


def explain(
    ctx: typer.Context,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Any part of the item's id; or `event`, then its id")],
    rule: Annotated[
        str | None, typer.Argument(metavar="[RULE|TRIGGER]", help="Its id; without it all of the stage and pipeline")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="What will be the answer then: 2026-03-09, or 2d")
    ] = None,
) -> None:
    """Why a rule or trigger did, did not or will not: the first gate that said no, with its values.

    `stageauto explain event ID`: what an event did to whom, and which triggers looked at it.
    """
    from stageauto.report import explain as report
    from stageauto.runner import explain as runner

    out = output(ctx)
    with opened(ctx) as session:
        if item == EVENT and rule is not None:
            if at is not None:
                raise UsageError("--at goes with an item", "an event has happened already")
            came = runner.event(session, rule)
            out.show(lambda: report.event_data(came), lambda: report.event_text(came))
            return
        found = runner.explain(session, item, rule, at=at)
    out.show(lambda: report.data(found), lambda: report.text(found))
