"""A run that is due: its gates, its action's plan, and what becomes of it (SEMANTICS 6-9, 13-14)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time

from stageauto.engine import visits
from stageauto.engine.apply import apply, misfit
from stageauto.engine.choosing import values_of
from stageauto.engine.doing import Doing
from stageauto.engine.draft import Draft
from stageauto.engine.durations import Duration, DurationError
from stageauto.engine.effects import Effect, End
from stageauto.engine.fields import BadValueError
from stageauto.engine.model import Event, Rule
from stageauto.engine.schedule import from_local, shift, to_local
from stageauto.engine.scope import Scope
from stageauto.engine.state import DONE, FAILED, RUNNING, SKIPPED, Item, Run
from stageauto.engine.template_faults import TemplateBudget

LATE = 60_000
"""A run that starts this many milliseconds after its moment is looked at again: are the hours still open?"""


def overdue(draft: Draft, item: Item, now: int) -> None:
    """Says of the item's open task whose deadline came first that it is overdue."""
    task_id = min(item.deadlines, key=lambda one: item.deadlines[one])
    del item.deadlines[task_id]
    draft.touch(item)
    task = draft.task(task_id)
    if task is not None and task.status == "open":
        data = {
            "task": task_id, "title": task.title, "assignee": task.assignee, "rule": task.rule, "stage": task.stage,
        }  # fmt: skip
        draft.record(now, "task_overdue", item.id, "stageauto", data)
        visits.emit(draft, item, "task.overdue", data, now, ())


def run_due(draft: Draft, item: Item, run: Run, now: int, *, by_hand: bool = False) -> None:
    """Decides a run: every gate in turn, then its action. `by_hand` (run-now) passes the gates of time."""
    rule = draft.rule_of(run)
    if rule is None or not rule.enabled:
        code, why = ("rule_removed", "is gone") if rule is None else ("rule_disabled", "is disabled")
        visits.cancel_run(draft, item, run, now, code, f"the rule {why}")
        return
    if run.due is not None and run.due > run.scheduled_at:
        run.cascade = ()  # a timer: what follows is not part of the cascade any more
    if run.state == RUNNING and run.until:
        end_wait(draft, item, run, rule, now, None)
        return
    if not by_hand:
        if (run.late or (run.due or now) < draft.late_before) and _too_late(draft, item, run, rule, now):
            return
        if (rule.hours or draft.workspace.limits.quiet) and _postponed(draft, item, run, rule, now):
            return
    if rule.once_item and run.rule in item.used:
        because = "once in the item's life, and it was done before"
        run.anchor = None  # it will not be otherwise the next time: a repetition is skipped as a whole
        visits.finish(draft, item, run, rule, now, SKIPPED, "once", because)
        return
    scope = Scope(draft, now, item, event=item.entry_event if run.visit == item.visit else None, visit=run.visit)
    if rule.condition is not None and not rule.condition.holds(scope):
        verdict = rule.condition.evaluate(scope)
        visits.finish(draft, item, run, rule, now, SKIPPED, "condition", verdict.because, values_of(verdict.leaves))
        return
    _act(draft, item, run, rule, scope, now)


def _too_late(draft: Draft, item: Item, run: Run, rule: Rule, now: int) -> bool:
    """`if_late`: the runner was down, or the item on hold, at the due moment."""
    due = run.due if run.due is not None else now
    if_late = rule.when.if_late
    run.late = False
    if if_late == "run":
        return False
    zone, working = draft.workspace.zone, draft.workspace.working
    if isinstance(if_late, Duration) and now <= shift(due, if_late, zone, working):
        return False
    because = f"was due at {to_local(due, zone):%Y-%m-%d %H:%M} and is late"
    visits.finish(draft, item, run, rule, now, SKIPPED, "late", because)
    return True


def _postponed(draft: Draft, item: Item, run: Run, rule: Rule, now: int) -> bool:
    """Moves a run that is outside its hours now (it is late) or inside the customer's quiet hours."""
    quiet = visits.quiet_of(draft, item, rule)
    calendar = visits.calendar_of(draft, item, rule)
    quiet_end = quiet.end_of(now) if quiet else None
    at: int | None = now if quiet_end is None else quiet_end
    if calendar is not None and at is not None and (at != now or now - (run.due or now) > LATE):
        at = calendar.next_open(at)
    if at == now:
        return False
    if at is None or _after_its_date(draft, item, rule, at):
        visits.finish(draft, item, run, rule, now, SKIPPED, "too_late", "the next allowed moment is after the date")
        return True
    reason = "quiet_hours" if quiet_end is not None else "hours"
    draft.record(
        now, "rescheduled", item.id, f"rule:{run.rule}",
        {"rule": run.rule, "run": run.id, "was": run.due, "due": at, "reason": reason},
    )  # fmt: skip
    run.due, run.postponed = at, True
    draft.touch(item)
    return True


def _after_its_date(draft: Draft, item: Item, rule: Rule, at: int) -> bool:
    if rule.when.kind != "before" or rule.when.field is None:
        return False
    moment = visits.field_moment(draft, item, rule.when.field)
    if isinstance(moment, date):
        moment = from_local(datetime.combine(moment, time()), draft.workspace.zone)
    return moment is not None and at >= moment


def _act(draft: Draft, item: Item, run: Run, rule: Rule, scope: Scope, now: int) -> None:
    doing = Doing(draft, item, run, rule, scope, now)
    run.state, run.decided_at, run.due = RUNNING, now, None
    if run.worst or run.code or run.because:  # of the occurrence before
        run.worst, run.code, run.because = "", "", ""
    run.open_deliveries = 0
    try:
        effects = rule.action.plan(doing)
        if doing.made:
            effects = [*effects, *doing.made]
    except (BadValueError, DurationError, TemplateBudget, ValueError) as error:
        visits.finish(draft, item, run, rule, now, FAILED, "bad_value", str(error))
        return
    ended = misfit(effects, doing) if len(effects) > 1 else None
    if ended is None:
        ended = _carried_out(effects, doing)
    if ended is not None:
        values = ended.values or doing.notes
        visits.finish(draft, item, run, rule, now, ended.outcome, ended.code, ended.because, values)
    elif not doing.waits and run.open_deliveries == 0:
        visits.finish(draft, item, run, rule, now, run.worst or DONE, run.code, run.because, doing.notes)
    else:
        draft.touch(item)
        if doing.waits:
            draft.record(now, "waiting", item.id, doing.author, {"rule": run.rule, "run": run.id, "due": run.due})
    for deed in doing.afterwards:
        deed()


def _carried_out(effects: Sequence[Effect], doing: Doing) -> End | None:
    """How the run ended at one of its effects; None where all were carried out."""
    try:
        for effect in effects:
            ended = apply(effect, doing)
            if ended is not None:
                return ended
    except BadValueError as error:
        return End(FAILED, "bad_value", str(error))
    return None


def end_wait(draft: Draft, item: Item, run: Run, rule: Rule | None, now: int, event: Event | None) -> None:
    """Ends a running `wait`: its time is over, or the customer did something."""
    ended_by = "timed_out" if event is None else "matched"
    run.result = {"ended_by": ended_by}
    because = "the time is over"
    if event is not None:
        run.cascade = event.cascade
        run.result["event"] = event.type
        because = f"{event.type} came"
    visits.finish(draft, item, run, rule, now, DONE, ended_by, because)


def match_waits(draft: Draft, item: Item, event: Event, *, customer: bool) -> bool:
    """Ends the item's waits that this event ends; True when one was."""
    matched = False
    for run in list(item.runs.values()):
        if run.state == RUNNING and run.until and (event.type in run.until or (customer and run.until == ("*",))):
            end_wait(draft, item, run, draft.rule_of(run), event.at, event)
            matched = True
    return matched
