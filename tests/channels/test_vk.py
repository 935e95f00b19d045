"""The channel `vk` against a stand-in that speaks the API of VK Ads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stageauto.channels._audience import AudienceChannel
from stageauto.channels._audience_rules import Rules, email, hashed, phone
from stageauto.channels.base import ChannelError, Delivered, Rejected, Retry
from stageauto.channels.vk import VkChannel
from stageauto.testing import ProviderConformance
from tests.channels.audiences import AudienceRig, Points, going, made, people, send
from tests.channels.providers.vk import CLIENT, LISTS, Vk
from tests.channels.support import NOW, Clock

MD5 = Rules(digest="md5")
SPRING = {"channel": "ads", "emails": "700", "phones": "701"}
HOUR = 3_600_000


def mail_hash(address: str, rules: Rules = MD5) -> str:
    return hashed(email(address, rules), rules)


class VkRig(AudienceRig):
    kind = VkChannel
    name = "vk"
    secret = CLIENT["refresh_token"]
    audience = SPRING
    stand_in: Vk

    def options(self, url: str, secret: str) -> dict[str, Any]:
        return {**CLIENT, "refresh_token": secret, "base_url": url, "collect": 1}

    def misbehave(self, mishap: str) -> None:
        self.stand_in.mishaps += ["", mishap]  # the first request is for a token

    def hashes(self) -> list[str]:
        return [value for _, _, value in self.stand_in.log]

    def hash_of(self, address: str) -> str:
        return mail_hash(address)


@pytest.fixture
def vk() -> Iterator[Vk]:
    stand_in = Vk()
    yield stand_in
    stand_in.close()


def channel(
    stand_in: Vk, *, audience: dict[str, Any] = SPRING, clock: Clock | None = None, **options: Any
) -> AudienceChannel:
    said = {**CLIENT, "base_url": stand_in.url, **options}
    return made(VkChannel, "vk", said, audiences={"spring": audience}, now=clock or Clock())


class TestConformance(ProviderConformance):
    @pytest.fixture
    def rig(self) -> Iterator[VkRig]:
        stand_in = Vk(fewest=1)
        yield VkRig(stand_in)
        stand_in.close()


def test_twenty_five_customers_go_together(vk: Vk) -> None:
    outcomes = send(channel(vk), people(25))
    assert all(isinstance(one, Delivered) and one.answer["added"] == 25 for one in outcomes)
    assert vk.members[LISTS["emails"]] == {mail_hash(f"k{number}@home.test") for number in range(25)}
    upload = vk.got[-1]
    assert b"home.test" not in upload.body
    assert len(vk.got) == 2


def test_fewer_wait_for_the_full_hour_and_for_each_other(vk: Vk) -> None:
    clock = Clock(NOW + 600_000)
    outcomes = send(channel(vk, clock=clock), people(24))
    (first, *others) = outcomes
    assert isinstance(first, Retry)
    assert first.reason == "collected on the way to `spring`: 24 of 25"
    assert first.until is not None
    assert NOW + HOUR <= first.until < NOW + HOUR + 60_000
    assert set(others) == {first}
    assert all(request.path == "/api/v2/oauth2/token.json" for request in vk.got)
    clock.now += 1_800_000
    (latecomer,) = send(channel(vk, clock=clock), [going("late", emails=["late@home.test"])])
    assert isinstance(latecomer, Retry)
    assert latecomer.until == first.until


def test_the_same_address_counts_once(vk: Vk) -> None:
    batch = [*people(24), going("again", emails=["K3@home.test"])]
    assert all(isinstance(one, Retry) and one.until for one in send(channel(vk), batch))


def test_mails_and_phones_go_into_lists_of_their_own(vk: Vk) -> None:
    batch = [
        going(f"k{number}", emails=[f"k{number}@home.test"], phones=[f"+48 501 111 2{number}"])
        for number in range(10, 40)
    ]
    outcomes = send(channel(vk), batch)
    assert all(isinstance(one, Delivered) for one in outcomes)
    assert {len(members) for members in vk.members.values()} == {30}
    assert hashed(phone("+48 501 111 210", MD5), MD5) == hashed("48501111210", MD5)
    assert hashed("48501111210", MD5) in vk.members[LISTS["phones"]]


def test_those_of_whom_a_list_would_get_too_few_wait_alone(vk: Vk) -> None:
    batch = people(30)
    both = [
        going(f"b{number}", emails=[f"b{number}@home.test"], phones=[f"+48 501 111 2{number}"])
        for number in range(10, 14)
    ]
    outcomes = send(channel(vk), [*batch, *both])
    assert all(isinstance(one, Delivered) for one in outcomes[:30])
    assert all(isinstance(one, Retry) and one.until for one in outcomes[30:])
    assert vk.members[LISTS["phones"]] == set()


def test_taking_out_names_the_list_with_a_minus(vk: Vk) -> None:
    one = channel(vk)
    send(one, people(30))
    batch = [going(f"x{number}", emails=[f"k{number}@home.test"], add=False) for number in range(25)]
    outcomes = send(one, batch)
    assert all(isinstance(outcome, Delivered) and outcome.answer["removed"] == 25 for outcome in outcomes)
    assert len(vk.members[LISTS["emails"]]) == 5


def test_a_list_that_the_audience_does_not_have_gets_nothing(vk: Vk) -> None:
    (outcome,) = send(
        channel(vk, audience={"channel": "ads", "emails": "700"}), [going("k-1", phones=["+48 501 111 222"])]
    )
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.undeliverable) == ("no_list", True)


def test_when_the_second_list_refuses_those_in_it_have_failed(vk: Vk) -> None:
    vk.refused_type = "phones"
    batch = [
        going(f"b{number}", emails=[f"b{number}@home.test"], phones=[f"+48 501 111 2{number}"])
        for number in range(10, 40)
    ]
    outcomes = send(channel(vk), [*batch, *people(25)])
    assert all(isinstance(one, Rejected) and "validation_failed" in one.reason for one in outcomes[:30])
    assert all(isinstance(one, Delivered) for one in outcomes[30:])


def test_when_the_first_list_refuses_the_second_is_not_asked(vk: Vk) -> None:
    vk.refused_type = "emails"
    batch = [
        going(f"b{number}", emails=[f"b{number}@home.test"], phones=[f"+48 501 111 2{number}"])
        for number in range(10, 40)
    ]
    outcomes = send(channel(vk), batch)
    assert all(isinstance(one, Rejected) for one in outcomes)
    assert vk.log == []


def test_the_lists_may_be_of_sha256() -> None:
    stand_in = Vk(digits=64)
    outcomes = send(channel(stand_in, hash="sha256"), people(25))
    stand_in.close()
    assert all(isinstance(one, Delivered) for one in outcomes)
    assert mail_hash("k1@home.test", Rules()) in stand_in.members[LISTS["emails"]]


def test_a_token_that_counts_no_longer_is_made_anew(vk: Vk) -> None:
    one = channel(vk)
    send(one, people(25))
    vk.made += 1
    assert all(isinstance(outcome, Retry) and outcome.until is None for outcome in send(one, people(25)))
    assert all(isinstance(outcome, Delivered) for outcome in send(one, people(25)))


def test_who_is_called_off_at_the_last_moment_does_not_go(vk: Vk) -> None:
    outcomes = send(channel(vk), people(26), Points("k1"))
    assert isinstance(outcomes[1], Retry)
    assert all(isinstance(one, Delivered) for number, one in enumerate(outcomes) if number != 1)
    assert mail_hash("k1@home.test") not in vk.members[LISTS["emails"]]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hash": "crc32"}, "`hash`"),
        ({"collect_every": "soon"}, "duration"),
        ({"collect_every": "1d"}, "minutes or hours"),
    ],
)
def test_a_channel_that_can_never_send_is_told_when_it_is_made(vk: Vk, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ChannelError, match=words):
        channel(vk, **options)
