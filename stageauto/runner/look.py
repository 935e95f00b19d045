"""What commands show of a state, read in one snapshot, without compiling the configuration.

Lists leave out the pipelines that whoever acts may not see; a pipeline or item that is named and may not be seen is
refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from stageauto.engine.gsm import in_words
from stageauto.engine.permissions import AUTOMATION_READ, ITEMS_READ
from stageauto.engine.quiet import Quiet
from stageauto.engine.zones import zone_of
from stageauto.errors import NotAllowedError, UsageError
from stageauto.loader.diagnostics import suggest
from stageauto.runner.facts import Facts, PipelineFacts, StageFacts, read_facts
from stageauto.runner.observe import happened

if TYPE_CHECKING:
    from stageauto.engine.state import Contact, Delivery, Document, Entry, Item, Run
    from stageauto.runner.session import Session
    from stageauto.store.sqlite_state import SqliteReader

LOOK = 100
"""Milliseconds between two looks at whether somebody wrote to the state."""


class Look:
    """One snapshot, seen with the rights of whoever acts."""

    def __init__(self, session: Session, state: SqliteReader, permission: str) -> None:
        self.session = session
        self.state = state
        self.permission = permission
        self.facts = read_facts(state)
        self._rights = session.rights(state)
        self.user = session.actor(state)
        self._contacts: dict[str, Contact | None] = {}

    def may(self, pipeline: str) -> bool:
        """Whether they may see that pipeline."""
        return self._rights.may(self.user, self.permission, pipeline)

    def may_see_rules(self, pipeline: str) -> bool:
        """Whether they may see the rules of that pipeline, and what became of them."""
        return self._rights.may(self.user, AUTOMATION_READ, pipeline)

    def demand(self, pipeline: str | None) -> None:
        """Raises NotAllowedError where they may not see that pipeline (None: not one of them)."""
        if pipeline is not None or not any(self.may(one) for one in self.facts.pipelines):
            self._rights.demand(self.user, self.permission, pipeline)

    def contact(self, item: Item) -> Contact | None:
        """The item's first contact."""
        if not item.contacts:
            return None
        first = item.contacts[0]
        if first not in self._contacts:
            self._contacts[first] = self.state.contact(first)
        return self._contacts[first]

    def item(self, part: str) -> Item:
        """The item that the part of an id names. Raises UsageError, NotAllowedError."""
        found = self.state.item(self.session.item_id(self.state, part))
        assert found is not None
        self.demand(found.pipeline)
        return found

    def user_named(self, name: str) -> str:
        """The user of that id. Raises UsageError."""
        if self.facts.users and name not in self.facts.users:
            raise UsageError(f"there is no user `{name}`", suggest(name, self.facts.users))
        return name


@contextmanager
def looking(
    session: Session, permission: str = ITEMS_READ, pipeline: str | None = None, *, own: bool = False
) -> Iterator[Look]:
    """A look at the state, after checking that whoever acts may see the pipeline (None: any). A refusal is noted.

    `own`: what is theirs they may see without any right.
    """
    try:
        with session.store.read() as state:
            look = Look(session, state, permission)
            if pipeline is not None:
                pipeline_named(look.facts, pipeline)
            if not own:
                look.demand(pipeline)
            yield look
    except NotAllowedError as error:
        session.note_refusal(error, permission, pipeline or "*")
        raise


def pipeline_named(facts: Facts, name: str) -> PipelineFacts:
    """The pipeline of that id. Raises UsageError."""
    found = facts.pipelines.get(name)
    if found is None:
        raise UsageError(f"there is no pipeline `{name}`", suggest(name, facts.pipelines) or "run `stageauto load`")
    return found


def stage_named(facts: Facts, name: str, pipeline: str | None) -> StageFacts:
    """The stage of that id, in the pipeline or in any. Raises UsageError."""
    asked = [pipeline_named(facts, pipeline)] if pipeline else list(facts.pipelines.values())
    for one in asked:
        found = one.stage(name)
        if found is not None:
            return found
    known = [stage.id for one in asked for stage in one.stages]
    where = f"{pipeline} has" if pipeline else "there is"
    raise UsageError(f"{where} no stage `{name}`", suggest(name, known))


# -- items -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ItemView:
    """An item with its first contact."""

    item: Item
    contact: Contact | None


@dataclass(frozen=True, slots=True)
class ItemsView:
    """Items, with the facts that name their stages; `now` is ms UTC."""

    items: list[ItemView]
    facts: Facts
    now: int


def items(
    session: Session, *, pipeline: str | None = None, stage: str | None = None, stuck: str | None = None
) -> ItemsView:
    """Items in order of creation; `stuck`: only those that have been in their stage for longer than that duration."""
    with looking(session, ITEMS_READ, pipeline) as look:
        if stage is not None:
            stage_named(look.facts, stage, pipeline)
        now = session.clock.now()
        before = None if stuck is None else ago(stuck, now, look.facts)
        found = look.state.items(pipeline, stage, entered_before=before)
        if stuck is not None:
            found = [one for one in found if not one.closed]  # what is won or lost has arrived
        return ItemsView([ItemView(one, look.contact(one)) for one in found if look.may(one.pipeline)], look.facts, now)


def ago(span: str, now: int, facts: Facts) -> int:
    """The moment that long before now, ms UTC, on the local calendar. Raises UsageError for what is no duration."""
    from stageauto.engine.durations import DurationError, parse_duration
    from stageauto.engine.shifts import shift

    try:
        duration = parse_duration(span)
    except DurationError as error:
        raise UsageError(error.message, error.hint) from None
    if duration.working_days or duration.working_ms:
        raise UsageError(f"`{span}` counts working time; here it is plain time", "write it like 3d or 4h")
    return shift(now, duration, facts.zone, None, -1)


def moment(text: str, facts: Facts, now: int) -> int:
    """The instant that a text names, ms UTC: a local date or time, RFC 3339, or a duration from now (`2d`).

    Raises UsageError for anything else.
    """
    from stageauto.engine.durations import DurationError, parse_duration
    from stageauto.engine.local import LocalTimeError, parse_local
    from stageauto.engine.shifts import shift

    try:
        return shift(now, parse_duration(text), facts.zone, None)
    except DurationError:
        pass
    try:
        return parse_local(text, facts.zone)
    except LocalTimeError as error:
        raise UsageError(f"`{text}` is no time: {error.message}", "write 2026-03-05, 2026-03-05T09:00 or 2d") from None


def one_item(session: Session, item_id: str) -> ItemView:
    """An item as it stands now, whoever asks: for showing what a command did."""
    with session.store.read() as state:
        found = state.item(item_id)
        assert found is not None
        return ItemView(found, state.contact(found.contacts[0]) if found.contacts else None)


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule of a stage, with its run in the item's present visit; `run` None: not run."""

    rule: str
    name: str
    do: str
    run: Run | None
    reason: str


@dataclass(frozen=True, slots=True)
class ShowView:
    """An item with the rules of its stage in file order, and what earlier visits kept alive.

    Without any where whoever looks may see items only: `hidden`.
    """

    item: ItemView
    rules: list[RuleView]
    kept: list[RuleView]
    facts: Facts
    now: int
    documents: list[Document] = field(default_factory=list)
    hidden: bool = False


def show(session: Session, part: str) -> ShowView:
    """An item and its stage's rules. Raises UsageError, NotAllowedError."""
    with looking(session) as look:
        item = look.item(part)
        if not look.may_see_rules(item.pipeline):
            view, papers = ItemView(item, look.contact(item)), look.state.documents(item.id)
            return ShowView(view, [], [], look.facts, session.clock.now(), papers, hidden=True)
        pipeline = look.facts.pipelines.get(item.pipeline)
        stage = pipeline.stage(item.stage) if pipeline else None
        here = {run.rule: run for run in item.runs.values() if run.visit == item.visit and run.stage == item.stage}
        rules = [
            RuleView(rule.id, rule.name, rule.do, here.pop(rule.id, None), "" if rule.enabled else "disabled")
            for rule in (stage.rules if stage else ())
        ]
        rules += [_gone(look.facts, run) for run in here.values()]
        kept = [
            _gone(look.facts, run)
            for run in item.runs.values()
            if run.living and (run.visit != item.visit or run.stage != item.stage)
        ]
        return ShowView(
            ItemView(item, look.contact(item)), [_explained(look, item, one) for one in rules],
            [_explained(look, item, one) for one in kept], look.facts, session.clock.now(),
            look.state.documents(item.id),
        )  # fmt: skip


def _gone(facts: Facts, run: Run) -> RuleView:
    rule = facts.rule(run.pipeline, run.stage, run.rule)
    return RuleView(run.rule, rule.name if rule else "", rule.do if rule else "", run, "")


def _explained(look: Look, item: Item, view: RuleView) -> RuleView:
    run = view.run
    if run is None:
        return view
    reason = reason_of(look, item, run) if run.living else (run.because or run.code or in_words(run.result))
    return RuleView(view.rule, view.name, view.do, run, reason)


# -- what is pending -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PendingView:
    """A living run, and why it is due when it is."""

    item: Item
    run: Run
    do: str
    reason: str


@dataclass(frozen=True, slots=True)
class PendingList:
    """Living runs by due moment, those without one last."""

    runs: list[PendingView]
    facts: Facts
    now: int
    held: int = 0  # how many wait for `resume --all`


def pending(
    session: Session, *, item: str | None = None, pipeline: str | None = None, before: str | None = None
) -> PendingList:
    """Living runs. `before`: only those due before that time. Raises UsageError, NotAllowedError."""
    with looking(session, AUTOMATION_READ, pipeline) as look:
        now = session.clock.now()
        until = None if before is None else moment(before, look.facts, now)
        asked = [look.item(item)] if item else look.state.items(pipeline)
        found = []
        for one in asked:
            if not look.may(one.pipeline) or (pipeline is not None and one.pipeline != pipeline):
                continue
            found += [
                view for view in pending_of(look, one)
                if until is None or (view.run.due is not None and view.run.due < until)
            ]  # fmt: skip
        found.sort(key=lambda view: (view.run.due is None, view.run.due or 0, view.run.seq))
        return PendingList(found, look.facts, now, sum(view.run.held for view in found))


def pending_of(look: Look, item: Item) -> Iterator[PendingView]:
    """The item's living runs."""
    for run in item.runs.values():
        if run.living:
            rule = look.facts.rule(run.pipeline, run.stage, run.rule)
            yield PendingView(item, run, rule.do if rule else "", reason_of(look, item, run))


def reason_of(look: Look, item: Item, run: Run) -> str:
    """Why a living run waits, or is due when it is."""
    parts = [_why(look, item, run)]
    if item.on_hold:
        parts.append(f"the item is on hold: {item.hold_reason}" if item.hold_reason else "the item is on hold")
    elif run.held:
        parts.append("held for a look: `stageauto resume --all` lets it go")
    return "; ".join(parts)


def _why(look: Look, item: Item, run: Run) -> str:
    kind, _, what = run.waiting_for.partition(":")
    if kind in {"field", "rules"}:
        return f"waits for {what.replace(',', ', ')}"
    if kind == "unknown":
        return f"waits for {what}, whose outcome is unknown: `stageauto resolve` settles it"
    if run.until:
        what = "the customer" if run.until == ("*",) else ", ".join(run.until)
        return f"waits for {what}"
    if run.open_deliveries:
        return _sending(look.state.deliveries_of_run(run.id))
    rule = look.facts.rule(run.pipeline, run.stage, run.rule)
    why = rule.why if rule else "its rule is gone from the files"
    if rule is not None and rule.quiet and _when_quiet_ends(look, item, run):
        why += ", when the customer's quiet hours end"
    return f"{why}; {run.count} done" if run.count else why


def _when_quiet_ends(look: Look, item: Item, run: Run) -> bool:
    if look.facts.quiet is None or run.due is None:
        return False
    contact = look.contact(item)
    zone = zone_of(contact.timezone if contact else "", look.facts.zone)
    return Quiet(*look.facts.quiet, zone).end_of(run.due - 1) == run.due


def _sending(deliveries: Iterable[Delivery]) -> str:
    open_ones = [one for one in deliveries if one.state in {"pending", "running"}]
    tried = next((one for one in open_ones if one.attempts and one.error), None)
    if tried is not None:
        return f"try {tried.attempts} failed: {tried.error}"
    return "is being sent" if any(one.state == "running" for one in open_ones) else "waits to be sent"


# -- history ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TimelineView:
    """Lines of history, of one item or of all."""

    entries: list[Entry]
    facts: Facts
    item: Item | None = None


def timeline(
    session: Session, part: str | None, *, after_seq: int = 0, last: int | None = None, everything: bool = False
) -> TimelineView:
    """The history of an item (None: of all that may be seen), oldest first. Raises UsageError, NotAllowedError.

    `everything`: also why nothing happened.
    """
    with looking(session, AUTOMATION_READ if everything else ITEMS_READ) as look:
        item = look.item(part) if part else None
        entries = look.state.timeline(item.id if item else None, after_seq=after_seq)
        entries = entries if everything else happened(entries)
        if item is None:
            seen = _may_see(look)
            entries = [one for one in entries if not one.item or seen(one.item)]
        shown = [_with_its_event(look.state, one) for one in (entries[-last:] if last else entries)]
        return TimelineView(shown, look.facts, item)


def _with_its_event(state: SqliteReader, entry: Entry) -> Entry:
    """The line; where intake made the item of an event, with what came, which no other line of the item says."""
    event_id = entry.data.get("event") if entry.kind == "created" and entry.data.get("intake") else None
    row = state.event(str(event_id)) if event_id else None
    if row is None:
        return entry
    data = {**entry.data, "type": row.type, **({"data": dict(row.data)} if row.data else {})}
    return msgspec.structs.replace(entry, data=data)


def _may_see(look: Look) -> Callable[[str], bool]:
    known: dict[str, bool] = {}

    def seen(item_id: str) -> bool:
        if item_id not in known:
            item = look.state.item(item_id)
            known[item_id] = item is not None and look.may(item.pipeline)
        return known[item_id]

    return seen


def follow(
    session: Session,
    part: str | None,
    first: Iterable[Entry],
    *,
    everything: bool = False,
    over: Callable[[], bool] = lambda: False,
) -> Iterator[Entry]:
    """Lines of history as they are written, after the first ones, until it is `over`."""
    from threading import Event

    from stageauto.runner.clock import wait

    never, seq, version = Event(), 0, -1
    for entry in first:
        seq = entry.seq
        yield entry
    while True:
        now = session.store.data_version()
        if now == version:
            if over():
                return
            wait(never, LOOK)
            continue
        version = now
        for entry in timeline(session, part, after_seq=seq, everything=everything).entries:
            seq = entry.seq
            yield entry


@dataclass(frozen=True, slots=True)
class OutboxView:
    """Deliveries, oldest first."""

    deliveries: list[Delivery]
    facts: Facts


NOT_SENT = ("failed", "undeliverable")


def outbox(session: Session, *, item: str | None = None, states: Iterable[str] = ()) -> OutboxView:
    """Deliveries, oldest first; `states`: only those. Raises UsageError, NotAllowedError."""
    with looking(session, AUTOMATION_READ) as look:
        item_id = look.item(item).id if item else None
        wanted = list(states)
        found = [one for state in wanted for one in look.state.deliveries(state=state, item=item_id)]
        if not wanted:
            found = look.state.deliveries(item=item_id)
        found.sort(key=lambda one: one.decided_at)
        return OutboxView([one for one in found if look.may(one.pipeline)], look.facts)


@dataclass(frozen=True, slots=True)
class BoardView:
    """A pipeline as columns: each stage with its items, newest entry first."""

    pipeline: PipelineFacts
    columns: list[tuple[StageFacts, list[Item]]]
    facts: Facts = field(default_factory=Facts)


def board(session: Session, pipeline: str | None) -> list[BoardView]:
    """The pipelines (or the one) as columns. Raises UsageError, NotAllowedError."""
    with looking(session, ITEMS_READ, pipeline) as look:
        shown = []
        for one in look.facts.pipelines.values():
            if (pipeline is not None and one.id != pipeline) or not look.may(one.id):
                continue
            by_stage: dict[str, list[Item]] = {stage.id: [] for stage in one.stages}
            for item in look.state.items(one.id):
                by_stage.setdefault(item.stage, []).append(item)
            for there in by_stage.values():
                there.sort(key=lambda item: item.stage_entered_at, reverse=True)
            shown.append(BoardView(one, [(stage, by_stage[stage.id]) for stage in one.stages], look.facts))
        return shown
