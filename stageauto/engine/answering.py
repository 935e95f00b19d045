"""Staff answers a customer in a chat, by hand."""

from __future__ import annotations

from stageauto.engine.commands import By, note
from stageauto.engine.draft import Draft
from stageauto.engine.outgoing import key_of, suppression
from stageauto.engine.state import Delivery, Item
from stageauto.errors import UsageError


def reply(draft: Draft, by: By, item: Item, chat: str, text: str) -> Delivery:
    """Puts the answer into the outbox. Raises UsageError where the item's customer has no such chat or opted out."""
    found = [
        (contact, one)
        for contact_id in item.contacts
        if (contact := draft.contact(contact_id)) is not None
        for one in contact.chats
        if one["value"] == chat
    ]
    if not found:
        raise UsageError(f"the chat {chat} is none of the customer of {item.id}", "see `stageauto chat list`")
    contact, address = found[0]
    refused = suppression(draft, contact.id, "chat", (chat,), by.at, capped=False)
    if refused is not None:
        raise UsageError(f"nothing is sent: {refused[1]}")
    name = address.get("type", "")
    known = draft.workspace.channels.get(name)
    delivery_id = f"{item.id}:reply:{by.id}"
    made = Delivery(
        id=delivery_id, item=item.id, run="", rule="", pipeline=item.pipeline, do="send_chat",
        channel=name if known is not None and known.kind == "chat" else "chat", kind="chat", to=chat,
        key=key_of(draft, delivery_id), contact=contact.id, addresses=(chat,), forward=True,
        message={"to": chat, "text": text, "attachments": [], "author": by.author}, due=by.at, decided_at=by.at,
    )  # fmt: skip
    draft.put_delivery(made)
    note(draft, by, "reply", item.id, {"chat": chat, "text": text})
    return made
