"""What is planned to be sent: as a table by day and hour, as CSV, as a calendar, as JSON."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from itertools import groupby
from typing import TYPE_CHECKING, Any

from stageauto.actions._ical import Appointment, published
from stageauto.engine.local import to_local
from stageauto.report.stats import bar
from stageauto.report.tables import Row, Table, safe
from stageauto.report.times import local, utc

if TYPE_CHECKING:
    from stageauto.runner.outlook import Outlook, Planned

_COLUMNS = ("at", "how", "do", "rule", "pipeline", "stage", "item", "title", "channel", "to")
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_QUARTER = 900_000
_MOST_NAMED = 30


def outlook_text(found: Outlook) -> Iterator[str | Table]:
    """A line for each hour in which something is to be sent."""
    zone = found.facts.zone
    hours = [(hour, list(ones)) for hour, ones in groupby(found.planned, lambda one: _hour(one, found))]
    most = max((len(ones) for _, ones in hours), default=0)
    rows: list[Row] = []
    before = ""
    for (day, hour), ones in hours:
        what = Counter(one.do for one in ones).most_common()
        rules = Counter(f"{one.pipeline}/{one.rule}" for one in ones).most_common()
        rows.append([
            "" if day == before else day, f"{hour:02d}:00", f"{len(ones):,}", bar(len(ones), most, 16),
            ", ".join(f"{count:,} {name}" for name, count in what), ", ".join(name for name, _ in rules),
        ])  # fmt: skip
        before = day
    empty = f"nothing is planned to be sent until {local(found.until, zone)}"
    yield Table(["day", "hour", "number", "", "what", "rules"], rows, empty=empty, right=frozenset({"number"}))
    if found.planned:
        how = "would be sent" if found.follow else "planned"
        yield f"{len(found.planned):,} {how} until {local(found.until, zone)} ({found.facts.timezone})"
    if found.held:
        yield f"{found.held:,} more wait for somebody: see `stageauto pending`"


def _hour(one: Planned, found: Outlook) -> tuple[str, int]:
    moment = to_local(one.at, found.facts.zone)
    return f"{moment:%a} {moment.date().isoformat()}", moment.hour


def outlook_csv(found: Outlook) -> str:
    """A row for each (RFC 4180); `at` is local. What a spreadsheet would take for a formula begins with a quote."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for one in found.planned:
        moment = to_local(one.at, found.facts.zone).isoformat(timespec="seconds")
        writer.writerow([moment, *(_cell(str(getattr(one, name))) for name in _COLUMNS[1:])])
    return out.getvalue()


def _cell(text: str) -> str:
    """One line, and no formula: https://owasp.org/www-community/attacks/CSV_Injection."""
    return f"'{safe(text)}" if text.startswith(_FORMULAS) or text.lstrip().startswith(_FORMULAS) else safe(text)


def outlook_ics(found: Outlook) -> str:
    """A calendar (RFC 5545) with an entry of a quarter of an hour for what one rule sends at one moment."""
    entries = []
    for (at, pipeline, rule), group in groupby(found.planned, lambda one: (one.at, one.pipeline, one.rule)):
        ones = list(group)
        titles = [one.title + (f" ({one.to})" if one.to else "") for one in ones]
        more = f"\nand {len(titles) - _MOST_NAMED:,} more" if len(titles) > _MOST_NAMED else ""
        uid = sha256(f"{at}/{pipeline}/{rule}".encode()).hexdigest()[:32]
        entries.append(Appointment(
            f"{uid}@stageauto", f"{len(ones):,} × {rule} ({ones[0].do}), {pipeline}", at, at + _QUARTER,  # noqa: RUF001
            found.now, "\n".join(titles[:_MOST_NAMED]) + more,
        ))  # fmt: skip
    return published(entries)


def outlook_data(found: Outlook) -> dict[str, Any]:
    """The JSON document."""
    hours = Counter(_hour(one, found) for one in found.planned)
    return {
        "from": utc(found.now), "until": utc(found.until), "follow": found.follow, "held": found.held,
        "planned": [{name: getattr(one, name) for name in _COLUMNS} | {"at": utc(one.at)} for one in found.planned],
        "hours": [{"day": day.split()[1], "hour": hour, "number": count} for (day, hour), count in hours.items()],
    }  # fmt: skip
