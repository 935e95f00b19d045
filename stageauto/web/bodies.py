"""The body of a form, whichever way a browser or a script sends it."""

from __future__ import annotations

import json
from email import policy
from email.message import Message
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl

MOST_FIELDS = 200
MOST_OF_VALUE = 20_000
"""Characters of one value; the rest of a longer one is cut off."""


class NoBodyError(Exception):
    """The body is none that a form can have."""


def fields_of(body: bytes, content_type: str) -> dict[str, str]:
    """Names to values; of a name that comes more than once the values joined by commas. Raises NoBodyError."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        pairs = _urlencoded(body)
    elif kind == "multipart/form-data":
        pairs = _multipart(body, content_type)
    elif kind == "application/json":
        pairs = _json(body)
    else:
        raise NoBodyError("send a form: application/x-www-form-urlencoded, multipart/form-data or application/json")
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(clean(value))
    return {name: ", ".join(values) for name, values in found.items()}


def clean(text: str) -> str:
    """The text without control characters but for tab and line feed; any line end as a line feed."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(ch for ch in plain if ch in "\n\t" or (ch >= " " and ch != "\x7f" and not "\x80" <= ch <= "\x9f"))
    return kept.encode("utf-8", "replace").decode("utf-8")[:MOST_OF_VALUE].strip()


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        text = body.decode("utf-8")
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError:  # bad UTF-8 is one, too many fields as well
        raise NoBodyError("the form cannot be read") from None


def _multipart(body: bytes, content_type: str) -> list[tuple[str, str]]:
    head = b"Content-Type: " + content_type.encode("ascii", "replace") + b"\r\n\r\n"
    whole = BytesParser(policy=policy.compat32).parsebytes(head + body)
    parts = whole.get_payload()
    if not whole.is_multipart() or not isinstance(parts, list) or len(parts) > MOST_FIELDS:
        raise NoBodyError("the form cannot be read")
    pairs = []
    for part in parts:
        assert isinstance(part, Message)
        name = part.get_param("name", header="content-disposition")
        if isinstance(name, str) and part.get_filename() is None:
            pairs.append((name, _part_text(part)))
    return pairs


def _part_text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        raise NoBodyError("the form cannot be read")
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError:
        raise NoBodyError("the form is no UTF-8") from None


def _json(body: bytes) -> list[tuple[str, str]]:
    try:
        found = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise NoBodyError("the body is no JSON") from None
    if not isinstance(found, dict) or len(found) > MOST_FIELDS:
        raise NoBodyError("the body is no flat JSON object")
    return [(name, one) for name, value in found.items() for one in _texts(value)]


def _texts(value: Any) -> list[str]:
    many = value if isinstance(value, list) else [value]
    if any(isinstance(one, dict | list) for one in many):
        raise NoBodyError("the body is no flat JSON object")
    return [_plain(one) for one in many if one is not None]


def _plain(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
