"""QR codes."""

from __future__ import annotations

from stageauto.engine.event_types import EventType

EVENTS = (
    EventType(
        "qr.scanned",
        "Somebody scanned a QR code of the item and followed it.",
        data={
            "link": "where it leads",
            "token": "the token in the code",
            "rule": "the rule that made it",
            "likely_machine": "true where it looks like a program instead of a person",
        },
        machine=("likely_machine",),
        customer=True,
        contact_keys=("contact",),
        token_keys=("token",),
        example="""
            id: code-was-scanned
            event: qr.scanned
        """,
        group="qr",
    ),
)
