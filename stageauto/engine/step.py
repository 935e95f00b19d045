"""The engine's face: every way in which something can happen to the state, each a decision on a draft.

`take` (an event), `tick` (the next thing that is due for an item), `sweep` (cron triggers); the commands of people are
in `stageauto.engine.commands`, the results of deliveries in `stageauto.engine.outgoing`. After each, `settle` has
handled all events that the engine itself made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stageauto.engine import runs, triggers
from stageauto.engine.draft import Draft
from stageauto.engine.model import Event, Pipeline, Trigger
from stageauto.engine.state import Item, Journal, Run
from stageauto.engine.triggers import settle


def take(draft: Draft, event: Event) -> Journal:
    """An event from outside: recorded once by its id, carried out; gives the journal's row with the outcome."""
    if draft.event_known(event.id):
        row = _row(event)
        row.outcome = triggers.DUPLICATE
        return row
    return carry_out(draft, event)


def carry_out(draft: Draft, event: Event) -> Journal:
    """Like `take`, for an event whose row is in the journal already, or is known to be new."""
    effect = triggers.handle(draft, event)
    settle(draft)
    row = _row(event)
    row.outcome, row.items, row.moved_to = effect.outcome, effect.items, effect.moved_to
    if effect.dropped:
        row = replace(row, data={}, contact=None)  # of a customer on the exceptions list nothing is recorded
    draft.put_journal(row)
    return row


def _row(event: Event) -> Journal:
    return Journal(
        id=event.id,
        type=event.type,
        at=event.at,
        source=event.source,
        author=event.author,
        item=event.item,
        contact=event.contact,
        data=dict(event.data),
    )


def tick(draft: Draft, item: Item, run: Run | None, now: int) -> None:
    """Does what is due for the item (see `Item.first_due`), and all that it makes happen at once."""
    if run is None:
        runs.overdue(draft, item, now)
    else:
        runs.run_due(draft, item, run, now)
    if draft.queue:
        settle(draft)


def sweep(draft: Draft, pipeline: Pipeline, matched: Sequence[Trigger], now: int) -> list[str]:
    """The `schedule` triggers that match now; gives the ids of the items that moved."""
    moved = triggers.sweep(draft, pipeline, matched, now)
    settle(draft)
    return moved


__all__ = ["carry_out", "settle", "sweep", "take", "tick"]
