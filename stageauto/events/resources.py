"""Bookings."""

from __future__ import annotations

from stageauto.engine.event_types import EventType

_BOOKING = {
    "resource": "what is booked",
    "booking": "the id of the booking",
    "start": "from when",
}

EVENTS = (
    EventType(
        "resource.booked",
        "A resource was booked for the item, by a rule or by `stageauto book`.",
        where=("resource",),
        data=_BOOKING,
        engine=True,
        token_keys=("booking",),
        example="""
            id: room-is-booked
            event: resource.booked
            where: {resource: meeting-room}
        """,
        group="resources",
    ),
    EventType(
        "resource.cancelled",
        "A booking of the item was cancelled.",
        where=("resource",),
        data=_BOOKING,
        engine=True,
        token_keys=("booking",),
        example="""
            id: room-is-free
            event: resource.cancelled
            where: {resource: meeting-room}
            allow_back: true
        """,
        group="resources",
    ),
)
