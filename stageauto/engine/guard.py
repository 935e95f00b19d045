"""The loop guard: how many moves automation may make of an item without anything from outside (SEMANTICS 21)."""

from __future__ import annotations

from stageauto.engine.draft import Draft
from stageauto.engine.local import day_of
from stageauto.engine.state import Item, Notice


def admit(  # noqa: PLR0913 - the step and who takes it
    draft: Draft,
    item: Item,
    target: str,
    cascade: tuple[str, ...],
    now: int,
    author: str,
    *,
    creates: bool = False,
) -> tuple[str, ...] | None:
    """The cascade with this step in it; None when the step is one too many, and then the item is on hold.

    A step is a move to `pipeline/stage`; with `creates`, a new item or a fresh start of rules, counted apart.
    """
    limits = draft.workspace.limits
    step = f"{item.id}>{target}"
    steps = (*cascade, step)
    mine = f"{item.id}>new:" if target.startswith("new:") else f"{item.id}>"
    counted = steps if creates or not cascade else [one for one in steps if one.startswith(mine)]
    if len(counted) > limits.automatic_moves:
        path = " > ".join(one.split(">", 1)[1] for one in counted)
        because = f"more than {limits.automatic_moves} automatic moves without anything from outside: {path}"
        hold(draft, item, now, "loop_guard", because, author)
        return None
    if creates:
        return steps
    today = day_of(now, draft.workspace.zone)
    if item.moves_on != today:
        item.moves_on, item.moves_today = today, 0
    if item.moves_today >= limits.moves_per_day:
        because = f"more than {limits.moves_per_day} automatic moves on {today}; the next was to {target}"
        hold(draft, item, now, "moves_per_day", because, author)
        return None
    item.moves_today += 1
    draft.touch(item)
    return steps


def hold(draft: Draft, item: Item, now: int, code: str, because: str, author: str) -> None:
    """Puts the item on hold: what is due waits. The responsible's manager is told when automation did it."""
    if item.on_hold:
        return
    item.on_hold, item.hold_reason = True, because
    draft.touch(item)
    draft.record(now, "held", item.id, author, {"code": code, "because": because})
    if code != "by_hand":
        _tell_manager(draft, item, now, because)


def _tell_manager(draft: Draft, item: Item, now: int, because: str) -> None:
    users = draft.workspace.users
    responsible = users.get(item.responsible or "")
    told = users.get((responsible.manager if responsible else None) or "") or responsible
    if told is not None:
        text = f"{item.title or item.id} is on hold: {because}"
        draft.put_notice(Notice(draft.new_id("notice"), item.id, "", "notify", told.id, text, "stageauto", now))


def release(draft: Draft, item: Item, now: int, author: str) -> None:
    """Ends the hold; what came due meanwhile goes now, subject to `if_late`."""
    item.on_hold, item.hold_reason = False, ""
    for run in item.runs.values():
        run.held = False
        if run.living and run.due is not None and run.due < now and not run.open_deliveries:
            run.late = True
        for delivery in draft.deliveries_of_run(run.id) if run.deliveries else ():
            if delivery.held:
                delivery.held = False
                draft.put_delivery(delivery)
    draft.touch(item)
    draft.record(now, "resumed", item.id, author)
