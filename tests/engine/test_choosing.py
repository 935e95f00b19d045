"""Which trigger takes an event, and what is kept of those that did not: SEMANTICS 16 and 17, over a real state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from stageauto.engine import commands
from stageauto.engine.choosing import choose, matches
from stageauto.engine.commands import By, NewItem
from stageauto.engine.model import Event, Pipeline
from stageauto.engine.refusals import BEHIND, CLOSED, CONDITION, GUARD, HERE, MACHINE, OLDER, WHERE
from stageauto.engine.scope import Scope
from stageauto.engine.state import Entry, Item, item_of
from stageauto.engine.triggers import as_dict
from stageauto.loader.load import load
from stageauto.runner.simulate import Simulation

START = 1_772_442_000_000
PIPELINE = """\
pipeline: deals
fields: {amount: money, flag: boolean}
stages:
  - id: a
    triggers: [{id: to-a, event: app.go}, {id: again, event: app.back, allow_back: true}]
  - id: b
    triggers:
      - {id: small, event: app.go, where: {size: [1, 2]}}
      - {id: rich, event: app.go, if: item.amount > 5 and event.size}
      - {id: wrote, event: email.received}
  - id: c
    triggers:
      - {id: flagged, event: field.changed, where: {field: flag}, if: item.flag}
      - {id: swept, event: schedule, cron: "0 12 * * *", from: [a], if: item.amount > 5}
  - id: won
    kind: won
  - id: late
    triggers: [{id: far, event: app.go, where: {size: 9}}]
"""


class World:
    """Items on the virtual clock; `entries` are what was written of one of them."""

    def __init__(self, more: str = "") -> None:
        files = {"stageauto.yaml": f"stageauto: 1\ntimezone: UTC\n{more}", "pipelines/deals.yaml": PIPELINE}
        loaded = load(files, env={}, now=START)
        assert loaded.workspace is not None, [one.message for one in loaded.diagnostics]
        self.simulation = Simulation(loaded.workspace, START)
        self._count = 0

    def do(self, deed: Any, *given: Any) -> None:
        self._count += 1
        by = By(f"command-{self._count}", self.simulation.now, "tester")
        self.simulation.do(lambda draft: deed(draft, by, *given))

    def add(self, stage: str, name: str = "i", **values: Any) -> None:
        self.do(commands.add, NewItem("deals", stage, values, {"email": "ewa@home.test"}, item_id=name))

    def emit(self, kind: str, item: str | None = "i", name: str = "e1", **data: Any) -> None:
        contact = None if item else "ewa@home.test"
        self.simulation.take(Event(name, kind, self.simulation.now, "test", item, contact, data))

    def entries(self, item: str = "i") -> list[Entry]:
        self.simulation.flush()
        return self.simulation.state.timeline(item)

    def refused(self, item: str = "i", name: str = "e1") -> Sequence[Any] | None:
        """What stands in the event's line."""
        line = next(one for one in self.entries(item) if one.kind == "event" and one.data["event"] == name)
        found: Sequence[Any] | None = line.data.get("refused")
        return found


@pytest.fixture
def world() -> Iterator[World]:
    one = World()
    yield one
    one.simulation.__exit__()


def test_a_trigger_that_wins_at_once_leaves_no_trace_but_the_move(world: World):
    world.add("a")
    world.emit("app.go", size=1)
    assert world.refused() is None
    assert [one.data.get("trigger") for one in world.entries() if one.kind == "entered"] == [None, "small"]


def test_those_that_were_asked_before_the_winner_are_noted_with_why(world: World):
    world.add("a", amount=9)
    world.emit("app.go", size=7)
    assert world.refused() == [["small", WHERE, ["size", 7]]]


def test_where_none_wins_each_says_why_with_the_values_of_then(world: World):
    world.add("b", amount=9)
    world.emit("app.go", size=7)
    assert world.refused() == [["far", WHERE, ["size", 7]], ["to-a", BEHIND], ["small", HERE], ["rich", HERE]]
    world.do(commands.move, "i", "a")
    world.do(commands.set_fields, "i", {"amount": 3})
    world.emit("app.go", name="e2")
    assert world.refused(name="e2") == [
        ["small", WHERE, ["size", None]],
        ["rich", CONDITION, [[["item.amount > 5", False, ["item.amount"]]], {"item.amount": 3}]],
        ["far", WHERE, ["size", None]],
        ["to-a", HERE],
    ]


def test_a_closed_item_says_so_of_all_but_those_that_may_fetch_it_back(world: World):
    world.add("won")
    world.emit("app.go", size=9)
    assert world.refused() == [["to-a", BEHIND], ["small", BEHIND], ["rich", BEHIND], ["far", CLOSED]]
    world.emit("app.back", name="e2")
    assert world.refused(name="e2") is None


def test_an_older_item_and_a_machine_are_noted(world: World):
    world.add("a", "old")
    world.simulation.advance(START + 60_000)
    world.add("a", "new")
    world.emit("email.received", None, auto=True)
    assert world.refused("new") == [["wrote", MACHINE]]
    assert world.refused("old") == [["wrote", OLDER]]


def test_an_event_that_nobody_listens_to_leaves_nothing_behind(world: World):
    world.add("a")
    world.emit("app.nothing")
    assert world.refused() is None


def test_the_engines_own_events_have_a_line_only_where_a_trigger_listened_and_did_not_win(world: World):
    world.add("a")
    before = len(world.entries())
    world.do(commands.set_fields, "i", {"amount": 7})
    lines = [one for one in world.entries()[before:] if one.kind != "changed"]
    assert [(one.kind, one.data["refused"]) for one in lines] == [
        ("refused", [["flagged", WHERE, ["field", "amount"]]]),
    ]
    world.do(commands.set_fields, "i", {"flag": True})
    assert [one.kind for one in world.entries()].count("refused") == 1  # it won, and that is a line of its own


def test_what_a_schedule_asks_again_and_again_is_not_written_down(world: World):
    world.add("a")
    before = len(world.entries())
    world.simulation.advance(START + 10 * 86_400_000)
    assert len(world.entries()) == before


def test_a_move_that_the_guard_refused_is_noted_beside_what_was_refused_before():
    one = World("limits: {moves_per_day: 1}\n")
    one.add("a", amount=9)
    one.emit("app.go", size=1)
    one.do(commands.move, "i", "a")
    one.emit("app.go", name="e2", size=7)
    refused = one.refused(name="e2")
    assert refused is not None
    assert [(trigger, word) for trigger, word, _ in refused] == [("small", WHERE), ("rich", GUARD)]
    assert "more than 1 automatic moves" in refused[1][2]
    one.simulation.__exit__()


@pytest.mark.parametrize(
    ("wanted", "value", "same"),
    [((1,), 1, True), ((1,), "1", True), (("A",), "A", True), (("A",), "a", False), ((True,), "true", True),
     ((1,), True, False), ((1, 2), 2, True), (("x",), None, False), ((None,), None, True)],
)  # fmt: skip
def test_where_compares_as_an_admin_would(wanted: tuple[Any, ...], value: Any, same: bool):
    assert matches({"key": wanted}, {"key": value}) is same


def test_a_changed_copy_of_a_pipeline_asks_its_own_triggers() -> None:
    """The order of the triggers is worked out once, for each pipeline anew."""
    pipeline = World().simulation.workspace.pipelines["deals"]
    some = item_of("i", "deals", "a", "", START, START)
    event = Event(id="e", type="app.go", at=START, source="test", item="i", data={"size": 1})
    assert chosen(pipeline, some, event) == "small"
    others = tuple(one for one in pipeline.triggers_by_event["app.go"] if one.id != "small")
    copy = replace(pipeline, triggers_by_event={"app.go": others})
    assert (
        chosen(copy, some, Event(id="e", type="app.go", at=START, source="test", item="i", data={"size": 9})) == "far"
    )
    assert chosen(copy, some, event) is None


def chosen(pipeline: Pipeline, item: Item, event: Event) -> str | None:
    simulation = World().simulation
    scope = Scope(simulation.draft, START, item, event=as_dict(event))
    listening = pipeline.triggers_by_event["app.go"]
    found = choose(pipeline, item, event, simulation.workspace.events["app.*"], listening, scope).trigger
    return found.id if found else None
