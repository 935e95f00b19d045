"""What is known of documents: their numbers, which one is meant, and what templates and events say of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from stageauto.engine.state import Document

LATEST = "latest"
_PLACE = re.compile(r"\{(n(?::[1-9])?|year|month)\}")


# -- numbers ---------------------------------------------------------------------------------------------------------


def wrong_pattern(pattern: str) -> str:
    """What is wrong with a pattern of numbers such as `OF-{year}-{n:4}`, "" for a good one."""
    places = _PLACE.findall(pattern)
    if sum(one[0] == "n" for one in places) != 1:
        return "has to have one {n}, the number that counts up"
    if re.search(r"[{}]", _PLACE.sub("", pattern)):
        return "may have {n}, {n:4}, {year} and {month} in braces, and nothing else"
    return ""


def number_of(pattern: str, when: datetime, last: Callable[[str], int]) -> tuple[str, str]:
    """(number, counter): the next number of the pattern, and the counter it is taken from.

    `last(counter)` is the number that was given last. There is one counter for each text around the {n}, so that a
    pattern with {year} begins anew each year.
    """
    dated = pattern.replace("{year}", f"{when.year:04}").replace("{month}", f"{when.month:02}")
    place = _PLACE.search(dated)
    assert place is not None, "checked when loaded"
    counter = f"document {dated}"
    width = int(place[1][2:] or 1) if ":" in place[1] else 1
    return f"{dated[: place.start()]}{last(counter) + 1:0{width}}{dated[place.end() :]}", counter


def template_name(file: str) -> str:
    """What `where: {template: ...}` calls a template's file: its name without folders and ending."""
    return PurePosixPath(file).stem


# -- finding ---------------------------------------------------------------------------------------------------------


def latest(documents: Iterable[Document], wanted: str = LATEST) -> Document | None:
    """The newest of the documents, or of those of a template; None where there is none."""
    fitting = [one for one in documents if wanted == LATEST or wanted in (one.template, one.id, one.number)]
    return fitting[-1] if fitting else None


def view(document: Document, **more: Any) -> dict[str, Any]:
    """What templates read of a document."""
    return {
        "id": document.id, "name": document.name, "number": document.number, "template": document.template,
        "state": document.state, "link": None, **more,
    }  # fmt: skip


def facts(document: Document) -> dict[str, Any]:
    """What an event of a document says of it."""
    return {
        "document": document.id, "template": document.template, "name": document.name, "number": document.number,
    }  # fmt: skip
