"""What was told is on the disk, whenever the power goes."""

from __future__ import annotations

import errno
import os
from functools import partial
from pathlib import Path
from threading import Event, current_thread

import pytest

from stageauto.engine.ports import Changes
from stageauto.engine.state import Journal
from stageauto.errors import StateError
from stageauto.store.driver import dbapi
from stageauto.store.sqlite import SqliteStore
from stageauto.store.syncer import Syncer, sync_file


class Disk:
    """What a power cut would leave: the new file, and of its log what stood in it when the last sync began."""

    def __init__(self, state: Path) -> None:
        SqliteStore.open(state).close()
        self.file = state.read_bytes()  # read while nobody has it open; nothing is copied back into it here
        self.log = b""
        self.syncs = 0

    def sync(self, fd: int) -> None:
        written = os.pread(fd, os.fstat(fd).st_size, 0)
        sync_file(fd)
        self.log = written
        self.syncs += 1

    def after_power_cut(self, into: Path) -> set[str]:
        """The events that are there when the machine is up again."""
        into.mkdir()
        (into / "state.db").write_bytes(self.file)
        (into / "state.db-wal").write_bytes(self.log)
        connection = dbapi.connect(str(into / "state.db"))
        try:
            return {key for (key,) in connection.execute("SELECT key FROM events")}
        finally:
            connection.close()


def event(number: int) -> Journal:
    return Journal(f"e-{number}", "app.tick", number, "test", "", None, None, {"much": "x" * 500})


def take(store: SqliteStore, number: int, told: list[str]) -> None:
    row = event(number)

    def hear(error: StateError | None) -> None:
        assert error is None
        told.append(row.id)

    with store.transaction(hear) as state:
        state.write(Changes(journal=[row]))


def test_whenever_the_power_goes_all_that_was_told_is_there(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "state.db")
    with SqliteStore.open(tmp_path / "state.db") as store:
        told: list[str] = []
        cuts: list[tuple[set[str], bytes]] = []

        def sync(fd: int) -> None:
            cuts.append((set(told), disk.log))  # the power goes while this one is under way
            disk.sync(fd)

        with Syncer(store, sync):
            for number in range(300):
                take(store, number, told)
            store.synced()
            assert told == [f"e-{number}" for number in range(300)]
        cuts.append((set(told), disk.log))
        for number, (heard, log) in enumerate(cuts[:: max(1, len(cuts) // 20)] + cuts[-1:]):
            disk.log = log
            assert heard <= disk.after_power_cut(tmp_path / f"cut-{number}")


def test_without_the_sync_a_power_cut_takes_what_was_told(tmp_path: Path) -> None:
    """The control: the disk above does forget."""
    disk = Disk(tmp_path / "state.db")
    with SqliteStore.open(tmp_path / "state.db") as store:
        told: list[str] = []
        with Syncer(store, lambda _fd: None):
            for number in range(20):
                take(store, number, told)
            store.synced()
        assert set(told) - disk.after_power_cut(tmp_path / "cut")


def test_who_is_not_busy_has_a_commit_synced_at_once(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "state.db")
    with SqliteStore.open(tmp_path / "state.db") as store:
        heard: list[str] = []
        with Syncer(store, disk.sync):
            for number in range(3):
                with store.transaction(lambda _error: heard.append(current_thread().name), busy=lambda: False) as state:
                    state.write(Changes(journal=[event(number)]))
                assert len(heard) == disk.syncs == number + 1
        assert set(heard) == {current_thread().name}
        assert disk.after_power_cut(tmp_path / "cut") == {"e-0", "e-1", "e-2"}


def test_what_nobody_waits_for_goes_with_what_somebody_does(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "state.db")
    with SqliteStore.open(tmp_path / "state.db") as store:
        told: list[str] = []
        with Syncer(store, disk.sync):
            for number in range(5):
                with store.transaction(
                    lambda _error, number=number: told.append(f"e-{number}"),  # type: ignore[misc]
                    busy=lambda: False,
                    urgent=lambda: False,
                ) as state:
                    state.write(Changes(journal=[event(number)]))
            take(store, 5, told)
            store.synced()
            assert told == [f"e-{number}" for number in range(6)]
            assert disk.syncs <= 3  # a machine that stands still for 10 ms meanwhile may need one more
        assert disk.after_power_cut(tmp_path / "cut") == set(told)


def test_what_nobody_waits_for_reaches_the_disk_all_the_same(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "state.db")
    heard = Event()
    with SqliteStore.open(tmp_path / "state.db") as store, Syncer(store, disk.sync):
        with store.transaction(lambda _error: heard.set(), urgent=lambda: False) as state:
            state.write(Changes(journal=[event(0)]))
        assert heard.wait(30)
        assert disk.after_power_cut(tmp_path / "cut") == {"e-0"}


def test_commits_share_a_sync_while_one_is_under_way(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "state.db")
    with SqliteStore.open(tmp_path / "state.db") as store:
        told: list[str] = []

        def hear(number: int, _error: StateError | None) -> None:
            told.append(f"e-{number}")

        def sync(fd: int) -> None:
            if not disk.syncs:
                assert store.syncer is not None
                for number in range(1, 50):  # they come while the first is on its way to the disk
                    store.syncer.committed(None, None, partial(hear, number))
            disk.sync(fd)

        with Syncer(store, sync):
            take(store, 0, told)
            store.synced()
            store.synced()
        assert told == [f"e-{number}" for number in range(50)]
        assert disk.syncs == 2


def test_a_plain_transaction_is_on_the_disk_when_it_ends(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "state.db")
    with SqliteStore.open(tmp_path / "state.db") as store, Syncer(store, disk.sync):
        take(store, 0, [])
        with store.transaction() as state:
            state.write(Changes(journal=[event(1)]))
        assert disk.after_power_cut(tmp_path / "cut") == {"e-0", "e-1"}


def test_the_mark_is_raised_when_the_commit_is_on_the_disk_and_not_before(tmp_path: Path) -> None:
    with SqliteStore.open(tmp_path / "state.db") as store:
        assert store.mark is not None
        mark = store.mark
        heights: list[int] = []

        def sync(fd: int) -> None:
            known = mark.read()
            assert known is not None
            heights.append(known[1].journal)
            sync_file(fd)

        with Syncer(store, sync):
            for number in range(3):
                with store.transaction() as state:
                    state.write(Changes(journal=[event(number)]))
            known = mark.read()
        assert heights == [0, 1, 2]
        assert known is not None
        assert known[1].journal == 3


def test_a_disk_that_refuses_is_told_and_nothing_more_is_written(tmp_path: Path) -> None:
    heard: list[StateError | None] = []

    def refuse(_fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with SqliteStore.open(tmp_path / "state.db") as store, Syncer(store, refuse):
        with store.transaction(heard.append) as state:
            state.write(Changes(journal=[event(0)]))
        with pytest.raises(StateError, match="the disk did not take what was written"):
            store.synced()
        assert [type(one) for one in heard] == [StateError]
        with pytest.raises(StateError, match="the disk did not take"), store.transaction():
            pytest.fail("it was let in")


def test_a_state_in_memory_has_nothing_to_sync() -> None:
    told: list[str] = []
    with SqliteStore.open(":memory:") as store, Syncer(store):
        take(store, 0, told)
        assert told == ["e-0"]


def test_who_has_a_syncer_no_longer_waits_for_the_disk_itself_again(tmp_path: Path) -> None:
    with SqliteStore.open(tmp_path / "state.db") as store:
        with Syncer(store):
            assert store.connection.execute("PRAGMA synchronous").fetchone() == (1,)
        assert store.connection.execute("PRAGMA synchronous").fetchone() == (2,)
        told: list[str] = []
        take(store, 0, told)
        assert told == ["e-0"]


def test_the_log_of_a_state_behind_a_link_is_found(tmp_path: Path) -> None:
    SqliteStore.open(tmp_path / "disk" / "state.db").close()
    (tmp_path / "state.db").symlink_to(tmp_path / "disk" / "state.db")
    told: list[str] = []
    with SqliteStore.open(tmp_path / "state.db") as store, Syncer(store):
        take(store, 0, told)
        store.synced()
    assert told == ["e-0"]
