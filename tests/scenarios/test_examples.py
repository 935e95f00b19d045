"""The example workspace: it loads without a word, its scenarios pass, and together it uses the whole language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from stageauto import registry
from stageauto.loader import files
from stageauto.loader.load import Loaded, load
from stageauto.loader.scenario import Scenario
from stageauto.runner.scenario import PASSED, Result, run_scenario
from stageauto.runner.simulate import Simulation

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NOW = 1_772_438_400_000  # 2026-03-02T08:00Z, so that nothing depends on the day of the test
# Kept in the files to show `enabled: false`: no scenario can ever run them.
SWITCHED_OFF = {"autumn-discount", "wrote-in-chat"}


@cache
def examples() -> Loaded:
    return load(
        files.read_files(EXAMPLES),
        env={},
        now=NOW,
        scenarios=files.read_scenarios(EXAMPLES),
        files_present=files.file_finder(EXAMPLES),
    )


@cache
def raw() -> dict[str, dict[str, Any]]:
    """The pipelines as plain YAML: what the admin wrote, not what the loader made of it."""
    paths = sorted((EXAMPLES / "pipelines").glob("*.yaml"))
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths}


def parts(what: str) -> Iterator[Mapping[str, Any]]:
    """All rules or triggers of all pipelines."""
    for pipeline in raw().values():
        for stage in pipeline["stages"]:
            yield from stage.get(what, ())


def words(found: Iterator[Mapping[str, Any]], *, below: str | None = None) -> set[str]:
    """The keys that stand there; with `below` those of that mapping, where it is one."""
    keys: set[str] = set()
    for one in found:
        place = one if below is None else one.get(below)
        if isinstance(place, Mapping):
            keys |= set(place)
    return keys


def values(found: Iterator[Mapping[str, Any]], *way: str) -> set[Any]:
    """The plain values at that way of keys; a list counts as its entries."""
    kept: set[Any] = set()
    for one in found:
        place: Any = one
        for key in way:
            place = place.get(key) if isinstance(place, Mapping) else None
        kept |= {entry for entry in (place if isinstance(place, list) else [place]) if isinstance(entry, str | bool)}
    return kept


def test_the_examples_load_without_any_diagnostic() -> None:
    loaded = examples()
    assert loaded.diagnostics == ()
    assert loaded.workspace is not None
    assert len(loaded.scenarios) == len(list((EXAMPLES / "scenarios").glob("*.yaml")))


@pytest.mark.parametrize("path", sorted((EXAMPLES / "scenarios").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_scenario_of_the_examples_passes(path: Path) -> None:
    result = played(path.name)
    told = [
        f"{miss.place.file}:{miss.place.line}: {miss.message}: {miss.expected}: {miss.found}"
        for miss in result.failures
    ]
    assert result.outcome == PASSED, "\n".join(told)


def played(name: str, watch: Any = None) -> Result:
    workspace = examples().workspace
    assert workspace is not None
    return run_scenario(workspace, _scenario(name), watch=watch)


def _scenario(name: str) -> Scenario:
    return next(one for one in examples().scenarios if one.file == f"scenarios/{name}")


def test_every_rule_gets_done_and_every_trigger_moves_something_in_some_scenario() -> None:
    done: set[str] = set()

    def look(simulation: Simulation) -> None:
        for line in simulation.state.timeline():
            if line.data.get("outcome") == "done":
                done.add(line.data["rule"])
            if line.data.get("trigger"):
                done.add(line.data["trigger"])

    for scenario in examples().scenarios:
        played(Path(scenario.file).name, look)
    everything = {one["id"] for what in ("rules", "triggers") for one in parts(what)}
    assert everything - done == SWITCHED_OFF


def test_every_word_of_timing_is_used() -> None:
    assert words(parts("rules"), below="when") == {
        "delay", "before", "after", "by", "at", "time", "if_past", "if_missing", "if_late",
    }  # fmt: skip
    assert values(parts("rules"), "when") == {"immediately"}
    assert values(parts("rules"), "when", "if_past") == {"run", "skip"}
    assert values(parts("rules"), "when", "if_missing") == {"wait", "skip"}
    assert values(parts("rules"), "when", "if_late") == {"skip"}
    assert any("within" in one["when"]["if_late"] for one in _with("if_late") if one["when"]["if_late"] != "skip")
    at = values(parts("rules"), "when", "at")
    assert any(one[:1].isdigit() for one in at), "no fixed time"
    assert any(not one[:1].isdigit() for one in at), "no field"
    assert {"working", "responsible"} < values(parts("rules"), "hours")
    assert words(parts("rules"), below="repeat") == {"every", "cron", "times"}


def _with(key: str) -> Iterator[Mapping[str, Any]]:
    return (one for one in parts("rules") if isinstance(one.get("when"), dict) and key in one["when"])


def test_every_unit_of_a_duration_is_used() -> None:
    written = "\n".join((EXAMPLES / "pipelines" / f"{name}.yaml").read_text(encoding="utf-8") for name in raw())
    for unit in ("30s", "5m", "2h", "1d", "2w", "6mo", "3wd", "4wh", "1d12h"):
        assert f": {unit}" in written, f"no duration in {unit}"


def test_every_word_of_chains_is_used() -> None:
    assert words(parts("rules")) == {
        "id", "name", "do", "if", "when", "hours", "after", "on_leave", "once", "retry", "on_failure", "repeat",
        "enabled", "with",
    }  # fmt: skip
    after = [one["after"] for one in parts("rules") if "after" in one]
    assert "previous" in after
    assert any(isinstance(one, list) and len(one) > 1 for one in after), "no list"
    assert any(isinstance(one, str) and one != "previous" for one in after), "no rule by its id"
    assert values(parts("rules"), "on_leave") == {"cancel", "keep"}
    assert values(parts("rules"), "once") == {"visit", "item"}
    assert values(parts("rules"), "on_failure") == {"stop", "continue"}
    assert words(parts("rules"), below="retry") == {"attempts", "first", "factor", "max"}
    assert values(parts("rules"), "enabled") == {False}
    assert _operators() == {"all", "any", "not"}


def _operators() -> set[str]:
    found: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, Mapping):
            found.update(node)
            for one in node.values():
                walk(one)
        elif isinstance(node, list):
            for one in node:
                walk(one)

    for rule in parts("rules"):
        walk(rule.get("if"))
    return found


def test_every_word_of_triggers_and_intake_is_used() -> None:
    assert words(parts("triggers")) == {
        "id", "name", "event", "where", "if", "allow_back", "move_as", "set", "route", "enabled", "cron", "from",
    }  # fmt: skip
    assert any(isinstance(value, list) for one in parts("triggers") for value in one.get("where", {}).values())
    assert any("{{" in one for one in values(parts("triggers"), "move_as")), "no template"
    assert {"responsible", "olga"} < values(parts("triggers"), "move_as")
    intake = (one for pipeline in raw().values() for one in pipeline.get("intake", ()))
    assert words(intake) == {"id", "event", "where", "if", "set", "stage", "unless_open"}
    assert {key for pipeline in raw().values() for key in pipeline} == {
        "pipeline", "name", "entity", "fields", "intake", "moved", "renamed", "stages",
    }  # fmt: skip
    assert {stage.get("kind", "open") for pipeline in raw().values() for stage in pipeline["stages"]} == {
        "open", "won", "lost",
    }  # fmt: skip


def test_every_inner_action_is_used() -> None:
    inner = {name for name, kind in registry.actions().items() if not kind.outer}
    assert inner - values(parts("rules"), "do") == set()


def test_every_step_of_a_scenario_is_shown() -> None:
    steps = [
        step
        for path in sorted((EXAMPLES / "scenarios").glob("*.yaml"))
        for step in yaml.safe_load(path.read_text(encoding="utf-8"))["steps"]
    ]
    assert {"emit", "move", "set", "hold", "resume", "expect", "after", "at"} <= {key for step in steps for key in step}
    expected = {key for step in steps for key in step.get("expect", {})}
    assert {
        "items", "sent", "not_sent", "pending", "outcomes", "moves", "created", "events", "tasks", "activities",
        "bookings", "contacts", "exactly",
    } <= expected  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "schema"), [("pipelines", "pipeline"), ("scenarios", "scenario"), (".", "workspace")], ids=str
)
def test_every_file_names_its_schema_for_the_editor(folder: str, schema: str) -> None:
    up = "../schemas" if folder == "." else "../../schemas"
    line = f"# yaml-language-server: $schema={up}/{schema}.schema.json"
    paths = sorted((EXAMPLES / folder).glob("*.yaml"))
    assert paths
    assert [path.name for path in paths if path.read_text(encoding="utf-8").split("\n")[0] != line] == []


def test_no_state_of_a_run_is_kept_with_the_examples() -> None:
    ignored = (EXAMPLES.parent / ".gitignore").read_text(encoding="utf-8")
    assert ".stageauto" in ignored
