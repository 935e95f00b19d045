"""One daemon for a state: a second one says who has it, and a dead one is taken over from at once."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.runner.support import TOO_LONG, activate, command, until_started, workspace

PIPELINE = "pipeline: work\nentity: deal\nstages:\n  - {id: new}\n  - {id: old}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = workspace(tmp_path / "acme", PIPELINE)
    activate(made)
    return made


def test_a_second_daemon_names_the_owner_and_ends_with_4(root: Path) -> None:
    with command(root, "run", "--log-format", "json") as first:
        until_started(first)
        with command(root, "run") as second:
            _, said = second.communicate(timeout=TOO_LONG)
            assert second.returncode == 4
            assert str(first.pid) in said
            assert "runs this state already" in said
        assert first.poll() is None


def test_the_next_daemon_takes_over_at_once_when_the_first_was_killed(root: Path) -> None:
    with command(root, "run", "--log-format", "json") as first:
        until_started(first)
        first.send_signal(signal.SIGKILL)
        first.wait(TOO_LONG)
        began = time.monotonic()
        with command(root, "run", "--log-format", "json") as second:
            until_started(second)
            assert time.monotonic() - began < 60  # nothing waits for a lease to run out
            assert second.poll() is None


def test_a_daemon_that_is_asked_to_end_or_whose_terminal_is_closed_gives_the_state_back(root: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        with command(root, "run", "--log-format", "json") as daemon:
            until_started(daemon)
            daemon.send_signal(number)
            said, _ = daemon.communicate(timeout=TOO_LONG)
            assert daemon.returncode == 0
            assert json.loads(said.splitlines()[-1])["kind"] == "stopped"


def test_a_daemon_whose_state_is_taken_away_ends_though_nothing_is_due(root: Path) -> None:
    file = root / ".stageauto" / "state.db"
    with command(root, "run", "--log-format", "json") as daemon:
        until_started(daemon)
        file.rename(root / "elsewhere.db")
        _, said = daemon.communicate(timeout=TOO_LONG)
        assert daemon.returncode == 4
        assert f"{file} was replaced or removed while it was open" in said
