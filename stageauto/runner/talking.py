"""Chats with customers as staff sees them, and staff's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stageauto.engine.permissions import ITEMS_READ, ITEMS_UPDATE
from stageauto.errors import UsageError
from stageauto.runner.facts import read_facts
from stageauto.runner.look import looking
from stageauto.runner.work import Listed

if TYPE_CHECKING:
    from stageauto.engine.commands import By
    from stageauto.engine.draft import Draft
    from stageauto.engine.state import ChatLine, Delivery
    from stageauto.runner.session import Session
    from stageauto.store.sqlite_state import SqliteReader

MOST = 200


def chats(session: Session) -> Listed[ChatLine]:
    """The newest line of each chat, the chat written in last first. Raises NotAllowedError."""
    with looking(session, ITEMS_READ) as look:
        return Listed(look.state.chats(MOST), look.facts)


def lines(session: Session, named: str) -> Listed[ChatLine]:
    """The lines of a chat and staff's notes beside it, by time; named by itself or by its item.

    Raises UsageError, NotAllowedError.
    """
    with session.store.read() as state:
        item, chat = _find(session, state, named)
        facts = read_facts(state)
        session.demand(state, ITEMS_READ, _pipeline(state, item))
        found = [*state.chat_lines(chat, limit=MOST), *_notes(state, item, chat)]
        return Listed(sorted(found, key=lambda one: (one.at, one.seq))[-MOST:], facts)


def reply(session: Session, named: str, text: str) -> Delivery:
    """Writes an answer into a chat, named by itself or by its item; the daemon sends it.

    Raises UsageError, NotAllowedError.
    """
    from stageauto.engine.answering import reply as answer

    if not text.strip():
        raise UsageError("the answer is empty", "write what is to be said")
    with session.store.read() as state:
        item_id, chat = _find(session, state, named)

    def deed(draft: Draft, by: By) -> Delivery:
        item = draft.item(item_id)
        if item is None or item.deleted:
            raise UsageError(f"there is no item `{item_id}`")
        return answer(draft, by, item, chat, text)

    return session.decide(
        deed, permission=ITEMS_UPDATE, pipeline_of=lambda state: _pipeline(state, item_id), action="chat reply",
        target=item_id,
    )  # fmt: skip


def _notes(state: SqliteReader, item: str, chat: str) -> list[ChatLine]:
    from stageauto.engine.state import ChatLine

    return [
        ChatLine(chat, one.at, one.author, str(one.data.get("text") or ""), seq=one.seq, hidden=True)
        for one in state.timeline(item)
        if one.kind == "chat_note" and one.data.get("chat") in {chat, ""}
    ]


def _pipeline(state: SqliteReader, item_id: str) -> str | None:
    item = state.item(item_id)
    return item.pipeline if item else None


def _find(session: Session, state: SqliteReader, named: str) -> tuple[str, str]:
    """Item and chat: an item means the chat that its customer opened last, a chat its customer's newest item."""
    for contact_id in state.find_contacts(named):
        contact = state.contact(contact_id)
        if contact is not None and any(one["value"] == named for one in contact.chats):
            items = state.items_of_contact(contact_id)
            if not items:
                raise UsageError(f"nobody's item has the chat {named}", "give a pipeline an intake on chat.started")
            return items[-1], named
    if state.chat_lines(named, limit=1):
        raise UsageError(f"nobody's item has the chat {named}", "give a pipeline an intake on chat.started")
    item_id = session.item_id(state, named)
    item = state.item(item_id)
    for contact_id in item.contacts if item else ():
        contact = state.contact(contact_id)
        if contact is not None and contact.chats:
            return item_id, contact.chats[-1]["value"]
    raise UsageError(f"the customer of {item_id} never opened a chat", "see `stageauto chat list`")
