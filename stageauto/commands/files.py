"""The files: a new workspace, checking it, making it the active version, looking at it as a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stageauto.commands.common import add, output, root, settings, valid_files


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
    dot = "dot"
    svg = "svg"


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    add(app, "init", init, "stageauto init acme --template leads")
    add(app, "validate", validate, "stageauto validate pipelines/deals.yaml --strict")
    add(app, "graph", graph, "stageauto graph deals --format svg > deals.svg")


def init(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where; made if it is not there", show_default=False)
    ] = Path(),
    template: Annotated[Template, typer.Option("--template", "-t", help="What it begins with")] = Template.sales,
) -> None:
    """A working workspace, with scenarios that pass. Nothing that is there is overwritten."""
    from stageauto.report import upkeep as report
    from stageauto.runner.starting import missing_extra, start

    folder = Path(settings(ctx).workspace or "", folder)
    written = start(folder, template.value)
    output(ctx).show(
        lambda: {"workspace": str(folder.resolve()), "template": template.value, "files": written},
        lambda: report.started_text(folder, template.value, written, missing_extra(template.value)),
    )


def validate(
    ctx: typer.Context,
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILES]", help="Only the findings in these")] = None,
    form: Annotated[Report, typer.Option("--format", "-f", help="How they are written")] = Report.text,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail as well")] = False,
) -> None:
    """All that is wrong with the files, at once, and what is hardly meant. Changes nothing.

    Exit code 1 when there is an error.
    """
    from stageauto.report import findings
    from stageauto.runner import checking

    folder = root(ctx)
    found = list(checking.check(folder, lint=True).diagnostics)
    if files:
        found = checking.in_files(found, folder, files)
    out = output(ctx)
    failed = findings.failed(found, strict=strict)
    if out.json or form is Report.json:
        out.document(findings.data(found, failed=failed))
    else:
        findings.show(out, found, form.value, folder)
    if failed:
        raise typer.Exit(1)


def graph(
    ctx: typer.Context,
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="Which one")],
    form: Annotated[Picture, typer.Option("--format", "-f", help="How it is drawn")] = Picture.text,
    no_counts: Annotated[bool, typer.Option("--no-counts", help="Without how many items each stage has")] = False,
) -> None:
    """A pipeline as a picture, as its file says: stages, what moves items in, rules with their time and chain.

    Where there is a state, with how many items each stage has.
    """
    from stageauto.report import graph as report
    from stageauto.runner.checking import counts_of, pipeline_of

    one = pipeline_of(valid_files(ctx), pipeline)
    counts = None if no_counts else counts_of(root(ctx), settings(ctx).as_user, one.id)
    output(ctx).show(lambda: report.as_data(one, counts), lambda: _drawn(form)(one, counts))


def _drawn(form: Picture) -> Callable[..., Iterator[str]]:
    from stageauto.report import graph as report
    from stageauto.report.graph_dot import as_dot
    from stageauto.report.graph_svg import as_svg

    return {"text": report.as_text, "mermaid": report.as_mermaid, "dot": as_dot, "svg": as_svg}[form.value]
