"""What is planned to be sent in the next days: what is pending, or what a simulation on a copy says will follow.

A condition is asked when a run is due, so what is pending may yet be skipped; with `follow` it is asked on a copy,
as of then, and chains and repetitions go on. Neither foresees what customers will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stageauto.engine.model import AUTOMATION_READ
from stageauto.engine.state import DONE, PENDING, RUNNING
from stageauto.errors import UsageError
from stageauto.runner.look import looking

if TYPE_CHECKING:
    from stageauto.engine.model import Workspace
    from stageauto.engine.state import Delivery, Item, Run
    from stageauto.runner.facts import Facts
    from stageauto.runner.look import Look
    from stageauto.runner.session import Session

OUTBOX, PLANNED, FOLLOWS = "outbox", "planned", "follows"
MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Planned:
    """One thing to be sent at `at` (ms UTC; what is overdue: now).

    `how` is outbox (decided already), planned (a pending run) or follows (from what is sent before it). `to` and
    `channel` are known only where it was decided, in earnest or in the simulation.
    """

    at: int
    how: str
    item: str
    title: str
    pipeline: str
    stage: str
    rule: str
    do: str
    channel: str = ""
    to: str = ""


@dataclass(frozen=True, slots=True)
class Outlook:
    """All of it by moment, from `now` until `until` (ms UTC)."""

    planned: list[Planned]
    facts: Facts
    now: int
    until: int
    follow: bool
    held: int = 0  # pending runs that would send, but wait for somebody: on hold, or after a downtime


def outlook(session: Session, *, days: int = 14, pipeline: str | None = None, follow: bool = False) -> Outlook:
    """What is to be sent in that many days of one pipeline, or of all that may be seen.

    Raises UsageError, NotAllowedError, StateError.
    """
    from stageauto.engine.local import days_later

    if not 1 <= days <= MOST_DAYS:
        raise UsageError(f"{days} days cannot be looked ahead", f"--days goes from 1 to {MOST_DAYS}")
    with looking(session, AUTOMATION_READ, pipeline) as look:
        now = session.clock.now()
        until = days_later(now, days, look.facts.zone) or now + days * 86_400_000
        workspace = session.workspace(look.state)
        names = {one for one in look.facts.pipelines if pipeline in (None, one) and look.may(one)}
        runs = [(item, run) for item in look.state.items(pipeline) for run in _sending(workspace, item)]
        free = [(item, run) for item, run in runs if not (item.on_hold or run.held) and item.pipeline in names]
        held = sum(1 for item, run in runs if (item.on_hold or run.held) and item.pipeline in names)
        certain = [*_waiting(look, now), *(_planned(workspace, item, run, now) for item, run in free)]
        facts = look.facts
    found: Iterable[Planned] = certain
    if follow:
        found = _followed(session, workspace, now, until, {run.id for _, run in free})
    kept = [one for one in found if one.at <= until and one.pipeline in names]
    return Outlook(
        sorted(kept, key=lambda one: (one.at, one.pipeline, one.rule, one.item)), facts, now, until, follow, held
    )


def _sending(workspace: Workspace, item: Item) -> Iterator[Run]:
    """The item's pending runs that would send something."""
    for run in item.runs.values():
        if run.state == PENDING and run.due is not None and not run.open_deliveries:
            pipeline = workspace.pipelines.get(run.pipeline)
            rule = pipeline.rule(run.rule) if pipeline else None
            if rule is not None and rule.enabled and rule.action.outer:
                yield run


def _planned(workspace: Workspace, item: Item, run: Run, now: int) -> Planned:
    rule = workspace.pipelines[run.pipeline].rule(run.rule)
    assert rule is not None
    at = max(now, run.due or now)
    return Planned(at, PLANNED, item.id, item.title, run.pipeline, run.stage, run.rule, rule.do)


def _waiting(look: Look, now: int) -> Iterator[Planned]:
    """What stands in the outbox."""
    for one in (*look.state.deliveries(state=PENDING), *look.state.deliveries(state=RUNNING)):
        item = look.state.item(one.item)
        if item is not None and not one.held and not item.on_hold:
            yield _delivered(one, item, max(now, one.due), OUTBOX)


def _delivered(one: Delivery, item: Item, at: int, how: str) -> Planned:
    run = item.runs.get(one.run)
    stage = run.stage if run else item.stage
    return Planned(at, how, item.id, item.title, one.pipeline, stage, one.rule, one.do, one.channel, one.to)


def _followed(session: Session, workspace: Workspace, now: int, until: int, pending: set[str]) -> Iterator[Planned]:
    """What a simulation on a copy of the state sends."""
    from stageauto.runner.simulate import Simulation

    with session.store.copy_to_memory() as copy:
        with copy.read() as state:
            known = {one.id for one in state.deliveries()}
            waiting = {one.id for one in (*state.deliveries(state=PENDING), *state.running_deliveries())}
        with Simulation(workspace, now, store=copy) as simulation:
            simulation.advance(until)
            simulation.flush()
            items: dict[str, Item | None] = {}
            for one in simulation.state.deliveries(state=DONE):
                if one.id in known and one.id not in waiting:
                    continue
                if one.item not in items:
                    items[one.item] = simulation.state.item(one.item)
                item = items[one.item]
                if item is not None:
                    first = one.run in pending and one.id == f"{one.run}:1"
                    how = OUTBOX if one.id in waiting else PLANNED if first else FOLLOWS
                    yield _delivered(one, item, one.sent_at or now, how)
