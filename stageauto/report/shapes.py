"""The JSON documents that `--json` gives: names and types of the keys are a promise (CLI.md), tests rely on them.

Instants are RFC 3339 in UTC, fields as they are kept (numbers, ISO texts).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stageauto.engine.gsm import size_of
from stageauto.engine.state import Activity, Task
from stageauto.report.documents import shape as document
from stageauto.report.timeline import sentence
from stageauto.report.times import utc

if TYPE_CHECKING:
    from stageauto.engine.state import (
        Booking,
        ChatLine,
        Contact,
        Delivery,
        Entry,
        Exemption,
        Journal,
        Notice,
        Post,
        Run,
    )
    from stageauto.runner.facts import Facts
    from stageauto.runner.look import BoardView, ItemView, PendingView, RuleView, ShowView
    from stageauto.store.records import ApiToken, AuditEntry

Shape = dict[str, Any]


def first_value(addresses: list[dict[str, str]]) -> str | None:
    """The first address of a list, None where it is empty."""
    return addresses[0]["value"] if addresses else None


def full_name(contact: Contact) -> str:
    """First and last name."""
    return f"{contact.first_name} {contact.last_name}".strip()


def contact_short(contact: Contact | None) -> Shape | None:
    """Who the customer is, in short."""
    if contact is None:
        return None
    return {
        "id": contact.id, "name": full_name(contact), "email": first_value(contact.emails),
        "phone": first_value(contact.phones),
    }  # fmt: skip


def item(view: ItemView) -> Shape:
    """An item, as `items`, `add`, `move` and `set` give it."""
    one = view.item
    return {
        "id": one.id, "pipeline": one.pipeline, "stage": one.stage, "title": one.title, "responsible": one.responsible,
        "fields": one.fields, "contact": contact_short(view.contact), "created_at": utc(one.created_at),
        "stage_entered_at": utc(one.stage_entered_at), "on_hold": one.on_hold,
    }  # fmt: skip


def rule(view: RuleView) -> Shape:
    """A rule of the item's stage: `outcome` once it has one, else `state` (`not_run` where it was not set going)."""
    run = view.run
    shape: Shape = {"rule": view.rule}
    if run is None:
        shape["state"] = "not_run"
    elif run.living:
        shape["state"] = run.state
    else:
        shape["outcome"] = run.state
    shape["due"] = utc(run.due) if run else None
    shape["finished_at"] = utc(run.finished_at) if run else None
    shape["reason"] = view.reason
    return shape


def show(view: ShowView) -> Shape:
    """An item with the rules of its stage; `kept`: what earlier visits kept alive."""
    kept = [{**rule(one), "stage": one.run.stage if one.run else ""} for one in view.kept]
    papers = [document(one) for one in view.documents]
    return {**item(view.item), "rules": [rule(one) for one in view.rules], "kept": kept, "documents": papers}


def pending(view: PendingView) -> Shape:
    """A living run."""
    run = view.run
    return {
        "id": run.id, "item": view.item.id, "pipeline": run.pipeline, "stage": run.stage, "rule": run.rule,
        "do": view.do, "due": utc(run.due), "state": run.state, "reason": view.reason,
    }  # fmt: skip


def run(item_id: str, one: Run) -> Shape:
    """A run after somebody did something about it."""
    return {
        "id": one.id, "item": item_id, "pipeline": one.pipeline, "stage": one.stage, "rule": one.rule,
        "state": one.state, "due": utc(one.due), "finished_at": utc(one.finished_at), "reason": one.because or one.code,
    }  # fmt: skip


def entry(one: Entry, facts: Facts) -> Shape:
    """A line of history; `text` is the sentence for people, in local time."""
    return {
        "seq": one.seq, "at": utc(one.at), "kind": one.kind, "item": one.item, "author": one.author,
        "text": sentence(one, facts.zone), "data": one.data,
    }  # fmt: skip


def delivery(one: Delivery) -> Shape:
    """One thing to send."""
    return {
        "id": one.id, "item": one.item, "rule": one.rule, "do": one.do, "channel": one.channel, "to": one.to,
        "state": one.state, "attempts": one.attempts, "key": one.key, "sent_at": utc(one.sent_at),
        "error": one.error or None, **size_of(one.kind, one.message),
    }  # fmt: skip


def event(row: Journal) -> Shape:
    """What became of an event; `event` is its id."""
    return {"event": row.id, "outcome": row.outcome, "items": row.items, "moved_to": row.moved_to}


def board(view: BoardView) -> Shape:
    """A pipeline as columns."""
    stages = [
        {
            "id": stage.id, "name": stage.name, "kind": stage.kind, "count": len(items),
            "items": [{"id": one.id, "title": one.title, "responsible": one.responsible} for one in items],
        }
        for stage, items in view.columns
    ]  # fmt: skip
    return {"pipeline": view.pipeline.id, "name": view.pipeline.name, "stages": stages}


def to_do(one: Task | Activity) -> Shape:
    """Something for staff to do: a task, or a call, a meeting or another activity in the item's plan."""
    return task(one) if isinstance(one, Task) else activity(one)


def activity(one: Activity) -> Shape:
    """A call, a meeting or another activity, by the words of a task where it has the same, and its own."""
    return {
        "id": one.id, "kind": one.kind, "item": one.item, "rule": one.rule, "stage": one.stage, "title": one.subject,
        "description": one.description, "assignee": one.responsible, "deadline": utc(one.due),
        "priority": "high" if one.important else "normal", "checklist": [], "tags": [], "status": one.status,
        "created_at": utc(one.created_at), "completed_at": utc(one.completed_at), "completed_by": "",
        "start": utc(one.start), "end": utc(one.end), "place": one.place, "attendees": one.attendees,
    }  # fmt: skip


def task(one: Task) -> Shape:
    """A task for staff."""
    return {
        "id": one.id, "kind": "task", "item": one.item, "rule": one.rule, "stage": one.stage, "title": one.title,
        "description": one.description, "assignee": one.assignee, "deadline": utc(one.deadline),
        "priority": one.priority, "checklist": one.checklist, "tags": one.tags, "status": one.status,
        "created_at": utc(one.created_at), "completed_at": utc(one.completed_at), "completed_by": one.completed_by,
    }  # fmt: skip


def notice(one: Notice) -> Shape:
    """A notification in an inbox."""
    return {
        "id": one.id, "item": one.item, "rule": one.rule, "user": one.user, "text": one.text, "from": one.sender,
        "at": utc(one.at), "read_at": utc(one.read_at),
    }  # fmt: skip


def post(one: Post) -> Shape:
    """A feed post, or a comment on one (`parent`)."""
    return {
        "id": one.id, "item": one.item, "text": one.text, "author": one.author, "at": utc(one.at), "to": one.to,
        "parent": one.parent,
    }  # fmt: skip


def booking(one: Booking) -> Shape:
    """A resource taken for a time; `end` is the first moment at which it is free."""
    return {
        "id": one.id, "resource": one.resource, "start": utc(one.start), "end": utc(one.end), "item": one.item,
        "user": one.user, "status": one.status, "created_at": utc(one.created_at),
    }  # fmt: skip


def contact(one: Contact) -> Shape:
    """A customer with all addresses."""
    return {
        "id": one.id, "name": full_name(one), "first_name": one.first_name, "last_name": one.last_name,
        "emails": one.emails, "phones": one.phones, "chats": one.chats, "language": one.language,
        "timezone": one.timezone, "opt_out": one.opt_out, "company": one.company,
    }  # fmt: skip


def exemption(one: Exemption) -> Shape:
    """An address on the exceptions list; `dropped`: messages from it that were not let in."""
    return {
        "kind": one.kind, "value": one.value, "added_at": utc(one.added_at), "author": one.author,
        "dropped": one.dropped,
    }  # fmt: skip


def chat_line(one: ChatLine) -> Shape:
    """A line of a chat; `author` is "" for the customer."""
    return {"seq": one.seq, "chat": one.chat, "at": utc(one.at), "author": one.author, "channel": one.channel,
            "text": one.text, "hidden": one.hidden}  # fmt: skip


def api_token(one: ApiToken) -> Shape:
    """A key to the HTTP interface, without its hash."""
    return {"id": one.id, "user": one.user, "made_at": utc(one.made_at), "author": one.author, "note": one.note}


def audit(one: AuditEntry) -> Shape:
    """A line of the audit log."""
    return {
        "seq": one.seq, "at": utc(one.at), "author": one.author, "action": one.action, "target": one.target,
        "data": dict(one.data),
    }  # fmt: skip
