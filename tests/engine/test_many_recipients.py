"""A run with several recipients: what became of each is in the state, whichever of them is heard of first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stageauto.engine import commands, outgoing, step
from stageauto.engine.commands import By, NewItem
from stageauto.engine.draft import Draft
from stageauto.engine.model import Workspace
from stageauto.engine.state import DONE, PENDING, RUNNING, UNDELIVERABLE, UNKNOWN, Delivery, Run
from stageauto.loader.load import load
from stageauto.store.sqlite import SqliteStore

START = 1_772_438_400_000
FILES = {
    "stageauto.yaml": """\
stageauto: 1
timezone: UTC
users:
  anna: {name: Anna, phone: "+48 600 100 200"}
  ben: {name: Ben, phone: "+48 600 100 300"}
""",
    "pipelines/deals.yaml": """\
pipeline: deals
entity: deal
stages:
  - id: new
    rules:
      - {id: tell, do: send_sms, with: {to: ["user:anna", "user:ben"], text: x}}
""",
}


class Told:
    """One item whose rule tells two people; each deed is a transaction of its own."""

    def __init__(self, store: SqliteStore, workspace: Workspace) -> None:
        self.store, self.workspace = store, workspace

    def __enter__(self) -> Draft:
        self.open = self.store.transaction()
        state = self.open.__enter__()
        self.draft = Draft(state, self.workspace, draw=lambda alphabet, length: alphabet[0] * length)
        return self.draft

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self.draft.flush()
        self.open.__exit__(*error)  # type: ignore[arg-type]

    def run(self) -> Run:
        """The run as it stands in the state."""
        with self.store.read() as state:
            (item,) = state.items()
        (run,) = item.runs.values()
        return run

    def deliveries(self) -> list[Delivery]:
        """Both, as they stand in the state."""
        with self.store.read() as state:
            return state.deliveries()


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    workspace = load(FILES, env={}, now=START).workspace
    assert workspace is not None
    with SqliteStore.open(tmp_path / "state.db") as store:
        told = Told(store, workspace)
        with told as draft:
            commands.add(draft, By("one", START, "anna"), NewItem("deals"))
            while (first := draft.pop_due(START)) is not None:
                step.tick(draft, *first, START)
        assert [one.state for one in told.deliveries()] == [PENDING, PENDING]
        yield told


def test_a_run_is_due_with_the_next_try_when_another_recipient_was_reached(told: Told) -> None:
    first, second = told.deliveries()
    with told as draft:
        outgoing.retry_later(draft, first, START, START + 60_000, "busy")
    with told as draft:
        outgoing.settle(draft, second, START + 1, DONE)
    run = told.run()
    assert (run.state, run.due, run.open_deliveries) == (PENDING, START + 60_000, 1)


def test_what_did_not_reach_one_counts_after_the_other_was_resolved(told: Told) -> None:
    first, second = told.deliveries()
    with told as draft:
        outgoing.settle(draft, first, START + 1, UNDELIVERABLE, code="no_address", because="no such number")
        outgoing.settle(draft, second, START + 2, UNKNOWN)
    assert told.run().state == UNKNOWN
    with told as draft:
        commands.resolve(draft, By("two", START + 3, "anna"), second.id, sent=False)
    assert (told.run().state, told.run().worst) == (RUNNING, UNDELIVERABLE)
    _, second = told.deliveries()
    with told as draft:
        outgoing.settle(draft, second, START + 4, DONE)
    assert (told.run().state, told.run().because) == (UNDELIVERABLE, "no such number")
