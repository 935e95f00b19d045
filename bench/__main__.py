"""`python -m bench`: all workloads in one run, each beside its floor where it has one."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import actions, latency, memory, moves, plan, processes, refusals, simulated, web
from bench.figures import Figure, WrongCountError, table
from bench.workload import RULES
from stageauto.store import driver

GROUPS = ("W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "W9", "PLAN", "WHY")


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: under a minute, figures that only show the way"
    )
    parser.add_argument("--only", nargs="*", choices=GROUPS, default=GROUPS, help="these workloads")
    parser.add_argument("--pending", type=int, help="pending rules for W1, W2, W8 (30,000)")
    parser.add_argument("--many", type=int, help="pending rules for W1s and the last of W3 (1,000,000)")
    parser.add_argument("--events", type=int, help="events through the daemon for W8 (200,000)")
    parser.add_argument("--dir", type=Path, help="where to put the states: a folder on the disk to be measured")
    return parser.parse_args(words)


def _runs(at: argparse.Namespace, folder: Path) -> dict[str, Callable[[], list[Figure]]]:
    quick = at.quick
    items = (at.pending or (6_000 if quick else 30_000)) // RULES
    many = (at.many or (60_000 if quick else 1_000_000)) // RULES
    events = at.events or (10_000 if quick else 200_000)
    rounds = 3 if quick else 5
    return {
        "W1": lambda: moves.measure(
            folder, items=items, many=many, single=900 if quick else 5_000, batched=3_000 if quick else 20_000,
            rounds=rounds,
        ),
        "W2": lambda: [actions.due_actions(folder / "w2", items=items, rounds=2 if quick else 5)],
        "W3": lambda: actions.idle_ticks(folder, [1_000, many // 10 * RULES, many * RULES]),
        "W4": lambda: latency.measure(folder, items=items, seconds=3 if quick else 15, rate=1_000, rounds=3),
        "W5": lambda: [simulated.measure(items=100 if quick else 1_000, days=365)],
        "W6": lambda: processes.start_up(folder, 5 if quick else 20),
        "W7": lambda: processes.validation(folder, [(1, 0.3), (100, 1)] if quick else [(1, 0.3), (100, 1), (1000, 6)]),
        "W8": lambda: memory.measure(folder, items=items, events=events),
        "PLAN": lambda: plan.measure(folder / "plan", items=2_000 if quick else 100_000),
        "WHY": lambda: refusals.measure(
            folder / "why", items=items // 5, events=2_000 if quick else 20_000, rounds=rounds
        ),
        "W9": lambda: web.measure(folder, items=items, count=2_000 if quick else 20_000),
    }  # fmt: skip


def main(words: Sequence[str] | None = None) -> int:
    """The exit code: 1 where a count was wrong, 0 else; a figure that misses its target is only told."""
    at = _options(words)
    began = time.perf_counter()
    folder = Path(tempfile.mkdtemp(prefix="stageauto-bench-", dir=at.dir))
    figures: list[Figure] = []
    try:
        for name, run in _runs(at, folder).items():
            if name in at.only:
                print(f"{name} ...", file=sys.stderr, flush=True)
                figures += run()
    except WrongCountError as error:
        print(f"wrong count: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    cores, sqlite = len(os.sched_getaffinity(0)), ".".join(map(str, driver.version()))
    print(f"{cores} cores, Python {platform.python_version()}, SQLite {sqlite}, {time.perf_counter() - began:.0f} s\n")
    print(table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
