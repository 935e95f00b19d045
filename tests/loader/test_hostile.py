"""What is made to break the loader ends in a clear diagnostic, within a second of the processor and bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.loader.case_files import BASE

HEAD = "pipeline: p\nstages:\n  - id: s\n    rules:\n      - "
LIMIT = 300 * 1024 * 1024
CHILD = """
import json, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
from pathlib import Path
from stageauto.loader.files import read_files
from stageauto.loader.load import load
from stageauto.report.diagnostics import render_text
files = read_files(Path({base!r}))
given = json.load(sys.stdin)
load(files, env={{"ERP_SECRET": "long-enough"}}, now=1_772_442_000_000)
files.update(given["files"])
for _ in range(3):  # the processor's time; where others share the processor that is more, but not three times
    begun = time.process_time()
    found = load(files, env={{"ERP_SECRET": "long-enough"}}, now=1_772_442_000_000, scenarios=given["scenarios"])
    text = render_text(found.diagnostics, False)
    spent = time.process_time() - begun
    if spent <= 1:
        break
print(json.dumps([[one.code for one in found.diagnostics], spent, len(text)]))
"""


def bomb(levels: int, width: int) -> str:
    """Aliases that stand for width ** levels nodes."""
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


def merge_bomb(levels: int) -> str:
    """Merge keys that double at every level."""
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


def rule(value: str, key: str = "if") -> str:
    """A pipeline with one rule that holds the text."""
    quoted = json.dumps(value)
    if key == "if":
        return f"{HEAD}{{id: r, do: notify, if: {quoted}, with: {{text: x}}}}\n"
    return f"{HEAD}{{id: r, do: notify, with: {{text: {quoted}}}}}\n"


HOSTILE = {
    "brackets-open": ("[" * 100_000, {"too-deep"}),
    "braces-open": ("{" * 100_000, {"bad-key"}),
    "dashes": ("- " * 100_000, {"too-deep"}),
    "question-marks": ("? " * 100_000, {"bad-key"}),
    "flow-nesting-closed": ("pipeline: " + "[" * 5_000 + "]" * 5_000, {"too-deep"}),
    "anchors-only": ("&a " * 100_000, {"bad-yaml"}),
    "colons": ("1:" * 300_000 + "1", {"wrong-type"}),
    "base-sixty": ("pipeline: " + "1:" * 300_000 + "1\nstages:\n  - id: s\n", {"bad-id"}),
    "alias-bomb": (bomb(30, 10), {"alias-bomb"}),
    "alias-bomb-of-scalars": ("a: &a x\nb: [" + "*a, " * 200_000 + "]\n", {"alias-bomb"}),
    "merge-bomb": (merge_bomb(30), {"merge-refused", "alias-bomb", "unknown-key", "missing-key"}),
    "over-one-mebibyte": ("# " + "x" * (1024 * 1024), {"too-large"}),
    "many-values": ("pipeline: [" + "1," * 400_000 + "]", {"too-large"}),
    "one-megabyte-name": ("pipeline: " + "x" * 1_000_000 + "!\nstages:\n  - id: s\n", {"bad-id"}),
    "one-megabyte-condition": (rule("item.title == '" + "x" * 900_000 + "'"), {"bad-condition"}),
    "one-megabyte-of-or": (rule("item.title or " * 70_000 + "true"), {"bad-condition"}),
    "one-megabyte-template": (rule("{{ item.title }}" * 60_000, "text"), {"bad-template"}),
    "deep-condition": (rule("(" * 50_000 + "1" + ")" * 50_000), {"bad-condition"}),
    "deep-template": (rule("{{ " + "[" * 50_000 + "]" * 50_000 + " }}", "text"), {"bad-template"}),
    "power-in-a-template": (rule("{{ 'a' * 10 ** 9 }}", "text"), set()),
    "huge-number": ("pipeline: p\nstages: " + "9" * 900_000, {"bad-number", "wrong-type"}),
    "huge-exponent": ("pipeline: p\nstages: 1e999999999", {"bad-number", "wrong-type"}),
    "many-unknown-keys": (
        "pipeline: p\n" + "".join(f"stagess{n}: x\n" for n in range(2_000)) + "stages: [{id: s}]",
        {"unknown-key"},
    ),
    "many-stages-of-one-id": ("pipeline: p\nstages:\n" + "  - id: s\n" * 5_000, {"duplicate-id"}),
    "many-duplicate-keys": ("pipeline: p\n" * 5_000, {"duplicate-key", "missing-key"}),
    "nothing-but-null": ("\x00" * 1000, {"bad-yaml"}),
    "line-separators": (
        "pipeline: p\u2028stages: x\x85name: y\u2029",
        {"wrong-type", "bad-yaml", "missing-key", "bad-id"},
    ),
}


def run_child(files: dict[str, str], scenarios: dict[str, str]) -> tuple[set[str], float, int]:
    code = CHILD.format(limit=LIMIT, base=str(BASE))
    given = json.dumps({"files": files, "scenarios": scenarios})
    done = subprocess.run(
        [sys.executable, "-c", code], input=given, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    codes, spent, length = json.loads(done.stdout)
    return set(codes), spent, length


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pipeline_ends_in_a_clear_diagnostic(name: str):
    text, allowed = HOSTILE[name]
    codes, spent, _ = run_child({"pipelines/hostile.yaml": text}, {})
    assert codes <= allowed
    assert bool(codes) == bool(allowed)
    assert spent <= 1


def test_a_hostile_stageauto_yaml_and_a_hostile_scenario_are_told_apart():
    codes, spent, length = run_child({"stageauto.yaml": "[" * 100_000}, {"scenarios/x.yaml": bomb(30, 10)})
    assert {"too-deep", "alias-bomb"} <= codes
    assert spent <= 1
    assert length < 20_000, "a source line of 100,000 characters is shown in part"


def test_a_slow_pattern_in_a_scenario_is_not_run_when_loaded():
    scenario = 'scenario: x\nstart: "2026-03-02"\nsteps:\n  - expect: {sent: [{subject: "/(a+)+$/"}]}\n'
    codes, spent, _ = run_child({}, {"scenarios/x.yaml": scenario})
    assert codes == set()
    assert spent <= 1


def test_a_slow_pattern_is_searched_for_in_a_megabyte_within_a_second():
    code = """
import time
from stageauto.runner.patterns import as_pattern
begun = time.process_time()
for source in ("/(a+)+$/", "/(a|aa)+$/", "/^(([a-z])+.)+[A-Z]([a-z])+$/", "/(.*)*x/"):
    assert not as_pattern(source).found_in("a" * 1_000_000 + "!")
print(time.process_time() - begun)
"""
    limited = f"import resource\nresource.setrlimit(resource.RLIMIT_AS, ({LIMIT}, {LIMIT})){code}"
    spent = min(float(subprocess.check_output([sys.executable, "-c", limited], timeout=300)) for _ in range(3))
    assert spent <= 1
