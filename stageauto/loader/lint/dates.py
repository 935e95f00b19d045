"""Fixed dates that are past, and local times that the clocks skip."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from stageauto.engine.local import from_local, parse_local, wall
from stageauto.engine.model import Rule
from stageauto.loader.lint.view import Finding, View, rule_path, rules_of

_DATE: Final = len("2026-12-24")
_DAYS_LOOKED_AT: Final = 366
_FILE: Final = "stageauto.yaml"
_DAY: Final = 24 * 60

Gap = tuple[datetime, datetime]
"""From and until when the clock on the wall shows no time, on one local day."""


def past_dates(view: View) -> Iterator[Finding]:
    """`date-past`: a rule at a fixed moment that is over."""
    for pipeline in view.pipelines():
        for rule in rules_of(pipeline):
            moment = _fixed(rule, view.workspace.zone)
            if moment is None or not rule.enabled or moment >= view.now:
                continue
            skipped = rule.when.if_past == "skip"
            what = "never runs any more" if skipped else "runs at once in every visit of its stage"
            message = f"{rule.when.at} is past: the rule `{rule.id}` {what}"
            path = (*rule_path(pipeline, rule), "when", "at")
            yield Finding("date-past", pipeline.file, path, message, "write a date to come, or remove the rule")


def _fixed(rule: Rule, zone: ZoneInfo) -> int | None:
    """The last moment that the rule's fixed date can mean, ms UTC; None where it has none."""
    text = rule.when.at
    if text is None:
        return None
    moment = parse_local(text, zone)
    if rule.when.time is not None:
        hour, minute = rule.when.time
        return from_local(wall(moment, zone).replace(hour=hour, minute=minute, second=0, microsecond=0), zone)
    if len(text) == _DATE:  # with `hours` it may be any time of that day
        return from_local(wall(moment, zone) + timedelta(days=1), zone) - 1
    return moment


def skipped_times(view: View) -> Iterator[Finding]:
    """`time-in-gap`: a `time` on a fixed date on which the clocks skip it."""
    zone = view.workspace.zone
    for pipeline in view.pipelines():
        for rule in rules_of(pipeline):
            if rule.when.at is None or rule.when.time is None:
                continue
            hour, minute = rule.when.time
            meant = wall(parse_local(rule.when.at, zone), zone).replace(
                hour=hour, minute=minute, second=0, microsecond=0
            )
            found = wall(from_local(meant, zone), zone)
            if found != meant:
                message = f"the clocks skip {meant:%Y-%m-%dT%H:%M}: the rule `{rule.id}` will run at {found:%H:%M}"
                path = (*rule_path(pipeline, rule), "when", "time")
                yield Finding("time-in-gap", pipeline.file, path, message, "write a time that exists on that day")


def skipped_windows(view: View) -> Iterator[Finding]:
    """`window-in-gap`: a calendar opens or closes at a local time that the clocks skip within the next year."""
    calendars = view.workspace.calendars
    gaps = list(_gaps(view.workspace.zone, view.now)) if calendars else []
    for name, calendar in calendars.items():
        for gap in gaps:
            edge = _skipped_edge(calendar.week, gap)
            if edge:
                what, time = edge
                began, ended = gap
                message = (
                    f"on {began:%Y-%m-%d} the clocks skip {began:%H:%M} to {ended:%H:%M}, and the calendar `{name}` "
                    f"{what} at {time:%H:%M}: on that day it does at {time + (ended - began):%H:%M}"
                )
                hint = "nothing to do if that is right; else choose a time that is never skipped"
                yield Finding("window-in-gap", _FILE, ("calendars", name), message, hint, on_key=True)
                break


def _gaps(zone: ZoneInfo, now: int) -> Iterator[Gap]:
    """What the clocks of the zone skip in the next year."""
    day = wall(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    for _ in range(_DAYS_LOOKED_AT):
        following = day + timedelta(days=1)
        lost = timedelta(days=1) - timedelta(milliseconds=from_local(following, zone) - from_local(day, zone))
        if lost > timedelta():
            yield _gap_of(day, lost, zone)
        day = following


def _gap_of(day: datetime, lost: timedelta, zone: ZoneInfo) -> Gap:
    for minute in range(_DAY):
        time = day + timedelta(minutes=minute)
        if wall(from_local(time, zone), zone) != time:
            return time, time + lost
    return day, day


def _skipped_edge(week: tuple[tuple[tuple[int, int], ...], ...], gap: Gap) -> tuple[str, datetime] | None:
    """The first time in the gap at which a window opens or closes, with the word for it."""
    began, ended = gap
    midnight = began.replace(hour=0, minute=0)
    for back in (1, 0):  # a window of yesterday may close today
        day = midnight - timedelta(days=back)
        for start, end in week[day.weekday()]:
            opens, closes = day + timedelta(minutes=start), day + timedelta(minutes=end)
            if began <= opens < ended:
                return "opens", opens
            if began < closes < ended:
                return "closes", closes
    return None
