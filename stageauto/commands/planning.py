"""Which configuration is active: what loading would mean, loading it, going back."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from stageauto.commands.common import add, opened, output, root

if TYPE_CHECKING:
    from stageauto.loader.load import Loaded
    from stageauto.report.output import Output
    from stageauto.runner.adoption import Adoption
    from stageauto.runner.changes import Changes
    from stageauto.runner.goingback import Back
    from stageauto.runner.session import Session

CatchUp = Annotated[
    list[str] | None,
    typer.Option("--catch-up", metavar="RULE", help="Set it going for items that are in its stage already"),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    add(app, "plan", plan, "stageauto plan")
    add(app, "load", load, "stageauto load --note 'new reminder' --catch-up reminder")
    add(app, "versions", versions, "stageauto versions")
    add(app, "rollback", rollback, "stageauto rollback 3")


def plan(ctx: typer.Context, catch_up: CatchUp = None) -> None:
    """What loading these files would mean for rules, items and what is pending. Changes nothing."""
    from stageauto.report import plan as report
    from stageauto.runner.session import has_state

    out = output(ctx)
    files, loaded = _checked(ctx, scenarios=False)
    with ExitStack() as stack:
        session = stack.enter_context(opened(ctx)) if has_state(root(ctx)) else None
        found, adoption = _foreseen(session, _Wanted(files, loaded, catch_up or ()), out)
    assert loaded.workspace is not None
    zone = loaded.workspace.zone
    out.show(
        lambda: report.plan_data(found, adoption), lambda: report.plan_text(found, adoption, zone, color=out.colored())
    )


def load(
    ctx: typer.Context,
    yes: Yes = False,
    catch_up: CatchUp = None,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What `versions` shows beside it")] = "",
) -> None:
    """Makes the files the active version: checked, planned, asked on a terminal, taken up at once by a running daemon.

    Without a terminal it is not asked. Files with errors change nothing.
    """
    files, loaded = _checked(ctx)
    _load(ctx, _Wanted(files, loaded, catch_up or ()), note, yes=yes)


def rollback(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(metavar="VERSION", help="Its number, as `versions` has it")],
    yes: Yes = False,
) -> None:
    """Makes an older version's files the active ones again, as a new version; planned and asked like `load`.

    The files of the workspace stay as they are.
    """
    from stageauto.runner.goingback import way_back
    from stageauto.runner.session import load_files
    from stageauto.runner.versions import files_of

    with opened(ctx) as session:
        files = files_of(session, number)
        back = way_back(session, number)
        loaded = load_files(root(ctx), files, session.clock.now())
    _refuse_broken(ctx, loaded)
    _load(ctx, _Wanted(files, loaded, (), back), f"back to version {number}", yes=yes)


def versions(ctx: typer.Context) -> None:
    """The versions that were loaded: when, by whom, and which is active."""
    from stageauto.report import upkeep as report
    from stageauto.runner import upkeep

    with opened(ctx) as session:
        found = upkeep.versions(session)
    output(ctx).show(lambda: [report.version_data(one) for one in found.versions], lambda: report.versions_text(found))


def _checked(ctx: typer.Context, *, scenarios: bool = True) -> tuple[Mapping[str, str], Loaded]:
    """The files, and what came of them; ends the command where they have errors, in `scenarios` too where asked."""
    from stageauto.loader.files import read_files
    from stageauto.runner.checking import check

    folder = root(ctx)
    files = read_files(folder)
    loaded = check(folder, files=files)
    _refuse_broken(ctx, loaded, scenarios=scenarios)
    return files, loaded


def _refuse_broken(ctx: typer.Context, loaded: Loaded, *, scenarios: bool = True) -> None:
    from stageauto.report import findings

    if loaded.workspace is None or (scenarios and not loaded.ok):  # what a broken scenario shows is not known
        findings.refuse(output(ctx), list(loaded.diagnostics))
        raise typer.Exit(1)
    findings.warn(output(ctx), list(loaded.diagnostics))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be loaded."""

    files: Mapping[str, str]
    loaded: Loaded
    catch_up: Sequence[str] = ()
    back: Back | None = None


def _foreseen(session: Session | None, wanted: _Wanted, out: Output) -> tuple[Changes, Adoption]:
    from stageauto.report.progress import progress
    from stageauto.runner.adoption import Adoption
    from stageauto.runner.changes import compare
    from stageauto.runner.versions import foresee

    workspace = wanted.loaded.workspace
    if session is None or workspace is None:
        return compare({}, wanted.files), Adoption()
    with progress(out) as tell:
        return foresee(session, wanted.files, workspace, catch_up=wanted.catch_up, back=wanted.back, progress=tell)


def _load(ctx: typer.Context, wanted: _Wanted, note: str, *, yes: bool) -> None:
    from stageauto.report import plan as report
    from stageauto.report.progress import progress
    from stageauto.runner import versions as work
    from stageauto.runner.session import has_state

    out = output(ctx)
    workspace = wanted.loaded.workspace
    assert workspace is not None
    with ExitStack() as stack:
        session = stack.enter_context(opened(ctx)) if has_state(root(ctx)) else None
        found, adoption = _foreseen(session, wanted, out)
        differs = bool(found.files or wanted.catch_up)
        if differs and not out.quiet:
            for line in report.plan_text(found, adoption, workspace.zone, color=out.colored(sys.stderr)):
                out.hint(line)
        if differs and not yes and not out.json and _asked():
            harmless = not report.warns(found, adoption, workspace.zone)  # else Enter alone does not mean yes
            if not typer.confirm("Load?", default=harmless, err=True):
                out.note("nothing was changed")
                raise typer.Exit(1)
        if session is None:
            session = stack.enter_context(opened(ctx, create=True))
        with progress(out) as tell:
            done = work.load(
                session, wanted.files, note=note, catch_up=wanted.catch_up, loaded=wanted.loaded,
                back=wanted.back, progress=tell,
            )  # fmt: skip
    out.done(lambda: report.activated_data(done, found), report.activated_text(done))


def _asked() -> bool:
    """True where somebody can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()
