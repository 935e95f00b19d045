"""What a new configuration means for the items that are there: done by `load`, foretold by `plan`, by the same code.

Source: SEMANTICS 29-31.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stageauto.engine import commands, step
from stageauto.engine.commands import By
from stageauto.engine.draft import Draft
from stageauto.engine.model import Rule, Workspace
from stageauto.engine.state import LIVING, Item, Run
from stageauto.errors import StageautoError

if TYPE_CHECKING:
    from stageauto.runner.concern import Concern
    from stageauto.store.sqlite_state import SqliteState

EXAMPLES = 3
"""Of each kind and rule, and of each way that items go, so many are named."""
Progress = Callable[[int, int], None]
_AT_ONCE = 5000
SOON = 3_600_000
"""What is to be sent within this many milliseconds counts as sent at once."""


def silent(_done: int, _all: int) -> None:
    """Nobody looks."""


class StageGoneError(StageautoError):
    """A stage that holds items is gone from the files, and they do not say where its items go."""


@dataclass(frozen=True, slots=True)
class RunChange:
    """A pending run that changes: `was` and `will` are its moments (ms UTC), None where it has none.

    `rule` is `pipeline/stage/rule` as it was; `code` and `because` say why it ends.
    """

    item: str
    run: str
    rule: str
    was: int | None = None
    will: int | None = None
    code: str = ""
    because: str = ""


@dataclass(slots=True)
class Bursts:
    """What changed runs send outside, by hours (ms UTC // HOUR): as it `was`, as it `will` be after the next hour.

    `first`: the first moment of an hour in which something will be.
    """

    was: Counter[int] = field(default_factory=Counter)
    will: Counter[int] = field(default_factory=Counter)
    first: dict[int, int] = field(default_factory=dict)

    def note(self, was: int | None, will: int) -> None:
        """Counts one message."""
        hour = will // SOON
        self.will[hour] += 1
        self.first[hour] = min(will, self.first.get(hour, will))
        if was is not None:
            self.was[was // SOON] += 1

    def worst(self) -> tuple[int, int]:
        """The first moment of the fullest hour and how many it has; none where it was as full before."""
        if not self.will:
            return 0, 0
        hour, number = max(self.will.items(), key=lambda one: (one[1], -one[0]))
        before = max(self.was.values(), default=0)
        return (self.first[hour], number) if number > before else (0, 0)


@dataclass(slots=True)
class Adoption:
    """What happens to live items. Counts are whole; the lists hold the first few of each kind and rule."""

    items: int = 0  # looked at
    kept: int = 0  # runs that live on as they are, in all pipelines
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)  # (moved, cancelled, added or due; rule)
    moved: list[RunChange] = field(default_factory=list)
    cancelled: list[RunChange] = field(default_factory=list)
    added: list[RunChange] = field(default_factory=list)
    due: list[RunChange] = field(default_factory=list)  # go at once
    sends: Counter[tuple[str, str]] = field(default_factory=Counter)  # (action, channel): outside, within the hour
    later: Bursts = field(default_factory=Bursts)
    relocated: Counter[tuple[str, str]] = field(default_factory=Counter)  # (pipeline/stage, pipeline/stage): items
    examples: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # the first items of `relocated`
    caught_up: int = 0

    def total(self, kind: str) -> int:
        """How many runs are `moved`, `cancelled`, `added` or `due`."""
        return sum(count for (what, _), count in self.counts.items() if what == kind)

    def note(self, kind: str, change: RunChange) -> None:
        """Counts a change, and keeps it where it is one of the first."""
        self.counts[kind, change.rule] += 1
        if self.counts[kind, change.rule] <= EXAMPLES:
            listed: list[RunChange] = getattr(self, kind)
            listed.append(change)

    def note_move(self, item: str, source: str, target: str) -> None:
        """Counts an item that goes to another stage."""
        self.relocated[source, target] += 1
        if self.relocated[source, target] <= EXAMPLES:
            self.examples.setdefault((source, target), []).append(item)


def check_stages(state: SqliteState, workspace: Workspace) -> None:
    """Raises StageGoneError where items stand in what the files do not have any more."""
    for (pipeline_id, stage_id), count in state.counts_by_stage().items():
        pipeline = workspace.pipelines.get(pipeline_id)
        if pipeline is None:
            raise StageGoneError(
                f"the pipeline `{pipeline_id}` is gone from the files but holds {_items(count)}",
                "keep its file, or move or delete its items first",
            )
        if stage_id not in pipeline.stage_by_id and stage_id not in pipeline.moved:
            raise StageGoneError(
                f"{pipeline.file}: the stage `{stage_id}` of `{pipeline_id}` is gone but holds {_items(count)}",
                f"say where they go with `moved: [{{from: {stage_id}, to: STAGE}}]`",
            )


def _items(count: int) -> str:
    return f"{count:,} item{'' if count == 1 else 's'}"


def adopt_all(  # noqa: PLR0913 the items, what they are fitted to, and how
    state: SqliteState,
    draft_of: Callable[[], Draft],
    by: By,
    concern: Concern,
    *,
    catch_up: Sequence[Rule] = (),
    keep: bool = True,
    progress: Progress = silent,
) -> Adoption:
    """Fits the items that are concerned to the drafts' configuration, some thousand at a time; does what is due then.

    In a write transaction. `keep` False: it will be given up, and what is due is not done. `progress` hears how many
    items of how many are through.
    """
    made, due = Adoption(), []
    living = state.count_runs(LIVING)
    with _no_collecting():
        for listed in _groups(state, concern, progress):
            draft = draft_of()
            for one in listed:
                _adopt(draft, draft.known(one), by, concern, catch_up, made)
            while keep and (first := draft.pop_due(by.at)) is not None:
                due.append((*(first[0].next_due() or (by.at, 0)), first[0].id))
            draft.flush()
            state.forget_items()
    made.kept = living - made.total("moved") - made.total("cancelled")
    _do(draft_of, sorted(due), by.at)
    return made


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Millions of small objects that are all still needed: looking for garbage among them takes half of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _groups(state: SqliteState, concern: Concern, progress: Progress) -> Iterator[list[Item]]:
    """The items that are concerned, those that come into being meanwhile not among them."""
    if not concern:
        return
    last, after = state.last_item(), 0
    whole, stages = concern.whole(), sorted(concern.stages)
    while listed := [one for one in state.items_after(after, _AT_ONCE, whole, stages) if one.order <= last]:
        yield listed
        after = listed[-1].order
        progress(after, last)


def _do(draft_of: Callable[[], Draft], due: Sequence[tuple[int, int, str]], now: int) -> None:
    """What became due at once, now that all items fit: what one does may touch another."""
    for first in range(0, len(due), _AT_ONCE):
        draft = draft_of()
        draft.note_due(due[first : first + _AT_ONCE])
        while (one := draft.pop_due(now)) is not None:
            step.tick(draft, *one, now)
        draft.flush()


def _adopt(draft: Draft, item: Item, by: By, concern: Concern, catch_up: Sequence[Rule], made: Adoption) -> None:
    before = [(run, _name(run), run.due) for run in item.runs.values() if run.living]
    known = {run.id for run, _, _ in before}
    place = f"{item.pipeline}/{item.stage}"
    commands.adopt(draft, item, by.at, by.author, concern.run)
    made.caught_up += sum(commands.catch_up(draft, by, item, rule) for rule in catch_up)
    made.items += 1
    now_at = f"{item.pipeline}/{item.stage}"
    if now_at != place:
        made.note_move(item.id, place, now_at)
    for run, rule, was in before:
        if not run.living:
            made.note("cancelled", RunChange(item.id, run.id, rule, was, None, run.code, run.because))
        elif run.due != was:
            _note(draft, item, run, "moved", RunChange(item.id, run.id, rule, was, run.due), by.at, made)
    for run in item.runs.values():
        if run.living and run.id not in known:
            _note(draft, item, run, "added", RunChange(item.id, run.id, _name(run), None, run.due), by.at, made)


def _note(  # noqa: PLR0913, PLR0917 a run, how it changes, and where that is noted
    draft: Draft, item: Item, run: Run, kind: str, change: RunChange, now: int, made: Adoption
) -> None:
    made.note(kind, change)
    if run.due is None or item.on_hold or run.held:
        return
    rule = draft.rule_of(run)
    if run.due <= now:
        made.note("due", change)
    if rule is None or not rule.action.outer:
        return
    if run.due <= now + SOON:
        made.sends[rule.do, _channel(rule)] += 1
    else:
        made.later.note(change.was, run.due)


def _channel(rule: Rule) -> str:
    """The channel that the rule names; "" where that is known only when it sends."""
    named = str(getattr(rule.action, "channel", None) or getattr(rule.action, "from_", None) or "")
    return {"workspace": "mail", "responsible": ""}.get(named, named)


def _name(run: Run) -> str:
    return f"{run.pipeline}/{run.stage}/{run.rule}"
