"""The shape of a scenario, as JSON Schema."""

from __future__ import annotations

from typing import Any, Final

from stageauto.engine.state import OUTCOMES, Activity, Booking, Task
from stageauto.loader.shapes import ANYTHING, FREE, SPAN, SWITCH, WHOLE, many, mapping, text

Json = dict[str, Any]

LOCAL: Final = text("A local time.", examples=["2026-03-02T09:00"])
ADDRESSES: Final[Json] = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"anyOf": [
            {"type": "string"},
            mapping("", {"value": text("It."), "type": text("work, private, mailing, mobile, ...")}, ("value",)),
        ]}},
    ],
    "description": "Addresses in the order they were added; one alone may stand as plain text.",
}  # fmt: skip
OPT_OUT: Final[Json] = {
    "anyOf": [
        {"type": "boolean"},
        {"type": "array", "items": {"enum": ["mail", "sms", "call", "chat", "whatsapp", "audience"]}},
    ],
    "description": "What they do not want: kinds of message, to be in audiences; or true for all.",
}
CONTACT_KEYS: Final[Json] = {
    "first_name": text("First name."),
    "last_name": text("Last name."),
    "emails": ADDRESSES,
    "phones": ADDRESSES,
    "chats": ADDRESSES,
    "visitors": many("Ids of their visits to the site.", {"type": "string"}),
    "language": text("Their language."),
    "timezone": text("Their zone."),
    "opt_out": OPT_OUT,
    "company": text("Id of a given company."),
}
COMPANY_KEYS: Final[Json] = {"name": text("Its name."), "emails": ADDRESSES, "phones": ADDRESSES}
CONTACT: Final = mapping("A contact.", {"id": text("Its id in this scenario."), **CONTACT_KEYS})
COMPANY: Final = mapping("A company.", {"id": text("Its id in this scenario."), **COMPANY_KEYS})
WHO: Final[Json] = {"anyOf": [{"type": "string"}, CONTACT]}
ITEM: Final = mapping(
    "An item that is there at the start.",
    {
        "id": text("Its id in this scenario."),
        "pipeline": text("Its pipeline."),
        "stage": text("Its stage; default: the first."),
        "title": text("Its title."),
        "responsible": text("A user."),
        "fields": FREE,
        "contact": {**WHO, "description": "Its contact: an id of `given.contacts`, or written out."},
        "contacts": many("Its contacts.", WHO),
        "company": {"anyOf": [{"type": "string"}, COMPANY], "description": "Its company: an id, or written out."},
        "tags": many("Its tags.", {"type": "string"}),
        "source": text("Where it came from."),
    },
    ("id", "pipeline"),
)
FAIL: Final = mapping(
    "Sending fails.",
    {
        "channel": text("A kind (mail, sms, ...) or a channel's name."),
        "times": {**WHOLE, "description": "So many tries fail; none = all."},
        "error": text("What the service says."),
        "permanent": {**SWITCH, "description": "A final refusal: trying again is no use."},
    },
    ("channel",),
)
GIVEN: Final = mapping(
    "What is there at the start.",
    {
        "items": {
            "type": "array",
            "description": "Created in this order, then entered into their stages in this order.",
        },
        "contacts": {"type": "array", "description": "Customers."},
        "companies": {"type": "array", "description": "Their companies."},
        "exceptions": many("Addresses on the exceptions list.", {"type": "string"}),
        "fail": {"type": "array", "description": "What fails when it is sent."},
    },
)
_ITEM_WORDS: Final[Json] = {
    "stage": text("Its stage."),
    "pipeline": text("Its pipeline."),
    "title": text("Its title."),
    "responsible": {"type": ["string", "null"]},
    "fields": FREE,
    "on_hold": SWITCH,
    "tags": many("", {"type": "string"}),
    "source": text("Where it came from."),
    "repeat": SWITCH,
    "contact": ANYTHING,
    "contacts": ANYTHING,
    "company": ANYTHING,
}
_OPEN_TEXT: Final[Json] = {}


def _slots(cls: type) -> Json:
    return dict.fromkeys(cls.__dataclass_fields__, _OPEN_TEXT)  # type: ignore[attr-defined]


MESSAGE: Final = mapping(
    "A message.",
    dict.fromkeys(("do", "rule", "item", "channel", "to", "subject", "text", "at"), _OPEN_TEXT),
)
_CONTACT_WORDS: Final = dict.fromkeys(("id", "name", "email", "phone", *CONTACT_KEYS), _OPEN_TEXT)
LISTS: Final[Json] = {
    "sent": many("Messages that were sent, staff's too.", MESSAGE),
    "not_sent": many("Messages that were not sent.", MESSAGE),
    "pending": many("What waits.", mapping("", dict.fromkeys(("rule", "item", "due", "do", "stage"), _OPEN_TEXT))),
    "outcomes": many("How rules ended.", mapping("", {
        "rule": _OPEN_TEXT, "item": _OPEN_TEXT, "outcome": {"enum": list(OUTCOMES)}, "because": _OPEN_TEXT})),
    "created": many("Items that were created.", mapping("", {"id": text("Its id."), **_ITEM_WORDS})),
    "events": many("What became of events.", mapping("", {
        "event": _OPEN_TEXT, "item": _OPEN_TEXT, "id": _OPEN_TEXT, "moved_to": _OPEN_TEXT,
        "outcome": {"enum": ["moved", "no_effect", "created", "duplicate", "unmatched", "queued"]}})),
    "tasks": many("Tasks.", mapping("", _slots(Task))),
    "activities": many("Activities, calls, meetings.", mapping("", _slots(Activity))),
    "bookings": many("Bookings.", mapping("", _slots(Booking))),
    "documents": many("Documents; `text` is all that is written on one.", mapping("", dict.fromkeys(
        ("id", "item", "rule", "template", "name", "number", "state", "text"), _OPEN_TEXT))),
    "contacts": many("Contacts.", mapping("", _CONTACT_WORDS)),
}  # fmt: skip
EXPECT: Final = mapping(
    "What is expected of everything so far. Lists mean contains; with `exactly` those that are there are whole.",
    {
        "items": {
            "type": "object",
            "additionalProperties": {"anyOf": [{"type": "null"}, mapping("", dict(_ITEM_WORDS))]},
            "description": "Items by id; null = deleted.",
        },
        "moves": {
            "type": "object",
            "additionalProperties": many("", {"type": "string"}),
            "description": "The whole path of an item, the given stage first.",
        },
        **LISTS,
        "exactly": SWITCH,
    },
    minProperties=1,
)


def _on_item(description: str, more: Json, required: tuple[str, ...]) -> Json:
    return mapping(description, {"item": text("An item."), **more, "as": text("The user who does it.")}, required)


_ITEM_ONLY: Final[Json] = {"anyOf": [{"type": "string"}, _on_item("", {}, ("item",))]}
DEEDS: Final[Json] = {
    "emit": text("An event."),
    "move": _on_item(
        "A move by hand.", {"to": text("A stage."), "reason": text("Why."), "restart": SWITCH}, ("item", "to")
    ),
    "set": _on_item(
        "Fields changed by hand; null empties one.", {"fields": {**FREE, "minProperties": 1}}, ("item", "fields")
    ),
    "delete": {**_ITEM_ONLY, "description": "An item deleted by hand."},
    "hold": {**_ITEM_ONLY, "description": "An item put on hold."},
    "resume": {**_ITEM_ONLY, "description": "An item's hold ended."},
    "expect": EXPECT,
}
STEP: Final = mapping(
    "One of emit, move, set, delete, hold, resume, expect, after its time.",
    {
        "after": {**SPAN, "description": "Since the step before."},
        "at": LOCAL,
        **DEEDS,
        "item": text("`emit` only: the item."),
        "contact": text("`emit` only: the contact, by id or any address."),
        "id": text("`emit` only: the event's id."),
        "data": {**FREE, "description": "`emit` only: the event's data."},
    },
    minProperties=1,
)
# What is checked on its own, so that a fault in it does not hide the others.
OUTER_STEP: Final[Json] = {**STEP, "properties": {**STEP["properties"], "expect": FREE}}
OUTER_EXPECT: Final[Json] = {
    **EXPECT,
    "properties": {**EXPECT["properties"], **{name: {"type": "array"} for name in LISTS}},
}
SCENARIO: Final = mapping(
    "A test on a virtual clock.",
    {
        "scenario": text("What it shows."),
        "start": LOCAL,
        "given": {"type": "object", "description": "What is there at the start."},
        "steps": {"type": "array", "description": "What happens, in order."},
    },
    ("scenario", "start", "steps"),
)
