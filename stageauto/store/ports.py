"""What the runner and the commands need of a state, beside what the engine does (`stageauto.engine.ports`).

Two protocols for what happens inside a transaction, `Reader` and `Writer`, and one for the state as a whole, `Store`.
Every store passes the same tests: tests/store/conformance.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from stageauto.engine.ports import State
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
    Item,
    Journal,
    Link,
    Notice,
    Post,
    StoredFile,
    Task,
)
from stageauto.store.records import ApiToken, AuditEntry, Ended, Moved, Placed, Version


class Looker(Protocol):
    """What is read beyond the engine's needs. Lists are oldest first; a `limit` below 0 is none."""

    # -- items
    def items(
        self,
        pipeline: str | None = None,
        stage: str | None = None,
        *,
        responsible: str | None = None,
        entered_before: int | None = None,
        include_deleted: bool = False,
        limit: int = -1,
    ) -> list[Item]:
        """Items in order of creation; `entered_before` asks since when they are in their stage (ms UTC)."""

    def next_item_due(self) -> int | None:
        """When the next item has something to do, ms UTC."""

    def items_after(
        self, order: int, limit: int, pipelines: Sequence[str] | None, stages: Sequence[tuple[str, str]] = ()
    ) -> Sequence[Item]:
        """Not deleted items that were created after that one, in order of creation.

        Of these pipelines and (pipeline, stage) pairs, and all that may have a run of another stage than their own;
        None: of all.
        """

    def last_item(self) -> int:
        """The number of the item that was created last, deleted ones too; 0 where there is none."""

    def count_runs(self, states: Sequence[str]) -> int:
        """How many runs of not deleted items are in one of these states."""

    def counts_by_stage(self) -> dict[tuple[str, str], int]:
        """How many not deleted items are in each (pipeline, stage)."""

    def resolve_item(self, part: str) -> list[str]:
        """Ids that the part can mean: the id itself; else by last word or number; else by ending; else by any part."""

    def find_run(self, part: str) -> list[tuple[str, str]]:
        """(item id, run id) of the runs in items that the id, or part of an id, can mean."""

    # -- history
    def event(self, event_id: str) -> Journal | None:
        """The event of this id as it was accepted, and what became of it."""

    def journal(self, after_seq: int = 0, limit: int = -1) -> list[Journal]:
        """Events in the order in which they were accepted, from after `after_seq`."""

    def queued_events(self, limit: int = -1) -> list[Journal]:
        """Events that were accepted and not handled yet."""

    def timeline(self, item: str | None = None, *, after_seq: int = 0, limit: int = -1) -> list[Entry]:
        """Lines of the history, of one item or of all, in the order in which they were written, after `after_seq`."""

    def audit(self, *, after_seq: int = 0, limit: int = -1) -> list[AuditEntry]:
        """Lines of the audit log, from after `after_seq`."""

    # -- outbox
    def deliveries(
        self, *, state: str | None = None, item: str | None = None, after_seq: int = 0, limit: int = -1
    ) -> list[Delivery]:
        """Deliveries in that state, of that item; of more than `limit` the newest."""

    def running_deliveries(self) -> list[Delivery]:
        """Deliveries that were being sent: after a crash these are to be settled."""

    def due_deliveries(self, channel: str | None, now: int, limit: int) -> list[Delivery]:
        """Up to `limit` deliveries of the channel (None = of any) that may be tried now, the longest due first."""

    def due_by_channel(self) -> dict[str, int]:
        """When each channel that has something to send has to send next, ms UTC."""

    def next_delivery_due(self) -> int | None:
        """When something is to be sent next, ms UTC."""

    def outbox_counts(self) -> dict[tuple[str, str], int]:
        """How many deliveries each (channel, state) has."""

    # -- people
    def contacts(self, query: str = "", *, limit: int | None = None) -> list[Contact]:
        """Contacts whose id, name or an address contains the query, whatever the case."""

    def companies(self) -> list[Company]:
        """All companies."""

    def exemptions(self) -> list[Exemption]:
        """The exceptions list."""

    # -- work
    def tasks(
        self, *, assignee: str | None = None, item: str | None = None, status: str | None = None, limit: int = -1
    ) -> list[Task]:
        """Tasks; `status` is open, done or cancelled."""

    def activities(self, *, item: str | None = None, status: str | None = None, limit: int = -1) -> list[Activity]:
        """Activities; `status` is open, done or cancelled."""

    def notice(self, notice_id: str) -> Notice | None:
        """The notice; a fresh object each time."""

    def notices(self, user: str | None = None, *, unread: bool = False, limit: int = -1) -> list[Notice]:
        """Notices in the inbox of the user (None = of all); of more than `limit` the newest."""

    def posts(self, item: str | None = None, *, limit: int = -1) -> list[Post]:
        """Feed posts and comments, of one item or of all; of more than `limit` the newest."""

    def all_bookings(
        self,
        *,
        resource: str | None = None,
        start: int | None = None,
        end: int | None = None,
        item: str | None = None,
        status: str | None = None,
    ) -> list[Booking]:
        """Bookings that touch the half-open [start, end), by start; `status` is active or cancelled."""

    # -- documents and files
    def content(self, file_id: str) -> bytes | None:
        """What the file holds; None where there is no such file, or its content is still to be made."""

    def files(self, item: str) -> list[StoredFile]:
        """The item's files."""

    def unmade_files(self, limit: int = -1) -> list[StoredFile]:
        """Files of documents whose content is still to be made."""

    def document_of_file(self, file_id: str) -> Document | None:
        """The document whose PDF, signed or not, the file is."""

    def resolve_document(self, part: str) -> list[str]:
        """Ids of the documents that the part can mean: the id itself or its number; else by ending."""

    # -- figures
    def placed(self) -> Iterator[Placed]:
        """Where every item stands, deleted ones too, in order of creation."""

    def moved(self) -> Iterator[Moved]:
        """Every entry of a stage that is written down, item by item in order of creation."""

    def sums(self, pipeline: str, field: str, since: int) -> dict[str, float]:
        """The sum of a field by stage, over not deleted items created at or after `since` (ms UTC)."""

    def ended(self, since: int) -> list[Ended]:
        """How many runs of each rule ended how, at or after `since` (ms UTC); a repetition counts each time."""

    def beat(self, kinds: Sequence[str], since: int, pipelines: Sequence[str]) -> list[tuple[int, int]]:
        """(moment, how many lines of history of these kinds) by quarter of an hour, ms UTC, in these pipelines."""

    def sent_by_channel(self, since: int, pipelines: Sequence[str]) -> dict[str, int]:
        """How many messages each channel sent at or after `since` (ms UTC), in these pipelines."""

    def kept_back_by_channel(self, since: int, pipelines: Sequence[str]) -> dict[tuple[str, str], int]:
        """How many deliveries of each (channel, state) were due at or after `since` (ms UTC) and were not sent."""

    # -- administration
    def meta_get(self, key: str) -> str | None:
        """The note of that name, or None."""

    def versions(self) -> list[Version]:
        """All configurations that were loaded."""

    def version(self, n: int) -> Version | None:
        """The configuration of that number."""

    def active_version(self) -> Version | None:
        """The configuration in force, or None before the first `load`."""

    def active_number(self) -> int:
        """The number of the configuration in force without reading its files; 0 before the first `load`."""

    def chat_lines(self, chat: str, *, after_seq: int = 0, limit: int = -1) -> list[ChatLine]:
        """Lines of a chat; of more than `limit` the newest."""

    def chats(self, limit: int = -1) -> list[ChatLine]:
        """The newest line of each chat, the chat that was written in last first."""

    def api_tokens(self) -> list[ApiToken]:
        """The keys to the HTTP interface."""

    def api_token(self, hash: str) -> ApiToken | None:
        """The key that has this SHA-256 (hex)."""

    def integrity_check(self) -> list[str]:
        """What is wrong, a sentence each; empty where all is well. Reads all."""


class Changer(Protocol):
    """What is written beyond the engine's needs."""

    def meta_set(self, key: str, value: str | None) -> None:
        """Keeps a note under that name; None forgets it."""

    def add_version(self, files: Mapping[str, str], author: str, at: int, note: str = "") -> int:
        """Keeps the files as a new version, not yet in force; gives its number. `at` is ms UTC."""

    def set_active(self, n: int) -> None:
        """Puts that version in force; UsageError where there is none of the number."""

    def audit_add(
        self, at: int, author: str, action: str, target: str, data: Mapping[str, object] | None = None
    ) -> None:
        """Adds a line to the audit log."""

    def add_api_token(self, token: ApiToken) -> None:
        """Adds a key to the HTTP interface."""

    def remove_api_token(self, token_id: str) -> bool:
        """Takes a key away; False where there is none of that id."""

    def remove_exemption(self, value: str, kind: str | None = None) -> int:
        """Takes the address off the exceptions list, of one kind or of both; gives how many entries went."""

    def count_dropped(self, value: str) -> None:
        """Notes that a message to this address was dropped because of the list."""

    def fill_file(self, file_id: str, content: bytes) -> str:
        """Keeps a file's content where it has none yet; the SHA-256 (hex) of what it holds then."""

    def prune(self, before: int) -> dict[str, int]:
        """How many rows were deleted by table: what is older than `before` (ms UTC) and over."""


class Reader(Looker, Protocol):
    """One snapshot: what the engine reads one by one, and all the rest."""

    def item(self, item_id: str) -> Item | None:
        """The item, deleted ones too; a fresh object each time."""

    def contact(self, contact_id: str) -> Contact | None:
        """The contact; a fresh object each time."""

    def company(self, company_id: str) -> Company | None:
        """The company; a fresh object each time."""

    def find_contacts(self, value: str) -> Sequence[str]:
        """Ids of contacts with this id, e-mail, phone, chat or visitor id; oldest first."""

    def items_of_contact(self, contact_id: str) -> Sequence[str]:
        """Ids of the not deleted items that have this contact, in order of creation."""

    def items_in(self, pipeline: str, stages: Sequence[str] | None = None) -> Sequence[str]:
        """Ids of the not deleted items there, in order of creation."""

    def items_by_id(self, item_ids: Sequence[str]) -> Sequence[Item]:
        """Those of the items that are there, in no order; one by one `item` takes three times as long."""

    def events_known(self, event_ids: Sequence[str]) -> set[str]:
        """Those of the ids under which an event was accepted before."""

    def due_items(self, now: int, limit: int) -> Sequence[tuple[int, int, str]]:
        """(due, seq, item id) of items whose next due is at or before now, in that order."""

    def items_due(self, now: int, limit: int) -> Sequence[tuple[int, int, Item]]:
        """The same with the items themselves, each a fresh object."""

    def link(self, hash: str) -> Link | None:
        """The personal link whose token has this SHA-256 (hex)."""

    def event_known(self, event_id: str) -> bool:
        """True when an event of this id was accepted before."""

    def delivery(self, delivery_id: str) -> Delivery | None:
        """The delivery; a fresh object each time."""

    def task(self, task_id: str) -> Task | None:
        """The task; a fresh object each time."""

    def booking(self, booking_id: str) -> Booking | None:
        """The booking; a fresh object each time."""

    def document(self, document_id: str) -> Document | None:
        """The document; a fresh object each time."""

    def documents(self, item_id: str) -> Sequence[Document]:
        """The item's documents, oldest first."""

    def stored_file(self, file_id: str) -> StoredFile | None:
        """The file, without its content."""


class Writer(State, Looker, Changer, Protocol):
    """One write transaction: all that the engine, the runner and the commands do with a state."""


class Store(Protocol):
    """A state as a whole. It belongs to the thread that opened it; others open their own."""

    state_id: str

    @property
    def restored(self) -> bool:
        """True while nothing may be sent: the state was restored or copied, and nobody said `resume` yet."""

    def transaction(self) -> AbstractContextManager[Writer]:
        """One write transaction: all of it is kept when the block ends, nothing when it raises."""

    def read(self) -> AbstractContextManager[Reader]:
        """One snapshot: everything read in the block is of one moment."""

    def resume_sending(self) -> None:
        """Somebody looked at the restored state: it may send again."""

    def data_version(self) -> int:
        """A number that changes when somebody else committed something."""

    def backup(self, target: str | os.PathLike[str], at: int) -> int:
        """The bytes of the new file `target`, a whole copy as of now; `at`: now, ms UTC. Nothing is overwritten."""

    def copy_to_memory(self) -> Store:
        """A copy that touches no file, for dry runs."""

    def close(self) -> None:
        """Ends the use of the state."""
