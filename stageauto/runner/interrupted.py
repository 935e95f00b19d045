"""What was being sent when the daemon ended: not sent for certain, sent, or nobody can say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from stageauto.channels.base import Delivered, Unaskable
from stageauto.engine import outgoing, step
from stageauto.engine.state import DONE, PENDING, RUNNING, Delivery
from stageauto.runner import record

if TYPE_CHECKING:
    from stageauto.engine.draft import Draft
    from stageauto.store.sqlite_state import SqliteState

Answers = Mapping[str, Delivered | Unaskable | None]
"""What providers say of deliveries, by their ids: sent, cannot be asked, or not sent."""


def settle(draft: Draft, state: SqliteState, now: int, answers: Answers) -> Iterator[Delivery]:
    """Settles each, and gives those that had passed their point of no return."""
    for found in state.running_deliveries():
        delivery = draft.delivery(found.id)
        if delivery is None:
            continue
        if not delivery.marked:
            _put_back(draft, delivery, now)
            continue
        said = answers.get(delivery.id, Unaskable())
        if isinstance(said, Delivered):
            outgoing.settle(draft, delivery, now, DONE, answer=said.answer)
        elif isinstance(said, Unaskable):
            record.uncertain(draft, delivery, "the process ended while it was being sent", now)
        else:
            _put_back(draft, delivery, now)
        step.settle(draft)
        yield delivery


def put_back_unmarked(draft: Draft, state: SqliteState, now: int) -> None:
    """Makes pending again what has not come to its point of no return, and never will."""
    for found in state.running_deliveries():
        delivery = draft.delivery(found.id)
        if delivery is not None and delivery.state == RUNNING and not delivery.marked:
            _put_back(draft, delivery, now)


def _put_back(draft: Draft, delivery: Delivery, now: int) -> None:
    delivery.state, delivery.due = PENDING, now
    delivery.attempts -= 1  # that try never reached the provider
    draft.put_delivery(delivery)
