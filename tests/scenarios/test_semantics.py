"""What the words do, sentence by sentence.

Each folder of `semantics/` is a workspace with scenarios that the contract decides.
A scenario's name says the sentence. They run on the real loader, engine and state, on a virtual clock.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from stageauto.loader import files
from stageauto.loader.load import Loaded, load
from stageauto.runner.scenario import PASSED, run_scenario

SEMANTICS = Path(__file__).resolve().parent / "semantics"
NOW = 1_772_438_400_000  # 2026-03-02T08:00Z, so that nothing depends on the day of the test
FOLDERS = sorted(path for path in SEMANTICS.iterdir() if path.is_dir())
SCENARIOS = sorted(SEMANTICS.glob("*/scenarios/*.yaml"))


@cache
def loaded(folder: Path) -> Loaded:
    return load(
        files.read_files(folder),
        env={},
        now=NOW,
        scenarios=files.read_scenarios(folder),
        files_present=files.file_finder(folder),
    )


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_the_workspace_is_valid_without_a_word(folder: Path) -> None:
    found = [f"{one.file}:{one.line}: {one.code}: {one.message}" for one in loaded(folder).diagnostics]
    assert found == []


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: f"{path.parents[1].name}/{path.stem}")
def test_it_means_what_the_contract_says(path: Path) -> None:
    workspace = loaded(path.parents[1])
    assert workspace.workspace is not None, workspace.diagnostics
    scenario = next(one for one in workspace.scenarios if one.file == f"scenarios/{path.name}")
    result = run_scenario(workspace.workspace, scenario)
    told = [
        f"{miss.place.file}:{miss.place.line}: {miss.message}: expected {miss.expected}: found {' | '.join(miss.found)}"
        for miss in result.failures
    ]
    assert result.outcome == PASSED, "\n".join(told)
