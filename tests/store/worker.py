"""What the tests run as processes of their own: `python worker.py TASK FILE ...`; tells what was acknowledged."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator

from stageauto.engine.ports import Changes
from stageauto.engine.state import Entry, item_of
from stageauto.errors import StateError
from stageauto.store.lock import OwnerLock
from stageauto.store.sqlite import SqliteStore


def say(line: str) -> None:
    """One line, at once: the process may be killed at any moment."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def numbers(seconds: float) -> Iterator[int]:
    end, n = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        yield n
        n += 1


def write(path: str, name: str, seconds: str) -> None:
    """Reads, then writes, in one transaction: what fails at once where the write lock is asked for too late."""
    with SqliteStore.open(path) as store:
        for n in numbers(float(seconds)):
            key = f"{name}-{n}"
            with store.transaction() as state:
                shared = state.item("shared") or item_of("shared", "sales", "new", "0", 1, 2)
                shared.title = str(int(shared.title) + 1)
                item = item_of(key, "sales", "new", "T", 1, 2)
                state.write(Changes(items=[shared, item], entries=[Entry(1, "created", key, name)]))
            say(key)


def own(path: str) -> None:
    """Takes the lock and keeps it until killed or its input ends."""
    lock = OwnerLock(path)
    try:
        lock.acquire(12_345)
    except StateError as error:
        say(f"refused: {error}")
        return
    say("owner")
    sys.stdin.read()
    lock.release()


def wal(path: str, name: str, seconds: str) -> None:
    """Writes, reopens and checkpoints as hard as it can with whichever SQLite it is told to use."""
    if os.environ["SQLITE"] == "old":
        import sqlite3 as dbapi
    else:
        from stageauto.store.driver import dbapi
    if name == "init":
        connection = dbapi.connect(path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID")
        say(dbapi.sqlite_version)
        return
    connection = dbapi.connect(path, isolation_level=None, timeout=60)
    connection.execute("PRAGMA synchronous = OFF")  # no power cut is tried here, and more happens in a second
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    if name.startswith("checkpoint"):
        for _ in numbers(float(seconds)):
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        return
    said: list[str] = []
    try:
        for n in numbers(float(seconds)):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO t VALUES (?, randomblob(300))", (f"{name}-{n}",))
            connection.execute("COMMIT")
            said.append(f"{name}-{n}")
    finally:
        say("\n".join(said))


if __name__ == "__main__":
    task, *arguments = sys.argv[1:]
    tasks: dict[str, Callable[..., None]] = {"write": write, "own": own, "wal": wal}
    tasks[task](*arguments)
