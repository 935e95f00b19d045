"""The action and the event at work: the scenarios of the workspace beside this package."""

from pathlib import Path

import pytest

from stageauto.testing import run_scenario

WORKSPACE = Path(__file__).parent.parent / "workspace"


@pytest.mark.parametrize("file", sorted((WORKSPACE / "scenarios").glob("*.yaml")), ids=lambda file: file.stem)
def test_a_scenario_of_the_workspace_passes(file: Path) -> None:
    result = run_scenario(WORKSPACE, file)
    assert result.passed, str(result)
