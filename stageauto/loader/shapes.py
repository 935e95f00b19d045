"""The shapes of what stands in the files, as JSON Schema: what the loader checks by and what editors are given."""

from __future__ import annotations

from typing import Any, Final

from stageauto.engine.model import PERMISSIONS
from stageauto.loader.wording import FIRST, LANGUAGE, words

Json = dict[str, Any]

ID: Final = "^[a-z0-9][a-z0-9_-]*$"
NAME: Final = "^[a-z_][a-z0-9_]*$"
FIELD_TYPES: Final = (
    "string", "text", "integer", "number", "money", "boolean", "date", "datetime", "choice", "user", "contact",
    "company", "item", "file", "url", "email", "phone", "booking",
)  # fmt: skip
MESSAGE_KINDS: Final = ("mail", "sms", "call", "chat", "whatsapp")
STANDARD_CHANNELS: Final = (*MESSAGE_KINDS, "webhook", "calendar")
AUDIENCE_CHANNELS: Final = ("facebook", "google_ads", "vk", "yandex", "file")
"""What an audience may name without there being a channel of that name: it is a `file` channel then."""


def text(description: str, **more: Any) -> Json:
    """A text."""
    return {"type": "string", "description": description, **more}


def mapping(description: str, properties: Json, required: tuple[str, ...] = (), **more: Any) -> Json:
    """A mapping that has these keys and no others."""
    schema: Json = {
        "type": "object",
        "description": description,
        "properties": properties,
        "additionalProperties": False,
        **more,
    }
    return {**schema, "required": list(required)} if required else schema


def named(description: str, one: Json, pattern: str = ID) -> Json:
    """A mapping from names of the admin's own to something."""
    return {
        "type": "object",
        "description": description,
        "propertyNames": {"pattern": pattern},
        "additionalProperties": one,
    }


def many(description: str, one: Json, **more: Any) -> Json:
    """A list."""
    return {"type": "array", "description": description, "items": one, **more}


def ident(description: str, **more: Any) -> Json:
    """An id: lower-case letters, digits, `-` and `_`."""
    return text(description, pattern=ID, **more)


SPAN: Final = text("A duration: 30s 10m 4h 3d 2w 1mo, joined as in 1d12h; 3wd and 4wh are working days and hours.",
                   examples=["2d", "1d12h", "3wd"])  # fmt: skip
WHOLE: Final[Json] = {"type": "integer", "minimum": 1}
FREE: Final[Json] = {"type": "object"}
ANYTHING: Final[Json] = {}
SWITCH: Final[Json] = {"type": "boolean"}
CRON: Final = text("Five fields: minute, hour, day of month, month, day of week.", examples=["0 9 * * mon-fri"])

CONDITION: Final[Json] = {
    "anyOf": [{"type": ["string", "boolean"]}, {"type": "object"}],
    "description": "An expression such as `item.amount > 5000`, or {all: [...]}, {any: [...]}, {not: ...}.",
    "examples": ["item.amount > 5000", {"all": ["item.tracking_no", "item.amount > 100"]}],
}
WHEN: Final[Json] = {
    "anyOf": [
        {"enum": ["immediately"]},
        mapping(
            "When, counted from the stage entry, a date field or a fixed time.",
            {
                "delay": {**SPAN, "description": "That long after stage entry or, with `after`, after that rule."},
                "before": text("A date or datetime field; the rule is due `by` before it."),
                "after": text("A date or datetime field; the rule is due `by` after it."),
                "by": SPAN,
                "at": text("A date or datetime field, or a fixed local time.", examples=["2026-12-24T09:00"]),
                "time": text("On the day so found, at this local time.", examples=["12:00"]),
                "if_past": {"enum": ["run", "skip"], "description": "The moment is past already when worked out."},
                "if_missing": {"enum": ["wait", "skip"], "description": "The field is empty."},
                "if_late": {
                    "anyOf": [{"enum": ["run", "skip"]}, mapping("", {"within": SPAN}, ("within",))],
                    "description": "The runner was down at the due moment.",
                },
            },
            minProperties=1,
        ),
    ],
    "description": "When the rule is due; `immediately` where it is left out.",
    "examples": ["immediately", {"delay": "2d"}, {"before": "delivery_date", "by": "1d", "time": "12:00"}],
}
RETRY: Final = mapping(
    "How often a failure that may pass is tried again; `attempts` counts tries, the first included.",
    {"attempts": WHOLE, "first": SPAN, "factor": {"type": "number", "minimum": 1}, "max": SPAN},
)
REPEAT: Final = mapping(
    "Again while the item stays in the stage; `times` counts all runs, none = until it leaves.",
    {"every": SPAN, "cron": CRON, "times": WHOLE},
    minProperties=1,
)
RULE: Final = mapping(
    "An action that the stage sets going each time an item enters it.",
    {
        "id": ident("Unique in the pipeline: by it pending work survives an edit."),
        "name": text("What people call it."),
        "do": text("The action."),
        "if": CONDITION,
        "when": WHEN,
        "hours": text("Only inside that calendar: its name, or `responsible` for that user's own."),
        "after": {
            "anyOf": [{"type": "string"}, many("Rules of this stage.", {"type": "string"}, minItems=1)],
            "description": "Begins when these rules of the stage are finished; `previous` is the nearest above.",
            "examples": ["previous", ["offer-mail", "call-back"]],
        },
        "on_leave": {"enum": ["cancel", "keep"], "description": "The item leaves the stage while this is pending."},
        "once": {"enum": ["visit", "item"], "description": "At each visit of the stage, or once in the item's life."},
        "retry": RETRY,
        "on_failure": {"enum": ["stop", "continue"], "description": "What the rules chained after it do if it failed."},
        "repeat": REPEAT,
        "enabled": {**SWITCH, "description": "false: kept in the file, not run."},
        "with": {"type": "object", "description": "The options of the action."},
    },
    ("id", "do"),
)
WHERE: Final[Json] = {
    "type": "object",
    "description": "Equality on the event's own data; a list means any of.",
    "examples": [{"form": "website"}, {"template": ["contract", "order"]}],
}
SET: Final[Json] = {"type": "object", "description": "Fields to values, with templates.", "minProperties": 1}
TRIGGER: Final = mapping(
    "Moves items INTO this stage when an event comes.",
    {
        "id": ident("Unique in the pipeline."),
        "name": text("What people call it."),
        "event": text("The event."),
        "where": WHERE,
        "if": CONDITION,
        "allow_back": {**SWITCH, "description": "May it bring back an item from a later stage?"},
        "move_as": text("Whose name stands on the move: responsible (default), a user id or a template."),
        "set": SET,
        "route": {"enum": ["newest", "all"], "description": "Which of a contact's open items."},
        "enabled": {**SWITCH, "description": "false: kept in the file, not used."},
        "cron": CRON,
        "from": many("`schedule` only: for the items that stand in these stages.", {"type": "string"}, minItems=1),
    },
    ("id", "event"),
)
INTAKE: Final = mapping(
    "An event that creates an item here.",
    {
        "id": ident("Unique in the pipeline."),
        "event": text("The event."),
        "where": WHERE,
        "if": CONDITION,
        "set": SET,
        "stage": text("The stage it begins in; default: the first."),
        "unless_open": {"enum": ["contact"], "description": "Not while this contact has an open item here."},
    },
    ("id", "event"),
)
STAGE: Final = mapping(
    "A step of the pipeline; their order is what forward and back mean.",
    {
        "id": ident("Unique in the pipeline."),
        "name": text("What people call it."),
        "kind": {"enum": ["open", "won", "lost"], "description": "A won or lost stage is closed."},
        "rules": {"type": "array", "description": "What an entry sets going, in this order."},
        "triggers": {"type": "array", "description": "What moves items here."},
    },
    ("id",),
)
FIELD: Final = mapping(
    "A field of the pipeline's items.",
    {
        "type": {"enum": list(FIELD_TYPES), "description": "What it holds."},
        "required": SWITCH,
        "multiple": {**SWITCH, "description": "It holds a list."},
        "default": {"description": "The value of a new item."},
        "options": many("`choice` only: what can be chosen.", {"type": "string"}, minItems=1),
        "pipeline": text("`item` only: the pipeline that the item is in."),
    },
    ("type",),
)
GONE: Final = many(
    "Old names to new ones.", mapping("", {"from": text("the old id"), "to": text("the new id")}, ("from", "to"))
)
PIPELINE: Final = mapping(
    "A pipeline: its fields, stages, and what creates items in it.",
    {
        "pipeline": ident("Its id, unique in the workspace."),
        "name": text("What people call it."),
        "entity": ident("What its items are: lead, deal, document, quote, invoice, or a word of your own."),
        "fields": {"type": "object", "description": "The fields that rules may read and write."},
        "intake": {"type": "array", "description": "Events that create an item here."},
        "moved": {**GONE, "description": "Stages that are gone: where their items go when these files are loaded."},
        "renamed": {**GONE, "description": "Rules and triggers that have a new id."},
        "stages": {"type": "array", "description": "In order: what forward and back mean.", "minItems": 1},
    },
    ("pipeline", "stages"),
)

CALENDAR: Final[Json] = {"type": "object", "description": "Days (daily, mon-fri, sat) to windows, and `holidays`."}
USER: Final = mapping(
    "Somebody of the staff.",
    {
        "name": text("Their name."),
        "email": text("Their address."),
        "phone": text("Their number."),
        "roles": many("Their roles.", {"type": "string"}),
        "manager": text("The user who is told."),
        "mailbox": text("The channel their mails to customers leave from."),
        "calendar": text("Their own working hours."),
        "os_user": text("Whose commands on this machine are theirs."),
        "notify": many("Channels that notifications go through besides the inbox.", {"type": "string"}),
        "telegram": text("The id of their chat with the Telegram bot, a number."),
        "calendar_url": text("Their calendar on a CalDAV server.", examples=["https://dav.acme.test/anna/work/"]),
    },
)
ROLE: Final[Json] = {
    "type": "object",
    "description": 'Pipelines, or "*" for all, to what may be done there.',
    "additionalProperties": many("Permissions.", {"enum": list(PERMISSIONS)}),
}
CHANNEL_COMMON: Final[Json] = {
    "concurrency": {**WHOLE, "maximum": 100, "description": "How many are sent at once."},
    "rate": text("How many in what time.", examples=["60/min", "5/s"]),
    "timeout": {**SPAN, "description": "How long one try may take."},
    "on_unknown": {"enum": ["hold", "resend"], "description": "What to do with what was perhaps sent."},
}
CHANNEL: Final[Json] = {
    "type": "object",
    "description": "A way to the outside.",
    "properties": {"type": text("What it talks."), **CHANNEL_COMMON},
    "required": ["type"],
}
LIMITS: Final = mapping(
    "The guards.",
    {
        "automatic_moves": {**WHOLE, "description": "Of one item in one cascade: the loop guard."},
        "moves_per_day": {**WHOLE, "description": "Of one item, by automation."},
        "messages_per_contact": text("Messages to a customer on one local day.", examples=["5/day"]),
        "quiet_hours": mapping(
            "When customers are left alone, in their zone, else the workspace's.",
            {
                "between": many("From and until.", {"type": "string"}, minItems=2, maxItems=2),
                "channels": many("Which kinds of message.", {"enum": list(MESSAGE_KINDS)}),
            },
            ("between",),
        ),
        "retry": RETRY,
    },
)
WORKSPACE: Final = mapping(
    "The workspace: zone, calendars, users, roles, channels, resources, limits.",
    {
        "stageauto": {"const": 1, "description": "The version of the language."},
        "timezone": text("An IANA name.", examples=["Europe/Warsaw"]),
        "state": text("A SQLite file or a PostgreSQL URL.", default=".stageauto/state.db"),
        "base_url": text(
            "Where the world reaches the listener (`run --listen`), for links, pages and callbacks.",
            examples=["https://crm.acme.test"],
        ),
        "calendars": named("Working hours by name; `working` is what `hours: working` means.", CALENDAR),
        "users": named("The staff by id.", USER),
        "roles": named("What the users of a role may do.", ROLE),
        "channels": named("Ways to the outside by name.", CHANNEL),
        "resources": named(
            "What can be booked.",
            mapping("A resource.", {"name": text("What people call it."), "capacity": WHOLE}),
        ),
        "audiences": named(
            "Advertising audiences.",
            mapping(
                "An audience of an advertising network.",
                {
                    "channel": text("Its channel: facebook, google_ads, vk, yandex, or file to try it."),
                    "list": text("The network's id of it: custom audience, user list, segment."),
                    "emails": text("VK: the id of its list of e-mails."),
                    "phones": text("VK: the id of its list of phones."),
                },
                ("channel",),
            ),
        ),
        "forms": named(
            "Forms of the web site.",
            mapping(
                "A form.",
                {
                    "kind": {
                        "enum": ["form", "callback"],
                        "description": "`callback`: what comes is `callback.requested`, not `form.submitted`.",
                    },
                    "fields": many("Its fields.", text("", pattern=NAME)),
                    "required": many("Fields that must be filled in.", {"type": "string"}),
                    "choices": named("Fields of which one of a list is chosen.", many("", {"type": "string"}), NAME),
                    "ticks": many("Fields that are ticked, such as a consent: `yes` or nothing.", {"type": "string"}),
                    "labels": named("What people read beside a field.", {"type": "string"}, NAME),
                    "title": text("The heading of its page."),
                    "text": text("What stands above the fields."),
                    "button": text("What stands on the button."),
                    "language": text("The language of its page; default: `web.language`.", examples=["pl"]),
                    "thanks": text("What its sender reads afterwards, where there is no `redirect`."),
                    "redirect": text("Where its sender goes next."),
                    "origins": many("Web sites whose scripts may send it in.", {"type": "string"}),
                },
            ),
        ),
        "hooks": named(
            "Incoming and signed webhooks.",
            mapping(
                "A hook.",
                {
                    "secret": text("`${NAME}`"),
                    "header": text(
                        "A header that holds the secret itself, for senders that sign nothing; without it requests are "
                        "signed as Standard Webhooks has it.",
                        pattern="^[A-Za-z0-9-]{1,60}$",
                    ),
                    "event": text("The event that a call is, such as invoice.paid.", default="webhook.received"),
                    "data": named(
                        "The event's data: where in what was sent each value stands, such as `customer.email`.",
                        {"type": "string"},
                        NAME,
                    ),
                },
            ),
        ),
        "limits": LIMITS,
        "network": mapping("Where outgoing webhooks may go.", {"allow_private": many("Networks.", {"type": "string"})}),
        "web": mapping(
            "The listener of `run --listen`.",
            {
                "forwarded": many("Proxies whose `X-Forwarded-For` is believed.", {"type": "string"}),
                "origins": many("Web sites that may use the visit beacon and the chat.", {"type": "string"}),
                "consent": {
                    "enum": ["required", "none"],
                    "description": "`required`: the beacon keeps nothing in the browser before the visitor agreed.",
                },
                "metrics_token": text("`${NAME}`: who shows it as a bearer token may read `/metrics` from elsewhere."),
                "name": text("Whose pages these are, above each of them; default: `vars.company`."),
                "logo": text("A picture in its place: a file below templates/, such as files/logo.svg."),
                "color": text("The colour of buttons and links.", examples=["#0a5c36"]),
                "language": text("The language of the pages; a customer whose own we have gets that.", default=FIRST),
                "links": {
                    "type": "object",
                    "description": "What stands below each page, such as an imprint: words, and where they lead.",
                    "additionalProperties": {"type": "string"},
                },
                "texts": named(
                    "By language, words of the pages that are to be others; another language as well.",
                    mapping("Its texts.", {name: text(said) for name, said in words(FIRST).items()}),
                    LANGUAGE,
                ),
            },
        ),
        "signing": mapping(
            "What signed documents are sealed with; without it a key of its own is made under .stageauto/.",
            {
                "certificate": text("The certificate as PEM: a file in the workspace."),
                "key": text("Its key as PEM; default: in the same file."),
                "password": text("The key's password, `${NAME}`."),
            },
            ("certificate",),
        ),
        "plugins": many("Installed is not enabled: the packages whose kinds count.", {"type": "string"}),
        "vars": named("Readable as `vars.NAME`.", ANYTHING, NAME),
    },
    ("stageauto", "timezone"),
)
