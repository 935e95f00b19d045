"""`name=value` and `name:=JSON` on the command line."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from stageauto.errors import UsageError


def assignments(given: Sequence[str] | None, reader: Callable[[str], Any] = str) -> dict[str, Any]:
    """The values by name: text as `reader` reads it, JSON after `:=`. Raises UsageError for what is neither."""
    values: dict[str, Any] = {}
    for one in given or ():
        name, equals, value = one.partition("=")
        if not equals or not name.strip(":"):
            raise UsageError(f"`{one}` is not NAME=VALUE", "write amount=100, or amount:=100 for JSON")
        if name.endswith(":"):
            values[name[:-1].strip()] = _json(one, value)
        else:
            values[name.strip()] = reader(value)
    return values


def _json(given: str, value: str) -> Any:
    try:
        return json.loads(value, parse_constant=_refuse, parse_float=_finite)
    except ValueError:
        raise UsageError(f"`{given}`: what stands after := is no JSON", 'write tags:=["a", "b"]') from None


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits)


def _refuse(name: str) -> Any:
    raise ValueError(name)


def scalar(text: str) -> Any:
    """A value by the YAML 1.2 core schema: `true`, `12`, `1.5`; what would lose its looks (`0012`, `+48`) is text."""
    from stageauto.loader.yaml import BadNumberError, resolve

    if not text:
        return ""
    try:
        value = resolve(text)
    except BadNumberError:
        return text
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value) if str(int(value)) == text else text
    return float(value) if isinstance(value, float) else value
