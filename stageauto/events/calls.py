"""Phone calls."""

from __future__ import annotations

from stageauto.engine.event_types import EventType

_CALL = {
    "from": "the caller's number",
    "number": "the number of the customer",
    "phone": "the number of the customer",
    "to": "the number that was called",
    "channel": "the channel it came by",
    "call": "the provider's id of the call",
    "name": "the name of the caller",
}
_KEYS = ("from", "number", "phone", "contact")

EVENTS = (
    EventType(
        "call.received",
        "The customer called and somebody answered.",
        where=("channel", "number"),
        data=_CALL,
        customer=True,
        contact_keys=_KEYS,
        token_keys=("call",),
        example="""
            id: customer-called
            event: call.received
            where: {channel: call}
        """,
        group="calls",
    ),
    EventType(
        "call.missed",
        "The customer called and nobody answered.",
        where=("channel", "number"),
        data=_CALL,
        customer=True,
        contact_keys=_KEYS,
        token_keys=("call",),
        example="""
            id: call-was-missed
            event: call.missed
            if: not item.phone
            set: {phone: "{{ event.from }}"}
        """,
        group="calls",
    ),
    EventType(
        "call.finished",
        "A call with the customer is over: theirs, or one that a rule made.",
        where=("channel", "number"),
        data={
            **_CALL,
            "result": "answered, busy, no_answer or failed",
            "duration": "how long it took, in seconds",
            "direction": "in or out",
            "recording": "the address of the recording",
        },
        customer=True,
        contact_keys=("number", "phone", "from", "contact"),
        token_keys=("call",),
        example="""
            id: we-spoke
            event: call.finished
            where: {result: answered}
        """,
        group="calls",
    ),
)
