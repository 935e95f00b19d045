"""The channel `lox24` against a stand-in that checks what LOX24 checks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stageauto.channels.base import ChannelError, ChannelType, Delivered, Outcome, Rejected, Retry, Unaskable, Uncertain
from stageauto.channels.lox24 import Lox24Channel
from stageauto.engine.state import Delivery
from stageauto.testing import ProviderConformance, ProviderRig
from tests.channels.providers.lox24 import TOKEN, Lox24
from tests.channels.support import NOW, Clock, Secret, channel, context, delivery, nothing


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lox24(clock: Clock) -> Iterator[Lox24]:
    made = Lox24(clock)
    yield made
    made.close()


def made(lox24: Lox24, clock: Clock | None = None, **options: Any) -> Lox24Channel:
    said = {"token": Secret(TOKEN), "from": "Acme", "url": lox24.url, **options}
    return Lox24Channel(
        channel("lox24", "sms", **said), context(Path(), allow_private=("127.0.0.1",), now=clock or Clock())
    )


def text(words: str = "Your order is on its way", to: str = "+49 151 23456789", key: str = "k1") -> Delivery:
    return delivery("sms", {"to": to, "text": words}, key, to)


def send(lox24: Lox24, one: Delivery, **options: Any) -> Outcome:
    return made(lox24, **options).send(one, nothing)


class Lox24Rig(ProviderRig):
    secret = TOKEN

    def __init__(self, lox24: Lox24) -> None:
        self.lox24 = lox24
        self.clock = Clock()

    def misbehave(self, mishap: str) -> None:
        self.clock.now += 3_600_000  # a pause from before is over
        self.lox24.mishaps.append(mishap)

    def channel_with(
        self,
        *,
        timeout: float = 10.0,
        secret: str | None = None,
        on_unknown: str | None = None,
        url: str | None = None,
        allow_private: tuple[str, ...] = ("127.0.0.1",),
    ) -> ChannelType:
        token = f"1:{secret}" if secret else TOKEN
        said = {"token": Secret(token), "from": "Acme", "url": url or self.lox24.url}
        set_up = channel("lox24", "sms", on_unknown=on_unknown or "hold", **said)
        return Lox24Channel(set_up, context(Path(), timeout=timeout, allow_private=allow_private, now=self.clock))

    def delivery(self, key: str) -> Delivery:
        return text(key=key)

    def arrived(self) -> list[str]:
        return [one["callback_data"] for one in reversed(self.lox24.messages)]

    def broken(self) -> Delivery:
        return text(to="12")


class TestConformance(ProviderConformance):
    @pytest.fixture
    def rig(self, lox24: Lox24) -> ProviderRig:
        return Lox24Rig(lox24)


def test_a_message_is_taken_whole(lox24: Lox24) -> None:
    outcome = send(lox24, text("Your parcel: 3 kg"), forget_text=True, service="economy")
    assert isinstance(outcome, Delivered)
    assert outcome.answer["uuid"] == "20f39273-0566-11ea-a637-000000000001"
    assert lox24.got[0].json == {
        "sender_id": "Acme",
        "phone": "+4915123456789",
        "text": "Your parcel: 3 kg",
        "service_code": "economy",
        "is_unicode": False,
        "is_text_deleted": True,
        "callback_data": "k1",
    }


def test_letters_that_the_alphabet_of_phones_lacks_make_it_unicode(lox24: Lox24) -> None:
    assert isinstance(send(lox24, text("Zażółć")), Delivered)
    assert lox24.messages[0]["is_unicode"] is True


@pytest.mark.parametrize("words", ["x" * 1531, "ż" * 671])
def test_a_text_that_is_too_long_for_its_alphabet_is_not_sent(lox24: Lox24, words: str) -> None:
    outcome = send(lox24, text(words))
    assert isinstance(outcome, Rejected)
    assert outcome.code == "too_long"
    assert lox24.got == []


def test_a_number_that_lox24_refuses_is_undeliverable(lox24: Lox24) -> None:
    outcome = send(lox24, text(to="+48500000000"))
    assert isinstance(outcome, Rejected)
    assert outcome.undeliverable
    assert "not a valid phone number" in outcome.reason


def test_a_refused_login_stops_the_channel_before_the_address_is_locked_out(lox24: Lox24, clock: Clock) -> None:
    one = made(lox24, clock, token=Secret("1234567:wrong"))
    first = one.send(text(key="k-1"), nothing)
    assert isinstance(first, Retry)
    assert first.after is None
    for number in range(10):
        clock.now += 1_000
        later = one.send(text(key=f"k-{number}"), nothing)
        assert isinstance(later, Retry)
        assert later.after == 60_000 - (number + 1) * 1_000
        assert "`token`" in later.reason
    assert len(lox24.got) == 1
    for _ in range(30):
        clock.now += 60_000
        one.send(text(), nothing)
    assert lox24.locked_until == 0


def test_it_goes_on_when_the_pause_is_over(lox24: Lox24, clock: Clock) -> None:
    lox24.mishaps.append("401")
    one = made(lox24, clock)
    one.send(text(), nothing)
    clock.now += 60_000
    assert isinstance(one.send(text(), nothing), Delivered)


def test_a_locked_out_address_waits_ten_minutes(lox24: Lox24, clock: Clock) -> None:
    lox24.locked_until = clock.now + 1
    one = made(lox24, clock)
    outcome = one.send(text(), nothing)
    assert isinstance(outcome, Retry)
    assert outcome.after == 600_000
    clock.now += 1_000
    assert isinstance(one.ask(text()), Unaskable)
    assert len(lox24.got) == 1


def test_an_empty_account_is_tried_again_and_named(lox24: Lox24) -> None:
    lox24.mishaps.append("402")
    outcome = send(lox24, text())
    assert isinstance(outcome, Retry)
    assert "not enough money" in outcome.reason


def test_a_server_in_between_does_not_know_what_became_of_it(lox24: Lox24) -> None:
    lox24.mishaps.append("gateway")
    assert isinstance(send(lox24, text()), Uncertain)


@pytest.mark.parametrize("linked_data", [False, True])
def test_the_key_is_found_again_after_a_crash(lox24: Lox24, linked_data: bool) -> None:
    lox24.linked_data = linked_data
    one = made(lox24)
    assert one.ask(text()) is None
    one.send(text(), nothing)
    found = one.ask(text())
    assert isinstance(found, Delivered)
    assert found.answer["uuid"].endswith("1")
    assert one.ask(text(key="k2")) is None
    assert one.ask(text(key="k")) is None


def test_a_list_that_is_empty_too_soon_says_nothing(lox24: Lox24) -> None:
    young = Clock(NOW + 9_000)
    assert isinstance(made(lox24, young).ask(replace(text(), tried_at=NOW)), Unaskable)
    assert made(lox24, Clock(NOW + 10_000)).ask(replace(text(), tried_at=NOW)) is None


@pytest.mark.parametrize("mishap", ["500", "cut", "half", "404"])
def test_a_list_that_cannot_be_read_says_nothing(lox24: Lox24, mishap: str) -> None:
    lox24.mishaps.append(mishap)
    assert isinstance(made(lox24).ask(text()), Unaskable)


@pytest.mark.parametrize("options", [{"token": "key-alone"}, {"from": "much too long a word"}, {"country": "de"}])
def test_a_channel_that_can_never_send_is_told_at_once(lox24: Lox24, options: dict[str, Any]) -> None:
    with pytest.raises(ChannelError) as error:
        made(lox24, **options)
    assert "key-alone" not in str(error.value)


def test_a_page_of_somebody_on_the_way_is_no_success(lox24: Lox24) -> None:
    lox24.mishaps.append("200")
    assert isinstance(send(lox24, text()), Uncertain)
