"""What a new file does to rules that are under way: one put between two that are chained, and fewer repetitions."""

from __future__ import annotations

from pathlib import Path

from stageauto.engine.state import Run
from stageauto.loader.files import read_files
from stageauto.runner import change, look
from stageauto.runner.session import Session
from stageauto.runner.versions import load
from tests.runner.support import TurnedClock, run_until_idle, workspace

HOUR = 3_600_000
HEAD = "pipeline: work\nentity: deal\nfields: {meeting: datetime}\nstages:\n  - id: new\n    rules:\n"
FIRST = "{id: first, do: add_comment, when: {delay: 20h}, with: {text: x}}"
BETWEEN = "{id: between, do: add_comment, after: previous, when: {delay: 2h}, with: {text: x}}"
TWO_BETWEEN = BETWEEN + "\n      - {id: more, do: add_comment, after: previous, with: {text: x}}"
LAST = "{id: last, do: add_comment, after: previous, when: {delay: 1h}, with: {text: x}}"
CALLED = "{id: called, do: add_comment, repeat: {every: 1h, times: %s}, with: {text: x}}"
AFTERWARDS = "{id: afterwards, do: add_comment, after: called, with: {text: x}}"


class Work:
    """A state of its own with one item, files that change, and a clock that is turned."""

    def __init__(self, root: Path, *rules: str) -> None:
        self.root, self.clock = root, TurnedClock()
        self.load(*rules)
        with Session.open(root, clock=self.clock) as session:
            self.item = change.add(session, "work", stage=None, values={"title": "Roof"}, contact={})

    def load(self, *rules: str, catch_up: tuple[str, ...] = ()) -> None:
        lines = "".join(f"      - {one}\n" for one in rules)
        workspace(self.root, HEAD + lines)
        with Session.open(self.root, create=True, clock=self.clock) as session:
            load(session, read_files(self.root), catch_up=catch_up)

    def later(self, hours: float) -> None:
        self.clock.turned += round(hours * HOUR)
        run_until_idle(self.root, self.clock)

    def runs(self) -> dict[str, Run]:
        with Session.open(self.root, clock=self.clock) as session:
            return {one.rule: one.run for one in look.show(session, self.item).rules if one.run is not None}

    def states(self) -> dict[str, str]:
        return {rule: run.state for rule, run in self.runs().items()}

    def comments(self) -> int:
        with Session.open(self.root, clock=self.clock) as session, session.store.read() as state:
            return sum(one.kind == "comment" for one in state.timeline(self.item))


def test_what_is_chained_to_a_rule_put_in_since_still_waits_for_what_came_before_it(tmp_path: Path) -> None:
    work = Work(tmp_path / "acme", FIRST, LAST)
    work.load(FIRST, BETWEEN, LAST)
    work.later(2)
    assert work.states() == {"first": "pending", "last": "waiting"}
    work.later(18.1)
    assert work.states() == {"first": "done", "last": "pending"}
    work.later(1)
    assert work.states() == {"first": "done", "last": "done"}


def test_it_waits_through_several_rules_put_in_since(tmp_path: Path) -> None:
    work = Work(tmp_path / "acme", FIRST, LAST)
    work.load(FIRST, TWO_BETWEEN, LAST)
    assert work.states() == {"first": "pending", "last": "waiting"}
    work.later(20.1)
    assert work.states() == {"first": "done", "last": "pending"}


def test_a_rule_put_in_since_and_caught_up_is_waited_for_itself(tmp_path: Path) -> None:
    work = Work(tmp_path / "acme", FIRST, LAST)
    work.load(FIRST, BETWEEN, LAST, catch_up=("between",))
    work.later(20.1)
    assert work.states() == {"first": "done", "between": "pending", "last": "waiting"}
    work.later(2)
    assert work.states() == {"first": "done", "between": "done", "last": "pending"}


def test_what_stops_before_a_rule_put_in_since_stops_what_is_chained_to_it(tmp_path: Path) -> None:
    work = Work(tmp_path / "acme", FIRST, LAST)
    work.load(FIRST, BETWEEN, LAST)
    with Session.open(work.root, clock=work.clock) as session:
        change.cancel(session, f"{work.item}.1.first")
    assert work.states() == {"first": "cancelled", "last": "cancelled"}


def test_a_repetition_ends_where_the_new_file_has_it_run_no_more_often_than_it_did(tmp_path: Path) -> None:
    work = Work(tmp_path / "acme", CALLED % 5, AFTERWARDS)
    work.later(1.1)
    assert work.states() == {"called": "pending", "afterwards": "waiting"}
    work.load(CALLED % 2, AFTERWARDS)
    work.later(3)
    assert work.states() == {"called": "done", "afterwards": "done"}
    assert work.comments() == 3
    assert "no more than 2" in work.runs()["called"].because


def test_a_repetition_that_has_a_run_left_in_the_new_file_goes_on_to_it(tmp_path: Path) -> None:
    work = Work(tmp_path / "acme", CALLED % 5, AFTERWARDS)
    work.load(CALLED % 2, AFTERWARDS)
    work.later(1.1)
    assert work.states() == {"called": "done", "afterwards": "done"}


def test_what_was_on_its_way_waits_for_the_rule_that_the_new_file_puts_before_it(tmp_path: Path) -> None:
    alone = LAST.replace("after: previous, ", "")
    work = Work(tmp_path / "acme", FIRST, alone)
    work.load(FIRST, LAST)
    work.later(2)
    assert work.states() == {"first": "pending", "last": "waiting"}
    work.later(19)
    assert work.states() == {"first": "done", "last": "pending"}
    work.later(1)
    assert work.states() == {"first": "done", "last": "done"}


def test_what_waits_for_a_field_waits_for_the_rule_that_the_new_file_puts_before_it(tmp_path: Path) -> None:
    alone = "{id: last, do: add_comment, when: {after: meeting, by: 1h}, with: {text: x}}"
    work = Work(tmp_path / "acme", FIRST, alone)
    work.load(FIRST, alone.replace("when:", "after: first, when:"))
    with Session.open(work.root, clock=work.clock) as session:
        change.set_fields(session, work.item, {"meeting": "2020-01-01T09:00"})
    assert work.states() == {"first": "pending", "last": "waiting"}
    work.later(20.1)
    assert work.states() == {"first": "done", "last": "done"}


def test_what_was_chained_and_is_no_more_counts_from_when_the_stage_was_entered(tmp_path: Path) -> None:
    alone = LAST.replace("after: previous, ", "").replace("1h", "10h")
    work = Work(tmp_path / "acme", FIRST, LAST)
    entered = work.runs()["last"].scheduled_at
    work.later(2)
    work.load(FIRST, alone)
    assert work.runs()["last"].due == entered + 10 * HOUR


def test_what_began_when_the_rule_before_it_was_through_stays_on_its_way(tmp_path: Path) -> None:
    work = Work(tmp_path / "acme", FIRST, LAST)
    work.later(20.1)
    due = work.runs()["last"].due
    work.load(FIRST.replace("20h", "30h"), LAST)
    assert work.runs()["last"].due == due
