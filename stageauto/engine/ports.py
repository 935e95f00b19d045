"""What the engine needs of a state: reading one thing at a time, and writing what a decision changed.

A `State` lives for one transaction. Everything read sees what was written before in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Protocol

from stageauto.engine.state import (
    Activity,
    Booking,
    ChatLine,
    Company,
    Contact,
    Delivery,
    Document,
    Entry,
    Exemption,
    FirstDue,
    Item,
    Journal,
    Link,
    Notice,
    Post,
    StoredFile,
    Task,
)


@dataclass(slots=True)
class Changes:
    """What to write, whole objects; lists are in order. Objects with an id replace the row of that id."""

    items: list[Item] = field(default_factory=list)
    due: dict[str, FirstDue | None] = field(default_factory=dict)  # of items: their `first_due`, where it is known
    contacts: list[Contact] = field(default_factory=list)
    companies: list[Company] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    journal: list[Journal] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    exemptions: list[Exemption] = field(default_factory=list)
    tokens: list[tuple[str, str, str]] = field(default_factory=list)  # (kind, token, item)
    links: list[Link] = field(default_factory=list)
    chat_lines: list[ChatLine] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    files: list[StoredFile] = field(default_factory=list)
    contents: list[tuple[str, bytes]] = field(default_factory=list)  # (hash, content)
    messages: list[tuple[str, int]] = field(default_factory=list)  # (contact, at): counts for messages_per_contact
    assigned: list[tuple[str, str]] = field(default_factory=list)  # (role, user) last given by round robin

    def __bool__(self) -> bool:
        return any(_all_of(self))

    def more_than_items(self) -> bool:
        """True where it holds something besides items, their history and events."""
        return any(_others_of(self))


_KINDS = [one.name for one in fields(Changes) if one.name != "due"]
_all_of = attrgetter(*_KINDS)
_others_of = attrgetter(*(name for name in _KINDS if name not in {"items", "entries", "journal"}))


class Lookups(Protocol):
    """What an action may look up while it plans."""

    def contact(self, contact_id: str) -> Contact | None:
        """The contact."""

    def company(self, company_id: str) -> Company | None:
        """The company."""

    def find_contacts(self, value: str) -> Sequence[str]:
        """Ids of contacts with this id or address, oldest first."""

    def open_tasks(self, item_id: str, stage: str | None = None) -> Sequence[Task]:
        """The item's open tasks, oldest first."""

    def documents(self, item_id: str) -> Sequence[Document]:
        """The item's documents, oldest first."""

    def stored_file(self, file_id: str) -> StoredFile | None:
        """The file of that id."""

    def last_number(self, name: str) -> int:
        """The number that was counted up last by that name; 0 before the first."""


class State(Protocol):
    """The state inside one transaction."""

    def item(self, item_id: str) -> Item | None:
        """The item, deleted ones too; a fresh object each time."""

    def contact(self, contact_id: str) -> Contact | None:
        """The contact; a fresh object each time."""

    def company(self, company_id: str) -> Company | None:
        """The company; a fresh object each time."""

    def find_contacts(self, value: str) -> Sequence[str]:
        """Ids of contacts with this id, e-mail (case-folded), phone (its digits), chat or visitor id; oldest first."""

    def items_of_contact(self, contact_id: str) -> Sequence[str]:
        """Ids of the not deleted items that have this contact, in order of creation."""

    def items_in(self, pipeline: str, stages: Sequence[str] | None = None) -> Sequence[str]:
        """Ids of the not deleted items there, in order of creation."""

    def item_of_token(self, kind: str, token: str) -> str | None:
        """The item behind a message id, tracking token, document, booking or call."""

    def link(self, hash: str) -> Link | None:
        """The personal link whose token has this SHA-256 (hex)."""

    def link_secret(self, make: Callable[[], str]) -> str:
        """The state's own secret for the tokens of links; made at its first use, the same ever after."""

    def event_known(self, event_id: str) -> bool:
        """True when an event of this id was accepted before."""

    def items_by_id(self, item_ids: Sequence[str]) -> Sequence[Item]:
        """Those of the items that are there, in no order; one by one `item` takes three times as long."""

    def events_known(self, event_ids: Sequence[str]) -> set[str]:
        """Those of the ids under which an event was accepted before."""

    def due_items(self, now: int, limit: int) -> Sequence[tuple[int, int, str]]:
        """(due, seq, item id) of items whose next due is at or before now, in that order."""

    def items_due(self, now: int, limit: int) -> Sequence[tuple[int, int, Item]]:
        """The same with the items themselves, each a fresh object."""

    def deliveries_of_run(self, run_id: str) -> Sequence[Delivery]:
        """The run's deliveries, oldest first."""

    def delivery(self, delivery_id: str) -> Delivery | None:
        """The delivery; a fresh object each time."""

    def open_tasks(self, item_id: str, stage: str | None = None) -> Sequence[Task]:
        """The item's open tasks that rules made, oldest first."""

    def task(self, task_id: str) -> Task | None:
        """The task; a fresh object each time."""

    def open_activities(self, item_id: str) -> Sequence[Activity]:
        """The item's open activities, oldest first."""

    def bookings(self, resource: str, start: int, end: int) -> Sequence[Booking]:
        """Active bookings of the resource that touch the half-open [start, end), by start."""

    def booking(self, booking_id: str) -> Booking | None:
        """The booking; a fresh object each time."""

    def exempt(self, values: Sequence[str]) -> str | None:
        """The first of these addresses (e-mail case-folded, phone digits) that is on the exceptions list."""

    def code_known(self, code: str) -> bool:
        """True when the workspace has this code already."""

    def messages_between(self, contact_id: str, start: int, end: int) -> int:
        """Messages to this contact with start <= at < end."""

    def open_counts(self, users: Sequence[str]) -> dict[str, int]:
        """Open (not closed, not deleted) items by responsible; 0 where none."""

    def last_assigned(self, role: str) -> str | None:
        """The user whom round robin gave the last one of this role."""

    def document(self, document_id: str) -> Document | None:
        """The document; a fresh object each time."""

    def documents(self, item_id: str) -> Sequence[Document]:
        """The item's documents, oldest first; fresh objects each time."""

    def stored_file(self, file_id: str) -> StoredFile | None:
        """The file, without its content."""

    def last_number(self, name: str) -> int:
        """The number that was counted up last by that name; 0 before the first."""

    def next_number(self, name: str) -> int:
        """Counts up from 1; unique by name, kept with the transaction."""

    def order_base(self) -> int:
        """A number above every run's `seq` in the state; grows with every transaction that writes entries."""

    def write(self, changes: Changes) -> None:
        """Write all of it. Entries and journal rows get their `seq` here."""
