"""The parts of a mail that came in: its text, its HTML, its files. Nothing is unpacked or run.

A mail that is nested or cut up beyond all reason is not taken apart at all: parsing such a one takes forever.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import policy
from email.message import Message
from email.parser import BytesParser
from email.utils import collapse_rfc2231_value
from typing import TYPE_CHECKING, Any

from stageauto.channels._mail_text import clean, decoded, one_line, raw_header, words

MOST_PARTS = 500
DEEPEST = 20
MOST_FILES = 20
LONGEST_NAME = 120
LONGEST_TEXT = 60_000
_CONTAINERS = re.compile(rb"(?i)multipart/|message/(?:rfc822|global|partial|external)")
_EDGES = re.compile(rb"(?m)^--")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_BAD_IN_NAME = re.compile(r"[/\\:*?\"<>|\x00-\x1f]")
_ENDINGS = {"text/plain": ".txt", "text/html": ".html", "message/rfc822": ".eml", "application/pdf": ".pdf"}
POLICY = policy.compat32

# The class of the standard library can be asked for its types only by those who check them.
if TYPE_CHECKING:
    Part = Message[Any, Any]
else:
    Part = Message


@dataclass(frozen=True, slots=True)
class File:
    """A file that came with a mail."""

    name: str
    mime: str
    content: bytes = field(repr=False)


@dataclass(slots=True)
class Parts:
    """A mail taken apart. `whole` is False where something was left out."""

    head: Part
    text: str = ""
    html: str = ""
    files: list[File] = field(default_factory=list)
    notices: list[tuple[str, bytes]] = field(default_factory=list)  # (type, content) of delivery reports
    whole: bool = True


def take_apart(raw: bytes, *, cut: bool) -> Parts:
    """The parts of a mail; `cut`: the bytes are only its beginning. Never raises."""
    head = head_of(raw)
    if _unreasonable(raw):
        return Parts(head, whole=False)
    try:
        message: Part = BytesParser(policy=POLICY).parsebytes(raw)
        parts = Parts(message, whole=not cut)
        for one in _leaves(message):
            _sort(parts, one, cut=cut)
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError, AssertionError, IndexError):
        return Parts(head, whole=False)
    return parts


def head_of(raw: bytes) -> Part:
    """The headers alone."""
    end = _HEAD_END.search(raw[:1_000_000])
    head = raw[: end.start()] if end else raw[:100_000]
    return BytesParser(policy=POLICY).parsebytes(head + b"\r\n\r\n", headersonly=True)


def _unreasonable(raw: bytes) -> bool:
    containers = sum(1 for _, _ in zip(_CONTAINERS.finditer(raw), range(DEEPEST + 1), strict=False))
    edges = sum(1 for _, _ in zip(_EDGES.finditer(raw), range(MOST_PARTS * 4), strict=False))
    return containers > DEEPEST or edges >= MOST_PARTS * 4


def _leaves(message: Part) -> Iterator[Part]:
    """What is no multipart, in order. A mail within the mail is one leaf: it is somebody else's."""
    waiting, seen = [message], 0
    while waiting and seen < MOST_PARTS:
        one = waiting.pop(0)
        seen += 1
        if one.get_content_maintype() == "multipart" and isinstance(one.get_payload(), list):
            waiting[:0] = [part for part in one.get_payload() if isinstance(part, Message)]
        else:
            yield one


def _sort(parts: Parts, one: Part, *, cut: bool) -> None:
    kind = one.get_content_type()
    disposition = raw_header(one, "content-disposition").lower().lstrip()
    name = _file_name(one)
    if kind in {"message/delivery-status", "message/rfc822", "message/global", "text/rfc822-headers"}:
        parts.notices.append((kind, _bytes_of(one)))
        if kind == "message/delivery-status":
            return
    attached = disposition.startswith("attachment") or bool(name)
    if not attached and kind == "text/plain" and not parts.text:
        parts.text = _text_of(one)
    elif not attached and kind == "text/html" and not parts.html:
        parts.html = _text_of(one)
    elif cut or len(parts.files) >= MOST_FILES:
        parts.whole = False
    else:
        number = len(parts.files) + 1
        parts.files.append(File(name or f"attachment-{number}{_ENDINGS.get(kind, '')}", kind[:100], _bytes_of(one)))


def _bytes_of(one: Part) -> bytes:
    payload = one.get_payload()
    if isinstance(payload, list):  # a mail within the mail, or a report: what the parser made of it, written again
        return b"\r\n".join(part.as_bytes() for part in payload if isinstance(part, Message))
    found = one.get_payload(decode=True)
    return found if isinstance(found, bytes) else str(payload).encode("utf-8", "replace")


def _text_of(one: Part) -> str:
    data = _bytes_of(one)[: LONGEST_TEXT * 4]
    charset = str(one.get_param("charset", "utf-8") or "utf-8")
    return clean(decoded(data, charset), LONGEST_TEXT)


def _file_name(one: Part) -> str:
    """A name that is one: no folders, no controls, no leading dots."""
    found = one.get_param("filename", None, "content-disposition") or one.get_param("name", None)
    if found is None:
        return ""
    text = one_line(words(collapse_rfc2231_value(found)), LONGEST_NAME * 3)
    short = _BAD_IN_NAME.sub("_", text.replace("\\", "/").rpartition("/")[2]).strip(". ")
    stem, dot, ending = short.rpartition(".")
    return f"{stem[: LONGEST_NAME - 11]}{dot}{ending[:10]}" if dot else short[:LONGEST_NAME]
