"""Scenarios from within a test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stageauto.errors import UsageError
from stageauto.runner.clock import SystemClock
from stageauto.runner.scenario import PASSED, Result
from stageauto.runner.testing import read_suite, run_suite


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """How a scenario went: `outcome` is passed, failed or error; `failures` are sentences with file and line."""

    name: str
    outcome: str
    failures: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """True when everything was as expected."""
        return self.outcome == PASSED

    def __str__(self) -> str:
        return "\n".join([f"{self.name}: {self.outcome}", *self.failures])


def run_scenario(workspace: Path | str, file: Path | str) -> ScenarioResult:
    """How the scenario of that file goes in the workspace of that folder, plugins and all; nothing outside is touched.

    `file` is a path, or a name below `scenarios/` with or without its ending. Raises UsageError where there is no such
    file, or where the workspace does not load: the message is then what `stageauto validate` says first.
    """
    root = Path(workspace)
    suite = read_suite(root, [str(file)], None, SystemClock().now())
    loaded = suite.loaded.workspace
    if loaded is None:
        first = next(one for one in suite.loaded.diagnostics if one.severity == "error")
        raise UsageError(f"{first.file}:{first.line}: {first.message}", first.hint)
    results = list(run_suite(loaded, suite))
    if len(results) != 1:
        raise UsageError(f"{file} is {len(results)} scenarios", "name the file of one scenario")
    return _told(results[0])


def _told(result: Result) -> ScenarioResult:
    failures = []
    for one in result.failures:
        text = f"{one.place.file}:{one.place.line}: {one.message}"
        if one.expected:
            text += f"; expected: {one.expected}"
        if one.found:
            text += f"; found: {', '.join(one.found)}"
        failures.append(text)
    return ScenarioResult(result.scenario, result.outcome, tuple(failures))
