"""Asks providers what became of messages that were perhaps sent, once they can tell: `unknown` is for what they cannot.

A message is `unknown` from the moment on at which no answer came, and shown so. Its provider is asked as soon as its
lists are up to date, and again a few times where it does not answer; nobody waits for that. What was asked for is kept
in memory only: after a restart it is asked for anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from stageauto.channels.base import DAY, Delivered, Retry, Unaskable
from stageauto.engine import commands, outgoing, triggers
from stageauto.engine.draft import Draft
from stageauto.engine.state import DONE, UNKNOWN, Delivery
from stageauto.runner import record
from stageauto.runner.clock import Clock
from stageauto.runner.deliver import PostOffice, Said

AGAIN = (60_000, 300_000, 1_800_000, 7_200_000)
"""Milliseconds to the next question after each that was not answered; then it is left to a person."""
OLDEST = DAY
"""What is older was asked for often enough, or is in no provider's list any more."""


class Asking:
    """Who is to be asked, and when; one question at a time for each channel."""

    def __init__(self) -> None:
        self._due: list[tuple[int, str, str]] = []  # (at, channel, delivery)
        self._asked: dict[str, int] = {}  # delivery -> questions so far
        self._busy: set[str] = set()  # channels

    def note(self, deliveries: Sequence[Delivery], office: PostOffice, now: int) -> None:
        """These are unknown: their providers are asked where they can tell."""
        for one in deliveries:
            tried = one.tried_at or one.decided_at
            after = office.answers_after(one.channel) if one.state == UNKNOWN and one.id not in self._asked else None
            if after is not None and now - tried < OLDEST:
                self._asked[one.id] = 0
                heappush(self._due, (max(tried + after, now), one.channel, one.id))

    def next_at(self) -> int | None:
        """When somebody can be asked, ms UTC; None where there is nobody, or all are being asked."""
        return min((at for at, channel, _ in self._due if channel not in self._busy), default=None)

    def due(self, now: int) -> list[str]:
        """The deliveries to ask for now: the channel of each is busy until its answer is `heard`."""
        found, kept = [], []
        while self._due and self._due[0][0] <= now:
            at, channel, delivery_id = heappop(self._due)
            if channel in self._busy:
                kept.append((at, channel, delivery_id))
            else:
                self._busy.add(channel)
                found.append(delivery_id)
        for one in kept:
            heappush(self._due, one)
        return found

    def heard(self, draft: Draft, said: Said, now: int, clock: Clock) -> Delivery | None:
        """Writes down what the provider said; gives the delivery where that settled it."""
        if said.asked:
            self._busy.discard(said.channel)
        delivery = draft.delivery(said.delivery_id)
        asked = self._asked.get(said.delivery_id, 0)
        if delivery is None or delivery.state != UNKNOWN:  # a person was quicker
            self._asked.pop(said.delivery_id, None)
            return None
        if isinstance(said.answer, Unaskable):
            if asked < len(AGAIN):
                self._asked[delivery.id] = asked + 1
                heappush(self._due, (now + AGAIN[asked], delivery.channel, delivery.id))
            return None
        self._asked.pop(delivery.id, None)
        settle(draft, delivery, said.answer, now, clock)
        return delivery


def settle(draft: Draft, delivery: Delivery, answer: Delivered | None, now: int, clock: Clock) -> None:
    """An unknown delivery of which its provider says that it has it, or has it not: then it is tried again."""
    commands.reopen(draft, delivery, sent=answer is not None)
    data = {"delivery": delivery.id, "rule": delivery.rule, "channel": delivery.channel, "sent": answer is not None}
    over = None if answer is not None else outgoing.over(draft, delivery)
    if over is not None:
        data["because"] = over.because
    draft.record(now, "resolved", delivery.item, f"channel:{delivery.channel}", data)
    if answer is not None:
        outgoing.settle(draft, delivery, now, DONE, answer=answer.answer)
        triggers.settle(draft)
        return
    record.record(draft, delivery, Retry(f"asked, {delivery.channel} says that it was not sent"), now, clock)
