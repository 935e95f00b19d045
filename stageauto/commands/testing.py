"""Runs scenarios for the command `test`: once, or again whenever a file changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stageauto.commands.figures import write
from stageauto.errors import DONE, FINDINGS, INTERRUPTED, StageautoError, UsageError

if TYPE_CHECKING:
    from stageauto.report.output import Output
    from stageauto.runner.coverage import Coverage
    from stageauto.runner.scenario import Result


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for."""

    root: Path
    scenarios: Sequence[str]
    word: str | None
    junit: Path | None
    coverage: bool
    fail_under: float


def show_invalid(out: Output, loaded: Any) -> None:
    """A workspace that does not validate: as `validate` says it."""
    from stageauto.report.diagnostics import as_data, render_text

    if out.json:
        out.document(as_data(loaded.diagnostics))
    else:
        out.hint(render_text(loaded.diagnostics, color=out.colored()))


def run_tests(out: Output, order: Order) -> int:
    """The exit code: 1 where a scenario fails, the workspace does not validate, or too little was reached."""
    from stageauto.report import running
    from stageauto.runner.clock import SystemClock
    from stageauto.runner.coverage import Coverage
    from stageauto.runner.testing import read_suite, run_suite

    suite = read_suite(order.root, order.scenarios, order.word, SystemClock().now())
    workspace = suite.loaded.workspace
    if workspace is None:
        show_invalid(out, suite.loaded)
        return FINDINGS
    coverage = Coverage(workspace) if order.coverage else None
    results: list[Result] = []
    for result in run_suite(workspace, suite, coverage):
        results.append(result)
        if not out.json and not (out.quiet and result.outcome == "passed"):
            for line in running.result_lines(result, workspace.zone, color=out.colored()):
                out.line(line)
    if order.junit is not None:
        from stageauto.report.junit import junit

        write(order.junit, junit(results))
    return _told(out, order, results, coverage)


def _told(out: Output, order: Order, results: Sequence[Result], coverage: Coverage | None) -> int:
    """Says how all of it went."""
    from stageauto.report import coverage as report
    from stageauto.report import running

    data = running.result_data(results)
    if coverage is not None:
        data["coverage"] = report.coverage_data(coverage)
    if not results:
        out.note("there are no scenarios yet: they stand in scenarios/")
    out.show(lambda: data, lambda: [running.summary(results), *(report.coverage_text(coverage) if coverage else ())])
    short = report.too_little(coverage, order.fail_under) if coverage else ""
    if short:
        out.hint(short)
    return FINDINGS if data["failed"] or short else DONE


def watch_tests(out: Output, order: Order) -> int:
    """Runs them, and what a change touches again, until Ctrl-C; the exit code is that of the last run."""
    from stageauto.runner.watching import next_change, seen, touched

    if out.json or not out.terminal:
        raise UsageError("--watch needs a terminal, and has no JSON", "leave it out, or run it by hand")
    code, wanted = INTERRUPTED, order.scenarios
    try:
        while True:
            before = seen(order.root, order.scenarios)  # what is written while they run is run again
            code = _tried(out, replace(order, scenarios=wanted))
            out.note("waiting for a change; Ctrl-C ends it")
            _, files = next_change(order.root, order.scenarios, before)
            wanted = touched(order.root, files, order.scenarios)
            out.line()
    except KeyboardInterrupt:
        out.hint("")
        return code


def _tried(out: Output, order: Order) -> int:
    """As `run_tests`; an error is said, and does not end the watching."""
    try:
        return run_tests(out, order)
    except StageautoError as error:
        out.error(error.message, error.hint, error.exit_code)
        return error.exit_code
