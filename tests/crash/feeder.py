"""A process that adds items and gives events beside the daemon: `python feeder.py ROOT LOG SEED ITEMS`.

What was acknowledged is written to the log at once, after the state has it: one JSON object a line.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from stageauto.runner import change
from stageauto.runner.intake import Raw, accept
from stageauto.runner.session import Session
from stageauto.runner.work import add_exception


class Feeder:
    """Does one thing after the other, by chance."""

    def __init__(self, session: Session, log: TextIO, chance: random.Random) -> None:
        self._session = session
        self._log = log
        self._chance = chance
        self._items: list[str] = []
        self._events: list[tuple[str, str]] = []

    def _say(self, what: str, **data: Any) -> None:
        self._log.write(json.dumps({"what": what, **data}) + "\n")
        self._log.flush()

    def add(self, number: int) -> None:
        title = f"item {number}"
        address = f"c{number}@home.test"
        item = change.add(
            self._session, "work", stage=None, values={"title": title}, contact={"email": address, "name": title}
        )
        self._items.append(item)
        self._say("added", item=item, title=title)

    def swap(self) -> None:
        # Half of the items are left alone, so that their chains can come to their end.
        item = self._chance.choice(self._items[::2])
        event = f"swap-{len(self._events)}"
        if self._chance.random() < 0.2 and self._events:
            item, event = self._chance.choice(self._events)  # the same again
        self._events.append((item, event))
        if self._chance.random() < 0.5:
            change.emit(self._session, "app.swap", item=item, data={}, event_id=event)
        else:
            accept(self._session, [Raw(type="app.swap", item=item, id=event)])
        self._say("event", id=event, item=item)

    def move(self) -> None:
        item = self._chance.choice(self._items[::2])
        stage = self._chance.choice(["left", "right"])
        change.move(self._session, item, stage, restart=True)
        self._say("moved", item=item, stage=stage)

    def exclude(self) -> None:
        number = self._chance.randrange(1, len(self._items) + 1)
        add_exception(self._session, f"c{number}@home.test")
        self._say("excluded", address=f"c{number}@home.test")

    def run(self, items: int) -> None:
        for number in range(1, items + 1):
            self.add(number)
            for deed in self._chance.choices((self.swap, self.move, self.exclude), (6, 2, 1), k=2):
                deed()
            time.sleep(self._chance.random() * 0.06)


def main(root: str, log: str, seed: str, items: str) -> None:
    with Session.open(Path(root)) as session, Path(log).open("a", encoding="utf-8") as out:
        Feeder(session, out, random.Random(int(seed))).run(int(items))


if __name__ == "__main__":
    main(*sys.argv[1:])
