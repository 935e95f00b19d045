"""The recorded events and commands again, under the files as they are: what would have been done, against what was.

It works on a copy of the state in memory that is taken back to the beginning of the window; nothing is sent.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stageauto.engine import commands
from stageauto.engine.model import AUTOMATION_READ, Workspace
from stageauto.engine.state import Journal
from stageauto.errors import StageautoError, UsageError
from stageauto.loader.diagnostics import suggest
from stageauto.runner.adoption import check_stages
from stageauto.runner.dated import Dates, dated_rows, read_dates
from stageauto.runner.happened import Deed, Happened, happened, lines_from
from stageauto.runner.intake import QUEUED
from stageauto.runner.past import Past, take_back
from stageauto.runner.recorded import Ids, Providers
from stageauto.runner.replay import COMMAND, Replay
from stageauto.runner.simulate import EndlessError

if TYPE_CHECKING:
    from stageauto.runner.session import Session
    from stageauto.store.sqlite_state import SqliteReader

Progress = Callable[[int, int], None]
SAME = 300_000
"""Two moments no farther apart than this (ms) are one: a daemon and its providers take their time."""
EXAMPLES = 3
FLUSH = 1_000
"""After so many rows what was decided is written: it bounds the memory."""


@dataclass(frozen=True, slots=True)
class Example:
    """One difference: `was` and `would` are moments, ms UTC, None where it was not, or would not be, done."""

    item: str
    word: str
    was: int | None
    would: int | None


@dataclass(slots=True)
class Line:
    """One rule, trigger, intake entry or stage: how often what was done and would be done, by outcome."""

    kind: str
    name: str
    was: Counter[str] = field(default_factory=Counter)
    would: Counter[str] = field(default_factory=Counter)
    more: int = 0  # done under these files only
    fewer: int = 0  # done then only
    other_time: int = 0  # both, at another time
    examples: list[Example] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """True where something would be otherwise."""
        return bool(self.more or self.fewer or self.other_time)


@dataclass(slots=True)
class NotRepeated:
    """A command or event that could not be done again under these files."""

    row: str
    type: str
    item: str
    because: str


@dataclass(slots=True)
class Backtest:
    """What came of it. The window is [since, until), ms UTC; `rows`: events and commands done again."""

    since: int
    until: int
    past: Past
    rows: int = 0
    events: int = 0
    lines: list[Line] = field(default_factory=list)
    refused: int = 0
    not_repeated: list[NotRepeated] = field(default_factory=list)
    not_known_before: int | None = None  # events from before this moment were pruned
    dates: Dates | None = None

    def differs(self) -> bool:
        """True where anything would be otherwise."""
        return any(line.differs for line in self.lines)


def backtest(
    session: Session,
    workspace: Workspace,
    *,
    since: int,
    pipeline: str | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Backtest:
    """What these files would have done with what came since that moment (ms UTC), beside what was done.

    Raises UsageError, NotAllowedError, and StageGoneError where items stood in a stage that is gone.
    """
    until = session.clock.now()
    if since > until:
        raise UsageError("the beginning lies in the future", "write it like 90d, or 2026-01-01")
    _check_pipeline(workspace, pipeline)
    ids, providers = Ids(), Providers()
    with session.read(AUTOMATION_READ, pipeline) as state, session.store.copy_to_memory() as copy:
        with copy.transaction() as changed:
            past = take_back(changed, workspace, since)
            check_stages(changed, workspace)
            before = {one.id: one.pipeline for one in changed.items(include_deleted=True)}
        entities = {one.id: one.entity for one in workspace.pipelines.values()}
        lines = providers.read(state, ids.read(state, lines_from(state, past.seq), entities, since, past.strangers))
        for _ in lines:
            pass
        was = happened(state, past.seq, before)
        rows = _rows(state, since)
        found = Backtest(since, until, past, len(rows), not_known_before=_pruned(state, since))
        with _no_collecting(), Replay(workspace, since, copy, ids=ids, providers=providers) as replay:
            _adopt(replay, since)
            _play(replay, rows, found, progress)
            would = happened(replay.state, past.seq, before)
    found.lines = compare(was, would, pipeline)
    return found


def backtest_dates(  # noqa: PLR0913 the items, and the window
    session: Session, workspace: Workspace, given: Sequence[str], *, pipeline: str, since: int | None = None,
    until: int | None = None, progress: Progress = lambda _done, _all: None,
) -> Backtest:  # fmt: skip
    """What these files would have done with items whose fields say when they came into which stage.

    `given`: STAGE=FIELD each. What would have been done is counted in [since, until), ms UTC, from the first date up to
    now where they are None; items live from their first date all the same. Raises UsageError, NotAllowedError.
    """
    _check_pipeline(workspace, pipeline)
    dates = read_dates(workspace.pipelines[pipeline], given)
    now = session.clock.now()
    until = now if until is None else min(until, now)
    with session.read(AUTOMATION_READ, pipeline) as state, session.store.copy_to_memory() as copy:
        items = state.items(pipeline)
        rows = dated_rows(dates, items, workspace.zone, until)
        first = min((row.at for row in rows), default=until)
        since = first if since is None else since
        if since > until:
            raise UsageError("the beginning lies behind the end", "write it like --since 2026-01-01 --until 2027-01-01")
        with copy.transaction() as changed:
            everything = [one.id for one in changed.items(include_deleted=True)]
            changed.rewind(1, 0, without=everything)
        found = Backtest(since, until, Past(1, since), len(rows), dates=dates)
        with _no_collecting(), Replay(workspace, first, copy) as replay:
            _play(replay, rows, found, progress)
            would = {
                deed: [at for at in moments if since <= at] for deed, moments in happened(replay.state, 1, {}).items()
            }
            found.lines = compare({}, {deed: moments for deed, moments in would.items() if moments}, pipeline)
    return found


def _check_pipeline(workspace: Workspace, pipeline: str | None) -> None:
    if pipeline is not None and pipeline not in workspace.pipelines:
        raise UsageError(f"there is no pipeline `{pipeline}`", suggest(pipeline, workspace.pipelines))


def _rows(state: SqliteReader, since: int) -> list[Journal]:
    return [row for row in state.journal() if row.at >= since and row.outcome != QUEUED]


def _pruned(state: SqliteReader, since: int) -> int | None:
    """From when on events are known, where those of the window's beginning were pruned."""
    first = next(iter(state.journal(limit=1)), None)
    return first.at if first is not None and first.seq > 1 and first.at > since else None


def _play(replay: Replay, rows: Sequence[Journal], found: Backtest, progress: Progress) -> None:
    for number, row in enumerate(rows, 1):
        replay.advance(row.at)
        found.events += not row.type.startswith(COMMAND)
        try:
            replay.again(row)
        except EndlessError:
            raise
        except StageautoError as error:
            found.refused += 1
            if len(found.not_repeated) < EXAMPLES:
                found.not_repeated.append(NotRepeated(row.id, row.type, row.item or "", error.message))
        if number % FLUSH == 0:
            replay.flush()
            progress(number, len(rows))
    replay.advance(found.until)
    replay.flush()
    progress(len(rows), len(rows))


def _adopt(replay: Replay, now: int) -> None:
    """Fits the items of then to the files, as `load` would have."""
    for item in replay.state.items():
        known = replay.draft.known(item)
        commands.adopt(replay.draft, known, now, "backtest", lambda _run: True)
    replay.flush()


@contextmanager
def _no_collecting() -> Iterator[None]:
    """What is there stays there: looking for garbage in all of it again and again would take most of the time."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


# -- comparing -------------------------------------------------------------------------------------------------------


def compare(was: Happened, would: Happened, pipeline: str | None = None) -> list[Line]:
    """A line for each rule, trigger, intake entry and stage, by kind and name, of one pipeline or of all."""
    lines: dict[tuple[str, str], Line] = {}
    for deed in sorted({*was, *would}, key=lambda one: (one.kind, one.name, one.word, one.item)):
        if pipeline is None or deed.name.startswith(f"{pipeline}/"):
            line = lines.setdefault((deed.kind, deed.name), Line(deed.kind, deed.name))
            _count(line, deed, was.get(deed, []), would.get(deed, []))
    return list(lines.values())


def _count(line: Line, deed: Deed, was: Sequence[int], would: Sequence[int]) -> None:
    line.was[deed.word] += len(was)
    line.would[deed.word] += len(would)
    line.more += max(len(would) - len(was), 0)
    line.fewer += max(len(was) - len(would), 0)
    for one, other in _pairs(was, would):
        if one is not None and other is not None:
            if abs(one - other) <= SAME:
                continue
            line.other_time += 1
        if len(line.examples) < EXAMPLES:
            line.examples.append(Example(deed.item, deed.word, one, other))


def _pairs(was: Sequence[int], would: Sequence[int]) -> Iterator[tuple[int | None, int | None]]:
    for place in range(max(len(was), len(would))):
        yield was[place] if place < len(was) else None, would[place] if place < len(would) else None
