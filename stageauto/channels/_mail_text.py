"""Headers and text of a mail that somebody else wrote: whatever it holds, something short and harmless comes out.

The standard library's newer header parser breaks on some broken headers and takes quadratic time on others, so values
are cut before anything looks at them, and what cannot be decoded is taken as it stands.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses
from typing import Any

LONGEST_HEADER = 4_000
LONGEST_SUBJECT = 300
MOST_ADDRESSES = 50
# Codecs that are no character sets, or that take quadratic time.
_NOT_FOR_TEXT = frozenset(["idna", "punycode", "raw_unicode_escape", "unicode_escape", "undefined", "utf_7"])
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff]")
_IDS = re.compile(r"<[^<>\s]{1,250}>")
_ADDRESS = re.compile(r"[^\s@<>\"(),:;\\\[\]]{1,64}@[^\s@<>\"(),:;\\\[\]]{1,190}")


def clean(text: str, most: int) -> str:
    """Text without control characters but line ends and tabs, cut."""
    return _CONTROLS.sub("", text[: most * 2].replace("\r\n", "\n").replace("\r", "\n"))[:most]


def one_line(text: str, most: int = LONGEST_SUBJECT) -> str:
    """The same on one line."""
    return " ".join(clean(text[: most * 4], most * 4).split())[:most]


def raw_header(part: Message[Any, Any], name: str) -> str:
    """The header as it was written, unfolded and cut; "" where there is none."""
    for found, value in part.raw_items():
        if found.lower() == name:
            return str(value)[:LONGEST_HEADER].replace("\r", "").replace("\n", "")
    return ""


def raw_headers(part: Message[Any, Any], name: str) -> Iterator[str]:
    """All headers of that name, each cut."""
    for found, value in part.raw_items():
        if found.lower() == name:
            yield str(value)[:LONGEST_HEADER].replace("\r", "").replace("\n", "")


def words(value: str) -> str:
    """A header's value with its encoded words (RFC 2047) decoded, and 8-bit letters that somebody sent all the same."""
    try:
        pieces = decode_header(_eight_bit(value))
    except (MessageError, ValueError, LookupError):
        return _eight_bit(value)
    return "".join(one if isinstance(one, str) else decoded(one, charset or "utf-8") for one, charset in pieces)


def _eight_bit(value: str) -> str:
    """Bytes outside ASCII come as surrogates."""
    return decoded(value.encode("utf-8", "surrogateescape"), "utf-8")


def decoded(data: bytes, charset: str) -> str:
    """The text of bytes; a character set that is unknown or dangerous is taken for UTF-8, else for Latin-1."""
    name = charset.strip().strip("\"'")[:40]
    try:
        codec = codecs.lookup(name).name.replace("-", "_") if name.isascii() and name else "utf_8"
        if codec not in _NOT_FOR_TEXT:
            return data.decode(name or "utf-8", "strict" if codec == "utf_8" else "replace")
    except (LookupError, ValueError, TypeError):
        pass
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def addresses(value: str) -> list[tuple[str, str]]:
    """(name, address) of each in a From, To or Cc; what is no plain address is left out."""
    try:
        pairs = getaddresses([_eight_bit(value)])
    except (RecursionError, ValueError, IndexError):  # comments within comments
        pairs = []
    found = [(one_line(words(name), 120), address) for name, address in pairs if _ADDRESS.fullmatch(address)]
    if not found:  # a broken header may still hold one
        found = [("", one) for one in _ADDRESS.findall(_eight_bit(value))[:1]]
    return found[:MOST_ADDRESSES]


def message_ids(value: str, most: int = 40) -> list[str]:
    """The Message-IDs in a header, in its order; of more than `most` the last ones."""
    return _IDS.findall(value)[-most:]
