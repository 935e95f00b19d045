"""A process that gives events and moves items beside the daemon: `python worker.py ROOT NAME SECONDS`.

Says the id of each event after it was acknowledged, and how often it moved something. On a busy machine it takes longer
than that: it does a certain number of things in any case.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from stageauto.runner import change
from stageauto.runner.session import Session

FEWEST = 10


def main(root: str, name: str, seconds: str) -> None:
    number = 0
    with Session.open(Path(root)) as session:
        mine = change.add(session, "work", stage=None, values={"title": name}, contact={})
        end = time.monotonic() + float(seconds)  # from when the configuration is compiled
        while number < FEWEST or time.monotonic() < end:
            event = f"{name}-{number}"
            change.emit(session, "app.tick", item=mine if number % 2 else "shared", data={}, event_id=event)
            sys.stdout.write(f"event {event}\n")
            change.move(session, mine, "old" if number % 2 else "new", restart=True)
            sys.stdout.write(f"move {mine}\n")
            sys.stdout.flush()
            number += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
