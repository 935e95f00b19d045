"""One round: a fresh workspace, a feeder, a daemon that is killed again and again, then peace, then the verdict."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash import plan, servers, verdict

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
TOO_LONG = 180.0
LOADING = 0.6
"""Seconds that `load` takes where nothing else runs; where it takes longer, a round waits longer for everything."""


@dataclass(frozen=True)
class Round:
    """What a round does. `die` is a point of daemon.py at which the daemon kills itself; without one it is killed."""

    seed: int
    kills: int
    items: int = 12
    plant: str = ""
    die: str = ""
    probability: float = 0.05
    peace: float = 20.0  # seconds in which all that is left has to come to its end; it is over as soon as it has


@dataclass
class Ended:
    """How a round ended. `kills`: how often the daemon died; `faults`: what is wrong afterwards."""

    kills: int = 0
    faults: list[str] = field(default_factory=list)
    log: str = ""


@contextmanager
def process(log: Path, *command: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A process that is gone when the block ends; what it says goes into the log."""
    environment = {**os.environ, **more, "PYTHONPATH": str(REPOSITORY)}
    with log.open("a", encoding="utf-8") as out:
        started = subprocess.Popen(
            [sys.executable, *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, text=True, env=environment,
            cwd=REPOSITORY,
        )  # fmt: skip
    try:
        yield started
    finally:
        started.kill()
        started.wait()


@dataclass(frozen=True)
class Place:
    """Where a round leaves its files: the workspace, and beside it what was said, sent and logged."""

    root: Path

    def beside(self, ending: str) -> Path:
        return self.root.with_name(f"{self.root.name}.{ending}")

    @property
    def state(self) -> Path:
        return self.root / ".stageauto" / "state.db"

    @property
    def log(self) -> str:
        return self.beside("log").read_text("utf-8")

    @contextmanager
    def command(self, *arguments: str, **more: str) -> Iterator[subprocess.Popen[str]]:
        """The real command on the workspace, as a process of its own."""
        with process(self.beside("log"), str(HERE / "daemon.py"), "-C", str(self.root), *arguments, **more) as started:
            yield started


def play(root: Path, one: Round, other: servers.Servers) -> Ended:
    """The round, in that folder, with these servers on the other side."""
    chance, ended, place = random.Random(one.seed), Ended(), Place(root)
    got, said = place.beside("got"), place.beside("said")
    other.recorder.begin(got)
    plan.write(root, other.smtp, other.http)
    said.touch()
    # The first is killed while it makes the state and loads the files.
    with place.command("run") as daemon, suppress(subprocess.TimeoutExpired):
        daemon.wait(chance.uniform(0.1, 0.8))
    began = time.monotonic()
    with place.command("load", "--yes") as loading:
        assert loading.wait(TOO_LONG) == 0, place.log
    pace = min(max(1.0, (time.monotonic() - began) / LOADING), 20.0)
    feed = (str(HERE / "feeder.py"), str(root), str(said), str(one.seed), str(one.items))
    with process(place.beside("log"), *feed) as feeder:
        for number in range(one.kills):
            _live_and_die(place, one, number, chance, pace)
        if feeder.wait(TOO_LONG):
            ended.faults.append("the feeder broke")
    ended.kills = 1 + one.kills
    _settle(place, one, ended, pace)
    acknowledged: list[dict[str, Any]] = [json.loads(line) for line in said.read_text("utf-8").splitlines()]
    ended.faults += verdict.faults(place.state, acknowledged, servers.read(got))
    ended.log = place.log
    return ended


def _live_and_die(place: Place, one: Round, number: int, chance: random.Random, pace: float) -> None:
    """Runs the daemon until it is killed, or kills itself at its narrow moment."""
    more = {"PLANT": one.plant}
    if one.die:
        more["DIE"] = f"{one.die}:{one.probability}:{one.seed + number}"
    with place.command("run", **more) as daemon:
        with suppress(subprocess.TimeoutExpired):
            daemon.wait(pace * (4 if one.die else chance.uniform(0.1, 1.6)))
        assert daemon.poll() in {None, -signal.SIGKILL}, place.log[-3000:]


def _settle(place: Place, one: Round, ended: Ended, pace: float) -> None:
    """Runs to the end what there is, without disturbance, until nothing has a moment that is still to come."""
    until = time.monotonic() + one.peace * pace
    while time.monotonic() < until:  # the verdict names what is left after that
        with place.command("run", "--until-idle", PLANT=one.plant) as daemon:
            try:
                code = daemon.wait(TOO_LONG)
            except subprocess.TimeoutExpired:
                ended.faults.append("`run --until-idle` does not end")
                return
        if code not in {0, 1}:
            ended.faults.append(f"`run --until-idle` ended with {code}")
            return
        if not verdict.open_work(place.state):
            return
