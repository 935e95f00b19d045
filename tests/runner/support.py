"""What the tests of the daemon share: workspaces in a folder, services in this process, the real command beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stageauto.engine.state import Delivery, Item
from stageauto.loader.files import read_files
from stageauto.runner.clock import SystemClock
from stageauto.runner.service import Options, Service
from stageauto.runner.session import Session
from stageauto.runner.versions import load

REPOSITORY = Path(__file__).parents[2]
TOO_LONG = 120.0
"""Seconds after which a test that waits gives up; the machine may be busy with other things."""
HEAD = "stageauto: 1\ntimezone: Europe/Warsaw\n"


def workspace(root: Path, pipeline: str, more: str = "") -> Path:
    """A workspace with that pipeline and these lines in stageauto.yaml; not loaded yet."""
    (root / "pipelines").mkdir(parents=True, exist_ok=True)
    (root / "stageauto.yaml").write_text(HEAD + more, "utf-8")
    (root / "pipelines/work.yaml").write_text(pipeline, "utf-8")
    return root


def activate(root: Path) -> None:
    with Session.open(root, create=True) as session:
        load(session, read_files(root))


class TurnedClock(SystemClock):
    """The machine's clock, and how far a test has turned it (ms)."""

    def __init__(self) -> None:
        self.turned = 0

    def now(self) -> int:
        return super().now() + self.turned


@dataclass
class Told:
    """What a daemon said, by kind."""

    lines: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, kind: str, data: dict[str, Any]) -> None:
        with self._changed:
            self.lines.append((kind, data))
            self._changed.notify_all()

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        return [data for said, data in self.lines if said == kind]

    def wait_for(self, kind: str, count: int = 1) -> list[Mapping[str, Any]]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.of(kind)) >= count, TOO_LONG), (kind, self.lines)
        return self.of(kind)


@dataclass
class Running:
    """A daemon in a thread of this process."""

    service: Service
    told: Told
    thread: threading.Thread
    clock: TurnedClock


@contextmanager
def serving(root: Path, clock: TurnedClock | None = None, **options: Any) -> Iterator[Running]:
    """A daemon of the workspace in a thread of its own; stopped at the end of the block."""
    told, used, ready = Told(), clock or TurnedClock(), threading.Event()
    made: list[Service] = []
    broke: list[BaseException] = []

    def work() -> None:
        try:
            with Session.open(root, clock=used) as session:  # a state belongs to the thread that opened it
                made.append(Service(session, Options(**options), told))
                ready.set()
                made[0].run()
        except BaseException as error:  # noqa: BLE001 - it is shown in the thread of the test
            broke.append(error)
            ready.set()

    thread = threading.Thread(target=work, name="daemon", daemon=True)
    thread.start()
    assert ready.wait(TOO_LONG)
    assert not broke, broke
    told.wait_for("started")
    try:
        yield Running(made[0], told, thread, used)
    finally:
        made[0].stop()
        thread.join(TOO_LONG)
    assert not broke, broke
    assert not thread.is_alive()


def run_until_idle(root: Path, clock: TurnedClock | None = None, **options: Any) -> Told:
    """Runs a daemon in this thread until there is nothing to do; gives what it said."""
    told = Told()
    with Session.open(root, clock=clock or TurnedClock()) as session:
        Service(session, Options(until_idle=True, **options), told).run()
    return told


@contextmanager
def command(root: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The real command as a process of its own; killed at the end of the block if it is still there."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    call = "import sys; from stageauto.cli import main; sys.exit(main())"
    started = subprocess.Popen(
        [sys.executable, "-u", "-c", call, "-C", str(root), *arguments], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    with started:
        try:
            yield started
        finally:
            started.kill()


def until_started(daemon: subprocess.Popen[str]) -> None:
    """Reads the log of `run --log-format json` until the daemon says that it runs."""
    assert daemon.stdout is not None
    for line in daemon.stdout:
        if json.loads(line)["kind"] == "started":
            return
    assert daemon.stderr is not None
    raise AssertionError(daemon.stderr.read())


def until(what: Callable[[], bool], seconds: float = TOO_LONG) -> float:
    """Waits until it is so, and gives how long that took in seconds; gives up after a while."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds, "it never came to that"
        threading.Event().wait(0.005)
    return time.monotonic() - began


def deliveries(root: Path) -> list[Delivery]:
    with Session.open(root) as session, session.store.read() as state:
        return state.deliveries()


def states(root: Path) -> list[str]:
    return [one.state for one in deliveries(root)]


def item_of(root: Path, item_id: str) -> Item:
    with Session.open(root) as session, session.store.read() as state:
        found = state.item(item_id)
        assert found is not None
        return found


def outcomes(root: Path, item_id: str) -> dict[str, str]:
    """rule -> its state, of the item's runs."""
    return {run.rule: run.state for run in item_of(root, item_id).runs.values()}
