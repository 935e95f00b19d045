"""The words of a contact and of a company, as rules write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from stageauto.engine.action import Context
from stageauto.engine.options import SCALAR, Builder, Json, at

CHANNEL_KINDS = ("mail", "sms", "call", "chat", "whatsapp", "audience")
"""What a customer can opt out of."""
CONTACT_WORDS = (
    "first_name",
    "last_name",
    "name",
    "emails",
    "phones",
    "email",
    "phone",
    "language",
    "timezone",
    "opt_out",
)
COMPANY_WORDS = ("name", "emails", "phones", "email", "phone")

_MANY = {"emails": "email", "phones": "phone"}
_ADDS = frozenset(_MANY.values())

_ADDRESS: Json = {
    "anyOf": [
        SCALAR,
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["value"],
            "properties": {"value": SCALAR, "type": {"type": "string"}},
        },
    ]
}
_MANY_ADDRESSES: Json = {"anyOf": [*_ADDRESS["anyOf"], {"type": "array", "items": _ADDRESS}]}
_KINDS: Json = {"enum": list(CHANNEL_KINDS)}
_OPT_OUT: Json = {"anyOf": [{"type": "boolean"}, _KINDS, {"type": "array", "items": _KINDS}]}
_SPECIAL = {"opt_out": _OPT_OUT, "email": _ADDRESS, "phone": _ADDRESS, **dict.fromkeys(_MANY, _MANY_ADDRESSES)}


@dataclass(frozen=True, slots=True)
class PersonOption:
    """`set:` of a contact or a company: its words to values with templates. Builds a dict of `Value`."""

    words: tuple[str, ...]

    def schema(self) -> Json:
        properties = {word: _SPECIAL.get(word, SCALAR) for word in self.words}
        return {"type": "object", "additionalProperties": False, "minProperties": 1, "properties": properties}

    def build(self, raw: Any, builder: Builder) -> dict[str, Any]:
        if "timezone" in raw:
            _check_zone(raw["timezone"], at(builder, "timezone"))
        return {word: builder.value(one, (word,)) for word, one in raw.items()}


CONTACT = PersonOption(CONTACT_WORDS)
COMPANY = PersonOption(COMPANY_WORDS)


def values_of(context: Context, words: Mapping[str, Any]) -> dict[str, Any]:
    """What to write, as `engine.people` takes it: `email` and `phone` add addresses, `emails` and `phones` replace all.

    One address under `emails` or `phones` is added too: nobody means to lose the others by it.
    """
    found: dict[str, Any] = {}
    for word, template in words.items():
        value = context.render(template)
        if word in _MANY and isinstance(value, list | tuple):
            found[word] = addresses(value)
        elif word in _MANY or word in _ADDS:
            one = _MANY.get(word, word)
            found[one] = [*found.get(one, ()), *addresses([value])]
        elif word == "opt_out":
            found[word] = _opt_out(value)
        else:
            found[word] = "" if value is None else str(value).strip()
    return found


def addresses(values: Iterable[Any]) -> list[dict[str, str]]:
    """The addresses as contacts keep them, of texts and of `{value, type}`; empty ones are left out."""
    found = []
    for one in values:
        value, kind = (one.get("value"), one.get("type")) if isinstance(one, Mapping) else (one, "")
        text = "" if value is None else str(value).strip()
        if text:
            found.append({"value": text, "type": str(kind or "")})
    return found


def _opt_out(value: Any) -> list[str]:
    if isinstance(value, bool):
        return ["*"] if value else []
    return [str(one) for one in (value if isinstance(value, list | tuple) else [value]) if one]


def _check_zone(raw: Any, builder: Builder) -> None:
    text = str(raw)
    if "{{" in text:
        return
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; a folder's name is an OSError
        builder.fault("bad-timezone", f"`{text}` is no time zone", hint="write an IANA name such as Europe/Warsaw")
