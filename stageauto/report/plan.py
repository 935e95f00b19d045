"""What loading files means, before and after it was done, as people and machines read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from stageauto.report.tables import safe
from stageauto.report.upkeep import counted, instant

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from stageauto.runner.adoption import Adoption, RunChange
    from stageauto.runner.changes import Change, Changes, Word
    from stageauto.runner.versions import Activated

_SIGNS = {"added": "+", "changed": "~", "renamed": ">", "removed": "-"}
_COLORS = {"+": "\033[32m", "~": "\033[33m", ">": "\033[36m", "-": "\033[31m", "!": "\033[1;33m"}
_OFF = "\033[0m"
_LONGEST = 60
_BEFORE = 20
"""Of two long texts, so many letters before the place where they part are shown."""
_MANY_SENDS = 20
_MOST_CHANGES = 40
_MOST_WORDS = 8
_MOST_RULES = 12
_MOST_NAMES = 5
_KINDS = ("moved", "cancelled", "added")
_PLURALS = {"calendar": "calendars", "intake": "intake entries"}


def plan_text(found: Changes, adoption: Adoption, zone: ZoneInfo, *, color: bool = False) -> Iterator[str]:
    """The plan, line by line, safe to show; times in `zone`. `color`: for a terminal."""
    if found.first:
        names = ", ".join(found.names("added", "pipeline"))
        yield safe(f"first version: {names or 'no pipeline'}, {counted(len(found.names('added', 'rule')), 'rule')}")
        return
    yield _heading(found)
    for change in found.changes[:_MOST_CHANGES]:
        yield from _change(change, color=color)
    yield from _cut(found.changes[_MOST_CHANGES:], color=color)
    yield from _items(adoption)
    yield from _pending(adoption, zone)
    yield from _warnings(found, adoption, zone, color=color)


def warns(found: Changes, adoption: Adoption, zone: ZoneInfo) -> bool:
    """True where the plan has a warning: who loads should have meant it."""
    return not found.first and any("warning: " in line for line in _warnings(found, adoption, zone, color=False))


def _heading(found: Changes) -> str:
    if not found.files:
        return f"nothing differs from version {found.number}"
    if not found.changes:
        return f"compared with version {found.number}: nothing but comments and spaces"
    return f"compared with version {found.number}:"


def _painted(sign: str, text: str, *, color: bool) -> str:
    return f"{_COLORS[sign]}{text}{_OFF}" if color else text


def _change(change: Change, *, color: bool) -> Iterator[str]:
    was = f" (was {change.before.rpartition('/')[2]})" if change.before else ""
    sign = _SIGNS[change.how]
    yield _painted(sign, safe(f"  {sign} {change.what} {change.name}{was}"), color=color)
    for word in change.words[:_MOST_WORDS]:
        yield safe(f"      {_word(word)}")
    if len(change.words) > _MOST_WORDS:
        yield f"      and {len(change.words) - _MOST_WORDS:,} more"


def _cut(changes: Sequence[Change], *, color: bool) -> Iterator[str]:
    """What is too much to name, by counts."""
    if changes:
        yield f"  and {counted(len(changes), 'change')} more, which --json lists:"
    for (how, what), number in Counter((one.how, one.what) for one in changes).items():
        sign = _SIGNS[how]
        yield _painted(sign, f"  {sign} {counted(number, what, _PLURALS.get(what, f'{what}s'))} {how}", color=color)


def _word(word: Word) -> str:
    name = f"{word.name}: " if word.name else ""
    if word.was is None:
        return f"{name}{_short(word.now)}  (new)"
    if word.now is None:
        return f"{name}{_short(word.was)}  (gone)"
    was, now = _line(word.was), _line(word.now)
    same = next((index for index, (one, other) in enumerate(zip(was, now, strict=False)) if one != other), len(was))
    skipped = _cut_at(was, same - _BEFORE) if max(len(was), len(now)) > _LONGEST and same > _BEFORE else 0
    return f"{name}{_short(was, skipped)} -> {_short(now, skipped)}"


def _cut_at(text: str, place: int) -> int:
    """The beginning of the word at that place; the place itself in a very long word."""
    word = text.rfind(" ", 0, place) + 1
    return word if place - word <= _BEFORE else place


def _line(text: str | None) -> str:
    return " ".join((text or "").split()) or '""'


def _short(text: str | None, skipped: int = 0) -> str:
    line = _line(text)
    line = f"...{line[skipped:]}" if skipped else line
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def _items(adoption: Adoption) -> Iterator[str]:
    moved = adoption.relocated
    if moved:
        yield f"items that go to another stage: {moved.total():,}"
    for (source, target), number in moved.most_common(_MOST_RULES):
        some = adoption.examples[source, target]
        more = ", ..." if number > len(some) else ""
        yield safe(f"  {source} -> {target}: {number:,} ({', '.join(some)}{more})")
    if len(moved) > _MOST_RULES:
        yield f"  and from {counted(len(moved) - _MOST_RULES, 'more stage')}"


def _pending(adoption: Adoption, zone: ZoneInfo) -> Iterator[str]:
    totals = [(kind, adoption.total(kind)) for kind in _KINDS]
    if not adoption.kept and not any(number for _, number in totals):
        return
    yield "pending runs: " + ", ".join([f"{adoption.kept:,} kept", *(f"{number:,} {kind}" for kind, number in totals)])
    for kind in _KINDS:
        rules = sorted((-number, rule) for (what, rule), number in adoption.counts.items() if what == kind)
        for count, rule in rules[:_MOST_RULES]:
            yield safe(f"  {kind} {rule}: {-count:,}")
            for one in getattr(adoption, kind):
                if one.rule == rule:
                    yield safe(f"      {one.item}: {_run(kind, one, zone)}")
        left = rules[_MOST_RULES:]
        if left:
            yield f"  {kind} of {counted(len(left), 'more rule')}: {-sum(count for count, _ in left):,}"


def _run(kind: str, one: RunChange, zone: ZoneInfo) -> str:
    if kind == "moved":
        return f"{_at(one.was, zone)} -> {_at(one.will, zone)}"
    if kind == "cancelled":
        return f"{_at(one.was, zone)}, {one.because}"
    return _at(one.will, zone)


def _at(ms: int | None, zone: ZoneInfo) -> str:
    return "waits" if ms is None else f"{datetime.fromtimestamp(ms / 1000, zone):%Y-%m-%d %H:%M}"


def _warnings(found: Changes, adoption: Adoption, zone: ZoneInfo, *, color: bool) -> Iterator[str]:
    due, sends = adoption.total("due"), adoption.sends.total()
    if due:
        yield f"{counted(due, 'run goes', 'runs go')} at once"
    if sends:
        what = ", ".join(
            f"{number:,} {do}{f' by {channel}' if channel else ''}"
            for (do, channel), number in adoption.sends.most_common()
        )
        many = sends >= _MANY_SENDS
        line = safe(f"{'warning: ' if many else ''}within the hour this sends {what}")
        yield _painted("!", line, color=color and many)
    at, number = adoption.later.worst()
    if number >= _MANY_SENDS:
        line = f"warning: {number:,} messages will go out within one hour, from {_at(at, zone)}"
        yield _painted("!", line, color=color)
    for old, new in found.silent:
        lost = adoption.counts["cancelled", old]
        if lost:
            was, now = old.rpartition("/")[2], new.rpartition("/")[2]
            renamed = f"`renamed: [{{from: {was}, to: {now}}}]` would keep {counted(lost, 'run')}"
            yield _painted("!", safe(f"warning: {now} has all words of {was}: {renamed}"), color=color)
    stages = set(found.names("added", "stage"))
    fresh = [
        name
        for name in found.names("added", "rule")
        if name.rpartition("/")[0] not in stages and not adoption.counts["added", name]
    ]
    if fresh:
        names = ", ".join(name.rpartition("/")[2] for name in fresh[:_MOST_NAMES])
        more = ", ..." if len(fresh) > _MOST_NAMES else ""
        yield safe(f"items that are in a stage already get no new rules of it ({names}{more}) without --catch-up RULE")


def plan_data(found: Changes, adoption: Adoption) -> dict[str, Any]:
    """The plan as JSON: `pending` has counts, `examples` the first few of each rule, `burst` the fullest hour."""
    at, number = adoption.later.worst()
    return {
        "version": found.number,
        "files": found.files,
        "changes": [
            {
                "how": one.how, "what": one.what, "name": one.name, "before": one.before or None,
                "words": [{"name": word.name, "was": word.was, "now": word.now} for word in one.words],
            }
            for one in found.changes
        ],
        "items": [
            {"from": source, "to": target, "count": number, "examples": adoption.examples[source, target]}
            for (source, target), number in adoption.relocated.items()
        ],
        "pending": {
            "kept": adoption.kept, **{kind: adoption.total(kind) for kind in ("moved", "cancelled", "added", "due")},
        },
        "sends": [
            {"do": do, "channel": channel or None, "count": number} for (do, channel), number in adoption.sends.items()
        ],
        "burst": {"from": instant(at), "count": number} if number else None,
        "looks_renamed": [{"from": old, "to": new} for old, new in found.silent],
        "rules": [{"rule": rule, "how": kind, "count": number} for (kind, rule), number in adoption.counts.items()],
        "examples": {
            kind: [_run_data(one) for one in getattr(adoption, kind)] for kind in ("moved", "cancelled", "added", "due")
        },
    }  # fmt: skip


def _run_data(one: RunChange) -> dict[str, Any]:
    moments = {"was": one.was, "will": one.will}
    return {
        "item": one.item, "run": one.run, "rule": one.rule,
        **{key: None if ms is None else instant(ms) for key, ms in moments.items()},
        "code": one.code, "because": one.because,
    }  # fmt: skip


def activated_text(done: Activated) -> str:
    """What `load` did, in a sentence."""
    if not done.changed:
        return f"version {done.number} is what the files say already: nothing was changed"
    made = done.adoption
    parts = [
        counted(number, one, many)
        for number, one, many in (
            (made.relocated.total(), "item moved", "items moved"),
            (made.total("moved"), "pending run has a new moment", "pending runs have a new moment"),
            (made.total("cancelled"), "pending run cancelled", "pending runs cancelled"),
            (made.caught_up, "rule caught up", "rules caught up"),
        )
        if number
    ]
    return f"version {done.number} is active" + (f": {', '.join(parts)}" if parts else "")


def activated_data(done: Activated, found: Changes) -> dict[str, Any]:
    """What `load` did, as JSON: the counts, and the plan that was carried out."""
    made = done.adoption
    return {
        "version": done.number, "changed": done.changed, "pipelines": list(done.pipelines), "items": made.items,
        "moved": made.relocated.total(), "rescheduled": made.total("moved"), "cancelled": made.total("cancelled"),
        "caught_up": made.caught_up, "plan": plan_data(found, made),
    }  # fmt: skip
