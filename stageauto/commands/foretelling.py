"""What files would have done, and would do: the recorded past again, and made-up items by the thousand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stageauto.commands.common import add, opened, output, root
from stageauto.errors import UsageError

if TYPE_CHECKING:
    from stageauto.engine.model import Workspace
    from stageauto.loader.profile import Profile


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    add(app, "backtest", backtest, "stageauto backtest --since 90d --pipeline deals")


def backtest(
    ctx: typer.Context,
    since: Annotated[
        str | None, typer.Option("--since", metavar="SPAN|DATE", help="How far back (90d; with --by-date all)")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="With --by-date: up to then; default: now")
    ] = None,
    pipeline: Annotated[str | None, typer.Option("--pipeline", metavar="P", help="Only this pipeline")] = None,
    by_date: Annotated[
        list[str] | None,
        typer.Option("--by-date", metavar="STAGE=FIELD", help="Imported items came to that stage at that date"),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show what does not differ as well")] = False,
) -> None:
    """What these files would have done with the recorded events, against what was done. Sends and changes nothing.

    With --by-date items need no recorded past: their date fields say when they came where.
    """
    from stageauto.report import backtest as report
    from stageauto.report.progress import progress
    from stageauto.runner import backtest as work
    from stageauto.runner.facts import facts_of
    from stageauto.runner.look import ago, moment

    out = output(ctx)
    workspace = _workspace(ctx)
    with opened(ctx) as session, progress(out) as tell:
        now, facts = session.clock.now(), facts_of(workspace)

        def at(text: str) -> int:
            return moment(text, facts, now) if text[:4].isdigit() else ago(text, now, facts)

        if by_date:
            if pipeline is None:
                raise UsageError("--by-date needs --pipeline", "say whose fields they are: --pipeline deals")
            found = work.backtest_dates(
                session, workspace, by_date, pipeline=pipeline, since=at(since) if since else None,
                until=at(until) if until else None, progress=tell,
            )  # fmt: skip
        elif until:
            raise UsageError("--until is for --by-date", "what was recorded is played up to now")
        else:
            found = work.backtest(session, workspace, since=at(since or "90d"), pipeline=pipeline, progress=tell)
    out.show(
        lambda: report.backtest_data(found),
        lambda: report.backtest_text(found, workspace.zone, everything=everything),
    )


def load_test(
    ctx: typer.Context, items: int, profile: Path | None, like: str | None, pipeline: str | None, since: str, for_: str,
    seed: str,
) -> None:  # fmt: skip
    """`simulate --load`: what so many made-up items make of the pipeline of these files."""
    from stageauto.engine.durations import parse_duration
    from stageauto.engine.schedule import shift
    from stageauto.report import loadtest as report
    from stageauto.report.progress import progress
    from stageauto.runner.clock import SystemClock
    from stageauto.runner.loadtest import load_test as work

    if items < 1 or (profile is None) == (like is None):
        raise UsageError(
            "--load needs a number of items and a profile", "--load 1000 --profile FILE, or --like history"
        )
    out = output(ctx)
    workspace = _workspace(ctx)
    now = SystemClock().now()
    chosen = _like(ctx, workspace, like, pipeline, since) if profile is None else _profile(ctx, workspace, profile)
    if pipeline is not None and chosen.pipeline != pipeline:
        raise UsageError(f"the profile is about {chosen.pipeline}", "leave --pipeline out, or take another profile")
    start = now if chosen.start is None else chosen.start
    end = shift(start, parse_duration(for_), workspace.zone, workspace.working)
    if end <= start:
        raise UsageError(f"`{for_}` is no time at all", "write it like 90d")
    with progress(out) as tell:
        found = work(workspace, chosen, items=items, start=start, end=end, seed=seed, progress=tell)
    about = workspace.pipelines[chosen.pipeline]
    out.show(lambda: report.load_data(found, workspace.zone), lambda: report.load_text(found, about, workspace.zone))


def _profile(ctx: typer.Context, workspace: Workspace, file: Path) -> Profile:
    """The profile of a file; ends the command where it has errors."""
    from stageauto.loader.profile import read_profile
    from stageauto.report import findings

    try:
        text = file.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    made, found = read_profile(workspace, str(file), text)
    if made is None:
        findings.refuse(output(ctx), list(found))
        raise typer.Exit(1)
    return made


def _like(ctx: typer.Context, workspace: Workspace, like: str | None, pipeline: str | None, since: str) -> Profile:
    """The profile of the recorded history."""
    from stageauto.engine.model import AUTOMATION_READ
    from stageauto.runner.checking import pipeline_of
    from stageauto.runner.facts import facts_of
    from stageauto.runner.likeness import like_history
    from stageauto.runner.look import ago

    if like != "history":
        raise UsageError(f"`--like {like}` is not known", "--like history takes the rates of what was recorded")
    if pipeline is None:
        raise UsageError("--like needs --pipeline", "say whose history: --pipeline deals")
    known = pipeline_of(workspace, pipeline)
    with opened(ctx) as session, session.read(AUTOMATION_READ, pipeline) as state:
        now = session.clock.now()
        return like_history(state, known, ago(since, now, facts_of(workspace)), now).profile


def _workspace(ctx: typer.Context) -> Workspace:
    """The files as they are; ends the command where they have errors."""
    from stageauto.report import findings
    from stageauto.runner.checking import check

    loaded = check(root(ctx))
    if loaded.workspace is None:
        findings.refuse(output(ctx), list(loaded.diagnostics))
        raise typer.Exit(1)
    return loaded.workspace
