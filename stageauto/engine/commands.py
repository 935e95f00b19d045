"""What people do by hand to items, runs, deliveries, tasks, bookings and the list of exceptions.

Each is one decision on a draft, by an author, at a moment; it raises a StageautoError before anything is changed, and
is recorded in the journal like an event, so that the journal alone gives the same items again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stageauto.engine import outgoing, people, runs, visits
from stageauto.engine.changing import change_fields, delete_item, missing_required, new_item
from stageauto.engine.draft import Draft
from stageauto.engine.guard import hold, release
from stageauto.engine.model import Pipeline, Rule, Stage
from stageauto.engine.outgoing import WORST, note_worst
from stageauto.engine.outgoing import settle as settle_delivery
from stageauto.engine.schedule import to_local
from stageauto.engine.state import (
    DONE,
    FAILED,
    PENDING,
    RUNNING,
    UNKNOWN,
    WAITING,
    Activity,
    Booking,
    Contact,
    Delivery,
    Exemption,
    Item,
    Journal,
    Run,
    Task,
)
from stageauto.engine.triggers import settle
from stageauto.errors import UsageError


@dataclass(frozen=True, slots=True)
class By:
    """Who commands, when (ms UTC), and the id under which the journal keeps it."""

    id: str
    at: int
    author: str
    source: str = "command"


@dataclass(frozen=True, slots=True)
class NewItem:
    """What `add` makes an item of. `contact`: values of a contact, found by its addresses or made."""

    pipeline: str
    stage: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    contact: Mapping[str, Any] = field(default_factory=dict)
    company: Mapping[str, Any] = field(default_factory=dict)
    item_id: str | None = None


def _done(draft: Draft, by: By, what: str, item: str | None, data: Mapping[str, Any]) -> None:
    settle(draft)
    draft.put_journal(
        Journal(
            id=by.id, type=f"command.{what}", at=by.at, source=by.source, author=by.author, item=item, contact=None,
            data=dict(data), outcome="done", items=[item] if item else [],
        )
    )  # fmt: skip


def note(draft: Draft, by: By, what: str, item: str | None, data: Mapping[str, Any]) -> None:
    """Records a command that is carried out elsewhere, so that the journal has all of them."""
    _done(draft, by, what, item, data)


# -- finding ---------------------------------------------------------------------------------------------------------


def pipeline_named(draft: Draft, name: str) -> Pipeline:
    """The pipeline of that id. Raises UsageError."""
    found = draft.workspace.pipelines.get(name)
    if found is None:
        raise UsageError(f"there is no pipeline `{name}`", f"pipelines: {', '.join(draft.workspace.pipelines)}")
    return found


def stage_named(pipeline: Pipeline, name: str) -> Stage:
    """The stage of that id. Raises UsageError."""
    found = pipeline.stage_by_id.get(name)
    if found is None:
        raise UsageError(f"{pipeline.id} has no stage `{name}`", f"stages: {', '.join(pipeline.stage_by_id)}")
    return found


def _alive(draft: Draft, item_id: str) -> Item:
    item = draft.item(item_id)
    if item is None or item.deleted:
        raise UsageError(f"there is no item `{item_id}`" + (" any more: it was deleted" if item else ""))
    return item


def _run_of(item: Item, run_id: str) -> Run:
    run = item.runs.get(run_id)
    if run is None:
        raise UsageError(
            f"{item.id} has left the stage, or begun it anew: `{run_id}` is over",
            f"what goes on now: `stageauto show {item.id}`",
        )
    return run


# -- items -----------------------------------------------------------------------------------------------------------


def add(draft: Draft, by: By, new: NewItem) -> Item:
    """A new item; its contact is found by its addresses or made. Raises UsageError for what does not fit."""
    pipeline = pipeline_named(draft, new.pipeline)
    stage = stage_named(pipeline, new.stage) if new.stage else None
    contact = find_or_make_contact(draft, new.contact) if new.contact else None
    company = _find_or_make_company(draft, new.company) if new.company else None
    item = new_item(
        draft, pipeline, stage, new.values, by.at, author=by.author, source=by.source,
        contacts=[contact.id] if contact else [], company=company or (contact.company if contact else None),
        item_id=new.item_id,
    )  # fmt: skip
    missing = missing_required(draft, item)
    if missing:
        raise UsageError(f"{pipeline.id} needs {', '.join(missing)}", f"give it with --set {missing[0]}=...")
    data = {
        "pipeline": pipeline.id, "stage": item.stage, "values": dict(new.values), "contact": dict(new.contact),
        "company": dict(new.company),
    }  # fmt: skip
    _done(draft, by, "add", item.id, data)
    return item


def find_or_make_contact(draft: Draft, values: Mapping[str, Any]) -> Contact:
    """The contact with one of these addresses (or this id), else a new one with these values."""
    wanted = dict(values)
    contact_id = wanted.pop("id", None)
    for address in [contact_id, *_address_values(wanted)]:
        for found_id in draft.find_contacts(str(address)) if address else ():
            found = draft.contact(found_id)
            if found is not None:
                return found
    contact = people.new_contact(draft, contact_id)
    people.change_contact(contact, wanted)
    draft.put_contact(contact)
    return contact


def _address_values(values: Mapping[str, Any]) -> list[str]:
    keys = ("email", "phone", "chat", "emails", "phones", "chats")
    return [one["value"] for key in keys if key in values for one in people.addresses(values[key])]


def _find_or_make_company(draft: Draft, values: Mapping[str, Any]) -> str:
    wanted = dict(values)
    company_id = wanted.pop("id", None)
    if company_id is not None and draft.company(str(company_id)) is not None:
        return str(company_id)
    company = people.new_company(draft, company_id)
    people.change_company(company, wanted)
    draft.put_company(company)
    return company.id


def move(  # noqa: PLR0913 - one argument for each option
    draft: Draft,
    by: By,
    item_id: str,
    stage: str,
    *,
    reason: str = "",
    restart: bool = False,
    pipeline: str | None = None,
) -> Item:
    """Moves an item by hand, forward or back, with no guard.

    In its own stage it does nothing, but `restart` begins the visit anew. Raises UsageError for an unknown item or
    stage.
    """
    item = _alive(draft, item_id)
    target_pipeline = pipeline_named(draft, pipeline or item.pipeline)
    target = stage_named(target_pipeline, stage)
    if target.id != item.stage or target_pipeline.id != item.pipeline or restart:
        why: dict[str, Any] = {"by_hand": True}
        if reason:
            why["reason"] = reason
        visits.enter(draft, item, target, by.at, author=by.author, why=why, pipeline=target_pipeline.id)
    data = {"to": stage, "pipeline": target_pipeline.id, "reason": reason, "restart": restart}
    _done(draft, by, "move", item.id, data)
    return item


def set_fields(draft: Draft, by: By, item_id: str, values: Mapping[str, Any]) -> Item:
    """Writes fields by hand; None or "" empties one. Raises UsageError for what does not fit; then nothing changes."""
    item = _alive(draft, item_id)
    change_fields(draft, item, values, by.at, by.author)
    _done(draft, by, "set", item.id, {"values": dict(values)})
    return item


def delete(draft: Draft, by: By, item_id: str) -> Item:
    """Deletes an item: everything pending is cancelled, the timeline is kept."""
    item = _alive(draft, item_id)
    delete_item(draft, item, by.at, by.author)
    _done(draft, by, "delete", item.id, {})
    return item


def hold_item(draft: Draft, by: By, item_id: str, reason: str = "") -> Item:
    """Puts an item on hold: what is due waits."""
    item = _alive(draft, item_id)
    hold(draft, item, by.at, "by_hand", reason or "by hand", by.author)
    _done(draft, by, "hold", item.id, {"reason": reason})
    return item


def resume_item(draft: Draft, by: By, item_id: str) -> Item:
    """Ends an item's hold; what came due meanwhile goes now, subject to `if_late`."""
    item = _alive(draft, item_id)
    if item.on_hold or any(run.held for run in item.runs.values()):
        release(draft, item, by.at, by.author)
    _done(draft, by, "resume", item.id, {})
    return item


# -- runs and deliveries ---------------------------------------------------------------------------------------------


def cancel(draft: Draft, by: By, item_id: str, run_id: str) -> Run:
    """Cancels a pending run by hand. Raises UsageError for one that has ended."""
    item = _alive(draft, item_id)
    run = _run_of(item, run_id)
    if not run.living:
        raise UsageError(f"{run_id} has ended already: {run.state}")
    visits.cancel_run(draft, item, run, by.at, "by_hand", f"cancelled by {by.author or 'hand'}")
    _done(draft, by, "cancel", item.id, {"run": run_id})
    return run


def run_now(draft: Draft, by: By, item_id: str, run_id: str) -> Run:
    """Runs a pending run at once, whatever its time; its condition is asked. What waits for another try is tried now.

    Raises UsageError for one that is not pending.
    """
    item = _alive(draft, item_id)
    run = _run_of(item, run_id)
    if run.living and run.open_deliveries:
        _try_now(draft, item, run, by)
        _done(draft, by, "run-now", item.id, {"run": run_id})
        return run
    if run.state not in (PENDING, WAITING):
        raise UsageError(f"{run_id} is {run.state}; only what is pending or waiting can be run now")
    if run.base is None:
        run.base = by.at
    if run.anchor is None:
        run.anchor = by.at
    run.held, run.waiting_for = False, ""  # it waits for nothing any more, whatever becomes of the rules before it
    runs.run_due(draft, item, run, by.at, by_hand=True)
    _done(draft, by, "run-now", item.id, {"run": run_id})
    return run


def retry(draft: Draft, by: By, item_id: str, run_id: str) -> Run:
    """Tries a failed run again; what was chained to it waits for it again.

    One that waits for its next try is tried now. Raises UsageError for one that did not fail.
    """
    item = _alive(draft, item_id)
    run = _run_of(item, run_id)
    if run.living and any(one.state == PENDING and one.attempts for one in draft.deliveries_of_run(run.id)):
        _try_now(draft, item, run, by)
        _done(draft, by, "retry", item.id, {"run": run_id})
        return run
    if run.state not in (FAILED, "undeliverable"):
        raise UsageError(f"{run_id} is {run.state}; only what failed can be tried again")
    failed = [one for one in draft.deliveries_of_run(run.id) if one.state == FAILED]
    run.finished_at, run.code, run.because, run.worst = None, "", "", ""
    if failed:
        run.state, run.open_deliveries, run.due = RUNNING, len(failed), None
        for delivery in failed:
            again = replace(delivery, state=PENDING, attempts=0, due=by.at, error="", code="")
            draft.put_delivery(again)
        _note_others(draft, run, failed)
    else:
        run.state, run.due, run.seq, run.scheduled_at = PENDING, by.at, draft.next_seq(), by.at
    _reopen_chain(draft, item, run)
    draft.touch(item)
    draft.record(by.at, "retried", item.id, by.author, {"rule": run.rule, "run": run.id})
    _done(draft, by, "retry", item.id, {"run": run_id})
    return run


def _try_now(draft: Draft, item: Item, run: Run, by: By) -> None:
    """What the run has in the outbox, and what is not being sent just now, is tried at once."""
    if not outgoing.try_now(draft, item, run, by.at):
        raise UsageError(f"{run.id} is being sent just now", "`stageauto outbox` shows what becomes of it")
    draft.record(by.at, "retried", item.id, by.author, {"rule": run.rule, "run": run.id})


def _reopen_chain(draft: Draft, item: Item, run: Run) -> None:
    for other in item.runs.values():
        rule = draft.rule_of(other)
        if rule is None or other.code != "chain_stopped" or other.visit != run.visit:
            continue
        if run.rule in visits.names_before(draft, item, other, rule):
            other.state, other.waiting_for, other.code, other.because = WAITING, f"rules:{run.rule}", "", ""
            other.finished_at = None
            _reopen_chain(draft, item, other)


def resolve(draft: Draft, by: By, delivery_id: str, *, sent: bool) -> Delivery:
    """Settles an unknown delivery: it was sent, or it was not and goes out again under the same key.

    One that was not sent, and whose stage the item has left, is cancelled.
    Raises UsageError for a delivery whose outcome is known.
    """
    delivery = draft.delivery(delivery_id)
    if delivery is None or delivery.state != UNKNOWN:
        raise UsageError(
            f"`{delivery_id}` is not a delivery whose outcome is unknown", "see `stageauto outbox --unknown`"
        )
    reopen(draft, delivery, sent=sent)
    data: dict[str, Any] = {"delivery": delivery.id, "rule": delivery.rule, "sent": sent}
    over = None if sent else outgoing.over(draft, delivery)
    if over is not None:
        data["because"] = over.because
    draft.record(by.at, "resolved", delivery.item, by.author, data)
    if over is not None:
        settle_delivery(draft, delivery, by.at, over.verdict, code=over.code, because=over.because)
    elif sent:
        settle_delivery(
            draft, delivery, by.at, DONE, code="resolved", because=f"{by.author or 'somebody'} says it was sent"
        )
    else:
        delivery.state, delivery.due, delivery.attempts, delivery.code, delivery.error = PENDING, by.at, 0, "", ""
        draft.put_delivery(delivery)
    _done(draft, by, "resolve", delivery.item, {"delivery": delivery_id, "sent": sent})
    return delivery


def reopen(draft: Draft, delivery: Delivery, *, sent: bool) -> None:
    """The run of an unknown delivery goes on with it open; what became of its other recipients still counts.

    One that failed for another of them stays so where this one was sent, and tries once more where it was not.
    """
    item = draft.item(delivery.item)
    run = item.runs.get(delivery.run) if item else None
    if run is None or item is None or not (run.state == UNKNOWN or (run.state == FAILED and not sent)):
        return
    run.state, run.finished_at, run.code, run.because = RUNNING, None, "", ""
    run.worst, run.open_deliveries = "", 1
    _note_others(draft, run, [delivery])
    draft.touch(item)


def _note_others(draft: Draft, run: Run, open_ones: Sequence[Delivery]) -> None:
    """Notes what became of the recipients of the same message that are not open."""
    ids, moments = {one.id for one in open_ones}, {one.decided_at for one in open_ones}
    for other in draft.deliveries_of_run(run.id):
        if other.id not in ids and other.decided_at in moments and other.state in WORST:
            note_worst(run, other.state, other.code, other.error)


# -- what rules made for people --------------------------------------------------------------------------------------


def task_done(draft: Draft, by: By, task_id: str) -> Task:
    """Completes a task. Raises UsageError for an unknown or finished one."""
    task = draft.task(task_id)
    if task is None or task.status != "open":
        raise UsageError(f"`{task_id}` is not an open task", "see `stageauto tasks`")
    people.complete_task(draft, draft.item(task.item), task, by.at, by.author)
    _done(draft, by, "task-done", task.item, {"task": task_id})
    return replace(task, status="done", completed_at=by.at, completed_by=by.author)


def activity_done(draft: Draft, by: By, item_id: str, activity_id: str) -> Activity:
    """Completes an activity, a call or a meeting of the item. Raises UsageError for an unknown or finished one."""
    item = _alive(draft, item_id)
    activity = next((one for one in draft.open_activities(item_id) if one.id == activity_id), None)
    if activity is None:
        raise UsageError(f"`{activity_id}` is not an open activity", "see `stageauto tasks`")
    data = visits.complete_activity(draft, item, activity, by.at)
    draft.record(by.at, "activity_done", item.id, by.author, data)
    _done(draft, by, "activity-done", item.id, {"activity": activity_id})
    return replace(activity, status="done", completed_at=by.at)


def book(  # noqa: PLR0913 - one argument for each option
    draft: Draft, by: By, resource_id: str, start: int, end: int, *, item_id: str | None = None, field_name: str = "",
    user: str | None = None,
) -> Booking:  # fmt: skip
    """Books a resource for [start, end). Raises UsageError for a clash, with who has it."""
    resource = draft.workspace.resources.get(resource_id)
    if resource is None:
        raise UsageError(f"there is no resource `{resource_id}`", f"resources: {', '.join(draft.workspace.resources)}")
    if end <= start:
        raise UsageError("the end is not after the start", "write a later one, or how long: 1h")
    taken = people.clash(draft, resource, start, end)
    if taken is not None:
        raise UsageError(f"{resource.name} is taken: {taken}")
    item = _alive(draft, item_id) if item_id else None
    booking = Booking(
        id=draft.new_id("booking"), resource=resource.id, start=start, end=end, item=item_id, field=field_name,
        user=user, created_at=by.at,
    )  # fmt: skip
    draft.put_booking(booking)
    if item is not None:
        draft.put_token("booking", booking.id, item.id)
        began = to_local(start, draft.workspace.zone).isoformat()
        told = {"resource": resource.id, "booking": booking.id, "start": began}
        draft.record(by.at, "booking", item.id, by.author, told)
        if field_name:
            change_fields(draft, item, {field_name: booking.id}, by.at, by.author)
        visits.emit(draft, item, "resource.booked", told, by.at, ())
    data = {"resource": resource.id, "start": start, "end": end, "item": item_id, "user": user, "field": field_name}
    _done(draft, by, "book", item_id, data)
    return booking


def except_address(draft: Draft, by: By, address: str) -> Exemption:
    """Puts an e-mail or phone on the exceptions list."""
    kind = "email" if "@" in address else "phone"
    exemption = Exemption(kind, address.strip(), by.at, by.author)
    draft.put_exemption(exemption)
    _done(draft, by, "except", None, {"address": address})
    return exemption


def change_contact(draft: Draft, by: By, contact_id: str, values: Mapping[str, Any]) -> Contact:
    """Changes what is known of a customer; the history of each of their open items says so. Raises UsageError."""
    contact = draft.contact(contact_id)
    if contact is None:
        raise UsageError(f"there is no contact `{contact_id}`", "see `stageauto contacts`")
    changed = people.change_contact(contact, values)
    if changed:
        draft.put_contact(contact)
        data = {"contact": contact_id, "changed": changed, "created": False}
        for item in draft.items_of_contact(contact_id):
            if not item.closed and not item.deleted:
                draft.record(by.at, "contact", item.id, by.author, data)
    _done(draft, by, "contact", None, {"contact": contact_id, "values": dict(values)})
    return contact


# -- after a new configuration was loaded ----------------------------------------------------------------------------


def adopt(draft: Draft, item: Item, now: int, author: str, concerned: Callable[[Run], bool]) -> None:
    """Fits an item to the configuration that was just loaded: renamed and removed rules, stages that are gone.

    `concerned`: whether anything that a run's moment hangs on may have changed; others are left alone. Source:
    SEMANTICS 29-31.
    """
    pipeline = draft.pipeline(item)
    if pipeline is None or item.deleted:
        return
    _rename(draft, item, pipeline)
    for run in list(item.runs.values()):
        if run.living and concerned(run):
            _fit(draft, item, run, now)
    if item.stage not in pipeline.stage_by_id and item.stage in pipeline.moved:
        target = pipeline.stage_by_id[pipeline.moved[item.stage]]
        visits.enter(draft, item, target, now, author=author, why={"reason": "moved", "by": "load"})
    settle(draft)


def _rename(draft: Draft, item: Item, pipeline: Pipeline) -> None:
    for run in item.runs.values():
        own = pipeline if run.pipeline == pipeline.id else draft.workspace.pipelines.get(run.pipeline)
        new = own.renamed.get(run.rule) if own else None
        if new is not None:
            run.rule = new
            draft.touch(item)
    used = [pipeline.renamed.get(name, name) for name in item.used] if item.used else item.used
    if used != item.used:
        item.used = used
        draft.touch(item)


def _fit(draft: Draft, item: Item, run: Run, now: int) -> None:
    rule = draft.rule_of(run)
    if rule is None or not rule.enabled:
        code, why = (
            ("rule_removed", _why_gone(draft, run)) if rule is None else ("rule_disabled", "the rule is disabled")
        )
        visits.cancel_run(draft, item, run, now, code, f"{why} in the configuration that was loaded")
    else:
        _refit(draft, item, run, rule, now)


def _why_gone(draft: Draft, run: Run) -> str:
    pipeline = draft.workspace.pipelines.get(run.pipeline)
    if pipeline is None or run.stage in pipeline.stage_by_id:
        there = pipeline.rule(run.rule) if pipeline else None
        return f"the rule belongs to the stage {there.stage}" if there else "the rule is gone"
    return f"its stage {run.stage} is gone"


def _refit(draft: Draft, item: Item, run: Run, rule: Rule, now: int) -> None:
    if run.keep != rule.keep and run.visit == item.visit:
        run.keep = rule.keep
        draft.touch(item)
    waits_for_rules = run.waiting_for.startswith("rules")
    times = rule.repeat.times if rule.repeat is not None else None
    if waits_for_rules and rule.after:
        visits.check_chain(draft, item, run, rule, now)
    elif waits_for_rules:  # it is chained no more: its time runs from when it was set going, as if it never had been
        run.base = run.scheduled_at
        visits.replan_run(draft, item, run, rule, now, "load")
    elif _chained_since(draft, item, run, rule):
        was = run.due
        visits.check_chain(draft, item, run, rule, now)
        if run.living and run.due != was:
            data = {"rule": run.rule, "run": run.id, "was": was, "due": run.due, "reason": "load"}
            draft.record(now, "rescheduled", item.id, f"rule:{run.rule}", data)
    elif run.state == PENDING and run.count and times is not None and run.count >= times:
        because = f"it ran {run.count} times, and is to run no more than {times} by the configuration that was loaded"
        visits.end(draft, item, run, now, DONE, "times", because)
    elif run.state != RUNNING and not run.open_deliveries and run.base is not None:
        visits.replan_run(draft, item, run, rule, now, "load")


def _chained_since(draft: Draft, item: Item, run: Run, rule: Rule) -> bool:
    """Whether a run that began with the visit is now to wait for one of that visit which is not through."""
    if not rule.after or run.state not in (PENDING, WAITING) or run.count or run.open_deliveries:
        return False
    if run.visit != item.visit or run.base != item.stage_entered_at:
        return False  # it began when those before it were finished: that one of them runs again does not call it back
    names = visits.names_before(draft, item, run, rule)
    return any(one.living and one.rule in names and one.visit == run.visit for one in item.runs.values())


def catch_up(draft: Draft, by: By, item: Item, rule: Rule) -> bool:
    """Sets a rule going for an item that is in its stage already and has not had it in this visit; True when it did."""
    if item.deleted or item.stage != rule.stage or item.pipeline != rule.pipeline:
        return False
    if any(run.rule == rule.id and run.visit == item.visit for run in item.runs.values()):
        return False
    visits.start_rules(draft, item, [rule], by.at, (), by.author)
    draft.record(by.at, "rules_started", item.id, by.author, {"stage": rule.stage, "rule": rule.id})
    settle(draft)
    return True
