"""Customers who came later, and what others were known by only later: for a copy that is taken back to a moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stageauto.engine.ports import Changes
from stageauto.engine.state import Contact

if TYPE_CHECKING:
    from stageauto.store.sqlite_state import SqliteState


def strangers(state: SqliteState, new: list[str], at: int) -> list[str]:
    """Ids of the contacts that came with the `new` items, which are made again; those that were imported are there."""
    came = state.contacts_only_of(new)
    if not came:
        return []
    rows = (row for row in state.journal() if row.at >= at and row.type == "command.import")
    imported = {contact for row in rows for contact in row.data["contacts"]}
    return [one for one in came if one not in imported]


def forget_strangers(state: SqliteState, at: int) -> None:
    """Takes chats and visitor ids off contacts of which nothing was heard before that moment (ms UTC).

    A first message makes a chat known, and is a `chat.started` only where it was not.
    """
    contacts = [one for one in state.contacts() if one.chats or one.visitors]
    if not contacts:
        return
    before: set[str] = set()
    later: set[str] = set()
    for row in state.journal():
        (before if row.at < at else later).update(_ids(row.data))
    new = later - before
    changed = [one for one in contacts if _without(one, new)]
    state.write(Changes(contacts=changed))


def _ids(data: Mapping[str, Any]) -> Iterator[str]:
    for values in (data, data.get("contact")):
        if isinstance(values, Mapping):
            yield from (str(values[key]) for key in ("chat", "visitor") if values.get(key))


def _without(contact: Contact, new: set[str]) -> bool:
    """Takes them off; True where it had one of them."""
    chats = [one for one in contact.chats if one["value"] not in new]
    visitors = [one for one in contact.visitors if one not in new]
    known = (chats, visitors) == (contact.chats, contact.visitors)
    contact.chats, contact.visitors = chats, visitors
    return not known
