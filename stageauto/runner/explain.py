"""`explain`: the questions that may be asked, each answered in one snapshot, without writing anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stageauto.engine.permissions import AUTOMATION_READ
from stageauto.errors import UsageError
from stageauto.loader.diagnostics import suggest
from stageauto.runner.explain_event import MOST, EventAnswer, explain_event
from stageauto.runner.explain_rule import explain_gone, explain_rule
from stageauto.runner.explain_trigger import explain_trigger
from stageauto.runner.explained import Answer, Case
from stageauto.runner.look import Look, looking, moment

if TYPE_CHECKING:
    from stageauto.engine.model import Pipeline, Workspace
    from stageauto.engine.state import Item
    from stageauto.runner.session import Session
    from stageauto.store.sqlite import SqliteStore


@dataclass(frozen=True, slots=True)
class Explained:
    """The answers for an item: of the rule or trigger that was named, else of all of its stage and pipeline.

    `at`: the moment to come that was asked about, ms UTC; None for now.
    """

    item: Item
    answers: tuple[Answer, ...]
    whole: bool
    at: int | None
    version: int


def explain(session: Session, part: str, name: str | None = None, *, at: str | None = None) -> Explained:
    """Why a rule or trigger did, did not or will not. Raises UsageError, NotAllowedError, StateError."""
    with looking(session, AUTOMATION_READ) as look:
        item = look.item(part)
        workspace = session.workspace(look.state)
        until = None if at is None else _to_come(look, at, session.clock.now())
        if until is None:
            case = Case(look.state, workspace, item, session.clock.now())
            return _explained(case, name, None)
    with foreseen(session.store, workspace, item.id, session.clock.now(), until) as case:
        return _explained(case, name, until)


def _to_come(look: Look, text: str, now: int) -> int:
    found = moment(text, look.facts, now)
    if found < now:
        raise UsageError(f"`{text}` is past", "leave --at out: what was recorded then is told; or name a time to come")
    return found


@contextmanager
def foreseen(store: SqliteStore, workspace: Workspace, item_id: str, now: int, until: int) -> Iterator[Case]:
    """An item as of a moment to come: on a copy, with all that is due until then and nothing from outside."""
    from stageauto.runner.simulate import Simulation

    with store.copy_to_memory() as copy, Simulation(workspace, now, store=copy) as simulation:
        last = simulation.state.last_entry()
        simulation.advance(until)
        simulation.flush()
        then = simulation.state.item(item_id)
        assert then is not None
        yield Case(simulation.state, workspace, then, until, foreseen=last)


def _explained(case: Case, name: str | None, at: int | None) -> Explained:
    answers = everything(case) if name is None else [replace_title(one) for one in named(case, name)]
    return Explained(case.item, tuple(answers), name is None, at, case.state.active_number())


def replace_title(answer: Answer) -> Answer:
    """The answer, without a title that says no more than the id."""
    return replace(answer, title="") if answer.title == answer.name else answer


def everything(case: Case) -> list[Answer]:
    """All rules of the item's stage and all triggers of its pipeline, in the order of the file."""
    pipeline = case.pipeline
    if pipeline is None:
        return []
    stage = pipeline.stage_by_id.get(case.item.stage)
    rules = [explain_rule(case, pipeline, one) for one in (stage.rules if stage else ())]
    kept = {run.rule for run in case.item.runs.values() if run.living and run.stage != case.item.stage}
    others = [rule for name in sorted(kept) if (rule := pipeline.rule(name)) is not None]
    rules += [explain_rule(case, pipeline, one) for one in others]
    triggers = [explain_trigger(case, pipeline, one) for other in pipeline.stages for one in other.triggers]
    return [*rules, *triggers]


def named(case: Case, name: str) -> list[Answer]:
    """The answers for the rule or trigger of that id, in a pipeline that the item is or was in. Raises UsageError."""
    pipelines = _pipelines(case)
    for pipeline in pipelines:
        wanted = pipeline.renamed.get(name, name)
        found: list[Answer] = []
        for stage in pipeline.stages:
            found += [explain_rule(case, pipeline, one) for one in stage.rules if one.id == wanted]
            found += [explain_trigger(case, pipeline, one) for one in stage.triggers if one.id == wanted]
        if found:
            return found
    gone = explain_gone(case, name)
    if gone is not None:
        return [gone]
    stages = [stage for pipeline in pipelines for stage in pipeline.stages]
    known = [one.id for stage in stages for one in stage.rules] + [one.id for stage in stages for one in stage.triggers]
    where = ", ".join(one.id for one in pipelines) or case.item.pipeline
    raise UsageError(f"{where} has no rule or trigger `{name}`", suggest(name, known) or "see `stageauto explain ITEM`")


def _pipelines(case: Case) -> list[Pipeline]:
    """The item's pipeline first, then those it was in before."""
    ids = dict.fromkeys([case.item.pipeline, *(visit.pipeline for visit in reversed(case.traces.visits))])
    return [case.workspace.pipelines[one] for one in ids if one in case.workspace.pipelines]


# -- an event ---------------------------------------------------------------------------------------------------------


def event(session: Session, event_id: str) -> EventAnswer:
    """What the event of that id did, and who looked at it. Raises UsageError, NotAllowedError, StateError."""
    with looking(session, AUTOMATION_READ) as look:
        row = look.state.event(event_id)
        if row is None:
            hint = "it never came, or was pruned; the ids are in `stageauto timeline --json`"
            raise UsageError(f"no event `{event_id}` is recorded", hint)
        workspace = session.workspace(look.state)
        now = session.clock.now()
        cases: dict[str, Case | None] = {}
        for name in dict.fromkeys([*row.items, *([row.item] if row.item else [])]):
            item = look.state.item(name)
            seen = item is not None and look.may(item.pipeline)
            cases[name] = Case(look.state, workspace, item, now) if item and seen and len(cases) <= MOST else None
        anybody = next((case for case in cases.values() if case is not None), None)
        return explain_event(cases, row, anybody or _for_intake(look, workspace, now))


def _for_intake(look: Look, workspace: Workspace, now: int) -> Case:
    """A case about no item in particular: intake is asked before there is one."""
    from stageauto.engine.state import item_of

    return Case(look.state, workspace, item_of("", "", "", "", now, now), now)
