"""Every gate of a rule, each reached by a real run of the engine over a real state on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stageauto.engine import commands
from stageauto.engine.draft import Draft
from stageauto.engine.gates import Gate
from stageauto.runner import record
from stageauto.runner.simulate import Failure
from tests.runner.explaining import EWA, FIELDS, MAIL, NOTE, SMS, World, compiled, stands, two_stages


@pytest.fixture
def world() -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(*given: Any, **options: Any) -> World:
        made.append(World(*given, **options))
        return made[-1]

    yield make
    for one in made:
        one.simulation.__exit__()


# -- rules: what never began ------------------------------------------------------------------------------------------


def test_a_rule_that_ran_says_when_and_has_no_cross(world):
    one = world(two_stages(f"id: r, {NOTE}, if: item.amount > 5"))
    one.add(amount=9)
    stands(one.why(), None, "did", "`r` ran at 2026-03-02 10:00")
    assert all(check.passed for check in one.why().checks)


def test_a_disabled_rule_says_so(world):
    one = world(two_stages(f"id: r, {NOTE}, enabled: false"))
    one.add()
    stands(one.why(), Gate.ENABLED, "did_not", "it was disabled")


def test_an_item_that_was_never_in_the_stage_is_told_where_it_is(world):
    one = world(two_stages(f"id: r, {NOTE}"))
    one.add("b")
    stands(one.why(), Gate.STAGE, "did_not", "it never was; it is in `b` since 2026-03-02 10:00")


def test_a_rule_that_came_into_the_files_later_says_so(world):
    one = world(two_stages(f"id: r, {NOTE}"))
    one.add()
    newer = compiled(two_stages(f"id: r, {NOTE}", f"id: new-one, {NOTE}"))
    stands(one.why("new-one", workspace=newer), Gate.ADDED_LATER, "did_not", "came into `a` at 2026-03-02 10:00")


def test_a_rule_that_is_gone_from_the_files_is_still_explained(world):
    one = world(two_stages(f"id: r, {NOTE}, when: {{delay: 2h}}"))
    one.add()
    one.simulation.flush()
    newer = compiled(two_stages())
    draft = Draft(one.simulation.state, newer, draw=lambda _a, _n: "")
    item = draft.item("i")
    assert item is not None
    commands.adopt(draft, item, one.simulation.now, "tester", lambda _run: True)
    draft.flush()
    stands(one.why(workspace=newer), Gate.IN_FILES, "did_not", "gone from the files", "2026-03-02 10:00")


# -- rules: what waits ------------------------------------------------------------------------------------------------


def test_a_rule_that_is_not_due_says_when_it_is_and_what_its_condition_says_now(world):
    one = world(two_stages(f"id: r, {NOTE}, when: {{delay: 2h}}, if: item.amount > 5"))
    one.add(amount=3)
    answer = one.why()
    stands(answer, Gate.DUE, "waits", "it is due at 2026-03-02 12:00 (2 h after stage entry)")
    assert answer.notes[0] == "as things stand now it would be skipped: item.amount > 5 is false (item.amount = 3)"


def test_a_chained_rule_names_the_rule_it_waits_for(world):
    one = world(two_stages(f"id: first, {NOTE}, when: {{delay: 2h}}", f"id: r, {NOTE}, after: first"))
    one.add()
    stands(one.why(), Gate.CHAIN, "waits", "`first` is pending, due at 2026-03-02 12:00")


def test_a_chain_that_stopped_names_the_outcome_before(world):
    rules = ('id: first, do: update_item, with: {set: {amount: "{{ item.text }}"}}', f"id: r, {NOTE}, after: first")
    one = world(two_stages(*rules))
    one.add(text="much")
    stands(one.why("first"), Gate.VALUES, "did_not", "its values did not fit")
    answer = one.why()
    stands(answer, Gate.CHAIN, "did_not", "`first` before it was failed")


def test_an_empty_date_is_waited_for_or_skipped(world):
    rules = (f"id: r, {NOTE}, when: {{at: at}}", f"id: s, {NOTE}, when: {{at: at, if_missing: skip}}")
    one = world(two_stages(*rules))
    one.add()
    stands(one.why(), Gate.DATE, "waits", "it waits for `at`")
    stands(one.why("s"), Gate.DATE, "did_not", "the field 'at' is empty")


def test_a_moment_that_was_past_already_says_so(world):
    one = world(two_stages(f"id: r, {NOTE}, when: {{at: at, if_past: skip}}"))
    one.add(at="2026-03-01T10:00")
    stands(one.why(), Gate.PAST, "did_not", "2026-03-01 10:00")


def test_a_calendar_that_leaves_no_moment_says_so(world):
    one = world(two_stages(f"id: r, {NOTE}, when: {{before: at, by: 1h}}, hours: working"))
    one.wait(8)
    one.add(at="2026-03-02T19:00")
    stands(one.why(), Gate.HOURS, "did_not", "is not before 'at'")


def test_a_moment_that_the_calendar_put_off_names_the_calendar(world):
    one = world(two_stages(f"id: r, {NOTE}, when: {{delay: 1h}}, hours: working"))
    one.wait(8)
    one.add()
    stands(one.why(), Gate.DUE, "waits", "due at 2026-03-03 09:00")
    one.wait(2)
    stands(one.why(), Gate.HOURS, "waits", "its moment was 2026-03-02 19:00", "put off to 2026-03-03 09:00")


def test_quiet_hours_that_put_a_message_off_are_named(world):
    one = world(two_stages(f"id: r, {SMS}"), 'limits: {quiet_hours: {between: ["21:00", "08:00"], channels: [sms]}}\n')
    one.wait(12)
    one.add()
    stands(one.why(), Gate.QUIET_HOURS, "waits", "put off to 2026-03-03 08:00")


def test_an_item_on_hold_keeps_what_is_due(world):
    one = world(two_stages(f"id: r, {NOTE}, when: {{delay: 1h}}"))
    one.add()
    one.do(commands.hold_item, "i", "on holiday")
    stands(one.why(), Gate.DUE, "waits", "the item is on hold: on holiday")
    one.wait(2)
    stands(one.why(), Gate.HOLD, "waits", "the item is on hold: on holiday")


def test_a_wait_says_until_when(world):
    one = world(two_stages("id: r, do: wait, with: {for: 2h}"))
    one.add()
    stands(one.why(), Gate.WAITING, "waits", "until 2026-03-02 12:00")
    one.wait(3)
    stands(one.why(), None, "did", "the time is over")


def test_a_message_that_is_tried_again_says_what_failed(world):
    one = world(two_stages(f"id: r, {SMS}"), failures=[Failure("sms", error="429 slow down")])
    one.add()
    stands(one.why(), Gate.SENDING, "waits", "try 1 failed", "429 slow down")


# -- rules: what ended ------------------------------------------------------------------------------------------------


def test_leaving_the_stage_cancels_and_says_when(world):
    one = world(two_stages(f"id: r, {NOTE}, when: {{delay: 1h}}"))
    one.add()
    one.do(commands.move, "i", "b")
    stands(one.why(), Gate.LEFT, "did_not", "left the stage a")


def test_a_run_that_was_cancelled_by_hand_says_by_whom(world):
    one = world(two_stages(f"id: r, {NOTE}, when: {{delay: 1h}}"))
    one.add()
    one.do(commands.cancel, "i", "i.1.r")
    stands(one.why(), Gate.STOPPED, "did_not", "cancelled by tester")


def test_a_deleted_item_says_so(world):
    one = world(two_stages(f"id: r, {NOTE}, when: {{delay: 1h}}"))
    one.add()
    one.do(commands.delete, "i")
    stands(one.why(), Gate.DELETED, "did_not", "the item was deleted at 2026-03-02 10:00")


def test_what_came_late_says_when_it_was_due(world):
    one = world(two_stages(f"id: r, {NOTE}, when: {{delay: 1h, if_late: skip}}"))
    one.add()
    one.do(commands.hold_item, "i")
    one.wait(3)
    one.do(commands.resume_item, "i")
    stands(one.why(), Gate.LATE, "did_not", "was due at 2026-03-02 11:00")


def test_once_in_the_items_life_is_said_at_the_second_visit(world):
    one = world(two_stages(f"id: r, {NOTE}, once: item"))
    one.add()
    one.do(commands.move, "i", "b")
    one.do(commands.move, "i", "a")
    answer = one.why()
    stands(answer, Gate.ONCE, "did_not", "it was done before")
    assert answer.notes == ("in visit 1 it was done at 2026-03-02 10:00",)


def test_a_condition_that_was_false_is_told_with_its_values(world):
    one = world(two_stages(f"id: r, {NOTE}, if: item.amount > 5000 and item.flag"))
    one.add(amount=900)
    one.do(commands.set_fields, "i", {"amount": 9000})
    answer = one.why()
    stands(
        answer, Gate.CONDITION, "did_not", "its condition was false at 2026-03-02 10:00: item.amount > 5000 is false"
    )
    assert answer.values == {"item.amount": 900}  # as it was, not as it is


def test_nobody_to_send_to_says_what_is_missing(world):
    one = world(two_stages(f"id: r, {SMS}"))
    one.add(contact={"id": "jan", "email": "jan@home.test"})
    stands(one.why(), Gate.ADDRESS, "did_not", "no phone number")


def test_a_customer_who_opted_out_gets_nothing_and_that_is_said(world):
    one = world(two_stages(f"id: r, {SMS}"))
    one.add(contact={**EWA, "opt_out": ["sms"]})
    stands(one.why(), Gate.OPT_OUT, "did_not", "opted out of sms")


def test_the_exceptions_list_is_named_with_the_address(world):
    one = world(two_stages(f"id: r, {MAIL}"))
    one.do(commands.except_address, "ewa@home.test")
    one.add()
    stands(one.why(), Gate.EXCEPTIONS, "did_not", "ewa@home.test is on the exceptions list")


def test_the_cap_is_named_with_its_number(world):
    one = world(two_stages(f"id: q, {MAIL}", f"id: r, {MAIL}"), "limits: {messages_per_contact: 1/day}\n")
    one.add()
    stands(one.why(), Gate.CAP, "did_not", "the cap is 1")
    assert one.why("q").verdict == "did"


def test_a_refusal_of_the_provider_is_told_in_its_words(world):
    one = world(two_stages(f"id: r, {SMS}"), failures=[Failure("sms", permanent=True, error="no such number")])
    one.add()
    stands(one.why(), Gate.PROVIDER, "did_not", "no such number")
    assert one.why().way_out == "mend the cause, then `stageauto retry`"


def test_what_was_refused_in_a_stage_that_was_left_is_not_told_to_be_tried_again(world):
    one = world(two_stages(f"id: r, {SMS}"), failures=[Failure("sms", permanent=True, error="no such number")])
    one.add()
    one.do(commands.move, "i", "b")
    stands(one.why(), Gate.PROVIDER, "did_not", "no such number")
    assert "retry" not in one.why().way_out
    assert "left the stage" in one.why().way_out


def test_what_was_perhaps_sent_says_that_nobody_knows(world):
    more = "channels: {sms: {type: file, kind: sms, on_unknown: hold}}\n"
    one = world(two_stages(f"id: r, {SMS}"), more, failures=[Failure("sms", error="broken off")])
    one.add()
    [delivery] = one.simulation.state.deliveries()
    record.uncertain(one.simulation.draft, delivery, "the process died", one.simulation.now)
    stands(one.why(), Gate.SETTLED, "unknown", "the process died")


GOING_ROUND = (
    FIELDS
    + """\
stages:
  - id: a
    rules: [{id: r, do: change_stage, with: {to: b}}]
  - id: b
    rules: [{id: back, do: change_stage, with: {to: a}}]
"""
)


def test_the_loop_guard_is_named_with_the_way_it_took(world):
    one = world(GOING_ROUND, "limits: {automatic_moves: 2}\n")
    one.add()
    answers = [one.why("r"), one.why("back")]
    assert Gate.LOOP_GUARD in [answer.gate for answer in answers]


def test_what_was_pruned_is_not_guessed(world):
    one = world(two_stages(f"id: r, {NOTE}", triggers=["id: t, event: app.go"]))
    one.add()
    one.do(commands.move, "i", "won")
    one.add(name="other")
    one.simulation.flush()
    one.simulation.state.prune(one.simulation.now + 1)
    answer = one.why()
    stands(answer, Gate.NOT_RECORDED, "not_recorded", "cannot be said", "pruned")
    stands(one.why("t"), Gate.NOT_RECORDED, "not_recorded", "cannot be said")


@pytest.mark.parametrize("gate", list(Gate))
def test_every_gate_is_reached_by_a_test_of_these_two_pages(gate: Gate):
    pages = [
        Path(__file__).with_name(name).read_text("utf-8") for name in ("test_explain.py", "test_explain_events.py")
    ]
    assert any(f"Gate.{gate.name}" in page for page in pages), "nothing reaches it"
