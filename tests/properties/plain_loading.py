"""What SEMANTICS 29-31 say of loading, in the plainest words that can be run: the other opinion on `plan` and `load`.

It shares no code with adoption or with the reckoning of moments. It reads the new files as plain YAML and knows only
what the random pipelines and edits use; moments are ms UTC.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import yaml

from stageauto.engine.state import Item
from tests.properties.random_edits import Files

LIVING = ("pending", "waiting", "running")
STOPS = ("cancelled", "failed", "undeliverable")
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
ZONES = {"UTC": 0, "Asia/Tokyo": 9 * HOUR}
OUTSIDE = {"send_email": "mail"}
UNITS = {"m": MINUTE, "h": HOUR, "d": DAY}


@dataclass
class Line:
    """A run as far as loading looks at it."""

    id: str
    rule: str
    visit: int
    state: str
    due: int | None
    base: int | None
    since: int  # when its moment was worked out
    keep: bool
    waits: str  # "", field or rules
    count: int
    anchor: int | None
    postponed: bool = False
    new: bool = False


@dataclass
class Foretold:
    """What loading means for one item."""

    moved: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    added: dict[str, int | None] = field(default_factory=dict)
    kept: int = 0
    due: set[str] = field(default_factory=set)
    sends: Counter[tuple[str, str]] = field(default_factory=Counter)
    to: str | None = None  # the stage it goes to


class Loading:
    """The new files, and the moment at which they are loaded."""

    def __init__(self, files: Files, now: int, catch_up: list[str]) -> None:
        pipeline = yaml.safe_load(files["pipelines/p.yaml"])
        head = yaml.safe_load(files["stageauto.yaml"])
        self.now = now
        self.catch_up = catch_up
        self.zone = ZONES[head["timezone"]]
        self.windows = {name: _window(one["daily"]) for name, one in head.get("calendars", {}).items()}
        self.users = head.get("users", {})
        self.stages = {stage["id"]: stage["rules"] for stage in pipeline["stages"]}
        self.rules = {rule["id"]: rule for rules in self.stages.values() for rule in rules}
        self.renamed = {one["from"]: one["to"] for one in pipeline.get("renamed", ())}
        self.moved = {one["from"]: one["to"] for one in pipeline.get("moved", ())}

    def of(self, item: Item) -> Foretold:
        """What becomes of the item."""
        told = Foretold()
        if item.deleted:
            return told
        lines = [
            Line(
                run.id, run.rule, run.visit, run.state, run.due, run.base, run.scheduled_at, run.keep,
                run.waiting_for.partition(":")[0], run.count, run.anchor, run.postponed,
            )
            for run in item.runs.values()
        ]  # fmt: skip
        before = {one.id: (one.state, one.due) for one in lines if one.state in LIVING}
        _Fitting(self, item, lines).all()
        if item.stage not in self.stages:
            told.to = self.moved[item.stage]
        for one in lines:
            was = before.get(one.id)
            if was is not None and one.state not in LIVING:
                told.cancelled.add(one.id)
            elif was is not None and one.due != was[1]:
                told.moved[one.id] = was[1], one.due
                self._soon(item, one, told)
            elif was is not None:
                told.kept += 1
            elif one.new and one.state in LIVING:
                told.added[one.id] = one.due
                self._soon(item, one, told)
        return told

    def _soon(self, item: Item, one: Line, told: Foretold) -> None:
        if one.due is None or item.on_hold:
            return
        if one.due <= self.now:
            told.due.add(one.id)
        does = self.rules[one.rule]["do"]
        if one.due <= self.now + HOUR and does in OUTSIDE:
            told.sends[does, OUTSIDE[does]] += 1


class _Fitting:
    """One item, while it is fitted to the new files."""

    def __init__(self, files: Loading, item: Item, lines: list[Line]) -> None:
        self.files = files
        self.now = files.now
        self.item = item
        self.lines = lines
        date = item.fields.get("date")
        self.date = date if date is None else int(datetime.fromisoformat(str(date)).timestamp() * 1000)

    def all(self) -> None:
        for one in self.lines:
            one.rule = self.files.renamed.get(one.rule, one.rule)
        for one in list(self.lines):
            if one.state in LIVING:
                self.fit(one)
        stage, visit = self.item.stage, self.item.visit
        if stage not in self.files.stages:
            stage, visit = self.files.moved[stage], visit + 1
            self.leave()
            self.begin(visit, [rule for rule in self.files.stages[stage] if rule.get("enabled", True)])
        for name in self.files.catch_up:
            here = any(rule["id"] == name for rule in self.files.stages[stage])
            if here and not any(one.rule == name and one.visit == visit for one in self.lines):
                self.begin(visit, [self.files.rules[name]])

    def fit(self, one: Line) -> None:
        rule = self.files.rules.get(one.rule)
        if rule is None or not rule.get("enabled", True):
            self.end(one, "cancelled")
            return
        if one.visit == self.item.visit:
            one.keep = rule.get("on_leave") == "keep"
        if one.waits == "rules":
            self.chain(one, rule)
        elif one.state != "running" and one.postponed:
            if one.due is not None and one.due > self.now:
                one.due = self.forward(rule, self.now)
        elif one.state != "running" and one.count:
            self.again(one, rule)
        elif one.state != "running":
            self.plan_again(one, rule)

    def leave(self) -> None:
        gone = [one for one in self.lines if one.state in LIVING and not one.keep]
        for one in gone:
            one.state, one.due = "cancelled", None
        for one in list(self.lines):
            if one.state == "waiting" and one.waits == "rules":
                self.chain(one, self.files.rules[one.rule])

    def begin(self, visit: int, rules: list[Any]) -> None:
        made = []
        for rule in rules:
            name = f"{self.item.id}.{visit}.{rule['id']}"
            made.append(Line(name, rule["id"], visit, "waiting", None, None, self.now, False, "", 0, None, new=True))
        self.lines += made
        for one, rule in zip(made, rules, strict=True):
            if any(other.rule in self.after(rule) and other.visit == visit for other in self.lines):
                self.chain(one, rule)
            else:
                self.plan(one, rule, self.now)

    def after(self, rule: Any) -> list[str]:
        after = rule.get("after", [])
        if after != "previous":
            return list(after)
        stage = next(rules for rules in self.files.stages.values() if rule in rules)
        above = [one["id"] for one in stage[: stage.index(rule)] if one.get("enabled", True)]
        return above[-1:]

    def chain(self, one: Line, rule: Any) -> None:
        named = self.after(rule)
        before = [
            other for other in self.lines if other.rule in named and other.visit == one.visit and other is not one
        ]
        states = [other.state for other in sorted(before, key=lambda other: named.index(other.rule))]
        for state in states:
            if state in STOPS:
                self.end(one, "cancelled")
                return
        if any(state in LIVING for state in states):
            one.state, one.due, one.waits = "waiting", None, "rules"
        else:
            self.plan(one, rule, self.now)

    def end(self, one: Line, outcome: str) -> None:
        one.state, one.due, one.waits = outcome, None, ""
        for other in list(self.lines):
            rule = self.files.rules.get(other.rule)
            waits = other.state == "waiting" and other.waits == "rules" and other.visit == one.visit
            if waits and rule is not None and one.rule in self.after(rule):
                self.chain(other, rule)

    # -- moments

    def again(self, one: Line, rule: Any) -> None:
        """A repetition that has begun counts on from its anchor; overdue is overdue."""
        every = rule.get("repeat", {}).get("every")
        assert one.due is not None
        if every is None or one.due <= self.now:
            return
        for since in (one.since, self.now):
            steps = one.count
            while (at := self.forward(rule, (one.anchor or 0) + steps * _span(every))) <= since:
                steps += 1
            if at == one.due:
                return
        one.due = at

    def plan_again(self, one: Line, rule: Any) -> None:
        """What would be found as of then and is the same stays; overdue stays overdue."""
        base = one.base if one.base is not None else self.now
        if one.state == "pending":
            if self.moment(rule, base, one.since) == one.due:
                return
            now = self.moment(rule, base, self.now)
            if (
                one.due is not None
                and one.due <= self.now
                and (now in ("past", "too late") or self.is_over(rule, base))
            ):
                return
        elif one.waits == "field" and self.moment(rule, base, self.now) == "missing":
            return
        self.plan(one, rule, base)

    def is_over(self, rule: Any, base: int) -> bool:
        """Whether its moment, wherever the hours then move it, is over or now."""
        at = self.moment(rule, base, -(10**15))
        return isinstance(at, int) and at <= self.now

    def plan(self, one: Line, rule: Any, base: int) -> None:
        found = self.moment(rule, base, self.now)
        if found == "missing":
            one.state, one.due, one.waits = "waiting", None, "field"
        elif isinstance(found, int):
            one.state, one.due, one.waits = "pending", found, ""
        else:
            self.end(one, "skipped")

    def moment(self, rule: Any, base: int, as_of: int) -> int | str:
        when = rule.get("when", {"delay": "0m"})
        kind = next(word for word in ("delay", "before", "after", "at") if word in when)
        span = _span(when.get("delay") or when.get("by") or "0m")
        if kind == "delay":
            at = base + span
        elif self.date is None:
            return "empty" if when.get("if_missing") == "skip" else "missing"
        else:
            at = self.date + (-span if kind == "before" else span)
        at = self.back(rule, at) if kind == "before" else self.forward(rule, at)
        if at >= as_of:
            return at
        if when.get("if_past") == "skip":
            return "past"
        at = self.forward(rule, as_of)
        return "too late" if kind == "before" and self.date is not None and at >= self.date else at

    def window(self, rule: Any) -> tuple[int, int] | None:
        hours = rule.get("hours")
        if hours == "responsible":
            hours = self.files.users.get(self.item.responsible, {}).get("calendar", "working")
        return self.files.windows.get(hours)

    def forward(self, rule: Any, at: int) -> int:
        window = self.window(rule)
        if window is None:
            return at
        midnight = (at + self.files.zone) // DAY * DAY - self.files.zone
        first, last = midnight + window[0], midnight + window[1]
        return first if at < first else at if at < last else first + DAY

    def back(self, rule: Any, at: int) -> int:
        window = self.window(rule)
        if window is None:
            return at
        midnight = (at + self.files.zone) // DAY * DAY - self.files.zone
        first, last = midnight + window[0], midnight + window[1]
        # The day before it is never open after `at`'s own time, which is before the opening: clamped up to that.
        return first - DAY if at < first else min(at, last)


def _span(text: str) -> int:
    return int(text[:-1]) * UNITS[text[-1]]


def _window(text: str) -> tuple[int, int]:
    first, last = text.split("-")
    return _time(first), _time(last)


def _time(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * HOUR + int(minutes) * MINUTE
