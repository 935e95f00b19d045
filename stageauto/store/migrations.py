"""From an older state to the one of today, step by step; each step is one script that never changes once released."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from stageauto.errors import StateError
from stageauto.store import schema

if TYPE_CHECKING:
    import sqlite3

    from sqlite_utils import Database

STEPS: tuple[tuple[str, str], ...] = (("first", schema.FIRST), ("second", schema.SECOND))
LATEST = len(STEPS)


def _statements(script: str) -> Iterator[str]:
    return (one for one in script.split(";\n") if one.strip())


def create(connection: sqlite3.Connection) -> None:
    """Makes all tables in an empty database, in one go: what a scenario's state in memory does hundreds of times."""
    stamp = f"PRAGMA application_id = {schema.APPLICATION_ID}; PRAGMA user_version = {LATEST};"
    scripts = "".join(script for _, script in STEPS)
    connection.executescript(f"BEGIN IMMEDIATE; {scripts} {stamp} COMMIT;")


def migrate(connection: sqlite3.Connection, where: str) -> None:
    """Brings the database to today's tables, all or nothing; StateError where a newer stageauto wrote it.

    The caller holds no transaction. Two processes that open an old state at once wait for one another.
    """
    if _version(connection, where) == LATEST:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = _version(connection, where)
        if done < LATEST:
            _apply(connection, STEPS[done:])
            connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {LATEST}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def check_not_newer(connection: sqlite3.Connection, where: str) -> None:
    """Nothing for tables that can be brought up to date; StateError for those of a newer stageauto."""
    _version(connection, where)


def is_older(connection: sqlite3.Connection, where: str) -> bool:
    """True for tables of an older stageauto, False for today's and where there are none yet; StateError for newer."""
    return 0 < _version(connection, where) < LATEST


def is_current(connection: sqlite3.Connection, where: str) -> bool:
    """True for today's tables, False for older ones; StateError for those of a newer stageauto."""
    return _version(connection, where) == LATEST


def _version(connection: sqlite3.Connection, where: str) -> int:
    number = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if number > LATEST:
        raise StateError(
            f"{where} was written by a newer stageauto (tables {number}, this one knows {LATEST})",
            "use that version, or restore a backup made before the upgrade",
        )
    return number


def _apply(connection: sqlite3.Connection, lacking: Sequence[tuple[str, str]]) -> None:
    # Imported late: it costs 140 ms, and a state is migrated once in its life.
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

    steps = Migrations("stageauto")
    for name, script in lacking:
        steps(name=name)(_step(name, script))
    steps.apply(Database(connection))


def _step(name: str, script: str) -> Callable[[Database], None]:
    def apply(database: Database) -> None:
        for statement in _statements(script):
            database.conn.execute(statement)

    apply.__name__ = name
    return apply
