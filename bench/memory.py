"""W8: what the daemon takes of memory, and whether that grows with the events it has handled.

The daemon runs in a process of its own: `python -m bench.memory FOLDER ITEMS EVENTS`, which tells what it saw as JSON.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from bench.daemon import prepare
from bench.figures import Figure, check
from bench.latency import _DATA, _Daemon
from bench.workload import RULES, item_name
from stageauto.runner.intake import Raw
from stageauto.runner.session import Session

_AHEAD = 200
"""Events on their way at a time."""


def _mebibytes(field: str = "VmRSS") -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(field)


def feed(folder: Path, items: int, events: int) -> dict[str, Any]:
    """Memory in MiB when the daemon has started, after each tenth of the events, and at its highest."""
    chance = random.Random(3)
    seen = []
    waiting: deque[Future[Any]] = deque()
    with _Daemon(folder) as service:
        seen.append(_mebibytes())
        for number in range(events):
            raw = Raw(
                "app.next", _DATA, id=f"evt-{number:09d}", item=item_name(chance.randrange(items)), source="bench"
            )
            waiting.append(service.intake.offer(raw))
            if len(waiting) >= _AHEAD:
                waiting.popleft().result(60)
            if (number + 1) % (events // 10) == 0:
                seen.append(_mebibytes())
        while waiting:
            waiting.popleft().result(60)
    return {"seen": seen, "highest": _mebibytes("VmHWM")}


def measure(folder: Path, *, items: int, events: int) -> list[Figure]:
    """The highest, and the growth from the second tenth of the events to the last."""
    place = folder / "w8"
    prepare(place, items)
    words = [sys.executable, "-m", "bench.memory", str(place), str(items), str(events)]
    done = subprocess.run(words, capture_output=True, check=True, text=True)
    told = json.loads(done.stdout)
    with Session.open(place) as session:
        count = session.store.connection.execute("SELECT count(*) FROM events WHERE outcome <> 'queued'").fetchone()[0]
        check("events", count, events)
    seen = told["seen"]
    high, growth = told["highest"], seen[-1] - seen[2]
    what = f"daemon memory, {RULES * items:,} pending, {events:,} events"
    note = f"started {seen[0]:.0f}, after each fifth {', '.join(f'{one:.1f}' for one in seen[2::2])}"
    return [
        Figure("W8", f"{what}, highest", high, "MiB", "<= 70 MB", high * 1.048576 <= 70, note=note),
        Figure("W8", f"{what}, growth", growth, "MiB", "flat: <= 2", growth <= 2),
    ]


if __name__ == "__main__":
    print(json.dumps(feed(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
