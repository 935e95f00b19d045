"""The engine over a real SQLite state, step by step beside a plain model, on random small pipelines.

After each step both must tell the same of every item, and some things must hold whatever happened. At the end the
journal is played again into an empty state on another clock: it must give the same items.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from stageauto.engine import commands
from stageauto.engine.commands import By, NewItem
from stageauto.engine.draft import Draft
from stageauto.engine.model import Event, Workspace
from stageauto.engine.state import Item, Journal
from stageauto.loader.load import load
from stageauto.runner import observe
from stageauto.runner.simulate import Simulation
from tests.properties.plain_model import Model, Stage
from tests.properties.random_pipelines import WORKSPACE, as_yaml, pipelines

START = 1_772_438_400_000
MINUTE = 60_000
ALL = 2**62
STAGES = st.integers(0, 3)
DATES = st.one_of(st.none(), st.integers(-4, 12).map(lambda halves: halves * 30))


def instant(minute: int) -> str:
    return (datetime.fromtimestamp(START / 1000, UTC) + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M")


def workspace_of(stages: tuple[Stage, ...]) -> Workspace:
    loaded = load({"stageauto.yaml": WORKSPACE, "pipelines/p.yaml": as_yaml(stages)}, env={}, now=START)
    assert loaded.workspace is not None, [one.message for one in loaded.diagnostics]
    return loaded.workspace


class Engine(RuleBasedStateMachine):
    """Moves, events, changes, time, hold, resume and deletion, each done to the engine and to the model."""

    items: Bundle[str] = Bundle("items")

    @initialize(stages=pipelines())
    def begin(self, stages: tuple[Stage, ...]) -> None:
        self.stages = stages
        self.model = Model(stages)
        self.simulation = Simulation(workspace_of(stages), START)
        self.made = 0
        self.commands = 0

    # -- helpers

    def by(self) -> By:
        self.commands += 1
        return By(f"command-{self.commands}", self.simulation.now, "tester")

    def do(self, deed: Any, *given: Any, **options: Any) -> None:
        by = self.by()

        def act(draft: Draft) -> None:
            deed(draft, by, *given, **options)

        self.simulation.do(act)

    def named(self, stage: int) -> str:
        return self.stages[stage % len(self.stages)].id

    # -- steps

    @rule(target=items, stage=STAGES, flag=st.booleans(), date=DATES)
    def add(self, stage: int, flag: bool, date: int | None) -> str:
        self.made += 1
        name, where = f"i{self.made}", self.named(stage)
        date = None if date is None else self.model.now + date
        values: dict[str, Any] = {"flag": flag}
        if date is not None:
            values["date"] = instant(date)
        self.do(commands.add, NewItem("p", where, values, item_id=name))
        self.model.add(name, where, flag, date)
        return name

    @rule(item=items, stage=STAGES, restart=st.booleans())
    def move(self, item: str, stage: int, restart: bool) -> None:
        self.do(commands.move, item, self.named(stage), restart=restart)
        self.model.move(item, self.named(stage), restart)

    @rule(item=items, flag=st.booleans())
    def set_flag(self, item: str, flag: bool) -> None:
        self.do(commands.set_fields, item, {"flag": flag})
        self.model.set_flag(item, flag)

    @rule(item=items, date=DATES)
    def set_date(self, item: str, date: int | None) -> None:
        date = None if date is None else self.model.now + date
        self.do(commands.set_fields, item, {"date": None if date is None else instant(date)})
        self.model.set_date(item, date)

    @rule(item=items, kind=st.sampled_from(["app.go", "email.received"]), size=st.integers(1, 2))
    def event(self, item: str, kind: str, size: int) -> None:
        self.commands += 1
        data = {"size": size} if kind == "app.go" else {"channel": str(size)}
        event = Event(f"event-{self.commands}", kind, self.simulation.now, "test", item=item, data=data)
        self.simulation.take(event)
        self.model.event(item, kind, size)
        row = self.simulation.take(event)  # the same id again is accepted and does nothing
        assert row.outcome == "duplicate"

    @rule(minutes=st.sampled_from([1, 15, 30, 60, 90, 240, 1440]))
    def time_passes(self, minutes: int) -> None:
        self.simulation.advance(self.simulation.now + minutes * MINUTE)
        self.model.advance(minutes)

    @rule(item=items)
    def hold(self, item: str) -> None:
        self.do(commands.hold_item, item)
        self.model.hold(item)

    @rule(item=items)
    def resume(self, item: str) -> None:
        self.do(commands.resume_item, item)
        self.model.resume(item)

    @rule(item=consumes(items))
    def delete(self, item: str) -> None:
        self.do(commands.delete, item)
        self.model.delete(item)

    # -- what must hold

    def found(self) -> dict[str, Item]:
        self.simulation.flush()
        return {item.id: item for item in self.simulation.state.items(include_deleted=True)}

    @invariant()
    def both_tell_the_same(self) -> None:
        items = self.found()
        assert items.keys() == self.model.items.keys()
        lines = self.simulation.state.timeline()
        ended = observe.outcomes(lines)
        paths = observe.paths(lines)
        for name, plain in self.model.items.items():
            item = items[name]
            assert (item.stage, item.visit, item.deleted) == (plain.stage, plain.visit, plain.deleted), name
            assert paths[name] == plain.path
            assert item.on_hold == plain.held
            living = [(run.rule, run.visit, run.state, run.due) for run in item.runs.values() if run.living]
            expected = [
                (run.rule.id, run.visit, run.state, None if run.due is None else START + run.due * MINUTE)
                for run in plain.runs
                if run.state in ("pending", "waiting", "running")
            ]
            assert sorted(living, key=str) == sorted(expected, key=str), name
            mine = [one for one in ended if one["item"] == name]
            outcomes = [(one["rule"], int(one["run"].split(".")[1]), one["outcome"]) for one in mine]
            assert Counter(outcomes) == Counter(plain.ended), name
            in_order = [one for one in outcomes if one[2] != "cancelled"]
            assert in_order == [one for one in plain.ended if one[2] != "cancelled"], name

    @invariant()
    def an_item_is_in_one_stage_and_its_living_runs_belong_there_or_are_kept(self) -> None:
        names = {stage.id for stage in self.stages}
        for item in self.found().values():
            assert item.stage in names
            for run in item.runs.values():
                if run.living:
                    assert not item.deleted
                    assert run.keep or (run.visit == item.visit and run.stage == item.stage)

    @invariant()
    def the_index_of_what_is_due_agrees_with_the_items(self) -> None:
        items = self.found()
        expected = [(*due, item.id) for item in items.values() if (due := item.next_due()) is not None]
        assert [tuple(row) for row in self.simulation.state.due_items(ALL, 10_000)] == sorted(expected)
        assert all(due > self.simulation.now for due, _, _ in expected), "something is due and was not done"

    @invariant()
    def a_run_ends_exactly_once(self) -> None:
        ended = Counter(one["run"] for one in observe.outcomes(self.simulation.state.timeline()))
        assert set(ended.values()) <= {1}
        living = {run.id for item in self.found().values() for run in item.runs.values() if run.living}
        assert not living & ended.keys()

    def teardown(self) -> None:
        if not hasattr(self, "simulation"):
            return
        with self.simulation as first:
            items = self.found()
            again = replayed(first.workspace, first.state.journal(), first.now)
            assert again == items


def replayed(workspace: Workspace, journal: list[Journal], until: int) -> dict[str, Item]:
    """The items that the journal alone gives, in an empty state, on a clock of its own."""
    with Simulation(workspace, START) as simulation:
        for row in journal:
            simulation.advance(row.at)
            if row.type.startswith("command."):
                simulation.do(partial(command, row))
            else:
                event = Event(row.id, row.type, row.at, row.source, row.item, row.contact, row.data, row.author)
                simulation.take(event)
        simulation.advance(until)
        simulation.flush()
        return {item.id: item for item in simulation.state.items(include_deleted=True)}


def command(row: Journal, draft: Draft) -> None:
    """Does again what the journal says that somebody did."""
    by = By(row.id, row.at, row.author, row.source)
    name, data = row.item or "", row.data
    match row.type.removeprefix("command."):
        case "add":
            commands.add(draft, by, NewItem(data["pipeline"], data["stage"], data["values"], item_id=name))
        case "move":
            commands.move(draft, by, name, data["to"], restart=data["restart"], reason=data["reason"])
        case "set":
            commands.set_fields(draft, by, name, data["values"])
        case "hold":
            commands.hold_item(draft, by, name, data["reason"])
        case "resume":
            commands.resume_item(draft, by, name)
        case "delete":
            commands.delete(draft, by, name)
        case other:
            raise AssertionError(f"the journal has a command that nobody gave: {other}")


TestEngine = Engine.TestCase
TestEngine.settings = settings(
    max_examples=300,
    stateful_step_count=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
