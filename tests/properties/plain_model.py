"""What SEMANTICS.md says, in the plainest words that can be run: lists, loops and no cleverness.

It shares no code with the engine and knows only what the random pipelines use. A moment is the number of minutes since
the start. It is the other opinion that the engine is compared with.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LIVING = ("pending", "waiting", "running")


@dataclass(frozen=True)
class Rule:
    """A rule. `base` is entry, or the date field's word: before, after, at. Spans in minutes."""

    id: str
    do: str = "comment"  # comment, move, wait, flag, unflag
    base: str = "entry"
    by: int = 0
    after: tuple[str, ...] = ()
    needs_flag: bool = False
    keep: bool = False
    once: bool = False
    skip_past: bool = False
    skip_missing: bool = False
    skip_late: bool = False
    to: str = ""
    times: int = 1
    every: int = 0


@dataclass(frozen=True)
class Trigger:
    """Moves into its stage by an event; `size` None = any."""

    id: str
    event: str
    allow_back: bool = False
    size: int | None = None
    needs_flag: bool = False


@dataclass(frozen=True)
class Stage:
    """A stage; `closed` is won or lost."""

    id: str
    closed: bool = False
    rules: tuple[Rule, ...] = ()
    triggers: tuple[Trigger, ...] = ()


@dataclass
class Run:
    """One run of a rule in one visit."""

    rule: Rule
    visit: int
    seq: int
    state: str = "waiting"
    why: str = ""  # field or rules, while it waits
    due: int | None = None
    began: int | None = None
    anchor: int | None = None
    count: int = 0
    late: bool = False


@dataclass
class Item:
    """An item, where it stands, and what it has pending or ended."""

    stage: str
    visit: int = 1
    flag: bool = False
    date: int | None = None
    held: bool = False
    deleted: bool = False
    used: set[str] = field(default_factory=set)
    runs: list[Run] = field(default_factory=list)
    ended: list[tuple[str, int, str]] = field(default_factory=list)  # rule, visit, outcome
    path: list[str] = field(default_factory=list)


class Model:
    """Items of one pipeline on a clock."""

    def __init__(self, stages: tuple[Stage, ...]) -> None:
        self.stages = stages
        self.now = 0
        self.seq = 0
        self.items: dict[str, Item] = {}

    def stage(self, name: str) -> Stage:
        return next(one for one in self.stages if one.id == name)

    # -- what people and the world do

    def add(self, name: str, stage: str, flag: bool, date: int | None) -> None:
        item = self.items[name] = Item(stage, flag=flag, date=date)
        self.seq += 1
        self._begin_visit(item, stage)
        self.settle()

    def move(self, name: str, stage: str, restart: bool) -> None:
        item = self.items[name]
        if item.stage != stage or restart:
            self._enter(item, stage)
        self.settle()

    def set_flag(self, name: str, flag: bool) -> None:
        self.items[name].flag = flag
        self.settle()

    def set_date(self, name: str, date: int | None) -> None:
        item = self.items[name]
        if item.date != date:
            item.date = date
            for run in list(item.runs):
                hangs_on_it = run.rule.base in ("before", "after", "at")
                if run.state in ("pending", "waiting") and run.why != "rules" and hangs_on_it and not run.count:
                    self._plan(item, run, run.began or 0)
        self.settle()

    def hold(self, name: str) -> None:
        self.items[name].held = True

    def resume(self, name: str) -> None:
        item = self.items[name]
        if item.held:
            item.held = False
            for run in item.runs:
                if run.state in LIVING and run.due is not None and run.due < self.now:
                    run.late = True
        self.settle()

    def delete(self, name: str) -> None:
        item = self.items[name]
        item.deleted = True
        for run in item.runs:
            if run.state in LIVING:
                self._close(item, run, "cancelled")

    def event(self, name: str, event: str, size: int | None) -> None:
        item = self.items[name]
        if event == "email.received":
            for run in list(item.runs):
                if run.state == "running":
                    self._end(item, run, "done")
        here = next(index for index, one in enumerate(self.stages) if one.id == item.stage)
        closed = self.stages[here].closed
        for back, stages in ((False, self.stages[here + 1 :]), (True, self.stages[:here][::-1])):
            for stage in stages:
                for trigger in stage.triggers:
                    if (back or closed) and not trigger.allow_back:
                        continue
                    if trigger.event != event or (trigger.size is not None and trigger.size != size):
                        continue
                    if trigger.needs_flag and not item.flag:
                        continue
                    self._enter(item, stage.id)
                    self.settle()
                    return
        self.settle()

    def advance(self, minutes: int) -> None:
        until = self.now + minutes
        while (moment := self._next()) is not None and moment <= until:
            self.now = max(self.now, moment)
            self.settle()
        self.now = until

    # -- what follows from it

    def _next(self) -> int | None:
        dues = [run.due for item, run in self._living() if run.due is not None]
        return min(dues, default=None)

    def _living(self) -> list[tuple[Item, Run]]:
        items = [one for one in self.items.values() if not one.held and not one.deleted]
        return [(item, run) for item in items for run in item.runs if run.state in LIVING]

    def settle(self) -> None:
        while True:
            due = [(run.due, run.seq, item, run) for item, run in self._living() if run.due is not None]
            due = [one for one in due if one[0] <= self.now]
            if not due:
                return
            _, _, item, run = min(due, key=lambda one: one[:2])
            self._do(item, run)

    def _enter(self, item: Item, stage: str) -> None:
        for run in item.runs:
            if run.state in LIVING and not run.rule.keep:
                self._close(item, run, "cancelled")
        for run in list(item.runs):
            if run.state == "waiting" and run.why == "rules":
                self._look_at_chain(item, run)
        item.visit += 1
        self._begin_visit(item, stage)

    def _begin_visit(self, item: Item, stage: str) -> None:
        item.stage = stage
        item.path.append(stage)
        made = []
        for rule in self.stage(stage).rules:
            self.seq += 1
            made.append(Run(rule, item.visit, self.seq))
        item.runs += made
        for run in made:
            if run.rule.after:
                self._look_at_chain(item, run)
            else:
                self._plan(item, run, self.now)

    def _look_at_chain(self, item: Item, run: Run) -> None:
        before = [one for one in item.runs if one.visit == run.visit and one.rule.id in run.rule.after]
        if any(one.state == "cancelled" for one in before):
            self._end(item, run, "cancelled")
        elif any(one.state in LIVING for one in before):
            run.state, run.why = "waiting", "rules"
        else:
            if run.why == "rules":
                self.seq += 1
                run.seq = self.seq
            self._plan(item, run, self.now)

    def _plan(self, item: Item, run: Run, began: int) -> None:
        rule = run.rule
        run.began = began
        run.why = ""
        if rule.base == "entry":
            at = began + rule.by
        elif item.date is None:
            if rule.skip_missing:
                self._end(item, run, "skipped")
            else:
                run.state, run.why, run.due = "waiting", "field", None
            return
        else:
            at = item.date + (-rule.by if rule.base == "before" else rule.by)
        if at < self.now:
            if rule.skip_past:
                self._end(item, run, "skipped")
                return
            at = self.now
            if rule.base == "before" and item.date is not None and at >= item.date:
                self._end(item, run, "skipped")
                return
        run.state, run.due = "pending", at
        run.anchor = at

    def _do(self, item: Item, run: Run) -> None:
        rule = run.rule
        late, run.late = run.late, False
        if run.state == "running":
            self._end(item, run, "done")
        elif (late and rule.skip_late) or (rule.once and rule.id in item.used) or (rule.needs_flag and not item.flag):
            self._over(item, run, "skipped")
        elif rule.do == "wait":
            run.state, run.due = "running", self.now + 90
        elif rule.do in ("flag", "unflag"):
            item.flag = rule.do == "flag"
            self._over(item, run, "done")
        else:
            self._over(item, run, "done")
            if rule.do == "move" and item.stage != rule.to:
                self._enter(item, rule.to)

    def _over(self, item: Item, run: Run, outcome: str) -> None:
        """One occurrence is over; a repetition goes on from its anchor, past what cannot be made up for."""
        run.count += 1
        rule = run.rule
        if rule.every and run.count < rule.times:
            assert run.anchor is not None
            steps = run.count
            while run.anchor + steps * rule.every <= self.now:
                steps += 1
            run.state, run.due = "pending", run.anchor + steps * rule.every
            return
        self._end(item, run, outcome)

    def _end(self, item: Item, run: Run, outcome: str) -> None:
        if outcome == "done" and run.rule.once:
            item.used.add(run.rule.id)
        self._close(item, run, outcome)
        for other in list(item.runs):
            waits = other.state == "waiting" and other.why == "rules" and other.visit == run.visit
            if waits and run.rule.id in other.rule.after:
                self._look_at_chain(item, other)

    def _close(self, item: Item, run: Run, outcome: str) -> None:
        run.state, run.due, run.why = outcome, None, ""
        item.ended.append((run.rule.id, run.visit, outcome))
