"""The figures of the pipelines: how far items come and how fast, how rules end, when what happens, what was sent.

Items count from the moment they were created, visits and runs from the moment they ended. Deleted items are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from stageauto.engine.permissions import ITEMS_READ
from stageauto.runner.figures import Span, beat_of, buckets, span_of
from stageauto.runner.look import ago, looking

if TYPE_CHECKING:
    from stageauto.runner.facts import Facts, PipelineFacts, StageFacts
    from stageauto.runner.look import Look
    from stageauto.runner.session import Session
    from stageauto.store.records import Ended, Moved, Placed

BEATS = ("entered", "event", "sent")
"""The lines of history that the busiest hours are made of: moves, events from outside, messages."""
OPEN, WON, LOST = "open", "won", "lost"


@dataclass(slots=True)
class StageFigures:
    """A stage. `reached`: items that were in it or in a later one; `entered`: those of which it is written down."""

    id: str
    name: str
    kind: str
    entered: int = 0
    reached: int = 0
    here: int = 0
    lost: int = 0  # left from here for a lost stage
    value: float = 0.0  # the sum of the money field over the items that are here
    spans: list[int] = field(default_factory=list)  # of the visits that ended, ms

    @property
    def time(self) -> Span:
        """How long the visits took."""
        return span_of(self.spans)


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """How the runs of a rule ended."""

    stage: str
    rule: str
    name: str
    do: str
    outcomes: Mapping[str, int]


@dataclass(slots=True)
class Person:
    """What the items of a responsible became."""

    name: str
    open: int = 0
    won: int = 0
    lost: int = 0


@dataclass(slots=True)
class PipelineFigures:
    """A pipeline: its stages but the lost ones in order, then those."""

    id: str
    name: str
    entity: str
    stages: list[StageFigures]
    lost_stages: list[StageFigures]
    created: int = 0
    deleted: int = 0
    money: str = ""  # the field that `value` sums
    people: dict[str, Person] = field(default_factory=dict)
    rules: list[RuleFigures] = field(default_factory=list)
    to_won: list[int] = field(default_factory=list)  # ms from creation, of those that were won
    flow: dict[str, list[int]] = field(default_factory=lambda: {"created": [], WON: [], LOST: []})  # moments

    def here(self, kind: str) -> int:
        """How many items stand in stages of that kind."""
        return sum(one.here for one in (*self.stages, *self.lost_stages) if one.kind == kind)

    def value(self, kind: str) -> float:
        """What the items in stages of that kind are worth."""
        return sum(one.value for one in (*self.stages, *self.lost_stages) if one.kind == kind)

    @property
    def lost_from_nowhere(self) -> int:
        """Items that are lost, and where they were before is not known: most were imported."""
        return self.here(LOST) - sum(one.lost for one in self.stages)


@dataclass(frozen=True, slots=True)
class ChannelFigures:
    """What a channel sent, and what was not sent, by state of the delivery."""

    name: str
    sent: int
    kept_back: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Figures:
    """All of it. `since` 0: from the beginning; `beat`: seven days from Monday, 24 hours each, local."""

    pipelines: list[PipelineFigures]
    channels: list[ChannelFigures]
    beat: list[list[int]]
    facts: Facts
    since: int
    now: int

    def flow(self, pipeline: PipelineFigures) -> tuple[str, list[tuple[int, dict[str, int]]]]:
        """(day, week, month or year, [(its first moment, how many were created, won, lost in it)])."""
        return buckets(pipeline.flow, self.since, self.now, self.facts.zone)


def stats(session: Session, *, pipeline: str | None = None, since: str | None = None) -> Figures:
    """The figures of one pipeline, or of all that may be seen. Raises UsageError, NotAllowedError."""
    with looking(session, ITEMS_READ, pipeline) as look:
        now = session.clock.now()
        start = 0 if since is None else ago(since, now, look.facts)
        seen = [one for one in look.facts.pipelines.values() if pipeline in (None, one.id) and look.may(one.id)]
        made = {one.id: _empty(one) for one in seen}
        _count_items(look, made, start)
        _add_sums(look, made, seen, start)
        _add_rules(made, look.facts, look.state.ended(start))
        names = [one.id for one in seen]
        beat = beat_of(look.state.beat(BEATS, start, names), look.facts.zone)
        return Figures(list(made.values()), _channels(look, start, names), beat, look.facts, start, now)


def _empty(facts: PipelineFacts) -> PipelineFigures:
    stages = [StageFigures(one.id, one.name, one.kind) for one in facts.stages]
    on, lost = [one for one in stages if one.kind != LOST], [one for one in stages if one.kind == LOST]
    return PipelineFigures(facts.id, facts.name, facts.entity, on, lost)


# -- items -----------------------------------------------------------------------------------------------------------


def _count_items(look: Look, made: dict[str, PipelineFigures], start: int) -> None:
    """Goes through the items and their moves side by side, both in order of creation."""
    steps = groupby(look.state.moved(), attrgetter("number"))
    number, lines = next(steps, (None, None))
    counters = {name: _Counter(one, look.facts, start) for name, one in made.items()}
    for item in look.state.placed():
        path: list[_Visit] = []
        if number == item.number:
            path = _path(item, lines or ())
            number, lines = next(steps, (None, None))
        for name in {item.pipeline, *(one.pipeline for one in path)}:
            if name in counters:
                counters[name].add(item, [one for one in path if one.pipeline == name])


@dataclass(slots=True)
class _Visit:
    """An item in a stage. `start` None: since when is not known; `end` None: it is there still, or went elsewhere."""

    pipeline: str
    stage: str
    start: int | None
    end: int | None = None


def _path(item: Placed, lines: Iterable[Moved]) -> list[_Visit]:
    path: list[_Visit] = []
    pipeline = item.pipeline
    for line in lines:
        pipeline = line.pipeline or (path[-1].pipeline if path else pipeline)
        if line.stage is None:
            continue
        if path:
            path[-1].end = line.at
        imported = line.kind == "created"
        path.append(_Visit(pipeline, line.stage, line.since if imported else line.at))
    return path


class _Counter:
    """Counts the items of one pipeline."""

    def __init__(self, made: PipelineFigures, facts: Facts, start: int) -> None:
        self._made = made
        self._start = start
        self._users = facts.users
        self._stages = {one.id: one for one in (*made.stages, *made.lost_stages)}
        self._order = {one.id: index for index, one in enumerate(made.stages)}
        self._reached = [0] * len(made.stages)

    def add(self, item: Placed, path: Sequence[_Visit]) -> None:
        if item.deleted:
            self._made.deleted += item.created_at >= self._start
            return
        self._times(item, path)
        if item.created_at < self._start:
            return
        made, here = self._made, item.pipeline == self._made.id
        made.created += 1
        made.flow["created"].append(item.created_at)
        names = [one.stage for one in path] + ([item.stage] if here else [])
        for name in set(names):
            if name in self._stages:
                self._stages[name].entered += 1
        order = max((self._order[name] for name in names if name in self._order), default=0)
        for stage in made.stages[: order + 1]:
            stage.reached += 1
        if here and item.stage in self._stages:
            self._standing(item, names)

    def _standing(self, item: Placed, names: Sequence[str]) -> None:
        stage = self._stages[item.stage]
        stage.here += 1
        if item.responsible:
            name = self._users.get(item.responsible, item.responsible)
            person = self._made.people.setdefault(item.responsible, Person(name))
            setattr(person, stage.kind, getattr(person, stage.kind) + 1)
        if stage.kind == LOST:
            before = next((one for one in reversed(names) if one in self._order), None)
            if before is not None:
                self._stages[before].lost += 1

    def _times(self, item: Placed, path: Sequence[_Visit]) -> None:
        for one in path:
            stage = self._stages.get(one.stage)
            if stage is not None and one.start is not None and one.end is not None and one.end >= self._start:
                stage.spans.append(max(0, one.end - one.start))
        stage = self._stages.get(item.stage)
        if stage is None or item.pipeline != self._made.id or stage.kind == OPEN or item.entered_at < self._start:
            return
        self._made.flow[stage.kind].append(item.entered_at)
        if stage.kind == WON:
            self._made.to_won.append(max(0, item.entered_at - item.created_at))


def _add_sums(look: Look, made: Mapping[str, PipelineFigures], seen: Iterable[PipelineFacts], start: int) -> None:
    """Sums the first field of type money that a pipeline has."""
    for facts in seen:
        one = made[facts.id]
        one.money = next((name for name, kind in facts.fields.items() if kind == "money"), "")
        if one.money:
            sums = look.state.sums(facts.id, one.money, start)
            for stage in (*one.stages, *one.lost_stages):
                stage.value = float(sums.get(stage.id, 0.0))


# -- rules and channels ----------------------------------------------------------------------------------------------


def _add_rules(made: Mapping[str, PipelineFigures], facts: Facts, ended: Iterable[Ended]) -> None:
    """Rules in the order of the files; those that are gone from them come last, by name."""
    counted: dict[tuple[str, str, str], Counter[str]] = {}
    for one in ended:
        key = (_home(facts, one), one.stage, one.rule)
        counted.setdefault(key, Counter())[one.outcome] += one.runs
    for name, figures in made.items():
        for stage in facts.pipelines[name].stages:
            figures.rules += _known_rules(name, stage, counted)
        gone = sorted(key for key in counted if key[0] == name)
        figures.rules += [RuleFigures(key[1], key[2], "", "", counted[key]) for key in gone]


def _known_rules(
    pipeline: str, stage: StageFacts, counted: dict[tuple[str, str, str], Counter[str]]
) -> list[RuleFigures]:
    found = []
    for rule in stage.rules:
        outcomes = counted.pop((pipeline, stage.id, rule.id), None)
        if outcomes or rule.enabled:
            found.append(RuleFigures(stage.id, rule.id, rule.name, rule.do, outcomes or {}))
    return found


def _home(facts: Facts, one: Ended) -> str:
    """The pipeline that has the rule: the item may have gone to another one since."""
    if facts.rule(one.pipeline, one.stage, one.rule) is not None:
        return one.pipeline
    others = [name for name in facts.pipelines if facts.rule(name, one.stage, one.rule) is not None]
    return others[0] if len(others) == 1 else one.pipeline


def _channels(look: Look, start: int, names: Sequence[str]) -> list[ChannelFigures]:
    sent = look.state.sent_by_channel(start, names)
    kept: dict[str, dict[str, int]] = {}
    for (channel, state), count in look.state.kept_back_by_channel(start, names).items():
        kept.setdefault(channel, {})[state] = count
    return [ChannelFigures(name, sent.get(name, 0), kept.get(name, {})) for name in sorted({*sent, *kept})]
