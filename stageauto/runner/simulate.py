"""A run on a virtual clock: the daemon's engine and state, but in memory, with connectors that only take notes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self, TypeVar

from stageauto.channels.base import Delivered, Outcome, Rejected, Retry
from stageauto.engine import step
from stageauto.engine.draft import Draft
from stageauto.engine.model import Event, Workspace
from stageauto.engine.state import PENDING, Delivery, Item, Journal, Run
from stageauto.errors import StageautoError
from stageauto.runner import record
from stageauto.runner.clock import VirtualClock
from stageauto.runner.crons import Crons
from stageauto.store.sqlite import SqliteStore

T = TypeVar("T")
ENDLESS = 1_000_000
"""Steps at one moment after which a simulation says that it does not end."""


@dataclass(slots=True)
class Failure:
    """A provider that fails: `channel` is a kind or a name; `times` None = always; `permanent` = refuses for good."""

    channel: str
    times: int | None = None
    error: str = "the provider failed"
    permanent: bool = False


class EndlessError(StageautoError):
    """Things set each other going without end at one moment."""


class Simulation:
    """A workspace on a virtual clock, beginning at `start` (ms UTC). Use as a context manager."""

    def __init__(
        self, workspace: Workspace, start: int, *, store: SqliteStore | None = None, failures: Sequence[Failure] = ()
    ) -> None:
        self.workspace = workspace
        self.clock = VirtualClock(start)
        self.failures = list(failures)
        self._stack = ExitStack()
        self._store = store or self._stack.enter_context(SqliteStore.open(":memory:", state_id="simulation"))
        self._crons = Crons(workspace, start)
        self.state = self._stack.enter_context(self._store.transaction())
        self.draft = self._draft()
        if store is not None:
            self.draft.look_ahead(2**62, 2**31)
            self._take_over_outbox()

    def _draft(self) -> Draft:
        return Draft(self.state, self.workspace, draw=self.clock.draw, state_id="simulation")

    def _take_over_outbox(self) -> None:
        """What waits in the outbox of a live state, or is on its way, goes out in the simulation too."""
        for delivery in (*self.state.running_deliveries(), *self.state.deliveries(state=PENDING, limit=-1)):
            delivery.state = PENDING
            self.draft.put_delivery(delivery)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def now(self) -> int:
        """The virtual moment, ms UTC."""
        return self.clock.at

    def advance(self, until: int) -> None:
        """Lets everything happen that is due up to that moment, with all it entails."""
        self.settle()
        while (at := self.next_moment()) is not None and at <= until:
            self.clock.at = max(self.clock.at, at)
            self.settle()
        self.clock.at = max(self.clock.at, until)

    def next_moment(self) -> int | None:
        """When there is something to do next, ms UTC; None when nothing is known of."""
        moments = [self.draft.peek_due(), self.draft.peek_delivery(), self._crons.next_at()]
        return min((at for at in moments if at is not None), default=None)

    def settle(self) -> None:
        """Does everything that is due by now, until nothing is left."""
        steps = 0
        now = self.clock.at
        while True:
            done = self._runs(now) + self._sweeps(now) + self._deliveries(now)
            if done == 0:
                return
            steps += done
            if steps > ENDLESS:
                raise EndlessError("more than a million steps at one moment: rules set each other going without end")

    def _runs(self, now: int) -> int:
        done = 0
        while done < ENDLESS and (first := self.draft.pop_due(now)) is not None:
            self._tick(*first, now)
            done += 1
        return done

    def _tick(self, item: Item, run: Run | None, now: int) -> None:
        step.tick(self.draft, item, run, now)

    def _sweeps(self, now: int) -> int:
        matched = self._crons.due(now)
        for pipeline, triggers in matched:
            step.sweep(self.draft, pipeline, triggers, now)
        return len(matched)

    def _deliveries(self, now: int) -> int:
        done = 0
        while (delivery := self.draft.pop_delivery(now)) is not None:
            done += 1
            if record.claim(self.draft, delivery, now):
                record.record(self.draft, delivery, self._answer(delivery), now, self.clock)
        return done

    def _answer(self, delivery: Delivery) -> Outcome:
        channel = self.workspace.channel(delivery.channel)
        for failure in self.failures:
            if failure.channel not in (delivery.channel, delivery.kind, channel.kind) or failure.times == 0:
                continue
            if failure.times is not None:
                failure.times -= 1
            if failure.permanent:
                return Rejected(reason=failure.error, code="refused")
            return Retry(reason=failure.error, after=None)
        if delivery.kind == "webhook":
            return Delivered({"status": 200, "body": {}})
        return Delivered({"message_id": f"<{delivery.key}@simulation>"} if delivery.kind == "mail" else {})

    def take(self, event: Event) -> Journal:
        """An event from outside at the virtual moment, with everything it sets off at once."""
        row = step.take(self.draft, event)
        self.settle()
        return row

    def do(self, deed: Callable[[Draft], T]) -> T:
        """A command at the virtual moment, with everything it sets off at once."""
        result = deed(self.draft)
        self.settle()
        return result

    def flush(self) -> None:
        """Writes the draft, so that the state can be read."""
        self.draft.flush()
