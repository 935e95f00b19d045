"""Addresses of customers: which one is taken, and how two spellings of one are seen as the same."""

from __future__ import annotations

from collections.abc import Sequence


def normal(value: str) -> str:
    """The form in which an address is compared.

    E-mail is case-folded, a phone is its digits (00 in front dropped), anything else the stripped text.
    """
    text = value.strip()
    if "@" in text:
        return text.casefold()
    digits = "".join(ch for ch in text if ch.isdigit())
    if len(digits) >= 5 and all(ch.isdigit() or ch in "+ -()./" for ch in text):
        return digits.removeprefix("00")
    return text


def choose(addresses: Sequence[dict[str, str]], kind: str = "auto", pick: str = "first") -> str | None:
    """The first or last address of the type (`auto` = any), or None where there is none of it."""
    fitting = [a["value"] for a in addresses if a.get("value") and kind in ("auto", a.get("type", ""))]
    if not fitting:
        return None
    return fitting[-1] if pick == "last" else fitting[0]
