"""Items that were imported with dates: when they came into which stage, told by their fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stageauto.engine.schedule import parse_local
from stageauto.engine.state import Item, Journal
from stageauto.errors import UsageError
from stageauto.loader.diagnostics import suggest

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from stageauto.engine.model import Pipeline

TYPES = ("date", "datetime")
AUTHOR = "backtest"


@dataclass(slots=True)
class Dates:
    """`fields`: stage -> the field that says when an item came there. Items are counted: taken, left out by reason."""

    pipeline: Pipeline
    fields: Mapping[str, str]
    taken: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def read_dates(pipeline: Pipeline, given: Sequence[str]) -> Dates:
    """What `STAGE=FIELD` words mean. Raises UsageError."""
    found: dict[str, str] = {}
    for text in given:
        stage, sign, name = (part.strip() for part in text.partition("="))
        if not sign or not name:
            raise UsageError(f"`{text}` is not STAGE=FIELD", "write it like won=close_date")
        if stage not in pipeline.stage_by_id:
            raise UsageError(f"{pipeline.id} has no stage `{stage}`", suggest(stage, pipeline.stage_by_id))
        known = pipeline.fields.get(name)
        if known is None or known.type not in TYPES:
            dates = [one.name for one in pipeline.fields.values() if one.type in TYPES]
            raise UsageError(f"{pipeline.id} has no date field `{name}`", suggest(name, dates))
        found[stage] = name
    return Dates(pipeline, found)


def dated_rows(dates: Dates, items: Sequence[Item], zone: ZoneInfo, until: int) -> list[Journal]:
    """The journal that these items would have, in order of time: entered, moved on, up to `until` (ms UTC)."""
    rows: list[Journal] = []
    for item in items:
        path = [step for step in _path(dates, item, zone) if step[0] <= until]
        if not path:
            dates.left_out["no date in any of the fields"] += 1
            continue
        dates.taken += 1
        rows += _rows(dates, item, path)
    return sorted(rows, key=lambda row: row.at)


def _path(dates: Dates, item: Item, zone: ZoneInfo) -> list[tuple[int, str]]:
    """(moment, stage) in order. Of won and lost stages only the one that the item is in counts."""
    found = []
    order = {stage.id: place for place, stage in enumerate(dates.pipeline.stages)}
    for stage, name in dates.fields.items():
        value = item.fields.get(name)
        if value is None or (dates.pipeline.stage_by_id[stage].closed and stage != item.stage):
            continue
        found.append((parse_local(str(value), zone), stage))
    return sorted(found, key=lambda one: (one[0], order[one[1]]))


def _rows(dates: Dates, item: Item, path: Sequence[tuple[int, str]]) -> list[Journal]:
    known = {dates.fields[stage]: at for at, stage in path}
    first_at, first = path[0]
    later = {name: item.fields[name] for name, at in known.items() if at > first_at}
    values = {name: value for name, value in item.fields.items() if name not in later}
    own = {"title": item.title, "responsible": item.responsible, "tags": list(item.tags), "source": item.source}
    data = {
        "pipeline": item.pipeline, "stage": first, "values": {**own, **values}, "contacts": list(item.contacts),
        "company": item.company, "created_at": first_at, "stage_entered_at": first_at, "rules": True,
    }  # fmt: skip
    rows = [_row(f"{item.id}.1", "import", item, first_at, data)]
    for number, (at, stage) in enumerate(path[1:], 2):
        told = {name: value for name, value in later.items() if known[name] == at}
        rows.append(_row(f"{item.id}.{number}-set", "set", item, at, {"values": told}))
        moved = {"to": stage, "pipeline": item.pipeline, "reason": "", "restart": False}
        rows.append(_row(f"{item.id}.{number}", "move", item, at, moved))
    return rows


def _row(name: str, what: str, item: Item, at: int, data: Mapping[str, object]) -> Journal:
    return Journal(
        id=f"{AUTHOR}:{name}", type=f"command.{what}", at=at, source=AUTHOR, author=AUTHOR, item=item.id, contact=None,
        data=dict(data),
    )  # fmt: skip
