"""What all tests share: the options that set how much is tried."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# Neither the pace of the machine nor chance decides whether a test passes: the same examples every time, however long
# one takes. `--hypothesis-profile=explore` goes looking for new ones.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("stageauto", settings.get_profile("explore"), derandomize=True)
settings.load_profile("stageauto")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--crash-rounds`: few in every run, thousands by `make crash N=10000`; `--crash-seed`: the same again."""
    parser.addoption("--crash-rounds", type=int, default=5, help="how many times a crash test kills its process")
    parser.addoption("--crash-seed", type=int, default=None, help="the seed of a crash test that failed, to repeat it")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `rounds(N)`, unless so many rounds were asked for."""
    asked = int(config.getoption("--crash-rounds"))
    left_out = [one for one in items if (mark := one.get_closest_marker("rounds")) and asked < mark.args[0]]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [one for one in items if one not in left_out]


@pytest.fixture
def crash_rounds(request: pytest.FixtureRequest) -> int:
    """How many times a crash test kills its process."""
    return int(request.config.getoption("--crash-rounds"))
