"""The state: everything that is kept. The only place that speaks SQL.

`open_store` gives a `Store`; what can be done with one is in `stageauto.store.ports`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stageauto.store.ports import Reader, Store, Writer
from stageauto.store.records import AuditEntry, Owner, Version

if TYPE_CHECKING:
    from stageauto.store.sqlite import SqliteStore

__all__ = ["AuditEntry", "Owner", "Reader", "Store", "Version", "Writer", "open_store"]


def open_store(
    path: str | os.PathLike[str], *, create: bool = True, read_only: bool = False, state_id: str = ""
) -> SqliteStore:
    """The state of that file, or a new one in memory for ":memory:"; see `SqliteStore.open`."""
    from stageauto.store.sqlite import SqliteStore

    return SqliteStore.open(path, create=create, read_only=read_only, state_id=state_id)
