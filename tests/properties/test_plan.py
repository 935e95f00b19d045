"""What `plan` foretells is what `load` does: random pipelines, items and edits, on a real state.

What was foretold is compared with the items as they stand before and after, by code that knows nothing of adoption.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stageauto.engine import commands
from stageauto.engine.commands import By, NewItem
from stageauto.engine.draft import Draft
from stageauto.engine.model import ITEMS_UPDATE, Workspace
from stageauto.engine.state import Item
from stageauto.loader.load import load as load_texts
from stageauto.runner import adoption
from stageauto.runner.adoption import Adoption, adopt_all
from stageauto.runner.clock import VirtualClock
from stageauto.runner.concern import Concern
from stageauto.runner.session import Session
from stageauto.runner.versions import foresee, load
from stageauto.store.sqlite import SqliteStore
from tests.properties.plain_loading import Loading
from tests.properties.random_edits import Files, dressed, edited
from tests.properties.random_pipelines import WORKSPACE, as_yaml, pipelines
from tests.properties.test_engine_against_a_model import MINUTE, START, instant

EXAMPLES = 20
LIVING = ("pending", "waiting", "running")


@dataclass
class Story:
    """A pipeline, what its items lived through, and the files that come next."""

    files: Files
    after: Files
    catch_up: list[str]
    lives: list[dict[str, Any]] = field(default_factory=list)

    @cached_property
    def workspace(self) -> Workspace:
        """The files that come next, loaded."""
        found = load_texts(self.after, env={}, now=START).workspace
        assert found is not None
        return found


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """What the files are is drawn; what becomes of them is rolled, for all sorts of edits and lives shall come."""
    stages, chance = draw(pipelines(least=2)), Random(draw(st.integers(0, 2**48)))
    files = {"stageauto.yaml": WORKSPACE, "pipelines/p.yaml": as_yaml(stages)}
    if chance.random() < 0.9:
        files = dressed(chance, files)
    assume(load_texts(files, env={}, now=START).workspace is not None)
    after = edited(chance, files)
    workspace = load_texts(after, env={}, now=START).workspace
    assume(workspace is not None)
    assert workspace is not None
    rules = [rule.id for stage in workspace.pipelines["p"].stages for rule in stage.rules if rule.enabled]
    new = [rule for rule in rules if "new" in rule] or rules
    catch_up = [chance.choice(new)] if new and chance.random() < (0.3 if new is rules else 0.8) else []
    names = [one.id for one in stages]
    whose = ["", "u", "u"] if "users" in files["stageauto.yaml"] else [""]
    lives = [
        {
            "stage": chance.choice(names), "date": chance.choice([None, *range(-120, 390, 30)]),
            "flag": chance.random() < 0.5, "pause": chance.randint(0, 7) * 20, "hold": chance.random() < 0.2,
            "then": chance.choice([None, None, *names]), "delete": chance.random() < 0.1,
            "responsible": chance.choice(whose),
        }
        for _ in range(chance.randint(3, 6))
    ]  # fmt: skip
    return Story(files, after, catch_up, lives)


def live(session: Session, clock: VirtualClock, one: dict[str, Any]) -> None:
    """Adds an item, lets time pass and does what was due, perhaps moves it, lets more time pass and does nothing."""
    values = {"flag": one["flag"]} | ({"date": instant(one["date"])} if one["date"] is not None else {})
    values |= {"responsible": one["responsible"]} if one["responsible"] else {}
    made = do(session, lambda draft, by: commands.add(draft, by, NewItem("p", one["stage"], values)))
    clock.at += one["pause"] * MINUTE
    do(session, lambda draft, by: draft.look_ahead(by.at, 100))
    if one["then"]:
        do(session, lambda draft, by: commands.move(draft, by, made.id, one["then"]))
    if one["hold"]:
        do(session, lambda draft, by: commands.hold_item(draft, by, made.id))
    if one["delete"]:
        do(session, lambda draft, by: commands.delete(draft, by, made.id))
    clock.at += one["pause"] * MINUTE // 2


def do(session: Session, deed: Callable[[Draft, By], Any]) -> Any:
    return session.decide(deed, permission=ITEMS_UPDATE)


@contextmanager
def lived(story: Story) -> Iterator[Session]:
    clock = VirtualClock(START)
    with SqliteStore.open(":memory:", state_id="test") as store:
        session = Session(Path(), store, clock, "me")
        load(session, story.files)
        for one in story.lives:
            live(session, clock, one)
        yield session


Runs = dict[str, tuple[Any, ...]]


def items_of(session: Session) -> dict[str, Item]:
    with session.store.read() as state:
        return {one.id: one for one in state.items()}


def living(item: Item | None) -> Runs:
    return {run.id: (run.due, run.state) for run in item.runs.values() if run.state in LIVING} if item else {}


def everything(session: Session) -> list[Any]:
    """All that the state holds."""
    run = session.store.connection.execute
    tables = [name for (name,) in run("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()]
    return [(name, run(f"SELECT * FROM {name}").fetchall()) for name in tables]


def told(found: Adoption, item: str, kind: str) -> Runs:
    return {one.run: (one.was, one.will) for one in getattr(found, kind) if one.item == item}


@pytest.fixture(autouse=True)
def all_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run is named, not only the first few."""
    monkeypatch.setattr(adoption, "EXAMPLES", 10_000)


@settings(max_examples=EXAMPLES)
@given(stories())
def test_what_plan_foretells_is_what_load_does(story):
    is_foretold_and_done(story)


def is_foretold_and_done(story: Story) -> None:
    """Plan and load one story; each has to agree with the other, and with what SEMANTICS say in plain words."""
    with lived(story) as session:
        before, stored = items_of(session), everything(session)
        changes, found = foresee(session, story.after, story.workspace, catch_up=story.catch_up)
        assert everything(session) == stored
        agrees_with_the_plain_words(found, before, Loading(story.after, session.clock.now(), story.catch_up))
        done = load(session, story.after, catch_up=story.catch_up)
        after = items_of(session)
        assert done.changed == bool(changes.files or story.catch_up)
        if not done.changed:
            return
        assert (done.adoption.counts, done.adoption.kept) == (found.counts, found.kept)
        assert done.adoption.relocated == found.relocated
        compare(found, before, after, session.clock.now())


def agrees_with_the_plain_words(found: Adoption, before: dict[str, Item], loading: Loading) -> None:
    """What was foretold against what SEMANTICS 29-31 say, reckoned from the items as they were and from plain YAML."""
    plain = {item: loading.of(one) for item, one in before.items()}
    for item, one in plain.items():
        assert told(found, item, "moved") == one.moved
        assert told(found, item, "cancelled").keys() == one.cancelled
        assert {run: will for run, (_, will) in told(found, item, "added").items()} == one.added
        assert told(found, item, "due").keys() == one.due
    assert found.kept == sum(one.kept for one in plain.values())
    assert found.sends == sum((one.sends for one in plain.values()), Counter())
    went = {item: one.to for item, one in plain.items() if one.to is not None}
    assert found.relocated == Counter((f"p/{before[item].stage}", f"p/{to}") for item, to in went.items())


def compare(found: Adoption, before: dict[str, Item], after: dict[str, Item], now: int) -> None:
    """What was foretold against what became of the items; one that had something to do at once went on from there."""
    kept, moves = 0, Counter[tuple[str, str]]()
    quiet = True
    for item_id, was in before.items():
        is_now = after[item_id]
        old, new = living(was), living(is_now)
        gone, came = old.keys() - new.keys(), new.keys() - old.keys()
        foretold = {**{run: due for run, (due, _) in old.items()}}
        foretold |= {run: will for kind in ("moved", "added") for run, (_, will) in told(found, item_id, kind).items()}
        cancelled = told(found, item_id, "cancelled")
        for run in cancelled:
            foretold.pop(run)
        if not was.on_hold and any(due is not None and due <= now for due in foretold.values()):
            quiet = False
            assert not cancelled.keys() & new.keys()
            continue
        assert {run: due for run, (due, _) in new.items()} == foretold
        assert gone == cancelled.keys()
        assert came == told(found, item_id, "added").keys()
        moved = {run for run in old.keys() & new.keys() if old[run][0] != new[run][0]}
        assert moved == told(found, item_id, "moved").keys()
        assert all(told(found, item_id, "moved")[run] == (old[run][0], new[run][0]) for run in moved)
        kept += len(old.keys() & new.keys()) - len(moved)
        if was.stage != is_now.stage:
            moves[f"p/{was.stage}", f"p/{is_now.stage}"] += 1
    if quiet:
        assert found.kept == kept
        assert found.relocated == moves


@settings(max_examples=EXAMPLES)
@given(stories())
def test_items_that_are_passed_over_would_not_have_changed(story):
    with lived(story) as session:
        _, found = foresee(session, story.after, story.workspace, catch_up=story.catch_up)
        rules = [rule for name in story.catch_up if (rule := story.workspace.pipelines["p"].rule(name)) is not None]
        with suppress(ZeroDivisionError), session.store.transaction() as state:
            whole = adopt_all(
                state, lambda: Draft(state, story.workspace, draw=session.clock.draw),
                By("all", session.clock.now(), "tester"), Concern(everywhere=True), catch_up=rules, keep=False,
            )  # fmt: skip
            raise ZeroDivisionError  # gives the transaction up
        assert (found.counts, found.kept, found.relocated) == (whole.counts, whole.kept, whole.relocated)
        for kind in ("moved", "cancelled", "added"):
            assert getattr(found, kind) == getattr(whole, kind)


@settings(max_examples=EXAMPLES // 3)
@given(stories())
def test_loading_what_is_loaded_changes_no_pending_run(story):
    with lived(story) as session:
        same_files = {**story.files, "templates/more.txt": "x"}
        loaded = load_texts(same_files, env={}, now=START).workspace
        assert loaded is not None
        _, found = foresee(session, same_files, loaded)
        assert not found.counts
        with suppress(ZeroDivisionError), session.store.transaction() as state:
            workspace = session.workspace(state)
            same = adopt_all(
                state, lambda: Draft(state, workspace, draw=session.clock.draw),
                By("all", session.clock.now(), "tester"), Concern(everywhere=True), keep=False,
            )  # fmt: skip
            raise ZeroDivisionError  # gives the transaction up
        assert not same.counts
