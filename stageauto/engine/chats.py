"""Chats: when one is new, which invitation it came by, and whose it is from then on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from stageauto.engine import people
from stageauto.engine.changing import change_fields
from stageauto.engine.draft import Draft
from stageauto.engine.model import Event
from stageauto.engine.state import ChatLine, Contact, Item, Link

STARTED, MESSAGE = "chat.started", "chat.message"
INVITATION = "invitation"
"""The kind of the personal link in an invitation, and the key of an event's data that has its hash."""


def of_staff(draft: Draft, event: Event) -> bool:
    """True for what somebody of the staff writes to the bot that brings them their notifications."""
    chat = event.data.get("chat")
    if event.type not in (STARTED, MESSAGE) or not isinstance(chat, str):
        return False
    return any(one.telegram and chat == f"telegram:{one.telegram}" for one in draft.workspace.users.values())


def begins(draft: Draft, event: Event) -> Event | None:
    """The `chat.started` that goes before a customer's first message in a chat, or None where the chat is known."""
    chat = event.data.get("chat")
    if event.type != MESSAGE or not isinstance(chat, str) or not chat or draft.find_contacts(chat):
        return None
    return replace(event, type=STARTED)


def invited(draft: Draft, event: Event) -> Item | None:
    """The item to which the customer was invited by the link that opened this chat.

    An invitation opens one chat only: who gets hold of it later gets into nothing.
    """
    link = _invitation(draft, event)
    item = draft.item(link.item) if link else None
    return item if item is not None and not item.deleted else None


def tie(draft: Draft, item: Item, event: Event) -> None:
    """Makes the chat the newest one of the item's customer; a chat is one contact's only.

    By an invitation, or where it opens on this very item; an item without a contact gets one.
    """
    chat = event.data.get("chat")
    if event.type != STARTED or not isinstance(chat, str) or not chat:
        return
    link = _invitation(draft, event)
    contact = _customer(draft, item, link, event)
    if any(one["value"] == chat for one in contact.chats) and contact.chats[-1]["value"] == chat:
        changed = False
    else:
        contact.chats = [one for one in contact.chats if one["value"] != chat]
        contact.chats.append(address(event))
        changed = True
    for other_id in draft.find_contacts(chat):
        other = draft.contact(other_id)
        if other is not None and other.id != contact.id:
            other.chats = [one for one in other.chats if one["value"] != chat]
            draft.put_contact(other)
    if changed:
        draft.put_contact(contact)
        data = {"contact": contact.id, "changed": ["chats"], "created": False}
        draft.record(event.at, "contact", item.id, event.source or STARTED, data)
    if link is not None:
        draft.put_link(replace(link, data={**link.data, "chat": chat}))


def keep(draft: Draft, event: Event) -> None:
    """Writes what a customer said into the chat."""
    chat, text = event.data.get("chat"), event.data.get("text")
    if event.type == MESSAGE and isinstance(chat, str) and chat:
        said = str(text or "")
        draft.put_chat_line(ChatLine(chat, event.at, "", said, str(event.data.get("channel") or "")))


def address(event: Event) -> dict[str, str]:
    """The chat of an event as contacts keep it: its id, and the channel it came by."""
    return {"value": str(event.data["chat"]), "type": str(event.data.get("channel") or "other")}


def _invitation(draft: Draft, event: Event) -> Link | None:
    hashed = event.data.get(INVITATION)
    link = draft.link(hashed) if event.type == STARTED and isinstance(hashed, str) and hashed else None
    if link is None or link.kind != INVITATION:
        return None
    return link if link.data.get("chat", event.data.get("chat")) == event.data.get("chat") else None


def _customer(draft: Draft, item: Item, link: Link | None, event: Event) -> Contact:
    """Whom the invitation went to, else the item's first contact, else a new one."""
    for contact_id in ([link.target] if link else []) + item.contacts:
        found = draft.contact(contact_id)
        if found is not None:
            return found
    made = people.new_contact(draft)
    values: dict[str, Any] = people.from_event(event.data, None)
    people.change_contact(made, {name: value for name, value in values.items() if name != "chat"})
    draft.put_contact(made)
    change_fields(draft, item, {"contacts": [*item.contacts, made.id]}, event.at, event.source, event.cascade)
    return made
