"""What every channel owes, whatever it talks to: the tests of a channel derive a class from these and bring a `rig`."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from stageauto.channels.base import ChannelType, Delivered, Rejected, Retry, Unaskable, Uncertain
from stageauto.engine.options import options_of, schema_of
from stageauto.engine.state import Delivery
from stageauto.testing.making import nothing


class Rig(ABC):
    """A channel with a service behind it that can say what it got."""

    @abstractmethod
    def channel(self) -> ChannelType:
        """A new channel to the service."""

    @abstractmethod
    def delivery(self, key: str) -> Delivery:
        """Something that the service takes."""

    @abstractmethod
    def arrived(self) -> list[str]:
        """The keys that the service has accepted, in order of arrival, doubles too."""

    @abstractmethod
    def broken(self) -> Delivery:
        """Something that can never be sent, to be found out before the service is asked."""


class StopError(Exception):
    """The marker could not be committed."""


class ChannelConformance:
    """The tests; `rig` is a fixture of the subclass."""

    def test_it_says_what_it_is_and_takes(self, rig: Rig) -> None:
        kind = type(rig.channel())
        assert kind.type
        assert kind.kinds
        assert kind.on_unknown in {"hold", "resend"}
        assert set(schema_of(kind.options)["properties"]) == set(options_of(kind.options))
        assert kind.__doc__

    def test_what_it_sends_arrives_once_with_its_key(self, rig: Rig) -> None:
        one = rig.channel()
        outcome = one.send(rig.delivery("k-1"), nothing)
        one.close()
        assert isinstance(outcome, Delivered), outcome
        assert rig.arrived() == ["k-1"], rig.arrived()

    def test_the_point_comes_once_and_before_the_service_has_it(self, rig: Rig) -> None:
        seen: list[list[str]] = []
        one = rig.channel()
        for key in ("k-1", "k-2"):
            one.send(rig.delivery(key), lambda: seen.append(rig.arrived()))
        one.close()
        assert seen == [[], ["k-1"]], f"when `point` was called, the service had {seen}"

    def test_nothing_is_sent_when_the_point_cannot_be_marked(self, rig: Rig) -> None:
        def fail() -> None:
            raise StopError

        one = rig.channel()
        assert _raised(lambda: one.send(rig.delivery("k-1"), fail)), "`send` swallowed what `point` raised"
        outcome = one.send(rig.delivery("k-2"), nothing)
        one.close()
        assert isinstance(outcome, Delivered), outcome
        assert rig.arrived() == ["k-2"], rig.arrived()

    def test_the_key_is_the_same_at_a_second_try(self, rig: Rig) -> None:
        one = rig.channel()
        for _ in range(2):
            assert isinstance(one.send(rig.delivery("k-1"), nothing), Delivered)
        one.close()
        assert set(rig.arrived()) == {"k-1"}, rig.arrived()

    def test_what_cannot_be_sent_is_told_before_the_point(self, rig: Rig) -> None:
        passed = threading.Event()
        one = rig.channel()
        outcome = one.send(rig.broken(), passed.set)
        one.close()
        assert isinstance(outcome, Rejected), outcome
        assert outcome.undeliverable, outcome
        assert outcome.code, outcome
        assert outcome.reason, outcome
        assert not passed.is_set(), "`point` was called"
        assert rig.arrived() == [], rig.arrived()

    def test_several_threads_may_send_at_once(self, rig: Rig) -> None:
        one = rig.channel()
        keys = [f"k-{number}" for number in range(12)]
        with ThreadPoolExecutor(4) as pool:
            outcomes = list(pool.map(lambda key: one.send(rig.delivery(key), nothing), keys))
        one.close()
        assert all(isinstance(outcome, Delivered) for outcome in outcomes), outcomes
        assert sorted(rig.arrived()) == sorted(keys), rig.arrived()

    def test_it_answers_when_asked_after_a_crash(self, rig: Rig) -> None:
        one = rig.channel()
        before = one.ask(rig.delivery("k-1"))
        one.send(rig.delivery("k-1"), nothing)
        after = one.ask(rig.delivery("k-1"))
        one.close()
        # Some can tell only what they have, others only what they have not; none may deny what they have.
        assert before is None or isinstance(before, Unaskable), f"before it was sent, `ask` gave {before}"
        assert isinstance(after, Unaskable | Delivered), f"after it was sent, `ask` gave {after}"

    def test_it_can_be_closed_twice(self, rig: Rig) -> None:
        one = rig.channel()
        one.send(rig.delivery("k-1"), nothing)
        one.close()
        one.close()

    def test_perhaps_sent_is_what_the_channel_is_told_to_make_of_it(self, rig: Rig) -> None:
        one = rig.channel()
        outcome = one.perhaps("it broke")
        assert isinstance(outcome, Retry if one.channel.on_unknown == "resend" else Uncertain), outcome


def _raised(send: Callable[[], object]) -> bool:
    try:
        send()
    except StopError:
        return True
    return False
