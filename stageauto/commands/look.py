"""Looking: items, one item, its history, the board, what is pending, the outbox."""

from __future__ import annotations

from typing import Annotated

import typer

from stageauto.commands.common import add, opened, output

Pipeline = Annotated[str | None, typer.Option("--pipeline", "-p", metavar="PIPELINE", help="Only this pipeline")]
Item = Annotated[str, typer.Argument(metavar="ITEM", help="Any unambiguous part of the item's id")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    add(app, "items", items, "stageauto items --stage quote --stuck 3d")
    add(app, "show", show, "stageauto show deal-17")
    add(app, "timeline", timeline, "stageauto timeline deal-17 --follow")
    add(app, "board", board, "stageauto board deals")
    add(app, "pending", pending, "stageauto pending --pipeline deals --before 2026-03-05T18:00")
    add(app, "outbox", outbox, "stageauto outbox --failed")


def items(
    ctx: typer.Context,
    pipeline: Pipeline = None,
    stage: Annotated[str | None, typer.Option("--stage", "-s", metavar="STAGE", help="Only this stage")] = None,
    stuck: Annotated[
        str | None, typer.Option("--stuck", metavar="TIME", help="Only open items longer than that in their stage: 3d")
    ] = None,
) -> None:
    """The items, in the order in which they were made."""
    from stageauto.report import look as report
    from stageauto.report import shapes
    from stageauto.runner import look

    with opened(ctx) as session:
        found = look.items(session, pipeline=pipeline, stage=stage, stuck=stuck)
    output(ctx).show(lambda: [shapes.item(one) for one in found.items], lambda: report.items(found))


def show(ctx: typer.Context, item: Item) -> None:
    """One item: its fields, and its stage's rules: ✓ done, ✗ failed, ○ waiting, – not run."""  # noqa: RUF002
    from stageauto.report import look as report
    from stageauto.report import shapes
    from stageauto.runner import look

    with opened(ctx) as session:
        found = look.show(session, item)
    output(ctx).show(lambda: shapes.show(found), lambda: report.show(found))


def timeline(
    ctx: typer.Context,
    item: Annotated[str | None, typer.Argument(metavar="[ITEM]", help="Its history; without it everything's")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as things happen, until Ctrl-C")] = False,
    last: Annotated[int | None, typer.Option("--last", "-n", metavar="N", min=1, help="Only the last N lines")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also which triggers an event did not move it by")] = False,
) -> None:
    """What happened, when, by whom and why. With --follow --json: one JSON object a line."""
    from stageauto.report import look as report
    from stageauto.report import shapes
    from stageauto.runner import look

    out = output(ctx)
    with opened(ctx) as session:
        found = look.timeline(session, item, last=last, everything=everything)
        if not follow:
            out.show(lambda: [shapes.entry(one, found.facts) for one in found.entries], lambda: report.timeline(found))
            return
        zone = found.facts.zone
        for one in look.follow(session, item, found.entries, everything=everything, over=out.abandoned):
            if out.json:
                out.record(shapes.entry(one, found.facts))
            else:
                out.line(report.timeline_line(one, zone, with_item=item is None), flush=True)


def board(
    ctx: typer.Context,
    pipeline: Annotated[str | None, typer.Argument(metavar="[PIPELINE]", help="Only this pipeline")] = None,
) -> None:
    """The pipelines as columns, the newest arrival on top."""
    from stageauto.report import look as report
    from stageauto.report import shapes
    from stageauto.runner import look

    with opened(ctx) as session:
        found = look.board(session, pipeline)
    output(ctx).show(lambda: [shapes.board(one) for one in found], lambda: report.board(found))


def pending(
    ctx: typer.Context,
    item: Annotated[str | None, typer.Option("--item", "-i", metavar="ITEM", help="Only this item's")] = None,
    pipeline: Pipeline = None,
    before: Annotated[
        str | None, typer.Option("--before", metavar="TIME", help="Only what is due before: a local time, or 2d")
    ] = None,
) -> None:
    """What is due when, and why then; what has no time yet comes last."""
    from stageauto.report import look as report
    from stageauto.report import shapes
    from stageauto.runner import look

    with opened(ctx) as session:
        found = look.pending(session, item=item, pipeline=pipeline, before=before)
    output(ctx).show(lambda: [shapes.pending(one) for one in found.runs], lambda: report.pending(found))


def outbox(
    ctx: typer.Context,
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed or could not be delivered")] = False,
    unknown: Annotated[bool, typer.Option("--unknown", help="Only what was sent perhaps")] = False,
    item: Annotated[str | None, typer.Option("--item", "-i", metavar="ITEM", help="Only this item's")] = None,
) -> None:
    """The deliveries, with attempts and answers."""
    from stageauto.report import look as report
    from stageauto.report import shapes
    from stageauto.runner import look

    states = [*(look.NOT_SENT if failed else ()), *(["unknown"] if unknown else ())]
    with opened(ctx) as session:
        found = look.outbox(session, item=item, states=states)
    output(ctx).show(lambda: [shapes.delivery(one) for one in found.deliveries], lambda: report.outbox(found))
