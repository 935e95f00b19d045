"""Takes a copy of a state back to a moment: what came after it is deleted. Only for copies in memory."""

from __future__ import annotations

from collections.abc import Sequence

from stageauto.errors import StateError
from stageauto.store.sqlite_items import ItemsReader

# What has come since is known by its moment; what a table does not date belongs to what is dated.
_SINCE = (
    "DELETE FROM tasks WHERE coalesce(json_extract(doc, '$.created_at'), 0) >= ?",
    "DELETE FROM activities WHERE coalesce(json_extract(doc, '$.created_at'), 0) >= ?",
    "DELETE FROM bookings WHERE coalesce(json_extract(doc, '$.created_at'), 0) >= ?",
    "DELETE FROM documents WHERE coalesce(json_extract(doc, '$.at'), 0) >= ?",
    "DELETE FROM files WHERE coalesce(json_extract(doc, '$.at'), 0) >= ?",
    "DELETE FROM notices WHERE at >= ?",
    "DELETE FROM posts WHERE at >= ?",
    "DELETE FROM messages WHERE at >= ?",
    "DELETE FROM exemptions WHERE added_at >= ?",
    "DELETE FROM chat_lines WHERE at >= ?",
)
_CONTACTS_OF = "SELECT contact FROM item_contacts WHERE item = (SELECT id FROM items WHERE key = ?) ORDER BY contact"
_ITEMS_OF = "SELECT key FROM items WHERE id IN (SELECT item FROM item_contacts WHERE contact = ?)"
_AGAIN = ("DELETE FROM events", "DELETE FROM letters", "DELETE FROM outbox", "DELETE FROM assigned")


class Rewinder(ItemsReader):
    """Deletes what is newer than a moment."""

    __slots__ = ()

    def items_touched_since(self, seq: int) -> list[str]:
        """Ids of the items with history from that line on, in order of creation."""
        return self._first(
            "SELECT key FROM items WHERE id IN (SELECT item FROM timeline WHERE seq >= ?) ORDER BY id", seq
        )

    def contacts_only_of(self, items: list[str]) -> list[str]:
        """Ids of the contacts that came with these items: no other item has them."""
        mine, kept = set(items), []
        for contact in self._contacts_of(items):
            whose = self._first(_ITEMS_OF, contact)
            if mine.issuperset(whose):
                kept.append(contact)
        return kept

    def _contacts_of(self, items: list[str]) -> list[str]:
        found = (one for item in items for one in self._first(_CONTACTS_OF, item))
        return list(dict.fromkeys(found))

    def rewind(self, seq: int, at: int, *, without: list[str], contacts: Sequence[str] = ()) -> None:
        """Deletes history from line `seq` on, what came since `at` (ms UTC), the items `without` and the `contacts`.

        All events and deliveries go, so that they can come again. Numbers that were counted up stay: no new id is one
        that was given before. Raises StateError for a state on disk.
        """
        if self._one("SELECT file FROM pragma_database_list WHERE name = 'main'"):
            raise StateError("a state on disk is never taken back", "work on a copy in memory")
        self._conn.execute("DELETE FROM timeline WHERE seq >= ?", (seq,))
        for sql in _SINCE:
            self._conn.execute(sql, (at,))
        for sql in _AGAIN:
            self._conn.execute(sql)
        self._conn.executemany(
            "DELETE FROM item_contacts WHERE item = (SELECT id FROM items WHERE key = ?)", [(one,) for one in without]
        )
        self._conn.executemany("DELETE FROM items WHERE key = ?", [(one,) for one in without])
        self._conn.executemany(
            "DELETE FROM addresses WHERE contact = (SELECT id FROM contacts WHERE key = ?)",
            [(one,) for one in contacts],
        )
        self._conn.executemany("DELETE FROM contacts WHERE key = ?", [(one,) for one in contacts])
        self._entry_seq = self._journal_seq = None
        self._letters.clear()
        self.forget_items()
