"""A mail that came in, as events: what somebody wrote, or that a mail of ours did not arrive."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from stageauto.actions._html_text import html_to_text
from stageauto.channels._mail_machine import Bounce, bounces_of, is_auto
from stageauto.channels._mail_parts import Part, Parts, take_apart
from stageauto.channels._mail_text import addresses, clean, message_ids, one_line, raw_header, raw_headers, words
from stageauto.channels.base import Received, ReceivedFile
from stageauto.engine.files import MOST_BYTES

MOST_DATA = 56 * 1024  # bytes of an event's data, of the 64 KiB that there are
LONGEST_HTML_READ = 40_000
_ASIDE = re.compile(r"(?s)<!--.*?(?:-->|$)|<[!?][^>]{0,2000}>?")
_LONE = re.compile(r"<(?![a-zA-Z/][^<>]{0,2000}>)")
_LEAVING = ("channel", "from", "email", "token")
_SAME = ("message-id", "from", "to", "cc", "date", "subject")
_DELIVERED = ("to", "cc", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to")


def mail_events(raw: bytes, channel: str, *, cut: bool = False, plus: str = "") -> list[Received]:
    """The events of one mail; `cut`: the bytes are only its beginning; `plus`: the address that tokens are put into."""
    parts = take_apart(raw, cut=cut)
    name = f"mail-{identity(raw, parts.head)}"
    found = bounces_of(parts)
    if found:
        return [
            Received(f"{name}-{number}", "email.bounced", fitted(_bounced(one, channel)))
            for number, one in enumerate(found, 1)
        ]
    received = _received(parts, channel, plus)
    if _wants_to_leave(received):
        kept = {key: received[key] for key in _LEAVING if key in received}
        return [Received(name, "email.unsubscribed", fitted(kept))]
    small = [one for one in parts.files if len(one.content) <= MOST_BYTES]
    if len(small) < len(parts.files):
        parts.files, parts.whole = small, False
        received = _received(parts, channel, plus)
    files = tuple(ReceivedFile(_whole(one.name), _whole(one.mime), one.content) for one in parts.files)
    return [Received(name, "email.received", fitted(received), files)]


def _wants_to_leave(received: Mapping[str, Any]) -> bool:
    """Whether it is what mail programs write to the address of `List-Unsubscribe` that our mails have (RFC 2369)."""
    return received["subject"].strip().lower() == "unsubscribe" and bool(received.get("email"))


def identity(raw: bytes, head: Part) -> str:
    """32 hex digits that are the same for the same mail, whichever mailbox it is read from, and however often.

    By its Message-ID together with what it says, so that a stolen Message-ID hides no other mail; what servers write
    into it on the way does not count. Without a Message-ID all of its bytes do.
    """
    digest = sha256()
    if message_ids(raw_header(head, "message-id")):
        _, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
        for name in _SAME:
            digest.update(raw_header(head, name).encode("utf-8", "surrogateescape") + b"\0")
        digest.update(body.rstrip()[:200_000])
    else:
        digest.update(raw)
    return digest.hexdigest()[:32]


def _received(parts: Parts, channel: str, plus: str) -> dict[str, Any]:
    head = parts.head
    author = addresses(raw_header(head, "from")) or addresses(raw_header(head, "sender"))
    name, address = author[0] if author else ("", "")
    html = parts.html
    text = parts.text or (_words(html) if html else "")
    data: dict[str, Any] = {
        "channel": channel,
        "from": f"{name} <{address}>" if name and address else address or name,
        "email": address,
        "name": name,
        "to": ", ".join(one for _, one in addresses(raw_header(head, "to"))),
        "cc": ", ".join(one for _, one in addresses(raw_header(head, "cc"))),
        "subject": one_line(words(raw_header(head, "subject"))),
        "text": text,
        "html": html,
        "message_id": next(iter(message_ids(raw_header(head, "message-id"), 1)), ""),
        "in_reply_to": next(iter(message_ids(raw_header(head, "in-reply-to"), 1)), ""),
        "references": message_ids(raw_header(head, "references")),
        "attachments": [
            {"name": one.name, "mime": one.mime, "size": len(one.content), "hash": sha256(one.content).hexdigest()}
            for one in parts.files
        ],
        "token": _token(head, plus),
        "auto": is_auto(head),
        "truncated": not parts.whole,
    }
    return {key: value for key, value in data.items() if value or key in {"from", "subject", "text"}}


def _words(html: str) -> str:
    """The text of HTML. Comments and open brackets go first: the parser takes quadratic time on a heap of them."""
    plain = _LONE.sub("&lt;", _ASIDE.sub("", html[:LONGEST_HTML_READ]))
    return html_to_text(plain)


def _token(head: Part, plus: str) -> str:
    local, _, domain = plus.partition("@")
    if not local or not domain:
        return ""
    pattern = re.compile(rf"(?i)(?<![\w.+-]){re.escape(local)}\+([a-z2-7]{{16}})@{re.escape(domain)}(?![\w.-])")
    for name in _DELIVERED:
        for value in raw_headers(head, name):
            found = pattern.search(value)
            if found:
                return found[1].lower()
    return ""


def _bounced(one: Bounce, channel: str) -> dict[str, Any]:
    data: dict[str, Any] = {
        "channel": channel,
        "address": one.address,
        "permanent": one.permanent,
        "code": one.code,
        "reason": clean(one.reason, 300),
        "message_id": one.of[0] if one.of else "",
        "references": list(one.of[1:]),
    }
    return {key: value for key, value in data.items() if value not in ("", [])}


def _whole(value: Any) -> Any:
    """Text without halves of letters (what stood for bytes that are none), in lists and mappings too."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return {key: _whole(one) for key, one in value.items()} if isinstance(value, dict) else value


def fitted(data: dict[str, Any]) -> dict[str, Any]:
    """The data with its long texts cut until it is no longer than an event's data may be."""
    data = _whole(data)
    for name in ("html", "text", "references", "to", "cc"):
        over = _bytes(data) - MOST_DATA
        while over > 0 and data.get(name):
            value = data[name]
            # What is left out counts for up to six bytes a letter, at least for a half.
            keep = max(0, len(value) - max(over // 6, len(value) // 8, 1))
            data[name] = value[:keep]
            data["truncated"] = True
            over = _bytes(data) - MOST_DATA
        if name in data and not data[name]:
            del data[name]
    return data


def _bytes(data: Mapping[str, Any]) -> int:
    return len(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))
