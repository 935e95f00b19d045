"""What a new definition does to one pending run: `commands.adopt` on a real state."""

from __future__ import annotations

from stageauto.engine import commands
from stageauto.engine.commands import NewItem
from stageauto.engine.draft import Draft
from stageauto.engine.model import Workspace
from stageauto.engine.state import Item, Run
from stageauto.loader.load import load
from stageauto.runner.simulate import Simulation

START = 1_772_438_400_000  # Monday 2026-03-02, 08:00 UTC
HOUR = 3_600_000
HEAD = "stageauto: 1\ntimezone: UTC\n"


def workspace_of(rule: str) -> Workspace:
    text = (
        "pipeline: p\nentity: deal\nfields: {at: datetime}\nstages:\n  - id: s\n    rules:\n"
        f"      - {{id: r, do: add_comment, with: {{text: x}}, {rule}}}\n"
    )
    loaded = load({"stageauto.yaml": HEAD, "pipelines/p.yaml": text}, env={}, now=START)
    assert loaded.workspace is not None, loaded.diagnostics
    return loaded.workspace


def adopted(before: str, after: str, *, hours: int, at: str | None = None) -> tuple[Run, Run]:
    """The run as it was made, and after `hours` without a daemon and another definition."""
    simulation = Simulation(workspace_of(before), START)
    values = {"at": at} if at else {}
    made: list[Item] = []

    def add(draft: Draft) -> None:
        made.append(commands.add(draft, by("add", simulation.now), NewItem("p", "s", values)))

    simulation.do(add)
    (run,) = made[0].runs.values()
    was = Run(**{name: getattr(run, name) for name in Run.__slots__})
    found: list[Run] = []

    def adopt(given: Draft) -> None:
        given.flush()
        draft = Draft(given.state, workspace_of(after), draw=given.draw)
        item = draft.item(made[0].id)
        assert item is not None
        commands.adopt(draft, item, START + hours * HOUR, "tester", lambda _: True)
        found.extend(item.runs.values())

    simulation.do(adopt)
    return was, found[0]


def by(name: str, at: int) -> commands.By:
    return commands.By(name, at, "tester")


def test_a_run_whose_moment_stands_is_not_touched():
    was, now = adopted("when: {delay: 5h}", "name: New, when: {delay: 5h}", hours=2)
    assert now == was


def test_another_delay_counts_from_where_the_old_one_did():
    was, now = adopted("when: {delay: 5h}", "when: {delay: 9h}", hours=2)
    assert (was.due, now.due) == (START + 5 * HOUR, START + 9 * HOUR)


def test_what_is_overdue_stays_so_that_if_late_sees_it():
    for rule in ("when: {delay: 1h, if_late: skip}", "when: {before: at, by: 1h, if_past: skip, if_late: skip}"):
        was, now = adopted(rule, rule, hours=8, at="2026-03-02T10:00")
        assert now == was


def test_what_is_overdue_both_ways_keeps_its_moment():
    was, now = adopted("when: {delay: 2h}", "when: {delay: 1h}", hours=8)
    assert now == was


def test_what_waits_for_the_same_empty_field_is_not_touched():
    was, now = adopted("when: {at: at}", "when: {before: at, by: 1h}", hours=1)
    assert now == was
    assert now.waiting_for == "field:at"


def test_the_first_run_of_a_cron_repetition_stays_when_it_is_overdue():
    rule = "when: immediately, repeat: {cron: '0 12 * * *'}"
    was, now = adopted(rule, rule, hours=6)
    assert was.due == START + 4 * HOUR
    assert now == was
