"""Templates of edna: which one is meant, and the message that comes of it and its values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GAP = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
APPROVED = "APPROVED"
MOST_NAMED = 10


class NoTemplateError(Exception):
    """There is no such template, or its values do not fit: a sentence, and a code."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Template:
    """A template as edna lists it; `language` in lower case with `_`, as in `pt_br`."""

    id: int | None
    name: str
    language: str
    usable: bool
    type: str
    content: Mapping[str, Any]


def templates_of(listed: Iterable[Any]) -> tuple[Template, ...]:
    """The templates of a list from edna; what is none is left out."""
    return tuple(
        Template(
            id=one["id"] if isinstance(one.get("id"), int) else None,
            name=str(one["name"]),
            language=_language(str(one.get("language") or "")),
            usable=one.get("status") in (None, APPROVED) and one.get("locked") is not True,
            type=str(one.get("contentType") or "TEXT"),
            content=one["content"] if isinstance(one.get("content"), dict) else {},
        )
        for one in listed
        if isinstance(one, dict) and one.get("name")
    )


def _language(text: str) -> str:
    return text.strip().replace("-", "_").lower()


def pick(templates: Sequence[Template], name: str, language: str) -> Template:
    """The approved template of that name: in the language, else its main language, else the only one there is.

    Raises NoTemplateError.
    """
    named = [one for one in templates if one.name == name]
    usable = [one for one in named if one.usable]
    if not usable:
        if named:
            raise NoTemplateError(f"WhatsApp has not approved the template `{name}`", "template_not_approved")
        known = sorted({one.name for one in templates if one.usable})
        listed = ", ".join(known[:MOST_NAMED]) or "none at all"
        raise NoTemplateError(f"there is no template `{name}`; there are {listed}", "no_template")
    wanted = _language(language)
    for fits in (
        lambda one: one.language == wanted,
        lambda one: bool(wanted) and one.language.partition("_")[0] == wanted.partition("_")[0],
        lambda one: len(usable) == 1 and (not wanted or not one.language),
    ):
        for one in usable:
            if fits(one):
                return one
    there = ", ".join(sorted(one.language or "no language" for one in usable))
    asked = f"in `{language}`" if wanted else "without a language"
    raise NoTemplateError(f"the template `{name}` is not there {asked}, but in {there}", "no_template")


def fill(template: Template, params: Sequence[Any] | Mapping[str, Any]) -> dict[str, Any]:
    """edna's `whatsappContent`: the template's own words with the values in their gaps, header and buttons as they are.

    Gaps are numbered (`{{1}}`: the first value) or named. Raises NoTemplateError where a gap has no value, or a value
    no gap.
    """
    values = _by_gap(params)
    content = template.content
    gaps = set(GAP.findall(str(content.get("text") or ""))) | set(GAP.findall(str(_header(content).get("text") or "")))
    missing, spare = sorted(gaps - set(values)), sorted(set(values) - gaps)
    if missing or spare:
        raise NoTemplateError(_mismatch(template.name, missing, spare), "bad_params")
    made: dict[str, Any] = {"contentType": template.type}
    if template.id is not None:
        made["messageMatcherId"] = template.id
    if content.get("text"):
        made["text"] = _filled(str(content["text"]), values)
    header = _header(content)
    if header:
        made["header"] = {**header, **({"text": _filled(str(header["text"]), values)} if header.get("text") else {})}
    for name in ("footer", "keyboard", "attachment"):
        if content.get(name):
            made[name] = content[name]
    return made


def _header(content: Mapping[str, Any]) -> Mapping[str, Any]:
    header = content.get("header")
    return header if isinstance(header, dict) else {}


def _by_gap(params: Sequence[Any] | Mapping[str, Any]) -> dict[str, str]:
    if isinstance(params, Mapping):
        return {str(name): str(value) for name, value in params.items()}
    return {str(number): str(value) for number, value in enumerate(params, 1)}


def _filled(text: str, values: Mapping[str, str]) -> str:
    """A value is never looked through for gaps of its own."""
    return GAP.sub(lambda found: values[found[1]], text)


def _mismatch(name: str, missing: Sequence[str], spare: Sequence[str]) -> str:
    parts = [f"lacks a value for {', '.join(missing)}"] if missing else []
    parts += [f"has no gap for {', '.join(spare)}"] if spare else []
    return f"the template `{name}` {' and '.join(parts)}"
