"""What became of messages after their provider had taken them."""

from __future__ import annotations

from stageauto.engine.event_types import EventType

_DATA = {
    "to": "the number that it went to",
    "channel": "the channel it left by",
    "rule": "the rule that sent it",
    "delivery": "its entry in the outbox",
    "message_id": "our key of the message, which the provider was given",
}

EVENTS = (
    EventType(
        "message.delivered",
        "An SMS or WhatsApp message of a rule arrived, as the provider tells.",
        where=("channel", "rule"),
        data=_DATA,
        token_keys=("message_id",),
        example="""
            id: sms-is-there
            event: message.delivered
            where: {rule: call-back}
        """,
        group="messages",
    ),
    EventType(
        "message.failed",
        "An SMS or WhatsApp message of a rule did not arrive, although its provider had taken it.",
        where=("channel", "rule"),
        data={**_DATA, "code": "the provider's code of what went wrong", "reason": "what the provider said"},
        token_keys=("message_id",),
        example="""
            id: sms-got-lost
            event: message.failed
            where: {channel: sms}
        """,
        group="messages",
    ),
)
