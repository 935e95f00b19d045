"""A copy of a state taken back to a moment: items as their history says they were then.

What changed since is undone line by line; runs that were alive then are planned as they were, and get the moments that
were written down. What no history tells (customers' data, results of deliveries) stays as it is now, and is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stageauto.engine import visits
from stageauto.engine.changing import put
from stageauto.engine.draft import Draft
from stageauto.engine.local import day_of
from stageauto.engine.ports import Changes
from stageauto.engine.state import (
    CANCELLED,
    DONE,
    FAILED,
    PENDING,
    RUNNING,
    UNDELIVERABLE,
    UNKNOWN,
    WAITING,
    Delivery,
    Entry,
    Item,
    Run,
    Task,
    run_of,
)
from stageauto.runner.consent import CONSENT, forget_consent, listed_then
from stageauto.runner.recorded import BY_NO_TRY
from stageauto.runner.strangers import forget_strangers, strangers

if TYPE_CHECKING:
    from stageauto.engine.model import Rule, Workspace
    from stageauto.store.sqlite_state import SqliteState

LATER = CONSENT | {"booking_cancelled"}
FAR = 1 << 20
"""Between two lines of history there is room for so many runs."""


@dataclass(slots=True)
class Past:
    """A state as it was `at` (ms UTC): `seq` is the first line of history that is not there yet.

    `items`: how many there were; `touched`: how many of them changed since; `strangers`: contacts that came later;
    `unknown`: what could not be told, counted.
    """

    seq: int
    at: int
    items: int = 0
    touched: int = 0
    strangers: list[str] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)


def take_back(state: SqliteState, workspace: Workspace, at: int) -> Past:
    """Takes the state, a copy in memory, back to the moment (ms UTC)."""
    past = Past(state.first_line_at(at), at)
    new: list[str] = []
    old: dict[str, Item] = {}
    tries: dict[str, Tries] = {}
    for item_id in state.items_touched_since(past.seq):
        item = state.item(item_id)
        lines = state.timeline(item_id)
        if item is None:
            continue
        if any(line.kind == "created" and line.seq >= past.seq for line in lines):
            new.append(item_id)
        else:
            old[item_id] = _as_it_was(state, workspace, item, lines, past)
            tries |= _tries(line for line in lines if line.seq < past.seq)
    later = [line for line in state.timeline(after_seq=past.seq - 1) if line.kind in LATER]
    forget_consent(state, later)
    listed = listed_then(state, later, at)
    forget_strangers(state, at)
    _book_again(state, later, at)
    under_way = [found for one in state.deliveries(limit=-1) if (found := _under_way(one, at, old, tries)) is not None]
    state.write(Changes(items=list(old.values())))
    _open_again(state, at, set(new))
    past.strangers = strangers(state, new, at)
    state.rewind(past.seq, at, without=new, contacts=past.strangers)
    state.write(Changes(deliveries=under_way, exemptions=listed))
    past.items, past.touched = sum(state.counts_by_stage().values()), len(old)
    past.unknown += Counter({"customers whose data is that of now": len(state.contacts())})
    return past


# -- one item --------------------------------------------------------------------------------------------------------


def _as_it_was(state: SqliteState, workspace: Workspace, item: Item, lines: Sequence[Entry], past: Past) -> Item:
    before = [line for line in lines if line.seq < past.seq]
    for line in reversed(lines):
        if line.seq < past.seq:
            break
        _undo(item, line)
    if not any(line.kind == "created" for line in before):
        past.unknown["items whose history was pruned"] += 1
    pipeline = workspace.pipelines.get(item.pipeline)
    stage = pipeline.stage_by_id.get(item.stage) if pipeline else None
    item.closed = stage is not None and stage.closed
    arrived = next((line for line in reversed(before) if line.kind in {"entered", "created"}), None)
    if arrived is not None:
        item.stage_entered_at = int(arrived.data.get("since", arrived.at))
        item.entry_event = _entry_event(state, arrived)
    _Rebuilt(state, workspace, item, past).follow(before, past.at)
    return item


def _undo(item: Item, line: Entry) -> None:
    data = line.data
    if line.kind == "changed":
        for change in reversed(data["changes"]):
            put(item, change["field"], change["was"])
    elif line.kind == "entered":
        item.visit = int(data["visit"]) - 1
        item.stage = data["from"] or item.stage
        item.pipeline = data.get("from_pipeline", item.pipeline)
    elif line.kind == "deleted":
        item.deleted = False
    elif line.kind in {"held", "resumed"}:
        item.on_hold = line.kind == "resumed"
        item.hold_reason = "on hold then" if item.on_hold else ""
    elif line.kind == "linked" and data["item"] in item.links:
        item.links.remove(data["item"])


def _entry_event(state: SqliteState, arrived: Entry) -> dict[str, Any] | None:
    row = state.event(str(arrived.data.get("event", "")))
    if row is None:
        return None
    return {"id": row.id, "type": row.type, "at": row.at, "source": row.source, "data": dict(row.data)}


class _Rebuilt:
    """The runs of an item as they were, from the lines of its history up to then."""

    def __init__(self, state: SqliteState, workspace: Workspace, item: Item, past: Past) -> None:
        self.state = state
        self.item = item
        self.past = past
        # What planning a run changes here is given up: only the item is kept.
        self.scratch = Draft(state, workspace, draw=lambda _letters, _length: "", state_id="past")
        self.early: dict[str, Entry] = {}

    def follow(self, lines: Sequence[Entry], until: int) -> None:
        """Gives the item the runs that it had at that moment (ms UTC)."""
        item = self.item
        where = item.pipeline, item.stage, item.visit, item.stage_entered_at
        item.runs, item.used, item.deadlines, item.moves_today = {}, [], {}, 0
        self.scratch.put_item(item)
        decided = [one for one in self.state.deliveries(item=item.id) if not one.forward and one.decided_at < until]
        sent = sorted((one.decided_at, one.run) for one in decided)
        for line in lines:
            while sent and sent[0][0] < line.at:
                self._decided(*sent.pop(0))
            self._line(line)
            if line.kind in {"outcome", "repeated"}:  # with it, what was decided up to then is over
                sent = [one for one in sent if one[0] > line.at or one[1] != line.data["run"]]
        for at, run_id in sent:
            self._decided(at, run_id)
        for one in decided:
            run = item.runs.get(one.run)
            if run is not None:
                run.deliveries = max(run.deliveries, int(one.id.rpartition(":")[2]))
        item.pipeline, item.stage, item.visit, item.stage_entered_at = where
        alive = {run.visit for run in item.runs.values() if run.living} | {item.visit}
        item.runs = {name: run for name, run in item.runs.items() if run.visit in alive}

    def _decided(self, at: int, run_id: str) -> None:
        """A message of the run was put into the outbox, which no line of history says."""
        run = self.item.runs.get(run_id)
        if run is not None and run.living and run.scheduled_at <= at:
            run.state, run.due, run.waiting_for, run.decided_at = RUNNING, None, "", at

    def _line(self, line: Entry) -> None:
        data = line.data
        run = self.item.runs.get(data.get("run", ""))
        if line.kind == "entered":
            self._entered(line)
        elif line.kind == "rules_started":
            self._started(line, data.get("scheduled") or [[data["rule"], None]])
        elif line.kind == "outcome":
            self._ended(line, run)
        elif run is None:
            return
        elif line.kind == "rescheduled":
            run.due, run.state, run.waiting_for = data["due"], PENDING if data["due"] is not None else WAITING, ""
            had_come = data["was"] is not None and data["was"] <= line.at
            run.postponed = had_come and data["reason"] in {"hours", "quiet_hours"}
        elif line.kind == "repeated":
            run.count += 1
            run.decided_at = None
            self._plan_again(run, line.at)
        elif line.kind == "waiting":
            rule = self.scratch.rule_of(run)
            run.state, run.due, run.scheduled_at = RUNNING, data["due"], line.at
            run.until = tuple(getattr(rule.action, "until", ())) if rule else ()
        elif line.kind == "retry":
            run.state, run.due, run.scheduled_at = PENDING, data["due"], line.at
        elif line.kind == "retried":
            run.state, run.due, run.finished_at = PENDING, line.at, None
            self._wait_again(run)

    def _wait_again(self, run: Run) -> None:
        """What was chained to a run that is tried again waits for it again."""
        for other in self.item.runs.values():
            rule = self.scratch.rule_of(other)
            chained = rule is not None and run.rule in rule.after and other.visit == run.visit
            if chained and other.code == "chain_stopped":
                other.state, other.waiting_for, other.code, other.because = WAITING, f"rules:{run.rule}", "", ""
                other.finished_at = None
                self._wait_again(other)

    def _entered(self, line: Entry) -> None:
        item, data = self.item, line.data
        for run_id, _, _ in data.get("cancelled", ()):
            if run_id in item.runs:
                item.runs[run_id].state, item.runs[run_id].due = CANCELLED, None
        alive = {run.visit for run in item.runs.values() if run.living}
        item.runs = {name: run for name, run in item.runs.items() if run.visit in alive}
        item.visit, item.stage, item.stage_entered_at = int(data["visit"]), data["to"], line.at
        item.pipeline = data.get("pipeline", item.pipeline)
        day = day_of(line.at, self.scratch.workspace.zone)
        if "trigger" in data or "rule" in data:
            item.moves_today = item.moves_today + 1 if item.moves_on == day else 1
            item.moves_on = day
        self._started(line, data.get("scheduled", ()))

    def _started(self, line: Entry, scheduled: Sequence[Sequence[Any]]) -> None:
        names = {name for name, _ in scheduled}
        made = [self._new_run(line, number, str(name)) for number, (name, _) in enumerate(scheduled, 1)]
        for run, (_, due) in zip(made, scheduled, strict=True):
            rule = self.scratch.rule_of(run)
            if rule is None:
                run.state, run.due, run.base = (PENDING if due is not None else WAITING), due, line.at
            elif names.isdisjoint(rule.after):
                visits.plan_run(self.scratch, self.item, run, rule, line.at, line.at)
                self._put_due(run, due)
            else:
                visits.check_chain(self.scratch, self.item, run, rule, line.at)
        for run in made:
            ended = self.early.pop(run.id, None)
            if ended is not None:
                self._ended(ended, run)

    @staticmethod
    def _put_due(run: Run, due: int | None) -> None:
        """The moment that was written down counts, whatever the files say now."""
        if due is not None:
            run.state, run.due, run.waiting_for, run.finished_at = PENDING, due, "", None
            run.code, run.because = "", ""

    def _new_run(self, line: Entry, number: int, rule_id: str) -> Run:
        item = self.item
        run = run_of(
            visits.new_run_id(item, rule_id), rule_id, item.pipeline, item.stage, item.visit,
            seq=line.seq * FAR + number, scheduled_at=line.at, state=WAITING,
            cause=str(line.data.get("trigger") or line.data.get("rule") or line.data.get("event") or line.author),
        )  # fmt: skip
        rule = self.scratch.rule_of(run)
        run.keep = rule is not None and rule.keep
        item.runs[run.id] = run
        return run

    def _plan_again(self, run: Run, at: int) -> None:
        rule = self.scratch.rule_of(run)
        if rule is not None:
            run.state, run.waiting_for = PENDING, ""
            visits.plan_occurrence(self.scratch, self.item, run, rule, at)

    def _ended(self, line: Entry, run: Run | None) -> None:
        data = line.data
        if run is None:
            self.early[data["run"]] = line
            return
        rule = self.scratch.rule_of(run)
        run.state, run.code, run.because = data["outcome"], data.get("code", ""), data.get("because", "")
        run.due, run.finished_at, run.waiting_for, run.until = None, line.at, "", ()
        if rule is not None and rule.repeat is not None and run.anchor is not None:
            run.count += 1
        self._remember(run, rule)
        visits.follow(self.scratch, self.item, run, line.at)

    def _remember(self, run: Run, rule: Rule | None) -> None:
        if rule is None:
            return
        if rule.once_item and run.state in {DONE, UNKNOWN}:
            self.item.use_up(run.rule)
        if rule.do == "wait":
            run.result = {"ended_by": run.code}
        elif rule.action.outer and run.state == DONE:
            self.past.unknown["answers of providers that later rules may read"] += 1


# -- what was under way ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Tries:
    """The tries of a delivery before then: how many failed, when the next one was to be, whether one got through."""

    failed: int = 0
    due: int = 0
    sent: bool = False


def _tries(lines: Iterable[Entry]) -> dict[str, Tries]:
    found: dict[str, Tries] = {}
    for line in lines:
        if line.kind in {"retry", "sent"}:
            tries = found.setdefault(str(line.data["delivery"]), Tries())
            tries.sent = line.kind == "sent"
            tries.failed += line.kind == "retry" and line.data["error"] not in BY_NO_TRY
            tries.due = int(line.data.get("due", 0))
        elif line.kind == "retried":
            for name, tries in found.items():
                if name.rpartition(":")[0] == line.data["run"]:
                    tries.failed, tries.due = 0, line.at
    return found


def _under_way(one: Delivery, at: int, old: Mapping[str, Item], tries: Mapping[str, Tries]) -> Delivery | None:
    """The delivery as it waited then; None where it was over, or not decided yet."""
    if one.decided_at >= at or one.forward:
        return None
    if one.item not in old:  # nothing happened to it since
        return one if one.state in {PENDING, RUNNING, UNKNOWN, FAILED} else None
    item, before = old[one.item], tries.get(one.id, Tries())
    run = item.runs.get(one.run)
    if run is None or before.sent or item.deleted:
        return None
    if not run.living or run.decided_at != one.decided_at:  # it was over; what failed may be tried again by hand
        failed = run.state in {FAILED, UNDELIVERABLE} or (run.living and one.state in {DONE, FAILED})
        return replace(one, state=FAILED, sent_at=None, answer={}) if failed else None
    due = before.due or one.decided_at
    run.open_deliveries += 1
    run.state, run.due = (PENDING, due) if before.due else (RUNNING, None)
    return replace(
        one, state=PENDING, attempts=before.failed, slowed=0, due=due, error="", code="", sent_at=None, answer={},
        marked=False, held=item.on_hold and due <= at,
    )  # fmt: skip


# -- what belongs to items and customers -----------------------------------------------------------------------------


def _open_again(state: SqliteState, at: int, new: set[str]) -> None:
    """Tasks and activities that were open then are open, and tasks' deadlines that were to come are to come."""
    tasks: list[Task] = []
    items: dict[str, Item] = {}
    for task in state.tasks():
        if task.created_at >= at or task.item in new or (task.completed_at is not None and task.completed_at < at):
            continue
        tasks.append(replace(task, status="open", completed_at=None, completed_by=""))
        item = items.get(task.item) or state.item(task.item)
        if item is not None and not item.deleted and task.deadline is not None and task.deadline >= at:
            item.deadlines[task.id] = task.deadline
            items[task.item] = item
    activities = [
        replace(one, status="open", completed_at=None)
        for one in state.activities()
        if one.created_at < at and one.completed_at is not None and one.completed_at >= at
    ]
    state.write(Changes(items=list(items.values()), tasks=tasks, activities=activities))


def _book_again(state: SqliteState, lines: Sequence[Entry], at: int) -> None:
    """Bookings that were given back later were not yet."""
    given_back = [state.booking(str(line.data["booking"])) for line in lines if line.kind == "booking_cancelled"]
    was = [replace(one, status="active") for one in given_back if one is not None and one.created_at < at]
    state.write(Changes(bookings=was))
