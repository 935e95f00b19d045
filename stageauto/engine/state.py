"""What changes: items with their runs, contacts, companies, deliveries, and what rules made for people.

An item carries its living runs and the finished ones of its current visit, so that one read gives the engine all that a
decision about it needs, and one write records it. These objects belong to one transaction and are never shared.

Items and runs are read and written most, so the parser itself makes them of their row and their row of them (`Struct`).
What is not in the row's text, for it has a column of its own or is shared by all runs of an item, are plain slots.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

PENDING, WAITING, RUNNING = "pending", "waiting", "running"
DONE, SKIPPED, SUPPRESSED = "done", "skipped", "suppressed"
UNDELIVERABLE, FAILED, CANCELLED, UNKNOWN = "undeliverable", "failed", "cancelled", "unknown"
OUTCOMES = (DONE, SKIPPED, SUPPRESSED, UNDELIVERABLE, FAILED, CANCELLED, UNKNOWN)
LIVING = (PENDING, WAITING, RUNNING)


class _RunPlace:
    __slots__ = ("id", "pipeline", "stage", "visit")

    id: str
    pipeline: str
    stage: str
    visit: int


# A row holds several runs: the names of what every run has are short there.
_SHORT = {
    "rule": "r", "seq": "q", "scheduled_at": "p", "state": "s", "due": "d", "base": "b", "cause": "c",
    "finished_at": "f", "decided_at": "e",
}  # fmt: skip


class Run(msgspec.Struct, _RunPlace, omit_defaults=True, gc=False, eq=False, rename=_SHORT):
    """One run of a rule in one visit; `run_of` makes one. Instants are milliseconds UTC."""

    rule: str
    seq: int  # order of scheduling, unique in the state
    scheduled_at: int
    state: str = PENDING  # pending, waiting, running, or the outcome
    due: int | None = None
    base: int | None = None  # what `delay` counts from: stage entry or the predecessor's finish
    anchor: int | None = None  # what a repetition counts from: its first moment
    count: int = 0  # occurrences of a repetition that are over
    keep: bool = False
    waiting_for: str = ""  # "field:NAME", "rules", "unknown:RULE"
    code: str = ""
    because: str = ""
    finished_at: int | None = None
    result: dict[str, Any] = msgspec.field(default_factory=dict)
    cascade: tuple[str, ...] = ()
    cause: str = ""  # id of the event or rule that set it going
    deliveries: int = 0  # made so far; numbers the next one
    open_deliveries: int = 0  # of the current occurrence, not over yet
    worst: str = ""  # the worst outcome of the current occurrence's deliveries so far
    decided_at: int | None = None  # the current occurrence's decision
    held: bool = False  # waits for a person (catch-up after downtime, a turned clock)
    late: bool = False  # was due while the item was on hold: `if_late` decides
    until: tuple[str, ...] = ()  # a running wait's events; ("*",) = any customer activity
    postponed: bool = False  # its moment had come, and hours or quiet hours put it off
    elsewhere: tuple[str, str, str, int] | None = None  # for its row alone: the place, where it is not the item's

    @property
    def living(self) -> bool:
        """True until it has an outcome."""
        return self.state in LIVING

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and _same(self, other, _RunPlace.__slots__)

    __hash__ = None  # type: ignore[assignment]  # it changes


def run_of(  # noqa: PLR0913, PLR0917 - what every run has
    id: str, rule: str, pipeline: str, stage: str, visit: int, seq: int, scheduled_at: int, **more: Any
) -> Run:
    """A run in that place; `more` are its other fields."""
    run = Run(rule, seq, scheduled_at, **more)
    run.id, run.pipeline, run.stage, run.visit = id, pipeline, stage, visit
    return run


FirstDue = tuple[int, int, Run | None]
"""When something is due (ms UTC), its order, and the run; without a run it is the deadline of a task."""


class _ItemPlace:
    __slots__ = ("id", "order", "pipeline", "runs", "stage", "stage_entered_at")

    id: str
    pipeline: str
    stage: str
    stage_entered_at: int
    order: int  # of creation
    runs: dict[str, Run]  # by run id, in order of scheduling


class Item(msgspec.Struct, _ItemPlace, omit_defaults=True, gc=False, eq=False):
    """A thing in exactly one stage of one pipeline; `item_of` makes one."""

    title: str
    created_at: int
    visit: int = 1
    responsible: str | None = None
    closed: bool = False
    deleted: bool = False
    contacts: list[str] = msgspec.field(default_factory=list)
    company: str | None = None
    fields: dict[str, Any] = msgspec.field(default_factory=dict)  # JSON values; dates and datetimes as ISO text
    tags: list[str] = msgspec.field(default_factory=list)
    source: str = ""
    repeat: bool = False
    links: list[str] = msgspec.field(default_factory=list)
    on_hold: bool = False
    hold_reason: str = ""
    used: list[str] = msgspec.field(default_factory=list)  # rules with `once: item` that are used up
    deadlines: dict[str, int] = msgspec.field(default_factory=dict)  # open task -> deadline, for task.overdue
    moves_on: str = ""  # local day that `moves_today` counts
    moves_today: int = 0  # by automation
    entry_event: dict[str, Any] | None = None  # the event that caused the current visit
    has_activities: bool = False  # ever had one: spares a look at each move
    packed: list[Run] = msgspec.field(default_factory=list, name="runs")  # for its row alone: the values of `runs`

    def first_due(self) -> FirstDue | None:
        """(due, seq, run) of the next thing to do for this item; nothing while it is on hold or deleted.

        Without a run it is the deadline of a task, and its seq is 0.
        """
        if self.on_hold or self.deleted:
            return None
        at, first = 0, None
        for run in self.runs.values():
            due = run.due
            if due is None or (first is not None and (due > at or (due == at and run.seq > first.seq))):
                continue
            if run.state in LIVING and not run.held and not run.open_deliveries:
                at, first = due, run
        if self.deadlines:
            deadline = min(self.deadlines.values())
            if first is None or deadline <= at:
                return deadline, 0, None
        return None if first is None else (at, first.seq, first)

    def due_as(self, due: int, seq: int) -> Run | bool:
        """The run that is still to be done then; True for the deadline of a task, False where there is nothing."""
        if self.on_hold or self.deleted:
            return False
        for run in self.runs.values():
            if run.seq == seq and run.due == due:
                return run if run.state in LIVING and not run.held and not run.open_deliveries else False
        return seq == 0 and due in self.deadlines.values()

    def next_due(self) -> tuple[int, int] | None:
        """The moment and the order of `first_due`."""
        first = self.first_due()
        return None if first is None else first[:2]

    def use_up(self, rule: str) -> None:
        """Notes that a rule with `once: item` was done."""
        if rule not in self.used:
            self.used.append(rule)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Item) and _same(self, other, _ItemPlace.__slots__)

    __hash__ = None  # type: ignore[assignment]  # it changes


def item_of(  # noqa: PLR0913, PLR0917 - what every item has
    id: str, pipeline: str, stage: str, title: str, created_at: int, stage_entered_at: int, order: int = 0, **more: Any
) -> Item:
    """An item without runs in that place; `more` are its other fields."""
    item = Item(title, created_at, **more)
    item.id, item.pipeline, item.stage, item.stage_entered_at = id, pipeline, stage, stage_entered_at
    item.order, item.runs = order, {}
    return item


# Of the text of a row only, made when it is written.
_OF_THE_ROW = {"packed", "elsewhere"}


def _same(one: msgspec.Struct, other: msgspec.Struct, place: tuple[str, ...]) -> bool:
    names = (*place, *one.__struct_fields__)
    return all(getattr(one, name) == getattr(other, name) for name in names if name not in _OF_THE_ROW)


@dataclass(slots=True)
class Contact:
    """A customer. `emails`, `phones`, `chats`: [{"value": ..., "type": ...}] in the order they were added."""

    id: str
    first_name: str = ""
    last_name: str = ""
    emails: list[dict[str, str]] = field(default_factory=list)
    phones: list[dict[str, str]] = field(default_factory=list)
    chats: list[dict[str, str]] = field(default_factory=list)
    visitors: list[str] = field(default_factory=list)
    language: str = ""
    timezone: str = ""
    opt_out: list[str] = field(default_factory=list)  # channel kinds; ["*"] = all
    company: str | None = None
    order: int = 0


@dataclass(slots=True)
class Company:
    """A customer's company."""

    id: str
    name: str = ""
    emails: list[dict[str, str]] = field(default_factory=list)
    phones: list[dict[str, str]] = field(default_factory=list)
    order: int = 0


@dataclass(slots=True)
class Delivery:
    """One thing to send: a row of the outbox. `key` never changes.

    `message` is frozen when decided, but for copies that their customers must not get any more when it goes out.
    """

    id: str
    item: str
    run: str
    rule: str
    pipeline: str
    do: str
    channel: str
    kind: str
    to: str
    key: str
    message: dict[str, Any]
    contact: str | None = None  # set when it goes to a customer
    addresses: tuple[str, ...] = ()  # all customer addresses in it, for the exceptions list
    copies: list[dict[str, Any]] = field(default_factory=list)  # customers with cc or bcc: {to, contact, addresses}
    forward: bool = False  # a notification's copy through a user's own channel
    state: str = PENDING  # pending, running, done, failed, unknown, undeliverable, suppressed, cancelled
    attempts: int = 0
    slowed: int = 0  # tries that the provider put off and that do not count
    due: int = 0
    decided_at: int = 0
    tried_at: int | None = None
    sent_at: int | None = None
    error: str = ""
    code: str = ""
    answer: dict[str, Any] = field(default_factory=dict)
    marked: bool = False  # passed the point of no return of the try under way
    cascade: tuple[str, ...] = ()
    held: bool = False


@dataclass(slots=True)
class Task:
    """A task for staff; `checklist` is [{"text": ..., "done": ...}]."""

    id: str
    item: str
    rule: str
    stage: str
    title: str
    description: str = ""
    assignee: str | None = None
    participants: list[str] = field(default_factory=list)
    observers: list[str] = field(default_factory=list)
    deadline: int | None = None
    priority: str = "normal"
    checklist: list[dict[str, Any]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    status: str = "open"  # open, done, cancelled
    created_at: int = 0
    completed_at: int | None = None
    completed_by: str = ""


@dataclass(slots=True)
class Activity:
    """A call, a meeting or another activity in the item's plan; `kind` is activity, call or meeting."""

    id: str
    item: str
    rule: str
    stage: str
    kind: str
    subject: str
    description: str = ""
    important: bool = False
    complete_on_stage_change: bool = False
    responsible: str | None = None
    attendees: list[str] = field(default_factory=list)
    place: str = ""
    start: int | None = None
    end: int | None = None
    due: int | None = None
    status: str = "open"  # open, done, cancelled
    created_at: int = 0
    completed_at: int | None = None


@dataclass(slots=True)
class Notice:
    """A notification in a user's inbox."""

    id: str
    item: str
    rule: str
    do: str
    user: str
    text: str
    sender: str = ""
    at: int = 0
    read_at: int | None = None


@dataclass(slots=True)
class Post:
    """A feed post (`item` may be empty for a reply's parent) or a comment on it."""

    id: str
    item: str
    text: str
    author: str
    at: int
    to: list[str] = field(default_factory=list)
    parent: str | None = None


@dataclass(slots=True)
class Booking:
    """A resource taken for the half-open time [start, end)."""

    id: str
    resource: str
    start: int
    end: int
    item: str | None = None
    field: str = ""
    user: str | None = None
    status: str = "active"  # active, cancelled
    created_at: int = 0


class Entry(msgspec.Struct, gc=False):
    """A line of an item's written history. The text is made from `kind` and `data` when read; `seq` by the state."""

    at: int
    kind: str
    item: str
    author: str
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    seq: int = 0


@dataclass(slots=True)
class Journal:
    """An event as it came, and what became of it.

    `outcome` is moved, no_effect, created, duplicate, unmatched or queued.
    """

    id: str
    type: str
    at: int
    source: str
    author: str
    item: str | None
    contact: str | None
    data: dict[str, Any]
    outcome: str = "queued"
    items: list[str] = field(default_factory=list)
    moved_to: str | None = None
    seq: int = 0


@dataclass(slots=True)
class ChatLine:
    """One line of a chat with a customer. `author` is "" for the customer, else a user or a rule.

    `hidden`: a note for staff beside it, which stands in the item's history and nowhere else.
    """

    chat: str
    at: int
    author: str
    text: str
    channel: str = ""
    seq: int = 0
    hidden: bool = False


@dataclass(slots=True)
class Link:
    """A personal link: `hash` is the SHA-256 of its token, which only its receiver has.

    `kind` says what it opens (link, open, unsubscribe, document, chat, ...), `target` where it leads or what it is for.
    """

    hash: str
    kind: str
    target: str
    item: str
    run: str
    at: int
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class StoredFile:
    """A file that belongs to an item. `hash` is the SHA-256 of its content (hex), "" while that is still to be made."""

    id: str
    item: str
    name: str
    media: str  # its media type
    at: int
    hash: str = ""
    size: int = 0

    @property
    def ref(self) -> str:
        """What a field of type `file` holds for it."""
        return f"file:{self.id}/{self.name}"


@dataclass(slots=True)
class Document:
    """A document that was made of a template. `html` is its whole text, frozen when it was made.

    `parties` are those asked to sign, each `{role, who, name, email, asked_at}` with role sender (`who`: a user) or
    recipient (`who`: a contact), and once they did `signed_at`, `how` and the rest of the evidence.
    """

    id: str
    item: str
    rule: str
    template: str
    name: str
    number: str
    at: int
    html: str
    file: str  # id of its PDF among the files
    into: str = ""  # the field of the item that holds it
    parties: list[dict[str, Any]] = field(default_factory=list)
    sent_at: int | None = None
    opened_at: int | None = None
    signed_at: int | None = None  # by all
    signed_file: str = ""  # id of the signed PDF

    @property
    def state(self) -> str:
        """How far it has come: created, sent, opened, to_sign, signed."""
        if self.signed_at is not None:
            return "signed"
        if self.parties:
            return "to_sign"
        return "opened" if self.opened_at is not None else "sent" if self.sent_at is not None else "created"


@dataclass(slots=True)
class Exemption:
    """An address on the exceptions list."""

    kind: str  # email or phone
    value: str
    added_at: int
    author: str = ""
    dropped: int = 0
