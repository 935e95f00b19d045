"""The state inside one SQLite transaction, put together from its parts."""

from __future__ import annotations

from stageauto.engine.ports import Changes
from stageauto.store.prune import Pruner
from stageauto.store.rewind import Rewinder
from stageauto.store.sqlite_admin import AdminReader, AdminWriter
from stageauto.store.sqlite_figures import FiguresReader
from stageauto.store.sqlite_files import FilesReader, FilesWriter
from stageauto.store.sqlite_history import HistoryReader, HistoryWriter
from stageauto.store.sqlite_items import ItemsWriter
from stageauto.store.sqlite_outbox import OutboxReader, OutboxWriter
from stageauto.store.sqlite_people import PeopleReader, PeopleWriter
from stageauto.store.sqlite_work import WorkReader, WorkWriter


class SqliteReader(HistoryReader, OutboxReader, PeopleReader, WorkReader, FilesReader, FiguresReader, AdminReader):
    """Everything that can be read: one snapshot."""

    __slots__ = ()


class SqliteState(
    SqliteReader,
    ItemsWriter,
    HistoryWriter,
    OutboxWriter,
    PeopleWriter,
    WorkWriter,
    FilesWriter,
    AdminWriter,
    Pruner,
    Rewinder,
):
    """Everything that can be read and written: one write transaction."""

    __slots__ = ()

    def write(self, changes: Changes) -> None:
        """Writes all of it. Entries, journal rows and new items get their numbers here."""
        if changes.items:
            self._write_items(changes.items, changes.due)
        if changes.entries:
            self._write_entries(changes.entries)
        if changes.journal:
            self._write_journal(changes.journal)
        if changes.deliveries:
            self._write_deliveries(changes.deliveries)
        if changes.contacts or changes.companies:
            self._write_contacts(changes.contacts)
            self._write_companies(changes.companies)
        if changes.exemptions or changes.messages:
            self._write_exemptions(changes.exemptions)
            self._write_messages(changes.messages)
        self._write_work(changes)
        self._write_papers(changes)
        self._write_small(changes)

    def _write_work(self, changes: Changes) -> None:
        if changes.tasks:
            self._write_tasks(changes.tasks)
        if changes.activities:
            self._write_activities(changes.activities)
        if changes.notices:
            self._write_notices(changes.notices)
        if changes.posts:
            self._write_posts(changes.posts)
        if changes.bookings:
            self._write_bookings(changes.bookings)

    def _write_papers(self, changes: Changes) -> None:
        if changes.documents:
            self._write_documents(changes.documents)
        if changes.contents:
            self._write_contents(changes.contents)
        if changes.files:
            self._write_files(changes.files)

    def _write_small(self, changes: Changes) -> None:
        if changes.codes:
            self._write_codes(changes.codes)
        if changes.tokens:
            self._write_tokens(changes.tokens)
        if changes.chat_lines:
            self._write_chat_lines(changes.chat_lines)
        if changes.links:
            self._write_links(changes.links)
        if changes.assigned:
            self._write_assigned(changes.assigned)
