"""A profile taken from the recorded history of a pipeline: how often what happened there, and after how long."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stageauto.errors import UsageError
from stageauto.loader.profile import Happens, Profile
from stageauto.runner.happened import lines_from

if TYPE_CHECKING:
    from stageauto.engine.model import Pipeline
    from stageauto.engine.state import Entry
    from stageauto.store.sqlite_state import SqliteReader

SAMPLES = 500
Key = tuple[str, str, str]
"""(stage, event or "", stage moved to by hand or "")."""


@dataclass(slots=True)
class Likeness:
    """A profile, and what it rests on: so many items came in the so many ms before `until` (ms UTC)."""

    profile: Profile
    items: int
    span: int


@dataclass(slots=True)
class _Seen:
    """What was seen of one pipeline."""

    pipeline: Pipeline
    visits: Counter[str] = field(default_factory=Counter)  # by stage
    times: defaultdict[Key, list[int]] = field(default_factory=lambda: defaultdict(list))
    there: dict[str, tuple[str, int]] = field(default_factory=dict)  # item -> stage, since
    told: set[tuple[str, Key]] = field(default_factory=set)  # of the present visit
    first: Counter[str] = field(default_factory=Counter)  # stages in which items came in

    def read(self, line: Entry) -> None:
        data = line.data
        here = self.there.get(line.item)
        if line.kind == "entered":
            if here is not None and data.get("by_hand"):
                self._note(line, (here[0], "", data["to"]))
            self.there.pop(line.item, None)
            pipeline = data.get("pipeline") or (self.pipeline.id if here or data["from"] is None else "")
            if pipeline == self.pipeline.id and data["to"] in self.pipeline.stage_by_id:
                self.first[data["to"]] += data["from"] is None
                self.visits[data["to"]] += 1
                self.there[line.item] = data["to"], line.at
                self.told = {one for one in self.told if one[0] != line.item}
        elif line.kind == "event" and here is not None:
            self._note(line, (here[0], data["type"], ""))

    def _note(self, line: Entry, key: Key) -> None:
        if (line.item, key) not in self.told:
            self.told.add((line.item, key))
            self.times[key].append(line.at - self.there[line.item][1])


def like_history(state: SqliteReader, pipeline: Pipeline, since: int, until: int) -> Likeness:
    """The profile of what came since that moment (ms UTC). Raises UsageError where nothing did."""
    seen = _Seen(pipeline)
    mine = {one.id for one in state.items(pipeline.id, include_deleted=True)}
    for line in lines_from(state, state.first_line_at(since)):
        if line.item in mine:
            seen.read(line)
    count = sum(seen.first.values())
    if not count:
        raise UsageError(
            f"no item came into {pipeline.id} in that time", "look farther back with --since, or write a --profile"
        )
    return Likeness(_profile(state, seen, since), count, until - since)


def _profile(state: SqliteReader, seen: _Seen, since: int) -> Profile:
    happens = tuple(
        Happens((stage,), _middle(times), min(1.0, len(times) / seen.visits[stage]), emit, move)
        for (stage, emit, move), times in sorted(seen.times.items())
    )
    items = [one for one in state.items(seen.pipeline.id) if one.created_at >= since][-SAMPLES:]
    known = seen.pipeline.fields
    samples = tuple(
        {"responsible": one.responsible, **{name: value for name, value in one.fields.items() if name in known}}
        for one in items
    )
    done = [task for task in state.tasks() if task.completed_at is not None and task.created_at >= since]
    every = [task for task in state.tasks() if task.created_at >= since]
    times = [(task.completed_at or 0) - task.created_at for task in done]
    return Profile(
        f"like {seen.pipeline.id} was", seen.pipeline.id, stage=seen.first.most_common(1)[0][0], samples=samples,
        happens=happens, tasks=(len(done) / len(every), _middle(times)) if times else None, fail=_failures(state),
    )  # fmt: skip


def _middle(times: Sequence[int]) -> tuple[int, int]:
    """Between which times the middle four fifths lie."""
    ordered = sorted(times)
    last = len(ordered) - 1
    return ordered[round(last * 0.1)], ordered[round(last * 0.9)]


def _failures(state: SqliteReader) -> dict[str, float]:
    """In how many cases a try failed, by channel."""
    failed: Counter[str] = Counter()
    tries: Counter[str] = Counter()
    for one in state.deliveries(limit=-1):
        tries[one.channel] += one.attempts
        failed[one.channel] += max(one.attempts - (one.state == "done"), 0)
    return {name: failed[name] / tries[name] for name in sorted(tries) if failed[name]}
