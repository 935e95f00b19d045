"""The files: a new workspace, checking it, making it the active version, looking at it as a picture."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stageauto.commands.common import add, opened, output, root


class Template(StrEnum):
    """What a new workspace begins with."""

    sales = "sales"
    leads = "leads"
    esign = "esign"
    blank = "blank"


class Report(StrEnum):
    """How findings are written."""

    text = "text"
    json = "json"
    github = "github"
    sarif = "sarif"


class Picture(StrEnum):
    """How a pipeline is drawn."""

    text = "text"
    mermaid = "mermaid"


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    add(app, "init", init, "stageauto init acme --template leads")
    add(app, "validate", validate, "stageauto validate pipelines/deals.yaml --strict")
    add(app, "load", load, "stageauto load --note 'new reminder' --catch-up reminder")
    add(app, "versions", versions, "stageauto versions")
    add(app, "graph", graph, "stageauto graph deals --format mermaid")


def init(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where; made if it is not there", show_default=False)
    ] = Path(),
    template: Annotated[Template, typer.Option("--template", "-t", help="What it begins with")] = Template.sales,
) -> None:
    """A working workspace, with scenarios that pass. Nothing that is there is overwritten."""
    from stageauto.report import upkeep as report
    from stageauto.runner.starting import start

    written = start(folder, template.value)
    output(ctx).show(
        lambda: {"workspace": str(folder.resolve()), "template": template.value, "files": written},
        lambda: report.started_text(folder, template.value, written),
    )


def validate(
    ctx: typer.Context,
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILES]", help="Only the findings in these")] = None,
    form: Annotated[Report, typer.Option("--format", "-f", help="How they are written")] = Report.text,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail as well")] = False,
) -> None:
    """All that is wrong with the files, at once. Touches no state. Exit code 1 when there is an error."""
    from stageauto.report import findings
    from stageauto.runner import checking

    folder = root(ctx)
    found = list(checking.check(folder).diagnostics)
    if files:
        found = checking.in_files(found, folder, files)
    out = output(ctx)
    failed = findings.failed(found, strict=strict)
    if out.json or form is Report.json:
        out.document(findings.data(found, failed=failed))
    else:
        findings.show(out, found, form.value)
    if failed:
        raise typer.Exit(1)


def load(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")] = False,
    catch_up: Annotated[
        list[str] | None,
        typer.Option("--catch-up", metavar="RULE", help="Set it going for items that are in its stage already"),
    ] = None,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What `versions` shows beside it")] = "",
) -> None:
    """Makes the files the active version: checked, shown, asked on a terminal, taken up at once by a running daemon.

    Without a terminal it is not asked. Files with errors change nothing.
    """
    from stageauto.loader.files import read_files
    from stageauto.report import findings
    from stageauto.report import upkeep as report
    from stageauto.runner import versions as work
    from stageauto.runner.changes import changes
    from stageauto.runner.checking import check
    from stageauto.runner.session import state_path

    folder, out = root(ctx), output(ctx)
    files = read_files(folder)
    loaded = check(folder, files=files)
    if loaded.workspace is None or not loaded.ok:  # a broken scenario, too: its rules were not looked at
        findings.refuse(out, list(loaded.diagnostics))
        raise typer.Exit(1)
    findings.warn(out, list(loaded.diagnostics))
    with ExitStack() as stack:
        there = state_path(folder).exists()
        session = stack.enter_context(opened(ctx)) if there else None
        found = changes(session, files, loaded.workspace)
        for line in report.changes_text(found):
            out.note(line)
        if (found.files or catch_up) and not yes and not out.json and _asked():
            typer.confirm("Load?", default=True, abort=True, err=True)
        if session is None:
            session = stack.enter_context(opened(ctx, create=True))
        done = work.load(session, files, note=note, catch_up=catch_up or (), loaded=loaded)
    out.done(lambda: report.activated_data(done, found), report.activated_text(done))


def _asked() -> bool:
    """True where somebody can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def versions(ctx: typer.Context) -> None:
    """The versions that were loaded: when, by whom, and which is active."""
    from stageauto.report import upkeep as report
    from stageauto.runner import upkeep

    with opened(ctx) as session:
        found = upkeep.versions(session)
    output(ctx).show(lambda: [report.version_data(one) for one in found.versions], lambda: report.versions_text(found))


def graph(
    ctx: typer.Context,
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="Which one")],
    form: Annotated[Picture, typer.Option("--format", "-f", help="How it is drawn")] = Picture.text,
) -> None:
    """A pipeline as a picture, as its file says: stages, what moves items in, rules with their time and chain."""
    from stageauto.report import graph as report
    from stageauto.runner.checking import pipeline_of, valid_workspace

    one = pipeline_of(valid_workspace(root(ctx)), pipeline)
    draw = report.as_mermaid if form is Picture.mermaid else report.as_text
    output(ctx).show(lambda: report.as_data(one), lambda: draw(one))
