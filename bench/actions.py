"""W2: due actions, each rendered and written into the history; W3: what looking costs when nothing is due."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from bench.daemon import daemon
from bench.figures import Figure, Race, check
from bench.floor import ROWS_OF_ACTION, floor
from bench.workload import RULES, START, draft_of, fill, store_in, workspace
from stageauto.engine import step
from stageauto.engine.model import Workspace
from stageauto.runner.service import Service
from stageauto.store.checkpoint import Checkpointer
from stageauto.store.sqlite import SqliteStore
from stageauto.store.syncer import Syncer

BATCH = 100
LOOKS = 5_000


def due_actions(folder: Path, *, items: int, rounds: int) -> Figure:
    """The first rule of every item is due: done in batches of 100, beside the floor."""
    folder.mkdir()
    world = workspace()
    ours, floors = [], []
    with store_in(folder, "FULL") as store:
        fill(store, world, items)
        with floor(folder, store, items, "FULL") as other:
            share = items // rounds // BATCH * BATCH
            for _ in range(rounds):
                with other.at_work():
                    began = time.perf_counter()
                    for _ in range(share // BATCH):
                        other.actions(START, BATCH)
                    floors.append(share / (time.perf_counter() - began))
                with Checkpointer(store), Syncer(store):
                    began = time.perf_counter()
                    for _ in range(share // BATCH):
                        _do_due(store, world)
                    store.synced()
                    ours.append(share / (time.perf_counter() - began))
            done = share * rounds
            check("actions of the floor", other.count("pending", "state = 'done'"), done)
            check("lines of the floor", other.count("timeline"), 2 * done)
        count = store.connection.execute("SELECT count(*) FROM lines WHERE kind = ?", ("comment",)).fetchone()[0]
        check("comments", count, done)
        count = store.connection.execute("SELECT count(*) FROM lines WHERE kind = ?", ("outcome",)).fetchone()[0]
        check("outcomes", count, done)
    what = f"due actions, rendered, {RULES * items:,} pending, batches of {BATCH}"
    return Race(ours, floors).figure("W2", what, 0.5, "FULL", f"2/{ROWS_OF_ACTION}")


def _do_due(store: SqliteStore, world: Workspace) -> None:
    # As the daemon does: nobody waits for it.
    with store.transaction(lambda _error: None, urgent=lambda: False) as state:
        draft = draft_of(state, world)
        draft.look_ahead(START, BATCH)
        for _ in range(BATCH):
            first = draft.pop_due(START)
            assert first is not None
            step.tick(draft, *first, START)
        draft.flush()


def idle_ticks(folder: Path, sizes: list[int]) -> list[Figure]:
    """One look of the daemon when nothing is due, by how much sleeps."""
    with ExitStack() as stack:
        services = [stack.enter_context(daemon(folder / f"w3-{size}", items=-(-size // RULES))) for size in sizes]
        for service in services:
            service._start()
            service._batch()
            check("due", service._batch(), False)
        # In turns, and the best of each: what else the machine does makes a look slower, never faster.
        rounds = [[_microseconds(service) for service in services] for _ in range(10)]
    costs = [min(one) for one in zip(*rounds, strict=True)]
    flat = max(costs) / min(costs)
    return [
        Figure(
            "W3", f"idle tick, {size:,} pending", cost, "us", "<= 15 us, flat within 1.3", cost <= 15 and flat <= 1.3,
            note=f"largest / smallest {flat:.2f}",
        )
        for size, cost in zip(sizes, costs, strict=True)
    ]  # fmt: skip


def _microseconds(service: Service) -> float:
    began = time.perf_counter()
    for _ in range(LOOKS):
        service._check_clock()
        service._batch()
    return (time.perf_counter() - began) / LOOKS * 1e6
