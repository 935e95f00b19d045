"""Calls from other systems."""

from __future__ import annotations

from stageauto.engine.event_types import EventType

EVENTS = (
    EventType(
        "webhook.received",
        "Another system called a hook of stageauto.yaml. What it sent is the event's data.",
        where=("hook",),
        data={"hook": "which hook, as set up in stageauto.yaml"},
        open_data=True,
        contact_keys=("email", "phone", "contact"),
        token_keys=("token", "document", "booking", "call", "message_id"),
        example="""
            id: erp-shipped
            event: webhook.received
            where: {hook: erp, status: shipped}
            set: {tracking_no: "{{ event.tracking }}"}
        """,
        group="hooks",
    ),
)
