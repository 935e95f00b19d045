"""What a replay needs of the record: the providers' answers one by one, and the state at the window's beginning."""

from __future__ import annotations

from pathlib import Path

import pytest

from stageauto.engine import commands
from stageauto.engine.commands import By, NewItem
from stageauto.engine.model import Workspace
from stageauto.errors import StateError
from stageauto.loader.load import load
from stageauto.runner.backtest import Backtest, backtest
from stageauto.runner.clock import VirtualClock
from stageauto.runner.session import Session
from stageauto.runner.simulate import Failure, Simulation
from stageauto.store.sqlite import SqliteStore

START = 1_772_438_400_000
HOUR = 3_600_000
PIPELINE = """\
pipeline: deals
entity: deal
stages:
  - id: new
    rules:
      - id: hello
        do: send_email
        retry: {attempts: 4, first: 1h, factor: 1, max: 1h}
        with: {to: customer, from: mail, subject: x, body: y}
      - {id: later, do: add_comment, when: {delay: 1d}, with: {text: x}}
"""


def workspace(pipeline: str = PIPELINE) -> Workspace:
    main = "stageauto: 1\ntimezone: UTC\nchannels: {mail: {type: file, from: a@b.test}}\n"
    loaded = load({"stageauto.yaml": main, "pipelines/deals.yaml": pipeline}, env={}, now=START)
    assert loaded.workspace is not None, loaded.diagnostics
    return loaded.workspace


def again(failures: list[Failure], since: int, pipeline: str = PIPELINE) -> Backtest:
    """One deal's two days with these providers, then what the pipeline would have done with them since that moment."""
    with SqliteStore.open(":memory:", state_id="test") as store:
        with Simulation(workspace(), START, store=store, failures=failures) as simulation:
            new = NewItem("deals", contact={"email": "ewa@home.test"})
            simulation.do(lambda draft: commands.add(draft, By("one", START, "anna"), new))
            simulation.advance(START + 48 * HOUR)
            simulation.flush()
        session = Session(Path(), store, VirtualClock(START + 48 * HOUR), None)
        return backtest(session, workspace(pipeline), since=since)


def words(found: Backtest, rule: str) -> tuple[dict[str, int], dict[str, int], int]:
    line = next(one for one in found.lines if one.name == f"deals/{rule}")
    return dict(+line.was), dict(+line.would), line.other_time


@pytest.mark.parametrize("since", [START, START + HOUR // 2, START + HOUR + HOUR // 2])
def test_a_mail_that_failed_twice_goes_out_with_the_third_try_again(since):
    found = again([Failure("mail", times=2)], since)
    assert words(found, "hello") == ({"sent": 1, "done": 1}, {"sent": 1, "done": 1}, 0)


def test_what_was_refused_for_good_is_refused_again():
    found = again([Failure("mail", permanent=True)], START)
    assert words(found, "hello")[:2] == ({"failed": 1}, {"failed": 1})


def test_what_was_over_before_the_window_is_not_done_again():
    found = again([Failure("mail", permanent=True)], START + HOUR)
    assert [line.name for line in found.lines] == ["deals/later"]
    assert not found.differs()


def test_other_retries_in_the_files_show_as_another_time():
    found = again([Failure("mail", times=2)], START, PIPELINE.replace("first: 1h", "first: 10m"))
    assert words(found, "hello") == ({"sent": 1, "done": 1}, {"sent": 1, "done": 1}, 2)


def test_what_was_pending_at_the_beginning_is_fitted_to_the_files():
    found = again([], START + HOUR, PIPELINE.replace("delay: 1d", "delay: 30h"))
    assert words(found, "later") == ({"done": 1}, {"done": 1}, 1)
    example = next(one for line in found.lines for one in line.examples)
    assert (example.was, example.would) == (START + 24 * HOUR, START + 30 * HOUR)
    assert (found.past.items, found.past.touched) == (1, 1)


def test_a_state_on_disk_is_never_taken_back(tmp_path):
    with (
        SqliteStore.open(tmp_path / "state.db", state_id="test") as store,
        store.transaction() as state,
        pytest.raises(StateError),
    ):
        state.rewind(1, 0, without=[])
