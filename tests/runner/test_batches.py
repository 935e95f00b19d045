"""Channels that take several deliveries at once, as the post office works with them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest

from stageauto.channels.base import ChannelType, Delivered, Outcome, Points, Rejected, Retry
from stageauto.engine.model import Channel, Workspace
from stageauto.engine.state import Delivery
from stageauto.engine.templates import Templates
from stageauto.runner.clock import SystemClock
from stageauto.runner.deliver import Answer, Mark, PostOffice, unfit
from stageauto.testing import make_delivery
from tests.channels.support import context
from tests.runner.support import TOO_LONG

UTC = ZoneInfo("UTC")


class Bulk(ChannelType):
    """Sends what it is given when the test says so."""

    type: ClassVar[str] = "bulk"
    kinds: ClassVar[tuple[str, ...]] = ("audience",)
    options: ClassVar[Any] = None
    on_unknown: ClassVar[str] = "resend"
    batch: ClassVar[int] = 5
    does: ClassVar[Callable[[Sequence[Delivery], Points], Sequence[Outcome]]]

    def send_many(self, deliveries: Sequence[Delivery], points: Points) -> Sequence[Outcome]:
        return type(self).does(deliveries, points)


class Office(PostOffice):
    """Whose channels are all `bulk`."""

    def _make(self, channel: Channel) -> ChannelType:
        return Bulk(channel, context(self._root))


@pytest.fixture
def office(tmp_path: Path) -> PostOffice:
    channel = Channel("ads", "bulk", "audience", on_unknown="resend", rate=(100, 60_000))
    workspace = Workspace("UTC", UTC, Templates(zone=UTC), channels={"ads": channel})
    return Office(workspace, tmp_path, SystemClock(), threading.Event())


def going(count: int) -> list[Delivery]:
    return [
        Delivery(f"d{one}", "i", "r", "rule", "work", "add_to_audience", "ads", "audience", "x", f"k{one}", {})
        for one in range(count)
    ]


def answers(office: PostOffice, count: int, refused: Sequence[str] = ()) -> dict[str, Outcome]:
    """Answers marks as the deciding thread does, until so many deliveries have their outcome."""
    found: dict[str, Outcome] = {}
    waiting = threading.Event()
    for _ in range(int(TOO_LONG / 0.005)):
        for letter in office.letters():
            if isinstance(letter, Mark):
                letter.refused = letter.delivery_id in refused
                letter.done.set()
            elif isinstance(letter, Answer):
                found[letter.delivery_id] = letter.outcome
        if len(found) == count:
            return found
        waiting.wait(0.005)
    raise AssertionError(found)


def test_a_batch_goes_to_one_worker_and_each_has_its_own_answer(office: PostOffice) -> None:
    seen: list[int] = []

    def does(deliveries: Sequence[Delivery], points: Points) -> Sequence[Outcome]:
        seen.append(len(points(deliveries)))
        return [Delivered(), Rejected("no", "refused"), Retry("later")]

    Bulk.does = does
    office.send_all(going(3))
    found = answers(office, 3)
    assert [type(found[f"d{one}"]) for one in range(3)] == [Delivered, Rejected, Retry]
    assert seen == [3]
    assert office.in_flight == 0


def test_one_batch_goes_at_a_time(office: PostOffice) -> None:
    gate = threading.Event()

    def does(deliveries: Sequence[Delivery], _: Points) -> Sequence[Outcome]:
        gate.wait(TOO_LONG)
        return [Delivered()] * len(deliveries)

    Bulk.does = does
    assert office.room("ads") == 5
    office.send_all(going(2))
    assert office.room("ads") == 0
    assert office.in_flight == 2
    gate.set()
    answers(office, 2)
    assert office.room("ads") == 5


def test_those_called_off_are_told_to_the_channel(office: PostOffice) -> None:
    def does(deliveries: Sequence[Delivery], points: Points) -> Sequence[Outcome]:
        allowed = {one.id for one in points(deliveries)}
        return [Delivered() if one.id in allowed else Retry("called off") for one in deliveries]

    Bulk.does = does
    office.send_all(going(3))
    found = answers(office, 3, refused=["d1"])
    assert [type(found[f"d{one}"]) for one in range(3)] == [Delivered, Retry, Delivered]


def test_a_channel_that_breaks_tells_who_was_perhaps_sent(office: PostOffice) -> None:
    def does(deliveries: Sequence[Delivery], points: Points) -> Sequence[Outcome]:
        points(deliveries[:1])
        raise ZeroDivisionError

    Bulk.does = does
    office.send_all(going(2))
    found = answers(office, 2)
    assert isinstance(found["d0"], Retry)
    assert found["d0"].sent_maybe
    assert isinstance(found["d1"], Rejected)
    assert found["d1"].code == "channel_broke"


def test_a_channel_that_forgets_somebody_has_broken(office: PostOffice) -> None:
    Bulk.does = lambda _, __: [Delivered()]
    office.send_all(going(2))
    assert {type(one) for one in answers(office, 2).values()} == {Rejected}


def test_nothing_passes_the_point_after_the_end(office: PostOffice) -> None:
    gate = threading.Event()

    def does(deliveries: Sequence[Delivery], points: Points) -> Sequence[Outcome]:
        gate.wait(TOO_LONG)
        points(deliveries)
        raise AssertionError("it went on")

    Bulk.does = does
    office.send_all(going(2))
    office.close()
    gate.set()
    assert all(isinstance(one, Retry) and not one.sent_maybe for one in answers(office, 2).values())


def test_a_message_of_a_kind_that_the_channel_does_not_take_is_none_for_it(tmp_path: Path) -> None:
    one = make_delivery("sms", {"text": "Dear Ewa"})
    found = unfit(Bulk(Channel("ads", "bulk", "audience"), context(tmp_path)), one)
    assert found is not None
    assert (found.code, found.undeliverable) == ("wrong_kind", True)
    assert "takes audience, no sms" in found.reason
