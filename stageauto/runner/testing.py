"""Scenarios as tests: which ones, and how each went."""

from __future__ import annotations

import os
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
from stageauto.runner.clock import monotonic_ms
from stageauto.runner.coverage import Coverage
from stageauto.runner.scenario import Missed, Result
from stageauto.runner.session import environment
from stageauto.runner.simulate import Simulation


@dataclass(frozen=True, slots=True)
class Suite:
    """The scenarios of a workspace: those that can run, and those that are broken, by file with their diagnostics."""

    loaded: Loaded
    scenarios: Sequence[Scenario]
    broken: Mapping[str, Sequence[Diagnostic]] = field(default_factory=dict)


def read_suite(root: Path, wanted: Sequence[str], word: str | None, now: int) -> Suite:
    """The workspace's scenarios: all, or those of the files and folders named, with the word in name or file.

    Raises UsageError for a name or a word that none has.

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
    if word is not None and texts and not found and not kept and loaded.workspace is not None:
        raise UsageError(f"no scenario has `{word}` in its name or file", "leave out -k to run all of them")
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
            except OSError as error:
                raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    return texts


def _paths(root: Path, name: str) -> Iterable[Path]:
    for path in (Path(name), root / name, root / "scenarios" / name, root / "scenarios" / f"{name}.yaml"):
        if path.is_dir():
            return sorted(Path(here, one) for here, _, names in os.walk(path) for one in names if _is_yaml(one))
        if path.is_file():
            return [path]
    raise UsageError(f"there is no scenario `{name}`", "name a file or folder, or leave it out for all of scenarios/")


def _is_yaml(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


def _shown(root: Path, path: Path) -> str:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.as_posix()


def _missed(one: Diagnostic) -> Missed:
    hints = (one.hint,) if one.hint else ()
    return Missed(Place(one.file, one.line, one.column), 0, 0, f"{one.code}: {one.message}", "", hints)


def run_suite(workspace: Workspace, suite: Suite, coverage: Coverage | None = None) -> Iterable[Result]:
    """The results, one after another; broken files are of outcome `error`, with their diagnostics as failures.

    `coverage` counts what they reach.
    """
    for file, diagnostics in suite.broken.items():
        name = next((one.name for one in suite.loaded.scenarios if one.file == file), Path(file).stem)
        yield Result(name, file, scenario.ERROR, [_missed(one) for one in diagnostics])
    watched = workspace if coverage is None else coverage.workspace
    for one in suite.scenarios:
        began = monotonic_ms()
        result = scenario.run_scenario(watched, one, watch=coverage.count if coverage else None)
        result.took = monotonic_ms() - began
        yield result


def observed(simulation: Simulation, after_seq: int = 0) -> dict[str, object]:
    """What a simulation made happen: timeline, sent, items, pending, as objects and plain data."""
    simulation.flush()
    state = simulation.state
    items = state.items()
    return {
        "timeline": observe.happened(state.timeline(after_seq=after_seq)),
        "sent": observe.sent(state),
        "items": items,
        "pending": observe.pending(items, simulation.workspace),
    }
