"""Whom a message may reach: each kind of message, and each reason for which it does not go out or goes out later."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from stageauto.engine.state import Delivery
from stageauto.loader.load import load
from stageauto.runner.scenario import PASSED, run_scenario

NOW = 1_772_438_400_000
WORKSPACE = """\
stageauto: 1
timezone: Europe/Warsaw
channels: {net: {type: file, kind: audience}}
audiences: {spring: {channel: net, list: "17"}}
users: {anna: {name: Anna, email: anna@acme.test, phone: "+48 600 100 200"}}
limits:
  messages_per_contact: 2/day
  quiet_hours: {between: ["21:00", "08:00"], channels: [mail, sms, call, chat, whatsapp]}
"""
DEEDS: Mapping[str, str] = {
    "mail": "{do: send_email, with: {from: workspace, subject: S, body: B}}",
    "sms": "{do: send_sms, with: {text: T}}",
    "call": "{do: make_call, with: {say: {text: T}}}",
    "chat": "{do: send_chat, with: {text: T}}",
    "whatsapp": "{do: send_whatsapp, with: {template: t}}",
    "calendar": "{do: schedule_call, with: {subject: S, start: '2026-03-20T10:00', attendees: customer}}",
    "audience": "{do: add_to_audience, with: {audience: spring}}",
}
MESSAGES = ("mail", "sms", "call", "chat", "whatsapp")
CONTACT = (
    "id: ewa, first_name: Ewa, emails: [ewa@home.test, ewa@old.test], phones: '+48 501 111 222', "
    "chats: [{value: '77', type: live_chat}]"
)
LISTED = {"mail": "ewa@old.test", "audience": "ewa@home.test", "calendar": "ewa@home.test"}


def tried(kind: str, contact: str, expect: str, *, given: str = "", steps: str = "", start: str = "12:00") -> None:
    """Runs a scenario in which the customer is to get a message of the kind."""
    deed = DEEDS[kind]
    files = {
        "stageauto.yaml": WORKSPACE,
        "pipelines/p.yaml": (
            f"pipeline: p\nstages:\n  - id: new\n  - id: told\n    rules:\n      - {{id: tell, {deed[1:]}\n"
        ),
    }
    scenario = (
        f"scenario: s\nstart: '2026-03-02T{start}'\ngiven:\n  contacts: [{{{CONTACT}{contact}}}]\n{given}"
        f"  items: [{{id: d1, pipeline: p, stage: new, contact: ewa}}]\nsteps:\n{steps}"
        f"  - move: {{item: d1, to: told}}\n{expect}"
    )
    loaded = load(files, env={}, now=NOW, scenarios={"scenarios/s.yaml": scenario})
    assert loaded.workspace is not None, loaded.diagnostics
    assert loaded.scenarios, loaded.diagnostics
    result = run_scenario(loaded.workspace, loaded.scenarios[0])
    said = [
        f"{one.message}: {one.expected} | {one.found} | {[str(line) for line in one.timeline]}"
        for one in result.failures
    ]
    assert result.outcome == PASSED, "\n".join(said)


def outcome(word: str, because: str) -> str:
    return f"  - expect: {{outcomes: [{{rule: tell, outcome: {word}, because: {because}}}], sent: [], exactly: true}}\n"


SENT = "  - expect: {outcomes: [{rule: tell, outcome: done}]}\n"


@pytest.mark.parametrize("kind", DEEDS)
def test_a_message_goes_out_when_nothing_speaks_against_it(kind: str) -> None:
    tried(kind, "", SENT)


@pytest.mark.parametrize("kind", DEEDS)
def test_nothing_reaches_who_is_on_the_exceptions_list_by_whichever_address(kind: str) -> None:
    given = f"  exceptions: ['{LISTED.get(kind, '0048501111222')}']\n"
    tried(kind, "", outcome("suppressed", "exceptions_list"), given=given)


@pytest.mark.parametrize("kind", DEEDS)
@pytest.mark.parametrize("word", ["own", "all"])
def test_nothing_reaches_who_opted_out(kind: str, word: str) -> None:
    own = "[mail]" if kind == "calendar" else f"[{kind}]"
    tried(kind, f", opt_out: {'true' if word == 'all' else own}", outcome("suppressed", "opted_out"))


@pytest.mark.parametrize("kind", DEEDS)
def test_an_opt_out_of_one_kind_leaves_the_others(kind: str) -> None:
    other = "sms" if kind != "sms" else "mail"
    tried(kind, f", opt_out: [{other}]", SENT)


@pytest.mark.parametrize("kind", DEEDS)
def test_the_cap_holds_for_all_kinds_that_reach_the_customer_together(kind: str) -> None:
    twice = "  - move: {item: d1, to: told}\n  - move: {item: d1, to: new}\n" * 2
    over = "sent: [{do: add_to_audience}, {do: add_to_audience}, {do: add_to_audience}]"
    third = f"  - expect: {{{over}}}\n" if kind == "audience" else ""
    expect = third or "  - expect: {outcomes: [{rule: tell, outcome: suppressed, because: cap}]}\n"
    tried(kind, "", expect, steps=twice)


@pytest.mark.parametrize("kind", [*MESSAGES, "calendar"])
def test_in_the_customers_own_night_a_message_waits_for_their_morning(kind: str) -> None:
    # Noon in Warsaw is 04:00 in Los Angeles (UTC-8): quiet until 08:00 there, 17:00 in Warsaw.
    zone = ", timezone: America/Los_Angeles"
    waits = "  - expect: {not_sent: [{rule: tell}], pending: [{rule: tell, item: d1, due: '2026-03-02T17:00'}]}\n"
    later = "  - at: '2026-03-02T17:00'\n    expect: {outcomes: [{rule: tell, outcome: done}]}\n"
    tried(kind, zone, waits + later)


@pytest.mark.parametrize("kind", [*MESSAGES, "calendar"])
def test_who_opted_out_gets_nothing_in_the_morning_either(kind: str) -> None:
    listed = "mail" if kind == "calendar" else kind
    expect = outcome("suppressed", "opted_out").replace("- expect", "- at: '2026-03-03T09:00'\n    expect")
    tried(kind, f", opt_out: [{listed}]", expect, start="22:00")


def test_an_audience_is_told_at_night_too() -> None:
    tried("audience", "", SENT, start="23:00")


BOUNCE = (
    "  - emit: email.bounced\n    contact: ewa\n"
    "    data: {address: EWA@home.test, permanent: true, code: 5.1.1, reason: no such user}\n"
)


@pytest.mark.parametrize("kind", ["mail", "calendar"])
def test_nothing_is_sent_to_an_address_that_bounced_for_good(kind: str) -> None:
    tried(kind, "", outcome("undeliverable", "5.1.1 no such user"), steps=BOUNCE)


@pytest.mark.parametrize("kind", ["sms", "call", "chat", "whatsapp", "audience"])
def test_a_bounced_address_holds_up_no_other_kind_of_message(kind: str) -> None:
    tried(kind, "", SENT, steps=BOUNCE)


def test_a_bounce_that_may_pass_marks_nothing() -> None:
    tried("mail", "", SENT, steps=BOUNCE.replace("permanent: true", "permanent: false"))


COPIES: Mapping[str, tuple[str, str, str]] = {
    "the exceptions list": ("  exceptions: [ewa@old.test]\n", "", "exceptions_list"),
    "their opting out": ("", ", opt_out: [mail]", "opted_out"),
    "the cap": ("", "", "cap"),
}


@pytest.mark.parametrize("why", COPIES)
def test_who_must_not_get_a_mail_gets_no_copy_of_it_either(why: str) -> None:
    given, contact, because = COPIES[why]
    before = (
        "  - move: {item: d1, to: sent}\n  - move: {item: d1, to: new}\n  - move: {item: d1, to: sent}\n"
        if why == "the cap"
        else ""
    )
    files = {
        "stageauto.yaml": WORKSPACE,
        "pipelines/p.yaml": """\
pipeline: p
stages:
  - id: new
  - id: sent
    rules: [{id: mail, do: send_email, with: {from: workspace, subject: S, body: B}}]
  - id: told
    rules:
      - {id: tell, do: send_email, with: {from: workspace, to: {user: anna}, bcc: ewa@home.test, subject: C, body: B}}
      - {id: after, do: add_comment, after: tell, with: {text: T}}
""",
    }
    scenario = (
        f"scenario: s\nstart: '2026-03-02T12:00'\ngiven:\n  contacts: [{{{CONTACT}{contact}}}]\n{given}"
        f"  items: [{{id: d1, pipeline: p, stage: new, contact: ewa}}]\nsteps:\n{before}"
        "  - move: {item: d1, to: told}\n"
        f"  - expect: {{outcomes: [{{rule: tell, outcome: suppressed, because: {because}}}, {{rule: after}}]}}\n"
    )
    loaded = load(files, env={}, now=NOW, scenarios={"scenarios/s.yaml": scenario})
    assert loaded.workspace is not None, loaded.diagnostics
    sent: list[Delivery] = []
    result = run_scenario(
        loaded.workspace, loaded.scenarios[0], watch=lambda seen: sent.extend(seen.state.deliveries(limit=-1))
    )
    assert result.outcome == PASSED, result.failures
    assert [(one.to, one.message["bcc"], one.addresses) for one in sent if one.rule == "tell"] == [
        ("anna@acme.test", [], ())
    ]
