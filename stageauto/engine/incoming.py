"""Mail that comes in: what is our own, what a machine wrote, and addresses that turn out to be no good."""

from __future__ import annotations

import hmac
from base64 import b32encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parseaddr
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from stageauto.engine.addresses import normal
from stageauto.engine.files import file_name
from stageauto.engine.state import StoredFile

if TYPE_CHECKING:
    from stageauto.engine.draft import Draft
    from stageauto.engine.event_types import EventType
    from stageauto.engine.model import Event, Workspace
    from stageauto.engine.state import Company, Contact, Item

RECEIVED, BOUNCED = "email.received", "email.bounced"
TOKEN_LENGTH = 16
FROM_CHANNEL = "channel:"
"""What the source of an event begins with that a channel of ours took in."""


# -- what is no customer's doing --------------------------------------------------------------------------------------


def is_own(draft: Draft, event: Event) -> bool:
    """True for a mail that came back to where it left: one that a rule sent, or one of our own addresses.

    An event that names its item was given by somebody who knows what it is.
    """
    if event.type != RECEIVED or event.item is not None:
        return False
    message_id = event.data.get("message_id")
    if isinstance(message_id, str) and message_id and draft.item_of_token("message_id", message_id):
        return True
    written = str(event.data.get("email") or event.data.get("from") or "")
    address = normal(parseaddr(written)[1] or written)
    return "@" in address and address in _own_addresses(draft.workspace)


def _own_addresses(workspace: Workspace) -> set[str]:
    written = [one.email for one in workspace.users.values()]
    for channel in workspace.channels.values():
        sender = channel.options.get("from")
        if channel.kind == "mail" and isinstance(sender, str):
            written.append(parseaddr(sender)[1] or sender)
    return {normal(one) for one in written if one}


def heeded(kind: EventType, data: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    """False for what a machine did in the customer's name, unless `where` asks for just that."""
    return not kind.machine or all(key in where for key in kind.machine if data.get(key) in (True, "true"))


# -- files ------------------------------------------------------------------------------------------------------------


def keep_files(draft: Draft, item: Item, event: Event) -> Event:
    """Makes the files that came with an event files of the item; its data then names each, as a field refers to it.

    Only what a channel took in is believed to have a content of that hash in the state.
    """
    listed = event.data.get("attachments")
    if not event.source.startswith(FROM_CHANNEL) or not isinstance(listed, list | tuple):
        return event
    named = []
    for one in listed:
        if not isinstance(one, Mapping) or not one.get("hash"):
            named.append(one)
            continue
        name, media = file_name(str(one.get("name") or "")), str(one.get("mime") or "application/octet-stream")
        kept = StoredFile(
            draft.new_id("file"), item.id, name, media, event.at, str(one["hash"]), int(one.get("size") or 0)
        )
        draft.changes.files.append(kept)
        named.append({"name": name, "mime": media, "size": kept.size, "file": kept.ref})
    return replace(event, data={**event.data, "attachments": named})


# -- plus addresses ---------------------------------------------------------------------------------------------------


def plus_token(secret: str, item_id: str) -> str:
    """What stands behind the plus for this item: 16 letters of base 32, which survive every change of case."""
    digest = hmac.digest(secret.encode(), f"plus:{item_id}".encode(), sha256)
    return b32encode(digest)[:TOKEN_LENGTH].decode().lower()


def plus_address(workspace: Workspace, channel: str) -> str:
    """The address of the mailbox with `plus: true` that the channel sends from; "" where there is none."""
    sender = workspace.channel(channel).options.get("from")
    address = parseaddr(sender)[1] if isinstance(sender, str) else ""
    for one in workspace.channels.values():
        own = one.options.get("address") or one.options.get("user")
        if one.options.get("plus") is True and isinstance(own, str) and address and normal(own) == normal(address):
            return address
    return ""


# -- addresses that are no good ---------------------------------------------------------------------------------------


def mark_bounced(draft: Draft, event: Event, item: Item | None) -> None:
    """Notes with the customer's address that nothing arrives there, where a bounce says so for good.

    Only a bounce of a mail of ours counts (its item was found), or one that somebody told us by hand.
    """
    data = event.data
    address = str(data.get("address") or data.get("to") or "")
    if event.type != BOUNCED or data.get("permanent") not in (True, "true") or not address:
        return
    if item is None and event.contact is None:
        return
    why = " ".join(str(data[key]) for key in ("code", "reason") if data.get(key))[:200]
    when = f"{datetime.fromtimestamp(event.at // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
    marked = False
    for contact_id in draft.find_contacts(address):
        contact = draft.contact(contact_id)
        if contact is not None and _mark(contact, address, when, why):
            draft.put_contact(contact)
            marked = True
    company = draft.company(item.company) if item is not None and item.company else None
    if company is not None and _mark(company, address, when, why):
        draft.put_company(company)
        marked = True
    if marked and item is not None:
        draft.record(event.at, "bounced", item.id, event.source, {"address": address, "because": why})


def _mark(holder: Contact | Company, address: str, when: str, why: str) -> bool:
    marked = False
    for place, one in enumerate(holder.emails):
        if normal(one.get("value", "")) == normal(address):
            holder.emails[place] = {**one, "bounced": when, **({"because": why} if why else {})}
            marked = True
    return marked


def bounced(draft: Draft, item: Item, contact_id: str | None, to: str) -> str | None:
    """Why nothing arrives at this address of a customer, or None where nothing is known against it."""
    contact = draft.contact(contact_id) if contact_id else None
    company = draft.company(item.company) if contact is None and item.company else None
    holder: Contact | Company | None = contact or company
    known: Sequence[dict[str, str]] = holder.emails if holder else ()
    for one in known:
        if one.get("bounced") and normal(one.get("value", "")) == normal(to):
            because = f" ({one['because']})" if one.get("because") else ""
            return f"{to} bounced on {one['bounced'][:10]}{because}; set the address anew to try it again"
    return None
