"""What `explain` says of every rule and trigger of every item agrees with the history, on random small pipelines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stageauto.engine import commands
from stageauto.engine.commands import By, NewItem
from stageauto.engine.gates import Gate
from stageauto.engine.model import Event, Workspace
from stageauto.engine.state import Entry, Item
from stageauto.loader.load import load
from stageauto.runner import observe
from stageauto.runner.explain import foreseen, named
from stageauto.runner.explained import Answer, Case
from stageauto.runner.simulate import Simulation
from stageauto.store.sqlite import SqliteStore
from tests.properties.plain_model import Stage, Trigger
from tests.properties.random_pipelines import WORKSPACE, as_yaml, pipelines

START = 1_772_438_400_000
MINUTE = 60_000
CODES = {
    "condition": Gate.CONDITION, "once": Gate.ONCE, "past": Gate.PAST, "missing": Gate.DATE, "late": Gate.LATE,
    "chain_stopped": Gate.CHAIN, "left_stage": Gate.LEFT, "item_deleted": Gate.DELETED,
}  # fmt: skip

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.integers(0, 3), st.booleans()),
        st.tuples(st.just("flag"), st.booleans(), st.none()),
        st.tuples(st.just("date"), st.one_of(st.none(), st.integers(-4, 12)), st.none()),
        st.tuples(st.just("event"), st.sampled_from(["app.go", "email.received"]), st.integers(1, 2)),
        st.tuples(st.just("time"), st.sampled_from([1, 30, 60, 90, 240, 1440]), st.none()),
        st.tuples(st.sampled_from(["hold", "resume"]), st.none(), st.none()),
        st.tuples(st.just("delete"), st.none(), st.none()),
    ),
    max_size=8,
)


def workspace_of(stages: tuple[Stage, ...]) -> Workspace:
    loaded = load({"stageauto.yaml": WORKSPACE, "pipelines/p.yaml": as_yaml(stages)}, env={}, now=START)
    assert loaded.workspace is not None, [one.message for one in loaded.diagnostics]
    return loaded.workspace


def instant(minute: int) -> str:
    return (datetime.fromtimestamp(START / 1000, UTC) + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M")


class Story:
    """One item and what happens to it; `came` are the events, each with the flag that the item had then."""

    def __init__(self, stages: tuple[Stage, ...], simulation: Simulation) -> None:
        self.stages = stages
        self.simulation = simulation
        self.came: list[tuple[str, str, int, bool]] = []
        self._count = 0

    def do(self, deed: Any, *given: Any, **options: Any) -> None:
        self._count += 1
        by = By(f"command-{self._count}", self.simulation.now, "tester")
        self.simulation.do(lambda draft: deed(draft, by, *given, **options))

    def item(self) -> Item:
        self.simulation.flush()
        found = self.simulation.state.item("i")
        assert found is not None
        return found

    def tell(self, steps: Sequence[tuple[Any, ...]]) -> None:
        for what, first, second in steps:
            if self.item().deleted:
                return
            self.step(what, first, second)

    def step(self, what: str, first: Any, second: Any) -> None:
        if what == "move":
            self.do(commands.move, "i", self.stages[first % len(self.stages)].id, restart=second)
        elif what == "flag":
            self.do(commands.set_fields, "i", {"flag": first})
        elif what == "date":
            at = None if first is None else instant((self.simulation.now - START) // MINUTE + first * 30)
            self.do(commands.set_fields, "i", {"date": at})
        elif what == "event":
            self.event(first, second)
        elif what == "time":
            self.simulation.advance(self.simulation.now + first * MINUTE)
        else:
            deeds = {"hold": commands.hold_item, "resume": commands.resume_item, "delete": commands.delete}
            self.do(deeds[what], "i")

    def event(self, kind: str, size: int) -> None:
        flag = bool(self.item().fields.get("flag"))
        name = f"event-{len(self.came)}"
        data = {"size": size} if kind == "app.go" else {"channel": str(size)}
        self.came.append((name, kind, size, flag))
        self.simulation.take(Event(name, kind, self.simulation.now, "test", item="i", data=data))


@settings(max_examples=60)
@given(stages=pipelines(), stage=st.integers(0, 3), flag=st.booleans(), steps=STEPS)
def test_explain_agrees_with_the_history_for_every_rule_and_trigger(
    stages: tuple[Stage, ...], stage: int, flag: bool, steps: list[tuple[Any, ...]]
) -> None:
    with Simulation(workspace_of(stages), START) as simulation:
        story = Story(stages, simulation)
        story.do(commands.add, NewItem("p", stages[stage % len(stages)].id, {"flag": flag}, item_id="i"))
        story.tell(steps)
        item = story.item()
        case = Case(simulation.state, simulation.workspace, item, simulation.now)
        lines = simulation.state.timeline("i")
        for one in stages:
            for rule in one.rules:
                [answer] = named(case, rule.id)
                rule_agrees(answer, one.id, rule.id, item, lines)
            for trigger in one.triggers:
                [answer] = named(case, trigger.id)
                trigger_agrees(answer, one.id, trigger, story, lines)


def rule_agrees(answer: Answer, stage: str, rule: str, item: Item, lines: Sequence[Entry]) -> None:
    living = [run for run in item.runs.values() if run.rule == rule and run.living]
    visits = [line.data["visit"] for line in lines if line.kind == "entered" and line.data["to"] == stage]
    ended = [one for one in observe.outcomes(lines) if one["rule"] == rule]
    newest = visits[-1] if visits else 0
    in_newest = [one for one in ended if int(one["run"].split(".")[1]) == newest]
    if not visits:
        assert (answer.verdict, answer.gate) == ("did_not", Gate.STAGE)
    elif in_newest:
        last = in_newest[-1]
        done = last["outcome"] == "done"
        assert answer.verdict == ("did" if done else "did_not")
        assert answer.gate is (None if done else CODES[last["code"]])
        assert answer.at == last["at"]
        assert answer.values == last["values"]
    else:
        assert answer.verdict == "waits"
        run = next(run for run in living if run.visit == newest)
        waits = run.waiting_for.partition(":")[0]
        if waits:
            assert answer.gate is {"field": Gate.DATE, "rules": Gate.CHAIN}[waits]
        else:
            assert answer.gate in {Gate.DUE, Gate.HOLD, Gate.WAITING}
            assert answer.at == run.due


def trigger_agrees(answer: Answer, stage: str, trigger: Trigger, story: Story, lines: Sequence[Entry]) -> None:
    mine = [one for one in story.came if one[1] == trigger.event]
    if not mine:
        assert (answer.verdict, answer.gate) == ("did_not", Gate.EVENT)
        return
    name, _, size, flag = mine[-1]
    moved = next((line for line in lines if line.kind == "entered" and line.data.get("event") == name), None)
    if moved is not None and moved.data["trigger"] == trigger.id:
        assert (answer.verdict, answer.gate) == ("did", None)
        return
    assert answer.verdict == "did_not"
    assert answer.gate in expected_gates(
        story.stages, stage_then(lines, name), stage, trigger, size, flag, won=moved is not None
    )


def stage_then(lines: Sequence[Entry], event: str) -> str:
    """Where the item stood when the event came: the stage of the last move written before its line."""
    stage = ""
    for line in lines:
        if line.kind == "event" and line.data["event"] == event:
            return stage
        if line.kind == "entered":
            stage = line.data["to"]
    raise AssertionError(event)


def expected_gates(
    stages: tuple[Stage, ...], now: str, target: str, trigger: Trigger, size: int, flag: bool, *, won: bool
) -> set[Gate]:
    """SEMANTICS 16 and 17 in a few plain words. Where another one won, it may or may not have been asked before."""
    order = [one.id for one in stages]
    closed = {one.id: one.closed for one in stages}[now]
    if now == target:
        return {Gate.HERE}
    if not trigger.allow_back and order.index(target) < order.index(now):
        return {Gate.BEHIND}
    if not trigger.allow_back and closed:
        return {Gate.CLOSED}
    later = {Gate.OTHER_WON} if won else set()
    if trigger.size is not None and trigger.size != size:
        return {Gate.WHERE} | later
    if trigger.needs_flag and not flag:
        return {Gate.CONDITION} | later
    return later


FUTURE = st.sampled_from([1, 30, 90, 600, 3000])


@settings(max_examples=60)
@given(stages=pipelines(), stage=st.integers(0, 3), flag=st.booleans(), steps=STEPS, minutes=FUTURE)
def test_what_is_foretold_for_a_moment_is_what_is_said_then(
    stages: tuple[Stage, ...], stage: int, flag: bool, steps: list[tuple[Any, ...]], minutes: int
) -> None:
    workspace = workspace_of(stages)
    with SqliteStore.open(":memory:", state_id="story") as store:
        with Simulation(workspace, START, store=store) as simulation:
            story = Story(stages, simulation)
            story.do(commands.add, NewItem("p", stages[stage % len(stages)].id, {"flag": flag}, item_id="i"))
            story.tell(steps)
            story.item()
            now = simulation.now
        until = now + minutes * MINUTE
        with foreseen(store, workspace, "i", now, until) as case:
            foretold = answers(case, stages)
            first = case.foreseen
        with Simulation(workspace, now, store=store) as simulation:
            simulation.advance(until)
            then = Story(stages, simulation).item()
            lines = simulation.state.timeline("i")
    assert first is not None
    for one in stages:
        for rule in one.rules:
            answer = foretold[rule.id]
            ends = [line for line in lines if line.seq > first and line.at == answer.at]
            assert answer.verdict not in {"will", "will_not"} or ends
            rule_agrees(
                replace(answer, verdict=PRESENT.get(answer.verdict, answer.verdict)), one.id, rule.id, then, lines
            )


PRESENT = {"will": "did", "will_not": "did_not"}


def answers(case: Case, stages: tuple[Stage, ...]) -> Mapping[str, Answer]:
    return {rule.id: named(case, rule.id)[0] for stage in stages for rule in stage.rules}
