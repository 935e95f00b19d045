"""The channel `sms_http` against a gateway that says in the body what it meant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stageauto.channels._sms_template import answer_of, at_path
from stageauto.channels.base import ChannelError, ChannelType, Delivered, Outcome, Rejected, Retry, Uncertain
from stageauto.channels.sms_http import SmsHttpChannel
from stageauto.engine.state import Delivery
from stageauto.testing import ProviderConformance, ProviderRig
from tests.channels.providers.gateway import TOKEN, Gateway
from tests.channels.support import Secret, channel, context, delivery, nothing

WORDS: dict[str, Any] = {"msisdn": "{digits}", "text": "{text}", "ref": "{key}", "from": "{from}"}
SAID: dict[str, Any] = {
    "headers": {"Authorization": Secret(f"Bearer {TOKEN}")},
    "json": {**WORDS, "parts": "{segments}", "unicode": "{unicode}", "note": "to {to}"},
    "from": "Acme",
    "success": {"field": "result", "is": "OK"},
    "id": "messages.0.id",
    "errors": {"field": "error.code", "undeliverable": ["BAD_MSISDN"], "opted_out": "STOPPED", "retry": ["BUSY"]},
}


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.close()


def made(gateway: Gateway, **options: Any) -> SmsHttpChannel:
    said = {"url": f"{gateway.url}/send", **SAID, **options}
    kept = {name: value for name, value in said.items() if value is not None}
    return SmsHttpChannel(channel("sms_http", "sms", **kept), context(Path(), allow_private=("127.0.0.1",)))


def text(words: str = "Your order is on its way", to: str = "+48 501 111 222", key: str = "k1") -> Delivery:
    return delivery("sms", {"to": to, "text": words}, key, to)


def send(gateway: Gateway, one: Delivery, **options: Any) -> Outcome:
    return made(gateway, **options).send(one, nothing)


class GatewayRig(ProviderRig):
    secret = TOKEN

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def misbehave(self, mishap: str) -> None:
        self.gateway.mishaps.append(mishap)

    def channel_with(
        self,
        *,
        timeout: float = 10.0,
        secret: str | None = None,
        on_unknown: str | None = None,
        url: str | None = None,
        allow_private: tuple[str, ...] = ("127.0.0.1",),
    ) -> ChannelType:
        headers = {"Authorization": Secret(f"Bearer {secret or TOKEN}")}
        said = {**SAID, "url": f"{url or self.gateway.url}/send", "headers": headers}
        set_up = channel("sms_http", "sms", on_unknown=on_unknown or "hold", **said)
        return SmsHttpChannel(set_up, context(Path(), timeout=timeout, allow_private=allow_private))

    def delivery(self, key: str) -> Delivery:
        return text(key=key)

    def arrived(self) -> list[str]:
        return [one["ref"] for one in self.gateway.messages]

    def broken(self) -> Delivery:
        return text(to="nobody")


class TestConformance(ProviderConformance):
    @pytest.fixture
    def rig(self, gateway: Gateway) -> ProviderRig:
        return GatewayRig(gateway)


def test_placeholders_become_json_values_of_their_type(gateway: Gateway) -> None:
    outcome = send(gateway, text('He said "żółw" {to}'))
    assert isinstance(outcome, Delivered)
    assert outcome.answer["id"] == "m-1"
    assert gateway.messages == [
        {
            "msisdn": "48501111222",
            "text": 'He said "żółw" {to}',
            "ref": "k1",
            "from": "Acme",
            "parts": 1,
            "unicode": True,
            "note": "to +48501111222",
        }
    ]


def test_braces_that_are_no_placeholder_stay(gateway: Gateway) -> None:
    send(gateway, text("x"), json={**WORDS, "note": "{} {0} { to } {to}{to} }{"})
    assert gateway.messages[0]["note"] == "{} {0} { to } +48501111222+48501111222 }{"


@pytest.mark.parametrize("part", ["form", "query"])
def test_nothing_in_a_text_ends_a_field_or_begins_another(gateway: Gateway, part: str) -> None:
    words = "a&msisdn=48900900900#x {key} +1"
    options = {"json": None, part: WORDS, "method": "GET" if part == "query" else "POST"}
    assert isinstance(send(gateway, text(words), **options), Delivered)
    assert gateway.messages == [{"msisdn": "48501111222", "text": words, "ref": "k1", "from": "Acme"}]


XML = '<sms ref="{key}"><to>{digits}</to><text>{text}</text></sms>'


def test_an_xml_body_holds_any_text_and_nothing_in_it_is_markup(gateway: Gateway) -> None:
    words = "a</text><to>48900900900</to><text>&amp; \"żółw\" <![CDATA[ {key} \x00\ud800 😀\r\n]]> 'x'"
    good = {"field": "reply.result", "is": "OK"}
    outcome = send(gateway, text(words), json=None, xml=XML, success=good, id="reply.message.@id")
    assert isinstance(outcome, Delivered), outcome
    assert outcome.answer["id"] == "m-1"
    (got,) = gateway.messages
    assert (got["msisdn"], got["ref"]) == ("48501111222", "k1")
    assert got["text"].replace("\ufffd", "?") == words.replace("\x00", " ").replace("\ud800", "?")


def test_a_quote_in_a_value_does_not_end_an_attribute(gateway: Gateway) -> None:
    one = replace(text("x"), key='k" ref2="evil')
    assert isinstance(send(gateway, one, json=None, xml=XML, success={"field": "reply.result"}), Delivered)
    assert gateway.messages[0] == {"msisdn": "48501111222", "text": "x", "ref": 'k" ref2="evil'}


@pytest.mark.parametrize(
    ("answer", "path", "found"),
    [
        ("<a><b>1</b><b>2</b></a>", "a.b.1", "2"),
        ("<a x='7'>ok</a>", "a.@x", "7"),
        ("<a x='7'>ok</a>", "a.text", "ok"),
        ("<a><b/></a>", "a.b", ""),
        ("<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "a", None),
        ("<a>" * 9000 + "</a>" * 9000, "a", None),
        ("<a>", "a", None),
        ("OK: 17", "a", None),
    ],
)
def test_an_answer_in_xml_is_read_by_path_and_declares_nothing(answer: str, path: str, found: str | None) -> None:
    assert at_path(answer_of(answer), path) == found


def test_a_query_is_joined_to_that_of_the_url(gateway: Gateway) -> None:
    send(gateway, text(), url=f"{gateway.url}/send?account=7", json=None, method="GET", query=WORDS)
    assert gateway.got[0].query["account"] == "7"
    assert gateway.got[0].query["ref"] == "k1"


@pytest.mark.parametrize(
    ("to", "code"),
    [("+48500000000", "bad_address"), ("+48509999999", "opted_out")],
)
def test_a_gateways_own_codes_say_who_cannot_be_reached(gateway: Gateway, to: str, code: str) -> None:
    outcome = send(gateway, text(to=to))
    assert isinstance(outcome, Rejected)
    assert outcome.undeliverable
    assert outcome.code == code


def test_a_gateways_own_code_says_what_passes(gateway: Gateway) -> None:
    assert isinstance(send(gateway, text(to="+48508888888")), Retry)


def test_an_error_inside_a_200_is_no_success(gateway: Gateway) -> None:
    outcome = send(gateway, text(to="+48500000000"), errors={})
    assert isinstance(outcome, Rejected)
    assert outcome.code == "refused"
    assert not outcome.undeliverable
    assert "BAD_MSISDN" in outcome.reason


def test_half_of_the_answer_that_would_have_said_it_is_perhaps(gateway: Gateway) -> None:
    gateway.mishaps.append("half")
    assert isinstance(send(gateway, text()), Uncertain)


@pytest.mark.parametrize("errors", [{}, {"field": "error.code", "undeliverable": "AUTH"}])
def test_a_secret_that_the_gateway_repeats_is_hidden(gateway: Gateway, errors: dict[str, Any]) -> None:
    outcome = send(gateway, text(), headers={"Authorization": Secret("Bearer wr0ng-s3cret-word")}, errors=errors)
    assert isinstance(outcome, Rejected if errors else Retry)  # a refused login is mended by people
    assert "no such token" in outcome.reason
    assert "wr0ng-s3cret-word" not in outcome.reason


@pytest.mark.parametrize(
    ("success", "taken"),
    [
        ({}, True),
        ({"status": 200}, True),
        ({"status": [201, 202]}, False),
        ({"body": '{"result": "OK"'}, True),
        ({"body": "OK:"}, False),
        ({"field": "messages.0.id"}, True),
        ({"field": "messages.1.id"}, False),
        ({"field": "result", "is": ["DONE", "QUEUED"]}, False),
    ],
)
def test_success_is_what_the_admin_says_it_is(gateway: Gateway, success: dict[str, Any], taken: bool) -> None:
    assert isinstance(send(gateway, text(), success=success), Delivered) is taken


def test_a_server_in_between_does_not_know_what_became_of_it(gateway: Gateway) -> None:
    gateway.mishaps.append("gateway")
    assert isinstance(send(gateway, text()), Uncertain)


def test_an_empty_text_is_not_sent(gateway: Gateway) -> None:
    outcome = send(gateway, text(" "))
    assert isinstance(outcome, Rejected)
    assert outcome.code == "no_text"


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"url": "gateway.test"}, "url"),
        ({"url": "https://me:s3cret@gateway.test"}, "url"),
        ({"json": {"to": "{to}", "text": "{txt}"}}, "txt"),
        ({"json": {"text": "{text}"}}, "no place"),
        ({"form": WORDS}, "one body"),
        ({"xml": XML}, "one body"),
        ({"json": None, "xml": "<sms>{to}{text}"}, "no XML"),
        ({"method": "GET"}, "GET"),
        ({"country": "Polska"}, "country"),
    ],
)
def test_a_channel_that_can_never_send_is_told_at_once(gateway: Gateway, options: dict[str, Any], word: str) -> None:
    with pytest.raises(ChannelError, match=word) as error:
        made(gateway, **options)
    assert "s3cret" not in str(error.value)
