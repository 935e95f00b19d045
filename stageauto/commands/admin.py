"""Looking after a workspace: doctor, backup, restore, prune, the service."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from stageauto.commands.common import add, opened, output, root, settings


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    add(app, "doctor", doctor, "stageauto doctor")
    add(app, "backup", backup, "stageauto backup /var/backups/acme-monday.db")
    add(app, "restore", restore, "stageauto restore /var/backups/acme-monday.db")
    add(app, "prune", prune, "stageauto prune --before 1y")
    add(app, "export", export, "stageauto export --pipeline deals > deals.jsonl")
    add(app, "unit", unit, "stageauto unit > /etc/systemd/system/stageauto.service")


def doctor(ctx: typer.Context) -> None:
    """Clock, zone data, SQLite, files, state, disk, daemon, channels, secrets: what is wrong and what to do.

    Exit code 1 when something is bad.
    """
    from stageauto.report import upkeep as report
    from stageauto.runner.doctor import BAD, examine

    found = examine(root(ctx), as_user=settings(ctx).as_user)
    output(ctx).show(lambda: report.findings_data(found), lambda: report.findings_text(found))
    if any(one.level == BAD for one in found):
        raise typer.Exit(1)


def backup(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file; none is overwritten")]
) -> None:
    """A whole copy of the state as it is now, also beside a running daemon."""
    from stageauto.report import upkeep as report
    from stageauto.runner import upkeep

    with opened(ctx) as session:
        done = upkeep.backup(session, file)
    output(ctx).done(lambda: {"file": str(done.file), "size": done.size}, report.backed_up_text(done))


def restore(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", help="What `backup` wrote")]
) -> None:
    """Puts a backup in the place of the state. It sends nothing until `resume --all`; the old one is kept beside it."""
    from stageauto.report import upkeep as report
    from stageauto.runner import upkeep

    done = upkeep.restore(root(ctx), file, settings(ctx).as_user)
    output(ctx).done(
        lambda: {"state": str(done.state), "kept": str(done.kept) if done.kept else None}, report.restored_text(done)
    )


def prune(
    ctx: typer.Context,
    before: Annotated[str, typer.Option("--before", metavar="TIME", help="1y, 6mo, 90d or a date")],
) -> None:
    """Forgets what is over and older than that. Open items, contacts and what is pending stay whole."""
    from stageauto.report import upkeep as report
    from stageauto.runner import upkeep

    with opened(ctx) as session:
        done = upkeep.prune(session, before)
    output(ctx).done(lambda: {"before": report.instant(done.before), "rows": done.rows}, report.pruned_text(done))


def export(
    ctx: typer.Context,
    pipeline: Annotated[
        str | None, typer.Option("--pipeline", "-p", metavar="PIPELINE", help="Only its items, and what is theirs")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="KIND", help="items, contacts, timeline, ...; may be repeated")
    ] = None,
) -> None:
    """All that the state holds, of one moment, as lines of JSON for other programs: {"item": {...}}.

    Items come first, then contacts, companies, timeline, pending, outbox, tasks, bookings, feed, inbox, documents and
    exceptions, in the words that the commands of those names give with --json. To keep a state whole there is `backup`.
    """
    from stageauto.report import exported as report
    from stageauto.report.output import dumps
    from stageauto.runner.exporting import KINDS, exported

    out = output(ctx)
    with opened(ctx) as session, closing(exported(session, pipeline=pipeline, only=only or ())) as found:
        if out.json:
            out.document(report.as_document(found, only or KINDS))
            return
        for line in report.lines(found):
            out.line(dumps(line))


def unit(ctx: typer.Context) -> None:
    """A systemd service that runs this workspace."""
    from stageauto.report import upkeep as report
    from stageauto.runner.session import os_user
    from stageauto.runner.upkeep import program

    text = report.unit(root(ctx), program(), os_user())
    output(ctx).show(lambda: {"unit": text}, lambda: [text.rstrip("\n")])
