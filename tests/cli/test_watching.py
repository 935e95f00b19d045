"""`test --watch` on a real terminal: it runs again what changed, and ends by Ctrl-C with the last run's exit code."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stageauto.runner.watching import changed, next_change, seen, touched

TOO_LONG = 120.0
CALL = "import sys; from stageauto.cli import main; sys.exit(main())"
SCENARIO = """\
scenario: {name}
start: "2026-03-02T09:00"
given: {{items: [{{id: d1, pipeline: deals, stage: new}}]}}
steps: [{{after: 1h, expect: {{items: {{d1: {{stage: {stage}}}}}}}}}]
"""


def write(root: Path, name: str, stage: str = "new") -> None:
    (root / "scenarios").mkdir(exist_ok=True)
    (root / "scenarios" / f"{name}.yaml").write_text(SCENARIO.format(name=name, stage=stage), "utf-8")


class Terminal:
    """A command that believes a person looks at it."""

    def __init__(self, process: subprocess.Popen[bytes], ours: int) -> None:
        self.process = process
        self.text = ""
        self._ours = ours

    def until(self, words: str) -> str:
        """What it writes up to these words, which are read away."""
        end = time.monotonic() + TOO_LONG
        while words not in self.text:
            assert time.monotonic() < end, self.text
            if select.select([self._ours], [], [], 0.2)[0]:
                self.text += os.read(self._ours, 65536).decode("utf-8", "replace")
        before, _, self.text = self.text.partition(words)
        return before

    def interrupt(self) -> int:
        """Ctrl-C; its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(TOO_LONG)


@contextmanager
def watching(root: Path, *more: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", CALL, "-C", str(root), "test", "--watch", "--no-color", *more]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


WAITING = "waiting for a change"


def test_a_scenario_that_changed_is_run_again_alone(root: Path):
    write(root, "first")
    write(root, "second")
    with watching(root) as terminal:
        assert "2 passed, 0 failed" in terminal.until(WAITING)
        write(root, "first", "won")
        again = terminal.until(WAITING)
        assert "0 passed, 1 failed" in again
        assert "second" not in again
        assert terminal.interrupt() == 1


def test_a_pipeline_that_changed_runs_all_and_one_that_is_broken_ends_nothing(root: Path):
    write(root, "first")
    write(root, "second")
    pipeline = root / "pipelines/deals.yaml"
    text = pipeline.read_text("utf-8")
    with watching(root) as terminal:
        terminal.until(WAITING)
        pipeline.write_text("pipeline: [", "utf-8")
        assert "pipelines/deals.yaml" in terminal.until(WAITING)
        pipeline.write_text(text, "utf-8")
        assert "2 passed, 0 failed" in terminal.until(WAITING)
        assert terminal.interrupt() == 0


def test_watching_needs_a_terminal(cli, root: Path):
    write(root, "first")
    told = cli("test", "--watch")
    assert told.code == 2
    assert "needs a terminal" in told.err


def test_a_change_is_what_was_written_made_or_deleted(tmp_path: Path):
    write(tmp_path, "first")
    write(tmp_path, "second")
    before = seen(tmp_path)
    assert changed(before, seen(tmp_path)) == set()
    write(tmp_path, "first", "won")
    (tmp_path / "scenarios/second.yaml").unlink()
    write(tmp_path, "third")
    _, files = next_change(tmp_path, (), before)
    assert {one.name for one in files} == {"first.yaml", "second.yaml", "third.yaml"}


def test_only_scenarios_that_changed_run_alone(tmp_path: Path):
    write(tmp_path, "first")
    one = (tmp_path / "scenarios/first.yaml").resolve()
    assert touched(tmp_path, {one}, ()) == [str(one)]
    assert touched(tmp_path, {one}, ("mine",)) == ("mine",)
    assert touched(tmp_path, {one, tmp_path / "stageauto.yaml"}, ()) == ()
    one.unlink()
    assert touched(tmp_path, {one}, ()) == ()
