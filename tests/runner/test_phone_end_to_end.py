"""Text messages and a call from rules to a provider on loopback, and the call's end back to the item."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stageauto.cli import main
from stageauto.runner import change
from stageauto.runner.session import Session
from tests.channels.providers.lox24 import Lox24
from tests.channels.providers.twilio import ACCOUNT, INVALID, OWN, STOPPED, TOKEN, Twilio
from tests.runner.support import TurnedClock, activate, deliveries, outcomes, run_until_idle, workspace

PIPELINE = """\
pipeline: work
stages:
  - id: new
    rules:
      - {id: text, do: send_sms, with: {text: "Zażółć {{ item.title }}"}}
      - id: ring
        do: make_call
        with: {say: {text: "Hello {{ contact.first_name }}", voice: Polly.Ewa, speed: 0.9}}
"""
LATER = f"""\
      - {{id: later, do: send_sms, when: {{delay: 1d}}, with: {{text: "{"x" * 161}"}}}}
"""


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    made = Twilio()
    made.created = TurnedClock().now()
    yield made
    made.close()


def channels(twilio: Twilio) -> str:
    said = f'{{type: twilio, account: {ACCOUNT}, token: "${{TWILIO_TOKEN}}", from: "{OWN}", url: "{twilio.url}"}}'
    allowed = f'network: {{allow_private: ["127.0.0.1:{twilio.port}"]}}\nbase_url: https://acme.test\n'
    return f"channels:\n  sms: {said}\n  call: {said}\n{allowed}"


def started(tmp_path: Path, twilio: Twilio, *phones: str, more: str = "") -> tuple[Path, list[str]]:
    root = workspace(tmp_path / "acme", PIPELINE + more, channels(twilio))
    (root / ".env").write_text(f"TWILIO_TOKEN={TOKEN}\n", "utf-8")
    activate(root)
    with Session.open(root) as session:
        items = [
            change.add(
                session, "work", stage="new", values={"title": "Roof"}, contact={"first_name": "Ewa", "phone": phone}
            )
            for phone in phones
        ]
    run_until_idle(root)
    return root, items


def test_a_text_and_a_call_reach_the_customer_and_the_calls_end_finds_its_item(tmp_path: Path, twilio: Twilio) -> None:
    root, (item,) = started(tmp_path, twilio, "+48 501 111 222")
    (message,), (call,) = twilio.messages, twilio.calls
    assert (message["to"], message["body"]) == ("+48501111222", "Zażółć Roof")
    assert '<prosody rate="90%">Hello Ewa</prosody>' in call["twiml"]
    by_kind = {one.kind: one for one in deliveries(root)}
    assert call["form"]["StatusCallback"] == f"https://acme.test/twilio/call/status?key={by_kind['call'].key}"
    assert outcomes(root, item) == {"text": "done", "ring": "done"}
    with Session.open(root) as session:
        for name in (call["sid"], by_kind["call"].key):  # the provider's id, and ours in the address that it calls
            row = change.emit(session, "call.finished", data={"call": name, "result": "no_answer"})
            assert row.items == [item]


def test_numbers_that_take_nothing_are_undeliverable_each_with_its_reason(tmp_path: Path, twilio: Twilio) -> None:
    root, (invalid, stopped) = started(tmp_path, twilio, INVALID, STOPPED)
    assert outcomes(root, invalid)["text"] == outcomes(root, stopped)["text"] == "undeliverable"
    codes = {one.to: one.code for one in deliveries(root) if one.kind == "sms"}
    assert codes == {INVALID: "bad_address", STOPPED: "opted_out"}


def test_how_many_messages_a_text_is_paid_as_is_shown_everywhere(
    tmp_path: Path, twilio: Twilio, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, (item,) = started(tmp_path, twilio, "+48 501 111 222", more=LATER)

    def said(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["stageauto", "-C", str(root), *arguments])
        capsys.readouterr()
        main()
        return capsys.readouterr().out

    for look in (("outbox",), ("timeline", item), ("show", item)):
        assert "1 SMS, UCS-2" in said(*look)
    (row,) = [one for one in json.loads(said("outbox", "--json")) if one["do"] == "send_sms"]
    assert (row["segments"], row["encoding"]) == (1, "UCS-2")
    foreseen = json.loads(said("simulate", "--for", "2d", "--json"))
    (later,) = foreseen["sent"]
    assert (later["segments"], later["encoding"]) == (2, "GSM-7")


def test_no_secret_is_in_the_state(tmp_path: Path, twilio: Twilio) -> None:
    twilio.mishaps = ["401", "500"]
    root, _ = started(tmp_path, twilio, "+48 501 111 222")
    kept = b"".join(path.read_bytes() for path in (root / ".stageauto").rglob("*") if path.is_file())
    assert TOKEN.encode() not in kept
    assert {one.state for one in deliveries(root)} <= {"pending", "unknown", "done"}


def test_a_wrong_key_of_lox24_is_asked_once_for_a_whole_queue(tmp_path: Path) -> None:
    lox24 = Lox24()
    said = f'{{type: lox24, token: "${{T:-1234567:wrong-key}}", from: Acme, url: "{lox24.url}", concurrency: 1}}'
    more = f'channels:\n  sms: {said}\nnetwork: {{allow_private: ["127.0.0.1:{lox24.port}"]}}\n'
    pipeline = PIPELINE.partition("      - id: ring")[0]
    root = workspace(tmp_path / "acme", pipeline, more)
    activate(root)
    with Session.open(root) as session:
        for _ in range(5):
            change.add(session, "work", stage="new", values={"title": "Roof"}, contact={"phone": "+48 501 111 222"})
    run_until_idle(root)
    lox24.close()
    assert len(lox24.got) == 1
    assert {one.state for one in deliveries(root)} == {"pending"}
