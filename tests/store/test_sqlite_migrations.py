"""A state that an older stageauto wrote opens with all that it held."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stageauto.engine.state import DONE, RUNNING, Entry, item_of, run_of
from stageauto.errors import StateError
from stageauto.store import schema
from stageauto.store.driver import dbapi
from stageauto.store.lock import OwnerLock
from stageauto.store.sqlite import SqliteStore

ANSWER: dict[str, Any] = {"nothing": None, "half": "\ud83d"}
OLD_RUNS: list[list[Any]] = [
    ["mail", 5, 2000, "pending", 3000, 2000, "to-offer"],
    ["call", 6, 2000, "done", None, 2000, "to-offer",
     {"finished_at": 2500, "decided_at": 2400, "result": ANSWER, "cascade": ["a"]}],
    ["mail", 7, 2000, "running", None, None, "", {"id": "deal-1.2.mail.2"}],
    ["kept", 1, 900, "waiting", None, 900, "to-new",
     {"stage": "new", "visit": 1, "keep": True, "waiting_for": "rules:mail"}],
]  # fmt: skip


def state_of_the_first_tables(file: Path, docs: dict[str, tuple[str, dict[str, Any]]]) -> None:
    """A file as the first tables had it; `docs`: by id, what stands before the text, and the text's value."""
    connection = dbapi.connect(str(file))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(schema.FIRST)
    for key, (before, doc) in docs.items():
        connection.execute(
            """INSERT INTO items (key, pipeline, stage, closed, deleted, entered_at, next_due, next_seq, doc)
               VALUES (?, 'sales', 'offer', 0, 0, 2000, 3000, 5, ?)""",
            (key, before + json.dumps(doc)),
        )
    connection.execute("UPDATE items SET responsible = 'anna', closed = 1 WHERE key = 'deal-1'")
    connection.execute("UPDATE items SET deleted = 1 WHERE key = 'deal-3'")
    connection.execute("INSERT INTO timeline VALUES (1, 1, 5, 'comment', 'rule:mail', '{\"text\":\"x\"}')")
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("before", ["", " "])
def test_items_and_their_history_are_read_as_they_were(tmp_path, before, monkeypatch):
    file = tmp_path / "state.db"
    # Only a text of the slow way, which began with a space, could hold half a letter.
    monkeypatch.setitem(ANSWER, "half", "\ud83d" if before else "whole")
    doc = {"title": "Roof", "created_at": 1000, "visit": 2, "runs": OLD_RUNS}
    state_of_the_first_tables(
        file,
        {
            "deal-1": (before, doc),
            "deal-2": ("", {"title": "Bare", "created_at": 1}),
            "deal-3": ("", {"title": "Gone", "created_at": 1}),
        },
    )

    with SqliteStore.open(file) as store, store.read() as state:
        item, bare, gone = (state.item(f"deal-{number}") for number in (1, 2, 3))
        assert state.timeline() == [Entry(5, "comment", "deal-1", "rule:mail", {"text": "x"}, 1)]
        assert state.open_counts(["anna"]) == {"anna": 0}

    expected = item_of(
        "deal-1", "sales", "offer", "Roof", 1000, 2000, visit=2, order=1, closed=True, responsible="anna"
    )
    for run in (
        run_of("deal-1.2.mail", "mail", "sales", "offer", 2, 5, 2000, due=3000, base=2000, cause="to-offer"),
        run_of(
            "deal-1.2.call", "call", "sales", "offer", 2, 6, 2000, state=DONE, base=2000, cause="to-offer",
            finished_at=2500, decided_at=2400, result=ANSWER, cascade=("a",),
        ),
        run_of("deal-1.2.mail.2", "mail", "sales", "offer", 2, 7, 2000, state=RUNNING),
        run_of(
            "deal-1.1.kept", "kept", "sales", "new", 1, 1, 900, state="waiting", base=900, cause="to-new", keep=True,
            waiting_for="rules:mail",
        ),
    ):  # fmt: skip
        expected.runs[run.id] = run
    assert item == expected
    assert bare == item_of("deal-2", "sales", "offer", "Bare", 1, 2000, order=2)
    assert gone == item_of("deal-3", "sales", "offer", "Gone", 1, 2000, order=3, deleted=True)


def test_only_items_with_a_run_of_another_place_are_found_by_that(tmp_path):
    file = tmp_path / "state.db"
    plain = {"title": "Roof", "created_at": 1000, "visit": 2, "runs": OLD_RUNS[:2]}
    state_of_the_first_tables(file, {"deal-1": ("", plain), "deal-2": ("", {**plain, "runs": OLD_RUNS})})
    with SqliteStore.open(file) as store, store.read() as state:
        assert [item.id for item in state.items_after(0, 10, ["other"])] == ["deal-2"]


def test_a_number_that_is_none_in_an_old_text_reads_as_null(tmp_path):
    file = tmp_path / "state.db"
    doc = {"title": "half \ud83d", "created_at": 1, "fields": {"far": float("inf"), "none": float("nan")}}
    doc["runs"] = [["mail", 5, 2000, "pending", 3000, 2000, "to-offer", {"result": {"far": float("-inf")}}]]
    state_of_the_first_tables(file, {"deal-1": (" ", doc)})
    with SqliteStore.open(file) as store, store.read() as state:
        item = state.item("deal-1")
    assert item is not None
    assert item.fields == {"far": None, "none": None}
    assert [run.result for run in item.runs.values()] == [{"far": None}]


def test_who_only_reads_sees_it_as_it_will_be_and_leaves_the_file_alone(tmp_path):
    file = tmp_path / "state.db"
    state_of_the_first_tables(file, {"deal-1": ("", {"title": "Roof", "created_at": 1, "visit": 2, "runs": OLD_RUNS})})
    before = file.read_bytes()
    with SqliteStore.open(file, read_only=True) as store, store.read() as state:
        item = state.item("deal-1")
        assert item is not None
        assert list(item.runs) == ["deal-1.2.mail", "deal-1.2.call", "deal-1.2.mail.2", "deal-1.1.kept"]
        assert [line.kind for line in state.timeline()] == ["comment"]
    assert file.read_bytes() == before
    with SqliteStore.open(file) as store, store.read() as state:
        assert state.item("deal-1") == item


def test_who_only_reads_an_older_state_cannot_write_into_the_copy(tmp_path):
    file = tmp_path / "state.db"
    state_of_the_first_tables(file, {})
    with (
        SqliteStore.open(file, read_only=True) as store,
        pytest.raises(StateError, match="readonly"),
        store.transaction() as state,
    ):
        state.meta_set("name", "value")


def test_what_an_older_daemon_runs_is_left_as_it_is_until_it_stops(tmp_path):
    file = tmp_path / "state.db"
    state_of_the_first_tables(file, {"deal-1": ("", {"title": "Roof", "created_at": 1})})
    lock = OwnerLock(file)
    lock.acquire(0)
    with pytest.raises(StateError, match="an older stageauto runs"):
        SqliteStore.open(file)
    with SqliteStore.open(file, read_only=True) as store, store.read() as state:
        assert state.item("deal-1") is not None
    connection = dbapi.connect(str(file))
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()
    lock.release()
    with SqliteStore.open(file) as store, store.read() as state:
        assert state.item("deal-1") is not None
