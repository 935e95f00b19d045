"""The channel `yandex` against a stand-in that speaks the API of Yandex Audience."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stageauto.channels._audience import AudienceChannel
from stageauto.channels._audience_rules import YANDEX, email, hashed
from stageauto.channels.base import ChannelError, Delivered, Rejected, Retry
from stageauto.channels.yandex import YandexChannel
from stageauto.testing import ProviderConformance
from tests.channels.audiences import AudienceRig, Points, going, made, people, send
from tests.channels.providers.yandex import SEGMENT, TOKEN, Yandex
from tests.channels.support import NOW, Clock

SPRING = {"channel": "ads", "list": str(SEGMENT)}


def mail_hash(address: str) -> str:
    return hashed(email(address, YANDEX), YANDEX)


class YandexRig(AudienceRig):
    kind = YandexChannel
    name = "yandex"
    secret = TOKEN
    audience = SPRING
    stand_in: Yandex

    def options(self, url: str, secret: str) -> dict[str, Any]:
        return {"token": secret, "base_url": url, "collect": 1}

    def hashes(self) -> list[str]:
        return [row.strip(",") for _, row in self.stand_in.log]

    def hash_of(self, address: str) -> str:
        return mail_hash(address)


@pytest.fixture
def yandex() -> Iterator[Yandex]:
    stand_in = Yandex()
    yield stand_in
    stand_in.close()


def channel(stand_in: Yandex, *, clock: Clock | None = None, **options: Any) -> AudienceChannel:
    said = {"token": TOKEN, "base_url": stand_in.url, **options}
    return made(YandexChannel, "yandex", said, audiences={"spring": SPRING}, now=clock or Clock())


class TestConformance(ProviderConformance):
    @pytest.fixture
    def rig(self) -> Iterator[YandexRig]:
        stand_in = Yandex(fewest=1)
        yield YandexRig(stand_in)
        stand_in.close()


def test_a_hundred_customers_go_together(yandex: Yandex) -> None:
    outcomes = send(channel(yandex), people(100))
    assert outcomes[0] == Delivered({"status": 200, "added": 100, "segment": SEGMENT})
    assert all(one == outcomes[0] for one in outcomes)
    (request,) = yandex.got
    assert request.query == {"modification_type": "addition"}
    assert b"home.test" not in request.body
    assert f",{mail_hash('k7@home.test')}" in yandex.rows


def test_fewer_wait_where_the_segment_is_small(yandex: Yandex) -> None:
    outcomes = send(channel(yandex), people(37))
    assert all(isinstance(one, Retry) for one in outcomes)
    (first, *_) = outcomes
    assert isinstance(first, Retry)
    assert first.reason == "collected on the way to `spring`: 37 of 100"
    assert first.until is not None
    assert first.until > NOW
    assert [request.method for request in yandex.got] == ["GET"]


def test_fewer_go_at_once_where_the_segment_has_a_hundred() -> None:
    stand_in = Yandex(size=100)
    one = going("k-1", emails=["ewa@home.test"], phones=["+7 999 555-11-11"])
    (outcome,) = send(channel(stand_in), [one])
    stand_in.close()
    assert outcome == Delivered({"status": 200, "added": 1, "segment": SEGMENT})
    assert stand_in.rows == {f"{hashed('79995551111', YANDEX)},{mail_hash('ewa@home.test')}"}
    assert stand_in.got[-1].query == {"modification_type": "addition", "check_size": "false"}


def test_taking_out_is_a_subtraction(yandex: Yandex) -> None:
    one = channel(yandex)
    send(one, people(150))
    batch = [going(f"x{number}", emails=[f"k{number}@home.test"], add=False) for number in range(100)]
    outcomes = send(one, batch)
    assert all(isinstance(outcome, Delivered) and outcome.answer["removed"] == 100 for outcome in outcomes)
    assert len(yandex.rows) == 50


@pytest.mark.parametrize("columns", ["email,phone", "email", "phone"])
def test_the_file_has_the_columns_of_the_segments_own(columns: str) -> None:
    stand_in = Yandex(columns=columns)
    batch = [going(f"k{one}", emails=[f"k{one}@home.test"], phones=[f"+7 999 555 1{one}"]) for one in range(100, 200)]
    outcomes = send(channel(stand_in, columns=columns), batch)
    stand_in.close()
    assert all(isinstance(one, Delivered) for one in outcomes)
    assert len(stand_in.rows) == 100


def test_what_has_no_column_is_undeliverable(yandex: Yandex) -> None:
    (outcome,) = send(channel(yandex, columns="email"), [going("k-1", phones=["+7 999 555-11-11"])])
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.undeliverable) == ("no_column", True)
    assert yandex.got == []


def test_the_same_file_again_is_done(yandex: Yandex) -> None:
    one = channel(yandex)
    send(one, people(100))
    outcomes = send(one, people(100))
    assert all(outcome == Delivered({"status": 400, "added": 100, "again": True}) for outcome in outcomes)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("conflict", Retry), ("backend_error", Retry), ("unauthorized", Retry), ("invalid_token", Retry),
     ("header_validation_error", Rejected), ("access_denied", Rejected)],
)  # fmt: skip
def test_errors_are_sorted_by_their_type(yandex: Yandex, kind: str, expected: type) -> None:
    yandex.error_type = kind
    outcome = send(channel(yandex), people(100))[0]
    assert isinstance(outcome, expected)
    assert not isinstance(outcome, Delivered)
    assert kind in outcome.reason


def test_a_segment_that_is_not_there_is_told(yandex: Yandex) -> None:
    one = made(
        YandexChannel, "yandex", {"token": TOKEN, "base_url": yandex.url},
        audiences={"spring": {"channel": "ads", "list": "7"}},
    )  # fmt: skip
    outcome = send(one, people(100))[0]
    assert isinstance(outcome, Rejected)
    assert "not_found" in outcome.reason


def test_a_token_that_is_no_longer_valid_is_waited_for(yandex: Yandex) -> None:
    one = made(YandexChannel, "yandex", {"token": "old", "base_url": yandex.url}, audiences={"spring": SPRING})
    for count in (1, 100):
        outcome = send(one, people(count))[0]
        assert isinstance(outcome, Retry)
        assert outcome.until is None
        assert "renewed" in outcome.reason


def test_who_is_called_off_at_the_last_moment_does_not_go(yandex: Yandex) -> None:
    outcomes = send(channel(yandex), people(101), Points("k1"))
    assert isinstance(outcomes[1], Retry)
    assert len(yandex.rows) == 100


def test_columns_that_no_segment_has_are_told_when_the_channel_is_made(yandex: Yandex) -> None:
    with pytest.raises(ChannelError, match="`columns`"):
        channel(yandex, columns="name,email")
