"""Payments."""

from __future__ import annotations

from stageauto.engine.event_types import EventType

EVENTS = (
    EventType(
        "invoice.paid",
        "An invoice was paid, as the bank's or the shop's system reports.",
        data={
            "invoice": "the number of the invoice",
            "document": "the id of the document",
            "amount": "how much was paid",
            "currency": "in which currency",
            "paid_at": "when",
            "email": "the e-mail of who paid",
        },
        contact_keys=("email", "contact"),
        token_keys=("document", "token"),
        example="""
            id: money-is-here
            event: invoice.paid
            if: event.amount >= item.amount
        """,
        group="invoices",
    ),
)
