"""Backups: whole, private, never over something else; and putting one back."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stageauto.engine.ports import Changes
from stageauto.engine.state import Entry, item_of
from stageauto.errors import StateError
from stageauto.store.backup import restore
from stageauto.store.lock import OwnerLock
from stageauto.store.sqlite import SqliteStore


def add(store: SqliteStore, item_id: str) -> None:
    with store.transaction() as state:
        item = item_of(item_id, "sales", "new", "T", 1, 2)
        state.write(Changes(items=[item], entries=[Entry(1, "created", item_id, "")]))


def ids(path: Path) -> list[str]:
    with SqliteStore.open(path, read_only=True) as store, store.read() as state:
        return [one.id for one in state.items()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "state.db"


@pytest.fixture
def saved(path: Path, tmp_path: Path) -> Path:
    """A backup with one item; the state has two by now."""
    with SqliteStore.open(path, state_id="abc") as store:
        add(store, "first")
        size = store.backup(tmp_path / "backup.db", 5)
        assert size == (tmp_path / "backup.db").stat().st_size
        add(store, "second")
    return tmp_path / "backup.db"


def test_a_backup_is_a_whole_state(saved: Path) -> None:
    assert ids(saved) == ["first"]


def test_a_backup_of_an_open_state_has_what_is_still_in_its_log(path: Path, tmp_path: Path) -> None:
    with SqliteStore.open(path) as store, SqliteStore.open(path) as other:
        add(store, "first")
        other.backup(tmp_path / "backup.db", 5)
        assert ids(tmp_path / "backup.db") == ["first"]


def test_nothing_is_overwritten_by_a_backup(path: Path, saved: Path) -> None:
    before = saved.read_bytes()
    with SqliteStore.open(path) as store, pytest.raises(StateError, match=r"is there already"):
        store.backup(saved, 6)
    assert saved.read_bytes() == before


def test_a_backup_that_fails_leaves_nothing_behind(path: Path, tmp_path: Path) -> None:
    with SqliteStore.open(path) as store:
        with pytest.raises(StateError, match=r"cannot be made: No such file"):
            store.backup(tmp_path / "no" / "folder.db", 5)
        with pytest.raises(Exception, match=r"VACUUM"), store.transaction():  # SQLite has no VACUUM in a transaction
            store.backup(tmp_path / "backup.db", 5)
    assert not (tmp_path / "backup.db").exists()


def test_a_restored_state_is_the_backup_and_does_not_send(path: Path, saved: Path) -> None:
    kept = restore(saved, path, 7)
    assert kept == path.with_name("state.db.before-restore")
    assert ids(path) == ["first"]
    assert ids(kept) == ["first", "second"]
    for _ in range(2):
        with SqliteStore.open(path) as store:
            assert store.restored
            assert store.state_id == "abc"
    with SqliteStore.open(path) as store:
        store.resume_sending()
    with SqliteStore.open(path) as store:
        assert not store.restored


def test_each_replaced_state_is_kept(path: Path, saved: Path) -> None:
    assert restore(saved, path, 7) != restore(saved, path, 8)
    assert ids(path.with_name("state.db.before-restore")) == ["first", "second"]
    assert ids(path.with_name("state.db.before-restore-2")) == ["first"]


def test_a_state_is_restored_where_none_is(saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "state.db"
    assert restore(saved, target, 7) is None
    assert ids(target) == ["first"]
    with SqliteStore.open(target) as store:
        assert store.restored
    assert {one.stat().st_mode & 0o777 for one in target.parent.iterdir()} == {0o600}


def test_a_damaged_state_is_replaced_by_its_backup(path: Path, saved: Path) -> None:
    path.write_bytes(b"damage" * 1000)
    kept = restore(saved, path, 7)
    assert ids(path) == ["first"]
    assert kept is not None
    assert kept.read_bytes() == b"damage" * 1000


def test_nothing_changes_while_an_owner_runs(path: Path, saved: Path) -> None:
    lock = OwnerLock(path)
    lock.acquire(1)
    with pytest.raises(StateError, match=r"runs this state already"):
        restore(saved, path, 7)
    lock.release()
    assert ids(path) == ["first", "second"]
    restore(saved, path, 7)


@pytest.mark.parametrize("kind", ["text", "truncated", "other database", "newer", "missing"])
def test_a_backup_that_is_none_changes_nothing(path: Path, saved: Path, kind: str) -> None:
    if kind == "text":
        saved.write_text("hello" * 1000)
    elif kind == "truncated":
        saved.write_bytes(saved.read_bytes()[:-9000])
    elif kind == "missing":
        saved.unlink()
    else:
        with SqliteStore.open(saved) as store:
            pragma = "application_id" if kind == "other database" else "user_version"
            store.connection.execute(f"PRAGMA {pragma} = 999")
    with pytest.raises(StateError, match=r"damaged|not a state|newer stageauto|no backup"):
        restore(saved, path, 7)
    assert ids(path) == ["first", "second"]
    assert [one.name for one in path.parent.glob("*restor*")] == []


def test_a_command_that_has_the_old_state_open_is_told(path: Path, saved: Path) -> None:
    with SqliteStore.open(path) as command:
        restore(saved, path, 7)
        with pytest.raises(StateError, match=r"replaced or removed"):
            add(command, "third")
    assert ids(path) == ["first"]
    assert ids(path.with_name("state.db.before-restore")) == ["first", "second"]


def test_what_a_command_writes_during_a_restore_is_written_or_refused(path: Path, saved: Path) -> None:
    """Never acknowledged and then in neither of the two files."""
    written: list[str] = []
    refused = threading.Event()
    ready = threading.Event()

    def command() -> None:
        with SqliteStore.open(path) as store:
            while not refused.is_set():
                try:
                    add(store, f"item-{len(written)}")
                except StateError:
                    refused.set()
                else:
                    written.append(f"item-{len(written)}")
                if len(written) > 20:
                    ready.set()

    thread = threading.Thread(target=command)
    thread.start()
    assert ready.wait(120)
    kept = restore(saved, path, 7)
    assert refused.wait(120)
    thread.join()
    assert kept is not None
    assert ids(kept) == ["first", "second", *written]
    assert ids(path) == ["first"]


FULL = """
import resource, sys
from stageauto.errors import StateError
from stageauto.store.backup import restore
from stageauto.store.sqlite import SqliteStore
path, other = sys.argv[1:]
store = SqliteStore.open(path, create=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))
for work in (lambda: store.backup(other + ".new", 1), lambda: restore(other, path, 1)):
    try:
        work()
    except StateError as error:
        print(error.message)
"""


def test_where_the_copy_has_no_room_the_copy_is_named_and_not_what_is_copied(path: Path, saved: Path) -> None:
    before = ids(path)
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path), str(saved)], capture_output=True, text=True, check=True
    )
    backup, restored = done.stdout.splitlines()
    assert backup.startswith(f"{saved}.new: ")
    assert restored.startswith(f"{path}.restoring: ")
    assert ids(path) == before
    assert not Path(f"{saved}.new").exists()


def test_a_state_that_cannot_be_made_names_the_way_out() -> None:
    with pytest.raises(StateError, match=r"cannot be made") as said:
        SqliteStore.open("/dev/null/acme/state.db")
    assert "name another file under `state:`" in said.value.hint
