"""What a state holds, as plain data: what was sent, what is pending, how runs ended, where items went.

Instants are ms UTC; names are those of LANGUAGE 7. Read by scenarios, simulations and commands alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from stageauto.engine.gsm import size_of
from stageauto.engine.state import DONE, Contact, Delivery, Document, Entry, Item, Journal
from stageauto.store.sqlite_state import SqliteReader

if TYPE_CHECKING:
    from stageauto.engine.model import Workspace

EVERYTHING = -1
TRACES = frozenset(["refused"])
"""Kinds of lines that say why nothing happened: for `explain`, and for whoever asks for all lines."""


def happened(entries: Iterable[Entry]) -> list[Entry]:
    """The lines that say what happened."""
    return [one for one in entries if one.kind not in TRACES]


def sent(state: SqliteReader) -> list[dict[str, Any]]:
    """All messages that went out, by time; staff's notifications and their notes beside a customer's chat too."""
    found = [_delivered(one) for one in state.deliveries(state=DONE, limit=EVERYTHING) if not one.forward]
    found += [
        {
            "do": one.do, "rule": one.rule, "item": one.item, "channel": "inbox", "to": one.user, "subject": "",
            "text": one.text, "at": one.at,
        }
        for one in state.notices()
    ]  # fmt: skip
    found += [
        {
            "do": "send_chat", "rule": one.data.get("rule"), "item": one.item, "channel": "inbox",
            "to": one.data.get("chat"), "subject": "", "text": one.data.get("text"), "at": one.at,
        }
        for one in state.timeline()
        if one.kind == "chat_note"
    ]  # fmt: skip
    return sorted(found, key=lambda one: one["at"])


def _delivered(one: Delivery) -> dict[str, Any]:
    return {
        "do": one.do, "rule": one.rule, "item": one.item, "channel": one.channel, "kind": one.kind, "to": one.to,
        "subject": one.message.get("subject") or "", "text": message_text(one), "at": one.sent_at or 0,
        **size_of(one.kind, one.message),
    }  # fmt: skip


def message_text(delivery: Delivery) -> str:
    """What a message says, whatever its kind."""
    message = delivery.message
    for key in ("text", "html", "body", "template", "ics"):
        if message.get(key):
            return str(message[key])
    say = message.get("say")
    if isinstance(say, dict):
        return str(say.get("text") or "")
    if say or message.get("play"):
        return str(say or message["play"])
    body = message.get("json") or message.get("form")
    return json.dumps(body, ensure_ascii=False) if body else ""


def pending(items: Iterable[Item], workspace: Workspace | None = None) -> list[dict[str, Any]]:
    """The living runs of these items: by due moment, those without one last."""
    found = []
    for item in items:
        if item.deleted:
            continue
        for run in item.runs.values():
            if not run.living:
                continue
            pipeline = workspace.pipelines.get(run.pipeline) if workspace else None
            rule = pipeline.rule(run.rule) if pipeline else None
            found.append({
                "id": run.id, "item": item.id, "pipeline": run.pipeline, "stage": run.stage, "rule": run.rule,
                "do": rule.do if rule else "", "due": run.due, "state": run.state, "seq": run.seq,
                "waiting_for": run.waiting_for, "held": run.held or item.on_hold,
            })  # fmt: skip
    return sorted(found, key=lambda one: (one["due"] is None, one["due"] or 0, one["seq"]))


def outcomes(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """How runs ended, in the order in which they did."""
    found: list[dict[str, Any]] = []
    for entry in entries:
        data = entry.data
        if entry.kind == "outcome":
            found.append({
                "rule": data["rule"], "run": data["run"], "item": entry.item, "outcome": data["outcome"],
                "at": entry.at, "code": data.get("code", ""), "because": data.get("because", ""),
                "values": data.get("values", {}),
            })  # fmt: skip
        elif entry.kind in ("entered", "deleted"):
            code, because = ("item_deleted", "the item was deleted") if entry.kind == "deleted" else (
                "left_stage", f"left the stage {data.get('from')}"
            )  # fmt: skip
            found += [
                {
                    "rule": rule, "run": run, "item": entry.item, "outcome": "cancelled", "at": entry.at, "code": code,
                    "because": because, "values": {},
                }
                for run, rule, _ in data.get("cancelled", ())
            ]  # fmt: skip
    return found


def paths(entries: Iterable[Entry]) -> dict[str, list[str]]:
    """The stages each item went through, the first one first."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        if entry.kind == "entered":
            found.setdefault(entry.item, []).append(entry.data["to"])
    return found


def events(rows: Iterable[Journal]) -> list[dict[str, Any]]:
    """The events from outside among the journal's rows, and what became of them."""
    return [
        {
            "event": row.type, "id": row.id, "outcome": row.outcome, "at": row.at, "item": row.item, "items": row.items,
            "contact": row.contact, "moved_to": row.moved_to, "data": row.data,
        }
        for row in rows
        if not row.type.startswith("command.")
    ]  # fmt: skip


def item_values(item: Item) -> dict[str, Any]:
    """An item as plain data."""
    return {
        "id": item.id, "pipeline": item.pipeline, "stage": item.stage, "title": item.title,
        "responsible": item.responsible, "fields": item.fields, "contacts": item.contacts,
        "contact": item.contacts[0] if item.contacts else None, "company": item.company, "tags": item.tags,
        "source": item.source, "repeat": item.repeat, "links": item.links, "on_hold": item.on_hold,
        "closed": item.closed, "created_at": item.created_at, "stage_entered_at": item.stage_entered_at,
    }  # fmt: skip


def document_values(document: Document) -> dict[str, Any]:
    """A document as plain data, with all that is written on it."""
    from stageauto.engine.paper import plain_text, read

    return {
        "id": document.id, "item": document.item, "rule": document.rule, "template": document.template,
        "name": document.name, "number": document.number, "state": document.state,
        "text": plain_text(read(document.html)),
    }  # fmt: skip


def contact_values(contact: Contact) -> dict[str, Any]:
    """A contact as plain data."""
    return {
        "id": contact.id, "first_name": contact.first_name, "last_name": contact.last_name, "emails": contact.emails,
        "phones": contact.phones, "chats": contact.chats, "language": contact.language, "timezone": contact.timezone,
        "opt_out": contact.opt_out, "company": contact.company,
        "email": contact.emails[0]["value"] if contact.emails else None,
        "phone": contact.phones[0]["value"] if contact.phones else None,
        "name": f"{contact.first_name} {contact.last_name}".strip(),
    }  # fmt: skip
