"""What is measured: one pipeline of five stages with three rules each, and the items that stand in it.

Every stage has a rule that runs at once, one a day after entry and one seven days before a date field, and a trigger
with a condition of three terms that leads into it. The last stage leads back to the first, so that moves never end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stageauto.engine.changing import new_item
from stageauto.engine.draft import Draft
from stageauto.engine.model import Event
from stageauto.loader.load import load
from stageauto.runner import garbage
from stageauto.runner.clock import VirtualClock
from stageauto.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from stageauto.engine.model import Workspace
    from stageauto.store.sqlite_state import SqliteState

START = 1_800_000_000_000
"""The moment at which the items enter their first stage, ms UTC."""
DAY = 86_400_000
STAGES = ("new", "contacted", "quoted", "agreed", "done")
RULES = 3
FIELDS: dict[str, Any] = {
    "amount": 1250, "order_no": "A-1207", "product": "GTX Plus Basic", "account": "Cancity", "delivery": "2027-06-01",
}  # fmt: skip
LOADED = 5_000
"""Items made in one transaction while a state is filled."""

WORKSPACE = "stageauto: 1\ntimezone: Europe/Warsaw\n"

_PIPELINE = """\
pipeline: orders
name: Orders
fields: {amount: money, order_no: string, product: string, account: string, delivery: date}
stages:
"""

_STAGE = """\
  - id: {stage}
    triggers:
      - id: to-{stage}
        event: app.next
        if: item.amount > 100 and item.order_no and event.kind != 'spam'
        allow_back: {back}
    rules:
      - id: {stage}-note
        do: add_comment
        with: {{text: "{{{{ item.title }}}}: {{{{ item.product }}}} for {{{{ item.account }}}}, {{{{ item.amount }}}}"}}
      - id: {stage}-look
        do: add_comment
        when: {{delay: 1d}}
        with: {{text: "Look at {{{{ item.order_no }}}} of {{{{ item.account }}}}"}}
      - id: {stage}-soon
        do: add_comment
        when: {{before: delivery, by: 7d}}
        with: {{text: "{{{{ item.title }}}} is delivered on {{{{ item.delivery | date }}}}"}}
"""


def files() -> dict[str, str]:
    """The workspace's files."""
    stages = (_STAGE.format(stage=stage, back="true" if stage == STAGES[0] else "false") for stage in STAGES)
    return {"stageauto.yaml": WORKSPACE, "pipelines/orders.yaml": _PIPELINE + "".join(stages)}


def workspace() -> Workspace:
    """The workspace, compiled."""
    loaded = load(files(), env={}, now=START)
    assert loaded.workspace is not None, loaded.diagnostics
    garbage.settle()  # as the daemon does when it takes up a configuration
    return loaded.workspace


def item_name(number: int) -> str:
    """The id of the item of that number."""
    return f"order-{number}"


def next_event(number: int, item: str, at: int) -> Event:
    """An event that moves the item to its next stage."""
    return Event(
        id=f"evt-{number:09d}-abcdef", type="app.next", at=at, source="bench", item=item,
        data={"kind": "order", "subject": "hello", "from": "ewa@home.test"}, author="",
    )  # fmt: skip


def draft_of(state: SqliteState, world: Workspace) -> Draft:
    """A draft as the daemon makes one for each transaction."""
    return Draft(state, world, draw=VirtualClock(START).draw, state_id="bench")


def fill(store: SqliteStore, world: Workspace, items: int, at: int = START, delivery: str = "2027-06-01") -> None:
    """Puts items into the first stage, by the engine itself: three living runs each."""
    pipeline = world.pipelines["orders"]
    for some in _groups(items, LOADED):
        with store.transaction() as state:
            draft = draft_of(state, world)
            for number in some:
                values = {"title": f"Order number {number}", **FIELDS, "delivery": delivery}
                new_item(draft, pipeline, None, values, at, author="bench", item_id=item_name(number), silent=True)
            draft.queue.clear()
            draft.flush()
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _groups(count: int, size: int) -> Iterator[range]:
    for first in range(0, count, size):
        yield range(first, min(count, first + size))


def store_in(folder: Path, sync: str) -> SqliteStore:
    """A new state in that folder."""
    return SqliteStore.open(folder / "state.db", sync="NORMAL" if sync == "NORMAL" else "FULL", state_id="bench")
