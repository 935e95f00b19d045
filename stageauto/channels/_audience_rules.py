"""How advertising networks want addresses to look before they are hashed: pure functions, no network knows a name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from stageauto.channels._phones import e164

GMAIL: Final = ("gmail.com", "googlemail.com")


@dataclass(frozen=True, slots=True)
class Rules:
    """One network's rules. `gmail`: dots and what follows a plus sign mean nothing in Gmail addresses."""

    gmail: bool = False
    plus: bool = False  # phone numbers begin with +
    digest: str = "sha256"


FACEBOOK: Final = Rules()
"""Meta, "Hashing and Normalization for Customer Information": mails trimmed, in small letters; digits of the phone."""
GOOGLE: Final = Rules(gmail=True, plus=True)
"""Google, "Format user data" (Data Manager API): no white space in mails; E.164 with its plus sign."""
YANDEX: Final = Rules()
"""Yandex Audience, "File requirements": mails in small letters; country code and digits; SHA-256 since 2025."""


def email(text: str, rules: Rules) -> str:
    """The address as the network hashes it, "" for what is no address. The same again for its own result."""
    address = "".join(text.split()).lower()
    local, at, domain = address.rpartition("@")
    if not local or not at or not domain or "@" in local:
        return ""
    if rules.gmail and domain in GMAIL:
        local = local.partition("+")[0].replace(".", "")
    return f"{local}@{domain}" if local else ""


def phone(text: str, rules: Rules, country: str = "") -> str:
    """The number as the network hashes it, "" where it cannot be one. `country` is that of numbers without a code."""
    number = e164(text, country)
    return number if rules.plus else number.removeprefix("+")


def hashed(text: str, rules: Rules) -> str:
    """The digest in small hexadecimal letters."""
    return hashlib.new(rules.digest, text.encode(), usedforsecurity=False).hexdigest()
