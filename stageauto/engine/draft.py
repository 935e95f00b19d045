"""The unit of work of one transaction: what was read, what was changed, and which events are still to be handled.

A decision changes the draft only; `flush` writes it to the state. Objects are read once and shared within the draft, so
an item that is touched by ten events of one batch is read and written once.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from stageauto.engine.agenda import Agenda
from stageauto.engine.files import new_file
from stageauto.engine.links import HEX_LENGTH, HEX_LETTERS
from stageauto.engine.model import Event, Pipeline, Rule, Workspace
from stageauto.engine.ports import Changes, State
from stageauto.engine.state import (
    PENDING,
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
    Run,
    StoredFile,
    Task,
)

_AT_ONCE = 500  # items read in one go


class Draft:
    """What one transaction reads and changes.

    `late_before`: what was due before that moment is late (the runner was down). `state_id` makes the keys of
    deliveries unique to this state. `draw(alphabet, length)` gives the letters of codes: the engine itself has no
    randomness.
    """

    def __init__(
        self,
        state: State,
        workspace: Workspace,
        *,
        draw: Callable[[str, int], str],
        state_id: str = "",
        late_before: int = 0,
    ) -> None:
        self.state = state
        self.workspace = workspace
        self.draw = draw
        self.state_id = state_id
        self.late_before = late_before
        self.queue: deque[Event] = deque()
        self.changes = Changes()
        self.wrote_more = False  # something besides items, their history and events
        self._items: dict[str, Item | None] = {}
        self._contacts: dict[str, Contact | None] = {}
        self._companies: dict[str, Company | None] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._dirty_items: dict[str, Item] = {}
        self._fresh: dict[str, Item] = {}  # touched since the last look at what is due
        self._dirty_contacts: dict[str, Contact] = {}
        self._dirty_companies: dict[str, Company] = {}
        self._dirty_deliveries: dict[str, Delivery] = {}
        self._documents: dict[str, Document | None] = {}
        self._dirty_documents: dict[str, Document] = {}
        self._outgoing: list[tuple[int, int, str]] = []
        self._sent_order = 0
        self._agenda = Agenda()
        self._seq: int | None = None
        self._unheard: set[str] = set()  # events that are certainly not in the state yet
        self._taken: set[str] = set()  # events of this draft: asking whether one is known need not write the others

    # -- order and names ---------------------------------------------------------------------------------------------

    def next_seq(self) -> int:
        """The next number in the order of scheduling."""
        if self._seq is None:
            self._seq = self.state.order_base()
        self._seq += 1
        return self._seq

    def new_id(self, kind: str) -> str:
        """A new id such as `deal-17`: a word and a number that counts up in this state."""
        return f"{kind}-{self.state.next_number(kind)}"

    def unused_id(self, kind: str, taken: Callable[[str], object | None]) -> str:
        """A new id that nothing has: what was imported, or is given in a scenario, may be called `deal-1` too."""
        while True:
            made = self.new_id(kind)
            if taken(made) is None:
                return made

    def pipeline(self, item: Item) -> Pipeline | None:
        """The item's pipeline, None where the configuration has it no longer."""
        return self.workspace.pipelines.get(item.pipeline)

    def rule_of(self, run: Run) -> Rule | None:
        """The run's rule as it is defined now."""
        pipeline = self.workspace.pipelines.get(run.pipeline)
        stage = pipeline.stage_by_id.get(run.stage) if pipeline else None
        return stage.rule_by_id.get(run.rule) if stage else None

    # -- items, contacts, companies, deliveries: read once, shared ---------------------------------------------------

    def item(self, item_id: str) -> Item | None:
        """The item (deleted ones too), or None."""
        if item_id not in self._items:
            self._items[item_id] = self.state.item(item_id)
        return self._items[item_id]

    def known(self, item: Item) -> Item:
        """The item, which was just read from this draft's state, or what the draft has of it already."""
        return self._items.setdefault(item.id, item) or item

    def contact(self, contact_id: str) -> Contact | None:
        """The contact, or None."""
        if contact_id not in self._contacts:
            self._contacts[contact_id] = self.state.contact(contact_id)
        return self._contacts[contact_id]

    def company(self, company_id: str) -> Company | None:
        """The company, or None."""
        if company_id not in self._companies:
            self._companies[company_id] = self.state.company(company_id)
        return self._companies[company_id]

    def delivery(self, delivery_id: str) -> Delivery | None:
        """The delivery, or None."""
        found = self._deliveries.get(delivery_id) or self.state.delivery(delivery_id)
        if found is not None:
            self._deliveries[delivery_id] = found
        return found

    def deliveries_of_run(self, run_id: str) -> Sequence[Delivery]:
        """The run's deliveries, oldest first."""
        self.flush()
        return [self._deliveries.setdefault(one.id, one) for one in self.state.deliveries_of_run(run_id)]

    def touch(self, item: Item) -> None:
        """Notes that the item was changed."""
        self._dirty_items[item.id] = item
        self._fresh[item.id] = item

    def put_item(self, item: Item) -> None:
        """Adds a new item."""
        self._items[item.id] = item
        self.touch(item)

    def put_contact(self, contact: Contact) -> None:
        """Adds or changes a contact."""
        self._contacts[contact.id] = contact
        self._dirty_contacts[contact.id] = contact

    def put_company(self, company: Company) -> None:
        """Adds or changes a company."""
        self._companies[company.id] = company
        self._dirty_companies[company.id] = company

    def put_delivery(self, delivery: Delivery) -> None:
        """Adds or changes a delivery."""
        self._deliveries[delivery.id] = delivery
        self._dirty_deliveries[delivery.id] = delivery
        if delivery.state == PENDING and not delivery.held:
            self._sent_order += 1
            heapq.heappush(self._outgoing, (delivery.due, self._sent_order, delivery.id))

    def record(self, at: int, kind: str, item: str, author: str, data: dict[str, Any] | None = None) -> Entry:
        """Writes a line of the item's history, and gives it; it may be added to until it has its `seq`."""
        entry = Entry(at, kind, item, author) if data is None else Entry(at, kind, item, author, data)
        self.changes.entries.append(entry)
        return entry

    def emit(self, event: Event) -> None:
        """Queues an event that the engine made; it is handled right after what made it."""
        self.queue.append(event)

    # -- lookups that need everything written first ------------------------------------------------------------------

    def find_contacts(self, value: str) -> Sequence[str]:
        """Ids of the contacts with this id or address, oldest first."""
        self.flush()
        return self.state.find_contacts(value)

    def items_of_contact(self, contact_id: str) -> list[Item]:
        """The contact's items that are not deleted, in order of creation."""
        self.flush()
        return self._load(self.state.items_of_contact(contact_id))

    def items_in(self, pipeline: str, stages: Sequence[str] | None = None) -> list[Item]:
        """The pipeline's items that are not deleted (in these stages), in order of creation."""
        self.flush()
        return self._load(self.state.items_in(pipeline, stages))

    def _load(self, ids: Iterable[str]) -> list[Item]:
        found = (self.item(item_id) for item_id in ids)
        return [item for item in found if item is not None and not item.deleted]

    def item_of_token(self, kind: str, token: str) -> str | None:
        """The item behind a token."""
        self.flush()
        return self.state.item_of_token(kind, token)

    def link(self, hash: str) -> Link | None:
        """The personal link whose token has this SHA-256 (hex)."""
        self.flush()
        return self.state.link(hash)

    def link_secret(self) -> str:
        """What the tokens of this state's links are made with."""
        return self.state.link_secret(lambda: self.draw(HEX_LETTERS, HEX_LENGTH))

    def open_tasks(self, item_id: str, stage: str | None = None) -> Sequence[Task]:
        """The item's open tasks, oldest first."""
        self.flush()
        return self.state.open_tasks(item_id, stage)

    def task(self, task_id: str) -> Task | None:
        """The task, or None."""
        self.flush()
        return self.state.task(task_id)

    def open_activities(self, item_id: str) -> Sequence[Activity]:
        """The item's open activities."""
        self.flush()
        return self.state.open_activities(item_id)

    def bookings(self, resource: str, start: int, end: int) -> Sequence[Booking]:
        """Active bookings that touch [start, end)."""
        self.flush()
        return self.state.bookings(resource, start, end)

    def booking(self, booking_id: str) -> Booking | None:
        """The booking, or None."""
        self.flush()
        return self.state.booking(booking_id)

    def document(self, document_id: str) -> Document | None:
        """The document, or None."""
        if document_id not in self._documents:
            self.flush()
            self._documents[document_id] = self.state.document(document_id)
        return self._documents[document_id]

    def documents(self, item_id: str) -> list[Document]:
        """The item's documents, oldest first."""
        self.flush()
        found = self.state.documents(item_id)
        return [self._documents.setdefault(one.id, one) or one for one in found]

    def stored_file(self, file_id: str) -> StoredFile | None:
        """The file of that id, or None."""
        self.flush()
        return self.state.stored_file(file_id)

    def last_number(self, name: str) -> int:
        """The number that was counted up last by that name; 0 before the first."""
        return self.state.last_number(name)

    def exempt(self, values: Sequence[str]) -> str | None:
        """The first of the addresses that is on the exceptions list."""
        if self.changes.exemptions:
            self.flush()
        return self.state.exempt(values)

    def code_known(self, code: str) -> bool:
        """True when the code is taken."""
        return code in self.changes.codes or self.state.code_known(code)

    def messages_between(self, contact_id: str, start: int, end: int) -> int:
        """Messages to the contact in [start, end)."""
        self.flush()
        return self.state.messages_between(contact_id, start, end)

    def open_counts(self, users: Sequence[str]) -> dict[str, int]:
        """Open items by responsible."""
        self.flush()
        return self.state.open_counts(users)

    def last_assigned(self, role: str) -> str | None:
        """Whom round robin took last."""
        self.flush()
        return self.state.last_assigned(role)

    def event_known(self, event_id: str) -> bool:
        """True when the event was accepted before."""
        if event_id in self._taken:
            return True
        return event_id not in self._unheard and self.state.event_known(event_id)

    # -- side records ------------------------------------------------------------------------------------------------

    def put_task(self, task: Task) -> None:
        """Adds or changes a task."""
        self.changes.tasks.append(task)

    def put_activity(self, activity: Activity) -> None:
        """Adds or changes an activity."""
        self.changes.activities.append(activity)

    def put_notice(self, notice: Notice) -> None:
        """Adds a notification."""
        self.changes.notices.append(notice)

    def put_post(self, post: Post) -> None:
        """Adds a feed post or comment."""
        self.changes.posts.append(post)

    def put_booking(self, booking: Booking) -> None:
        """Adds or changes a booking."""
        self.changes.bookings.append(booking)

    def put_code(self, code: str) -> None:
        """Takes a code."""
        self.changes.codes.append(code)

    def put_exemption(self, exemption: Exemption) -> None:
        """Adds to the exceptions list, or changes its count."""
        self.changes.exemptions.append(exemption)

    def put_token(self, kind: str, token: str, item_id: str) -> None:
        """Ties a token to an item."""
        self.changes.tokens.append((kind, token, item_id))

    def put_chat_line(self, line: ChatLine) -> None:
        """Adds a line to a chat."""
        self.changes.chat_lines.append(line)

    def put_link(self, link: Link) -> None:
        """Keeps a personal link."""
        self.changes.links.append(link)

    def put_document(self, document: Document) -> None:
        """Adds or changes a document."""
        self._documents[document.id] = document
        self._dirty_documents[document.id] = document

    def add_file(self, item_id: str, name: str, media: str, at: int, content: bytes | None = None) -> StoredFile:
        """A new file of the item; its content may come later. Raises BadValueError for more than 20 MB."""
        made = new_file(self.new_id("file"), item_id, name, media, at, content)
        self.changes.files.append(made)
        if content is not None:
            self.changes.contents.append((made.hash, content))
        return made

    def count_message(self, contact_id: str, at: int) -> None:
        """Counts a message to a contact."""
        self.changes.messages.append((contact_id, at))

    def put_assigned(self, role: str, user: str) -> None:
        """Notes whom round robin took."""
        self.changes.assigned.append((role, user))

    def put_journal(self, journal: Journal) -> None:
        """Records an event and what became of it."""
        self._taken.add(journal.id)
        self.changes.journal.append(journal)

    # -- writing and what is due -------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Writes what was changed so far into the transaction."""
        changes = self.changes
        if self._dirty_items:
            for item_id in self._fresh:
                changes.due.pop(item_id, None)
            changes.items.extend(self._dirty_items.values())
            self._dirty_items.clear()
        if self._dirty_contacts:
            changes.contacts.extend(self._dirty_contacts.values())
            self._dirty_contacts.clear()
        if self._dirty_companies:
            changes.companies.extend(self._dirty_companies.values())
            self._dirty_companies.clear()
        if self._dirty_deliveries:
            changes.deliveries.extend(self._dirty_deliveries.values())
            self._dirty_deliveries.clear()
        if self._dirty_documents:
            changes.documents.extend(self._dirty_documents.values())
            self._dirty_documents.clear()
        if changes:
            self.wrote_more = self.wrote_more or changes.more_than_items()
            self.state.write(changes)
            self.changes = Changes()

    def foresee(self, items: Iterable[str], events: Sequence[str] = ()) -> None:
        """Reads in one go what is about to be asked for one by one: these items, whether these events are known."""
        wanted = [item_id for item_id in dict.fromkeys(items) if item_id not in self._items]
        if len(wanted) > 1:
            for item in self.state.items_by_id(wanted):
                self._items[item.id] = item
        if len(events) > 1:
            self._unheard.update(events)
            self._unheard -= self.state.events_known(events)

    def look_ahead(self, now: int, limit: int) -> None:
        """Notes up to `limit` items of the state that are due, so that `pop_due` gives them in order."""
        if limit > _AT_ONCE:
            self.note_due(self.state.due_items(now, limit))
            return
        keys = []
        for due, seq, item in self.state.items_due(now, limit):
            self._items.setdefault(item.id, item)
            keys.append((due, seq, item.id))
        self._agenda.note_in_order(keys)  # what the draft knows better is noted anew

    def note_due(self, due: Sequence[tuple[int, int, str]]) -> None:
        """Notes items by (due, order of scheduling, id), which come in that order, for `pop_due`."""
        self.foresee([item_id for _, _, item_id in due[:_AT_ONCE]])
        self._agenda.note_in_order([(key[0], key[1], key[2]) for key in due])

    def peek_due(self) -> int | None:
        """When the next of the items noted is due, ms UTC; None when none is."""
        self._note_fresh()
        while (key := self._agenda.first()) is not None:
            item = self.item(key[2])
            if item is not None and item.due_as(key[0], key[1]) is not False:
                return key[0]
            self._agenda.take(key[0])
        return None

    def peek_delivery(self) -> int | None:
        """When the next delivery that was put into this draft is to be tried, ms UTC; None when none is."""
        while self._outgoing:
            due_at, _, delivery_id = self._outgoing[0]
            found = self._deliveries[delivery_id]
            if found.state == PENDING and not found.held and found.due == due_at:
                return due_at
            heapq.heappop(self._outgoing)
        return None

    def pop_delivery(self, now: int) -> Delivery | None:
        """The next delivery put into this draft that is to be tried at or before now; None when there is none."""
        due_at = self.peek_delivery()
        if due_at is None or due_at > now:
            return None
        return self._deliveries[heapq.heappop(self._outgoing)[2]]

    def _note_fresh(self) -> None:
        for item in self._fresh.values():
            first = self.changes.due[item.id] = item.first_due()
            if first is not None:
                self._agenda.note((first[0], first[1], item.id))
        self._fresh.clear()

    def pop_due(self, now: int) -> tuple[Item, Run | None] | None:
        """What is earliest by (due, order of scheduling), at or before now, of what was noted; None if nothing is.

        An item with its run, or with None where the deadline of a task is due.
        """
        if self._fresh:
            self._note_fresh()
        while (key := self._agenda.take(now)) is not None:
            item = self.item(key[2])
            if item is not None:
                found = item.due_as(key[0], key[1])
                if found is True:
                    return item, None
                if found is not False:
                    return item, found
        return None
