"""Chats."""

from __future__ import annotations

from stageauto.engine.event_types import EventType

_CHAT = {
    "channel": "the channel it came by",
    "chat": "the id of the chat",
    "text": "what was written",
    "name": "the name of the customer",
    "phone": "the phone of the customer",
    "language": "the language of the customer's program",
    "attachments": "the files that came with it",
}
_KEYS = ("chat", "phone", "contact")

EVENTS = (
    EventType(
        "chat.started",
        "The customer opened a chat, or wrote for the first time in one; `chat.message` comes after it.",
        where=("channel",),
        data={**_CHAT, "invitation": "the SHA-256 of the invitation that the customer followed"},
        customer=True,
        contact_keys=_KEYS,
        token_keys=("token",),
        example="""
            id: chat-was-opened
            event: chat.started
            where: {channel: [chat, whatsapp]}
        """,
        group="chats",
    ),
    EventType(
        "chat.message",
        "The customer wrote in a chat; the first message counts too.",
        where=("channel",),
        data=_CHAT,
        customer=True,
        contact_keys=_KEYS,
        token_keys=("token",),
        example="""
            id: wrote-in-chat
            event: chat.message
            if: "'price' in event.text"
        """,
        group="chats",
    ),
)
