"""SQLite, in memory and in a file, does what every store must."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stageauto.store import Store
from stageauto.store.sqlite import MEMORY, SqliteStore
from tests.store import conformance, conformance_more


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    place = MEMORY if request.param == "memory" else tmp_path / "state.db"
    with SqliteStore.open(place, state_id="0123abc") as opened:
        yield opened


class TestItems(conformance.Items):
    pass


class TestHistory(conformance.History):
    pass


class TestOutbox(conformance.Outbox):
    pass


class TestPeople(conformance_more.People):
    pass


class TestWork(conformance_more.Work):
    pass


class TestAdmin(conformance_more.Admin):
    pass


class TestListening(conformance_more.Listening):
    pass
