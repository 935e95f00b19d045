"""W5: how fast a virtual year goes by, everything rendered."""

from __future__ import annotations

import time

from bench.figures import Figure, check
from bench.workload import DAY, FIELDS, START, item_name, next_event, workspace
from stageauto.engine.changing import new_item
from stageauto.runner.simulate import Simulation

BETWEEN = 30
"""Days between two events of an item."""


def measure(*, items: int, days: int) -> Figure:
    """Items that move once a month through a virtual time of so many days, each stage's three rules rendered."""
    world = workspace()
    pipeline = world.pipelines["orders"]
    events = 0
    began = time.perf_counter()
    with Simulation(world, START) as simulation:
        for number in range(items):
            values = {"title": f"Order number {number}", **FIELDS}
            new_item(
                simulation.draft, pipeline, None, values, START, author="bench", item_id=item_name(number), silent=True
            )
        simulation.draft.queue.clear()
        for day in range(1, days + 1):
            simulation.advance(START + day * DAY)
            for number in range(day % BETWEEN, items, BETWEEN):
                simulation.take(next_event(events, item_name(number), simulation.now))
                events += 1
        simulation.flush()
        spent = time.perf_counter() - began
        entries = simulation.state.timeline()
    comments = sum(one.kind == "comment" for one in entries)
    check("moves", sum(one.kind == "entered" for one in entries), items + events)
    done = [one for one in entries if one.kind == "outcome" and one.data["outcome"] == "done"]
    check("outcomes", len(done), comments)
    what = f"simulation, {items:,} items x {days} days"
    speed = items * days / spent
    note = f"{events:,} moves, {comments:,} actions rendered, {spent:.1f} s"
    return Figure("W5", what, speed, "item-days/s", ">= 60,000", speed >= 60_000, sync="memory", note=note)
