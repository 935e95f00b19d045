"""Turns rows of a file into new items: every cell made fit for where it goes, every fault noted by line and column."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stageauto.engine.fields import BUILT_IN, BadValueError, coerce
from stageauto.engine.local import from_local, parse_local
from stageauto.engine.model import Field, Pipeline, Workspace
from stageauto.engine.scalars import source_text
from stageauto.engine.template_faults import TemplateBudget, TemplateFault
from stageauto.errors import UsageError
from stageauto.loader.diagnostics import short, suggest
from stageauto.runner.import_mapping import Mapped, Origin
from stageauto.runner.import_rows import Faults, Row

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_DAY = 86_400_000
_SEPARATOR = ";"


@dataclass(frozen=True, slots=True)
class Ready:
    """A row made fit: `values` by field as kept; instants in ms UTC, None for now."""

    line: int
    item_id: str | None
    stage: str | None
    values: Mapping[str, Any]
    contact: Mapping[str, Any]
    company: Mapping[str, Any]
    created_at: int | None
    entered_at: int | None


@dataclass(slots=True)
class _Names:
    """Finds an id by the id itself, by the name, or by the name as an id is written."""

    what: str
    by_text: dict[str, str] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)

    def add(self, one: str, *others: str) -> None:
        self.ids.append(one)
        for text in (one, *others):
            if text:
                self.by_text.setdefault(_folded(text), one)

    def find(self, text: str) -> str:
        """The id. Raises BadValueError with the nearest one."""
        found = self.by_text.get(_folded(text))
        if found is None:
            raise BadValueError(f"there is no {self.what} `{short(text)}`", suggest(text, self.ids))
        return found


def _folded(text: str) -> str:
    return re.sub(r"[\W_]+", "-", text.casefold()).strip("-")


class Converter:
    """Makes items of rows, for one pipeline and one mapping. `now`: ms UTC."""

    def __init__(
        self, workspace: Workspace, pipeline: Pipeline, origins: Mapping[str, Origin], mapped: Mapped, now: int
    ) -> None:
        self.workspace = workspace
        self.pipeline = pipeline
        self.origins = origins
        self.date_format = mapped.date_format
        self.now = now
        self._stages = _Names("stage")
        for stage in pipeline.stages:
            self._stages.add(stage.id, stage.name)
        self._users = _Names("user")
        for user in workspace.users.values():
            self._users.add(user.id, user.name, user.email)
        self._readers = {target: self._reader(target, origin) for target, origin in origins.items()}
        self._required = [one.name for one in pipeline.fields.values() if one.required and one.default is None]
        self._check_words()

    def _check_words(self) -> None:
        origin = self.origins.get("stage")
        for meant in origin.words.values() if origin else ():
            self._stages.find(meant)

    # -- one value --------------------------------------------------------------------------------------------------

    def _reader(self, target: str, origin: Origin) -> Callable[[Row], Any]:
        """What gives the raw value for the target: from its column or its template, with `map` applied."""
        if not origin.template:
            return lambda row: _cell(row.cells.get(origin.column), origin.words)
        try:
            template = self.workspace.templates.text(origin.template)
        except TemplateFault as error:
            raise UsageError(f"the template of `{target}` is not understood: {error}") from None
        return lambda row: _cell(template.render({**row.cells, "row": row.cells}), origin.words)

    def row(self, row: Row, faults: Faults) -> Ready | None:
        """The row made fit; None where something is wrong with it, and that is noted."""
        before = faults.count
        found: dict[str, Any] = {}
        wrong: set[str] = set()
        for target, origin in self.origins.items():
            column = origin.column or target
            try:
                raw = self._readers[target](row)
                if raw is not None:
                    found[target] = self._fit(target, raw, origin)
            except (BadValueError, TemplateBudget) as error:
                if column not in wrong:  # a cell that goes to two fields is one fault
                    faults.add(row.line, column, str(getattr(error, "message", error)), getattr(error, "hint", ""))
                wrong.add(column)
        for name in self._required:
            if found.get(name) is None and self._column(name) not in wrong:
                faults.add(row.line, self._column(name), f"`{name}` is required and empty")
        ready = self._ready(row, found)
        if ready.created_at is not None and ready.entered_at is not None and ready.entered_at < ready.created_at:
            faults.add(row.line, self._column("stage_entered_at"), "it entered its stage before it was created")
        return ready if faults.count == before else None

    def _column(self, target: str) -> str:
        origin = self.origins.get(target)
        return (origin.column if origin else "") or target

    def _fit(self, target: str, raw: Any, origin: Origin) -> Any:
        if target == "id":
            return _item_id(source_text(raw), self.pipeline.entity)
        if target == "stage":
            return self._stages.find(source_text(raw))
        if target in ("created_at", "stage_entered_at"):
            return self._instant(target, raw, origin)
        if target == "contact":
            return _contact(raw)
        if target == "company":
            return raw if isinstance(raw, dict) else {"name": source_text(raw)}
        if target.startswith(("contact.", "company.")):
            return source_text(raw)
        return self._field(self.pipeline.fields.get(target) or BUILT_IN[target], raw, origin)

    def _field(self, said: Field, raw: Any, origin: Origin) -> Any:
        if said.multiple and isinstance(raw, str):
            raw = [one.strip() for one in raw.split(_SEPARATOR) if one.strip()]
        if said.type == "user" and self.workspace.users:
            raw = [self._user(one) for one in raw] if isinstance(raw, list) else self._user(raw)
        if said.type in ("date", "datetime"):
            made = self._dated(said.name, raw, origin)
            raw = made.date() if made is not None and said.type == "date" else made or raw
        try:
            return coerce(said, raw, self.workspace.zone)
        except BadValueError as error:
            hint = error.hint
            if said.type in ("date", "datetime") and not self._format(origin):
                hint += "; for another way to write it give --date-format, such as %m/%d/%Y"
            raise BadValueError(short(error.message), hint) from None

    def _user(self, raw: Any) -> str:
        return self._users.find(source_text(raw))

    def _format(self, origin: Origin) -> str:
        return origin.date_format or self.date_format

    def _dated(self, name: str, raw: Any, origin: Origin) -> datetime | None:
        """The naive local time that the text says by the date format; None where there is no format or no text."""
        form = self._format(origin)
        if not form or not isinstance(raw, str):
            return None
        try:
            return datetime.strptime(raw, form)
        except (ValueError, re.error):
            raise BadValueError(f"`{short(raw)}` is not written as `{form}` (for `{name}`)") from None

    def _instant(self, target: str, raw: Any, origin: Origin) -> int:
        local = self._dated(target, raw, origin)
        try:
            at = from_local(local, self.workspace.zone) if local else parse_local(source_text(raw), self.workspace.zone)
        except ValueError as error:
            hint = "write it like 2026-12-24, or give --date-format"
            raise BadValueError(f"`{short(source_text(raw))}` is no date", hint) from error
        if at > self.now + _DAY:
            raise BadValueError(f"`{short(source_text(raw))}` lies in the future (for `{target}`)")
        return at

    # -- the whole row ----------------------------------------------------------------------------------------------

    def _ready(self, row: Row, found: Mapping[str, Any]) -> Ready:
        contact = {**found.get("contact", {}), **_below("contact.", found)}
        company = {**found.get("company", {}), **_below("company.", found)}
        own = ("id", "stage", "contact", "company", "created_at", "stage_entered_at")
        values = {name: value for name, value in found.items() if name not in own and "." not in name}
        if not values.get("title"):
            values["title"] = _title(found, contact, company, row)
        created, entered = found.get("created_at"), found.get("stage_entered_at")
        return Ready(
            line=row.line, item_id=found.get("id"), stage=found.get("stage"), values=values, contact=contact,
            company=company, created_at=created if created is not None else entered,
            entered_at=entered if entered is not None else created,
        )  # fmt: skip


def _cell(raw: Any, words: Mapping[str, str]) -> Any:
    """The cell without blanks around it, None for an empty one; what `words` says it means in its place."""
    value = raw.strip() if isinstance(raw, str) else raw
    if value is None or value == "":
        return None
    return words.get(source_text(value), value) if words and not isinstance(value, dict | list) else value


def _item_id(text: str, entity: str) -> str:
    if not _ID.fullmatch(text):
        raise BadValueError(f"`{short(text)}` is no id", "an id has letters, digits, - and _, at most 64")
    if re.fullmatch(rf"{re.escape(entity)}-\d+", text):
        raise BadValueError(f"`{text}` is an id that stageauto gives by itself", "import it into a field of its own")
    return text


def _contact(raw: Any) -> dict[str, Any]:
    if isinstance(raw, dict):
        return raw
    text = source_text(raw)
    if "@" in text:
        return {"email": text}
    return {"phone" if re.fullmatch(r"[+\d][\d ()/.-]{4,}", text) else "name": text}


def _below(prefix: str, found: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}


def _title(found: Mapping[str, Any], contact: Mapping[str, Any], company: Mapping[str, Any], row: Row) -> str:
    person = contact.get("name") or f"{contact.get('first_name', '')} {contact.get('last_name', '')}".strip()
    first = company.get("name") or person or contact.get("email") or found.get("id")
    return str(first or f"Line {row.line}")
