"""Mails that come, and what becomes of those that went out."""

from __future__ import annotations

from stageauto.engine.event_types import EventType

_TRACKED = {
    "rule": "the rule that sent the mail",
    "email": "whom it went to",
    "message_id": "the Message-ID of the mail",
    "token": "the token of the tracking link",
    "likely_machine": "true where it looks like a mail program or a virus scanner instead of a person",
}

EVENTS = (
    EventType(
        "email.received",
        "A mail came in. An answer finds its item by the mail that it answers, another mail by its sender. An "
        "automatic answer is written to the history, but ends no wait, moves nothing and creates nothing, unless a "
        "trigger or an intake asks for `where: {auto: true}`. Our own mails that come back are dropped.",
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
            "cc": "who got a copy",
            "attachments": "the files that came with it: name, mime, size and, as a field takes it, file of each",
            "message_id": "its Message-ID",
            "in_reply_to": "the Message-ID of the mail that it answers",
            "references": "the Message-IDs of the whole conversation",
            "token": "what stood behind the plus of the address that it was sent to",
            "auto": "true where a machine wrote it: a vacation note, a receipt",
            "truncated": "true where it was too long to be taken whole",
        },
        customer=True,
        machine=("auto",),
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
        "email.bounced",
        "A mail of a rule did not arrive. Where that is for good, the customer's address is marked, and later mails to "
        "it are `undeliverable` until somebody sets it anew.",
        where=("rule", "permanent"),
        data={
            "address": "the address that it did not arrive at",
            "permanent": "true where the address itself is no good; false for a full mailbox and the like",
            "code": "the status that the server gave, such as 5.1.1",
            "reason": "what the server said",
            "rule": "the rule that sent the mail",
            "delivery": "its entry in the outbox",
            "to": "whom that mail went to",
            "message_id": "the Message-ID of that mail",
            "references": "other Message-IDs that the report names",
            "channel": "the mailbox that the report came to",
        },
        token_keys=("message_id", "references"),
        example="""
            id: address-is-wrong
            event: email.bounced
            where: {permanent: true}
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
        machine=("likely_machine",),
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
        machine=("likely_machine",),
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
    EventType(
        "email.unsubscribed",
        "The customer wants no more mail: by one click in the mail program, by the page of the link, or by a mail "
        "whose subject is `unsubscribe`. The contact is opted out of mail before any trigger is asked.",
        where=("rule",),
        data={"rule": "the rule that sent the mail", "email": "whom it went to", "one_click": "by the mail program"},
        customer=True,
        contact_keys=("email", "contact"),
        token_keys=("token", "message_id"),
        example="""
            id: wants-no-mail
            event: email.unsubscribed
            route: all
        """,
        group="mail",
    ),
)
