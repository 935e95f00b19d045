"""Calls, chats, WhatsApp and webhooks: what goes to their channels."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stageauto.engine.effects import ChatNote, End, Send
from stageauto.engine.model import Channel
from tests.actions.conftest import Bench, faults

NUMBER = "+48 501 111 222"


def test_a_call_reads_a_text_out(bench: Bench) -> None:
    call = bench.one("make_call", 'from: "+48 22 100"\nsay: {text: "Hello {{ contact.first_name }}", speed: 0.9}')
    message = {"to": NUMBER, "from": "+48 22 100", "say": {"text": "Hello Ewa", "speed": 0.9}}
    assert call == Send("call", "call", NUMBER, message, "ewa", (NUMBER,))


def test_a_call_plays_a_recording(bench: Bench) -> None:
    message = bench.one("make_call", 'play: "https://acme.test/{{ contact.language }}.mp3"').message
    assert message == {"to": NUMBER, "from": "", "play": "https://acme.test/pl.mp3"}


@pytest.mark.parametrize("options", ["type: auto", "say: {text: x}\nplay: https://acme.test/x.mp3"])
def test_a_call_says_or_plays_and_only_one_of_them(options: str) -> None:
    assert faults("make_call", options) == ["choose-one"]


def test_a_recording_lies_on_an_https_address(bench: Bench) -> None:
    assert faults("make_call", "play: http://acme.test/x.mp3") == ["bad-url"]
    bench.item.fields["note"] = "ftp://acme.test/x.mp3"
    assert bench.one("make_call", 'play: "{{ item.note }}"').code == "bad_value"


def test_a_call_has_something_to_say(bench: Bench) -> None:
    end = bench.one("make_call", 'say: {text: "{{ item.note }}"}')
    assert (end.outcome, end.code) == ("undeliverable", "no_text")


def test_the_number_that_is_shown_is_a_number(bench: Bench) -> None:
    assert bench.one("make_call", "from: acme\nsay: {text: x}").code == "bad_value"


def test_a_chat_goes_to_the_one_that_was_opened_last(bench: Bench) -> None:
    chat = bench.one("send_chat", 'text: "Hello {{ contact.first_name }}"')
    message = {"to": "new-chat", "text": "Hello Ewa", "attachments": []}
    assert chat == Send("chat", "chat", "new-chat", message, "ewa", ("new-chat",))


def test_a_hidden_chat_note_is_no_message_to_the_customer(bench: Bench) -> None:
    note = bench.one("send_chat", "text: careful\nhidden: true\nattach: [{file: files/catalogue.pdf}]")
    assert note == ChatNote("new-chat", "careful", ["catalogue.pdf"])
    assert not bench.action("send_chat", "text: careful\nhidden: true").to_customer()
    assert bench.action("send_chat", "text: careful").to_customer()


def test_a_hidden_note_needs_no_chat_and_no_contact(bench: Bench) -> None:
    bench.contacts[0].chats.clear()
    assert bench.one("send_chat", "text: careful\nhidden: true") == ChatNote("", "careful", [])
    bench.contacts.clear()
    assert bench.one("send_chat", "text: careful\nhidden: true") == ChatNote("", "careful", [])
    assert bench.one("send_chat", "text: hello").code == "no_chat"


def test_a_chat_goes_by_the_channel_by_which_it_came(bench: Bench) -> None:
    bench.contacts[0].chats.append({"value": "telegram:555", "type": "messenger"})
    assert bench.one("send_chat", "text: x").channel == "messenger"
    assert bench.one("send_chat", "text: x\nchannel: chat").channel == "chat"
    bench.contacts[0].chats.append({"value": "x", "type": "mail"})
    assert bench.one("send_chat", "text: x").channel == "chat"


def test_a_chat_in_whatsapp_is_not_answered_freely(bench: Bench) -> None:
    workspace, rule = bench.rule("send_chat", "text: x")
    bench.contacts[0].chats.append({"value": "whatsapp:48501111222", "type": "wa"})
    edna = Channel("wa", "edna", "whatsapp")
    workspace = replace(workspace, channels={**workspace.channels, "wa": edna})
    bench.rule = lambda *_: (workspace, rule)  # type: ignore[method-assign]
    assert bench.one("send_chat").to == "new-chat"


def test_who_never_opened_a_chat_cannot_be_written_to(bench: Bench) -> None:
    bench.item.contacts = ["jan"]
    assert bench.one("send_chat", "text: x").code == "no_chat"
    bench.item.contacts = []
    assert bench.one("send_chat", "text: x").code == "no_chat"


def test_a_chat_says_something_or_brings_a_file(bench: Bench) -> None:
    assert bench.one("send_chat", 'text: "{{ item.note }}"').code == "no_text"
    sent = bench.one("send_chat", 'text: ""\nattach: [{file: files/catalogue.pdf}]')
    assert [one["name"] for one in sent.message["attachments"]] == ["catalogue.pdf"]
    assert bench.one("send_chat", "text: x\nattach: [{field: offer}]").code == "no_file"


def test_whatsapp_takes_a_template_and_its_values(bench: Bench) -> None:
    bench.item.fields["note"] = "two\nlines"
    sent = bench.one("send_whatsapp", 'template: shipped\nparams: ["{{ item.note }}", 7]')
    message = {"to": NUMBER, "template": "shipped", "params": ["two lines", "7"], "language": "pl"}
    assert sent == Send("whatsapp", "whatsapp", NUMBER, message, "ewa", (NUMBER,))


def test_values_for_whatsapp_may_have_names(bench: Bench) -> None:
    sent = bench.one("send_whatsapp", 'template: shipped\nlanguage: en\nparams: {who: "{{ contact.first_name }}"}')
    assert (sent.message["params"], sent.message["language"]) == ({"who": "Ewa"}, "en")


def test_a_webhook_sends_data_with_its_types(bench: Bench) -> None:
    bench.item.fields |= {"amount": 900, "delivery_date": "2026-03-05", "meeting_at": "2026-03-04T12:00:00+01:00"}
    options = """
        url: "https://erp.test/{{ item.title }}"
        method: PUT
        headers: {X-Who: "{{ responsible.id }}"}
        sign_with: erp
        json:
          amount: "{{ item.amount }}"
          day: "{{ item.delivery_date }}"
          at: "{{ item.meeting_at }}"
          tags: [a, "{{ item.title }}"]
          none: "{{ item.note }}"
    """
    sent = bench.one("webhook", options)
    assert (sent.kind, sent.channel, sent.to, sent.contact) == ("webhook", "webhook", "https://erp.test/Roof", None)
    assert sent.message["json"].pop("none") in (None, "")
    assert sent.message == {
        "url": "https://erp.test/Roof",
        "method": "PUT",
        "headers": {"X-Who": "anna"},
        "json": {"amount": 900, "day": "2026-03-05", "at": "2026-03-04T12:00:00+01:00", "tags": ["a", "Roof"]},
        "sign_with": "erp",
    }


def test_a_webhook_may_send_the_whole_item(bench: Bench) -> None:
    bench.item.fields["amount"] = 900
    sent = bench.one("webhook", 'url: https://erp.test\njson: {item: "{{ item }}", contact: "{{ contact }}"}')
    assert sent.message["json"]["item"]["amount"] == 900
    assert sent.message["json"]["contact"]["first_name"] == "Ewa"


def test_a_webhook_may_send_a_form_or_text_or_nothing(bench: Bench) -> None:
    assert bench.one("webhook", "url: https://erp.test\nform: {a: 007}").message["form"] == {"a": "007"}
    assert bench.one("webhook", "url: https://erp.test\nbody: plain").message["body"] == "plain"
    message = bench.one("webhook", "url: https://erp.test\nmethod: GET").message
    assert not {"json", "form", "body"} & set(message)


@pytest.mark.parametrize(
    "url", ["", "acme.test", "file:///etc/passwd", "https://", "https://a b", "http://a:x/", "https://[a"]
)
def test_what_is_no_web_address_is_not_called(bench: Bench, url: str) -> None:
    bench.item.fields["note"] = url
    end = bench.one("webhook", 'url: "{{ item.note }}"')
    assert isinstance(end, End)
    assert (end.outcome, end.code) == ("failed", "bad_url")


def test_a_header_cannot_bring_another_one(bench: Bench) -> None:
    bench.item.fields["note"] = "x\r\nX-Evil: yes"
    end = bench.one("webhook", 'url: https://erp.test\nheaders: {X-Note: "{{ item.note }}"}')
    assert (end.outcome, end.code) == ("failed", "bad_value")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("url: ftp://erp.test", "bad-url"),
        ("url: https://erp.test\njson: {}\nform: {}", "choose-one"),
        ("url: https://erp.test\nmethod: GET\nbody: x", "choose-one"),
        ("url: https://erp.test\nheaders: {Host: evil.test}", "bad-header"),
        ('url: https://erp.test\nheaders: {"X: Y": z}', "bad-header"),
        ("url: https://erp.test\nsign_with: epr", "unknown-hook"),
    ],
)
def test_a_webhook_that_cannot_be_right_is_found_before(options: str, code: str) -> None:
    assert faults("webhook", options) == [code]
