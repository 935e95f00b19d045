"""Values of fields: how what comes in is made fit for its type, and how it is read in templates.

Kept are JSON values: dates as `2026-03-05`, datetimes as ISO text with offset, money rounded to two places.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from stageauto.engine.model import MOMENTS, Field
from stageauto.engine.scalars import source_text
from stageauto.engine.schedule import from_local, parse_local, to_local
from stageauto.errors import UsageError

BUILT_IN: Mapping[str, Field] = {
    "title": Field("title", "string"),
    "responsible": Field("responsible", "user"),
    "tags": Field("tags", "string", multiple=True),
    "source": Field("source", "string"),
    "repeat": Field("repeat", "boolean"),
    "contact": Field("contact", "contact"),
    "contacts": Field("contacts", "contact", multiple=True),
    "company": Field("company", "company"),
}
"""Built-in fields that may be written like any other."""

READ_ONLY = ("id", "stage", "created_at", "stage_entered_at")
"""Built-in fields that only the engine writes."""


_MOST_NAMED = 5
_LONGEST_NAMED = 80


class BadValueError(UsageError):
    """A value does not fit its field."""


def _text(value: Any, _zone: ZoneInfo) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple | dict):
        raise ValueError("a text")
    return source_text(value)


def _line(value: Any, zone: ZoneInfo) -> Any:
    made = _text(value, zone)
    return made.strip("\r\n") if isinstance(made, str) else made


def _integer(value: Any, _zone: ZoneInfo) -> int:
    number = _number(value, _zone)
    if number != int(number):
        raise ValueError("a whole number")
    return int(number)


def _number(value: Any, _zone: ZoneInfo) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("a number")
    try:
        number = float(value) if not isinstance(value, int) else int(value)
    except ValueError:
        raise ValueError("a number") from None
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError("a finite number")
    return int(number) if number == int(number) and abs(number) < 1e15 else number


def _money(value: Any, zone: ZoneInfo) -> int | float:
    number = _number(value, zone)
    return number if isinstance(number, int) else _number(round(number, 2), zone)


def _boolean(value: Any, _zone: ZoneInfo) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().casefold()
    if text in ("true", "yes", "1", "on"):
        return True
    if text in ("false", "no", "0", "off"):
        return False
    raise ValueError("true or false")


def _date(value: Any, zone: ZoneInfo) -> str:
    if isinstance(value, datetime):
        return value.astimezone(zone).date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    text = str(value).strip()
    try:
        if len(text) > 10:
            return to_local(parse_local(text, zone), zone).date().isoformat()
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("a date such as 2026-12-24") from None


def _datetime(value: Any, zone: ZoneInfo) -> str:
    try:
        if isinstance(value, datetime):
            ms = from_local(value, zone) if value.tzinfo is None else round(value.timestamp() * 1000)
        elif isinstance(value, date):
            ms = parse_local(value.isoformat(), zone)
        else:
            ms = parse_local(str(value).strip(), zone)
    except ValueError:
        raise ValueError("a date and time such as 2026-12-24T09:00") from None
    return to_local(ms, zone).isoformat()


_COERCE: Mapping[str, Callable[[Any, ZoneInfo], Any]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "money": _money,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
}


def coerce(field: Field, value: Any, zone: ZoneInfo) -> Any:
    """The JSON value to keep; None for an empty one. Raises BadValueError naming the field and what fits."""
    if isinstance(value, str) and field.type != "text":
        value = value.strip("\r\n")  # a block in YAML ends with a line end
    if value is None or value == "" or (field.multiple and value == []):
        return None
    if field.multiple:
        many = value if isinstance(value, list | tuple) else [value]
        return [_one(field, one, zone) for one in many]
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    return _one(field, value, zone)


def _one(field: Field, value: Any, zone: ZoneInfo) -> Any:
    try:
        made = _COERCE.get(field.type, _line)(value, zone)
    except ValueError as error:
        raise BadValueError(f"`{_named(value)}` does not fit the field `{field.name}`", f"it wants {error}") from None
    if field.options and made not in field.options:
        raise BadValueError(
            f"`{_named(made)}` is not an option of the field `{field.name}`",
            f"it wants one of {', '.join(field.options)}",
        )
    return made


def _named(value: Any) -> str:
    """A value in a sentence: short, and without what only programmers read."""
    if isinstance(value, Mapping):
        return "{...}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_named(one) for one in value[:_MOST_NAMED])}{', ...' if len(value) > _MOST_NAMED else ''}]"
    text = value.isoformat(timespec="minutes") if isinstance(value, datetime) else str(value)
    return text if len(text) <= _LONGEST_NAMED else text[: _LONGEST_NAMED - 3] + "..."


def readable(field: Field, value: Any, zone: ZoneInfo) -> Any:
    """The kept value as templates see it: `date` and aware `datetime` objects, everything else as it is."""
    if value is None or field.type not in MOMENTS:
        return value
    if isinstance(value, list):
        return [_read(field, one, zone) for one in value]
    return _read(field, value, zone)


def _read(field: Field, value: Any, zone: ZoneInfo) -> Any:
    if field.type == "date":
        return date.fromisoformat(value)
    return datetime.fromisoformat(value).astimezone(zone)


def moment(field: Field, value: Any) -> int | date | None:
    """What timing takes: ms UTC for a datetime, a `date` for a date, None for nothing."""
    if value is None:
        return None
    if field.type == "date":
        return date.fromisoformat(value)
    return round(datetime.fromisoformat(value).timestamp() * 1000)
