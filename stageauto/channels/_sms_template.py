"""The request of an `sms_http` channel: placeholders put into what the admin wrote, and answers read by path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stageauto.engine.gsm import GSM, encoding, segments
from stageauto.engine.scalars import source_text
from stageauto.engine.state import Delivery

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")
NAMES = ("to", "digits", "text", "from", "key", "encoding", "segments", "unicode")
WHOLE = {"segments", "unicode"}  # keep their type where they stand alone
NOT_IN_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
XML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "\r": "&#13;"}


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


def filled_xml(template: str, values: Mapping[str, Any]) -> str:
    """The XML with every placeholder replaced by text: no value can begin or end an element or an attribute."""
    return PLACEHOLDER.sub(lambda found: _in_xml(words(values[found[1]])), template)


def _in_xml(text: str) -> str:
    clean = NOT_IN_XML.sub(" ", text.encode("utf-16", "replace").decode("utf-16"))
    return "".join(XML.get(ch, ch) for ch in clean)


def answer_of(text: str) -> Any:
    """What an answer in XML holds, as mappings, lists and texts: `reply.message.0.id`, attributes as `@status`.

    None for what is no XML, or names entities of its own.
    """
    from xml.etree import ElementTree as ET

    if not text.lstrip().startswith("<") or "<!" in text.replace("<!--", "").replace("<![CDATA[", ""):
        return None
    try:
        root = ET.fromstring(text.strip())  # noqa: S314 - nothing can be declared in it, and an answer is 64 KB at most
        return {_plain_name(root.tag): _element(root)}
    except (ET.ParseError, RecursionError):
        return None


def _element(one: Element) -> Any:
    found: dict[str, Any] = {f"@{_plain_name(name)}": value for name, value in one.attrib.items()}
    for child in one:
        found.setdefault(_plain_name(child.tag), []).append(_element(child))
    text = (one.text or "").strip()
    if not found:
        return text
    made = {name: value[0] if isinstance(value, list) and len(value) == 1 else value for name, value in found.items()}
    return {**made, "text": text} if text and "text" not in made else made


def _plain_name(name: str) -> str:
    """An element's name without its namespace."""
    return name.rpartition("}")[2]


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
