"""`backtest` under unchanged files differs in nothing, wherever its window begins.

Random small pipelines with mails, repeats, waits and cron triggers live through random events, moves, changes, time and
failing channels; then a random part of it is played again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from stageauto.engine import commands
from stageauto.engine.commands import By, NewItem
from stageauto.engine.draft import Draft
from stageauto.engine.model import Event, Workspace
from stageauto.errors import StageautoError
from stageauto.loader.load import load
from stageauto.runner.backtest import Backtest, Line, backtest
from stageauto.runner.clock import VirtualClock
from stageauto.runner.session import Session
from stageauto.runner.simulate import Failure, Simulation
from stageauto.store.sqlite import SqliteStore
from tests.properties.random_pipelines import WORKSPACE, as_yaml, pipelines
from tests.properties.test_engine_against_a_model import MINUTE, START, instant

MAIL = {"to": "customer", "from": "mail", "subject": "x", "body": "y"}
CHANNELS = "channels: {mail: {type: file, from: a@b.test}}\n"
FAILURES: st.SearchStrategy[list[Failure]] = st.one_of(
    st.just([]),
    st.lists(
        st.builds(Failure, st.just("mail"), st.sampled_from([None, 1, 2, 3, 5]), st.just("no"), st.booleans()),
        min_size=1,
        max_size=1,
    ),
)


@st.composite
def files(draw: st.DrawFn) -> str:
    """A random pipeline in which some comments are mails, and some stage is entered by the clock."""
    pipeline = yaml.safe_load(as_yaml(draw(pipelines())))
    for stage in pipeline["stages"]:
        for rule in stage["rules"]:
            if rule["do"] == "add_comment" and draw(st.integers(0, 3)):
                rule["do"], rule["with"] = "send_email", MAIL
                if draw(st.booleans()):
                    rule["retry"] = {"attempts": 3, "first": "50m", "factor": 3, "max": "9h"}
    if draw(st.booleans()):
        stages = pipeline["stages"]
        target = draw(st.integers(1, len(stages) - 1))
        found = [one["id"] for one in stages[:target] if one["kind"] == "open"]
        if found:
            cron = {"id": "clock", "event": "schedule", "cron": "30 */6 * * *", "from": found, "if": "item.flag"}
            stages[target]["triggers"].append(cron)
    return str(yaml.safe_dump(pipeline, sort_keys=False))


DEEDS = (
    "add", "move", "event", "flag", "date", "hold", "resume", "delete", "time", "cancel", "run-now", "retry", "except",
)  # fmt: skip
STEP = st.tuples(
    st.sampled_from([*DEEDS, "event", "hold", "resume", "add", *["time"] * 6]),
    st.integers(0, 4), st.integers(0, 3), st.integers(0, 3),
)  # fmt: skip
STEPS = st.lists(STEP, min_size=20, max_size=45)
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
WAITS = [1, 15, 60, 90, 240, 1440]


@dataclass
class World:
    """A recorded life."""

    workspace: Workspace
    simulation: Simulation
    items: list[str] = field(default_factory=list)
    done: int = 0

    def live(self, step: tuple[str, int, int, int]) -> None:
        what, one, two, three = step
        self.done += 1
        clock = self.simulation.clock
        if what == "time":
            self.simulation.advance(clock.at + WAITS[(one + two) % len(WAITS)] * MINUTE)
        elif what == "event" and self.items:
            kind = ("app.go", "email.received")[one % 2]
            data = {"size": two % 2 + 1} if kind == "app.go" else {"channel": str(two % 2 + 1)}
            self.simulation.take(Event(f"event-{self.done}", kind, clock.at, "test", item=self.item(three), data=data))
        elif what == "add" or self.items:
            by = By(f"command-{self.done}", clock.at, "tester")
            try:
                self.simulation.do(lambda draft: self.command(draft, by, what, one, two, three))
            except StageautoError:
                return  # a deleted item, a run that is over: nothing was done, nothing recorded

    def item(self, number: int) -> str:
        return self.items[number % len(self.items)]

    def command(self, draft: Draft, by: By, what: str, one: int, two: int, three: int) -> None:
        stages = self.workspace.pipelines["p"].stages
        stage = stages[one % len(stages)].id
        if what == "add":
            values: dict[str, Any] = {"flag": bool(two % 2)}
            if three:
                values["date"] = instant((by.at - START) // MINUTE + 60 * two - 60 + 30 * three)
            who = {"first_name": "Ewa", "email": f"c{one % 3}@home.test"}
            self.items.append(commands.add(draft, by, NewItem("p", stage, values, who)).id)
            return
        name = self.item(three)
        item = draft.item(name)
        runs = list(item.runs) if item else []
        if what == "move":
            commands.move(draft, by, name, stage, restart=bool(two % 2))
        elif what == "flag":
            commands.set_fields(draft, by, name, {"flag": bool(two % 2)})
        elif what == "date":
            date = None if two == 0 else instant((by.at - START) // MINUTE + 90 * two - 90)
            commands.set_fields(draft, by, name, {"date": date})
        elif what == "hold":
            commands.hold_item(draft, by, name)
        elif what == "resume":
            commands.resume_item(draft, by, name)
        elif what == "delete" and two == 0:
            commands.delete(draft, by, name)
        elif what == "except":
            commands.except_address(draft, by, f"c{one % 3}@home.test")
        elif what in ("cancel", "run-now", "retry") and runs:
            deed = {"cancel": commands.cancel, "run-now": commands.run_now, "retry": commands.retry}[what]
            deed(draft, by, name, runs[one % len(runs)])


def workspace_of(text: str) -> Workspace:
    loaded = load({"stageauto.yaml": WORKSPACE + CHANNELS, "pipelines/p.yaml": text}, env={}, now=START)
    assert loaded.workspace is not None, [(one.message, one.path) for one in loaded.diagnostics]
    return loaded.workspace


def played_again(text: str, steps: list[tuple[str, int, int, int]], failures: list[Failure], share: float) -> Backtest:
    workspace = workspace_of(text)
    with SqliteStore.open(":memory:", state_id="test") as store:
        with Simulation(workspace, START, store=store, failures=failures) as simulation:
            world = World(workspace, simulation)
            for step in (("add", 0, 1, 1), *steps):
                world.live(step)
            simulation.flush()
            end = simulation.now
        session = Session(Path(), store, VirtualClock(end), None)
        since = START + int((end - START) * share) // MINUTE * MINUTE + (7 if share else 0)
        return backtest(session, workspace, since=min(since, end))


def differing(found: Backtest) -> list[Line]:
    return [line for line in found.lines if line.differs]


@settings(max_examples=12, phases=PHASES)
@given(text=files(), steps=STEPS, failures=FAILURES)
def test_unchanged_files_differ_in_nothing_from_the_beginning(text, steps, failures):
    found = played_again(text, steps, failures, 0)
    assert differing(found) == []
    assert found.refused == 0


@settings(max_examples=12, phases=PHASES)
@given(text=files(), steps=STEPS, failures=FAILURES, share=st.floats(0.05, 0.95))
def test_unchanged_files_differ_in_nothing_from_the_middle(text, steps, failures, share):
    found = played_again(text, steps, failures, share)
    assert differing(found) == []
    assert found.refused == 0
