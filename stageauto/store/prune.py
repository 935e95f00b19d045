"""Forgets what is old and over."""

from __future__ import annotations

from stageauto.store.sqlite_items import ItemsReader

# What is deleted belongs to nothing that lives. The newest row of a numbered table always stays: the next number is
# worked out from it, and a number that was given once is never given again.
_ROWS: tuple[tuple[str, str], ...] = (
    ("events", "DELETE FROM events WHERE at < ? AND outcome <> 'queued' AND seq < (SELECT max(seq) FROM events)"),
    (
        "timeline",
        """DELETE FROM timeline WHERE at < ? AND seq < (SELECT max(seq) FROM timeline)
           AND item IN (SELECT id FROM items WHERE closed = 1 OR deleted = 1)""",
    ),
    (
        "timeline",
        "DELETE FROM timeline WHERE at < ? AND seq < (SELECT max(seq) FROM timeline) AND item IS NULL",
    ),
    ("notices", "DELETE FROM notices WHERE at < ? AND read_at IS NOT NULL"),
    ("bookings", "DELETE FROM bookings WHERE ends < ?"),
    ("chat_lines", "DELETE FROM chat_lines WHERE at < ? AND seq < (SELECT max(seq) FROM chat_lines)"),
    ("messages", "DELETE FROM messages WHERE at < ?"),
)
_LINES = "1 + (before <> '')"
_FINISHED = """SELECT seq, item, run FROM outbox
    WHERE due < ? AND state NOT IN ('pending', 'running', 'unknown') AND seq < (SELECT max(seq) FROM outbox)"""
_GONE = """SELECT id, key FROM items WHERE deleted = 1 AND entered_at < ? AND id < (SELECT max(id) FROM items)
    AND NOT EXISTS (SELECT 1 FROM timeline WHERE timeline.item = items.id)
    AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.item = items.key)"""
_OF_ITEM = (
    "DELETE FROM tasks WHERE item = ?",
    "DELETE FROM activities WHERE item = ?",
    "DELETE FROM posts WHERE item = ?",
    "DELETE FROM tokens WHERE item = ?",
    "DELETE FROM links WHERE item = ?",
    "DELETE FROM documents WHERE item = ?",
    "DELETE FROM files WHERE item = ?",
    "DELETE FROM items WHERE key = ?",
)


class Pruner(ItemsReader):
    """Deletes old rows."""

    __slots__ = ()

    def prune(self, before: int) -> dict[str, int]:
        """How many rows were deleted by table: what is older than `before` (ms UTC) and over.

        Goes: events that were handled (an id may then come again), the history of closed and deleted items, deliveries
        that are over and whose run is, read notices, bookings, counted messages, and deleted items of which nothing is
        left. Stays: open items with their whole history, whatever is pending or unknown, contacts, companies, codes,
        exceptions, versions, the audit log.
        """
        counts: dict[str, int] = {}
        for table, sql in _ROWS:
            gone = self._first(f"{sql} RETURNING {_LINES if table == 'timeline' else 1}", before)
            counts[table] = counts.get(table, 0) + sum(gone)
        counts["outbox"] = self._prune_deliveries(before)
        counts["items"] = self._prune_items(before)
        return counts

    def _prune_deliveries(self, before: int) -> int:
        living: dict[str, frozenset[str]] = {}
        gone = []
        for seq, key, run in self._all(_FINISHED, before):
            if key not in living:
                item = self.item(key)
                living[key] = frozenset(item.runs if item else ())
            if run not in living[key]:
                gone.append((seq,))
        self._conn.executemany("DELETE FROM letters WHERE delivery = ?", gone)
        self._conn.executemany("DELETE FROM outbox WHERE seq = ?", gone)
        return len(gone)

    def _prune_items(self, before: int) -> int:
        gone = self._all(_GONE, before)
        self._conn.executemany("DELETE FROM item_contacts WHERE item = ?", [(number,) for number, _ in gone])
        for sql in _OF_ITEM:
            self._conn.executemany(sql, [(key,) for _, key in gone])
        if not self._one("SELECT count(*) FROM events WHERE outcome = 'queued'"):  # such may have brought files
            self._conn.execute("DELETE FROM contents WHERE hash NOT IN (SELECT hash FROM files)")
        for _, key in gone:
            self._item_rows.pop(key, None)
            self._item_ids.pop(key, None)
            self._item_beside.pop(key, None)
        return len(gone)
