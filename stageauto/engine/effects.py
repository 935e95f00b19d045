"""What an action asks for: a closed union. `stageauto.engine.apply` carries each out on the draft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from stageauto.engine.model import EMPTY
from stageauto.engine.values import value


@value(frozen=True, slots=True)
class SetFields:
    """Write fields of the item (built-in ones too: title, responsible, tags). `append` adds to multiple fields."""

    values: Mapping[str, Any]
    append: bool = False
    item: str | None = None  # another item; default this one


@value(frozen=True, slots=True)
class Move:
    """Move the item to a stage, of another pipeline when `pipeline` is given."""

    stage: str
    pipeline: str | None = None


@value(frozen=True, slots=True)
class Assign:
    """Make somebody of a role responsible. `by` is round_robin or least_open."""

    role: str
    by: str


@value(frozen=True, slots=True)
class CreateItem:
    """A new item. `link` ties it to this one both ways; `as_name` is the key under which `results` has its id."""

    pipeline: str
    stage: str | None
    values: Mapping[str, Any]  # fields and built-ins (title, responsible, tags)
    link: bool = True
    contacts: Sequence[str] | None = None  # default: this item's
    company: str | None = None
    as_name: str = "item"


@value(frozen=True, slots=True)
class DeleteItem:
    """Delete this item: everything pending is cancelled, the timeline is kept."""


@value(frozen=True, slots=True)
class PutContact:
    """Change the contact `contact`, or make one and link it to the item where that is None."""

    contact: str | None
    values: Mapping[str, Any]
    mark_repeat: bool = False
    as_name: str = "contact"


@value(frozen=True, slots=True)
class PutCompany:
    """Change the company `company`, or make one and link it to the item where that is None."""

    company: str | None
    values: Mapping[str, Any]
    as_name: str = "company"


@value(frozen=True, slots=True)
class CreateTask:
    """A task for staff; `deadline` in ms UTC."""

    title: str
    description: str = ""
    assignee: str | None = None
    participants: Sequence[str] = ()
    observers: Sequence[str] = ()
    deadline: int | None = None
    priority: str = "normal"
    checklist: Sequence[str] = ()
    tags: Sequence[str] = ()


@value(frozen=True, slots=True)
class CompleteTasks:
    """Complete the open tasks that this item's rules made, of one stage or of all."""

    stage: str | None = None


@value(frozen=True, slots=True)
class CreateActivity:
    """An activity, call or meeting in the item's plan; instants in ms UTC."""

    kind: str
    subject: str
    description: str = ""
    important: bool = False
    complete_on_stage_change: bool = False
    responsible: str | None = None
    attendees: Sequence[str] = ()
    place: str = ""
    start: int | None = None
    end: int | None = None
    due: int | None = None


@value(frozen=True, slots=True)
class Notify:
    """A notification to users, in their inbox and through their own notification channels."""

    users: Sequence[str]
    text: str
    sender: str = ""


@value(frozen=True, slots=True)
class PostToFeed:
    """A feed post; `to` are user ids, empty = everybody."""

    text: str
    to: Sequence[str] = ()


@value(frozen=True, slots=True)
class Comment:
    """A comment on the item."""

    text: str


@value(frozen=True, slots=True)
class LogEntry:
    """A line in the item's history."""

    text: str


@value(frozen=True, slots=True)
class ChatNote:
    """A note of staff beside a customer's chat, in the item's history; `files` are names."""

    chat: str
    text: str
    files: Sequence[str] = ()


@value(frozen=True, slots=True)
class Invited:
    """A line of history: the customer was invited to a messenger. Written only where the invitation goes out."""

    to: str
    bot: str


@value(frozen=True, slots=True)
class GenerateCode:
    """Write a code that is unique in the workspace into a field."""

    field: str
    length: int
    alphabet: str
    prefix: str = ""


@value(frozen=True, slots=True)
class Book:
    """Take a resource for [start, end), ms UTC; the booking's id goes into `field`."""

    resource: str
    start: int
    end: int
    field: str
    user: str | None = None


@value(frozen=True, slots=True)
class CancelBooking:
    """Give back the active booking of a field."""

    field: str


@value(frozen=True, slots=True)
class AddException:
    """Put the customer's e-mails and phones on the exceptions list."""

    contact: str


@value(frozen=True, slots=True)
class StartRules:
    """Set rules of a stage going again for this item; empty = all enabled ones of the stage."""

    stage: str
    rules: Sequence[str] = ()


@value(frozen=True, slots=True)
class StopRules:
    """Cancel what is pending for this item: of the named rules, of a stage, or all but the run that asks."""

    stage: str | None = None
    rules: Sequence[str] = ()


@value(frozen=True, slots=True)
class Wait:
    """Hold the chain until `end` (ms UTC) or one of the events; ("*",) = any customer activity."""

    end: int
    until: Sequence[str]
    comment: str = ""


@value(frozen=True, slots=True)
class Send:
    """One delivery. `to` as people read it; `contact` is set when it goes to a customer, `addresses` are theirs.

    `message` is JSON that the channel's kind understands (see `stageauto.channels`). `copies`: the customers among its
    `cc` and `bcc`, each their address there, their contact and all their addresses.
    """

    kind: str
    channel: str
    to: str
    message: Mapping[str, Any]
    contact: str | None = None
    addresses: Sequence[str] = ()
    copies: Sequence[tuple[str, str | None, Sequence[str]]] = ()


@value(frozen=True, slots=True)
class NotSent:
    """One recipient who cannot be reached: `outcome` is undeliverable, suppressed or failed."""

    outcome: str
    code: str
    because: str
    to: str = ""


@value(frozen=True, slots=True)
class MakeLink:
    """A personal link: `hash` is all that the state learns of its token, `target` where it leads or what it opens."""

    hash: str
    kind: str
    target: str
    data: Mapping[str, Any] = EMPTY


@value(frozen=True, slots=True)
class MakeDocument:
    """A document of this item; `html` is its whole text, `counter` what its number is taken from."""

    template: str
    name: str
    number: str
    counter: str
    html: str
    field: str = ""


@value(frozen=True, slots=True)
class DocumentSent:
    """The document goes to the customer now."""

    document: str


@value(frozen=True, slots=True)
class AskToSign:
    """Who is to sign a document: each `{role, who, name, email}`."""

    document: str
    parties: Sequence[Mapping[str, Any]]


@value(frozen=True, slots=True)
class KeepFile:
    """A file of this item, into a field of type `file`."""

    name: str
    media: str
    content: bytes
    field: str = ""


@value(frozen=True, slots=True)
class Emit:
    """An event of this item that the engine makes, handled right after the run."""

    type: str
    data: Mapping[str, Any] = EMPTY


@value(frozen=True, slots=True)
class Result:
    """What later rules of the visit read as `results['rule-id']`."""

    data: Mapping[str, Any]


@value(frozen=True, slots=True)
class End:
    """The run ends so, whatever else was asked for."""

    outcome: str
    code: str
    because: str
    values: Mapping[str, Any] = field(default_factory=dict)


Effect = (
    SetFields
    | Move
    | Assign
    | CreateItem
    | DeleteItem
    | PutContact
    | PutCompany
    | CreateTask
    | CompleteTasks
    | CreateActivity
    | Notify
    | PostToFeed
    | Comment
    | LogEntry
    | ChatNote
    | Invited
    | GenerateCode
    | Book
    | CancelBooking
    | AddException
    | StartRules
    | StopRules
    | Wait
    | Send
    | NotSent
    | MakeLink
    | MakeDocument
    | DocumentSent
    | AskToSign
    | KeepFile
    | Emit
    | Result
    | End
)
