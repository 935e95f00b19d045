"""A scenario is the same, to the byte, in every process: nothing hangs on the order of a set or on an address."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [ROOT / "examples", *sorted(path for path in (ROOT / "tests/scenarios/semantics").iterdir() if path.is_dir())]
SEEDS = ("0", "4242")
LIMIT = 240


def start(seed: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.properties.simulate_all", *map(str, FOLDERS)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def printed() -> list[str]:
    """What two processes with different salts print about every scenario; they run side by side."""
    processes = [start(seed) for seed in SEEDS]
    ended = [process.communicate(timeout=LIMIT) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ended
    assert [errors for _, errors in ended] == ["", ""]
    return [out for out, _ in ended]


def parts(text: str) -> dict[str, str]:
    """What was printed, by scenario and form."""
    found = {}
    for block in text.split("\n== ")[0:]:
        name, _, rest = block.removeprefix("== ").partition("\n")
        found[name.strip()] = rest
    return found


def test_every_scenario_is_the_same_to_the_byte_whatever_the_salt(printed):
    one, other = map(parts, printed)
    assert [name for name in one if one[name] != other.get(name)] == []
    assert printed[0] == printed[1]


def test_every_scenario_was_simulated_and_passed(printed):
    scenarios = [f"{folder.name}/{path.stem}" for folder in FOLDERS for path in (folder / "scenarios").glob("*.yaml")]
    found = parts(printed[0])
    assert sorted(found) == sorted(name + form for name in scenarios for form in ("", " --json"))
    assert [name for name, text in found.items() if not text.rstrip().endswith("-- 0")] == []


def test_the_json_is_one_document_with_the_four_parts(printed):
    found = {name: text for name, text in parts(printed[0]).items() if name.endswith("--json")}
    documents = [json.loads(text.rpartition("\n--")[0]) for text in found.values()]
    assert {tuple(document) for document in documents} == {("timeline", "sent", "items", "pending")}
    # A simulation that showed nothing would be the same every time, too.
    assert sum(len(document["timeline"]) for document in documents) > len(documents) * 3
