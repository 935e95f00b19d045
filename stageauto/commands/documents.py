"""Documents: the list of them, their files, and signing for the sender."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stageauto.commands.common import add, group, opened, output

Named = Annotated[str, typer.Argument(metavar="DOCUMENT", help="Its id, or its number")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    listed = group(app, "documents", documents, "stageauto documents --item deal-17")
    add(listed, "save", save, "stageauto documents save OF-2026-0001 offer.pdf")
    add(app, "sign", sign, "stageauto sign doc-3 --as olga")


def documents(
    ctx: typer.Context,
    item: Annotated[str | None, typer.Option("--item", "-i", metavar="ITEM", help="Only this item's")] = None,
) -> None:
    """The documents that rules made, and who has signed them."""
    from stageauto.report import documents as report
    from stageauto.runner import signing

    if ctx.invoked_subcommand is not None:
        return
    with opened(ctx) as session:
        found = signing.documents(session, item)
    output(ctx).show(lambda: [report.shape(one) for one in found.rows], lambda: report.table(found))


def save(
    ctx: typer.Context,
    document: Named,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Where to; default: its own name, here")] = None,
    original: Annotated[bool, typer.Option("--original", help="As it was before it was signed")] = False,
) -> None:
    """Writes a document's PDF to a file: the signed one, where everybody has signed."""
    from stageauto.runner import signing

    with opened(ctx) as session:
        path = signing.save(session, document, file, original=original)
    output(ctx).done(lambda: {"file": str(path)}, f"written to {path}")


def sign(
    ctx: typer.Context,
    document: Named,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")] = False,
) -> None:
    """Signs a document for the sender, as the user who was asked to."""
    from stageauto.report import documents as report
    from stageauto.runner import signing

    out = output(ctx)
    with opened(ctx) as session:
        request = signing.asked(session, document)
        out.hint(report.before(request))
        if not yes:
            typer.confirm("Sign?", default=False, abort=True, err=True)
        done = signing.sign(session, request)
    out.done(lambda: report.shape(done), report.after(done, signing.waiting(done)))
