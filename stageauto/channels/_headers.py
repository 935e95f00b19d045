"""Header lines of a mail: encoded and folded by our own few lines, so that no library decodes what a customer wrote.

The standard library turns `=?utf-8?q?a=0ABcc:...?=` back into text with a line break and then writes a real Bcc line
(CVE-2024-6923). Here text that looks like an encoded word is encoded itself and arrives as it was written.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from dataclasses import dataclass

CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\U0010ffff-]+"
LOCAL = re.compile(rf"{ATOM}(?:\.{ATOM})*")
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
DOMAIN = re.compile(rf"{LABEL}(?:\.{LABEL})*")
LONGEST_LOCAL, LONGEST_DOMAIN = 64, 253
PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
LINE = 76
WORD_BYTES = 42  # of text in one encoded word: 56 characters of base64 and 12 around them stay below 75


class MailError(Exception):
    """A mail that can never be sent as it stands: a sentence, and a code."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Address:
    """A checked address; `local` is not ASCII only where the server has to know SMTPUTF8."""

    local: str
    domain: str  # ASCII
    name: str = ""

    @property
    def spec(self) -> str:
        """As it stands in an envelope."""
        return f"{self.local}@{self.domain}"

    @property
    def international(self) -> bool:
        """True where the server has to know SMTPUTF8."""
        return not self.local.isascii()


def parse_address(text: str, name: str = "") -> Address:
    """The address, its domain in ASCII. Raises MailError for anything but `local@domain` (RFC 5321, 6531, 5890).

    Quoted local parts and numbers in brackets are refused: nobody's customers have them, and tricks are made of them.
    """
    local, at, domain = unicodedata.normalize("NFC", text.strip()).rpartition("@")
    whole = _ascii_domain(domain)
    if not at or not _is_local(local) or not DOMAIN.fullmatch(whole) or len(whole) > LONGEST_DOMAIN or "=?" in local:
        raise MailError(f"`{plain(text)[:100]}` is no e-mail address", "bad_address")
    return Address(local, whole, plain(name))


def _is_local(local: str) -> bool:
    letters = all(ch.isascii() or ch.isalnum() for ch in local)
    return letters and len(local.encode("utf-8", "replace")) <= LONGEST_LOCAL and bool(LOCAL.fullmatch(local))


def _ascii_domain(domain: str) -> str:
    """The domain as the DNS has it, "" for what is none."""
    if domain.isascii():
        return domain
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(f"x@{domain}", check_deliverability=False, test_environment=True).ascii_domain
    except EmailNotValidError:
        return ""


def plain(text: str) -> str:
    """The text on one line: each run of controls and line breaks is one blank."""
    return CONTROLS.sub(" ", text.encode("utf-8", "replace").decode()).strip()


def line_of_text(name: str, text: str) -> str:
    """A header of free text, such as a subject (RFC 2047 where it is not plain ASCII)."""
    value = plain(text)
    return fold(name, value if _is_plain(value) else _encoded(value))


def line_of_tokens(name: str, text: str) -> str:
    """A header of words that must stay as they are (message ids, URLs in angles). Raises MailError unless ASCII."""
    value = " ".join(plain(text).split())
    if not value.isascii() or "=?" in value or max(map(len, value.split()), default=0) > 900:
        raise MailError(f"the header `{name}` holds what mail cannot carry", "bad_header")
    return fold(name, value)


def line_of_addresses(name: str, addresses: list[Address]) -> str:
    """A header of addresses with their names."""
    return fold(name, ", ".join(_shown(one) for one in addresses))


def fold(name: str, value: str) -> str:
    """`Name: value` on lines of at most 76 characters where blanks allow it, without a line break at the end."""
    lines: list[str] = []
    line = f"{name}:"
    for word in value.split(" "):
        if word and len(line) + 1 + len(word) > LINE and line.strip() and line != f"{name}:":
            lines.append(line)
            line = f" {word}"
        else:
            line += f" {word}"
    return "\r\n".join([*lines, line])


def _is_plain(value: str) -> bool:
    words = value.split(" ")
    return value.isascii() and "=?" not in value and all(words) and all(len(word) <= LINE for word in words)


def _encoded(value: str) -> str:
    """Encoded words; a character is never split between two of them."""
    words, piece = [], ""
    for character in value:
        if len((piece + character).encode()) > WORD_BYTES:
            words.append(piece)
            piece = ""
        piece += character
    words.append(piece)
    return " ".join(f"=?utf-8?b?{base64.b64encode(word.encode()).decode()}?=" for word in words if word)


def _shown(address: Address) -> str:
    if not address.name:
        return address.spec
    return f"{_phrase(address.name)} <{address.spec}>"


def _phrase(name: str) -> str:
    if not _is_plain(name):
        return _encoded(name)
    if PHRASE.fullmatch(name):
        return name
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'
