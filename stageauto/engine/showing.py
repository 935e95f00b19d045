"""How a value and a question stand in a sentence that says why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def shown(value: Any, text: Callable[[Any], str] = str) -> str:
    """A value as a trace names it: texts in quotes, a missing one as `empty`, at most 80 characters.

    `text` is asked for what is no JSON scalar: a moment, a span.
    """
    if value is None:
        return "empty"
    if isinstance(value, (list, tuple)):
        parts = ", ".join(shown(one, text) for one in value[:10])
        made = f"[{parts}, ...]" if len(value) > 10 else f"[{parts}]"
    elif isinstance(value, str):
        made = repr(str(value[:100]))
    elif isinstance(value, bool):
        made = "true" if value else "false"
    elif isinstance(value, Mapping):
        made = "{...}" if value else "{}"
    else:
        made = text(value)
    return made if len(made) <= 80 else made[:77] + "..."


def told(question: str, answer: bool | None, details: Iterable[str]) -> str:
    """A question of a condition with its answer and what it was asked of."""
    word = "true" if answer else "false"
    listed = ", ".join(details)
    if question in {"true", "false"} and not listed:
        return f"the condition says {word}"
    return f"{question} is {word}" + (f" ({listed})" if listed else "")
