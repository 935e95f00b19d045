"""Scenarios as tests: which ones, how each went, and what none of them reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stageauto.engine.model import Place, Workspace
from stageauto.errors import UsageError
from stageauto.loader.diagnostics import ERROR, Diagnostic
from stageauto.loader.files import file_finder, read_files, read_scenarios
from stageauto.loader.load import Loaded, load
from stageauto.loader.scenario import Scenario
from stageauto.runner import observe, scenario
from stageauto.runner.scenario import Missed, Result
from stageauto.runner.session import environment
from stageauto.runner.simulate import Simulation


@dataclass(frozen=True, slots=True)
class Suite:
    """The scenarios of a workspace: those that can run, and those that are broken, by file with their diagnostics."""

    loaded: Loaded
    scenarios: Sequence[Scenario]
    broken: Mapping[str, Sequence[Diagnostic]] = field(default_factory=dict)


@dataclass(slots=True)
class Coverage:
    """Which enabled rules and triggers ran. Names are `pipeline/stage/id`."""

    rules: dict[str, int] = field(default_factory=dict)
    triggers: dict[str, int] = field(default_factory=dict)

    @property
    def percent(self) -> float:
        """How many of all of them ran, in percent; 100 where there are none."""
        counts = [*self.rules.values(), *self.triggers.values()]
        return 100.0 * sum(1 for count in counts if count) / len(counts) if counts else 100.0

    def missing(self) -> list[str]:
        """What no scenario reached."""
        return [
            *(f"rule {name}" for name, count in self.rules.items() if not count),
            *(f"trigger {name}" for name, count in self.triggers.items() if not count),
        ]


def read_suite(root: Path, wanted: Sequence[str], word: str | None, now: int) -> Suite:
    """The workspace's scenarios: all, or those of the files and folders named. Raises UsageError for an unknown one.

    `loaded.workspace` is None where the workspace itself does not validate.
    """
    texts = _texts(root, wanted)
    files = read_files(root)
    loaded = load(files, env=environment(root), now=now, scenarios=texts, files_present=file_finder(root))
    broken: dict[str, list[Diagnostic]] = {}
    for one in loaded.diagnostics:
        if one.severity == ERROR and one.file in texts:
            broken.setdefault(one.file, []).append(one)
    found = [one for one in loaded.scenarios if one.file not in broken and _has(one, word)]
    kept = {name: ones for name, ones in broken.items() if word is None or word.casefold() in name.casefold()}
    return Suite(loaded, found, kept)


def _has(one: Scenario, word: str | None) -> bool:
    return word is None or word.casefold() in f"{one.name} {one.file}".casefold()


def _texts(root: Path, wanted: Sequence[str]) -> dict[str, str]:
    if not wanted:
        return read_scenarios(root)
    texts: dict[str, str] = {}
    for name in wanted:
        for path in _paths(root, name):
            try:
                texts[_shown(root, path)] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                raise UsageError(f"{path} is not UTF-8 text", "save it as UTF-8") from None
    return texts


def _paths(root: Path, name: str) -> Iterable[Path]:
    for path in (Path(name), root / name, root / "scenarios" / name, root / "scenarios" / f"{name}.yaml"):
        if path.is_dir():
            return sorted(one for one in path.rglob("*") if one.suffix in (".yaml", ".yml"))
        if path.is_file():
            return [path]
    raise UsageError(f"there is no scenario `{name}`", "name a file or folder, or leave it out for all of scenarios/")


def _shown(root: Path, path: Path) -> str:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.as_posix()


def _missed(one: Diagnostic) -> Missed:
    hints = (one.hint,) if one.hint else ()
    return Missed(Place(one.file, one.line, one.column), 0, 0, f"{one.code}: {one.message}", "", hints)


def run_suite(workspace: Workspace, suite: Suite, coverage: Coverage | None = None) -> Iterable[Result]:
    """The results, one after another; broken files are of outcome `error`, with their diagnostics as failures."""
    for file, diagnostics in suite.broken.items():
        name = next((one.name for one in suite.loaded.scenarios if one.file == file), Path(file).stem)
        yield Result(name, file, scenario.ERROR, [_missed(one) for one in diagnostics])
    for one in suite.scenarios:
        watch = None if coverage is None else lambda simulation: _count(coverage, simulation)
        yield scenario.run_scenario(workspace, one, watch=watch)


def new_coverage(workspace: Workspace) -> Coverage:
    """A count of zero for every enabled rule and trigger."""
    coverage = Coverage()
    for pipeline in workspace.pipelines.values():
        for stage in pipeline.stages:
            coverage.rules.update({f"{pipeline.id}/{stage.id}/{one.id}": 0 for one in stage.rules if one.enabled})
            coverage.triggers.update({f"{pipeline.id}/{stage.id}/{one.id}": 0 for one in stage.triggers if one.enabled})
    return coverage


def _count(coverage: Coverage, simulation: Simulation) -> None:
    pipelines = {item.id: item.pipeline for item in simulation.state.items(include_deleted=True)}
    lines = simulation.state.timeline()
    for line in lines:
        pipeline = pipelines.get(line.item, "")
        if line.kind in ("outcome", "repeated") and line.data.get("outcome") != "cancelled":
            _add(coverage.rules, pipeline, line.data["stage"], line.data["rule"])
        elif line.kind == "entered" and line.data.get("trigger"):
            _add(coverage.triggers, line.data.get("pipeline", pipeline), line.data["to"], line.data["trigger"])


def _add(counts: dict[str, int], pipeline: str, stage: str, name: str) -> None:
    key = f"{pipeline}/{stage}/{name}"
    if key in counts:
        counts[key] += 1


def observed(simulation: Simulation, after_seq: int = 0) -> dict[str, object]:
    """What a simulation made happen: timeline, sent, items, pending, as objects and plain data."""
    simulation.flush()
    state = simulation.state
    items = state.items()
    return {
        "timeline": state.timeline(after_seq=after_seq),
        "sent": observe.sent(state),
        "items": items,
        "pending": observe.pending(items, simulation.workspace),
    }
