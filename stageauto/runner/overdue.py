"""What is overdue after a downtime or a turned clock: held for somebody to look at, and let go."""

from __future__ import annotations

from stageauto.engine.draft import Draft
from stageauto.engine.outgoing import COLLECTED
from stageauto.engine.state import PENDING, Item, Run
from stageauto.store.sqlite_state import SqliteState

MANY = 50
"""Overdue outer actions after a downtime: more than these wait for `run --catch-up`."""
STALE = 3_600_000
"""A message that nobody tried to send for longer than this (ms) is overdue, too."""
_ALL = 1_000_000


def hold_flood(draft: Draft, state: SqliteState, now: int, seen: int) -> int:
    """How many outer actions are held now, since they are more than fifty; else 0, and nothing is changed.

    What came due before `seen` (ms UTC), when there was a daemon, is its backlog and no flood; nor is what is in the
    outbox, decided by a command or before a crash, as long as it is fresh.
    """
    runs = _overdue(draft, state, now, seen)
    stale = state.due_deliveries(None, now - STALE, _ALL)
    deliveries = [one for one in stale if one.attempts == 0 and one.code != COLLECTED]
    if len(runs) + len(deliveries) <= MANY:
        return 0
    _hold(draft, runs)
    for delivery in deliveries:
        delivery.held = True
        draft.put_delivery(delivery)
    return len(runs) + len(deliveries)


def hold_runs(draft: Draft, state: SqliteState, now: int) -> int:
    """Holds every outer action that is due; gives how many."""
    runs = _overdue(draft, state, now, 0)
    _hold(draft, runs)
    return len(runs)


def _hold(draft: Draft, runs: list[tuple[Item, Run]]) -> None:
    for item, run in runs:
        run.held = True
        draft.touch(item)


def _overdue(draft: Draft, state: SqliteState, now: int, after: int) -> list[tuple[Item, Run]]:
    found = []
    for _, _, item_id in state.due_items(now, _ALL):
        item = draft.item(item_id)
        for run in item.runs.values() if item else ():
            rule = draft.rule_of(run)
            outer = rule is not None and rule.action.outer and rule.when.if_late == "run"
            waits = run.living and not run.open_deliveries and not run.held
            if item and outer and waits and run.due is not None and after < run.due <= now:
                found.append((item, run))
    return found


def release_held(draft: Draft, state: SqliteState, now: int) -> int:
    """Lets go what waited for a person after a downtime or a turned clock; gives how many runs and deliveries."""
    count = 0
    for listed in state.items():
        if not any(run.held for run in listed.runs.values()):
            continue
        item = draft.item(listed.id)
        for run in item.runs.values() if item else ():
            count += run.held
            run.held = False
        if item is not None:
            draft.touch(item)
    for found in state.deliveries(state=PENDING):
        delivery = draft.delivery(found.id)
        item = draft.item(found.item)
        if delivery is not None and delivery.held and item is not None and not item.on_hold:
            delivery.held, delivery.due = False, now
            draft.put_delivery(delivery)
            count += 1
    return count
