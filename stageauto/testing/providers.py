"""What a channel owes that speaks a provider's HTTP API, tried against a stand-in that can be told to misbehave."""

from __future__ import annotations

import socket
import threading
from abc import abstractmethod

from stageauto.channels.base import ChannelType, Delivered, Outcome, Rejected, Retry, Uncertain
from stageauto.testing.channels import ChannelConformance, Rig
from stageauto.testing.making import nothing


class ProviderRig(Rig):
    """A channel to a provider's stand-in, which can be told to misbehave."""

    secret: str
    """The secret that the channel logs in with: it may never be seen."""

    @abstractmethod
    def misbehave(self, mishap: str) -> None:
        """The next request is mishandled.

        Refused: "400", "401", "429" with Retry-After: 7, "500", "307" (led to another address). Taken, but "silent":
        never answered; "half": with half a body; "cut": with half a status line.
        """

    @abstractmethod
    def channel_with(
        self, *, timeout: float = 10.0, secret: str | None = None, on_unknown: str | None = None,
        url: str | None = None, allow_private: tuple[str, ...] = ("127.0.0.1",),
    ) -> ChannelType:  # fmt: skip
        """A new channel, where `url` replaces the stand-in's own."""

    def channel(self) -> ChannelType:
        return self.channel_with()


class ProviderConformance(ChannelConformance):
    """What a channel that speaks a provider's HTTP API owes beside the rest; `rig` gives a ProviderRig."""

    def test_a_refused_request_is_final_and_has_the_providers_words(self, rig: ProviderRig) -> None:
        rig.misbehave("400")
        outcome = self._sent(rig.channel(), rig)
        assert isinstance(outcome, Rejected), outcome
        assert outcome.code
        assert outcome.reason
        assert rig.arrived() == [], rig.arrived()

    def test_a_wrong_secret_is_told_and_never_shown(self, rig: ProviderRig) -> None:
        one = rig.channel_with(secret="wr0ng-s3cret")
        outcome = self._sent(one, rig)
        assert isinstance(outcome, Rejected | Retry), outcome
        assert rig.arrived() == [], rig.arrived()
        shown = f"{outcome!r} {one!r}"
        assert "wr0ng-s3cret" not in shown

    def test_its_secret_is_in_no_outcome_and_no_repr(self, rig: ProviderRig) -> None:
        one = rig.channel()
        shown = [repr(one), str(vars(one))]
        for mishap in ("", "400", "401", "429", "500", "cut"):
            if mishap:
                rig.misbehave(mishap)
            shown.append(repr(one.send(rig.delivery(f"k-{mishap}"), nothing)))
        one.close()
        assert rig.secret
        assert rig.secret not in "".join(shown)

    def test_slow_down_is_obeyed_to_the_second(self, rig: ProviderRig) -> None:
        rig.misbehave("429")
        outcome = self._sent(rig.channel(), rig)
        assert isinstance(outcome, Retry), outcome
        assert outcome.after == 7_000
        assert not outcome.sent_maybe
        assert rig.arrived() == [], rig.arrived()

    def test_a_fault_of_the_provider_is_no_end(self, rig: ProviderRig) -> None:
        rig.misbehave("500")
        outcome = self._sent(rig.channel(), rig)
        assert isinstance(outcome, Retry | Uncertain), outcome

    def test_an_answer_that_never_comes_is_held(self, rig: ProviderRig) -> None:
        outcome = self._unanswered(rig, "hold")
        assert is_perhaps(outcome, "hold"), outcome

    def test_an_answer_that_never_comes_is_another_try_where_the_channel_says_so(self, rig: ProviderRig) -> None:
        outcome = self._unanswered(rig, "resend")
        assert is_perhaps(outcome, "resend"), outcome

    def test_a_status_line_that_breaks_off_is_held(self, rig: ProviderRig) -> None:
        rig.misbehave("cut")
        outcome = self._sent(rig.channel_with(on_unknown="hold"), rig)
        assert is_perhaps(outcome, "hold"), outcome

    def test_a_status_line_that_breaks_off_is_another_try_where_the_channel_says_so(self, rig: ProviderRig) -> None:
        rig.misbehave("cut")
        outcome = self._sent(rig.channel_with(on_unknown="resend"), rig)
        assert is_perhaps(outcome, "resend"), outcome

    def test_half_an_answer_is_no_failure(self, rig: ProviderRig) -> None:
        rig.misbehave("half")
        outcome = self._sent(rig.channel_with(on_unknown="hold"), rig)
        assert isinstance(outcome, Delivered) or is_perhaps(outcome, "hold"), outcome

    def test_half_an_answer_is_no_failure_where_it_may_be_sent_again(self, rig: ProviderRig) -> None:
        rig.misbehave("half")
        outcome = self._sent(rig.channel_with(on_unknown="resend"), rig)
        assert isinstance(outcome, Delivered) or is_perhaps(outcome, "resend"), outcome

    def test_a_redirection_is_not_followed(self, rig: ProviderRig) -> None:
        rig.misbehave("307")
        outcome = self._sent(rig.channel(), rig)
        assert isinstance(outcome, Rejected), outcome
        assert rig.arrived() == [], rig.arrived()

    def test_nobody_listening_was_certainly_not_sent(self, rig: ProviderRig) -> None:
        passed = threading.Event()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # so that nobody else listens there, and neither does this
            one = rig.channel_with(url=f"http://127.0.0.1:{taken.getsockname()[1]}")
            outcome = one.send(rig.delivery("k-1"), passed.set)
        assert isinstance(outcome, Retry), outcome
        assert not outcome.sent_maybe
        assert not passed.is_set(), "`point` was called"

    def test_a_private_net_is_reached_only_where_the_workspace_allows_it(self, rig: ProviderRig) -> None:
        passed = threading.Event()
        outcome = rig.channel_with(allow_private=()).send(rig.delivery("k-1"), passed.set)
        assert isinstance(outcome, Rejected), outcome
        assert outcome.code == "forbidden_address"
        assert not passed.is_set(), "`point` was called"
        assert rig.arrived() == [], rig.arrived()

    def _unanswered(self, rig: ProviderRig, on_unknown: str) -> Outcome:
        for timeout in (1.0, 5.0, 25.0):  # a machine that is busy may not even get as far as the point in a second
            passed = threading.Event()
            rig.misbehave("silent")
            one = rig.channel_with(timeout=timeout, on_unknown=on_unknown)
            outcome = one.send(rig.delivery("k-1"), passed.set)
            one.close()
            if passed.is_set():
                break
        return outcome

    def _sent(self, one: ChannelType, rig: ProviderRig) -> Outcome:
        outcome = one.send(rig.delivery("k-1"), nothing)
        one.close()
        return outcome


def is_perhaps(outcome: Outcome, on_unknown: str) -> bool:
    """True for the outcome of a message that the service may have, as the channel is told to take it."""
    if on_unknown == "resend":
        return isinstance(outcome, Retry) and outcome.sent_maybe
    return isinstance(outcome, Uncertain)
