"""WHY: what it costs to write down what kept triggers from moving an item, beside the same events with nothing written.

The floor here is the engine itself, which asks the same conditions and keeps nothing of their answers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

from bench.figures import Figure, Race, check
from bench.workload import FIELDS, START, draft_of, item_name, store_in
from stageauto.engine import choosing, step, triggers
from stageauto.engine.changing import new_item
from stageauto.engine.model import Event
from stageauto.loader.load import load
from stageauto.store.checkpoint import Checkpointer

if TYPE_CHECKING:
    from pathlib import Path

    from stageauto.engine.model import Workspace
    from stageauto.store.sqlite import SqliteStore

BATCH = 100
CONDITIONS = (
    "item.amount > 100 and item.order_no and event.kind != 'order'",
    "item.product in ['GTX Pro', 'MG Special'] or item.amount >= 5000",
    "event.subject == 'cancel' and contact.language == 'pl'",
    "item.account != 'Cancity'",
)
"""What the four triggers of the event ask; all say no."""

_FILES = {
    "stageauto.yaml": "stageauto: 1\ntimezone: Europe/Warsaw\n",
    "pipelines/orders.yaml": (
        "pipeline: orders\n"
        "fields: {amount: money, order_no: string, product: string, account: string, delivery: date}\n"
        "stages:\n  - id: new\n"
        + "".join(
            f'  - id: s{number}\n    triggers: [{{id: to-{number}, event: app.next, if: "{text}"}}]\n'
            for number, text in enumerate(CONDITIONS)
        )
    ),
}


def measure(folder: Path, *, items: int, events: int, rounds: int) -> list[Figure]:
    """The figure: events that four conditions refuse, in turns with and without their trace."""
    folder.mkdir()
    world = load(_FILES, env={}, now=START).workspace
    assert world is not None
    with store_in(folder, "FULL") as store, Checkpointer(store):
        _fill(store, world, items)
        ours, bare, done = [], [], 0
        _events(store, world, items, range(events // rounds))
        for _ in range(rounds):
            done += events // rounds
            ours.append(_events(store, world, items, range(done, done + events // rounds)))
            done += events // rounds
            with _untraced():
                bare.append(_events(store, world, items, range(done, done + events // rounds)))
        run = store.connection.execute
        traced = "SELECT count(*) FROM lines WHERE kind = 'event' AND json_array_length(data, '$.refused') = 4"
        check("events with a trace", run(traced).fetchone()[0], (rounds + 1) * (events // rounds))
    race = Race(ours, bare)
    more = 1e6 / sorted(ours)[rounds // 2] - 1e6 / sorted(bare)[rounds // 2]
    what = f"events that {len(CONDITIONS)} conditions refuse, 100 a transaction"
    return [race.figure("WHY", what, 0.7, "FULL", "2/2", f"the floor keeps no trace; a trace costs {more:.0f} us")]


def _fill(store: SqliteStore, world: Workspace, items: int) -> None:
    with store.transaction() as state:
        draft = draft_of(state, world)
        for number in range(items):
            values = {"title": f"Order number {number}", **FIELDS}
            new_item(
                draft, world.pipelines["orders"], None, values, START, author="bench", item_id=item_name(number),
                silent=True,
            )  # fmt: skip
        draft.queue.clear()
        draft.flush()


def _events(store: SqliteStore, world: Workspace, items: int, numbers: Sequence[int]) -> float:
    """How many a second."""
    data = {"kind": "order", "subject": "hello", "from": "ewa@home.test"}
    began = time.perf_counter()
    for first in range(0, len(numbers), BATCH):
        with store.transaction() as state:
            draft = draft_of(state, world)
            some = [
                Event(f"evt-{n:09d}-abcdef", "app.next", START + n, "bench", item_name(n * 7919 % items), data=data)
                for n in numbers[first : first + BATCH]
            ]
            draft.foresee([one.item for one in some if one.item], [one.id for one in some])
            for event in some:
                step.take(draft, event)
            draft.flush()
    return len(numbers) / (time.perf_counter() - began)


@contextmanager
def _untraced() -> Iterator[None]:
    """The engine asks as ever, and what it is told of those that refused is empty."""
    whole = choosing.choose

    @wraps(whole)
    def bare(*given: Any, **options: Any) -> choosing.Choice:
        return choosing.Choice(whole(*given, **{**options, "traced": False}).trigger)

    triggers.choose = bare
    try:
        yield
    finally:
        triggers.choose = whole
