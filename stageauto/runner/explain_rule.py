"""Why a rule did, did not or will not run for an item: read from its history, never guessed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stageauto.engine import visits
from stageauto.engine.gates import Gate, gate_of
from stageauto.engine.schedule import Due, work_out
from stageauto.engine.state import CANCELLED, DONE, FAILED, PENDING, RUNNING, UNKNOWN, WAITING
from stageauto.engine.visits import GOES_ON
from stageauto.runner.explained import (
    DID,
    DID_NOT,
    NOT_RECORDED,
    PERHAPS,
    RULE,
    WAITS,
    WILL,
    WILL_NOT,
    Answer,
    Case,
    Check,
    said,
)
from stageauto.runner.facts import why_then

if TYPE_CHECKING:
    from stageauto.engine.calendars import Calendar
    from stageauto.engine.model import Pipeline, Rule
    from stageauto.engine.state import Delivery, Run
    from stageauto.runner.traces import RunTrace, Visit

_BEFORE_ITS_TIME = (Gate.CHAIN, Gate.DATE, Gate.PAST, Gate.HOURS, Gate.DUE)
QUIET = "quiet hours"
"""What stands at a delivery that they put off."""
_MESSAGES = (Gate.ADDRESS, Gate.OPT_OUT, Gate.EXCEPTIONS, Gate.CAP)


@dataclass(frozen=True, slots=True)
class _Stop:
    """The first gate that says no, with what decided."""

    gate: Gate
    detail: str = ""
    at: int | None = None


def explain_rule(case: Case, pipeline: Pipeline, rule: Rule) -> Answer:
    """The answer for one rule: of the item's present visit, else of its last one in the rule's stage."""
    names = {rule.id, *(old for old, new in pipeline.renamed.items() if new == rule.id)}
    runs = [run for run in case.traces.runs_of(names, pipeline.id) if run.stage == rule.stage]
    here = (case.item.pipeline, case.item.stage) == (pipeline.id, rule.stage) and not case.item.deleted
    run = runs[-1] if runs else None
    if run is not None and here and run.visit != case.item.visit and not _living(case, run):
        run = None  # it ran in a visit before this one
    if run is None:
        return _never_set_going(case, pipeline, rule, runs, here=here)
    return _of_run(case, rule, run, runs)


def explain_gone(case: Case, name: str) -> Answer | None:
    """The answer for a rule that the files have no longer; None where the history does not know it either."""
    runs = [run for run in case.traces.runs.values() if run.rule == name]
    if not runs:
        return None
    run = max(runs, key=lambda one: one.visit)
    verdict, gate = _verdict(case, run)
    what = _ended(case, run, name, verdict, gate)
    sentence = f"{what}; the rule is gone from the files"
    return Answer(
        RULE, name, verdict, sentence, gate, run.at, run.because, run.values, (Check(Gate.IN_FILES, passed=False),),
        stage=run.stage, pipeline=case.item.pipeline,
    )  # fmt: skip


# -- it was never set going -------------------------------------------------------------------------------------------


def _never_set_going(case: Case, pipeline: Pipeline, rule: Rule, before: Sequence[RunTrace], *, here: bool) -> Answer:
    visits = case.traces.visits_of(pipeline.id, rule.stage)
    visit = visits[-1] if visits else None
    if here and (visit is None or visit.number != case.item.visit):
        visit = None  # the line of this entry is gone
    stop = _why_not_begun(case, rule, visit, here=here)
    checks = [Check(Gate.IN_FILES, passed=True)]
    checks.append(Check(Gate.ENABLED, passed=stop.gate is not Gate.ENABLED))
    if stop.gate is not Gate.ENABLED:
        known = None if stop.gate is Gate.NOT_RECORDED else stop.gate is not Gate.STAGE
        checks.append(Check(Gate.STAGE, known, stop.detail if stop.gate is Gate.STAGE else _stay(case, visit)))
    if stop.gate in (Gate.ADDED_LATER, Gate.NOT_RECORDED):
        checks.append(Check(stop.gate, passed=False if stop.gate is Gate.ADDED_LATER else None, text=stop.detail))
    verdict = NOT_RECORDED if stop.gate is Gate.NOT_RECORDED else DID_NOT
    sentence = f"`{rule.id}` did not run: {said(stop.gate, foreseen=False)}"
    if verdict == NOT_RECORDED:
        sentence = f"whether `{rule.id}` ran cannot be said: {said(stop.gate, foreseen=False)}"
    return Answer(
        RULE, rule.id, verdict, _with(sentence, stop.detail), stop.gate, stop.at, stop.detail, checks=tuple(checks),
        place=rule.place, stage=rule.stage, pipeline=pipeline.id, title=rule.name, notes=tuple(_earlier(case, before)),
    )  # fmt: skip


def _why_not_begun(case: Case, rule: Rule, visit: Visit | None, *, here: bool) -> _Stop:
    if not rule.enabled:
        return _Stop(Gate.ENABLED)
    if visit is not None:
        return _Stop(Gate.ADDED_LATER, f"the item came into `{rule.stage}` at {case.local(visit.at)}", visit.at)
    if here or not case.traces.complete:
        return _Stop(Gate.NOT_RECORDED)
    if case.item.deleted:
        return _Stop(Gate.STAGE, f"it never was, until it was deleted at {case.local(case.traces.deleted_at)}")
    since = case.local(case.item.stage_entered_at)
    return _Stop(Gate.STAGE, f"it never was; it is in `{case.item.stage}` since {since}")


def _stay(case: Case, visit: Visit | None) -> str:
    if visit is None:
        return ""
    until = f", left at {case.local(visit.until)}" if visit.until is not None else ""
    return f"entered {visit.stage} at {case.local(visit.at)}{until}"


# -- it was set going -------------------------------------------------------------------------------------------------


def _living(case: Case, run: RunTrace) -> Run | None:
    found = case.item.runs.get(run.id)
    return found if found is not None and found.living else None


def _of_run(case: Case, rule: Rule, run: RunTrace, runs: Sequence[RunTrace]) -> Answer:
    live = _living(case, run)
    notes = [*_moved(case, run), *_repeated(case, run), *_earlier(case, [one for one in runs if one is not run])]
    if not rule.enabled:
        notes.append("the rule is disabled now")
    if live is not None:
        run.due = live.due if live.state == PENDING and not live.open_deliveries else run.due
        stop = _waiting(case, rule, live)
        outlook = _outlook(case, rule, live)
        why = stop.detail if stop.gate is Gate.DUE else _with(_yet(stop.gate), stop.detail)
        sentence = f"`{rule.id}` has not run yet: {why}"
        if outlook is not None and outlook.passed is False:
            notes.insert(0, f"as things stand now it would be skipped: {outlook.text}")
        checks = tuple(_checks(case, rule, run, stop.gate, stop.detail, outlook))
        return Answer(
            RULE, rule.id, WAITS, sentence, stop.gate, stop.at, stop.detail, checks=checks, place=rule.place,
            stage=rule.stage, pipeline=rule.pipeline, title=rule.name, notes=tuple(notes),
        )  # fmt: skip
    _fill(case, run)
    verdict, gate = _verdict(case, run)
    sentence = _ended(case, run, rule.id, verdict, gate)
    if gate is Gate.CONDITION and not run.values and not run.because:
        notes.append("the values it was asked of are not recorded")
    checks = tuple(_checks(case, rule, run, gate, run.because, None))
    return Answer(
        RULE, rule.id, verdict, sentence, gate, run.at, run.because, run.values, checks, rule.place, rule.stage,
        rule.pipeline, rule.name, notes=tuple(notes), over=run.id not in case.item.runs,
    )  # fmt: skip


def _fill(case: Case, run: RunTrace) -> None:
    """What the item itself still knows of a run whose line of history is gone."""
    kept = case.item.runs.get(run.id)
    if kept is not None and not run.outcome:
        run.outcome, run.code, run.because, run.at = kept.state, kept.code, kept.because, kept.finished_at


def _verdict(case: Case, run: RunTrace) -> tuple[str, Gate | None]:
    if not run.outcome:
        return NOT_RECORDED, Gate.NOT_RECORDED
    gate = gate_of(run.outcome, run.code, sent=_was_tried(case, run))
    if run.outcome == UNKNOWN:
        return PERHAPS, gate
    foreseen = case.simulated(run.seq)
    if run.outcome == DONE:
        return (WILL if foreseen else DID), None
    return (WILL_NOT if foreseen else DID_NOT), gate


def _was_tried(case: Case, run: RunTrace) -> bool:
    if run.tries or run.sent:
        return True
    return run.outcome == FAILED and any(one.attempts for one in case.state.deliveries_of_run(run.id))


def _ended(case: Case, run: RunTrace, name: str, verdict: str, gate: Gate | None) -> str:
    at = f" at {case.local(run.at)}" if run.at is not None else ""
    if gate is None:
        what = "will run" if verdict == WILL else "ran"
        return _with(f"`{name}` {what}{at}", run.because)
    if verdict == NOT_RECORDED:
        return f"whether `{name}` ran cannot be said: {said(gate, foreseen=False)}"
    verb = {PERHAPS: "perhaps ran", WILL_NOT: "will not run"}.get(verdict, "did not run")
    return _with(f"`{name}` {verb}: {said(gate, foreseen=verdict == WILL_NOT)}{at}", run.because)


def _with(sentence: str, detail: str) -> str:
    return f"{sentence}: {detail}" if detail else sentence


# -- it is still to come ----------------------------------------------------------------------------------------------


def _yet(gate: Gate) -> str:
    """The gate's answer while it lasts."""
    return gate.no.format(was="is")


def _waiting(case: Case, rule: Rule, run: Run) -> _Stop:
    """What a living run waits for first."""
    kind, _, what = run.waiting_for.partition(":")
    if run.state == WAITING and kind == "field":
        return _Stop(Gate.DATE, f"it waits for `{what}`")
    if run.state == WAITING:
        return _Stop(Gate.CHAIN, _chain_now(case, run, what.split(",")))
    if case.item.on_hold and (run.due is None or run.due <= case.now):
        return _Stop(Gate.HOLD, case.item.hold_reason, run.due)
    if run.held:
        return _Stop(Gate.HOLD, "it waits for a look: `stageauto resume --all` lets it go", run.due)
    if run.open_deliveries:
        quiet = any(one.error == QUIET for one in _unsent(case, run))
        return _Stop(Gate.QUIET_HOURS if quiet else Gate.SENDING, _sending(case, run), run.due)
    if run.state == RUNNING and run.until:
        return _Stop(Gate.WAITING, f"until {case.local(run.due)}" if run.due else "", run.due)
    put_off = _put_off(case, rule, run)
    if put_off is not None:
        return put_off
    detail = f"it is due at {case.local(run.due)} ({why_then(rule)})"
    if case.item.on_hold:
        detail += f"; the item is on hold: {case.item.hold_reason}"
    return _Stop(Gate.DUE, detail, run.due)


def _put_off(case: Case, rule: Rule, run: Run) -> _Stop | None:
    """Whether only opening or quiet hours keep it, its moment having come."""
    if run.due is None or run.base is None or run.count:
        return None
    draft, item = case.draft, case.item
    when, own_base = visits.when_of(item, rule)
    base = run.base if own_base is None else own_base
    value = visits.field_moment(draft, item, when.field) if when.field is not None else None
    zone, working, hours = case.workspace.zone, case.workspace.working, visits.calendar_of(draft, item, rule)

    def moment(calendar: Calendar | None) -> int | None:
        found = work_out(when, base=base, now=run.scheduled_at, value=value, zone=zone, hours=calendar, working=working)
        return found.at if isinstance(found, Due) else None

    plain, opened = moment(None), moment(hours)
    if plain is None or opened is None or plain > case.now:
        return None
    detail = f"its moment was {case.local(plain)}, it is put off to {case.local(run.due)}"
    if run.due > opened and visits.quiet_of(draft, item, rule) is not None:
        return _Stop(Gate.QUIET_HOURS, detail, run.due)
    return _Stop(Gate.HOURS, f"{detail} by `{rule.hours}`", run.due) if opened > plain else None


def _unsent(case: Case, run: Run) -> list[Delivery]:
    return [one for one in case.state.deliveries_of_run(run.id) if one.state in (PENDING, RUNNING)]


def _chain_now(case: Case, run: Run, names: Sequence[str]) -> str:
    states = {one.rule: one for one in case.item.runs.values() if one.visit == run.visit}
    parts = []
    for name in names:
        before = states.get(name)
        due = f", due at {case.local(before.due)}" if before and before.due is not None else ""
        parts.append(f"`{name}` is {before.state if before else 'not there'}{due}")
    return " and ".join(parts)


def _sending(case: Case, run: Run) -> str:
    waiting = _unsent(case, run)
    for one in waiting:
        if one.attempts and one.error:
            return f"try {one.attempts} failed, the next is at {case.local(one.due)}: {one.error}"
        if one.error:
            return f"it goes at {case.local(one.due)}: {one.error}"
    return "it waits in the outbox" if waiting else ""


def _outlook(case: Case, rule: Rule, run: Run) -> Check | None:
    """What the condition of a run to come would say now."""
    if run.state == RUNNING:
        return None
    if rule.once_item and rule.id in case.item.used:
        return Check(Gate.ONCE, passed=False, text="once in the item's life, and it was done before")
    if rule.condition is None:
        return None
    event = case.item.entry_event if run.visit == case.item.visit else None
    verdict = case.asked_now(rule.condition, event=event, visit=run.visit)
    return Check(Gate.CONDITION, verdict.holds, verdict.because)


# -- the gates one after another --------------------------------------------------------------------------------------


def _checks(
    case: Case, rule: Rule, run: RunTrace, stop: Gate | None, detail: str, outlook: Check | None
) -> Iterator[Check]:
    """All gates that stand before this rule, in order: those before the one that said no were passed."""
    over = False
    for gate, text in _gates(case, rule, run, stop):
        if gate is stop:
            over = True
            yield Check(gate, passed=False, text=detail)
        elif not over:
            yield Check(gate, passed=_passed(gate, stop), text=text)
        elif outlook is not None and outlook.gate is gate:
            yield Check(gate, passed=None, text=f"now: {'yes' if outlook.passed else 'no'}: {outlook.text}")
        else:
            yield Check(gate, passed=None)
    if stop is not None and not over:
        yield Check(stop, passed=False, text=detail)


def _passed(gate: Gate, stop: Gate | None) -> bool | None:
    """Where the run was cancelled from outside, what it had passed by then is not written."""
    ended_from_outside = stop in (Gate.LEFT, Gate.STOPPED, Gate.DELETED, Gate.NOT_RECORDED)
    return None if ended_from_outside and gate in _BEFORE_ITS_TIME else True


def _gates(case: Case, rule: Rule, run: RunTrace, stop: Gate | None) -> Iterator[tuple[Gate, str]]:
    if stop in (Gate.IN_FILES, Gate.ENABLED):
        yield Gate.STAGE, _stay(case, case.traces.visit(run.visit))
        yield stop, ""
        return
    yield Gate.ENABLED, ""
    yield Gate.STAGE, _stay(case, case.traces.visit(run.visit))
    if rule.after:
        yield Gate.CHAIN, _chain(case, rule, run)
    if rule.when.field is not None:
        yield Gate.DATE, rule.when.field
    if rule.when.if_past == "skip" or stop is Gate.PAST:
        yield Gate.PAST, ""
    if rule.hours is not None or stop is Gate.HOURS:
        yield Gate.HOURS, rule.hours or ""
    if (run.due is not None or stop is Gate.DUE) and stop is not Gate.QUIET_HOURS:
        yield Gate.DUE, f"due at {case.local(run.due)} ({why_then(rule)})"
    if stop in (Gate.LEFT, Gate.STOPPED, Gate.DELETED, Gate.HOLD):
        yield stop, ""
    if rule.when.if_late != "run":
        yield Gate.LATE, ""
    if stop is Gate.QUIET_HOURS or any(line.data.get("reason") == "quiet_hours" for line in run.moves):
        yield Gate.QUIET_HOURS, "they put it off"
    if rule.once_item:
        yield Gate.ONCE, ""
    if rule.condition is not None:
        yield Gate.CONDITION, rule.condition.source
    yield from _outcome_gates(case, rule, run, stop)


def _outcome_gates(case: Case, rule: Rule, run: RunTrace, stop: Gate | None) -> Iterator[tuple[Gate, str]]:
    last = (Gate.VALUES, Gate.LOOP_GUARD, Gate.WAITING)
    if stop in last:
        yield stop, ""
    if not rule.action.message_kind():
        return
    capped = case.workspace.limits.messages_per_contact is not None
    for gate in _MESSAGES:
        if stop is gate or gate is Gate.ADDRESS or (rule.action.to_customer() and (gate is not Gate.CAP or capped)):
            yield gate, ""
    if stop in (Gate.SENDING, Gate.SETTLED):
        yield stop, ""
    elif run.sent or stop is Gate.PROVIDER:
        yield Gate.PROVIDER, ", ".join(str(line.data.get("to")) for line in run.sent)


def _chain(case: Case, rule: Rule, run: RunTrace) -> str:
    """How the rules before it ended in that visit."""
    parts = []
    for name in rule.after:
        ends = [one for one in case.traces.runs.values() if one.rule == name and one.visit == run.visit and one.outcome]
        if ends:
            fine = "" if ends[-1].outcome in GOES_ON else f" ({ends[-1].code or CANCELLED})"
            parts.append(f"`{name}` {ends[-1].outcome} at {case.local(ends[-1].at)}{fine}")
    return ", ".join(parts)


def _moved(case: Case, run: RunTrace) -> Iterator[str]:
    for line in run.moves:
        was, due = case.local(line.data.get("was")) or "no time", case.local(line.data.get("due")) or "no time"
        yield f"its moment moved from {was} to {due} at {case.local(line.at)} ({line.data.get('reason')})"


def _repeated(case: Case, run: RunTrace) -> Iterator[str]:
    if run.repeats:
        last = run.repeats[-1]
        because = last.data.get("because") or ""
        times = "once" if len(run.repeats) == 1 else f"{len(run.repeats)} times"
        yield _with(f"{times} before, last {last.data.get('outcome')} at {case.local(last.at)}", because)


def _earlier(case: Case, runs: Sequence[RunTrace]) -> Iterator[str]:
    """What became of it in earlier visits."""
    for run in runs[-3:]:
        if run.outcome:
            was = "will be" if case.simulated(run.seq) else "was"
            yield _with(f"in visit {run.visit} it {was} {run.outcome} at {case.local(run.at)}", run.because)
