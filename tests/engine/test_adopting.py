"""What a new definition does to one pending run: `commands.adopt` on a real state."""

from __future__ import annotations

from stageauto.engine import commands
from stageauto.engine.commands import NewItem
from stageauto.engine.draft import Draft
from stageauto.engine.model import Workspace
from stageauto.engine.state import Item, Run, run_of
from stageauto.loader.load import load
from stageauto.runner.simulate import Simulation

START = 1_772_438_400_000  # Monday 2026-03-02, 08:00 UTC
HOUR = 3_600_000
HEAD = "stageauto: 1\ntimezone: UTC\n"


def workspace_of(rule: str, head: str = HEAD) -> Workspace:
    text = (
        "pipeline: p\nentity: deal\nfields: {at: datetime}\nstages:\n  - id: s\n    rules:\n"
        f"      - {{id: r, do: add_comment, with: {{text: x}}, {rule}}}\n"
    )
    loaded = load({"stageauto.yaml": head, "pipelines/p.yaml": text}, env={}, now=START)
    assert loaded.workspace is not None, loaded.diagnostics
    return loaded.workspace


def adopted(
    before: str, after: str, *, hours: int, at: str | None = None, running: bool = False, head: str = HEAD
) -> tuple[Run, Run]:
    """The run as it was, and with another definition, after `hours` without a daemon, or with one."""
    simulation = Simulation(workspace_of(before), START)
    values = {"at": at} if at else {}
    made: list[Item] = []

    def add(draft: Draft) -> None:
        made.append(commands.add(draft, by("add", simulation.now), NewItem("p", "s", values)))

    simulation.do(add)
    if running:
        simulation.advance(START + hours * HOUR)
        simulation.flush()
        made = [item] if (item := simulation.state.item(made[0].id)) else []
    (run,) = made[0].runs.values()
    was = run_of(**{name: getattr(run, name) for name in ("id", "pipeline", "stage", "visit", *Run.__struct_fields__)})
    found: list[Run] = []

    def adopt(given: Draft) -> None:
        given.flush()
        draft = Draft(given.state, workspace_of(after, head), draw=given.draw)
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


OPEN = HEAD + 'calendars: {working: {daily: "08:00-20:00"}}\n'
LATER = HEAD + 'calendars: {working: {daily: "10:00-20:00"}}\n'


def test_the_next_run_of_a_repetition_is_worked_out_again():
    every = "repeat: {every: 1d}"
    was, now = adopted(every, "hours: working, " + every, hours=30, running=True, head=LATER)
    assert (was.count, was.due, now.due) == (2, START + 48 * HOUR, START + 50 * HOUR)
    was, now = adopted("repeat: {cron: '0 7 * * *'}", "repeat: {cron: '0 9 * * *'}", hours=50, running=True)
    assert (was.count, was.due, now.due) == (2, START + 71 * HOUR, START + 73 * HOUR)


def test_a_repetition_goes_on_from_where_it_began_with_another_step():
    was, now = adopted("repeat: {every: 1d}", "repeat: {every: 5d}", hours=30, running=True)
    assert (was.due, now.due) == (START + 48 * HOUR, START + 240 * HOUR)


def test_the_next_run_of_a_repetition_that_is_the_same_is_not_touched():
    for rule in ("repeat: {every: 1d}", "repeat: {cron: '0 7 * * *'}", "when: {delay: 2h}, repeat: {every: 3h}"):
        was, now = adopted(rule, "name: New, " + rule, hours=30, running=True)
        assert was.count
        assert now == was


def test_what_was_to_run_once_repeats_by_its_new_definition():
    was, now = adopted("when: {delay: 5h}", "when: {delay: 5h}, repeat: {every: 1d}", hours=2)
    assert (was.due, was.anchor, now.due, now.anchor) == (now.due, None, START + 5 * HOUR, START + 5 * HOUR)


def test_what_was_put_off_to_the_morning_is_not_past_for_a_load_at_night():
    was, now = put_off("when: {at: at, if_past: skip}, hours: working", at="2026-03-02T12:00")
    assert was.due == START + 24 * HOUR
    assert now == was
    was, now = put_off("when: {before: at, by: 20h}, hours: working", at="2026-03-03T12:00", head=LATER)
    assert (was.due, now.due, now.state) == (START + 24 * HOUR, START + 26 * HOUR, "pending")


def put_off(rule: str, *, at: str, head: str = OPEN) -> tuple[Run, Run]:
    """A run whose item was on hold from before its moment until night, and the same after another load that night."""
    simulation = Simulation(workspace_of(rule, OPEN), START)
    simulation.do(lambda draft: commands.add(draft, by("add", START), NewItem("p", "s", {"at": at}, item_id="i")))
    simulation.do(lambda draft: commands.hold_item(draft, by("hold", START), "i"))
    simulation.advance(START + 14 * HOUR)
    simulation.do(lambda draft: commands.resume_item(draft, by("resume", simulation.now), "i"))
    simulation.flush()
    (was,) = living_runs(simulation)
    loaded = workspace_of("name: New, " + rule, head)

    def adopt(given: Draft) -> None:
        draft = Draft(given.state, loaded, draw=given.draw)
        item = draft.item("i")
        assert item is not None
        commands.adopt(draft, item, simulation.now + HOUR, "tester", lambda _: True)
        draft.flush()

    simulation.do(adopt)
    (now,) = living_runs(simulation)
    return was, now


def living_runs(simulation: Simulation) -> list[Run]:
    item = simulation.state.item("i")
    assert item is not None
    return list(item.runs.values())
