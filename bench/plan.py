"""PLAN: what a change of the files means for many items, foretold without doing it."""

from __future__ import annotations

import resource
import time
from typing import TYPE_CHECKING

from bench.figures import Figure, check
from bench.workload import RULES, START, files, fill
from stageauto.runner.clock import VirtualClock
from stageauto.runner.session import Session, load_files
from stageauto.runner.versions import foresee, load

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 10
PIPELINE = "pipelines/orders.yaml"
HEAD = "stageauto.yaml"
_MIB = 1024


def measure(folder: Path, *, items: int) -> list[Figure]:
    """The figures of three changes: one rule of each item moves, all are worked out again, none is concerned."""
    folder.mkdir()
    with Session.open(folder, clock=VirtualClock(START), create=True) as session:
        load(session, files())
        with session.store.read() as state:
            world = session.workspace(state)
        fill(session.store, world, items)
        moved, calendar, other = dict(files()), dict(files()), dict(files())
        moved[PIPELINE] = moved[PIPELINE].replace("by: 7d", "by: 6d")
        calendar[HEAD] += 'calendars: {working: {mon-fri: "09:00-18:00"}}\n'
        other[HEAD] += "channels: {mail: {type: file}}\n"
        return [
            _figure(session, "one of three rules has another moment", moved, items, moved_runs=items),
            _figure(session, "a calendar is new: all are worked out again", calendar, items),
            _figure(session, "a channel is new: no moment hangs on it", other, items),
        ]


def _figure(session: Session, what: str, wanted: dict[str, str], items: int, moved_runs: int = 0) -> Figure:
    workspace = load_files(session.root, wanted, START).workspace
    assert workspace is not None
    began = time.perf_counter()
    _, found = foresee(session, wanted, workspace)
    took = time.perf_counter() - began
    check("moved", found.total("moved"), moved_runs)
    check("kept", found.kept, RULES * items - moved_runs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // _MIB
    return Figure(
        "PLAN", f"{what}; {items:,} items, {RULES * items:,} pending", took, "s", f"< {SECONDS} s", took < SECONDS,
        note=f"{peak} MiB at most",
    )  # fmt: skip
