"""The written history: timeline, journal of events, audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from stageauto.engine.state import Entry, Journal
from stageauto.errors import StateError
from stageauto.store.codec import Codec, dumps, parse
from stageauto.store.records import AuditEntry
from stageauto.store.sqlite_base import Where
from stageauto.store.sqlite_items import ItemsReader

_journal: Codec[Journal] = Codec(Journal, ("seq", "id", "at", "outcome"))
_TIMELINE = """SELECT timeline.seq, timeline.at, timeline.kind, coalesce(items.key, ''), timeline.author, timeline.data,
    timeline.before FROM timeline LEFT JOIN items ON items.id = timeline.item"""
_ADD_ENTRY = "INSERT INTO timeline (seq, item, at, kind, author, data, before) VALUES (?, ?, ?, ?, ?, ?, ?)"
_ALONG = frozenset({"comment", "event"})
"""Lines that go into the row of the next one where that is of the same item and moment: what was done and how it ended,
what came and where it led. What counts these kinds in SQL reads the view `lines`."""
_ADD_EVENT = "INSERT INTO events (seq, key, at, outcome, doc) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
_SET_EVENT = "UPDATE events SET at = ?, outcome = ?, doc = ? WHERE key = ?"


def _read_journal(row: Sequence[Any]) -> Journal:
    seq, key, at, outcome, doc = row
    return _journal.load(doc, seq=seq, id=key, at=at, outcome=outcome)


class HistoryReader(ItemsReader):
    """Reads what happened."""

    __slots__ = ()

    def event_known(self, event_id: str) -> bool:
        """True when an event of this id was accepted before."""
        return self._one("SELECT 1 FROM events WHERE key = ?", event_id) is not None

    def events_known(self, event_ids: Sequence[str]) -> set[str]:
        """Those of the ids under which an event was accepted before."""
        known = "SELECT key FROM events WHERE key IN (SELECT value FROM json_each(?))"
        return set(self._first(known, dumps(list(event_ids))))

    def event(self, event_id: str) -> Journal | None:
        """The event of this id as it was accepted, and what became of it."""
        row = self._row("SELECT seq, key, at, outcome, doc FROM events WHERE key = ?", event_id)
        return None if row is None else _read_journal(row)

    def journal(self, after_seq: int = 0, limit: int = -1) -> list[Journal]:
        """Events in the order in which they were accepted, from after `after_seq`."""
        rows = self._all(
            "SELECT seq, key, at, outcome, doc FROM events WHERE seq > ? ORDER BY seq LIMIT ?", after_seq, limit
        )
        return [_read_journal(row) for row in rows]

    def queued_events(self, limit: int = -1) -> list[Journal]:
        """Events that were accepted and not handled yet, oldest first."""
        rows = self._all(
            "SELECT seq, key, at, outcome, doc FROM events WHERE outcome = 'queued' ORDER BY seq LIMIT ?", limit
        )
        return [_read_journal(row) for row in rows]

    def timeline(self, item: str | None = None, *, after_seq: int = 0, limit: int = -1) -> list[Entry]:
        """Lines of the history, of one item or of all, in the order in which they were written, after `after_seq`."""
        where = Where().add("timeline.seq > ?", after_seq)
        if item is not None:
            where.add("timeline.item = ?", self._item_id(item) or 0)
        rows = self._conn.execute(f"{_TIMELINE}{where} ORDER BY timeline.seq LIMIT ?", (*where.values, limit))
        lines = []
        for seq, at, kind, key, author, data, before in rows:
            if before and seq - 1 > after_seq:
                kind_before, author_before, data_before = parse(before)
                lines.append(Entry(at, kind_before, key, author_before, data_before, seq - 1))
            lines.append(Entry(at, kind, key, author, parse(data), seq))
        return lines if limit < 0 else lines[:limit]

    def first_line_at(self, at: int) -> int:
        """The number of the first line of history at or after that moment (ms UTC); behind the last where none is."""
        found: int | None = self._one("SELECT min(seq - (before <> '')) FROM timeline WHERE at >= ?", at)
        return self.last_entry() + 1 if found is None else found

    def audit(self, *, after_seq: int = 0, limit: int = -1) -> list[AuditEntry]:
        """Lines of the audit log, oldest first, from after `after_seq`."""
        rows = self._conn.execute(
            "SELECT seq, at, author, action, target, data FROM audit WHERE seq > ? ORDER BY seq LIMIT ?",
            (after_seq, limit),
        )
        return [
            AuditEntry(seq, written_at, author, action, target, parse(data))
            for seq, written_at, author, action, target, data in rows
        ]

    def order_base(self) -> int:
        """A number above every run's `seq` in the state; grows with every transaction that writes entries."""
        return (self.last_entry() + 1) << 20


class HistoryWriter(HistoryReader):
    """Writes what happened. The numbers are given here: the write lock makes them nobody else's."""

    __slots__ = ()

    def _write_entries(self, entries: Sequence[Entry]) -> None:
        seq = self.last_entry()
        rows: list[tuple[Any, ...]] = []
        before = ""
        for entry, then in zip_longest(entries, entries[1:]):
            seq += 1
            entry.seq = seq
            if then and not before and entry.kind in _ALONG and entry.item == then.item and entry.at == then.at:
                before = dumps((entry.kind, entry.author, entry.data))
                continue
            row = self._item_rows.get(entry.item)
            number = self._number(entry) if row is None else row[0]
            rows.append((seq, number, entry.at, entry.kind, entry.author, dumps(entry.data), before))
            before = ""
        self._conn.executemany(_ADD_ENTRY, rows)
        self._entry_seq = seq

    def _number(self, entry: Entry) -> int | None:
        if not entry.item:
            return None
        number = self._item_id(entry.item)
        if number is None:
            raise StateError(f"a line of history ({entry.kind}) names the item {entry.item}, which is not in the state")
        return number

    def _write_journal(self, events: Sequence[Journal]) -> None:
        new = [event for event in events if not event.seq]
        for event in events:
            if event.seq:
                self._set_event(event)
        if new:
            self._add_events(new)

    def _add_events(self, events: Sequence[Journal]) -> None:
        seq = self.last_event()
        rows = []
        for event in events:
            seq += 1
            event.seq = seq
            rows.append((seq, event.id, event.at, event.outcome, _journal.dump(event)))
        added = self._conn.executemany(_ADD_EVENT, rows).rowcount
        if added:
            self._journal_seq = seq
        if added < len(rows):  # what was there before keeps its number
            for event in events:
                number = self._one("SELECT seq FROM events WHERE key = ?", event.id)
                if number != event.seq:
                    event.seq = number
                    self._set_event(event)

    def _set_event(self, event: Journal) -> None:
        self._conn.execute(_SET_EVENT, (event.at, event.outcome, _journal.dump(event), event.id))

    def audit_add(self, at: int, author: str, action: str, target: str, data: Mapping[str, Any] | None = None) -> None:
        """Adds a line to the audit log."""
        self._conn.execute(
            "INSERT INTO audit (at, author, action, target, data) VALUES (?, ?, ?, ?, ?)",
            (at, author, action, target, dumps(dict(data or {}))),
        )
