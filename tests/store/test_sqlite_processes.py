"""Several processes and one state: nobody is locked out, nothing acknowledged is lost, one owns the timers."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from stageauto.errors import StateError
from stageauto.store import driver
from stageauto.store.lock import OwnerLock
from stageauto.store.records import Owner
from stageauto.store.sqlite import SqliteStore

WORKER = Path(__file__).with_name("worker.py")
ROOT = WORKER.parents[2]
TOO_LONG = 120


@contextmanager
def process(*arguments: str, sqlite: str = "shipped") -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SQLITE": sqlite}
    started = subprocess.Popen(
        [sys.executable, str(WORKER), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    with started:
        try:
            yield started
        finally:
            started.kill()


def finish(started: subprocess.Popen[str]) -> list[str]:
    out, err = started.communicate(timeout=TOO_LONG)
    assert started.returncode == 0, err
    return out.splitlines()


class TestWriters:
    def test_four_processes_write_at_once_and_nobody_is_locked_out(self, tmp_path: Path, crash_rounds: int) -> None:
        path = str(tmp_path / "state.db")
        seconds = str(min(60.0, 0.6 * crash_rounds))
        with ExitStack() as stack:  # they make the file together, too
            started = [stack.enter_context(process("write", path, f"p{n}", seconds)) for n in range(4)]
            said = [finish(one) for one in started]
        assert all(len(one) > 5 for one in said), [len(one) for one in said]  # nobody starves
        keys = sorted(key for one in said for key in one)
        with SqliteStore.open(path) as store, store.read() as state:
            assert sorted(one.id for one in state.items() if one.id != "shared") == keys
            assert state.item("shared").title == str(len(keys))  # type: ignore[union-attr]
            lines = state.timeline()
            assert [one.seq for one in lines] == list(range(1, len(keys) + 1))
            assert sorted(one.item for one in lines) == keys
            assert state.integrity_check() == []
            assert not store._behind

    def test_what_was_acknowledged_outlives_kill_nine(self, tmp_path: Path, crash_rounds: int) -> None:
        path = str(tmp_path / "state.db")
        said: list[str] = []
        for n in range(crash_rounds):
            with process("write", path, f"p{n}", "60") as started:
                assert started.stdout is not None
                said += [started.stdout.readline().strip() for _ in range(7 + n % 5)]
                started.send_signal(signal.SIGKILL)
                said += started.stdout.read().splitlines()
        with SqliteStore.open(path) as store:
            assert not store.restored
            with store.read() as state:
                there = {one.id for one in state.items()}
                assert set(said) <= there
                # At most the one whose commit was not told any more when its process was killed.
                assert len(there - set(said) - {"shared"}) <= crash_rounds
                assert state.integrity_check() == []


class TestOwner:
    def test_the_second_owner_is_told_who_the_first_is(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        with process("own", str(path)) as first:
            assert first.stdout is not None
            assert first.stdout.readline() == "owner\n"
            lock = OwnerLock(path)
            with pytest.raises(StateError, match=f"process {first.pid} of .* on .* runs this state already") as caught:
                lock.acquire(1)
            assert caught.value.exit_code == 4
            assert not lock.held
            owner = lock.owner()
            assert owner is not None
            assert (owner.pid, owner.since) == (first.pid, 12_345)
            with process("own", str(path)) as second:
                assert finish(second)[0].startswith(f"refused: process {first.pid} of ")

    def test_the_next_owner_takes_over_at_once_after_kill_nine(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        for _ in range(5):
            with process("own", str(path)) as owner:
                assert owner.stdout is not None
                assert owner.stdout.readline() == "owner\n"
                owner.send_signal(signal.SIGKILL)
                owner.wait(TOO_LONG)
                assert OwnerLock(path).owner() is None

    def test_whoever_lets_go_leaves_it_to_the_next(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        first, second = OwnerLock(path), OwnerLock(path)
        assert second.owner() is None
        first.acquire(1)
        assert first.held
        assert second.owner() == Owner(os.getpid(), *_me(path), 1)
        first.release()
        first.release()
        assert second.owner() is None
        second.acquire(2)
        with pytest.raises(StateError):
            first.acquire(3)
        second.release()
        assert Path(f"{path}.lock").stat().st_mode & 0o777 == 0o600

    def test_looking_does_not_keep_an_owner_out(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        lock = OwnerLock(path)
        for since in range(200):
            lock.acquire(since)
            assert OwnerLock(path).owner() is not None
            lock.release()
            assert OwnerLock(path).owner() is None


def _me(path: Path) -> tuple[str, str]:
    said = json.loads(Path(f"{path}.lock").read_text(encoding="utf-8"))
    return said["host"], said["user"]


class TestLogReset:
    """SQLite's "WAL-reset" defect: several processes that checkpoint lose commits; the shipped version must not."""

    def test_the_shipped_sqlite_keeps_every_commit(self, tmp_path: Path, crash_rounds: int) -> None:
        seconds = min(10.0, 0.4 * crash_rounds)
        rounds = max(1, crash_rounds // 10)
        for n in range(rounds):
            assert _stress(tmp_path / f"{n}.db", seconds, "shipped") == []

    @pytest.mark.crash
    @pytest.mark.rounds(100)  # it takes a minute or two
    def test_an_old_sqlite_loses_commits_so_the_stress_is_not_blind(self, tmp_path: Path, crash_rounds: int) -> None:
        old = sqlite3.sqlite_version_info[:3]
        if driver.keeps_commits((old[0], old[1], old[2])):
            pytest.skip(f"the control cannot run: the SQLite of this Python ({sqlite3.sqlite_version}) is mended")
        for n in range(crash_rounds // 5):
            if _stress(tmp_path / f"{n}.db", 10.0, "old"):
                return
        pytest.fail("the old SQLite lost nothing: the stress proves nothing here")


def _stress(path: Path, seconds: float, sqlite: str) -> list[str]:
    """What was acknowledged and is gone, or what is wrong with the file."""
    with process("wal", str(path), "init", "0", sqlite=sqlite) as made:
        finish(made)
    with ExitStack() as stack:
        names = ["a", "b", "c", "checkpoint1", "checkpoint2"]
        started = [stack.enter_context(process("wal", str(path), one, str(seconds), sqlite=sqlite)) for one in names]
        outputs = [one.communicate(timeout=TOO_LONG)[0].splitlines() for one in started]
    said = {key for lines in outputs for key in lines}
    assert len(said) > 50
    try:
        connection = sqlite3.connect(path) if sqlite == "old" else driver.dbapi.connect(str(path))
        with connection:
            there = {row[0] for row in connection.execute("SELECT k FROM t")}
            wrong = [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
        connection.close()
    except (sqlite3.DatabaseError, driver.dbapi.DatabaseError) as error:
        return [str(error)]
    return wrong + sorted(said - there)
