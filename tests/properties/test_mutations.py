"""Whatever an admin gets wrong in a workspace is told in diagnostics: no mutation of it ends in an exception."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stageauto.loader.files import read_files, read_scenarios
from stageauto.loader.load import load
from stageauto.runner.scenario import run_scenario

SEMANTICS = Path(__file__).resolve().parents[1] / "scenarios" / "semantics"
FOLDERS = sorted(path for path in SEMANTICS.iterdir() if path.is_dir())
NOW = 1_772_438_400_000
PUT_IN: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, "", "x", "customer", "item.n", "{{ item.n }}", "{{ 1/0 }}", "{{", "1d", "3wd", "0d", "100y",
    "2026-03-05", "2026-13-01", 10**15, [], {}, ["a"], {"a": "b"}, "previous", "/x/", "/(/", "a" * 300, "0 9 * * *",
    "e@home.test", "+48600100900", "true", "schedule", "email.received", "keep", "\u202e", "\x07",
)  # fmt: skip


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every path below the node."""
    for step in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        yield (*path, step)
        yield from places(node[step], (*path, step))


def mutated(chance: random.Random, text: str) -> str:
    """The YAML with a value put in place of another, a key renamed, an entry gone or there twice."""
    data = yaml.safe_load(text)
    words = re.findall(r"[A-Za-z_][\w.-]*", text)
    for _ in range(chance.choice((1, 1, 2, 3))):
        found = list(places(data))
        if not found:
            break
        *above, last = chance.choice(found)
        parent = data
        for step in above:
            parent = parent[step]
        deed = chance.random()
        if deed < 0.6:
            parent[last] = chance.choice(PUT_IN) if chance.random() < 0.6 else chance.choice(words)
        elif deed < 0.75:
            del parent[last]
        elif isinstance(parent, dict):
            parent[chance.choice(words)] = parent.pop(last)
        else:
            parent.append(copy.deepcopy(parent[last]))
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FOLDERS), st.integers(0, 2**32))
def test_no_mutation_ends_in_an_exception(folder: Path, seed: int):
    chance = random.Random(seed)
    files, scenarios = dict(read_files(folder)), dict(read_scenarios(folder))
    name = chance.choice(sorted(scenarios))
    scenarios = {name: scenarios[name]}
    into = chance.choice((files, files, scenarios))
    changed = chance.choice(sorted(file for file in into if file.endswith(".yaml")))
    into[changed] = mutated(chance, into[changed])
    found = load(files, env={}, now=NOW, scenarios=scenarios, lint={})
    broken = {one.file for one in found.diagnostics if one.severity == "error"}
    for one in found.scenarios:
        if found.workspace is not None and one.file not in broken:
            run_scenario(found.workspace, one)
