"""What breaks when it is decided together is decided one by one, and what breaks alone is set aside: the rest goes on.

Breaking means a defect of ours, an exception that nobody raised on purpose; it is told in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from stageauto.engine import step
from stageauto.engine.guard import hold
from stageauto.engine.ports import Changes
from stageauto.errors import StageautoError
from stageauto.runner.intake import QUEUED, Arrival, append, event_of

if TYPE_CHECKING:
    from stageauto.engine.draft import Draft
    from stageauto.engine.state import Journal
    from stageauto.runner.session import Session
    from stageauto.store.sqlite_state import SqliteState

BROKE = "broke"
"""What became of an event whose handling broke."""


class SetAside:
    """Works in transactions of its own. `items` are those that are being put on hold: nothing is done for them."""

    def __init__(
        self, session: Session, draft: Callable[[SqliteState], Draft], tell: Callable[[str, dict[str, Any]], None]
    ) -> None:
        self.items: set[str] = set()
        self._store = session.store
        self._now = session.clock.now
        self._draft = draft
        self._tell = tell

    def events(self, arrivals: Sequence[Arrival], limit: int) -> None:
        """Handles the events that wait one by one; one that breaks is kept in the journal as `broke`."""
        with self._store.transaction() as state:
            kept = append(state, [one.row for one in arrivals])
            waiting = state.queued_events(limit)
        became = {row.id: row for row in map(self._event, waiting)}
        for arrival, row in zip(arrivals, kept, strict=True):
            arrival.settled.set_result(became.get(row.id, row) if row.outcome == QUEUED else row)

    def _event(self, row: Journal) -> Journal:
        try:
            with self._store.transaction() as state:
                draft = self._draft(state)
                done = step.carry_out(draft, event_of(row))
                draft.flush()
                return done
        except StageautoError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the next event must not wait for it
            because = f"{type(error).__name__}: {error}"
            self._tell("event_broke", {"event": row.id, "type": row.type, "because": because})
        row.outcome = BROKE
        with self._store.transaction() as state:
            state.write(Changes(journal=[row]))
        return row

    def due(self, limit: int) -> None:
        """Goes through what is due one by one; an item whose run breaks is put on hold, with the reason."""
        now = self._now()
        with self._store.read() as state:
            due = state.due_items(now, limit)
        for _, _, item_id in due:
            try:
                with self._store.transaction() as state:
                    draft = self._draft(state)
                    item = draft.item(item_id)
                    first = item.first_due() if item is not None and item_id not in self.items else None
                    if item is not None and first is not None and first[0] <= now:
                        step.tick(draft, item, first[2], now)
                        draft.flush()
            except StageautoError:
                raise
            except Exception as error:  # noqa: BLE001 - as above
                self.hold(item_id, f"{type(error).__name__}: {error}", now)

    def hold(self, item_id: str, because: str, now: int) -> None:
        """Puts an item on hold that breaks whatever is done for it."""
        self.items.add(item_id)
        self._tell("item_broke", {"item": item_id, "because": because})
        with self._store.transaction() as state:
            draft = self._draft(state)
            item = draft.item(item_id)
            if item is not None:
                hold(draft, item, now, "broke", f"a run broke: {because}", "stageauto")
                draft.flush()
        self.items.discard(item_id)
