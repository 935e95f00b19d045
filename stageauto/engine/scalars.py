"""Numbers from YAML that remember how they were written.

So `+48600100200` and `0012` stay what they are where text is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self


class WrittenInt(int):
    """An integer with its source text."""

    text: str

    def __new__(cls, value: int, text: str) -> Self:
        made = super().__new__(cls, value)
        made.text = text
        return made


class WrittenFloat(float):
    """A float with its source text."""

    text: str

    def __new__(cls, value: float, text: str) -> Self:
        made = super().__new__(cls, value)
        made.text = text
        return made


def source_text(value: Any) -> str:
    """The scalar's own text as it stood in the file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, WrittenInt | WrittenFloat):
        return value.text
    return "" if value is None else str(value)


def as_data(value: Any) -> Any:
    """Plain data for an event: numbers stay numbers, but `+48600100200` and `0012` are text: nobody counts those."""
    if isinstance(value, Mapping):
        return {str(key): as_data(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_data(one) for one in value]
    if isinstance(value, WrittenInt):
        digits = value.text.lstrip("+-")
        return value.text if value.text.startswith("+") or (digits.startswith("0") and digits != "0") else int(value)
    return float(value) if isinstance(value, WrittenFloat) else value
