"""Every gate of a trigger and of an event, each reached by a real run of the engine over a real state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stageauto.engine import commands
from stageauto.engine.gates import Gate
from stageauto.runner import intake
from stageauto.runner.explain import everything
from tests.runner.explaining import FIELDS, MONDAY, NOTE, World, compiled, stands, two_stages


@pytest.fixture
def world() -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(*given: Any, **options: Any) -> World:
        made.append(World(*given, **options))
        return made[-1]

    yield make
    for one in made:
        one.simulation.__exit__()


# -- triggers ---------------------------------------------------------------------------------------------------------


def asked(world: Callable[..., World], *triggers: str, more: str = "", head: str = "") -> World:
    one = world(two_stages(triggers=triggers, more=more), head)
    one.add()
    return one


def test_a_trigger_that_moved_the_item_names_the_event(world):
    one = asked(world, "id: t, event: app.go")
    one.emit("app.go")
    stands(one.why("t"), None, "did", "moved the item to `b` at 2026-03-02 10:00: app.go (e1) came")


def test_a_disabled_trigger_says_so_whether_or_not_an_event_came(world):
    one = asked(world, "id: t, event: app.go, enabled: false")
    stands(one.why("t"), Gate.ENABLED, "did_not", "it was disabled")
    one.emit("app.go")
    stands(one.why("t"), Gate.ENABLED, "did_not", "it was disabled")


def test_a_trigger_whose_event_never_came_says_what_it_listens_to(world):
    one = asked(world, "id: t, event: app.go, where: {size: 2}")
    stands(one.why("t"), Gate.EVENT, "did_not", "it listens to app.go where size: 2")


def test_a_trigger_that_came_into_the_files_later_was_not_asked(world):
    one = asked(world, "id: t, event: app.go, where: {size: 2}")
    one.emit("app.go")
    newer = compiled(two_stages(triggers=["id: t, event: app.go, where: {size: 2}", "id: u, event: app.go"]))
    stands(one.why("u", workspace=newer), Gate.ADDED_LATER, "did_not", "came into the files after that")


def test_the_stage_it_stands_in_already_is_said(world):
    one = asked(world, "id: t, event: app.go")
    one.do(commands.move, "i", "b")
    one.emit("app.go")
    stands(one.why("t"), Gate.HERE, "did_not", "stood in its stage already")


C_STAGE = "  - id: c\n"


def test_a_trigger_behind_the_item_says_so(world):
    one = asked(world, "id: t, event: app.go", more=C_STAGE)
    one.do(commands.move, "i", "c")
    one.emit("app.go")
    stands(one.why("t"), Gate.BEHIND, "did_not", "it leads back")
    assert "allow_back" in one.why("t").way_out


def test_a_closed_item_is_moved_by_none(world):
    pipeline = f"{FIELDS}stages:\n  - {{id: won, kind: won}}\n  - {{id: b, triggers: [{{id: t, event: app.go}}]}}\n"
    one = world(pipeline)
    one.add("won")
    one.emit("app.go")
    stands(one.why("t"), Gate.CLOSED, "did_not", "closed (won or lost)")


def test_another_trigger_that_was_first_is_named(world):
    one = asked(
        world, "id: s, event: app.go", "id: t, event: app.go", more="  - {id: c, triggers: [{id: u, event: app.go}]}\n"
    )
    one.emit("app.go")
    stands(one.why("t"), Gate.OTHER_WON, "did_not", "`s` moved it to `b`")
    stands(one.why("u"), Gate.OTHER_WON, "did_not", "`s` moved it to `b`")


def test_where_a_trigger_won_those_behind_are_still_said_to_be_behind(world):
    one = asked(world, "id: t, event: app.go", more="  - id: c\n  - {id: d, triggers: [{id: u, event: app.go}]}\n")
    one.do(commands.move, "i", "c")
    one.emit("app.go")
    stands(one.why("t"), Gate.BEHIND, "did_not", "it was in `c`")
    stands(one.why("u"), None, "did", "to `d`")


def test_an_event_for_a_newer_item_is_said_to_have_gone_there(world):
    one = asked(world, "id: t, event: email.received")
    one.wait(1)
    one.add("b", name="newer")
    one.emit("email.received", item=None, contact="ewa")
    stands(one.why("t"), Gate.OLDER, "did_not", "a newer item")


def test_where_that_did_not_match_names_the_value(world):
    one = asked(world, "id: t, event: app.go, where: {size: 2}")
    one.emit("app.go", size=1)
    stands(one.why("t"), Gate.WHERE, "did_not", "size was 1")
    one.emit("app.go", name="e2")
    stands(one.why("t"), Gate.WHERE, "did_not", "size was missing")
    assert one.why("t").notes == ("at 2026-03-02 10:00, when app.go came, its `where` did not match: size was 1",)


def test_what_a_machine_did_is_told_from_what_the_customer_did(world):
    one = asked(world, "id: t, event: email.received")
    one.emit("email.received", auto=True)
    stands(one.why("t"), Gate.MACHINE, "did_not", "a machine")


def test_a_triggers_condition_is_told_with_the_values_of_then(world):
    one = asked(world, "id: t, event: app.go, if: item.amount > 5 and event.size > 1")
    one.do(commands.set_fields, "i", {"amount": 3})
    one.emit("app.go", size=1)
    one.do(commands.set_fields, "i", {"amount": 9})
    answer = one.why("t")
    stands(answer, Gate.CONDITION, "did_not", "item.amount > 5 is false (item.amount = 3)")
    assert answer.values == {"item.amount": 3}


def test_a_trigger_that_the_loop_guard_refused_says_so(world):
    one = asked(world, "id: t, event: app.go", head="limits: {moves_per_day: 1}\n")
    one.emit("app.go")
    one.do(commands.move, "i", "a")
    for name in ("e2", "e3"):  # at the second the item is on hold already, so that no other line says it
        one.emit("app.go", name=name)
        stands(one.why("t"), Gate.LOOP_GUARD, "did_not", "more than 1 automatic moves")


def test_an_event_of_the_engines_own_is_explained_too(world):
    one = asked(world, "id: t, event: field.changed, where: {field: flag}")
    one.do(commands.set_fields, "i", {"amount": 9})
    stands(one.why("t"), Gate.WHERE, "did_not", 'field was "amount"')
    one.do(commands.set_fields, "i", {"flag": True})
    stands(one.why("t"), None, "did", "field.changed came")


SWEEP = 'id: t, event: schedule, cron: "0 12 * * *", from: [a], if: item.amount > 5'


def test_a_schedule_says_when_it_looks_next_and_what_it_would_say_now(world):
    one = asked(world, SWEEP)
    answer = one.why("t")
    stands(answer, Gate.CLOCK, "waits", "looks next at 2026-03-02 12:00", "its condition is false")
    one.do(commands.set_fields, "i", {"amount": 9})
    assert "it would move the item" in one.why("t").sentence
    one.wait(3)
    stands(one.why("t"), None, "did", "moved the item to `b` at 2026-03-02 12:00")


def test_a_schedule_is_not_asked_of_items_outside_of_from(world):
    triggers = f"    triggers:\n      - {{{SWEEP.replace('[a]', '[z]')}}}\n"
    one = world(f"{FIELDS}stages:\n  - id: z\n  - id: a\n  - id: b\n{triggers}")
    one.add()
    crossed = [check.gate for check in one.why("t").checks if check.passed is False]
    assert crossed == [Gate.FROM]


def test_events_from_before_traces_were_kept_are_not_guessed_at(world):
    one = asked(world, "id: t, event: app.go")
    newer = compiled(two_stages(triggers=["id: t, event: app.other"]))
    one.emit("app.other")  # nobody listened, so nothing was noted
    stands(one.why("t", workspace=newer), Gate.NOT_RECORDED, "not_recorded", "cannot be said")


# -- events -----------------------------------------------------------------------------------------------------------


def test_an_event_names_whom_it_moved_what_that_set_going_and_who_was_asked(world):
    pipeline = two_stages(
        f"id: r, {NOTE}, when: {{delay: 1h}}", "id: w, do: wait, with: {for: 2h, until: [app.go]}",
        triggers=["id: s, event: app.go, where: {size: 2}", "id: t, event: app.go"],
        more=f"    rules: [{{id: q, {NOTE}}}]\n",
    )  # fmt: skip
    one = world(pipeline)
    one.add()
    one.emit("app.go", size=1)
    answer = one.event()
    assert "moved i to `b`" in answer.sentence
    assert "ended the wait `w` of i" in answer.sentence
    [touched] = answer.touched
    assert (touched.stage, touched.to, touched.scheduled, touched.cancelled) == ("a", "b", ("q",), ("r",))
    assert [(one.trigger, one.gate, one.detail) for one in touched.asked] == [
        ("s", Gate.WHERE, "size was 1"), ("t", None, "to `b`"),
    ]  # fmt: skip


INTAKE = "intake:\n  - {id: web, event: form.submitted, where: {form: site}, if: event.budget > 5, set: {title: x}}\n"


def test_an_event_that_belonged_to_nothing_says_what_the_intake_wanted(world):
    one = world(two_stages().replace("stages:", f"{INTAKE}stages:"), "forms: {site: {fields: [email, budget]}}\n")
    one.emit("form.submitted", item=None, form="other")
    answer = one.event()
    assert answer.gate is Gate.UNMATCHED
    assert [one.detail for one in answer.intakes] == ['form was "other", not "site"']
    one.emit("form.submitted", "e2", None, form="site", budget=1)
    assert one.event("e2").intakes[0].detail == "event.budget > 5 is false (event.budget = 1)"
    one.emit("form.submitted", "e3", None, form="site", budget=9)
    answer = one.event("e3")
    assert answer.gate is None
    assert answer.touched[0].created_by == "web"
    assert "created" in answer.sentence


def test_an_event_that_was_not_let_in_says_so(world):
    one = world(two_stages())
    one.add()
    one.do(commands.except_address, "ewa@home.test")
    one.emit("email.received", item=None, contact="ewa@home.test")
    assert one.event().gate is Gate.LET_IN


def test_an_event_that_waits_to_be_handled_says_so(world):
    one = world(two_stages())
    one.simulation.flush()
    row = intake.shaped(intake.Raw("email.received", {}, "e1"), one.workspace.events, MONDAY, lambda: "x")
    intake.append(one.simulation.state, [row])
    assert one.event().gate is Gate.HANDLED


def test_an_event_that_came_again_changes_nothing_and_that_is_said(world):
    one = asked(world, "id: t, event: app.go")
    one.emit("app.go")
    assert one.emit("app.go").outcome == "duplicate"
    assert any("the same id again" in note for note in one.event().notes)


# -- all of it --------------------------------------------------------------------------------------------------------


def test_without_a_name_all_rules_of_the_stage_and_all_triggers_are_answered(world):
    pipeline = two_stages(
        f"id: r, {NOTE}",
        f"id: q, {NOTE}",
        triggers=["id: t, event: app.go"],
        more=f"    rules: [{{id: later, {NOTE}}}]\n",
    )
    one = world(pipeline)
    one.add()
    assert [(answer.kind, answer.name) for answer in everything(one.case())] == [
        ("rule", "r"), ("rule", "q"), ("trigger", "t"),
    ]  # fmt: skip
