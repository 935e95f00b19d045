"""Documents and signatures."""

from __future__ import annotations

from stageauto.engine.event_types import EventType

_DOCUMENT = {
    "template": "the template it was made of",
    "document": "the id of the document",
    "name": "its name",
    "number": "its number",
    "email": "the e-mail of the customer",
}
_SIGNED = {**_DOCUMENT, "signer": "who signed"}
_KEYS = ("email", "contact")
_TOKENS = ("document", "token")

EVENTS = (
    EventType(
        "document.created",
        "A document was made for the item.",
        where=("template",),
        data=_DOCUMENT,
        engine=True,
        token_keys=_TOKENS,
        example="""
            id: contract-is-ready
            event: document.created
            where: {template: contract}
        """,
        group="documents",
    ),
    EventType(
        "document.opened",
        "The customer opened a document by its personal link.",
        where=("template",),
        data=_DOCUMENT,
        customer=True,
        contact_keys=_KEYS,
        token_keys=_TOKENS,
        example="""
            id: offer-was-read
            event: document.opened
            where: {template: offer}
        """,
        group="documents",
    ),
    EventType(
        "document.signed_by_sender",
        "Somebody of the staff signed a document.",
        where=("template",),
        data=_SIGNED,
        token_keys=_TOKENS,
        example="""
            id: we-signed
            event: document.signed_by_sender
            where: {template: contract}
        """,
        group="documents",
    ),
    EventType(
        "document.signed_by_recipient",
        "The customer signed a document.",
        where=("template",),
        data=_SIGNED,
        customer=True,
        contact_keys=_KEYS,
        token_keys=_TOKENS,
        example="""
            id: customer-signed
            event: document.signed_by_recipient
            where: {template: contract}
            if: item.amount > 0
            set: {signed_at: "{{ now }}"}
        """,
        group="documents",
    ),
    EventType(
        "document.signed_by_all",
        "Everybody who was asked has signed a document.",
        where=("template",),
        data=_SIGNED,
        contact_keys=_KEYS,
        token_keys=_TOKENS,
        example="""
            id: all-signed
            event: document.signed_by_all
            where: {template: [contract, annex]}
        """,
        group="documents",
    ),
)
