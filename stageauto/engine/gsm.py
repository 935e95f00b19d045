"""Text messages as networks count them: alphabets (3GPP TS 23.038) and the pieces they are paid as (TS 23.040)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GSM, UCS2 = "GSM-7", "UCS-2"

# The default alphabet; characters of its extension table take two places.
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("^{}\\[~]|€\f")
_ALONE = {GSM: 160, UCS2: 70}
_JOINED = {GSM: 153, UCS2: 67}


def encoding(text: str) -> str:
    """GSM-7 where every character is in its alphabet, else UCS-2."""
    return GSM if all(ch in _BASIC or ch in _EXTENSION for ch in text) else UCS2


def segments(text: str) -> int:
    """How many messages the text is paid as. A character of two places is never cut in half (3GPP TS 23.040)."""
    coded = encoding(text)
    sizes = [_places(ch, coded) for ch in text]
    if sum(sizes) <= _ALONE[coded]:
        return 1
    count, used = 1, 0
    for size in sizes:
        if used + size > _JOINED[coded]:
            count, used = count + 1, 0
        used += size
    return count


def size_of(kind: str, message: Mapping[str, Any]) -> dict[str, Any]:
    """`segments` and `encoding` of a text message; nothing for other kinds."""
    text = message.get("text")
    return {"segments": segments(text), "encoding": encoding(text)} if kind == "sms" and isinstance(text, str) else {}


def in_words(size: Mapping[str, Any]) -> str:
    """`2 SMS, UCS-2`; "" where it says nothing of a text message."""
    return f"{size['segments']} SMS, {size['encoding']}" if size.get("segments") and size.get("encoding") else ""


def _places(ch: str, coded: str) -> int:
    if coded == GSM:
        return 2 if ch in _EXTENSION else 1
    return len(ch.encode("utf-16-be", "surrogatepass")) // 2
