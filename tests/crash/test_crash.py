"""What is promised holds however often the daemon is killed; bugs that break a promise are found by the same eyes."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.crash import plants, rounds, servers
from tests.crash.daemon import POINTS
from tests.crash.rounds import Round

pytestmark = pytest.mark.crash

KILLS = 3  # in a round, after the one at its first start
FOUND_WITHIN = 25  # rounds; nearly always one of the first few, but a machine that is slow otherwise may need more


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Printed where a test fails; `--crash-seed` gives it again."""
    said = request.config.getoption("--crash-seed")
    chosen = random.SystemRandom().randrange(1 << 30) if said is None else int(said)
    print(f"seed {chosen}")  # noqa: T201 - pytest shows it with the failure
    return chosen


@pytest.fixture
def other(seed: int) -> Iterator[servers.Servers]:
    with servers.serving(seed) as started:
        yield started


def test_nothing_is_lost_and_nothing_happens_twice_however_often_the_daemon_is_killed(
    tmp_path: Path, seed: int, other: servers.Servers, crash_rounds: int
) -> None:
    killed = 0
    for number in itertools.count():
        # Every second round dies at a narrow moment, the others whenever it comes.
        die = POINTS[(seed + number // 2) % len(POINTS)] if number % 2 else ""
        one = Round(seed=seed + number * 1000, kills=KILLS, die=die)
        ended = rounds.play(tmp_path / f"round-{number}", one, other)
        assert ended.faults == [], f"{one}\n{ended.log}"
        killed += ended.kills
        if killed >= crash_rounds:
            return


WHERE = {
    "follow-up outside the transaction": "between",
    "claim without asking again": "",
    "attempt in the key": "",
    "marked taken for not sent": "after-send",
    "no mark before the point": "after-send",
    "interrupted taken for sent": "before-commit",
    "interrupted forgotten": "after-mark",
    "event noted after its effect": "between",
}


def found(folder: Path, seed: int, plant: str) -> list[str]:
    """What is wrong in the first round in which the bug shows."""
    with servers.serving(seed) as other:
        other.recorder.trouble = 0.3  # more tries, more to see
        for number in range(FOUND_WITHIN):
            one = Round(
                seed=seed + number * 1000, kills=2, items=8, plant=plant, die=WHERE[plant], probability=0.3, peace=8
            )
            faults = rounds.play(folder / f"round-{number}", one, other).faults
            if faults:
                return faults
    return []


@pytest.fixture(scope="module")
def hunts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[list[str]]]]:
    """All planted bugs at once: their rounds mostly wait."""
    given = [one.callspec.params for one in request.session.items if hasattr(one, "callspec")]
    asked = [one["plant"] for one in given if one.get("plant") in plants.PLANTS]
    seed = random.SystemRandom().randrange(1 << 30)
    with ThreadPoolExecutor(4) as pool:
        yield {one: pool.submit(found, tmp_path_factory.mktemp("plant"), seed, one) for one in asked}


@pytest.mark.parametrize("plant", plants.PLANTS)
def test_a_planted_bug_is_found(hunts: dict[str, Future[list[str]]], plant: str) -> None:
    faults = hunts[plant].result()
    print(f"{plant}: {faults[:3]}")  # noqa: T201 - how it was found
    assert faults, f"nobody saw it in {FOUND_WITHIN} rounds"
