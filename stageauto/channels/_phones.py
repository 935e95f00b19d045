"""Phone numbers as providers want them (E.164), and the senders of text messages."""

from __future__ import annotations

import re

from stageauto.channels._http_parts import BadRequestError

WORD = re.compile(r"[A-Za-z0-9 ]{1,11}", re.ASCII)
SHORT_CODE = re.compile(r"[0-9]{3,8}", re.ASCII)
COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)


def e164(text: str, country: str = "") -> str:
    """The number as + and digits; "" where it can be none.

    A number without + or 00 is one of the `country` (two letters, ISO 3166).
    """
    import phonenumbers

    number = text.strip()
    if number.startswith("00"):
        number = f"+{number[2:]}"
    try:
        parsed = phonenumbers.parse(number, country or None)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(parsed):
        return ""
    parsed.extension = None  # nobody can write to an extension
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def recipient(text: str, country: str = "") -> str:
    """The number to write to or call. Raises BadRequestError (`bad_address`)."""
    found = e164(text, country)
    if found:
        return found
    way_out = (
        "" if country or text.strip().startswith(("+", "00")) else "; it has no country code, and no `country` is set"
    )
    raise BadRequestError(f"`{text[:40]}` is no phone number{way_out}", "bad_address")


def sender(text: str, country: str = "") -> str:
    """A sender's number, short code or word of up to 11 letters, as providers take it; "" where it is none of these."""
    said = text.strip()
    if SHORT_CODE.fullmatch(said):
        return said
    number = e164(said, country)
    return number or (said if WORD.fullmatch(said) and any(ch.isalpha() for ch in said) else "")
