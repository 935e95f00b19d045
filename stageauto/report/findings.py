"""Diagnostics shown: as the result of `validate`, or beside what another command does."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stageauto.loader.diagnostics import Diagnostic
from stageauto.report.diagnostics import as_data, render_text, to_github, to_sarif
from stageauto.report.output import Output

_FAILS = ("error", "warning")


def failed(found: Sequence[Diagnostic], *, strict: bool) -> bool:
    """True where there is an error, with `strict` a warning too."""
    return any(one.severity in (_FAILS if strict else _FAILS[:1]) for one in found)


def data(found: Sequence[Diagnostic], *, failed: bool) -> dict[str, Any]:
    """`{ok, diagnostics}`."""
    return {**as_data(found), "ok": not failed}


def show(out: Output, found: Sequence[Diagnostic], form: str, folder: Path) -> None:
    """The findings of the workspace in `folder` as a result, as text, for GitHub or as SARIF.

    Programs look for the files from where the command was given, which is the root of the repository.
    """
    where = _below(folder)
    if form == "github":
        text = to_github(found, where)
    elif form == "sarif":
        text = to_sarif(found, where)
    else:
        text = render_text(found, color=out.colored()) or ("" if out.quiet else "no findings\n")
    if text:
        out.line(text.rstrip("\n"))


def _below(folder: Path) -> str:
    """The folder as seen from the current one; "" where it is that, or not below it."""
    here = Path.cwd()
    folder = folder.resolve()
    return folder.relative_to(here).as_posix().removeprefix(".") if folder.is_relative_to(here) else ""


def refuse(out: Output, found: Sequence[Diagnostic]) -> None:
    """The findings that keep a command from its work: to stderr; with --json the document that `validate` gives."""
    out.hint(render_text(found, color=out.colored(sys.stderr)).rstrip("\n"))
    if out.json:
        out.document(data(found, failed=True))


def warn(out: Output, found: Sequence[Diagnostic]) -> None:
    """Findings that keep nothing from going on: to stderr, unless it shall be quiet."""
    if found and not out.quiet:
        out.hint(render_text(found, color=out.colored(sys.stderr)).rstrip("\n"))
