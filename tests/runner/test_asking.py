"""What was perhaps sent is asked for: the provider's own list settles what no answer told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stageauto.runner import change
from stageauto.runner.session import Session
from tests.channels.providers.lox24 import TOKEN, Lox24
from tests.channels.providers.twilio import ACCOUNT, OWN, Twilio
from tests.channels.providers.twilio import TOKEN as TWILIO_TOKEN
from tests.channels.support import Web
from tests.runner.support import (
    TurnedClock,
    activate,
    deliveries,
    outcomes,
    run_until_idle,
    serving,
    states,
    until,
    workspace,
)

PIPELINE = """\
pipeline: work
stages:
  - id: new
    rules:
      - {id: text, do: send_sms, with: {text: "Your order"}}
      - {id: then, do: add_log_entry, after: text, with: {text: told}}
  - {id: call, rules: [{id: ring, do: make_call, with: {say: {text: Hello}}}]}
  - id: gone
"""


@pytest.fixture
def lox24() -> Iterator[Lox24]:
    made = Lox24(TurnedClock().now)
    yield made
    made.close()


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    made = Twilio()
    made.created = TurnedClock().now()
    yield made
    made.close()


def started(root: Path, channel: str, port: int, stage: str = "new") -> tuple[Path, str]:
    """A workspace with an item whose message is about to go out."""
    more = f'channels:\n  sms: {channel}\n  call: {channel}\nnetwork: {{allow_private: ["127.0.0.1:{port}"]}}\n'
    workspace(root, PIPELINE, more + "limits: {retry: {attempts: 3, first: 30s}}\n")
    activate(root)
    with Session.open(root) as session:
        contact = {"first_name": "Ewa", "phone": "+49 151 23456789"}
        return root, change.add(session, "work", stage=stage, values={"title": "Roof"}, contact=contact)


def with_lox24(root: Path, lox24: Lox24) -> tuple[Path, str]:
    said = f'{{type: lox24, token: "${{T:-{TOKEN}}}", from: Acme, url: "{lox24.url}", timeout: 1s}}'
    return started(root, said, lox24.port)


def with_twilio(root: Path, twilio: Twilio, stage: str = "new") -> tuple[Path, str]:
    login = f'account: {ACCOUNT}, token: "${{T:-{TWILIO_TOKEN}}}"'
    said = f'{{type: twilio, {login}, from: "{OWN}", url: "{twilio.url}"}}'
    return started(root, said, twilio.port, stage)


def in_time(clock: TurnedClock, what: Callable[[], bool]) -> None:
    """Turns the clock on until it is so: what is noted at one moment is due from that moment on."""

    def turned() -> bool:
        clock.turned += 5_000
        return what()

    until(turned)


def history(root: Path, item: str, kind: str) -> list[dict[str, object]]:
    with Session.open(root) as session, session.store.read() as state:
        return [dict(one.data) for one in state.timeline(item) if one.kind == kind]


def test_a_message_without_an_answer_turns_out_to_be_sent(tmp_path: Path, lox24: Lox24) -> None:
    lox24.mishaps.append("cut")
    root, item = with_lox24(tmp_path / "acme", lox24)
    clock = TurnedClock()
    run_until_idle(root, clock)
    assert outcomes(root, item) == {"text": "unknown", "then": "waiting"}
    clock.turned += 11_000
    with serving(root, clock) as daemon:
        until(lambda: outcomes(root, item)["then"] == "done")
    assert outcomes(root, item) == {"text": "done", "then": "done"}
    assert len(lox24.messages) == 1
    (said,) = daemon.told.of("asked")
    assert (said["channel"], said["state"]) == ("sms", "done")
    (settled,) = history(root, item, "resolved")
    assert (settled["channel"], settled["sent"]) == ("sms", True)
    (one,) = deliveries(root)
    assert one.answer["uuid"]


def test_a_message_that_its_provider_never_had_goes_out_again_with_the_same_key(tmp_path: Path, lox24: Lox24) -> None:
    lox24.mishaps.append("gateway")
    root, item = with_lox24(tmp_path / "acme", lox24)
    clock = TurnedClock()
    run_until_idle(root, clock)
    (before,) = deliveries(root)
    assert (before.state, lox24.messages) == ("unknown", [])
    clock.turned += 11_000
    with serving(root, clock):
        in_time(clock, lambda: outcomes(root, item)["then"] == "done")
    (message,) = lox24.messages
    assert message["callback_data"] == before.key
    (one,) = deliveries(root)
    assert (one.state, one.attempts) == ("done", 2)


def test_it_is_asked_while_the_daemon_runs_as_soon_as_the_list_is_up_to_date(tmp_path: Path, lox24: Lox24) -> None:
    lox24.mishaps.append("cut")
    root, item = with_lox24(tmp_path / "acme", lox24)
    clock = TurnedClock()
    with serving(root, clock):
        until(lambda: outcomes(root, item)["text"] == "unknown")
        assert len(lox24.got) == 1
        in_time(clock, lambda: outcomes(root, item)["text"] == "done")
    assert len(lox24.messages) == 1


def test_a_provider_that_cannot_say_is_asked_again_and_a_person_may_be_quicker(tmp_path: Path, lox24: Lox24) -> None:
    lox24.mishaps += ["cut", *["500"] * 9]
    root, item = with_lox24(tmp_path / "acme", lox24)
    clock = TurnedClock()
    with serving(root, clock):
        until(lambda: outcomes(root, item)["text"] == "unknown")
        in_time(clock, lambda: len(lox24.got) >= 3)
        assert outcomes(root, item)["text"] == "unknown"
        with Session.open(root) as session:
            change.resolve(session, deliveries(root)[0].id, sent=True)
        until(lambda: outcomes(root, item)["then"] == "done")
        clock.turned += 10_000_000
        threading.Event().wait(0.2)
    assert len(history(root, item, "resolved")) == 1


def test_what_broke_at_twilio_itself_is_looked_up_and_sent_once(tmp_path: Path, twilio: Twilio) -> None:
    twilio.mishaps.append("500")
    root, item = with_twilio(tmp_path / "acme", twilio)
    clock = TurnedClock()
    run_until_idle(root, clock)
    assert outcomes(root, item)["text"] == "unknown"
    clock.turned += 61_000
    with serving(root, clock):
        in_time(clock, lambda: outcomes(root, item)["text"] == "done")
    assert len(twilio.messages) == 1


def test_a_call_that_twilio_perhaps_made_is_left_to_a_person_where_there_was_one(
    tmp_path: Path, twilio: Twilio
) -> None:
    twilio.mishaps.append("cut")
    root, item = with_twilio(tmp_path / "acme", twilio, "call")
    clock = TurnedClock()
    with serving(root, clock):
        until(lambda: outcomes(root, item) == {"ring": "unknown"})
        in_time(clock, lambda: len(twilio.got) >= 2)
    assert outcomes(root, item) == {"ring": "unknown"}
    assert len(twilio.calls) == 1


def test_what_was_not_sent_is_not_sent_any_more_when_the_stage_was_left(tmp_path: Path, lox24: Lox24) -> None:
    lox24.mishaps.append("gateway")
    root, item = with_lox24(tmp_path / "acme", lox24)
    clock = TurnedClock()
    run_until_idle(root, clock)
    with Session.open(root) as session:
        change.move(session, item, "gone")
    clock.turned += 11_000
    with serving(root, clock):
        in_time(clock, lambda: states(root) == ["cancelled"])
    assert lox24.messages == []


def test_a_channel_that_cannot_be_asked_leaves_it_to_a_person(tmp_path: Path) -> None:
    web = Web()
    web.answers.append((502, {}, b"<h1>Bad Gateway</h1>"))
    said = f'{{type: sms_http, url: "http://127.0.0.1:{web.port}/", form: {{to: "{{to}}", text: "{{text}}"}}}}'
    root, item = started(tmp_path / "acme", said, web.port)
    clock = TurnedClock()
    run_until_idle(root, clock)
    clock.turned += 7_200_000
    run_until_idle(root, clock)
    assert outcomes(root, item)["text"] == "unknown"
    assert len(web.got) == 1
    web.close()


def test_what_is_sent_again_without_asking_a_person_is_asked_for_first(tmp_path: Path, twilio: Twilio) -> None:
    twilio.mishaps.append("cut")
    login = f'account: {ACCOUNT}, token: "${{T:-{TWILIO_TOKEN}}}", on_unknown: resend'
    root, item = started(
        tmp_path / "acme", f'{{type: twilio, {login}, from: "{OWN}", url: "{twilio.url}"}}', twilio.port
    )
    clock = TurnedClock()
    run_until_idle(root, clock)
    assert states(root) == ["pending"]
    clock.turned += 120_000
    run_until_idle(root, clock)
    assert outcomes(root, item) == {"text": "done", "then": "done"}
    assert len(twilio.messages) == 1
