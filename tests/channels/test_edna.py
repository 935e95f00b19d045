"""The channel `edna` against a stand-in that checks what edna and WhatsApp check."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stageauto.channels.base import ChannelError, ChannelType, Delivered, Outcome, Rejected, Retry, Unaskable
from stageauto.channels.edna import EdnaChannel
from stageauto.engine.state import Delivery
from stageauto.testing import ProviderConformance, ProviderRig
from tests.channels.providers.edna import CASCADE, KEY, SUBJECT, Edna
from tests.channels.support import Clock, Secret, channel, context, delivery, nothing

NUMBER = "+48 501 111 222"


@pytest.fixture
def server() -> Iterator[Edna]:
    made = Edna()
    yield made
    made.close()


def edna(url: str, *, key: str = KEY, on_unknown: str = "hold", **lent: Any) -> EdnaChannel:
    more: dict[str, Any] = {name: lent.pop(name) for name in ("cascade", "subject", "test_template") if name in lent}
    said: dict[str, Any] = {"api_key": Secret(key), "cascade": CASCADE, "subject": SUBJECT, "base_url": url, **more}
    lent = {"allow_private": ("127.0.0.1",), **lent}
    return EdnaChannel(channel("edna", "whatsapp", on_unknown=on_unknown, **said), context(Path(), **lent))


def shipped(key: str = "k1", to: str = NUMBER, **message: Any) -> Delivery:
    said = {"to": to, "template": "shipped", "params": ["A7", "PL-77"], "language": "pl", **message}
    return delivery("whatsapp", said, key, to)


def send(server: Edna, **message: Any) -> Outcome:
    return edna(server.url).send(shipped(**message), nothing)


class EdnaRig(ProviderRig):
    secret = KEY

    def __init__(self, server: Edna) -> None:
        self.server = server

    def channel_with(
        self, *, timeout: float = 10.0, secret: str | None = None, on_unknown: str | None = None,
        url: str | None = None, allow_private: tuple[str, ...] = ("127.0.0.1",),
    ) -> ChannelType:  # fmt: skip
        # The list of templates, which comes first, has its own time: it must be there however busy the machine is.
        lent: dict[str, Any] = {"timeout": timeout + 4, "allow_private": allow_private}
        return edna(url or self.server.url, key=secret or KEY, on_unknown=on_unknown or "hold", **lent)

    def misbehave(self, mishap: str) -> None:
        self.server.mishaps += ["", mishap]  # the first request is the list of templates

    def delivery(self, key: str) -> Delivery:
        return shipped(key)

    def arrived(self) -> list[str]:
        return [one["requestId"] for one in self.server.sent]

    def broken(self) -> Delivery:
        return shipped("k-0", "nobody")


class TestConformance(ProviderConformance):
    @pytest.fixture
    def rig(self, server: Edna) -> ProviderRig:
        return EdnaRig(server)


def test_a_template_goes_out_with_its_values(server: Edna) -> None:
    assert send(server) == Delivered({"status": 200, "request_id": "k1"})
    (sent,) = server.sent
    assert sent["subscriberFilter"] == {"address": "48501111222", "type": "PHONE"}
    content = sent["content"]["whatsappContent"]
    assert content["text"] == "Zamówienie A7 jedzie: PL-77"
    assert content["footer"] == {"text": "Acme"}
    assert content["keyboard"]["rows"][0]["buttons"][0]["url"] == "https://acme.test/t"


@pytest.mark.parametrize(("language", "word"), [("en", "Order"), ("EN", "Order"), ("en-GB", "Order"), ("pl_PL", "Zam")])
def test_the_language_chooses_among_templates_of_one_name(server: Edna, language: str, word: str) -> None:
    send(server, language=language)
    assert server.sent[0]["content"]["whatsappContent"]["text"].startswith(word)


def test_the_only_template_needs_no_language(server: Edna) -> None:
    assert isinstance(send(server, template="welcome", language="", params=["Ewa"]), Delivered)
    assert server.sent[0]["content"]["whatsappContent"]["header"]["text"] == "Hi Ewa"


def test_values_may_have_names(server: Edna) -> None:
    assert isinstance(send(server, template="named", language="en", params={"who": "Ewa"}), Delivered)


def test_a_value_is_no_template(server: Edna) -> None:
    send(server, params=["{{2}}", "{{1}}"])
    assert server.sent[0]["content"]["whatsappContent"]["text"] == "Zamówienie {{2}} jedzie: {{1}}"


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        ({"template": "shiped"}, "no_template", "there are named, shipped, welcome"),
        ({"language": "de"}, "no_template", "but in en, pl"),
        ({"language": ""}, "no_template", "without a language"),
        ({"template": "fresh"}, "template_not_approved", "not approved"),
        ({"template": "closed"}, "template_not_approved", "not approved"),
        ({"params": ["A7"]}, "bad_params", "lacks a value for 2"),
        ({"params": ["A7", "x", "y"]}, "bad_params", "has no gap for 3"),
        ({"template": ""}, "no_template", "approved templates only"),
        ({"to": "12"}, "bad_address", "no phone number"),
    ],
)
def test_what_whatsapp_would_refuse_is_told_before_it_is_asked(
    server: Edna, message: dict[str, Any], code: str, words: str
) -> None:
    outcome = send(server, **message)
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.undeliverable) == (code, True)
    assert words in outcome.reason
    assert not [one for one in server.got if one.path.endswith("schedule")]


def test_the_list_of_templates_is_asked_for_now_and_then(server: Edna) -> None:
    clock = Clock()
    one = edna(server.url, now=clock)
    for key, minutes in (("k-1", 0), ("k-2", 5), ("k-3", 6)):
        clock.now += minutes * 60_000
        assert isinstance(one.send(shipped(key), nothing), Delivered)
    assert len([request for request in server.got if "matchers" in request.path]) == 2


def test_a_template_that_was_not_there_is_looked_for_again(server: Edna) -> None:
    one = edna(server.url)
    one.send(shipped(template="shiped"), nothing)
    one.send(shipped(), nothing)
    assert len([request for request in server.got if "matchers" in request.path]) == 2


def test_the_same_key_is_one_message(server: Edna) -> None:
    one = edna(server.url)
    one.send(shipped(), nothing)
    again = one.send(shipped(), nothing)
    assert isinstance(again, Delivered)
    assert again.answer["already"] is True
    assert len(server.sent) == 1


def test_edna_is_asked_by_the_recipients_history(server: Edna) -> None:
    one = edna(server.url)
    assert isinstance(one.ask(shipped()), Unaskable)
    one.send(shipped(), nothing)
    found = one.ask(shipped())
    assert found == Delivered({"status": 200, "id": "900", "request_id": "k1"})
    assert isinstance(one.ask(shipped("k-2")), Unaskable)


def test_no_money_left_is_mended_by_people(server: Edna) -> None:
    outcome = send(server, to="+999 501 111 222")
    assert isinstance(outcome, Retry)
    assert "insufficient" in outcome.reason


def test_a_wrong_cascade_is_final(server: Edna) -> None:
    outcome = edna(server.url, cascade=12).send(shipped(), nothing)
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.undeliverable) == ("refused", False)
    assert "Cascade template not found" in outcome.reason


def test_a_list_of_templates_that_cannot_be_had_is_asked_for_later(server: Edna) -> None:
    for mishap in ("500", "429", "half", "silent"):
        server.mishaps.append(mishap)
        outcome = edna(server.url, timeout=1.0).send(shipped(), nothing)
        assert isinstance(outcome, Retry)
        assert not outcome.sent_maybe
    assert server.sent == []


def test_a_probe_sends_the_template_that_is_named_for_it(server: Edna) -> None:
    probe = delivery("whatsapp", {}, "k-1", NUMBER)
    assert isinstance(edna(server.url).send(probe, nothing), Rejected)
    one = edna(server.url, test_template="welcome")
    outcome = one.send(probe, nothing)
    assert isinstance(outcome, Rejected)
    assert "lacks a value for 1" in outcome.reason


@pytest.mark.parametrize(
    ("options", "word"),
    [({"base_url": "x"}, "base_url"), ({"api_key": "a\nb"}, "api_key"), ({"cascade": "x"}, "cascade")],
)
def test_a_channel_that_can_never_send_is_told_at_once(options: dict[str, Any], word: str) -> None:
    said = {"api_key": KEY, "cascade": CASCADE, "subject": SUBJECT, **options}
    with pytest.raises(ChannelError, match=word):
        EdnaChannel(channel("edna", **said), context(Path()))
