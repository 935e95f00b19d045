"""The floor: the rows of the same work written by plain SQLite, with nothing decided, checked or rendered.

It stands on the same SQLite with the same pragmas, batch and checkpoint thread. A pending rule is a row of its own
here, which is what most schedulers keep; a move cancels three and adds three.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bench.workload import DAY, FIELDS, RULES, STAGES, START, item_name
from stageauto.store.checkpoint import Checkpointer
from stageauto.store.driver import dbapi

if TYPE_CHECKING:
    import sqlite3

    from stageauto.store.sqlite import SqliteStore

_TABLES = """
CREATE TABLE item (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, pipeline TEXT NOT NULL, stage TEXT NOT NULL,
    visit INTEGER NOT NULL, title TEXT NOT NULL, entered_at INTEGER NOT NULL, fields TEXT NOT NULL);
CREATE INDEX item_stage ON item (pipeline, stage);
CREATE TABLE pending (
    id INTEGER PRIMARY KEY, item INTEGER NOT NULL, rule TEXT NOT NULL, stage TEXT NOT NULL, visit INTEGER NOT NULL,
    state TEXT NOT NULL, due INTEGER NOT NULL, created_at INTEGER NOT NULL, cause TEXT NOT NULL, because TEXT);
CREATE INDEX pending_due ON pending (due) WHERE state = 'pending';
CREATE INDEX pending_item ON pending (item) WHERE state = 'pending';
CREATE TABLE timeline (
    id INTEGER PRIMARY KEY, item INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, author TEXT NOT NULL,
    data TEXT NOT NULL);
CREATE INDEX timeline_item ON timeline (item);
CREATE TABLE event (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, type TEXT NOT NULL, at INTEGER NOT NULL, item TEXT NOT NULL,
    data TEXT NOT NULL, outcome TEXT NOT NULL);
"""
_ADD_ITEM = "INSERT INTO item VALUES (?, ?, 'orders', ?, 1, ?, ?, ?)"
_ADD_RUN = """INSERT INTO pending (item, rule, stage, visit, state, due, created_at, cause)
    VALUES (?, ?, ?, ?, 'pending', ?, ?, ?)"""
_ADD_LINE = "INSERT INTO timeline (item, at, kind, author, data) VALUES (?, ?, ?, ?, ?)"
_ADD_EVENT = "INSERT INTO event (key, type, at, item, data, outcome) VALUES (?, 'app.next', ?, ?, ?, 'moved')"
_EVENT_DATA = '{"kind":"order","subject":"hello","from":"ewa@home.test"}'
_SPANS = (0, DAY, 30 * DAY)
_NAMES = ("note", "look", "soon")
ROWS_OF_MOVE = 1 + 1 + 2 + RULES + RULES
"""Rows that a move writes: item, event, two lines of history (the event, the move), cancelled, scheduled."""
ROWS_OF_ACTION = 1 + 2
"""Rows that a due action writes: the pending row, two lines of history (what was done, how it ended)."""


class Floor:
    """A database of plain rows, as full as the state beside it."""

    def __init__(self, folder: Path, like: SqliteStore, items: int, sync: str) -> None:
        self.path = folder / "floor.db"
        self.connection: sqlite3.Connection = dbapi.connect(
            str(self.path), isolation_level=None, cached_statements=512, check_same_thread=False
        )
        pragma = like.connection.execute
        self.connection.execute("PRAGMA journal_mode = WAL").fetchone()
        for name in ("cache_size", "wal_autocheckpoint", "page_size"):
            self.connection.execute(f"PRAGMA {name} = {pragma(f'PRAGMA {name}').fetchone()[0]}")
        self.connection.execute(f"PRAGMA synchronous = {sync}")
        self.connection.executescript(_TABLES)
        self._fill(items)

    def _fill(self, items: int) -> None:
        run = self.connection.execute
        fields = json.dumps(FIELDS)
        run("BEGIN IMMEDIATE")
        for number in range(1, items + 1):
            run(_ADD_ITEM, (number, item_name(number - 1), STAGES[0], f"Order number {number - 1}", START, fields))
            self._schedule(number, STAGES[0], 1, START)
        run("COMMIT")
        run("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _schedule(self, item: int, stage: str, visit: int, now: int) -> None:
        self.connection.executemany(
            _ADD_RUN,
            [
                (item, f"{stage}-{name}", stage, visit, now + span, now, f"to-{stage}")
                for name, span in zip(_NAMES, _SPANS, strict=True)
            ],
        )

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """With a checkpoint thread, as stageauto has one."""
        with Checkpointer(cast("SqliteStore", self)):
            yield

    def moves(self, items: Sequence[int], first: int) -> None:
        """One transaction that moves these items (by number) on; the events are numbered from `first`."""
        run = self.connection.execute
        run("BEGIN IMMEDIATE")
        for number, item in enumerate(items, start=first):
            self._move(item + 1, number, START + 1000 + number)
        run("COMMIT")

    def _move(self, item: int, number: int, now: int) -> None:
        run = self.connection.execute
        visit, was = run("SELECT visit, stage FROM item WHERE id = ?", (item,)).fetchone()
        stage = STAGES[visit % len(STAGES)]
        key, name = f"evt-{number:09d}-abcdef", item_name(item - 1)
        run("UPDATE item SET stage = ?, visit = ?, entered_at = ? WHERE id = ?", (stage, visit + 1, now, item))
        old = run("SELECT id FROM pending WHERE item = ? AND state = 'pending'", (item,)).fetchall()
        self.connection.executemany(
            "UPDATE pending SET state = 'cancelled', because = 'left the stage' WHERE id = ?", old
        )
        self._schedule(item, stage, visit + 1, now)
        run(_ADD_EVENT, (key, now, name, _EVENT_DATA))
        run(_ADD_LINE, (item, now, "event", "bench", f'{{"event":"{key}","type":"app.next","data":{_EVENT_DATA}}}'))
        moved = f'{{"from":"{was}","to":"{stage}","visit":{visit + 1},"trigger":"to-{stage}","event":"{key}"}}'
        run(_ADD_LINE, (item, now, "entered", f"trigger:to-{stage}", moved))

    def handle(self, items: Sequence[int], first: int) -> None:
        """One transaction that moves these items on and does the first rule of the stage each came to."""
        run = self.connection.execute
        run("BEGIN IMMEDIATE")
        for number, item in enumerate(items, start=first):
            now = START + 1000 + number
            self._move(item + 1, number, now)
            found = run("SELECT id, rule FROM pending WHERE item = ? AND state = 'pending' ORDER BY due", (item + 1,))
            run_id, rule = found.fetchone()
            self._act(run_id, rule, item + 1, now)
        run("COMMIT")

    def _act(self, number: int, rule: str, item: int, now: int) -> None:
        run = self.connection.execute
        run("UPDATE pending SET state = 'done' WHERE id = ?", (number,))
        author = f"rule:{rule}"
        text = f"Order number {item - 1}: GTX Plus Basic for Cancity, 1250"
        run(_ADD_LINE, (item, now, "comment", author, f'{{"text":"{text}"}}'))
        ended = f'{{"rule":"{rule}","run":"order-{item - 1}.1.{rule}","stage":"new","outcome":"done"}}'
        run(_ADD_LINE, (item, now, "outcome", author, ended))

    def actions(self, now: int, limit: int) -> int:
        """One transaction that does what is due; gives how many there were."""
        run = self.connection.execute
        run("BEGIN IMMEDIATE")
        due = run(
            "SELECT id, item, rule FROM pending WHERE state = 'pending' AND due <= ? ORDER BY due, id LIMIT ?",
            (now, limit),
        ).fetchall()
        for number, item, rule in due:
            self._act(number, rule, item, now)
        run("COMMIT")
        return len(due)

    def count(self, table: str, where: str = "1") -> int:
        """How many rows the table has."""
        return int(self.connection.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0])

    def close(self) -> None:
        """Closes the file."""
        self.connection.close()


@contextmanager
def floor(folder: Path, like: SqliteStore, items: int, sync: str) -> Iterator[Floor]:
    """A floor as full as the state."""
    with closing(Floor(folder, like, items, sync)) as made:
        yield made
