"""Items, and the runs that live in their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stageauto.engine.state import FirstDue, Item
from stageauto.store.codec import dump_item, dumps, load_item
from stageauto.store.sqlite_base import Base, Where, marks

# The columns responsible, closed and deleted are copies, for the indexes.
_COLUMNS = "id, key, pipeline, stage, entered_at, next_due, next_seq, doc"
_NUMBER, _PIPELINE, _STAGE, _ENTERED_AT, _DUE_AT, _SEQ, _DOC = 0, 2, 3, 4, 5, 6, 7
_ITEM = f"SELECT {_COLUMNS} FROM items WHERE key = ?"  # noqa: S608  # only words of ours
_MENTIONING = f"""SELECT {_COLUMNS} FROM items
    WHERE instr(key || ' ' || doc, ?) ORDER BY deleted, id"""  # noqa: S608  # only words of ours
_MANY = f"SELECT {_COLUMNS} FROM items WHERE key IN (SELECT value FROM json_each(?))"  # noqa: S608  # only words of ours
_DUE = """SELECT next_due, next_seq, key FROM items WHERE next_due IS NOT NULL AND next_due <= ?
          ORDER BY next_due, next_seq LIMIT ?"""
_ITEMS_DUE = f"""SELECT {_COLUMNS} FROM items WHERE next_due IS NOT NULL AND next_due <= ?
    ORDER BY next_due, next_seq LIMIT ?"""  # noqa: S608  # only words of ours
_OF_CONTACT = """SELECT key FROM item_contacts JOIN items ON items.id = item_contacts.item
                 WHERE contact = ? AND deleted = 0 ORDER BY items.id"""
_INSERT = """INSERT INTO items
    (key, pipeline, stage, entered_at, next_due, next_seq, doc, responsible, closed, deleted)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_UPDATE = """UPDATE items SET pipeline = ?, stage = ?, entered_at = ?, next_due = ?, next_seq = ?, doc = ?,
    responsible = ?, closed = ?, deleted = ? WHERE id = ?"""
# An index is written anew for every column of it that is named, changed or not: the usual move names none in vain.
_UPDATE_STAGE = "UPDATE items SET stage = ?, entered_at = ?, next_due = ?, next_seq = ?, doc = ? WHERE id = ?"
_UPDATE_DUE = "UPDATE items SET next_due = ?, next_seq = ?, doc = ? WHERE id = ?"
_UPDATE_DOC = "UPDATE items SET doc = ? WHERE id = ?"

# A run names its stage or pipeline in the row only where they are not its item's.
_ELSEWHERE = """instr(doc, '"elsewhere":')"""
_RUNS = """SELECT count(*) FROM items, json_each(items.doc, '$.runs') AS run
    WHERE deleted = 0 AND coalesce(json_extract(run.value, '$.s'), 'pending') IN ({})"""


def _escaped(part: str) -> str:
    return part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


_PLAIN: tuple[Any, ...] = (None, False, False, ())


def _beside(item: Item) -> tuple[Any, ...]:
    """What stands outside the row's text as well: responsible, closed, deleted, and the contacts."""
    return item.responsible, item.closed, item.deleted, tuple(item.contacts)


class ItemsReader(Base):
    """Reads items."""

    __slots__ = ()

    def item(self, item_id: str) -> Item | None:
        """The item, deleted ones too; a fresh object each time."""
        row = self._conn.execute(_ITEM, (item_id,)).fetchone()
        return None if row is None else self._read_item(row)

    def items_by_id(self, item_ids: Sequence[str]) -> list[Item]:
        """Those of the items that are there, in no order; one by one `item` takes three times as long."""
        return [self._read_item(row) for row in self._all(_MANY, dumps(list(item_ids)))]

    def _read_item(self, row: tuple[Any, ...]) -> Item:
        item = load_item(row)
        self._item_rows[item.id] = row
        if item.contacts or item.responsible is not None or item.closed or item.deleted:
            self._item_beside[item.id] = _beside(item)
        return item

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
        where = Where().plain("deleted = 0", not include_deleted)
        where.add("pipeline = ?", pipeline).add("stage = ?", stage).add("responsible = ?", responsible)
        where.add("entered_at < ?", entered_before)
        sql = f"SELECT {_COLUMNS} FROM items{where} ORDER BY id LIMIT ?"  # noqa: S608  # only words of ours
        rows = self._all(sql, *where.values, limit)
        return [self._read_item(row) for row in rows]

    def items_after(
        self, order: int, limit: int, pipelines: Sequence[str] | None, stages: Sequence[tuple[str, str]] = ()
    ) -> list[Item]:
        """Not deleted items that were created after that one, in order of creation.

        Of these pipelines and (pipeline, stage) pairs, and all that may have a run of another stage than their own;
        None: of all.
        """
        where = Where().plain("deleted = 0", wanted=True).add("id > ?", order)
        if pipelines is not None:
            places = " OR ".join(["(pipeline = ? AND stage = ?)"] * len(stages)) or "0"
            where.plain(f"(pipeline IN ({marks(pipelines)}) OR {places} OR {_ELSEWHERE})", wanted=True)
            where.values += [*pipelines, *(word for place in stages for word in place)]
        sql = f"SELECT {_COLUMNS} FROM items{where} ORDER BY id LIMIT ?"  # noqa: S608  # only words of ours
        return [self._read_item(row) for row in self._all(sql, *where.values, limit)]

    def last_item(self) -> int:
        """The number of the item that was created last, deleted ones too; 0 where there is none."""
        return int(self._one("SELECT max(id) FROM items") or 0)

    def count_runs(self, states: Sequence[str]) -> int:
        """How many runs of not deleted items are in one of these states."""
        return int(self._one(_RUNS.format(marks(states)), *states))

    def forget_items(self) -> None:
        """Forgets the rows that were read, for who goes through all of them."""
        self._item_rows.clear()
        self._item_beside.clear()
        self._item_ids.clear()

    def items_of_contact(self, contact_id: str) -> list[str]:
        """Ids of the not deleted items that have this contact, in order of creation."""
        return self._first(_OF_CONTACT, contact_id)

    def items_in(self, pipeline: str, stages: Sequence[str] | None = None) -> list[str]:
        """Ids of the not deleted items there, in order of creation."""
        where = Where().plain("deleted = 0", wanted=True).add("pipeline = ?", pipeline).any_of("stage", stages)
        sql = f"SELECT key FROM items{where} ORDER BY id"  # noqa: S608  # only words of ours
        return self._first(sql, *where.values)

    def due_items(self, now: int, limit: int) -> list[tuple[int, int, str]]:
        """(due, seq, item id) of items whose next due is at or before now, in that order."""
        return self._conn.execute(_DUE, (now, limit)).fetchall()

    def items_due(self, now: int, limit: int) -> list[tuple[int, int, Item]]:
        """The same with the items themselves, each a fresh object."""
        return [(row[_DUE_AT], row[_SEQ], self._read_item(row)) for row in self._conn.execute(_ITEMS_DUE, (now, limit))]

    def next_item_due(self) -> int | None:
        """When the next item has something to do, ms UTC."""
        found: int | None = self._one("SELECT min(next_due) FROM items WHERE next_due IS NOT NULL")
        return found

    def open_counts(self, users: Sequence[str]) -> dict[str, int]:
        """Open (not closed, not deleted) items by responsible; 0 where none."""
        counts = dict.fromkeys(users, 0)
        where = Where().plain("closed = 0 AND deleted = 0", wanted=True).any_of("responsible", users)
        sql = f"SELECT responsible, count(*) FROM items{where} GROUP BY responsible"  # noqa: S608  # only words of ours
        counts.update(self._all(sql, *where.values))
        return counts

    def counts_by_stage(self) -> dict[tuple[str, str], int]:
        """How many not deleted items are in each (pipeline, stage)."""
        rows = self._all("SELECT pipeline, stage, count(*) FROM items WHERE deleted = 0 GROUP BY pipeline, stage")
        return {(pipeline, stage): count for pipeline, stage, count in rows}

    def resolve_item(self, part: str) -> list[str]:
        """Ids that the part can mean, in order of creation, deleted ones last.

        The id itself; else those that it is in another case; else those of which it is the last word or number; else
        those that end with it; else those that contain it, whatever the case.
        """
        if self._one("SELECT 1 FROM items WHERE key = ?", part):
            return [part]
        if not part:
            return []
        found = self._first(
            "SELECT key FROM items WHERE key LIKE ? ESCAPE '\\' ORDER BY deleted, id", f"%{_escaped(part)}%"
        )
        folded = part.casefold()
        endings = [one for one in found if one.casefold().endswith(folded)]
        same = [one for one in endings if len(one) == len(part)]
        words = [one for one in endings if not one[: -len(part)][-1:].isalnum()]
        return same or words or endings or found

    def find_run(self, part: str) -> list[tuple[str, str]]:
        """(item id, run id) of the runs in items that the id, or part of an id, can mean; as `resolve_item`."""
        pairs = self._runs_by_prefix(part)
        exact = [pair for pair in pairs if pair[1] == part]
        if exact or not part:
            return exact
        # Most parts name the item or the rule, and both stand in the row's text or key.
        words = [one for one in part.split(".") if one and not one.isdecimal()] or [part]
        rows = self._all(_MENTIONING, dumps(words[-1])[1:-1])
        pairs = [(item.id, run_id) for item in map(self._read_item, rows) for run_id in item.runs if part in run_id]
        exact = [pair for pair in pairs if pair[1] == part]
        endings = [pair for pair in pairs if pair[1].endswith(f".{part}")]
        return exact or endings or pairs

    def _runs_by_prefix(self, part: str) -> list[tuple[str, str]]:
        """Runs of the item whose id the part begins with: an id of a run is `item.visit.rule`."""
        pieces = part.split(".")
        for length in range(len(pieces) - 1, 0, -1):
            item = self.item(".".join(pieces[:length]))
            if item is not None:
                return [(item.id, run_id) for run_id in item.runs]
        return []

    def _item_id(self, key: str) -> int | None:
        row = self._item_rows.get(key)
        if row is not None:
            return int(row[_NUMBER])
        found = self._item_ids.get(key)
        if found is None:
            found = self._one("SELECT id FROM items WHERE key = ?", key)
            if found is not None:
                self._item_ids[key] = found
        return found


class ItemsWriter(ItemsReader):
    """Writes items, as little of a row and of the indexes as the change asks for."""

    __slots__ = ()

    def _write_items(self, items: Sequence[Item], dues: Mapping[str, FirstDue | None]) -> None:
        rows, known = self._item_rows, self._item_beside
        updates: dict[str, list[tuple[Any, ...]]] = {}
        for item in items:
            key = item.id
            was = rows.get(key) or self._known_row(key)
            first = dues[key] if key in dues else item.first_due()
            due, seq = (None, None) if first is None else first[:2]
            number = 0 if was is None else was[_NUMBER]
            now = (number, key, item.pipeline, item.stage, item.stage_entered_at, due, seq, dump_item(item))
            before = beside = known.get(key, _PLAIN)
            if before is not _PLAIN or item.contacts or item.responsible is not None or item.closed or item.deleted:
                beside = _beside(item)
            if was is None:
                number = self._insert_item(now, beside)
                now = (number, *now[1:])
            else:
                sql, values = _update(was, now, before, beside)
                if sql:
                    updates.setdefault(sql, []).append(values)
            item.order = number
            rows[key] = now
            if beside is not before and beside != before:
                known[key] = beside
                self._link(number, before[3], beside[3])
        for sql, changed in updates.items():
            self._conn.executemany(sql, changed)

    def _known_row(self, key: str) -> tuple[Any, ...] | None:
        """An object that was not read in this transaction may still be in the state."""
        if self._item_id(key) is None:
            return None
        self.item(key)
        return self._item_rows[key]

    def _insert_item(self, now: tuple[Any, ...], beside: tuple[Any, ...]) -> int:
        responsible, closed, deleted, _ = beside
        return int(self._conn.execute(_INSERT, (*now[1:], responsible, int(closed), int(deleted))).lastrowid or 0)

    def _link(self, number: int, before: Sequence[str], now: Sequence[str]) -> None:
        gone = [(contact, number) for contact in sorted({*before} - {*now})]
        new = [(contact, number) for contact in sorted({*now} - {*before})]
        if gone:
            self._conn.executemany("DELETE FROM item_contacts WHERE contact = ? AND item = ?", gone)
        if new:
            self._conn.executemany("INSERT OR IGNORE INTO item_contacts VALUES (?, ?)", new)


def _update(
    was: tuple[Any, ...], now: tuple[Any, ...], before: tuple[Any, ...], beside: tuple[Any, ...]
) -> tuple[str, tuple[Any, ...]]:
    """The statement that makes a row what it is to be, and its values; "" where it is that already."""
    number, _, pipeline, stage, entered_at, due, seq, doc = now
    if pipeline != was[_PIPELINE] or (beside is not before and beside[:3] != before[:3]):
        responsible, closed, deleted, _ = beside
        return _UPDATE, (*now[2:], responsible, int(closed), int(deleted), number)
    if stage != was[_STAGE] or entered_at != was[_ENTERED_AT]:
        return _UPDATE_STAGE, (stage, entered_at, due, seq, doc, number)
    if due != was[_DUE_AT] or seq != was[_SEQ]:
        return _UPDATE_DUE, (due, seq, doc, number)
    return (_UPDATE_DOC, (doc, number)) if doc != was[_DOC] else ("", ())
