"""Which SQLite is used: the one that the `pysqlite3` wheel brings, and only a version that keeps what it acknowledged.

SQLite 3.7.0 to 3.51.2 (without the mended 3.50.7 and 3.44.6) can lose commits of a WAL database that several processes
checkpoint at once (https://sqlite.org/wal.html#walresetbug). A daemon beside commands is exactly that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stageauto.errors import StateError

if TYPE_CHECKING:
    import sqlite3 as dbapi
else:
    try:
        from pysqlite3 import dbapi2 as dbapi
    except ImportError:  # a platform without that wheel: what Python has is judged by `check` like any other
        import sqlite3 as dbapi

__all__ = ["check", "dbapi", "keeps_commits", "version"]

Version = tuple[int, int, int]

_MENDED = (3, 51, 3)
_MENDED_BRANCHES: dict[tuple[int, int], int] = {(3, 50): 7, (3, 44): 6}


def version() -> Version:
    """The version of the SQLite in use."""
    major, minor, patch = dbapi.sqlite_version_info[:3]
    return (major, minor, patch)


def keeps_commits(number: Version) -> bool:
    """True for a SQLite that several processes may write with, without losing what was committed."""
    patch = _MENDED_BRANCHES.get(number[:2])
    return number >= _MENDED or (patch is not None and number[2] >= patch)


def check(number: Version) -> None:
    """Nothing for a safe version; StateError with the way out for one that can lose commits."""
    if not keeps_commits(number):
        text = ".".join(map(str, number))
        raise StateError(
            f"SQLite {text} can lose commits when several processes write",
            "install the wheel `pysqlite3>=0.6.1`, which brings its own, or a Python with SQLite 3.51.3 or newer",
        )
