"""Text messages that come in."""

from __future__ import annotations

from stageauto.engine.event_types import EventType

EVENTS = (
    EventType(
        "sms.received",
        "The customer sent a text message.",
        where=("channel",),
        data={
            "from": "the number it came from",
            "number": "the number it came from",
            "phone": "the number it came from",
            "to": "the number it was sent to",
            "text": "its text",
            "channel": "the channel it came by",
            "message_id": "the provider's id of the message",
        },
        customer=True,
        contact_keys=("from", "number", "phone", "contact"),
        example="""
            id: customer-texted
            event: sms.received
            if: "'yes' in (event.text | lower)"
        """,
        group="sms",
    ),
)
