"""Made-up items by the thousand on a virtual clock: what goes out a day, where items pile up, how many get there."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stageauto.channels.base import Outcome, Retry
from stageauto.engine import commands
from stageauto.engine.commands import By, NewItem
from stageauto.engine.draft import Draft
from stageauto.engine.model import Event
from stageauto.engine.schedule import to_local
from stageauto.engine.state import Delivery, Entry
from stageauto.errors import StageautoError
from stageauto.runner.clock import Chance
from stageauto.runner.simulate import EndlessError, Simulation

if TYPE_CHECKING:
    from stageauto.engine.model import Workspace
    from stageauto.loader.profile import Profile

Progress = Callable[[int, int], None]
Counts = defaultdict[str, Counter[str]]
FLUSH = 2_000
DAY = 86_400_000
TRIES = 1_000
"""So often a moment in open time is looked for."""


@dataclass(slots=True)
class Crowd:
    """How many items were in a stage: `most` at one moment (`most_at`, ms UTC), `mean` over the whole time."""

    entered: int = 0
    here: int = 0
    most: int = 0
    most_at: int = 0
    item_ms: int = 0
    since: int = 0
    days: dict[str, int] = field(default_factory=dict)  # local day -> how many were there at its end

    def change(self, at: int, by: int) -> None:
        """Notes that so many came (or, below 0, left)."""
        self.item_ms += self.here * (at - self.since)
        self.here, self.since = self.here + by, at
        if self.here > self.most:
            self.most, self.most_at = self.here, at


@dataclass(slots=True)
class LoadTest:
    """What came of it, over [start, end) (ms UTC). Days are local, as ISO text."""

    profile: Profile
    seed: str
    start: int
    end: int
    items: int = 0
    events: int = 0
    moves: int = 0  # by hand
    refused: int = 0  # moves and tasks that could not be done any more
    crowds: dict[str, Crowd] = field(default_factory=dict)  # stage -> how full it was
    sent: defaultdict[str, Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )  # kind -> day -> messages
    rules: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # rule -> outcomes
    tasks: int = 0
    tasks_done: int = 0
    most_tasks: int = 0  # open at one moment
    held: int = 0  # items put on hold by the loop guard

    def mean(self, stage: str) -> float:
        """How many items were in the stage on average."""
        return self.crowds[stage].item_ms / max(self.end - self.start, 1)


class _Draft(Draft):
    """Hands the lines of history to whoever counts, and keeps none of them."""

    hear: Callable[[Entry], None] = staticmethod(lambda _entry: None)

    def record(self, at: int, kind: str, item: str, author: str, data: dict[str, Any] | None = None) -> Entry:
        """A line of history, which is not kept."""
        entry = Entry(at, kind, item, author, data or {})
        self.hear(entry)
        return entry


class _Crowded(Simulation):
    """A simulation with providers that fail now and then."""

    draft: _Draft

    def __init__(self, workspace: Workspace, start: int, fail: Mapping[str, float], chance: Chance) -> None:
        super().__init__(workspace, start)
        self._fail = fail
        self._chance = chance

    def _draft(self) -> _Draft:
        return _Draft(self.state, self.workspace, draw=self.clock.draw, state_id="simulation")

    def _answer(self, delivery: Delivery) -> Outcome:
        share = self._fail.get(delivery.channel, self._fail.get(delivery.kind, 0.0))
        if share and self._chance.happens(share):
            return Retry("the provider failed")
        return super()._answer(delivery)


def load_test(  # noqa: PLR0913 - what it depends on, each by its name
    workspace: Workspace,
    profile: Profile,
    *,
    items: int,
    start: int,
    end: int,
    seed: str,
    progress: Progress = lambda _done, _all: None,
) -> LoadTest:
    """What so many items make of the pipeline from `start` to `end` (ms UTC); the same again with the same seed."""
    found = LoadTest(profile, seed, start, end)
    found.crowds = {stage.id: Crowd(since=start) for stage in workspace.pipelines[profile.pipeline].stages}
    chance = Chance(seed)
    with _Crowded(workspace, start, profile.fail, chance) as simulation:
        _Player(simulation, profile, found, chance).play(items, progress)
    for crowd in found.crowds.values():
        crowd.change(end, 0)
    return found


_Deed = Callable[[int], None]


class _Player:
    """Lets items come in and their customers and staff do what the profile says."""

    def __init__(self, simulation: _Crowded, profile: Profile, found: LoadTest, chance: Chance) -> None:
        self.simulation = simulation
        self.profile = profile
        self.found = found
        self.chance = chance
        self.agenda: list[tuple[int, int, _Deed]] = []
        self.news: list[Entry] = []
        self.where: dict[str, str] = {}
        self.made = 0
        self.day_ends = 0
        simulation.draft.hear = self._hear

    def play(self, items: int, progress: Progress) -> None:
        """All of it, to the end."""
        start, end = self.found.start, self.found.end
        for _ in range(items):
            self._plan(self._arrival(start, end), self._arrive)
        self._plan(start, self._day)
        steps = 0
        while self.agenda:
            at = self.agenda[0][0]
            due = self.simulation.next_moment()
            if min(at, due if due is not None else at) >= end:
                break
            if due is not None and due <= at:
                self.simulation.advance(due)
            else:
                _, _, deed = heapq.heappop(self.agenda)
                self.simulation.advance(at)
                deed(at)
            self._react()
            steps += 1
            if steps % FLUSH == 0:
                self.simulation.flush()
                progress((self.simulation.now - start) // DAY, (end - start) // DAY)

    def _arrival(self, start: int, end: int) -> int:
        """A moment by chance; with `hours` one in open time, where there is any."""
        calendar = self.simulation.workspace.calendars.get(self.profile.hours or "")
        at = self.chance.between(start, end - 1)
        for _ in range(TRIES if calendar else 0):
            if calendar is None or calendar.is_open(at):
                break
            at = self.chance.between(start, end - 1)
        return at

    def _plan(self, at: int, deed: _Deed) -> None:
        self.made += 1
        heapq.heappush(self.agenda, (at, self.made, deed))

    def _by(self) -> By:
        self.made += 1
        return By(f"load-{self.made}", self.simulation.now, "load")

    # -- what happens

    def _arrive(self, _at: int) -> None:
        self.found.items += 1
        number = self.found.items
        values: dict[str, Any] = {"title": f"Item {number}"}
        if self.profile.samples:
            values |= self.chance.one_of(self.profile.samples)
        values |= self._chosen(self.profile.values)
        contact = {
            "first_name": "Customer", "last_name": str(number), "phone": f"+48{500_000_000 + number}",
            "emails": [{"value": f"customer-{number}@load.invalid", "type": "work"}],
        }  # fmt: skip
        new = NewItem(self.profile.pipeline, self.profile.stage, values, contact)
        by = self._by()
        self.simulation.do(lambda draft: commands.add(draft, by, new))

    def _chosen(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self.chance.one_of(one) if isinstance(one, list) else one for name, one in values.items()}

    def _day(self, at: int) -> None:
        """Notes how full every stage is, once a day."""
        day = self._local_day(at)
        for crowd in self.found.crowds.values():
            crowd.days[day] = crowd.here
        self._plan(at + DAY, self._day)

    def _local_day(self, at: int) -> str:
        return to_local(at, self.simulation.workspace.zone).date().isoformat()

    def _behave(self, item: str, stage: str, visit: int, at: int) -> None:
        for one in self.profile.happens:
            if stage in one.stages and self.chance.happens(one.chance):
                due = at + self.chance.between(*one.between)
                data = self._chosen(one.data)
                self._plan(due, lambda _, one=one, data=data: self._happen(item, visit, one.emit, one.move, data))  # type: ignore[misc]

    def _happen(self, item: str, visit: int, emit: str, move: str, data: Mapping[str, Any]) -> None:
        known = self.simulation.draft.item(item)
        if known is None or known.deleted or known.visit != visit:
            return
        by = self._by()
        if emit:
            self.found.events += 1
            self.simulation.take(Event(by.id, emit, by.at, "load", item=item, data=data))
            return
        self.found.moves += 1
        self._try(lambda draft: commands.move(draft, by, item, move))

    def _do_task(self, task: str) -> None:
        by = self._by()
        self._try(lambda draft: commands.task_done(draft, by, task))

    def _try(self, deed: Callable[[Draft], object]) -> None:
        try:
            self.simulation.do(deed)
        except EndlessError:
            raise
        except StageautoError:
            self.found.refused += 1  # a rule completed the task, or deleted the item, before

    # -- what it sets off

    def _hear(self, entry: Entry) -> None:
        self.news.append(entry)

    def _react(self) -> None:
        news, self.news = self.news, []
        for entry in news:
            self._note(entry)

    def _note(self, entry: Entry) -> None:
        data, found = entry.data, self.found
        if entry.kind == "entered":
            self._entered(entry)
        elif entry.kind == "deleted":
            self._left(entry)
        elif entry.kind == "held":
            found.held += 1
        elif entry.kind in {"outcome", "repeated"}:
            found.rules[data["rule"]][data["outcome"]] += 1
        elif entry.kind == "sent":
            found.sent[self._kind(data)][self._local_day(entry.at)] += 1
        elif entry.kind == "task":
            found.tasks += 1
            found.most_tasks = max(found.most_tasks, found.tasks - found.tasks_done)
            if self.profile.tasks and self.chance.happens(self.profile.tasks[0]):
                task = data["task"]
                self._plan(entry.at + self.chance.between(*self.profile.tasks[1]), lambda _: self._do_task(task))
        elif entry.kind == "task_done":
            found.tasks_done += 1

    def _kind(self, data: Mapping[str, Any]) -> str:
        delivery = self.simulation.draft.delivery(str(data["delivery"]))
        return delivery.kind if delivery else str(data["channel"])

    def _entered(self, entry: Entry) -> None:
        self._left(entry)
        item = self.simulation.draft.item(entry.item)
        for _, rule, _ in entry.data.get("cancelled", ()):
            self.found.rules[rule]["cancelled"] += 1
        if item is None or item.pipeline != self.profile.pipeline:
            return
        stage = entry.data["to"]
        self.where[entry.item] = stage
        crowd = self.found.crowds[stage]
        crowd.entered += 1
        crowd.change(entry.at, 1)
        self._behave(entry.item, stage, int(entry.data["visit"]), entry.at)

    def _left(self, entry: Entry) -> None:
        stage = self.where.pop(entry.item, None)
        if stage is not None:
            self.found.crowds[stage].change(entry.at, -1)


def per_day(counts: Mapping[str, int], days: Sequence[str]) -> list[int]:
    """The counts of these days in order, 0 where there is none."""
    return [counts.get(day, 0) for day in days]
