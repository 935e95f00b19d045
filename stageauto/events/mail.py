"""Mails that come, and what becomes of those that went out."""

from __future__ import annotations

from stageauto.engine.event_types import EventType

_TRACKED = {
    "rule": "the rule that sent the mail",
    "email": "whom it went to",
    "message_id": "the Message-ID of the mail",
    "token": "the token of the tracking link",
    "scanner": "true where it looks like a mail program or a virus scanner instead of a person",
}

EVENTS = (
    EventType(
        "email.received",
        "A mail came in. An answer finds its item by the mail that it answers, another mail by its sender.",
        where=("channel", "from"),
        data={
            "from": "who wrote it",
            "email": "the address of who wrote it",
            "name": "the name of who wrote it",
            "to": "whom it was written to",
            "channel": "the channel it came by",
            "subject": "its subject",
            "text": "its text",
            "html": "its HTML",
            "attachments": "the files that came with it",
            "message_id": "its Message-ID",
            "in_reply_to": "the Message-ID of the mail that it answers",
            "references": "the Message-IDs of the whole conversation",
        },
        customer=True,
        contact_keys=("from", "email", "contact"),
        token_keys=("in_reply_to", "references", "token"),
        example="""
            id: customer-answered
            event: email.received
            if: item.amount > 0
            set: {note: "{{ event.subject }}"}
        """,
        group="mail",
    ),
    EventType(
        "email.sent",
        "A mail of a rule to the customer went out.",
        where=("channel",),
        data={
            "channel": "the channel it left by",
            "delivery": "its entry in the outbox",
            "rule": "the rule that sent it",
            "to": "whom it went to",
            "subject": "its subject",
            "message_id": "its Message-ID",
        },
        engine=True,
        token_keys=("message_id",),
        example="""
            id: mail-went-out
            event: email.sent
            where: {channel: mail}
        """,
        group="mail",
    ),
    EventType(
        "email.opened",
        "The customer opened a mail sent with `track_opens`. A hint, not a proof: mail programs load pictures ahead.",
        where=("rule",),
        data=_TRACKED,
        customer=True,
        contact_keys=("email", "contact"),
        token_keys=("token", "message_id"),
        example="""
            id: mail-was-opened
            event: email.opened
            where: {rule: offer-mail}
        """,
        group="mail",
    ),
    EventType(
        "email.link_clicked",
        "The customer followed a link in a mail sent with `track_links`. Virus scanners follow links too.",
        where=("link",),
        data={"link": "where the link leads", **_TRACKED},
        customer=True,
        contact_keys=("email", "contact"),
        token_keys=("token", "message_id"),
        example="""
            id: wants-prices
            event: email.link_clicked
            where: {link: "https://acme.test/prices"}
        """,
        group="mail",
    ),
)
