"""The channel `twilio` against a stand-in that checks what Twilio checks."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stageauto.channels.base import ChannelError, ChannelType, Delivered, Outcome, Rejected, Retry, Unaskable, Uncertain
from stageauto.channels.twilio import TwilioChannel, status_url
from stageauto.engine.state import Delivery
from stageauto.testing import ProviderConformance, ProviderRig
from tests.channels.providers.twilio import (
    ACCOUNT,
    INVALID,
    LANDLINE,
    NO_REGION,
    OWN,
    STOPPED,
    TOKEN,
    Twilio,
)
from tests.channels.support import NOW, Secret, channel, context, delivery, nothing

TO = "+48 501 111 222"
MINUTE = 60_000


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    made = Twilio()
    yield made
    made.close()


def made(twilio: Twilio, *, name: str = "sms", lent: dict[str, Any] | None = None, **options: Any) -> TwilioChannel:
    said = {"account": ACCOUNT, "token": Secret(TOKEN), "from": OWN, "url": twilio.url, **options}
    kept = {key: value for key, value in said.items() if value is not None}
    return TwilioChannel(channel("twilio", name, **kept), context(Path(), allow_private=("127.0.0.1",), **(lent or {})))


def text(words: str = "Your order is on its way", to: str = TO, key: str = "k1") -> Delivery:
    return delivery("sms", {"to": to, "text": words}, key, to)


def call(message: dict[str, Any], to: str = TO, key: str = "k1") -> Delivery:
    return delivery("call", {"to": to, **message}, key, to)


def send(twilio: Twilio, one: Delivery, **options: Any) -> Outcome:
    return made(twilio, **options).send(one, nothing)


class TwilioRig(ProviderRig):
    secret = TOKEN

    def __init__(self, twilio: Twilio) -> None:
        self.twilio = twilio

    def misbehave(self, mishap: str) -> None:
        self.twilio.mishaps.append(mishap)

    def channel_with(
        self,
        *,
        timeout: float = 10.0,
        secret: str | None = None,
        on_unknown: str | None = None,
        url: str | None = None,
        allow_private: tuple[str, ...] = ("127.0.0.1",),
    ) -> ChannelType:
        said = {"account": ACCOUNT, "token": Secret(secret or TOKEN), "from": OWN, "url": url or self.twilio.url}
        set_up = channel("twilio", "sms", on_unknown=on_unknown or "hold", **said)
        return TwilioChannel(set_up, context(Path(), timeout=timeout, allow_private=allow_private))

    def delivery(self, key: str) -> Delivery:
        return text(f"[{key}]", key=key)

    def arrived(self) -> list[str]:
        return [one["body"].strip("[]") for one in reversed(self.twilio.messages)]

    def broken(self) -> Delivery:
        return text(to="not a number")


class TestConformance(ProviderConformance):
    @pytest.fixture
    def rig(self, twilio: Twilio) -> ProviderRig:
        return TwilioRig(twilio)


class CallRig(TwilioRig):
    def delivery(self, key: str) -> Delivery:
        return call({"say": {"text": key}}, key=key)

    def arrived(self) -> list[str]:
        found = [ET.fromstring(one["twiml"]).findtext("Say") for one in reversed(self.twilio.calls)]
        return [one or "" for one in found]

    def broken(self) -> Delivery:
        return call({"say": {"text": "  "}})


class TestCallConformance(ProviderConformance):
    @pytest.fixture
    def rig(self, twilio: Twilio) -> ProviderRig:
        return CallRig(twilio)


# -- text messages ---------------------------------------------------------------------------------------------------


def test_a_message_goes_to_the_number_in_its_international_form(twilio: Twilio) -> None:
    outcome = send(twilio, text("Zażółć gęślą jaźń & 100 %"))
    assert isinstance(outcome, Delivered)
    assert outcome.answer == {"sid": "SM" + "0" * 32, "status": "queued", "num_segments": "1"}
    (got,) = twilio.got
    assert got.form == {"To": "+48501111222", "From": OWN, "Body": "Zażółć gęślą jaźń & 100 %"}
    assert got.basic == (ACCOUNT, TOKEN)


def test_a_number_of_the_country_gets_its_code(twilio: Twilio) -> None:
    assert isinstance(send(twilio, text(to="501 111 222"), country="PL"), Delivered)
    assert isinstance(send(twilio, text(to="0049 30 123456"), country="PL"), Delivered)
    assert [one["to"] for one in twilio.messages] == ["+4930123456", "+48501111222"]


def test_a_number_of_no_country_is_told_so(twilio: Twilio) -> None:
    outcome = send(twilio, text(to="501 111 222"))
    assert isinstance(outcome, Rejected)
    assert outcome.undeliverable
    assert outcome.code == "bad_address"
    assert "no country code" in outcome.reason
    assert twilio.got == []


def test_a_messaging_service_chooses_the_sender(twilio: Twilio) -> None:
    service = "MG" + "0" * 32
    assert isinstance(send(twilio, text(), messaging_service=service, **{"from": None}), Delivered)
    assert twilio.got[0].form["MessagingServiceSid"] == service
    assert "From" not in twilio.got[0].form


def test_an_api_key_logs_in_for_the_account(twilio: Twilio) -> None:
    assert isinstance(send(twilio, text(), key="SK1", secret=Secret(TOKEN), token=None), Delivered)
    assert twilio.got[0].basic == ("SK1", TOKEN)


@pytest.mark.parametrize(
    ("number", "code"), [(LANDLINE, "bad_address"), (INVALID, "bad_address"), (STOPPED, "opted_out")]
)
def test_a_number_that_takes_no_messages_is_undeliverable(twilio: Twilio, number: str, code: str) -> None:
    outcome = send(twilio, text(to=number))
    assert isinstance(outcome, Rejected)
    assert outcome.undeliverable
    assert outcome.code == code
    assert outcome.reason.startswith("Twilio: ")


def test_an_account_that_may_not_write_there_has_failed(twilio: Twilio) -> None:
    outcome = send(twilio, text(to=NO_REGION))
    assert isinstance(outcome, Rejected)
    assert not outcome.undeliverable
    assert outcome.code == "refused"
    assert "Permission to send" in outcome.reason


def test_a_wrong_token_is_tried_again_and_named(twilio: Twilio) -> None:
    outcome = send(twilio, text(), token=Secret("another-token"))
    assert isinstance(outcome, Retry)
    assert outcome.after is None
    assert "login" in outcome.reason


@pytest.mark.parametrize("status", ["500", "gateway"])
def test_what_twilio_itself_broke_is_perhaps_sent(twilio: Twilio, status: str) -> None:
    twilio.mishaps.append(status)
    assert isinstance(send(twilio, text()), Uncertain)


def test_a_service_that_says_it_is_closed_is_tried_again(twilio: Twilio) -> None:
    twilio.mishaps.append("503")
    outcome = send(twilio, text())
    assert isinstance(outcome, Retry)
    assert not outcome.sent_maybe


@pytest.mark.parametrize(("words", "code"), [("x" * 1601, "too_long"), (" \n", "no_text")])
def test_a_text_that_twilio_would_refuse_is_not_sent(twilio: Twilio, words: str, code: str) -> None:
    outcome = send(twilio, text(words))
    assert isinstance(outcome, Rejected)
    assert outcome.code == code
    assert twilio.got == []


# -- after a crash ---------------------------------------------------------------------------------------------------


def tried(one: Delivery, at: int = NOW) -> Delivery:
    return replace(one, tried_at=at)


def test_a_message_with_the_same_text_since_the_try_is_ours(twilio: Twilio) -> None:
    send(twilio, text())
    found = made(twilio).ask(tried(text()))
    assert isinstance(found, Delivered)
    assert found.answer["sid"] == "SM" + "0" * 32


def test_a_message_from_before_the_try_is_not_ours(twilio: Twilio) -> None:
    twilio.created = NOW - 10 * MINUTE
    send(twilio, text())
    assert made(twilio, lent={"now": lambda: NOW + 5 * MINUTE}).ask(tried(text())) is None


def test_another_text_to_the_same_number_leaves_it_to_a_person(twilio: Twilio) -> None:
    send(twilio, text("Your order is on its way."))
    assert isinstance(made(twilio, lent={"now": lambda: NOW + 5 * MINUTE}).ask(tried(text())), Unaskable)


def test_a_list_that_is_empty_too_soon_says_nothing(twilio: Twilio) -> None:
    assert isinstance(made(twilio, lent={"now": lambda: NOW + 59_000}).ask(tried(text())), Unaskable)
    assert made(twilio, lent={"now": lambda: NOW + 60_000}).ask(tried(text())) is None


@pytest.mark.parametrize("mishap", ["500", "401", "cut", "half"])
def test_a_list_that_cannot_be_read_says_nothing(twilio: Twilio, mishap: str) -> None:
    send(twilio, text())
    twilio.mishaps.append(mishap)
    assert isinstance(made(twilio).ask(tried(text())), Unaskable)


# -- calls -----------------------------------------------------------------------------------------------------------


def test_a_call_reads_the_text_as_loud_and_fast_as_told(twilio: Twilio) -> None:
    say = {"text": "Tom & Anna <3", "voice": "Polly.Ewa", "language": "pl-PL", "volume": 50, "speed": 0.85}
    outcome = send(twilio, call({"say": say}), name="call")
    assert isinstance(outcome, Delivered)
    assert outcome.answer["call"] == outcome.answer["sid"]
    spoken = ET.fromstring(twilio.calls[0]["twiml"]).find("Say")
    assert spoken is not None
    assert spoken.attrib == {"voice": "Polly.Ewa", "language": "pl-PL"}
    (prosody,) = spoken
    assert (prosody.tag, prosody.text) == ("prosody", "Tom & Anna <3")
    assert prosody.attrib == {"volume": "-6.0dB", "rate": "85%"}


@pytest.mark.parametrize(
    ("say", "attributes"),
    [
        ({"volume": 100}, {"volume": "+0.0dB"}),
        ({"volume": 0}, {"volume": "silent"}),
        ({"speed": 4}, {"rate": "200%"}),
        ({"speed": 0.1}, {"rate": "20%"}),
    ],
)
def test_volume_and_speed_stay_within_what_voices_know(twilio: Twilio, say: dict[str, Any], attributes: Any) -> None:
    send(twilio, call({"say": {"text": "x", "voice": "Polly.Amy", **say}}))
    prosody = ET.fromstring(twilio.calls[0]["twiml"]).find("Say/prosody")
    assert prosody is not None
    assert prosody.attrib == attributes


def test_a_text_with_markup_stays_a_text(twilio: Twilio) -> None:
    send(twilio, call({"say": {"text": "</Say><Dial>+48900</Dial>\x00\x0b", "voice": '"><Dial/>'}}))
    (response,) = twilio.calls
    document = ET.fromstring(response["twiml"])
    assert [one.tag for one in document.iter()] == ["Response", "Say"]
    assert document.findtext("Say") == "</Say><Dial>+48900</Dial>"


def test_a_recording_is_played(twilio: Twilio) -> None:
    send(twilio, call({"play": "https://acme.test/a.mp3?x=1&y=2"}))
    assert ET.fromstring(twilio.calls[0]["twiml"]).findtext("Play") == "https://acme.test/a.mp3?x=1&y=2"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"say": {"text": "x" * 4000}}, "too_long"),
        ({"say": {"text": "x", "voice": "alice", "speed": 2}}, "bad_voice"),
        ({}, "no_text"),
        ({"say": {"text": "x"}, "from": "Acme"}, "no_sender"),
    ],
)
def test_a_call_that_cannot_be_made_is_undeliverable(twilio: Twilio, message: dict[str, Any], code: str) -> None:
    outcome = send(twilio, call(message))
    assert isinstance(outcome, Rejected)
    assert outcome.undeliverable
    assert outcome.code == code
    assert twilio.got == []


def test_the_rules_own_number_comes_before_the_channels(twilio: Twilio) -> None:
    assert isinstance(send(twilio, call({"say": {"text": "x"}, "from": OWN}), **{"from": "+48111111111"}), Delivered)


def test_a_public_listener_is_told_how_the_call_ended(twilio: Twilio) -> None:
    send(twilio, call({"say": {"text": "x"}}, key="a/b"), name="call", lent={"base_url": "https://acme.test/"})
    assert twilio.calls[0]["form"]["StatusCallback"] == "https://acme.test/twilio/call/status?key=a%2Fb"
    assert status_url("https://acme.test", "call", "k") == "https://acme.test/twilio/call/status?key=k"


def test_a_public_listener_is_told_whether_a_text_message_arrived(twilio: Twilio) -> None:
    send(twilio, delivery("sms", {"text": "Hi"}, "a/b", TO), name="sms", lent={"base_url": "https://acme.test/"})
    assert twilio.got[0].form["StatusCallback"] == "https://acme.test/twilio/sms/message-status?key=a%2Fb"
    send(twilio, delivery("sms", {"text": "Hi"}, "k", TO))
    assert "StatusCallback" not in twilio.got[1].form


@pytest.mark.parametrize(
    "options",
    [{}, {"lent": {"base_url": "https://acme.test"}, "token": None, "key": "SK1", "secret": Secret(TOKEN)}],
)
def test_where_nobody_listens_or_can_check_it_nobody_is_told(twilio: Twilio, options: dict[str, Any]) -> None:
    send(twilio, call({"say": {"text": "x"}}), **options)
    assert "StatusCallback" not in twilio.calls[0]["form"]


def test_of_a_call_it_can_be_told_only_that_there_was_none(twilio: Twilio) -> None:
    one, later = call({"say": {"text": "x"}}), {"now": lambda: NOW + 5 * MINUTE}
    assert made(twilio, lent=later).ask(tried(one)) is None
    assert isinstance(made(twilio).ask(tried(one)), Unaskable)  # the list may not be up to date yet
    send(twilio, call({"say": {"text": "y"}}, key="k2"))
    assert isinstance(made(twilio, lent=later).ask(tried(one)), Unaskable)  # perhaps it was that one


# -- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"from": None},
        {"account": "ACxyz"},
        {"from": "a word much too long"},
        {"messaging_service": "service"},
        {"country": "Poland"},
        {"token": None},
        {"key": "SK1"},
        {"secret": Secret("x")},
    ],
)
def test_a_channel_that_can_never_send_is_told_at_once(twilio: Twilio, options: dict[str, Any]) -> None:
    with pytest.raises(ChannelError, match="channel `sms`"):
        made(twilio, **options)


def test_a_page_of_somebody_on_the_way_is_no_success(twilio: Twilio) -> None:
    twilio.mishaps.append("200")
    assert isinstance(send(twilio, text()), Uncertain)
