"""W1, W1g, W1s: durable moves from stage to stage, through the whole engine, beside the floor."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from bench.figures import Figure, Race, check
from bench.floor import ROWS_OF_MOVE, Floor, floor
from bench.workload import RULES, START, draft_of, fill, item_name, next_event, store_in, workspace
from stageauto.engine import step
from stageauto.store.checkpoint import Checkpointer
from stageauto.store.syncer import Syncer

if TYPE_CHECKING:
    from stageauto.engine.model import Workspace
    from stageauto.errors import StateError
    from stageauto.store.sqlite import SqliteStore

ROWS = "3/" + str(ROWS_OF_MOVE)
"""Ours: the item with its runs in it, the event, two lines of history in one row."""


def race(folder: Path, items: int, runs: Sequence[tuple[int, int]], sync: str, rounds: int) -> list[Race]:
    """A race for each (batch, moves) on one state of that many items, each side in turns."""
    folder.mkdir()
    world = workspace()
    with store_in(folder, sync) as store:
        fill(store, world, items)
        with floor(folder, store, items, sync) as other:
            track = _Track(store, other, world, items, sync)
            races = [track.run(batch, moves // rounds, rounds) for batch, moves in runs]
            track.check()
            return races


class _Track:
    def __init__(self, store: SqliteStore, other: Floor, world: Workspace, items: int, sync: str) -> None:
        self._store, self._other, self._world, self._items, self._sync = store, other, world, items, sync
        self._told = 0
        self._chance = random.Random(5)
        self._done = 0

    def run(self, batch: int, moves: int, rounds: int) -> Race:
        ours, floors = [], []
        self._round(batch, max(batch, moves // 10))  # both warm
        for _ in range(rounds):
            mine, others = self._round(batch, moves)
            ours.append(mine)
            floors.append(others)
        return Race(ours, floors)

    def _round(self, batch: int, moves: int) -> tuple[float, float]:
        order = [self._chance.randrange(self._items) for _ in range(moves)]
        groups = [order[first : first + batch] for first in range(0, moves, batch)]
        with self._other.at_work():
            began = time.perf_counter()
            for index, group in enumerate(groups):
                self._other.moves(group, self._done + index * batch)
            floors = moves / (time.perf_counter() - began)
        with Checkpointer(self._store), self._synced():
            began = time.perf_counter()
            for index, group in enumerate(groups):
                self._moves(group, self._done + index * batch)
            self._store.synced()
            ours = moves / (time.perf_counter() - began)
        self._done += moves
        return ours, floors

    def _moves(self, items: Sequence[int], first: int) -> None:
        def told(error: StateError | None) -> None:
            self._told += len(items) if error is None else 0

        with self._store.transaction(told) as state:
            draft = draft_of(state, self._world)
            events = [next_event(n, item_name(item), START + 1000 + n) for n, item in enumerate(items, start=first)]
            draft.foresee([one.item for one in events if one.item], [one.id for one in events])
            for event in events:
                step.take(draft, event)
            draft.flush()

    def _synced(self) -> AbstractContextManager[object]:
        """As the daemon writes: every move is told when it is on the disk."""
        return Syncer(self._store) if self._sync == "FULL" else nullcontext()

    def check(self) -> None:
        check("told", self._told, self._done)
        run = self._store.connection.execute
        check("moves", run("SELECT count(*) FROM events WHERE outcome = 'moved'").fetchone()[0], self._done)
        check("lines", run("SELECT count(*) FROM lines").fetchone()[0], self._items + 2 * self._done)
        living = run("SELECT sum(json_array_length(doc, '$.runs')) FROM items").fetchone()[0]
        check("pending", living, RULES * self._items)
        check("moves of the floor", self._other.count("event"), self._done)
        check("pending of the floor", self._other.count("pending", "state = 'pending'"), RULES * self._items)
        check("cancelled of the floor", self._other.count("pending", "state = 'cancelled'"), RULES * self._done)


def measure(folder: Path, *, items: int, many: int, single: int, batched: int, rounds: int) -> list[Figure]:
    """The figures of W1 with `items` (three pending each), of W1s with `many`."""
    alone, grouped = race(folder / "w1", items, [(1, single), (100, batched)], "FULL", rounds)
    (normal,) = race(folder / "w1n", items, [(100, batched)], "NORMAL", rounds)
    full, fast = sorted(grouped.ours)[rounds // 2], sorted(normal.ours)[rounds // 2]
    far, far_grouped = race(folder / "w1s", many, [(1, single), (100, batched)], "FULL", rounds)
    here, there = f"{RULES * items:,} pending", f"{RULES * many:,} pending"
    return [
        alone.figure("W1", f"moves, 1 a transaction, {here}", 0.85, "FULL", ROWS),
        grouped.figure("W1g", f"moves, 100 a transaction, {here}", 0.8, "FULL", ROWS),
        normal.figure("W1g", f"the same, {here}", 0.8, "NORMAL", ROWS),
        Figure(
            "W1g", "FULL beside NORMAL", full, "/s", ">= 0.9 x NORMAL", full >= 0.9 * fast, fast, full / fast, "FULL",
            note="the floor here is our own NORMAL",
        ),
        far.figure("W1s", f"moves, 1 a transaction, {there}", 0.9, "FULL", ROWS),
        far_grouped.figure("W1s", f"moves, 100 a transaction, {there}", 0.9, "FULL", ROWS),
    ]  # fmt: skip
