"""Which column goes where: from a mapping file, from `--map FIELD=COLUMN`, and by itself where names agree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stageauto.engine.model import Pipeline
from stageauto.engine.scalars import source_text
from stageauto.errors import UsageError
from stageauto.loader.diagnostics import suggest
from stageauto.loader.yaml import read

OWN = ("id", "title", "stage", "responsible", "created_at", "stage_entered_at", "source", "tags", "contact", "company")
CONTACT = ("name", "first_name", "last_name", "email", "phone", "chat", "language", "timezone")
COMPANY = ("name", "email", "phone")
_KEYS = (*OWN, "fields", "date_format")
_WAYS = ("column", "template", "map", "date_format")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from: a column, or a template over the row. `words`: what stands there -> what is meant."""

    column: str = ""
    template: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    date_format: str = ""


@dataclass(frozen=True, slots=True)
class Mapped:
    """Origins by target: a field, one of `OWN`, `contact.email`, `company.name`, ... None: not taken."""

    origins: Mapping[str, Origin | None] = field(default_factory=dict)
    date_format: str = ""


def targets(pipeline: Pipeline) -> list[str]:
    """Everything that a column can go to in this pipeline."""
    people = [*(f"contact.{name}" for name in CONTACT), *(f"company.{name}" for name in COMPANY)]
    return [*OWN, *pipeline.fields, *people]


# -- from a mapping file -------------------------------------------------------------------------------------------


def read_mapping(name: str, text: str) -> Mapped:
    """The mapping that a YAML file says. Raises UsageError with the line."""
    parsed = read(text)
    for fault in parsed.faults:
        raise UsageError(f"{name}:{fault.line}: {fault.message}", fault.hint)
    root = parsed.root
    if not isinstance(root, dict):
        raise UsageError(f"{name} is no mapping", "write it like `title: column` on lines of their own")
    found: dict[str, Origin | None] = {}
    for key, raw in root.items():
        if key not in _KEYS:
            raise UsageError(f"{name}:{_line(root, key)}: `{key}` is not known here", suggest(key, _KEYS))
        if key == "date_format":
            continue
        where = f"{name}:{_line(root, key)}"
        if key == "fields":
            found.update(_group(where, "", raw))
        elif key in ("contact", "company") and isinstance(raw, dict) and not set(raw) & set(_WAYS):
            found.update(_group(where, f"{key}.", raw))
        else:
            found[key] = _origin(where, key, raw)
    return Mapped(found, source_text(root.get("date_format") or ""))


def _line(node: Any, key: str) -> int:
    return int(node.key_spans[key].line)


def _group(where: str, prefix: str, raw: Any) -> dict[str, Origin | None]:
    if not isinstance(raw, dict):
        raise UsageError(f"{where}: this is no mapping", "write it like `amount: column` on lines of their own")
    file = where.rsplit(":", 1)[0]
    return {prefix + key: _origin(f"{file}:{_line(raw, key)}", key, one) for key, one in raw.items()}


def _origin(where: str, key: str, raw: Any) -> Origin | None:
    if raw is None:
        return None
    if not isinstance(raw, dict):
        return _from_text(source_text(raw)) if not isinstance(raw, list) else _refuse(where, key)
    for word in raw:
        if word not in _WAYS:
            raise UsageError(f"{where}: `{key}` has no `{word}`", suggest(word, _WAYS))
    if ("column" in raw) == ("template" in raw):
        _refuse(where, key)
    words = raw.get("map") or {}
    if not isinstance(words, dict):
        raise UsageError(f"{where}: `map` of `{key}` is no mapping", "write it like `map: {Won: won}`")
    return Origin(
        column=source_text(raw.get("column") or ""),
        template=source_text(raw.get("template") or ""),
        words={source_text(was): source_text(meant) for was, meant in words.items()},
        date_format=source_text(raw.get("date_format") or ""),
    )


def _refuse(where: str, key: str) -> Origin:
    raise UsageError(f"{where}: `{key}` names no column", f"write `{key}: COLUMN` or `{key}: {{column: COLUMN, ...}}`")


def _from_text(text: str) -> Origin:
    return Origin(template=text) if "{{" in text else Origin(column=text)


# -- from the command line -----------------------------------------------------------------------------------------


def with_options(mapped: Mapped, pairs: Sequence[str], date_format: str | None) -> Mapped:
    """The mapping with `FIELD=COLUMN` of the command line over it. Raises UsageError."""
    origins = dict(mapped.origins)
    for pair in pairs:
        target, equals, column = pair.partition("=")
        if not equals or not target.strip():
            raise UsageError(f"`--map {pair}` is not understood", "write it like --map amount=close_value")
        was = origins.get(target.strip())
        made = _from_text(column.strip()) if column.strip() else None
        if made is not None and was is not None:
            made = replace(made, words=was.words, date_format=was.date_format)
        origins[target.strip()] = made
    return Mapped(origins, date_format or mapped.date_format)


# -- against the file ----------------------------------------------------------------------------------------------


def settled(mapped: Mapped, pipeline: Pipeline, columns: Iterable[str]) -> dict[str, Origin]:
    """The origins for these columns, those whose names agree added. Raises UsageError for what is not there."""
    known, allowed = list(columns), targets(pipeline)
    for target, origin in mapped.origins.items():
        if target not in allowed:
            raise UsageError(f"{pipeline.id} has no field `{target}`", suggest(target, allowed))
        if origin is not None and origin.column and origin.column not in known:
            hint = suggest(origin.column, known)
            raise UsageError(f"the file has no column `{origin.column}` (for `{target}`)", hint)
    found = {target: origin for target, origin in mapped.origins.items() if origin is not None}
    used = {origin.column for origin in found.values()}
    for column in known:
        target = column if column in allowed else _plain(column)
        if target not in allowed or target in mapped.origins or target in found:
            continue
        if target == column or column not in used:
            found[target] = Origin(column=column)
    return found


def _plain(column: str) -> str:
    """`Close Value` as fields are written: `close_value`."""
    return re.sub(r"[^a-z0-9.]+", "_", column.strip().lower()).strip("_")


def not_taken(origins: Mapping[str, Origin], columns: Iterable[str]) -> list[str]:
    """The columns that go nowhere; one that a template may read is not counted."""
    used = {origin.column for origin in origins.values()}
    templates = " ".join(origin.template for origin in origins.values())
    return [one for one in columns if one not in used and one not in templates]
