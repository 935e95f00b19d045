"""Lines of history that share a row keep their numbers."""

from __future__ import annotations

from pathlib import Path

from stageauto.engine.ports import Changes
from stageauto.engine.state import Entry
from stageauto.store.sqlite import SqliteStore
from tests.store.conformance import item


def test_a_moment_begins_with_its_first_line_also_where_that_shares_a_row(tmp_path: Path) -> None:
    lines = [
        Entry(at, kind, "deal-1", "a")
        for at, kind in ((5, "comment"), (5, "outcome"), (6, "event"), (6, "entered"), (7, "comment"))
    ]
    with SqliteStore.open(tmp_path / "state.db") as store:
        with store.transaction() as state:
            state.write(Changes(items=[item()], entries=lines))
        rows = store.connection.execute("SELECT count(*) FROM timeline").fetchone()[0]
        with store.read() as reader:
            assert [reader.first_line_at(at) for at in (5, 6, 7)] == [lines[0].seq, lines[2].seq, lines[4].seq]
            assert reader.first_line_at(8) == lines[4].seq + 1
            assert reader.last_entry() == lines[4].seq
        assert rows == 3
