"""The real command `stageauto`, for tests that kill it: `python daemon.py ARGUMENTS...`.

PLANT names a bug of plants.py to put in before it starts; DIE is `POINT:PROBABILITY:SEED`: where it kills itself with
SIGKILL, so that the narrow moments are met more often than by chance. The point `between` is in some plants only.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from stageauto.channels.smtp import SmtpChannel
from stageauto.channels.webhook import WebhookChannel
from stageauto.runner.deliver import PostOffice
from stageauto.store.sqlite import SqliteStore
from stageauto.store.syncer import Told

POINTS = ("before-commit", "after-commit", "after-mark", "after-send")


def _dying(probability: float, seed: int) -> Callable[[], None]:
    chance = random.Random(seed)

    def die() -> None:
        if chance.random() < probability:
            os.kill(os.getpid(), signal.SIGKILL)

    return die


def _die_at(point: str, die: Callable[[], None]) -> None:
    if point.endswith("commit"):
        _die_around_commit(die, before=point == "before-commit")
    elif point == "after-mark":
        marked = PostOffice._point

        def pointed(self: PostOffice, delivery_id: str) -> None:
            marked(self, delivery_id)
            die()

        PostOffice._point = pointed  # type: ignore[method-assign]
    else:
        for kind in (SmtpChannel, WebhookChannel):
            _die_after_send(kind, die)


def _die_around_commit(die: Callable[[], None], *, before: bool) -> None:
    original = SqliteStore.transaction

    @contextmanager
    def transaction(self: SqliteStore, told: Told | None = None, **more: Any) -> Iterator[Any]:
        with original(self, told, **more) as state:
            yield state
            if before:
                die()
        if not before:
            die()

    SqliteStore.transaction = transaction  # type: ignore[method-assign]


def _die_after_send(kind: Any, die: Callable[[], None]) -> None:
    original = kind.send

    def send(self: Any, delivery: Any, point: Any) -> Any:
        outcome = original(self, delivery, point)
        die()
        return outcome

    kind.send = send


def main() -> int:
    plant, die = os.environ.get("PLANT"), os.environ.get("DIE")
    if plant:
        from tests.crash.plants import PLANTS

        PLANTS[plant]()
    if die:
        point, probability, seed = die.split(":")
        if point in POINTS:  # else it is a plant that dies
            _die_at(point, _dying(float(probability), int(seed)))
    from stageauto.cli import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
