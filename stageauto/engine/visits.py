"""Visits: entering and leaving a stage, the runs that belong to a visit, when they are due, how they end, their chains.

SEMANTICS 1-3, 6-12, 14-15. Everything works on a draft, with `now` in ms UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from stageauto.engine.calendars import Calendar
from stageauto.engine.draft import Draft
from stageauto.engine.fields import READ_ONLY, moment
from stageauto.engine.model import Event, Rule, Stage
from stageauto.engine.schedule import (
    Due,
    Missing,
    NotDue,
    Quiet,
    Repeat,
    When,
    after_quiet,
    occurrence,
    work_out,
)
from stageauto.engine.state import (
    CANCELLED,
    DONE,
    FAILED,
    LIVING,
    PENDING,
    RUNNING,
    SKIPPED,
    SUPPRESSED,
    UNDELIVERABLE,
    UNKNOWN,
    WAITING,
    Activity,
    Item,
    Run,
)
from stageauto.engine.zones import zone_of

GOES_ON = (DONE, SKIPPED, SUPPRESSED)
STOPS = (FAILED, UNDELIVERABLE)

# -- entering and leaving --------------------------------------------------------------------------------------------


def enter(  # noqa: PLR0913 - a move, its author and what led to it
    draft: Draft,
    item: Item,
    stage: Stage,
    now: int,
    *,
    author: str,
    why: Mapping[str, Any],
    cascade: tuple[str, ...] = (),
    pipeline: str | None = None,
    event: Mapping[str, Any] | None = None,
    created: bool = False,
    silent: bool = False,
) -> None:
    """Starts a new visit: ends the old one, writes the move, schedules the stage's rules, emits `stage.entered`.

    `silent`: no event and no entry of the move (the given items of a scenario).
    """
    was, was_pipeline = item.stage, item.pipeline
    cancelled = [] if created else leave(draft, item, now, "left_stage", f"left the stage {was}", cascade=cascade)
    if not created:
        item.visit += 1
    item.pipeline = pipeline or item.pipeline
    item.stage = stage.id
    item.stage_entered_at = now
    item.closed = stage.closed
    item.entry_event = dict(event) if event else None
    cause = str(why.get("trigger") or why.get("rule") or why.get("event") or author)
    scheduled = start_rules(draft, item, [rule for rule in stage.rules if rule.enabled], now, cascade, cause)
    data: dict[str, Any] = {"from": None if created else was, "to": stage.id, "visit": item.visit, **why}
    if was_pipeline != item.pipeline:
        data["from_pipeline"] = was_pipeline
        data["pipeline"] = item.pipeline
    if cancelled:
        data["cancelled"] = cancelled
    data |= scheduled
    draft.record(now, "entered", item.id, author, data)
    if not silent:
        data = {"pipeline": item.pipeline, "stage": stage.id, "from": None if created else was}
        emit(draft, item, "stage.entered", data, now, cascade)


def leave(  # noqa: PLR0913 - what is cancelled, when and why
    draft: Draft,
    item: Item,
    now: int,
    code: str,
    because: str,
    *,
    everything: bool = False,
    cascade: tuple[str, ...] = (),
) -> list[list[Any]]:
    """Cancels what is pending from the visit and is not kept (`everything`: kept ones too); gives [run, rule] pairs.

    What was decided in this very moment, or is on the wire, still goes out: it was set off before the move.
    """
    cancelled: list[list[Any]] = []
    kept: list[Run] = []
    for run in item.runs.values():
        if run.state not in LIVING:
            continue
        if run.keep and not everything:
            kept.append(run)
            continue
        if run.state == RUNNING and run.open_deliveries and not everything and _on_its_way(draft, run, now):
            run.keep = True
            kept.append(run)
            continue
        cancel_run(draft, item, run, now, code, because, quiet=True)
        cancelled.append([run.id, run.rule, run.stage])
    for run in kept:  # it may have waited for one that was cancelled
        rule = draft.rule_of(run) if run.state == WAITING and run.waiting_for.startswith("rules") else None
        if rule is not None:
            check_chain(draft, item, run, rule, now)
    if not everything:
        _forget_old_visits(item, kept)
    if item.has_activities:
        _complete_activities(draft, item, now, cascade)
    draft.touch(item)
    return cancelled


def _on_its_way(draft: Draft, run: Run, now: int) -> bool:
    if run.decided_at == now:
        return True
    return any(one.state == RUNNING for one in draft.deliveries_of_run(run.id))


def _forget_old_visits(item: Item, kept: Sequence[Run]) -> None:
    """Drops the finished runs of visits that have nothing living left: the timeline has them."""
    alive = {run.visit for run in kept if run.state in LIVING}
    item.runs = {run_id: run for run_id, run in item.runs.items() if run.visit in alive} if alive else {}


def _complete_activities(draft: Draft, item: Item, now: int, cascade: tuple[str, ...]) -> None:
    for activity in draft.open_activities(item.id):
        if activity.complete_on_stage_change:
            complete_activity(draft, item, activity, now, cascade)


def complete_activity(
    draft: Draft, item: Item, activity: Activity, now: int, cascade: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Completes an activity and emits `activity.completed`; gives the event's data."""
    draft.put_activity(replace(activity, status="done", completed_at=now))
    data = {
        "activity": activity.id, "kind": activity.kind, "subject": activity.subject, "rule": activity.rule,
        "stage": activity.stage,
    }  # fmt: skip
    emit(draft, item, "activity.completed", data, now, cascade)
    return data


def emit(draft: Draft, item: Item, kind: str, data: Mapping[str, Any], now: int, cascade: tuple[str, ...]) -> None:
    """Queues an event that the engine makes about the item, where a trigger or a wait could hear it."""
    pipeline = draft.workspace.pipelines.get(item.pipeline)
    if pipeline is not None and kind not in pipeline.triggers_by_event and not _awaited(item, kind):
        return
    draft.emit(
        Event(id="", type=kind, at=now, source="stageauto", item=item.id, data=data, cascade=cascade, internal=True)
    )


def _awaited(item: Item, kind: str) -> bool:
    return bool([run for run in item.runs.values() if run.until and kind in run.until])


# -- setting rules going ---------------------------------------------------------------------------------------------


def start_rules(
    draft: Draft, item: Item, rules: list[Rule], now: int, cascade: tuple[str, ...], cause: str
) -> dict[str, Any]:
    """Makes a run of each rule in the current visit; gives what the timeline says of them.

    `scheduled`: [rule, due or None] of each; `quiet`: the moment from which quiet hours moved it, by rule.
    """
    made: list[tuple[Run, Rule]] = []
    for rule in rules:
        run = _new_run(draft, item, rule, now, cascade, cause)
        item.runs[run.id] = run
        made.append((run, rule))
    started = {rule.id for rule in rules}
    quiet: dict[str, int] = {}
    for run, rule in made:
        if not rule.after or (started.isdisjoint(rule.after) and not _has_predecessor(item, run, rule)):
            put_off = plan_run(draft, item, run, rule, now, now)
            if put_off is not None:
                quiet[run.rule] = put_off
        else:
            check_chain(draft, item, run, rule, now)
    draft.touch(item)
    said: dict[str, Any] = {"scheduled": [[run.rule, run.due] for run, _ in made]} if made else {}
    return said | {"quiet": quiet} if quiet else said


def _has_predecessor(item: Item, run: Run, rule: Rule) -> bool:
    return any(one.rule in rule.after and one.visit == run.visit for one in item.runs.values())


def new_run_id(item: Item, rule_id: str) -> str:
    """The id of a new run of the rule in the item's visit: `deal-1.2.rule`, and with a number from the second on."""
    base = f"{item.id}.{item.visit}.{rule_id}"
    run_id, again = base, 1
    while run_id in item.runs:
        again += 1
        run_id = f"{base}.{again}"
    return run_id


def _new_run(draft: Draft, item: Item, rule: Rule, now: int, cascade: tuple[str, ...], cause: str) -> Run:
    run = Run(rule.id, draft.next_seq(), now, WAITING, keep=rule.keep, cascade=cascade, cause=cause)
    run.id = new_run_id(item, rule.id)
    run.pipeline = item.pipeline
    run.stage = rule.stage
    run.visit = item.visit
    return run


# -- when it is due --------------------------------------------------------------------------------------------------


def calendar_of(draft: Draft, item: Item, rule: Rule) -> Calendar | None:
    """The calendar that the rule's `hours` mean for this item now."""
    if rule.hours is None:
        return None
    calendars = draft.workspace.calendars
    if rule.hours == "responsible":
        user = draft.workspace.users.get(item.responsible or "")
        return calendars.get((user.calendar if user else None) or "working")
    return calendars.get(rule.hours)


def quiet_of(draft: Draft, item: Item, rule: Rule) -> Quiet | None:
    """The customer's quiet hours, where the rule's action sends such a message to a customer."""
    limits = draft.workspace.limits
    if limits.quiet is None or rule.action.message_kind() not in limits.quiet_channels or not rule.action.to_customer():
        return None
    contact = draft.contact(item.contacts[0]) if item.contacts else None
    zone = zone_of(contact.timezone if contact else "", draft.workspace.zone)
    return Quiet(limits.quiet[0], limits.quiet[1], zone)


def when_of(item: Item, rule: Rule) -> tuple[When, int | None]:
    """The rule's `when`, and the base that goes with it where the action has a time of its own."""
    span = rule.action.delay_from_entry() if rule.action.own_time else None
    if span is None:
        return rule.when, None
    return When(kind="delay", by=span), item.stage_entered_at


def plan_run(draft: Draft, item: Item, run: Run, rule: Rule, base: int, now: int) -> int | None:
    """Works out when the run is due and writes that into it; it may be skipped or wait for a field instead.

    The item is for the caller to touch.
    Gives the moment from which the customer's quiet hours moved it, None where they did not.
    """
    run.base = base
    found = work_out_due(draft, item, rule, base, now)
    run.scheduled_at = now
    run.postponed = False
    if isinstance(found, Missing):
        run.state, run.due, run.waiting_for = WAITING, None, f"field:{found.field}"
        return None
    if isinstance(found, NotDue):
        run.anchor = None  # a repetition has not begun: it is skipped as a whole, not this once
        finish(draft, item, run, rule, now, SKIPPED, found.code, found.because)
        return None
    if run.waiting_for:
        if run.waiting_for.startswith("rules"):
            run.seq = draft.next_seq()  # it begins only now; all others keep the order of the file
        run.waiting_for = ""
    run.state = PENDING
    run.due = found.at
    if found.at > now:
        run.cascade = ()  # a timer: what follows is not part of the cascade any more
    if rule.repeat is not None and run.count == 0:
        run.anchor = found.at
        if rule.repeat.cron is not None:
            plan_occurrence(draft, item, run, rule, now)
    return found.quiet_from


def work_out_due(draft: Draft, item: Item, rule: Rule, base: int, now: int) -> Due | Missing | NotDue:
    """The rule's moment for this item (SEMANTICS 9)."""
    when, own_base = when_of(item, rule)
    workspace = draft.workspace
    quiet = None if workspace.limits.quiet is None else quiet_of(draft, item, rule)
    return work_out(
        when,
        base=base if own_base is None else own_base,
        now=now,
        value=None if when.field is None else field_moment(draft, item, when.field),
        zone=workspace.zone,
        hours=None if rule.hours is None else calendar_of(draft, item, rule),
        working=workspace.working,
        quiet=quiet,
    )


def field_moment(draft: Draft, item: Item, name: str) -> int | date | None:
    """The moment in a date or datetime field: ms UTC, a date, or None."""
    if name in READ_ONLY:
        return int(getattr(item, name))
    pipeline = draft.pipeline(item)
    field = pipeline.fields.get(name) if pipeline else None
    return moment(field, item.fields.get(name)) if field else None


def plan_occurrence(draft: Draft, item: Item, run: Run, rule: Rule, now: int) -> bool:
    """Sets the due moment of a repetition's next occurrence after `now`; False when there is none."""
    if rule.repeat is None or run.anchor is None:
        return False
    due = _occurrence(draft, item, rule, rule.repeat, run.anchor, run.count, now)
    if due is None:
        return False
    run.due, run.state, run.scheduled_at, run.postponed = due, PENDING, now, False
    return True


def _occurrence(  # noqa: PLR0913, PLR0917 - a repetition, where it stands, and the clocks it is counted on
    draft: Draft, item: Item, rule: Rule, repeat: Repeat, anchor: int, count: int, now: int
) -> int | None:
    workspace = draft.workspace
    hours = calendar_of(draft, item, rule)
    due = occurrence(repeat, anchor, count, workspace.zone, workspace.working, hours, now)
    quiet = quiet_of(draft, item, rule)
    return after_quiet(due, quiet, hours) if due is not None and quiet is not None else due


def replan(draft: Draft, item: Item, now: int, field: str, cascade: tuple[str, ...] = ()) -> None:
    """Works out due moments again that hang on a field that changed (SEMANTICS 8-9).

    `responsible` is the one whose calendar counts. What thereby becomes due at once is part of the change's cascade.
    """
    for run in list(item.runs.values()):
        if not run.living or run.state == RUNNING or run.waiting_for.startswith("rules") or run.open_deliveries:
            continue
        rule = draft.rule_of(run)
        if rule is None or run.base is None:
            continue
        if rule.when.field == field or (field == "responsible" and rule.hours == "responsible"):
            run.cascade = cascade
            replan_run(draft, item, run, rule, now, field)


def replan_run(draft: Draft, item: Item, run: Run, rule: Rule, now: int, reason: str) -> None:
    """Works one pending run's moment out again; the timeline shows was and now where it changed."""
    was = run.due
    if run.postponed and reason != rule.when.field:
        _postpone_again(draft, item, run, rule, now)
    elif (_goes_on if run.count else _stands)(draft, item, run, rule, now):
        if rule.repeat is not None and run.anchor is None and run.due is not None:
            run.anchor = run.due  # it was to run once, and repeats by its new definition
            draft.touch(item)
        return
    elif run.count:  # a repetition keeps its anchor; only where the calendar lets it run may change
        plan_occurrence(draft, item, run, rule, now)
    else:
        plan_run(draft, item, run, rule, run.base if run.base is not None else now, now)
    draft.touch(item)
    if run.living and run.due != was:
        data = {"rule": run.rule, "run": run.id, "was": was, "due": run.due, "reason": reason}
        draft.record(now, "rescheduled", item.id, f"rule:{run.rule}", data)


def _stands(draft: Draft, item: Item, run: Run, rule: Rule, now: int) -> bool:
    """True where a run stays as it is: the same moment, the same field that is empty, or overdue both ways.

    It is asked as of the scheduling, for a moment that was to come then is not past because it has come since. What is
    overdue stays so: `if_late` shall see it.
    """
    base = run.base if run.base is not None else now
    if run.state != PENDING or run.due is None:
        found = work_out_due(draft, item, rule, base, now)
        return isinstance(found, Missing) and run.waiting_for == f"field:{found.field}"
    if _planned(draft, item, run, rule, base) == run.due:
        return True
    if run.due > now:
        return False
    found = work_out_due(draft, item, rule, base, now)
    if isinstance(found, Due):
        return found.was_past or found.at <= now
    return isinstance(found, NotDue) and found.code in {"past", "too_late"}


def _postpone_again(draft: Draft, item: Item, run: Run, rule: Rule, now: int) -> None:
    """What is put off goes at the first moment that the hours and quiet hours of now allow; it is not past."""
    hours = calendar_of(draft, item, rule)
    at = hours.next_open(now) if hours is not None else now
    quiet = quiet_of(draft, item, rule)
    if at is not None and quiet is not None:
        at = after_quiet(at, quiet, hours)
    if at is not None and run.due is not None and run.due > now:
        run.due = at
        draft.touch(item)


def _goes_on(draft: Draft, item: Item, run: Run, rule: Rule, now: int) -> bool:
    """The same for a repetition that has begun: its next moment is the same, or overdue."""
    if run.due is None or run.due <= now or rule.repeat is None or run.anchor is None:
        return True
    return _occurrence(draft, item, rule, rule.repeat, run.anchor, run.count, run.scheduled_at) == run.due


def _planned(draft: Draft, item: Item, run: Run, rule: Rule, base: int) -> int | None:
    """The moment that was found when the run was scheduled, had its rule been then what it is now."""
    found = work_out_due(draft, item, rule, base, run.scheduled_at)
    if not isinstance(found, Due):
        return None
    if rule.repeat is None or rule.repeat.cron is None:
        return found.at
    return _occurrence(draft, item, rule, rule.repeat, found.at, 0, run.scheduled_at)


# -- how it ends -----------------------------------------------------------------------------------------------------


def finish(  # noqa: PLR0913, PLR0917 - a run and its outcome
    draft: Draft,
    item: Item,
    run: Run,
    rule: Rule | None,
    now: int,
    outcome: str,
    code: str = "",
    because: str = "",
    values: Mapping[str, Any] | None = None,
) -> None:
    """Ends an occurrence: the next one of a repetition is planned, else the run ends and its chain goes on."""
    if rule is not None and rule.repeat is not None and run.anchor is not None:
        run.count += 1
        if rule.repeat.times is None or run.count < rule.repeat.times:
            data = _ended(run, outcome, code, because, values)
            run.worst, run.open_deliveries, run.decided_at = "", 0, None
            if plan_occurrence(draft, item, run, rule, now):
                draft.record(now, "repeated", item.id, f"rule:{run.rule}", data)
                draft.touch(item)
                return
    if rule is not None and rule.once_item and outcome in (DONE, UNKNOWN):
        item.use_up(run.rule)
    end(draft, item, run, now, outcome, code, because, values)


def end(  # noqa: PLR0913, PLR0917 - a run and its outcome
    draft: Draft,
    item: Item,
    run: Run,
    now: int,
    outcome: str,
    code: str = "",
    because: str = "",
    values: Mapping[str, Any] | None = None,
) -> None:
    """Gives the run its outcome, writes it to the timeline, and lets its chain go on or stop."""
    run.state = outcome
    run.code = code
    run.because = because
    run.finished_at = now
    run.due = run.decided_at = None
    run.waiting_for = ""
    run.until = ()
    run.open_deliveries = 0
    draft.touch(item)
    draft.record(now, "outcome", item.id, f"rule:{run.rule}", _ended(run, outcome, code, because, values))
    follow(draft, item, run, now)


def _ended(run: Run, outcome: str, code: str, because: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
    data: dict[str, Any] = {"rule": run.rule, "run": run.id, "stage": run.stage, "outcome": outcome}
    if code:
        data["code"] = code
    if because:
        data["because"] = because
    if values:
        data["values"] = dict(values)
    return data


def cancel_run(  # noqa: PLR0913 - the run, when and why
    draft: Draft, item: Item, run: Run, now: int, code: str, because: str, *, quiet: bool = False
) -> None:
    """Cancels a living run and its unsent messages.

    `quiet`: the caller writes the timeline and the chain is left alone.
    """
    if run.open_deliveries or run.deliveries:
        for delivery in draft.deliveries_of_run(run.id):
            if delivery.state == PENDING:
                delivery.state, delivery.code, delivery.error = CANCELLED, code, because
                draft.put_delivery(delivery)
    if not quiet:
        end(draft, item, run, now, CANCELLED, code, because)
        return
    run.state = CANCELLED
    run.code = code
    run.because = because
    run.finished_at = now
    run.due = None
    run.open_deliveries = 0


# -- chains ----------------------------------------------------------------------------------------------------------


def follow(draft: Draft, item: Item, ended: Run, now: int) -> None:
    """Lets the runs that are chained to one that ended begin, or cancels them."""
    for run in item.runs.values():
        if run.state == WAITING:
            break
    else:
        return
    for run in list(item.runs.values()):
        if run.state == WAITING and run.waiting_for.startswith("rules") and run.visit == ended.visit:
            rule = draft.rule_of(run)
            if rule is not None and ended.rule in names_before(draft, item, run, rule):
                run.cascade = ended.cascade  # what the last one before it was part of, this one is part of
                check_chain(draft, item, run, rule, now)


def check_chain(draft: Draft, item: Item, run: Run, rule: Rule, now: int) -> None:
    """Begins a waiting run when all before it are finished, cancels it when one stops the chain (SEMANTICS 11)."""
    names = names_before(draft, item, run, rule)
    before = _latest_runs(item, run, names)
    waits: list[str] = []
    for name in names:
        one = before.get(name)
        if one is None:
            continue  # not in this visit: nothing to wait for
        if one.living or one.state == UNKNOWN:
            waits.append(name)
            continue
        if one.state == CANCELLED or (one.state in STOPS and not _continues(draft, one)):
            first = one.because.rpartition(" before it was cancelled: ")[2]  # what stopped a longer chain
            because = f"`{name}` before it was {one.state}" + (f": {first}" if first else "")
            cancel_run(draft, item, run, now, "chain_stopped", because)
            return
    if waits:
        run.state, run.due, run.waiting_for = WAITING, None, "rules:" + ",".join(waits)
        draft.touch(item)
        return
    put_off = plan_run(draft, item, run, rule, now, now)
    draft.touch(item)
    if put_off is not None:
        data = {"rule": run.rule, "run": run.id, "was": put_off, "due": run.due, "reason": "quiet_hours"}
        draft.record(now, "rescheduled", item.id, f"rule:{run.rule}", data)


def names_before(draft: Draft, item: Item, run: Run, rule: Rule) -> tuple[str, ...]:
    """The rules that a run waits for.

    One that this visit has no run of, for it was put into the file since, stands for what it would wait for itself:
    else what comes after it would go before what came first.
    """
    there = {one.rule for one in item.runs.values() if one.visit == run.visit and one is not run}
    if there.issuperset(rule.after):
        return rule.after
    pipeline = draft.workspace.pipelines.get(run.pipeline)
    names: dict[str, None] = {}
    ahead = list(reversed(rule.after))
    seen = {rule.id}
    while ahead:
        name = ahead.pop()
        if name in seen:
            continue
        seen.add(name)
        other = pipeline.rule(name) if pipeline is not None and name not in there else None
        if other is None:
            names[name] = None
        else:
            ahead.extend(reversed(other.after))
    return tuple(names)


def _latest_runs(item: Item, run: Run, names: Collection[str]) -> dict[str, Run]:
    return {
        one.rule: one for one in item.runs.values() if one.rule in names and one.visit == run.visit and one is not run
    }


def _continues(draft: Draft, run: Run) -> bool:
    rule = draft.rule_of(run)
    return rule is not None and rule.continue_on_failure
