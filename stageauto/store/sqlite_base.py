"""What all parts of a SQLite state share: the connection, and what was learned of rows in this transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from stageauto.store.mark import Height

if TYPE_CHECKING:
    import sqlite3


class Base:
    """One transaction. Statements are prepared once per connection and found again by their text."""

    __slots__ = ("_conn", "_entry_seq", "_item_beside", "_item_ids", "_item_rows", "_journal_seq", "_letters")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._conn = connection
        self._item_rows: dict[str, tuple[Any, ...]] = {}  # as they stand in the database: what need not be written
        self._item_beside: dict[str, tuple[Any, ...]] = {}  # what stands beside the text of the row
        self._item_ids: dict[str, int] = {}
        self._letters: dict[str, tuple[int, str]] = {}
        self._entry_seq: int | None = None
        self._journal_seq: int | None = None

    def _one(self, sql: str, *values: Any) -> Any:
        """The first column of the first row, or None."""
        row = self._conn.execute(sql, values).fetchone()
        return None if row is None else row[0]

    def _row(self, sql: str, *values: Any) -> Any:
        return self._conn.execute(sql, values).fetchone()

    def _all(self, sql: str, *values: Any) -> list[Any]:
        return self._conn.execute(sql, values).fetchall()

    def _first(self, sql: str, *values: Any) -> list[Any]:
        """The first column of every row."""
        return [row[0] for row in self._conn.execute(sql, values)]

    def height(self) -> Height:
        """How far the state has come."""
        return Height(
            self._one("SELECT max(seq) FROM timeline") or 0,
            self._one("SELECT max(seq) FROM events") or 0,
        )

    def written(self) -> tuple[int | None, int | None]:
        """The newest line of the timeline and the newest event, each None where this transaction did not ask for it."""
        return self._entry_seq, self._journal_seq

    def last_entry(self) -> int:
        """The number of the newest line of history; 0 where there is none."""
        if self._entry_seq is None:
            self._entry_seq = int(self._one("SELECT max(seq) FROM timeline") or 0)
        return self._entry_seq

    def last_event(self) -> int:
        """The number of the newest event; 0 where there is none."""
        if self._journal_seq is None:
            self._journal_seq = int(self._one("SELECT max(seq) FROM events") or 0)
        return self._journal_seq


def marks(values: Sequence[object]) -> str:
    """As many question marks as there are values, for an IN list."""
    return ",".join("?" * len(values))


class Where:
    """Conditions of a query that are there only when asked for."""

    def __init__(self) -> None:
        self._terms: list[str] = []
        self.values: list[Any] = []

    def add(self, term: str, value: Any) -> Where:
        """Adds the condition where the value is not None."""
        if value is not None:
            self._terms.append(term)
            self.values.append(value)
        return self

    def plain(self, term: str, wanted: bool) -> Where:
        """Adds a condition without a value."""
        if wanted:
            self._terms.append(term)
        return self

    def any_of(self, column: str, values: Iterable[Any] | None) -> Where:
        """The column is one of the values; None asks for nothing."""
        if values is not None:
            listed = list(values)
            self._terms.append(f"{column} IN ({marks(listed)})")
            self.values += listed
        return self

    def __str__(self) -> str:
        return f" WHERE {' AND '.join(self._terms)}" if self._terms else ""
