"""Waiting, and rules that start and stop others."""

from __future__ import annotations

from stageauto.engine.effects import End, StartRules, StopRules, Wait
from tests.actions.conftest import Bench, faults, local


def test_a_wait_ends_with_its_time_or_with_whatever_the_customer_does(bench: Bench) -> None:
    assert bench.one("wait", "for: 3d") == Wait(local("2026-03-05T09:00"), ("*",))


def test_a_wait_may_count_working_time_and_name_its_events(bench: Bench) -> None:
    options = 'for: 10wh\nuntil: [email.received, app.survey]\ncomment: "For {{ item.title }}"'
    end = local("2026-03-03T11:00")
    assert bench.one("wait", options) == Wait(end, ("email.received", "app.survey"), "For Roof")
    assert bench.one("wait", "for: 1d\nuntil: call.missed").until == ("call.missed",)


def test_how_long_to_wait_may_come_from_a_template(bench: Bench) -> None:
    bench.item.fields["note"] = "2h"
    assert bench.one("wait", 'for: "{{ item.note }}"').end == local("2026-03-02T11:00")
    bench.item.fields["note"] = "2"
    end = bench.one("wait", 'for: "{{ item.note }}"')
    assert isinstance(end, End)
    assert (end.outcome, end.code) == ("failed", "bad_value")


def test_a_wait_that_cannot_be_right_is_found_before() -> None:
    assert faults("wait", "until: email.received") == ["missing-key"]
    assert faults("wait", "for: 3d\nuntil: email.recieved") == ["unknown-event"]
    assert faults("wait", "for: 3") != []


def test_rules_are_started_of_this_stage_or_of_another(bench: Bench) -> None:
    assert bench.one("start_rules") == StartRules("quote", ())
    assert bench.one("start_rules", "rules: offer-mail") == StartRules("quote", ("offer-mail",))
    assert bench.one("start_rules", "stage: new\nrules: [call-back]") == StartRules("new", ("call-back",))


def test_a_rule_of_another_stage_cannot_be_started_by_mistake(bench: Bench) -> None:
    end = bench.one("start_rules", "rules: [call-back]")
    assert (end.outcome, end.code, end.because) == ("failed", "bad_value", "the stage quote has no rule call-back")


def test_rules_are_stopped_by_name_by_stage_or_all(bench: Bench) -> None:
    assert bench.one("stop_rules") == StopRules(None, ())
    assert bench.one("stop_rules", "stage: new") == StopRules("new", ())
    assert bench.one("stop_rules", "rules: [offer-mail]") == StopRules(None, ("offer-mail",))
    assert faults("stop_rules", "rules: [offer-mial]") == ["unknown-rule"]
