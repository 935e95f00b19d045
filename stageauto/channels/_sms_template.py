"""The request of an `sms_http` channel: placeholders put into what the admin wrote, and answers read by path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stageauto.engine.gsm import GSM, encoding, segments
from stageauto.engine.scalars import source_text
from stageauto.engine.state import Delivery

PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")
NAMES = ("to", "digits", "text", "from", "key", "encoding", "segments", "unicode")
WHOLE = {"segments", "unicode"}  # keep their type where they stand alone


def values_of(delivery: Delivery, to: str, sender: str) -> dict[str, Any]:
    """What the placeholders stand for. `to` is E.164."""
    text = str(delivery.message.get("text") or "")
    return {
        "to": to,
        "digits": to.removeprefix("+"),
        "text": text,
        "from": sender,
        "key": delivery.key,
        "encoding": encoding(text),
        "segments": segments(text),
        "unicode": encoding(text) != GSM,
    }


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """The template with every placeholder replaced, however deep; what a value holds is not looked at again."""
    if isinstance(template, Mapping):
        return {name: filled(one, values) for name, one in template.items()}
    if isinstance(template, list | tuple):
        return [filled(one, values) for one in template]
    if not isinstance(template, str):
        return template
    alone = PLACEHOLDER.fullmatch(template)
    if alone and alone[1] in WHOLE:
        return values[alone[1]]
    return PLACEHOLDER.sub(lambda found: words(values[found[1]]), template)


def words(value: Any) -> str:
    """As a form says it: true, false, or the text as it was written."""
    return source_text(value)


def unknown(template: Any) -> Iterator[str]:
    """The placeholders in it that mean nothing."""
    if isinstance(template, Mapping):
        for one in template.values():
            yield from unknown(one)
    elif isinstance(template, list | tuple):
        for one in template:
            yield from unknown(one)
    elif isinstance(template, str):
        yield from (name for name in PLACEHOLDER.findall(template) if name not in NAMES)


def uses(template: Any, *names: str) -> bool:
    """True when one of the placeholders stands in it."""
    if isinstance(template, Mapping):
        return any(uses(one, *names) for one in template.values())
    if isinstance(template, list | tuple):
        return any(uses(one, *names) for one in template)
    return isinstance(template, str) and any(name in names for name in PLACEHOLDER.findall(template))


def at_path(document: Any, path: str) -> Any:
    """The value at `messages.0.id` in a JSON document; None where there is none."""
    found = document
    for step in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, list) and step.isascii() and step.isdigit():
            found = found[int(step)] if int(step) < len(found) else None
        else:
            return None
    return found
