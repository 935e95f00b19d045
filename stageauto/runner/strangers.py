"""Customers who came later, and what others were known by only later: for a copy that is taken back to a moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stageauto.engine.addresses import normal
from stageauto.engine.ports import Changes
from stageauto.engine.state import Contact

if TYPE_CHECKING:
    from stageauto.store.sqlite_state import SqliteState

_ADDRESSES = ("email", "phone", "from", "number", "chat", "contact")


def strangers(state: SqliteState, new: list[str], at: int) -> list[str]:
    """Ids of the contacts that came with the `new` items, which are made again; those that were imported are there."""
    came = state.contacts_only_of(new)
    if not came:
        return []
    rows = (row for row in state.journal() if row.at >= at and row.type == "command.import")
    imported = {contact for row in rows for contact in row.data["contacts"]}
    return [one for one in came if one not in imported]


def forget_strangers(state: SqliteState, at: int) -> None:
    """Takes chats and visitor ids off contacts that were not known by them before that moment (ms UTC).

    A first message makes a chat known, and is a `chat.started` only where it was not; a visitor is known as soon as the
    id comes together with an address of the contact.
    """
    contacts = [one for one in state.contacts() if one.chats or one.visitors]
    if not contacts:
        return
    heard: set[str] = set()  # chats that wrote before
    met: set[tuple[str, str]] = set()  # visitor ids with the addresses that they came with before
    later: set[str] = set()
    for row in state.journal():
        for data in (row.data, row.data.get("contact")):
            if not isinstance(data, Mapping):
                continue
            chat, visitor = str(data.get("chat") or ""), str(data.get("visitor") or "")
            if row.at >= at:
                later |= {chat, visitor}
                continue
            heard.add(chat)
            met |= {(visitor, normal(str(data[key]))) for key in _ADDRESSES if visitor and data.get(key)}
    changed = [one for one in contacts if _forget(one, later - heard, later, met)]
    state.write(Changes(contacts=changed))


def _forget(contact: Contact, chats: set[str], visitors: set[str], met: set[tuple[str, str]]) -> bool:
    """Takes off what was not known; True where something was."""
    mine = {normal(str(one["value"])) for one in (*contact.emails, *contact.phones, *contact.chats)} | {contact.id}
    kept_chats = [one for one in contact.chats if one["value"] not in chats]
    kept = [one for one in contact.visitors if one not in visitors or any((one, own) in met for own in mine)]
    known = (kept_chats, kept) == (contact.chats, contact.visitors)
    contact.chats, contact.visitors = kept_chats, kept
    return not known
