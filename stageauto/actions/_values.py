"""Values that templates gave, read into what effects take; what cannot be read ends the run as failed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from stageauto.engine.action import Context
from stageauto.engine.durations import Duration
from stageauto.engine.effects import End
from stageauto.engine.schedule import to_local
from stageauto.errors import StageautoError

BAD_VALUE = "bad_value"

_DEEPEST = 50


def failed(because: str, code: str = BAD_VALUE) -> End:
    """The run ends as failed, with this sentence."""
    return End("failed", code, because)


def one_line(text: str) -> str:
    """The text on one line: runs of white space and control characters become one space."""
    kept = "".join(ch if ch.isprintable() else " " for ch in text)
    return " ".join(kept.split())


def moment(context: Context, value: Any, option: str) -> int | End | None:
    """The instant of a date or datetime option, ms UTC; None where it is empty, an End where it is no moment."""
    try:
        return context.moment(value)
    except ValueError as error:
        return failed(f"`{option}` is no moment: {_sentence(error)}")


def after(context: Context, span: Any, option: str, start: int | None = None) -> int | End:
    """The instant a duration option after `start` (default: now), ms UTC; an End where it is no duration."""
    try:
        return context.after(span, start)
    except (ValueError, StageautoError) as error:
        return failed(f"`{option}` cannot be counted: {_sentence(error)}")


def moment_or_in(context: Context, value: Any, span: Any, option: str) -> int | End | None:
    """The instant that an option names, or the one a duration from now (`in`); None where neither is given."""
    if span is not None:
        return after(context, span, "in")
    if isinstance(value, Duration):
        return after(context, value, option)
    return moment(context, value, option)


def person(context: Context, value: Any, option: str) -> str | End | None:
    """The id of the user an option names; None for nobody, an End for an unknown one."""
    text = value if isinstance(value, str) else context.words(value).strip()
    if not text:
        return None
    if not context.workspace.users and text not in ("responsible", "manager"):
        return text  # a workspace without users takes any name
    found = context.person(text)
    if found is None and text not in ("responsible", "manager"):
        return failed(f"`{option}` names the user `{text}`, whom nobody knows")
    return found


def local_text(context: Context, at: int) -> str:
    """An instant as staff reads it: `2026-03-02 09:00`, in the workspace's zone."""
    return to_local(at, context.workspace.zone).strftime("%Y-%m-%d %H:%M")


def as_json(value: Any, depth: int = 0) -> Any:
    """Plain JSON data of what a template gave; moments become ISO text. Raises ValueError for what has no JSON."""
    if depth > _DEEPEST:
        raise ValueError(f"nested deeper than {_DEEPEST} levels")
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is no number in JSON")
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): as_json(one, depth + 1) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(one, depth + 1) for one in value]
    raise ValueError(f"{type(value).__name__} has no JSON")


def _sentence(error: Exception) -> str:
    return error.message if isinstance(error, StageautoError) else str(error)
