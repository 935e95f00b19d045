"""The state's files: who can read them, what is never made anew, what is said when one cannot be used."""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stageauto.engine.ports import Changes
from stageauto.engine.state import Entry, Journal, item_of
from stageauto.errors import StateError
from stageauto.store import driver, migrations
from stageauto.store.checkpoint import Checkpointer, checkpoint
from stageauto.store.driver import dbapi
from stageauto.store.sqlite import MEMORY, SqliteStore

SAFE = [(3, 44, 6), (3, 44, 9), (3, 50, 7), (3, 51, 3), (3, 52, 0), (3, 53, 4), (4, 0, 0)]
UNSAFE = [(3, 7, 0), (3, 40, 1), (3, 44, 5), (3, 45, 0), (3, 49, 9), (3, 50, 6), (3, 51, 0), (3, 51, 2)]


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def fill(store: SqliteStore, n: int = 1) -> None:
    with store.transaction() as state:
        number = state.next_number("deal")
        items = [item_of(f"deal-{number}-{one}", "sales", "new", "T", 1, 2) for one in range(n)]
        state.write(Changes(items=items, entries=[Entry(1, "created", one.id, "") for one in items]))


def count(store: SqliteStore) -> int:
    with store.read() as state:
        return len(state.items())


class TestRights:
    def test_a_folder_of_ours_that_was_open_to_others_is_closed_and_another_one_is_left(self, tmp_path: Path) -> None:
        for name, after in ((".stageauto", 0o700), ("shared", 0o755)):
            folder = tmp_path / name
            folder.mkdir()
            folder.chmod(0o755)
            SqliteStore.open(folder / "state.db", create=True, state_id="s").close()
            assert mode(folder) == after

    def test_only_the_owner_can_read_whatever_the_umask(self, tmp_path: Path, umask: int) -> None:
        os.umask(0o022)
        place = tmp_path / "private"
        place.mkdir()
        os.umask(umask)
        with SqliteStore.open(place / "a" / "b" / "state.db") as store:
            fill(store)
            store.backup(place / "a" / "b" / "backup.db", 1)
            made = {path.name: mode(path) for path in (place / "a" / "b").iterdir()}
        assert made == dict.fromkeys(("state.db", "state.db-wal", "state.db-shm", "state.db.mark", "backup.db"), 0o600)
        assert mode(place / "a") == mode(place / "a" / "b") == 0o700

    def test_a_folder_that_was_there_keeps_its_rights(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o755)
        SqliteStore.open(tmp_path / "state.db").close()
        assert mode(tmp_path) == 0o755

    def test_a_file_that_others_could_read_is_closed_to_them(self, tmp_path: Path) -> None:
        SqliteStore.open(tmp_path / "state.db").close()
        (tmp_path / "state.db").chmod(0o664)
        SqliteStore.open(tmp_path / "state.db").close()
        assert mode(tmp_path / "state.db") == 0o600


class TestOpening:
    def test_what_was_written_is_there_when_opened_again(self, tmp_path: Path) -> None:
        with SqliteStore.open(tmp_path / "state.db", state_id="abc") as store:
            fill(store, 3)
        with SqliteStore.open(tmp_path / "state.db", state_id="other") as store:
            assert count(store) == 3
            assert store.state_id == "abc"
            assert not store.restored

    def test_every_commit_waits_for_the_disk_unless_asked_otherwise(self, tmp_path: Path) -> None:
        with SqliteStore.open(tmp_path / "state.db") as store:
            assert store.connection.execute("PRAGMA synchronous").fetchone() == (2,)
            assert store.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        with SqliteStore.open(tmp_path / "state.db", sync="NORMAL") as store:
            assert store.connection.execute("PRAGMA synchronous").fetchone() == (1,)

    def test_nothing_is_made_unless_asked_for(self, tmp_path: Path) -> None:
        with pytest.raises(StateError, match=r"no state at .*stageauto load"):
            SqliteStore.open(tmp_path / "x" / "state.db", create=False)
        with pytest.raises(StateError, match=r"no state at"):
            SqliteStore.open(tmp_path / "x" / "state.db", read_only=True)
        assert list(tmp_path.iterdir()) == []

    def test_a_reader_changes_nothing(self, tmp_path: Path) -> None:
        with SqliteStore.open(tmp_path / "state.db") as store:
            fill(store)
        with SqliteStore.open(tmp_path / "state.db", read_only=True) as store:
            assert count(store) == 1
            with pytest.raises(StateError, match=r"cannot be opened"):
                fill(store)

    def test_a_folder_is_no_state(self, tmp_path: Path) -> None:
        with pytest.raises(StateError, match=r"is a folder"):
            SqliteStore.open(tmp_path)

    def test_another_database_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "other.db"
        with dbapi.connect(str(path)) as other:
            other.execute("CREATE TABLE x (y)")
        other.close()
        before = path.read_bytes()
        with pytest.raises(StateError, match=r"not a state of stageauto"):
            SqliteStore.open(path)
        assert path.read_bytes() == before

    def test_a_state_of_a_newer_stageauto_is_refused(self, tmp_path: Path) -> None:
        with SqliteStore.open(tmp_path / "state.db") as store:
            store.connection.execute(f"PRAGMA user_version = {migrations.LATEST + 1}")
        with pytest.raises(StateError, match=r"newer stageauto"):
            SqliteStore.open(tmp_path / "state.db")

    def test_a_migrated_state_has_the_tables_of_a_new_one(self, tmp_path: Path) -> None:
        listing = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE '%sqlite_migrations%' ORDER BY name"
        with SqliteStore.open(tmp_path / "state.db") as migrated, SqliteStore.open(MEMORY) as made:
            assert migrated.connection.execute(listing).fetchall() == made.connection.execute(listing).fetchall()
            assert set(migrated.database().table_names()) == {*made.database().table_names(), "_sqlite_migrations"}

    def test_an_unsafe_sqlite_is_refused_with_the_way_out(self) -> None:
        for number in SAFE:
            driver.check(number)
        for number in UNSAFE:
            with pytest.raises(StateError, match=r"can lose commits.*pysqlite3"):
                driver.check(number)

    def test_the_sqlite_in_use_is_a_safe_one(self) -> None:
        assert driver.keeps_commits(driver.version())
        assert driver.version() == dbapi.sqlite_version_info

    def test_a_store_in_another_thread_is_another_store(self, tmp_path: Path) -> None:
        seen: list[int] = []

        def look() -> None:
            with SqliteStore.open(tmp_path / "state.db") as other:
                fill(other)
                seen.append(count(other))

        with SqliteStore.open(tmp_path / "state.db") as store:
            before = store.data_version()
            fill(store)
            assert store.data_version() == before
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
            assert seen == [2]
            assert store.data_version() != before

    def test_a_snapshot_does_not_move(self, tmp_path: Path) -> None:
        with SqliteStore.open(tmp_path / "state.db") as store, SqliteStore.open(tmp_path / "state.db") as other:
            with store.read() as state:
                assert state.items() == []
                fill(other)
                assert state.items() == []
            assert count(store) == 1


class TestDamage:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "state.db"
        with SqliteStore.open(path) as store:
            fill(store, 300)
        return path

    @pytest.mark.parametrize("damage", [b"not a database at all" * 300, b"SQLite format 3\0" + b"\xff" * 8000])
    def test_a_damaged_file_is_refused_and_left_as_it_is(self, path: Path, damage: bytes) -> None:
        path.write_bytes(damage)
        with pytest.raises(StateError, match=r"damaged or no state.*no backup is known"):
            SqliteStore.open(path)
        assert path.read_bytes() == damage

    def test_the_newest_backup_is_named(self, path: Path) -> None:
        with SqliteStore.open(path) as store:
            store.backup(path.parent / "first.db", 1)
            store.backup(path.parent / "second.db", 2)
        path.write_bytes(b"x" * 5000)
        with pytest.raises(StateError, match=r"newest backup is \S*second.db: `stageauto restore"):
            SqliteStore.open(path)

    def test_damage_found_while_reading_says_where(self, path: Path) -> None:
        whole = path.read_bytes()
        path.write_bytes(whole[:8192] + b"\xa5" * (len(whole) - 8192))
        with pytest.raises(StateError, match=r"state\.db is damaged"), SqliteStore.open(path) as store:
            count(store)

    @pytest.mark.parametrize("lost", ["gone", "empty"])
    def test_a_lost_state_is_not_made_anew(self, path: Path, lost: str) -> None:
        path.unlink()
        if lost == "empty":
            path.touch()
        with pytest.raises(StateError, match=rf"is {lost}, but there was a state.*to begin anew remove"):
            SqliteStore.open(path)
        assert not path.exists() or path.stat().st_size == 0

    def test_whoever_removes_the_mark_too_may_begin_anew(self, path: Path) -> None:
        path.unlink()
        Path(f"{path}.mark").unlink()
        with SqliteStore.open(path) as store:
            assert count(store) == 0
            assert not store.restored

    @pytest.mark.parametrize("how", ["removed", "replaced"])
    def test_nothing_is_written_to_a_file_that_is_no_longer_the_state(self, path: Path, how: str) -> None:
        with SqliteStore.open(path) as store:
            path.rename(path.with_suffix(".away"))
            if how == "replaced":
                path.touch()
            with pytest.raises(StateError, match=r"replaced or removed while it was open"):
                fill(store)
            assert count(store) == 300

    def test_a_full_disk_changes_nothing(self, path: Path) -> None:
        with SqliteStore.open(path) as store:
            pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
            store.connection.execute(f"PRAGMA max_page_count = {pages}")
            with pytest.raises(StateError, match=r"disk is full.*nothing was changed"):
                fill(store, 1000)
            assert count(store) == 300
            store.connection.execute("PRAGMA max_page_count = 1000000")
            fill(store)
            assert count(store) == 301

    def test_broken_links_between_tables_are_found(self, path: Path) -> None:
        with SqliteStore.open(path) as store:
            store.connection.execute("DELETE FROM items WHERE key = 'deal-1-7'")
            store.connection.execute("UPDATE items SET next_due = 5 WHERE key = 'deal-1-8'")
            with store.read() as state:
                first, second = state.integrity_check()
        assert "deal-1-8: its next due" in first
        assert "belongs to an item that is gone" in second


class TestMark:
    def test_a_copy_of_the_files_does_not_send(self, tmp_path: Path) -> None:
        path, copy = tmp_path / "state.db", tmp_path / "copy" / "state.db"
        with SqliteStore.open(path) as store:
            fill(store)
        copy.parent.mkdir()
        for ending in ("", ".mark"):
            Path(f"{copy}{ending}").write_bytes(Path(f"{path}{ending}").read_bytes())
        with SqliteStore.open(copy) as store:
            assert store.restored
        with SqliteStore.open(path) as store:
            assert not store.restored

    def test_a_state_without_its_mark_does_not_send(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        with SqliteStore.open(path) as store:
            fill(store)
        Path(f"{path}.mark").unlink()
        with SqliteStore.open(path) as store:
            assert store.restored

    @pytest.mark.parametrize("what", ["entries", "journal"])
    def test_older_contents_in_the_same_file_do_not_send(self, tmp_path: Path, what: str) -> None:
        path = tmp_path / "state.db"
        with SqliteStore.open(path) as store:
            fill(store)
        before = path.read_bytes()
        with SqliteStore.open(path) as store, store.transaction() as state:
            if what == "entries":
                state.write(Changes(entries=[Entry(1, "x", "", "")]))
            else:
                state.write(Changes(journal=[Journal("e", "app.x", 1, "", "", None, None, {})]))
        with path.open("r+b") as file:
            file.write(before)
        with SqliteStore.open(path, read_only=True) as store:
            assert store.restored
        with SqliteStore.open(path) as store:
            assert store.restored

    def test_it_sends_again_when_somebody_said_so(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        with SqliteStore.open(path) as store:
            fill(store)
        Path(f"{path}.mark").unlink()
        with SqliteStore.open(path) as store:
            fill(store)
        with SqliteStore.open(path) as store:
            assert store.restored
            store.resume_sending()
            assert not store.restored
            fill(store)
        with SqliteStore.open(path) as store:
            assert not store.restored

    def test_a_transaction_that_was_undone_does_not_raise_the_mark(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        with SqliteStore.open(path) as store:
            fill(store)
            with pytest.raises(RuntimeError), store.transaction() as state:  # noqa: PT012
                state.write(Changes(entries=[Entry(1, "x", "", "")]))
                raise RuntimeError
        with SqliteStore.open(path) as store:
            assert not store.restored

    def test_a_moved_state_is_the_same_state(self, tmp_path: Path) -> None:
        path, moved = tmp_path / "state.db", tmp_path / "moved.db"
        with SqliteStore.open(path) as store:
            fill(store)
        for ending in ("", ".mark"):
            Path(f"{path}{ending}").rename(f"{moved}{ending}")
        with SqliteStore.open(moved) as store:
            assert not store.restored


class TestCheckpoints:
    def test_the_log_is_copied_back_beside_the_work_and_begins_anew(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        log = Path(f"{path}-wal")
        with SqliteStore.open(path) as store, SqliteStore.open(path) as other:
            while log.stat().st_size < 17 << 20:
                fill(store, 10_000)
            size = log.stat().st_size
            assert checkpoint(other.connection)
            assert path.stat().st_size > 4 << 20
            fill(store, 1000)
            assert log.stat().st_size == size

    def test_a_short_log_is_left_alone(self, tmp_path: Path) -> None:
        with SqliteStore.open(tmp_path / "state.db") as store:
            fill(store)
            before = (tmp_path / "state.db").stat().st_size
            assert not checkpoint(store.connection)
            assert (tmp_path / "state.db").stat().st_size == before

    def test_the_thread_copies_while_others_write(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        with SqliteStore.open(path) as store, Checkpointer(store):
            rounds = 0
            while path.stat().st_size < 4 << 20:
                fill(store, 2000)
                rounds += 1
                assert rounds < 1000
            assert count(store) == 2000 * rounds

    def test_the_thread_ends_with_its_block(self, tmp_path: Path) -> None:
        with SqliteStore.open(tmp_path / "state.db") as store, Checkpointer(store):
            fill(store)
            assert "checkpoint" in {one.name for one in threading.enumerate()}
        assert "checkpoint" not in {one.name for one in threading.enumerate()}
        with SqliteStore.open(MEMORY) as memory, Checkpointer(memory):
            fill(memory)
        assert "checkpoint" not in {one.name for one in threading.enumerate()}


def test_opening_an_existing_state_imports_no_sqlite_utils(tmp_path: Path) -> None:
    SqliteStore.open(tmp_path / "state.db").close()
    code = (
        "import sys; from stageauto.store import open_store; "
        f"open_store({str(tmp_path / 'state.db')!r}).close(); sys.exit('sqlite_utils' in sys.modules)"
    )
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0
