"""Contacts, companies, tasks and bookings: the changes that actions, intake and commands share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from email.utils import parseaddr
from typing import Any

from stageauto.engine import visits
from stageauto.engine.addresses import normal
from stageauto.engine.draft import Draft
from stageauto.engine.fields import BadValueError
from stageauto.engine.model import Resource
from stageauto.engine.scalars import source_text
from stageauto.engine.schedule import to_local
from stageauto.engine.state import Booking, Company, Contact, Item, Task

CONTACT_TEXTS = ("first_name", "last_name", "language", "timezone", "company")
ADDRESS_LISTS = ("emails", "phones", "chats")
ONE_ADDRESS = {"email": "emails", "phone": "phones", "chat": "chats"}


def new_contact(draft: Draft, contact_id: str | None = None) -> Contact:
    """An empty contact with a new id, not put into the draft yet."""
    return Contact(id=contact_id or draft.unused_id("contact", draft.contact), order=draft.next_seq())


def new_company(draft: Draft, company_id: str | None = None) -> Company:
    """An empty company with a new id, not put into the draft yet."""
    return Company(id=company_id or draft.unused_id("company", draft.company), order=draft.next_seq())


def change_contact(contact: Contact, values: Mapping[str, Any]) -> list[str]:
    """Writes attributes of a contact; gives the names that changed. Raises BadValueError for an unknown one.

    `email`, `phone`, `chat` add one address; `emails`, `phones`, `chats` replace the list; `name` is split.
    """
    changed = []
    for name, value in values.items():
        if name == "name":
            first, _, last = str(value or "").strip().partition(" ")
            changed += change_contact(contact, {"first_name": first, "last_name": last})
        elif name in CONTACT_TEXTS:
            changed += _set(contact, name, value if name == "company" else str(value or ""))
        elif name in (*ADDRESS_LISTS, *ONE_ADDRESS):
            changed += _set_addresses(contact, name, value)
        elif name == "opt_out":
            changed += _set(contact, name, opt_outs(value))
        elif name == "visitor":
            if value and value not in contact.visitors:
                contact.visitors.append(str(value))
                changed.append("visitors")
        else:
            raise BadValueError(f"a contact has no `{name}`", f"it has {', '.join((*CONTACT_TEXTS, *ADDRESS_LISTS))}")
    return changed


def change_company(company: Company, values: Mapping[str, Any]) -> list[str]:
    """Writes attributes of a company; gives the names that changed. Raises BadValueError for an unknown one."""
    changed = []
    for name, value in values.items():
        if name == "name":
            changed += _set(company, name, str(value or ""))
        elif name in ("emails", "phones", "email", "phone"):
            changed += _set_addresses(company, name, value)
        else:
            raise BadValueError(f"a company has no `{name}`", "it has name, emails and phones")
    return changed


def _set(holder: Contact | Company, name: str, value: Any) -> list[str]:
    if getattr(holder, name) == value:
        return []
    setattr(holder, name, value)
    return [name]


def _set_addresses(holder: Contact | Company, name: str, value: Any) -> list[str]:
    if name in ONE_ADDRESS:
        name = ONE_ADDRESS[name]
        given = addresses(value)
        anew = {normal(one["value"]) for one in given}
        have = [_good_again(one) if normal(one["value"]) in anew else one for one in getattr(holder, name)]
        known = {normal(one["value"]) for one in have}
        return _set(holder, name, [*have, *(one for one in given if normal(one["value"]) not in known)])
    return _set(holder, name, addresses(value))


def _good_again(one: dict[str, str]) -> dict[str, str]:
    """An address that somebody sets anew is no longer one that bounced."""
    return {key: value for key, value in one.items() if key not in {"bounced", "because"}}


def addresses(value: Any) -> list[dict[str, str]]:
    """A list of {value, type} from one text, one mapping or a list of these."""
    if value is None or value == "":
        return []
    many = value if isinstance(value, list | tuple) else [value]
    return [
        {"value": source_text(one["value"]), "type": str(one.get("type") or "other")}
        if isinstance(one, Mapping)
        else {"value": source_text(one).strip(), "type": "other"}
        for one in many
    ]


def opt_outs(value: Any) -> list[str]:
    """The channels a customer opted out of; ["*"] for `true`."""
    if value is True:
        return ["*"]
    if not value:
        return []
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


def from_event(data: Mapping[str, Any], contact: str | None) -> dict[str, Any]:
    """What an event tells about the person behind it, as `change_contact` takes it."""
    name, address = parseaddr(str(data.get("from") or ""))
    values: dict[str, Any] = {}
    for key in ("first_name", "last_name", "language", "timezone"):
        if data.get(key):
            values[key] = data[key]
    if "first_name" not in values and "last_name" not in values and (data.get("name") or name):
        values["name"] = data.get("name") or name
    mail = data.get("email") or (address if "@" in address else "")
    sender = str(data.get("from") or "")
    caller = sender if "@" not in sender and any(ch.isdigit() for ch in sender) else ""  # a word is nobody's phone
    phone = data.get("phone") or data.get("number") or caller
    given = contact or ""
    if not mail and "@" in given:
        mail = given
    elif not phone and given.lstrip("+").replace(" ", "").isdigit():
        phone = given
    for key, value in (("email", mail), ("phone", phone), ("chat", data.get("chat")), ("visitor", data.get("visitor"))):
        if value:
            values[key] = str(value)
    return values


def complete_task(
    draft: Draft, item: Item | None, task: Task, now: int, author: str, cascade: tuple[str, ...] = ()
) -> None:
    """Completes a task and emits `task.completed`."""
    done = replace(task, status="done", completed_at=now, completed_by=author)
    draft.put_task(done)
    if item is None:
        return
    item.deadlines.pop(task.id, None)
    draft.touch(item)
    data = {"task": task.id, "title": task.title, "stage": task.stage, "rule": task.rule}
    draft.record(now, "task_done", item.id, author, data)
    if not item.deleted:
        visits.emit(draft, item, "task.completed", data, now, cascade)


def _holder(booking: Booking) -> str:
    return " for ".join(who for who in (booking.item, booking.user) if who) or booking.id


def clash(draft: Draft, resource: Resource, start: int, end: int) -> str | None:
    """Who has the resource, where [start, end) would pass its capacity; None when it is free."""
    if end <= start:
        return "the end is not after the start"
    others = draft.bookings(resource.id, start, end)
    edges = sorted({start, *(one.start for one in others if one.start > start)})
    for edge in edges:
        at_edge = [one for one in others if one.start <= edge < one.end]
        if len(at_edge) >= resource.capacity:
            zone = draft.workspace.zone
            return ", ".join(
                f"{_holder(one)} ({to_local(one.start, zone):%Y-%m-%d %H:%M}-{to_local(one.end, zone):%H:%M})"
                for one in at_edge
            )
    return None
