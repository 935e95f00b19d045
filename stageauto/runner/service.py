"""The daemon: decides what is due, sends what was decided, takes up new versions, and sleeps when there is nothing.

One thread decides and is the only one that writes: due runs, marks and answers of the channels share its transactions.
It wakes for the next due moment, for a channel's answer, and soon after another process has written to the state.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from stageauto.channels.base import Delivered, Unaskable
from stageauto.engine import step
from stageauto.engine.draft import Draft
from stageauto.engine.model import Workspace
from stageauto.engine.state import DONE, PENDING, RUNNING, UNKNOWN, Delivery, Journal
from stageauto.errors import DiskFullError, StageautoError, StateError
from stageauto.runner import garbage, interrupted, overdue, record
from stageauto.runner.aside import SetAside
from stageauto.runner.asking import Asking
from stageauto.runner.clock import monotonic_ms, up_ms, wait
from stageauto.runner.crons import Crons
from stageauto.runner.deliver import Answer, Letter, Mark, PostOffice, Said
from stageauto.runner.intake import Arrival, Intake, append, event_of
from stageauto.runner.mailbox import Mailboxes
from stageauto.runner.options import Counts, Options
from stageauto.runner.papers import Copyist, papers_of
from stageauto.runner.session import Session
from stageauto.runner.telling import Listener, Telling
from stageauto.store.checkpoint import Checkpointer
from stageauto.store.lock import OwnerLock
from stageauto.store.sqlite_state import SqliteReader, SqliteState
from stageauto.store.syncer import Syncer

BATCH = 200
"""Decisions in one transaction at the most: they share its flush to disk."""
LOOK = 50
"""Milliseconds between two looks at whether another process wrote to the state: one counter in shared memory."""
JUMP = 3_600_000
"""The wall clock going ahead of the machine's own by more than this holds outer actions for a look."""
TURNED = 86_400_000
"""A clock that was turned back by less than this does not make its triggers match again."""
NO_ROOM = 1_000
"""Milliseconds between two looks at whether a full disk has room again."""
LONGEST_BREAK = 10_000
"""Milliseconds at the most between two tries of a batch that breaks whatever is set aside."""
CRONS_AT = "crons_at"
SEEN_AT = "seen_at"
SEEN_EVERY = 5_000

__all__ = ["Counts", "Options", "Service"]


class Service:
    """The daemon of one workspace. `tell(kind, data)` hears what happens; `stop()` ends it from any thread."""

    def __init__(self, session: Session, options: Options, tell: Listener) -> None:
        self.session = session
        self.options = options
        self.counts = Counts()
        self._telling = Telling(session.store, tell)
        self._tell = self._telling.tell
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._mailboxes = Mailboxes(session, self.say, self.wake)
        self._copyist = Copyist(lambda: papers_of(session, self._workspace), self.say)
        self.intake = Intake(self._wake, session.clock.now, session.clock.new_id)
        self._workspace: Workspace
        self._office: PostOffice
        self._crons: Crons
        self._version = 0
        self._started = 0
        self._sending = True
        self._seen = 0
        self._clock_gap: int | None = None
        self._asking = Asking()
        self._aside = SetAside(session, self._draft, self._tell)
        self._breaks = 0  # batches in a row that broke
        self._unwritten: list[Letter] = []  # what channels said while the disk was full
        self._full = False
        self._swept = 0  # up to when the clock's triggers were handled
        self._looked: int | None = None  # the state's version when it was looked at last; None = it is to be looked at
        self._next: int | None = None  # when there is something to do, as of that look

    @property
    def workspace(self) -> Workspace | None:
        """The configuration in force, for other threads; None before the daemon has taken one up."""
        return getattr(self, "_workspace", None)

    @property
    def accepting(self) -> bool:
        """True until the daemon was asked to end."""
        return not self._stopping.is_set()

    def stop(self) -> None:
        """Asks the daemon to end: no new work, what is being sent may finish within the grace time."""
        # Perhaps a signal's handler asks, in the middle of what the thread does that holds the locks of these two.
        threading.Thread(target=self._stop, name="stop", daemon=True).start()

    def _stop(self) -> None:
        self._stopping.set()
        self._wake.set()

    def wake(self) -> None:
        """Makes the daemon look at the state at once."""
        self._wake.set()

    def hear(self, delivery_id: str, channel: str, answer: Mapping[str, Any]) -> None:
        """A provider reports of a delivery of ours: where it was `unknown` it was sent. From any thread."""
        self._office.hear(delivery_id, channel, Delivered(answer))

    def say(self, kind: str, data: dict[str, Any]) -> None:
        """Says something, from any thread; what was written to the state just before is looked at."""
        self._telling.hear(kind, data)
        self._wake.set()

    # -- life --------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Runs until stopped, or as the options say. Raises StateError when somebody else runs this state."""
        store = self.session.store
        assert store.path is not None
        lock = OwnerLock(store.path)
        lock.acquire(self.session.clock.now())
        try:
            with Checkpointer(store), Syncer(store):
                self._start()
                try:
                    self._loop()
                finally:
                    self._finish()
        finally:
            lock.release()

    def _start(self) -> None:
        now = self._started = self.session.clock.now()
        self._clock_gap = now - up_ms()
        with self.session.store.read() as state:
            self._take_up(state)
            running = state.running_deliveries()
        # Providers are asked before the transaction: others wait for that. Only the owner sends, so nothing changes.
        said = {one.id: self._office.ask(one) for one in running if one.marked}
        with self.session.store.transaction() as state:
            self._take_up(state)
            self._swept = _crons_from(int(state.meta_get(CRONS_AT) or now), now)
            self._crons = Crons(self._workspace, self._swept)
            draft = self._draft(state)
            self._settle_interrupted(draft, state, now, said)
            if self.options.catch_up:
                self._release_held(draft, state, now)
            else:
                self._hold_flood(draft, state, now)
            draft.flush()
            self._asking.note(state.deliveries(state=UNKNOWN), self._office, now)
            self._telling.told = state.last_entry()
        if self.session.store.restored:
            self._sending = False
            hint = "the state was restored or copied: nothing is sent until `stageauto resume --all`"
            self._tell("restored", {"hint": hint})
        self._tell("started", {"version": self._version, "state": str(self.session.store.path)})

    def _take_up(self, state: SqliteReader) -> bool:
        """Takes up the active version where it is another one; False where it does not load (the old one stays)."""
        number = state.active_number()
        if number == self._version:
            return False
        try:
            workspace = self.session.workspace(state)
        except StageautoError as error:
            if self._version == 0:
                raise
            self._tell("version_refused", {"version": number, "because": str(error)})
            self._version = number
            return False
        if self._version == 0:
            self._office = PostOffice(workspace, self.session.root, self.session.clock, self._wake)
        else:
            self._office.renew(workspace)
        self._workspace, self._version = workspace, number
        self.intake.known = workspace.events
        garbage.settle()
        return True

    def _draft(self, state: SqliteState) -> Draft:
        return Draft(
            state, self._workspace, draw=self.session.clock.draw, state_id=self.session.store.state_id,
            late_before=self._started,
        )  # fmt: skip

    # -- the loop ----------------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        ends = None if self.options.for_ms is None else monotonic_ms() + self.options.for_ms
        followed: int | None = None
        while not self._stopping.is_set():
            self._wake.clear()
            self.session.store.check_disk()
            self._check_clock()
            self._ask()
            if not self._sending and not self.session.store.restored:
                self._sending = True
                self._looked = None
                self._tell("sending", {"because": "somebody looked at the restored state and said resume"})
            worked = self._batch()
            if self._sending:
                self._mailboxes.keep(self._workspace)
            self._telling.speak()
            if self.options.follow and (worked or followed != self._looked):
                self._telling.follow()
                followed = None if worked else self._looked
            if worked:
                continue
            idle = self._office.in_flight == 0 and not self._mailboxes.busy
            if self.options.until_idle and idle and not self._due_soon():
                return
            left = None if ends is None else ends - monotonic_ms()
            if left is not None and left <= 0:
                return
            self._sleep(left)

    def _ask(self) -> None:
        """Asks providers about what was perhaps sent, where it is time."""
        due = self._asking.due(self.session.clock.now()) if self._sending else []
        if due:
            with self.session.store.read() as state:
                found = [state.delivery(one) for one in due]
            for one in found:
                if one is not None:  # which it is: only what is over is pruned
                    self._office.ask_aside(one)

    def _sleep(self, left: int | None) -> None:
        """Sleeps until something is due, a channel answers, another process writes, or the time is over."""
        moments = [self._next_moment(), self._asking.next_at() if self._sending else None]
        until = min((at for at in moments if at is not None), default=None)
        seen_version = self._looked
        while not self._stopping.is_set():
            self.session.store.check_in_place()  # nobody writes to a file that is gone: nothing else would tell
            spans = [LOOK]
            if until is not None:
                spans.append(max(0, until - self.session.clock.now()))
            if left is not None:
                spans.append(max(0, left))
            span = min(spans)
            if wait(self._wake, span) or span < LOOK or self.session.store.data_version() != seen_version:
                return
            if left is not None:
                left -= span

    def _next_moment(self) -> int | None:
        """When there is something to do, ms UTC; None when nothing is known of.

        The state is read only where it was written to since the last look: one counter in shared memory says whether
        another process did, and a transaction of one's own forgets the look. So what sleeps costs nothing.
        """
        version = self.session.store.data_version()
        if version != self._looked:
            with self.session.store.read() as state:
                self._next = self._find_next(state)
            self._looked = version
        return self._next

    def _find_next(self, state: SqliteReader) -> int | None:
        self._copyist.look(state)
        if state.active_number() != self._version:
            with suppress(StageautoError):  # said when it is taken up
                self.session.workspace(state)  # compiled here, where nobody waits for it
            return 0
        if state.queued_events(1):
            return 0
        moments = [state.next_item_due(), self._crons.next_at()]
        for name, due in state.due_by_channel().items() if self._sending else ():
            if self._office.room(name) > 0:
                moments.append(due)
            elif (pause := self._office.counter(name).wait()) is not None:
                moments.append(max(due, self.session.clock.now() + pause))
        return min((at for at in moments if at is not None), default=None)

    def _due_soon(self) -> bool:
        soon = self.session.clock.now() + LOOK
        until = self._next_moment()
        if (until is not None and until <= soon) or not self._sending:
            return until is not None and until <= soon
        with self.session.store.read() as state:  # what only waits for its channel's rate is due as well
            due = state.due_by_channel()
        return any(at <= soon and not self._office.counter(name).pause_left() for name, at in due.items())

    # -- one transaction ---------------------------------------------------------------------------------------------

    def _batch(self) -> bool:
        """One transaction of whatever there is to do; True when there was something.

        A batch that breaks is done again one by one, and what breaks alone is set aside.
        """
        letters, arrivals = [*self._unwritten, *self._office.letters()], self.intake.take(BATCH)
        self._unwritten = []
        counted = replace(self.counts)
        try:
            worked = self._transaction(letters, arrivals, BATCH)
        except StageautoError as error:
            self._telling.forget()  # it was undone, and has neither happened nor counted
            self.counts.back_to(counted)
            for arrival in arrivals:
                arrival.settled.set_exception(error)
            if self.options.until_idle or not isinstance(error, DiskFullError):
                raise
            self._wait_for_room(letters, error)
            return False
        except Exception as error:  # noqa: BLE001 - one item that breaks must not stop all others
            self._telling.forget()  # it was undone, and has neither happened nor counted
            self.counts.back_to(counted)
            self._tell("batch_broke", {"because": f"{type(error).__name__}: {error}"})
            for letter in letters:
                self._singly(letter)
            self._aside.events(arrivals, BATCH)
            self._crons = Crons(self._workspace, self._swept)  # what matched just now was undone with the rest
            self._aside.due(BATCH)
            self._breaks += 1
            wait(self._stopping, min(LOOK << min(self._breaks, 10), LONGEST_BREAK))
            return True
        self._breaks = 0
        if self._full and worked:
            self._full = False
            self._tell("disk_has_room", {})
        return worked

    def _wait_for_room(self, letters: list[Letter], error: DiskFullError) -> None:
        """What was sent and cannot be written down is kept: forgotten, nobody would know whether it went out."""
        self._unwritten = letters
        if not self._full:
            self._tell("disk_full", {"hint": f"{error.message}; nothing is done or sent until there is room"})
        self._full = True
        wait(self._stopping, NO_ROOM)

    def _transaction(self, letters: list[Letter], arrivals: list[Arrival], budget: int) -> bool:
        marks: list[Mark] = []
        claimed: list[Delivery] = []
        now = self.session.clock.now()
        if not letters and not arrivals and not self._anything_due(now):
            return False
        looked, self._looked = self._looked, None
        rows: list[Journal] = []

        def told(error: StateError | None) -> None:
            self._answer(marks, arrivals, rows, error)

        def waited_for() -> bool:
            return bool(marks or arrivals)

        with self.session.store.transaction(told, busy=self.intake.waiting, urgent=waited_for) as state:
            now = self.session.clock.now()  # nothing that others wrote before this lock was given is later
            # As of the last look nothing is due yet, and nobody else wrote since: what was handed in is all there is.
            alone = self.session.store.data_version() == looked and (self._next is None or self._next > now)
            if not alone and state.active_number() != self._version and self._take_up(state):
                self._crons = Crons(self._workspace, now)
                self._tell("version", {"version": self._version})
            draft = self._draft(state)
            for letter in letters:
                self._open(draft, letter, marks, now)
            draft.foresee([one.row.item for one in arrivals if one.row.item], [one.row.id for one in arrivals])
            rows += [self._take_event(draft, one.row, now) for one in arrivals]
            done = len(letters) + len(rows) + (self._decide(draft, state, now, budget) if budget and not alone else 0)
            draft.flush()
            alone = alone and not letters and not draft.wrote_more
            if self._sending and budget and not alone:
                claimed = record.claim_due(draft, state, self._office, now)
                draft.flush()
            if now - self._seen > SEEN_EVERY:
                state.meta_set(SEEN_AT, str(now))
                state.meta_set(CRONS_AT, str(now))
                self._seen = now
        self._swept = now if budget else self._swept
        if alone:  # then the look holds still, but for what these events set going
            self._looked, self._next = looked, _earlier(self._next, draft.peek_due())
        if claimed:
            self.session.store.synced()  # a claim that a power cut takes back would be sent again
            self._office.send_all(claimed)
        self.counts.decided += done
        return bool(done or claimed)

    def _answer(
        self, marks: list[Mark], arrivals: list[Arrival], rows: list[Journal], error: StateError | None
    ) -> None:
        """Tells who waits for a transaction that it is on the disk, or why it may not be; in whichever thread."""
        for mark in marks:
            mark.refused = mark.refused or error is not None
            mark.done.set()
        for arrival, row in zip(arrivals, rows, strict=True):
            if error is None:
                arrival.settled.set_result(row)
            else:
                arrival.settled.set_exception(error)
        if error is not None:
            self._wake.set()  # the loop ends by it, though nothing more may come

    def _anything_due(self, now: int) -> bool:
        until = self._next_moment()
        return until is not None and until <= now

    def _decide(self, draft: Draft, state: SqliteState, now: int, budget: int) -> int:
        done = 0
        for row in state.queued_events(budget):
            step.carry_out(draft, event_of(row))
            self.counts.events += 1
            done += 1 + self._run_due(draft, now, budget)
        draft.look_ahead(now, budget)
        done += self._run_due(draft, now, budget - done)
        matched = self._crons.due(now)
        for pipeline, triggers in matched:
            step.sweep(draft, pipeline, triggers, now)
            self._seen = 0  # the next write notes how far the clock's triggers have come
        return done + len(matched)

    def _run_due(self, draft: Draft, now: int, budget: int) -> int:
        """Does up to so much of what is due and noted in the draft; gives how much that was."""
        done = 0
        while done < budget and (first := draft.pop_due(now)) is not None:
            item, run = first
            if item.id in self._aside.items:
                continue
            step.tick(draft, item, run, now)
            done += 1
        return done

    def _take_event(self, draft: Draft, row: Journal, now: int) -> Journal:
        """Handles one event and what it sets off at once, so that it matters not which events share a transaction."""
        self.counts.events += 1
        taken = step.take(draft, event_of(row))
        self.counts.decided += self._run_due(draft, now, BATCH)
        return taken

    def _open(self, draft: Draft, letter: Letter, marks: list[Mark], now: int) -> None:
        if isinstance(letter, Said):
            settled = self._asking.heard(draft, letter, now, self.session.clock)
            if settled is not None:
                self.counts.sent += settled.state == DONE
                self._tell("asked", {"id": settled.id, "channel": settled.channel, "state": settled.state})
            return
        delivery = draft.delivery(letter.delivery_id)
        if isinstance(letter, Mark):
            marks.append(letter)
            if delivery is None or delivery.state != RUNNING:
                letter.refused = True
                return
            delivery.marked = True
            draft.put_delivery(delivery)
            return
        if delivery is None or delivery.state != RUNNING:
            return
        record.record(draft, delivery, letter.outcome, now, self.session.clock, self.session.secrets)
        self._asking.note([delivery], self._office, now)
        self.counts.sent += delivery.state == DONE
        self.counts.failed += delivery.state not in (DONE, PENDING)
        self._tell(
            "delivery",
            {"id": delivery.id, "channel": delivery.channel, "to": delivery.to, "state": delivery.state,
             "error": delivery.error},
        )  # fmt: skip

    # -- what breaks -------------------------------------------------------------------------------------------------

    def _singly(self, letter: Letter) -> None:
        try:
            self._transaction([letter], [], 0)
        except StageautoError:
            raise
        except Exception as error:  # noqa: BLE001
            self._tell("broke", {"delivery": letter.delivery_id, "because": f"{type(error).__name__}: {error}"})
            if isinstance(letter, Mark):
                letter.refused = True
                letter.done.set()
                return
            with self.session.store.read() as state:
                delivery = state.delivery(letter.delivery_id)
            if delivery is not None:
                now = self.session.clock.now()
                self._aside.hold(delivery.item, f"{type(error).__name__}: {error}", now)

    # -- after a crash, a downtime, a turned clock -------------------------------------------------------------------

    def _settle_interrupted(
        self, draft: Draft, state: SqliteState, now: int, answers: Mapping[str, Delivered | Unaskable | None]
    ) -> None:
        for delivery in interrupted.settle(draft, state, now, answers):
            self._tell("settled", {"id": delivery.id, "state": delivery.state})

    def _hold_flood(self, draft: Draft, state: SqliteState, now: int) -> None:
        count = overdue.hold_flood(draft, state, now, int(state.meta_get(SEEN_AT) or 0))
        if count:
            hint = "they wait: `stageauto run --catch-up`, or `stageauto resume --all`"
            self._tell("held", {"count": count, "hint": hint})

    def _release_held(self, draft: Draft, state: SqliteState, now: int) -> None:
        count = overdue.release_held(draft, state, now)
        if count:
            self._tell("released", {"count": count})

    def _check_clock(self) -> None:
        """The wall clock going ahead of the machine's own by more than an hour holds outer actions for a look."""
        now = self.session.clock.now()
        gap = now - up_ms()
        if self._clock_gap is not None and gap - self._clock_gap > JUMP:
            with self.session.store.transaction() as state:
                draft = self._draft(state)
                held = overdue.hold_runs(draft, state, now)
                draft.flush()
            hours = round((gap - self._clock_gap) / JUMP, 1)
            hint = "see `stageauto doctor`, then `stageauto resume --all`"
            self._tell("clock_jumped", {"hours": hours, "held": held, "hint": hint})
            self._looked = None
        self._clock_gap = gap

    # -- the end -----------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        """What is being sent may finish within the grace time; the rest stays and is settled at the next start."""
        self._mailboxes.stop()
        self._copyist.close()
        self._keep_arrivals()
        ends = monotonic_ms() + self.options.grace
        if self._unwritten:
            self._write_letters(self._unwritten)
        while self._office.in_flight and (left := ends - monotonic_ms()) > 0:
            self._wake.clear()
            letters = self._office.letters()
            if letters:
                self._sending = False
                self._write_letters(letters)
            else:
                wait(self._wake, min(left, LOOK))
        self._office.close()
        if self._office.in_flight:
            self._leave_unsent()
        counts = {"decided": self.counts.decided, "sent": self.counts.sent}
        self._tell("stopped", {"in_flight": self._office.in_flight, **counts})

    def _leave_unsent(self) -> None:
        """What did not come to its point of no return within the grace time never will: it is pending again."""
        now = self.session.clock.now()
        answers = [one for one in self._office.letters() if isinstance(one, Answer)]
        with self.session.store.transaction() as state:
            draft = self._draft(state)
            for answer in answers:
                self._open(draft, answer, [], now)
            draft.flush()
            interrupted.put_back_unmarked(draft, state, now)
            draft.flush()

    def _keep_arrivals(self) -> None:
        """No new work: events that were handed in and not decided yet wait in the state for the next start."""
        arrivals = self.intake.close()
        if arrivals:
            try:
                with self.session.store.transaction() as state:
                    kept = append(state, [one.row for one in arrivals])
            except StageautoError as error:
                for arrival in arrivals:
                    arrival.settled.set_exception(error)
                raise
            for arrival, row in zip(arrivals, kept, strict=True):
                arrival.settled.set_result(row)

    def _write_letters(self, letters: list[Letter]) -> None:
        marks: list[Mark] = []
        with self.session.store.transaction() as state:
            draft = self._draft(state)
            for letter in letters:
                self._open(draft, letter, marks, self.session.clock.now())
            draft.flush()
        for mark in marks:
            mark.done.set()


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((at for at in (one, other) if at is not None), default=None)


def _crons_from(handled: int, now: int) -> int:
    """From when on the clock's triggers are looked at again. The wall clock going back runs none of them twice."""
    return handled if handled - now < TURNED else now
