"""Bugs to plant: each breaks one promise in the way that such programs usually break it, and has to be found."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from typing import Any

from stageauto.engine import outgoing, visits
from stageauto.engine.draft import Draft
from stageauto.engine.state import RUNNING, Delivery, Item, Journal, Run
from stageauto.runner import interrupted, record
from stageauto.runner.deliver import PostOffice
from stageauto.runner.service import Service


def _between() -> None:
    """Where DIE says so: the end now and then comes just between two transactions that should have been one."""
    point, probability, _ = (os.environ.get("DIE") or "::").split(":")
    if point == "between" and random.random() < float(probability):
        os.kill(os.getpid(), signal.SIGKILL)


def follow_up_outside_the_transaction() -> None:
    """What is chained to a run begins in a transaction after the one that ended it."""
    later: list[tuple[str, str]] = []
    follow = visits.follow
    transaction = Service._transaction

    def put_off(draft: Draft, item: Item, ended: Run, now: int) -> None:  # noqa: ARG001 - stands in for another
        later.append((item.id, ended.id))

    def then_follow(self: Service, *given: Any) -> bool:
        worked = transaction(self, *given)
        chained, later[:] = later[:], []
        if chained:
            _between()
            with self.session.store.transaction() as state:
                draft = self._draft(state)
                for item_id, run_id in chained:
                    item = draft.item(item_id)
                    run = item.runs.get(run_id) if item else None
                    if item is not None and run is not None:
                        follow(draft, item, run, self.session.clock.now())
                draft.flush()
        return worked

    visits.follow = put_off
    Service._transaction = then_follow  # type: ignore[assignment, method-assign]


def claim_without_asking_again() -> None:
    """A message goes out without another look at what changed since it was decided."""

    def claim(draft: Draft, delivery: Delivery, now: int) -> bool:
        delivery.state, delivery.tried_at, delivery.marked = RUNNING, now, False
        delivery.attempts += 1
        draft.put_delivery(delivery)
        return True

    record.claim = claim


def attempt_in_the_key() -> None:
    """The key is another one at every try."""
    claim = record.claim

    def with_number(draft: Draft, delivery: Delivery, now: int) -> bool:
        claimed = claim(draft, delivery, now)
        if claimed:
            delivery.key = f"{delivery.key[:20]}x{delivery.attempts}x{now}"
        return claimed

    record.claim = with_number


def marked_taken_for_not_sent() -> None:
    """What was being sent at the end is taken for not sent, also past the point of no return."""

    def put_back(self: Service, draft: Draft, state: Any, now: int, *_: Any) -> None:  # noqa: ARG001 - stands in for another
        for found in state.running_deliveries():
            delivery = draft.delivery(found.id)
            if delivery is not None:
                interrupted._put_back(draft, delivery, now)

    Service._settle_interrupted = put_back  # type: ignore[assignment, method-assign]


def no_mark_before_the_point() -> None:
    """A message passes the point of no return before that is on disk."""
    PostOffice._point = lambda *_: None  # type: ignore[method-assign]


def interrupted_taken_for_sent() -> None:
    """What was being sent at the end is taken for sent."""

    def settle(self: Service, draft: Draft, state: Any, now: int, *_: Any) -> None:  # noqa: ARG001 - stands in for another
        for found in state.running_deliveries():
            delivery = draft.delivery(found.id)
            if delivery is not None:
                outgoing.settle(draft, delivery, now, "done")

    Service._settle_interrupted = settle  # type: ignore[assignment, method-assign]


def interrupted_forgotten() -> None:
    """Nobody looks after what was being sent at the end."""
    Service._settle_interrupted = lambda *_: None  # type: ignore[method-assign]


def event_noted_after_its_effect() -> None:
    """An event's effect is on disk before it is noted that the event was handled."""
    rows: list[Journal] = []
    transaction = Service._transaction
    put_journal = Draft.put_journal

    def put_off(self: Draft, journal: Journal) -> None:
        if journal.type == "app.swap":
            rows.append(journal)
        else:
            put_journal(self, journal)

    def then_note(self: Service, *given: Any) -> bool:
        worked = transaction(self, *given)
        noted, rows[:] = rows[:], []
        if noted:
            _between()
            with self.session.store.transaction() as state:
                draft = self._draft(state)
                for row in noted:
                    put_journal(draft, row)
                draft.flush()
        return worked

    Draft.put_journal = put_off  # type: ignore[method-assign]
    Service._transaction = then_note  # type: ignore[assignment, method-assign]


PLANTS: dict[str, Callable[[], None]] = {
    "follow-up outside the transaction": follow_up_outside_the_transaction,
    "claim without asking again": claim_without_asking_again,
    "attempt in the key": attempt_in_the_key,
    "marked taken for not sent": marked_taken_for_not_sent,
    "no mark before the point": no_mark_before_the_point,
    "interrupted taken for sent": interrupted_taken_for_sent,
    "interrupted forgotten": interrupted_forgotten,
    "event noted after its effect": event_noted_after_its_effect,
}
