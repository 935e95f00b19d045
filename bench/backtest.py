"""How fast a recorded time is played again: `python -m bench.backtest [ITEMS] [DAYS]`."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

from bench.figures import check
from bench.workload import DAY, FIELDS, START, item_name, next_event, workspace
from stageauto.engine.commands import By, NewItem, add
from stageauto.engine.model import Workspace
from stageauto.runner.backtest import backtest
from stageauto.runner.clock import VirtualClock
from stageauto.runner.session import Session
from stageauto.runner.simulate import Simulation
from stageauto.store.sqlite import SqliteStore

BETWEEN = 30
"""Days between two events of an item."""


def measure(items: int, days: int) -> None:
    """Records items that move once a month, plays all of it again, and prints how long both took."""
    world = workspace()
    with SqliteStore.open(":memory:", state_id="bench") as store:
        began = time.perf_counter()
        moves = _record(world, store, items, days)
        recorded = time.perf_counter() - began
        session = Session(Path(), store, VirtualClock(START + days * DAY), None)
        began = time.perf_counter()
        found = backtest(session, world, since=START)
        spent = time.perf_counter() - began
    check("events", found.events, moves)
    check("what differs", int(found.differs()), 0)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{items:,} items x {days} days, {moves:,} moves: recorded in {recorded:.1f} s, played again in {spent:.1f} s"
    )
    print(f"{items * days / spent:,.0f} item-days/s, {memory:,.0f} MiB at the most")


def _record(world: Workspace, store: SqliteStore, items: int, days: int) -> int:
    events = 0
    with Simulation(world, START, store=store) as simulation:
        for number in range(items):
            new = NewItem("orders", values={"title": f"Order {number}", **FIELDS}, item_id=item_name(number))
            add(simulation.draft, By(f"add-{number}", START, "bench"), new)
        for day in range(1, days + 1):
            simulation.advance(START + day * DAY)
            for number in range(day % BETWEEN, items, BETWEEN):
                simulation.take(next_event(events, item_name(number), simulation.now))
                events += 1
            simulation.flush()
    return events


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:]]
    measure(*(given or [1_000, 365]))
