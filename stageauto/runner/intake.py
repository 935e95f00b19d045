"""Events that come in numbers: checked where they arrive, then decided by the daemon in as few transactions as it can.

`accept` keeps events in the state for whoever decides next: one transaction, each event once by its id. Inside the
daemon's process an `Intake` saves that first write: what arrives while one transaction is on its way to the disk shares
the next one, so that a single event waits for nobody and a thousand share a flush.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stageauto.engine.model import Event
from stageauto.engine.ports import Changes
from stageauto.engine.state import Journal
from stageauto.errors import StateError, UsageError
from stageauto.loader.diagnostics import suggest

if TYPE_CHECKING:
    from stageauto.runner.session import Session
    from stageauto.store.sqlite_state import SqliteState

QUEUED, DUPLICATE = "queued", "duplicate"
MAX_DATA = 64 * 1024
"""Bytes of an event's data, as JSON in UTF-8."""
MAX_ID = 200
"""Characters of an event's id."""
HALF = re.compile("[\ud800-\udfff]")
"""Half a surrogate pair."""
OWN = "app."
"""What the types of third parties' events begin with."""


@dataclass(frozen=True, slots=True)
class Raw:
    """An event as it came in. Without an `id` it gets one, and is then never the same as another."""

    type: str
    data: object = field(default_factory=dict)
    id: str = ""
    item: str | None = None
    contact: str | None = None
    source: str = ""
    author: str = ""


def shaped(raw: Raw, known: Collection[str], at: int, new_id: Callable[[], str]) -> Journal:
    """The event's row of the journal, `queued`, stamped with `at` (ms UTC). Raises UsageError for what is no event.

    `known`: the types there are, beside those of third parties.
    """
    if raw.type not in known and not (raw.type.startswith(OWN) and len(raw.type) > len(OWN)):
        raise UsageError(f"there is no event `{raw.type[:MAX_ID]}`", suggest(raw.type[:MAX_ID], known))
    if len(raw.id) > MAX_ID:
        raise UsageError(f"the id of an event has {len(raw.id)} characters", f"at most {MAX_ID} are allowed")
    for what, value in (("type", raw.type), ("id", raw.id), ("item", raw.item), ("contact", raw.contact)):
        if value and not is_text(value):
            raise UsageError(f"the {what} of an event is no text")
    return Journal(
        id=raw.id or new_id(), type=raw.type, at=at, source=raw.source, author=raw.author, item=raw.item,
        contact=raw.contact, data=_checked(raw.data),
    )  # fmt: skip


def is_text(value: str) -> bool:
    """False where half a surrogate pair stands in it: JSON can say that, but no state can keep it."""
    return value.isascii() or HALF.search(value) is None


def _checked(data: object) -> dict[str, Any]:
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise UsageError("the data of an event is a JSON object", 'for instance {"subject": "Hello"}')
    try:
        text = json.dumps(data, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the data of an event is not JSON: {error}") from None
    # Escaped it is never shorter than in UTF-8, so most are done with here.
    if len(text) > MAX_DATA and len(json.dumps(data, ensure_ascii=False).encode(errors="replace")) > MAX_DATA:
        raise UsageError("the data of the event is too big", f"at most {MAX_DATA // 1024} KiB are allowed")
    if "\\ud" in text and HALF.search(json.dumps(data, ensure_ascii=False)):
        # The rest of what a customer wrote is worth more than being told that one letter of it is broken.
        return dict(json.loads(HALF.sub("\ufffd", json.dumps(data, ensure_ascii=False))))
    return data


def append(state: SqliteState, rows: Iterable[Journal]) -> list[Journal]:
    """The rows, those that are new written to the journal as queued, the others `duplicate`."""
    new: dict[str, Journal] = {}
    found = []
    for row in rows:
        if row.id in new or state.event_known(row.id):
            found.append(replace(row, outcome=DUPLICATE))
        else:
            new[row.id] = row
            found.append(row)
    state.write(Changes(journal=list(new.values())))
    return found


def event_of(row: Journal) -> Event:
    """The event of a row of the journal."""
    return Event(
        id=row.id, type=row.type, at=row.at, source=row.source, item=row.item, contact=row.contact, data=row.data,
        author=row.author,
    )  # fmt: skip


def accept(session: Session, raws: Sequence[Raw]) -> list[Journal]:
    """Keeps events for whoever decides next: one row each, `queued` or `duplicate`, in one transaction.

    Raises UsageError where one of them is no event, and then none is kept.
    """
    now = session.clock.now()
    with session.store.transaction() as state:
        known = session.workspace(state).events
        return append(state, [shaped(raw, known, now, session.clock.new_id) for raw in raws])


@dataclass(slots=True, eq=False)
class Arrival:
    """An event on its way through the daemon; `settled` has what became of it as soon as that is on disk."""

    row: Journal
    settled: Future[Journal]


class Intake:
    """Where other threads of the daemon's process hand in events. `wake` is set whenever there is one."""

    def __init__(self, wake: threading.Event, now: Callable[[], int], new_id: Callable[[], str]) -> None:
        self.known: Collection[str] = ()
        self._wake = wake
        self._now = now
        self._new_id = new_id
        self._waiting: deque[Arrival] = deque()
        self._lock = threading.Lock()
        self._closed = False

    def offer(self, raw: Raw) -> Future[Journal]:
        """What will have become of the event, from any thread.

        Raises UsageError for what is no event, StateError where the daemon takes no more.
        """
        return self.offer_all([raw])[0]

    def offer_all(self, raws: Sequence[Raw]) -> list[Future[Journal]]:
        """What will have become of each; all of them are taken, or none. Raises as `offer` does."""
        arrivals = [Arrival(shaped(raw, self.known, self._now(), self._new_id), Future()) for raw in raws]
        with self._lock:
            if self._closed:
                raise StateError("the daemon is ending", "hand the event in again when it runs")
            self._waiting.extend(arrivals)
        self._wake.set()
        return [one.settled for one in arrivals]

    def waiting(self) -> bool:
        """True where an event has been handed in that was not taken yet."""
        return bool(self._waiting)

    def take(self, limit: int) -> list[Arrival]:
        """Up to `limit` of what waits, in the order in which it came."""
        if not self._waiting:
            return []
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]

    def close(self) -> list[Arrival]:
        """Takes no more; gives what waits still."""
        with self._lock:
            self._closed = True
        return self.take(len(self._waiting))
