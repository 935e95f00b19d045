"""The channel `facebook` against a stand-in that speaks the Marketing API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from stageauto.channels._audience import AudienceChannel
from stageauto.channels._audience_rules import FACEBOOK, email, hashed, phone
from stageauto.channels.base import ChannelError, Delivered, Rejected, Retry
from stageauto.channels.facebook import FacebookChannel
from stageauto.testing import ProviderConformance
from tests.channels.audiences import AudienceRig, Points, going, made, people, send
from tests.channels.providers.facebook import APP_SECRET, AUDIENCE, TOKEN, Facebook
from tests.channels.providers.stand_in import Reply

SPRING = {"channel": "ads", "list": AUDIENCE}


def mail_hash(address: str) -> str:
    return hashed(email(address, FACEBOOK), FACEBOOK)


def phone_hash(number: str, country: str = "") -> str:
    return hashed(phone(number, FACEBOOK, country), FACEBOOK)


class FacebookRig(AudienceRig):
    kind = FacebookChannel
    name = "facebook"
    secret = TOKEN
    audience = SPRING
    stand_in: Facebook

    def options(self, url: str, secret: str) -> dict[str, Any]:
        return {"token": secret, "base_url": url}

    def hashes(self) -> list[str]:
        return [value for _, row in self.stand_in.log for value in row]

    def hash_of(self, address: str) -> str:
        return mail_hash(address)


@pytest.fixture
def facebook() -> Iterator[Facebook]:
    stand_in = Facebook()
    yield stand_in
    stand_in.close()


def channel(stand_in: Facebook, **options: Any) -> AudienceChannel:
    said = {"token": TOKEN, "base_url": stand_in.url, **options}
    return made(FacebookChannel, "facebook", said, audiences={"spring": SPRING})


class TestConformance(ProviderConformance):
    @pytest.fixture
    def rig(self, facebook: Facebook) -> FacebookRig:
        return FacebookRig(facebook)


def test_all_addresses_of_a_customer_are_added_and_nothing_but_hashes_leaves(facebook: Facebook) -> None:
    one = going("k-1", emails=["Ewa@Home.test", "ewa@work.test"], phones=["+48 501 111 222"])
    (outcome,) = send(channel(facebook), [one])
    assert outcome == Delivered({"status": 200, "added": 2, "audience_id": AUDIENCE})
    assert facebook.members == {mail_hash("ewa@home.test"), mail_hash("ewa@work.test"), phone_hash("+48501111222")}
    (request,) = facebook.got
    for plain in (b"ewa", b"home.test", b"501", b"48501111222", b"%40"):
        assert plain not in request.body.lower()


def test_taking_out_is_a_delete_with_the_same_hashes(facebook: Facebook) -> None:
    one = channel(facebook)
    send(one, [going("k-1", emails=["ewa@home.test"])])
    (outcome,) = send(one, [going("k-2", emails=["EWA@home.test"], add=False)])
    assert outcome == Delivered({"status": 200, "removed": 1, "audience_id": AUDIENCE})
    assert facebook.members == set()
    assert [request.method for request in facebook.got] == ["POST", "DELETE"]


def test_a_number_without_a_country_code_belongs_to_the_channels_country(facebook: Facebook) -> None:
    one = going("k-1", phones=["501 111 222"])
    (without,) = send(channel(facebook), [one])
    assert isinstance(without, Rejected)
    assert "`country` of the channel" in without.reason
    (with_country,) = send(channel(facebook, country="pl"), [one])
    assert isinstance(with_country, Delivered)
    assert facebook.members == {phone_hash("+48501111222")}


def test_a_country_that_is_none_is_told_when_the_channel_is_made(facebook: Facebook) -> None:
    with pytest.raises(ChannelError, match="`Poland` is no country"):
        channel(facebook, country="Poland")


def test_two_hundred_customers_go_in_one_request(facebook: Facebook) -> None:
    outcomes = send(channel(facebook), people(200))
    assert all(isinstance(one, Delivered) for one in outcomes)
    assert len(facebook.got) == 1
    assert len(facebook.members) == 200


def test_a_session_is_never_used_twice(facebook: Facebook) -> None:
    one, ewa = channel(facebook), going("k-1", emails=["ewa@home.test"])
    for _ in range(3):
        assert isinstance(send(one, [ewa])[0], Delivered)
    assert len(facebook.sessions) == 3


def test_of_a_batch_only_those_are_refused_whom_meta_refuses(facebook: Facebook) -> None:
    batch = people(30)
    bad = {"k3", "k17", "k18"}
    facebook.bad = {mail_hash(f"{key}@home.test") for key in bad}
    outcomes = send(channel(facebook), batch)
    refused = {one.key for one, outcome in zip(batch, outcomes, strict=True) if isinstance(outcome, Rejected)}
    assert refused == bad
    assert sum(isinstance(one, Delivered) for one in outcomes) == 27
    assert len(facebook.members) == 27


def test_when_it_refuses_every_other_one_the_rest_is_tried_again_later(facebook: Facebook) -> None:
    facebook.bad = {mail_hash(f"k{number}@home.test") for number in range(0, 200, 2)}
    outcomes = send(channel(facebook), people(200))
    kinds = {type(one) for one in outcomes}
    assert Retry in kinds
    assert kinds <= {Retry, Rejected, Delivered}
    assert len(facebook.got) <= 41


def test_one_address_of_a_customer_that_is_refused_does_not_undo_the_others(facebook: Facebook) -> None:
    facebook.bad = {mail_hash("old@home.test")}
    (outcome,) = send(channel(facebook), [going("k-1", emails=["ewa@home.test", "old@home.test"])])
    assert outcome == Delivered({"status": 200, "added": 1, "refused": 1})


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (190, Retry), (463, Retry), (4, Retry), (17, Retry), (80003, Retry), (613, Retry), (1, Retry), (2, Retry),
        (100, Rejected), (200, Rejected), (294, Rejected), (2650, Rejected),
    ],
)  # fmt: skip
def test_errors_are_sorted_by_their_code(facebook: Facebook, code: int, kind: type) -> None:
    facebook.code = code
    (outcome,) = send(channel(facebook), people(1))
    assert isinstance(outcome, kind)
    assert not isinstance(outcome, Delivered)
    assert f"error {code}" in outcome.reason
    assert not isinstance(outcome, Retry) or not outcome.sent_maybe
    assert facebook.members == set()


def test_the_wait_that_the_account_has_used_up_its_calls_is_obeyed(facebook: Facebook) -> None:
    usage = {"123": [{"type": "custom_audience", "call_count": 100, "estimated_time_to_regain_access": 19}]}
    header = {"x-business-use-case-usage": json.dumps(usage)}
    refused = facebook.error(80003)
    facebook.answer = Reply(400, refused.body, header)
    (outcome,) = send(channel(facebook), people(1))
    assert isinstance(outcome, Retry)
    assert outcome.after == 19 * 60_000


def test_what_meta_says_to_people_is_the_reason(facebook: Facebook) -> None:
    words = "Resolve the restrictions in Audience Manager"
    facebook.answer = facebook.error(100, error_subcode=1713230, error_user_msg=words)
    (outcome,) = send(channel(facebook), people(1))
    assert isinstance(outcome, Rejected)
    assert "Resolve the restrictions" in outcome.reason


def test_an_app_that_asks_for_proof_gets_it() -> None:
    stand_in = Facebook(proof=True)
    (without,) = send(channel(stand_in), people(1))
    (with_proof,) = send(channel(stand_in, app_secret=APP_SECRET), people(1))
    stand_in.close()
    assert isinstance(without, Rejected)
    assert isinstance(with_proof, Delivered)


def test_who_is_called_off_at_the_last_moment_does_not_go(facebook: Facebook) -> None:
    batch = people(3)
    points = Points("k1")
    outcomes = send(channel(facebook), batch, points)
    assert [type(one) for one in outcomes] == [Delivered, Retry, Delivered]
    assert facebook.members == {mail_hash("k0@home.test"), mail_hash("k2@home.test")}
    assert points.passed == [["k0", "k2"], ["k0", "k2"]]


def test_when_all_are_called_off_nothing_is_asked(facebook: Facebook) -> None:
    outcomes = send(channel(facebook), people(2), Points("k0", "k1"))
    assert all(isinstance(one, Retry) for one in outcomes)
    assert facebook.members == set()
    assert facebook.log == []


def test_of_adding_and_taking_out_in_one_batch_the_later_counts(facebook: Facebook) -> None:
    first = going("k-1", emails=["ewa@home.test", "ewa@work.test"], at=1)
    later = going("k-2", emails=["ewa@home.test"], add=False, at=2)
    outcomes = send(channel(facebook), [later, first])
    assert all(isinstance(one, Delivered) for one in outcomes)
    assert facebook.members == {mail_hash("ewa@work.test")}
    again = going("k-3", emails=["ewa@home.test"], at=3)
    (overtaken, won) = send(channel(facebook), [later, again])
    assert overtaken == Delivered({"overtaken_by": again.id})
    assert isinstance(won, Delivered)
    assert mail_hash("ewa@home.test") in facebook.members


def test_an_audience_that_is_gone_is_told(facebook: Facebook) -> None:
    (outcome,) = send(channel(facebook), [going("k-1", emails=["ewa@home.test"], audience="autumn")])
    assert outcome == Rejected(
        "there is no audience `autumn` in stageauto.yaml", "unknown_audience", undeliverable=True
    )
