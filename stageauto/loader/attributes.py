"""Checks what is read of what a name gives: `item.contact.first_name`, `contact.emails[0].value`, `now.year`.

A kind is a key of `_ATTRIBUTES`, `[kind]` for a list of them, `id:user` for the id of one, or "" where anything may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stageauto.engine import scope
from stageauto.loader.diagnostics import suggest

Fault = tuple[str, str, str]
"""A code, a message and a way out."""

_TEXTS: Final = dict.fromkeys
_DATE: Final = _TEXTS(("year", "month", "day"), "text")
_ATTRIBUTES: Final[Mapping[str, Mapping[str, str]]] = {
    "text": {},
    "date": _DATE,
    "datetime": {**_DATE, **_TEXTS(("hour", "minute", "second"), "text")},
    "address": _TEXTS(("value", "type"), "text"),
    "contact": {
        **_TEXTS(scope.CONTACT_NAMES, "text"),
        **_TEXTS(("emails", "phones", "chats"), "[address]"),
        "opt_out": "[text]",
        "company": "id:company",
    },
    "company": {**_TEXTS(scope.COMPANY_NAMES, "text"), **_TEXTS(("emails", "phones"), "[address]")},
    "user": {**_TEXTS(scope.USER_NAMES, "text"), "roles": "[text]", "manager": "id:user"},
}
_ROOTS: Final[Mapping[str, str]] = {
    "contact": "contact",
    "contacts": "[contact]",
    "company": "company",
    "responsible": "user",
    "now": "datetime",
}
_OF_ITEM: Final[Mapping[str, str]] = {"contact": "contact", "contacts": "[contact]", "company": "company", "links": ""}
_FIELDS: Final[Mapping[str, str]] = {
    "date": "date",
    "datetime": "datetime",
    "file": "",
    **{kind: f"id:{kind}" for kind in ("user", "contact", "company", "item", "booking")},
}


def attribute_fault(path: tuple[str, ...], field_type: str | None, *, multiple: bool) -> Fault | None:
    """What is wrong with a path, or None; for `item.x...` the type of the field `x` is given (None: not known)."""
    kind, at = _ROOTS.get(path[0], ""), 1
    if path[0] == "item" and len(path) > 1:
        kind, at = _of_item(path[1], field_type, multiple), 2
    elif path[0] == "users":
        kind, at = "user", 2
    while at < len(path) and kind:
        step, read = path[at], _written(path[:at])
        if kind.startswith("["):
            if not _is_place(step):
                one = f"{read}[0]" if kind == "[text]" else f"{read}[0].{step}"
                hint = f"take one of them, as in `{one}`, or go through them with `for`"
                return "unknown-name", f"`{read}` is a list and has no `{step}`", hint
            kind = kind[1:-1]
        elif kind.startswith("id:"):
            what = kind.removeprefix("id:")
            article = "an" if what == "item" else "a"
            return (
                "unknown-name",
                f"`{read}` is the id of {article} {what} and has no `{step}`",
                _way_out(path, at, what),
            )
        elif kind == "text" and _is_place(step):
            return None  # a letter of a text
        elif step not in _ATTRIBUTES[kind]:
            hint = suggest(step, _ATTRIBUTES[kind]) if _ATTRIBUTES[kind] else ""
            return "unknown-name", f"`{read}` has no `{step}`", hint
        else:
            kind = _ATTRIBUTES[kind][step]
        at += 1
    return None


def _of_item(name: str, field_type: str | None, multiple: bool) -> str:
    if name in _OF_ITEM:
        return _OF_ITEM[name]
    if field_type is None:
        return ""
    kind = _FIELDS.get(field_type, "text")
    return f"[{kind}]" if multiple and kind else kind


def _written(path: tuple[str, ...]) -> str:
    return path[0] + "".join(f"[{step}]" if _is_place(step) else f".{step}" for step in path[1:])


def _is_place(step: str) -> bool:
    return step.lstrip("-").isdigit()


def _way_out(path: tuple[str, ...], at: int, what: str) -> str:
    read, step = _written(path[:at]), path[at]
    if path[:at] == ("item", "responsible"):
        return f"write `responsible.{step}`"
    if what == "user":
        return f"write `users[{read}].{step}`"
    if path[:at] == ("contact", "company"):
        return f"write `company.{step}`"
    return ""
