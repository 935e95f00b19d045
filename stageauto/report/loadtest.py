"""What made-up items make of a pipeline: bars for people, counts for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from stageauto.engine.local import to_local
from stageauto.report.stats import bar
from stageauto.report.tables import Table, safe
from stageauto.report.times import local, span, utc
from stageauto.report.upkeep import counted
from stageauto.runner.loadtest import per_day

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from stageauto.engine.model import Pipeline
    from stageauto.runner.loadtest import LoadTest

_ROWS = 15
"""A chart has so many lines at the most; days share a line where there are more."""


def load_text(found: LoadTest, pipeline: Pipeline, zone: ZoneInfo) -> Iterator[str | Table]:
    """The charts: stages, messages a day, tasks, rules that did not do what they should; times in `zone`."""
    profile = found.profile
    yield safe(
        f"{profile.name}: {counted(found.items, 'item')} of {profile.pipeline} from {local(found.start, zone)} "
        f"to {local(found.end, zone)}, seed {found.seed}"
    )
    yield f"{counted(found.events, 'event')}, {counted(found.moves, 'move')} by hand"
    yield ""
    yield _stages(found, pipeline, zone)
    yield from _messages(found, zone)
    if found.tasks:
        yield ""
        yield f"tasks: {found.tasks:,} made, {found.tasks_done:,} done, {found.most_tasks:,} open at most"
    yield from _troubles(found)


def _stages(found: LoadTest, pipeline: Pipeline, zone: ZoneInfo) -> Table:
    most = max((one.most for one in found.crowds.values()), default=0)
    rows = []
    for stage in pipeline.stages:
        crowd = found.crowds[stage.id]
        share = f"{100 * crowd.entered / found.items:.0f}%" if found.items else ""
        rows.append((
            stage.id, bar(crowd.most, most), f"{crowd.entered:,}", share, f"{found.mean(stage.id):,.1f}",
            f"{crowd.most:,}", local(crowd.most_at, zone) if crowd.most else "", f"{crowd.here:,}",
        ))  # fmt: skip
    columns = ("stage", "at most", "came in", "of all", "mean", "most", "on", "at the end")
    return Table(columns, rows, right=frozenset(columns) - {"stage", "at most", "on"})


def _days(found: LoadTest, zone: ZoneInfo) -> list[str]:
    first, last = (to_local(at, zone).date() for at in (found.start, found.end - 1))
    return [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]


def _messages(found: LoadTest, zone: ZoneInfo) -> Iterator[str | Table]:
    days = _days(found, zone)
    for kind, counts in sorted(found.sent.items()):
        numbers = per_day(counts, days)
        top = max(numbers)
        yield ""
        mean = sum(numbers) / len(days)
        yield safe(f"{kind}: {sum(numbers):,}; {mean:,.1f} a day, {top:,} at most ({days[numbers.index(top)]})")
        step = -(-len(days) // _ROWS)
        parts = [(days[at], numbers[at : at + step]) for at in range(0, len(days), step)]
        most = max(max(part) for _, part in parts)
        first = "day" if step == 1 else f"{step} days from"
        rows = [
            (day, bar(sum(part) / len(part), most), f"{sum(part) / len(part):,.1f}", f"{max(part):,}")
            for day, part in parts
        ]
        yield Table((first, "", "a day", "most"), rows, right=frozenset({"a day", "most"}))


def _troubles(found: LoadTest) -> Iterator[str]:
    bad: Counter[str] = Counter()
    for counts in found.rules.values():
        bad.update({word: counts[word] for word in ("failed", "undeliverable", "suppressed", "unknown")})
    told = [f"{number:,} {word}" for word, number in bad.items() if number]
    if told or found.held:
        yield ""
        yield "rules that did not get through: " + (", ".join(told) or "none")
    if found.held:
        yield f"put on hold by the loop guard: {counted(found.held, 'item')}"


# -- JSON ------------------------------------------------------------------------------------------------------------


def load_data(found: LoadTest, zone: ZoneInfo) -> dict[str, Any]:
    """The JSON document; days are local."""
    days = _days(found, zone)
    return {
        "profile": _profile(found), "seed": found.seed, "start": utc(found.start), "end": utc(found.end),
        "items": found.items, "events": found.events, "moves": found.moves, "days": days,
        "stages": {
            name: {
                "entered": one.entered, "share": round(one.entered / found.items, 4) if found.items else 0,
                "mean": round(found.mean(name), 2), "most": one.most, "most_at": utc(one.most_at) if one.most else None,
                "at_the_end": one.here, "by_day": per_day(one.days, days),
            }
            for name, one in found.crowds.items()
        },
        "sent": {kind: _sent(per_day(counts, days)) for kind, counts in sorted(found.sent.items())},
        "rules": {name: dict(counts) for name, counts in sorted(found.rules.items())},
        "tasks": {"made": found.tasks, "done": found.tasks_done, "most_open": found.most_tasks},
        "held": found.held,
    }  # fmt: skip


def _sent(numbers: Sequence[int]) -> dict[str, Any]:
    return {"total": sum(numbers), "most": max(numbers), "by_day": list(numbers)}


def _profile(found: LoadTest) -> dict[str, Any]:
    """What the profile said, as it was understood: instructive where it was taken from history."""
    profile = found.profile
    tasks = {"chance": round(profile.tasks[0], 4), "between": _spans(profile.tasks[1])} if profile.tasks else None
    return {
        "profile": profile.name, "pipeline": profile.pipeline, "stage": profile.stage, "tasks": tasks,
        "fail": {name: round(share, 4) for name, share in profile.fail.items()},
        "happens": [
            {
                "in": list(one.stages), **({"emit": one.emit} if one.emit else {"move": one.move}),
                "chance": round(one.chance, 4), "between": _spans(one.between),
            }
            for one in profile.happens
        ],
    }  # fmt: skip


def _spans(between: tuple[int, int]) -> list[str]:
    return [span(one) for one in between]
