"""The words of `with:`: what an option takes, its JSON Schema, and how it is compiled when loaded.

An action's dataclass fields are declared with `option(TYPE, "what it is", default=...)`. The loader checks the raw YAML
against `schema()`, then calls `build(raw, builder)`; a fault goes to `builder.fault` with the place; loading goes on.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from stageauto.engine.durations import Duration, DurationError, parse_duration
from stageauto.engine.local import LocalTimeError, parse_local
from stageauto.engine.scalars import source_text

Path = tuple[str | int, ...]
Json = dict[str, Any]


class Builder(Protocol):
    """What the loader lends to an option while it is compiled. Paths are relative to the option."""

    def text(self, source: str, at: Path = (), *, html: bool = False) -> Any:
        """A compiled `Text`; unknown names and syntax are reported by the loader."""

    def value(self, source: Any, at: Path = ()) -> Any:
        """A compiled `Value` of any YAML data with templates inside."""

    def template_file(self, name: str, at: Path = ()) -> Any:
        """A compiled `Text` of a file under templates/; a missing one is reported."""

    def known(self, what: str, name: str, at: Path = (), *, pipeline: str | None = None) -> bool:
        """Whether there is something of that name; an unknown one is reported.

        `what`: user, role, stage, pipeline, rule, channel, resource, field, event, calendar, file, form, hook,
        audience. `pipeline`: where stage, rule or field belong (default: this one).
        """

    def takes(self, channel: str, kind: str) -> bool:
        """Whether the channel takes messages of that kind (mail, sms, ...); one that does not is reported."""

    def field_type(self, name: str, pipeline: str | None = None) -> str | None:
        """The type of a field (built-in ones too), or None."""

    def holds_many(self, name: str) -> bool:
        """Whether a field of this pipeline holds several values; True where that is not known."""

    def fault(self, code: str, message: str, at: Path = (), *, hint: str = "", severity: str = "error") -> None:
        """Reports a diagnostic at this place."""

    def sibling(self, name: str) -> Any:
        """The raw value of another option of the same action (for `set` that depends on `pipeline`)."""

    def reachable(self) -> bool:
        """Whether the workspace has a `base_url`, without which there are no personal links."""


class OptionType(Protocol):
    """A kind of value that an option takes."""

    def schema(self) -> Json:
        """The JSON Schema of the raw YAML value."""

    def build(self, raw: Any, builder: Builder) -> Any:
        """The compiled value."""


@dataclass(frozen=True, slots=True)
class Option:
    """What a dataclass field says of itself."""

    type: OptionType
    help: str
    required: bool


def option(kind: OptionType, help: str, default: Any = MISSING, *, default_factory: Any = MISSING) -> Any:
    """A dataclass field that is an option of an action (or of a channel)."""
    required = default is MISSING and default_factory is MISSING
    metadata = {"option": Option(kind, help, required)}
    if required:
        return dataclasses.field(metadata=metadata)
    if default_factory is not MISSING:
        return dataclasses.field(default_factory=default_factory, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def options_of(cls: type) -> dict[str, Option]:
    """The options of a dataclass by YAML name: a trailing underscore is dropped (`from_` is `from`)."""
    return {f.name.rstrip("_"): f.metadata["option"] for f in dataclasses.fields(cls) if "option" in f.metadata}


def schema_of(cls: type) -> Json:
    """The JSON Schema of the mapping that a dataclass's options make."""
    options = options_of(cls)
    schema: Json = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: {**opt.type.schema(), "description": opt.help} for name, opt in options.items()},
    }
    required = [name for name, opt in options.items() if opt.required]
    if required:
        schema["required"] = required
    return schema


def build_options(cls: type, raw: Mapping[str, Any], builder: Builder) -> Any:
    """An instance of the dataclass from raw YAML that has passed `schema_of`."""
    values = {}
    names = {f.name.rstrip("_"): f.name for f in dataclasses.fields(cls) if "option" in f.metadata}
    for name, opt in options_of(cls).items():
        if name in raw:
            values[names[name]] = opt.type.build(raw[name], _At(builder, name, raw))
    return cls(**values)


_ANY_ZONE = ZoneInfo("UTC")  # whether a text is a local time does not hang on the zone
_MOMENT_HINT = "write it like 2026-12-24T09:00 or 2026-12-24"
_ID = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)
_NUMBER = re.compile(r"\+?[0-9][0-9 ()./-]*")  # a phone as people write it

SCALAR: Json = {"type": ["string", "number", "boolean"]}


@dataclass(frozen=True, slots=True)
class TextOption:
    """A template that renders text."""

    html: bool = False

    def schema(self) -> Json:
        return dict(SCALAR)

    def build(self, raw: Any, builder: Builder) -> Any:
        return builder.text(source_text(raw), html=self.html)


@dataclass(frozen=True, slots=True)
class ValueOption:
    """Any YAML data, with templates inside; a lone {{ expression }} keeps its type."""

    def schema(self) -> Json:
        return {}

    def build(self, raw: Any, builder: Builder) -> Any:
        return builder.value(raw)


@dataclass(frozen=True, slots=True)
class MomentOption:
    """A date or datetime: ISO text (local) or a template that gives one.

    With `spans`, also a duration, counted from the moment at which the action runs (then a `Duration`).
    """

    spans: bool = False

    def schema(self) -> Json:
        return {"type": "string"}

    def build(self, raw: Any, builder: Builder) -> Any:
        text = source_text(raw)
        if "{" in text:
            return builder.value(text)
        try:
            parse_local(text, _ANY_ZONE)
        except LocalTimeError as error:
            if not self.spans:
                builder.fault("bad-time", error.message, hint=_MOMENT_HINT)
                return builder.value(text)
        else:
            return builder.value(text)
        try:
            return parse_duration(text)
        except DurationError:
            builder.fault("bad-time", f"'{text}' is neither a local time nor a duration", hint=f"{_MOMENT_HINT}, or 2d")
            return Duration()


@dataclass(frozen=True, slots=True)
class DurationOption:
    """A duration such as 2d or 1h30m; with `templated`, also a template that renders one (then a `Text`)."""

    templated: bool = False

    def schema(self) -> Json:
        return {"type": "string", "examples": ["30m", "4h", "2d", "1d12h"]}

    def build(self, raw: Any, builder: Builder) -> Any:
        text = source_text(raw)
        if self.templated and "{{" in text:
            return builder.text(text)
        try:
            return parse_duration(text)
        except DurationError as error:
            builder.fault("bad-duration", error.message, hint=error.hint)
            return Duration()


@dataclass(frozen=True, slots=True)
class FileOption:
    """The name of a file under templates/, compiled as a template."""

    def schema(self) -> Json:
        return {"type": "string"}

    def build(self, raw: Any, builder: Builder) -> Any:
        return builder.template_file(raw)


@dataclass(frozen=True, slots=True)
class Plain:
    """A constant of a JSON type, kept as it is."""

    type: str = "string"
    minimum: float | None = None
    maximum: float | None = None

    def schema(self) -> Json:
        schema: Json = {"type": self.type}
        if self.minimum is not None:
            schema["minimum"] = self.minimum
        if self.maximum is not None:
            schema["maximum"] = self.maximum
        return schema

    def build(self, raw: Any, builder: Builder) -> Any:
        return source_text(raw) if self.type == "string" else raw


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def schema(self) -> Json:
        return {"enum": list(self.words)}

    def build(self, raw: Any, builder: Builder) -> str:
        return str(raw)


@dataclass(frozen=True, slots=True)
class NameOption:
    """The id of something in the workspace; `what` as in `Builder.known`.

    `pipeline_from`: the sibling option naming the pipeline. `types`: allowed field types. `kind`: the messages that a
    channel has to take. With `templated`, a template is taken too and checked at run time.
    """

    what: str
    pipeline_from: str = ""
    types: tuple[str, ...] = ()
    templated: bool = False
    also: tuple[str, ...] = ()  # words with a meaning of their own ("responsible")
    kind: str = ""

    def schema(self) -> Json:
        return {"type": "string"}

    def build(self, raw: Any, builder: Builder) -> Any:
        name = source_text(raw)
        if self.templated and "{{" in name:
            return builder.text(name)
        if self.kind and name not in ("workspace", "responsible") and builder.known(self.what, name):
            builder.takes(name, self.kind)
            return name
        if name in self.also:
            return name
        pipeline = builder.sibling(self.pipeline_from) if self.pipeline_from else None
        if builder.known(self.what, name, pipeline=pipeline) and self.what == "field" and self.types:
            found = builder.field_type(name, pipeline)
            if found not in self.types:
                builder.fault(
                    "field-type", f"field `{name}` is of type {found}; this wants {' or '.join(self.types)}", ()
                )
        return name


@dataclass(frozen=True, slots=True)
class ListOption:
    """A list of something; with `or_one`, a single one is taken as a list of one. Builds a tuple."""

    of: OptionType
    or_one: bool = False
    min_items: int = 0

    def schema(self) -> Json:
        many: Json = {"type": "array", "items": self.of.schema()}
        if self.min_items:
            many["minItems"] = self.min_items
        return {"anyOf": [self.of.schema(), many]} if self.or_one else many

    def build(self, raw: Any, builder: Builder) -> tuple[Any, ...]:
        if not isinstance(raw, list):
            return (self.of.build(raw, builder),)
        return tuple(self.of.build(one, at(builder, index)) for index, one in enumerate(raw))


@dataclass(frozen=True, slots=True)
class MapOption:
    """A mapping of any names to something. Builds a dict."""

    of: OptionType

    def schema(self) -> Json:
        return {"type": "object", "additionalProperties": self.of.schema()}

    def build(self, raw: Any, builder: Builder) -> dict[str, Any]:
        return {name: self.of.build(one, at(builder, name)) for name, one in raw.items()}


@dataclass(frozen=True, slots=True)
class FieldsOption:
    """`set:`: fields of a pipeline (built-in ones too) to values with templates. Builds a dict of `Value`."""

    pipeline_from: str = ""

    def schema(self) -> Json:
        return {"type": "object", "minProperties": 1}

    def build(self, raw: Any, builder: Builder) -> dict[str, Any]:
        pipeline = builder.sibling(self.pipeline_from) if self.pipeline_from else None
        built = {}
        for name, one in raw.items():
            builder.known("field", name, (name,), pipeline=pipeline)
            built[name] = builder.value(one, (name,))
        return built


@dataclass(frozen=True, slots=True)
class GroupOption:
    """A mapping with options of its own: a dataclass whose fields are options."""

    cls: type

    def schema(self) -> Json:
        return schema_of(self.cls)

    def build(self, raw: Any, builder: Builder) -> Any:
        return build_options(self.cls, raw, builder)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody a message goes to: `kind` is customer, responsible, manager, user, role or address."""

    kind: str
    name: Any = ""  # user or role id; a compiled Text for an address


@dataclass(frozen=True, slots=True)
class RecipientsOption:
    """`to:`: customer, responsible, manager, {user: ID}, {role: ID}, an address, or a list of these.

    Builds a tuple of `Recipient`. `users_only` refuses customers and addresses (notifications); there, and with `ids`,
    a user's id may stand alone.
    """

    users_only: bool = False
    ids: bool = False

    def schema(self) -> Json:
        one: Json = {
            "anyOf": [
                {"type": ["string", "number"]},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "minProperties": 1,
                    "maxProperties": 1,
                    "properties": {"user": {"type": "string"}, "role": {"type": "string"}},
                },
            ]
        }
        return {"anyOf": [*one["anyOf"], {"type": "array", "items": one, "minItems": 1}]}

    def build(self, raw: Any, builder: Builder) -> tuple[Recipient, ...]:
        if isinstance(raw, list):
            return tuple(self._one(one, at(builder, index)) for index, one in enumerate(raw))
        return (self._one(raw, builder),)

    @staticmethod
    def _named(what: str, name: str, builder: Builder) -> Recipient:
        builder.known(what, name)
        return Recipient(what, name)

    def _one(self, raw: Any, builder: Builder) -> Recipient:
        if isinstance(raw, Mapping):
            ((what, name),) = raw.items()
            builder.known(what, source_text(name), (what,))
            return Recipient(what, source_text(name))
        text = source_text(raw)
        what, colon, name = text.partition(":")
        if colon and what in {"user", "role"}:  # the same, written as one text
            return self._named(what, name.strip(), builder)
        if text in ("responsible", "manager"):
            return Recipient(text)
        if text == "customer" and not self.users_only:
            return Recipient("customer")
        if (self.users_only or self.ids) and text != "customer" and _ID.fullmatch(text):
            return self._named("user", text, builder)
        if self.users_only:
            builder.fault(
                "bad-recipient",
                f"`{text}` is not staff; this goes to users only",
                hint="write responsible, manager, {user: ID} or {role: ID}",
            )
        elif "{{" not in text and "@" not in text and not _NUMBER.fullmatch(text):
            builder.fault(
                "bad-recipient",
                f"`{text}` is neither a recipient nor an address",
                hint="write customer, responsible, manager, {user: ID}, {role: ID} or an address",
            )
        return Recipient("address", builder.text(text))


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to attach: `kind` is field, file or document."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class AttachmentsOption:
    """`attach:`: a list of {field: item.offer}, {file: files/x.pdf}, {document: latest}. Builds `Attachment`s."""

    def schema(self) -> Json:
        names = {name: {"type": "string"} for name in ("field", "file", "document")}
        one = {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
            "properties": names,
        }
        return {"type": "array", "items": one}

    def build(self, raw: Any, builder: Builder) -> tuple[Attachment, ...]:
        return tuple(self._one(one, at(builder, index)) for index, one in enumerate(raw))

    def _one(self, raw: Mapping[str, str], builder: Builder) -> Attachment:
        ((kind, value),) = raw.items()
        if kind == "field":
            name = value.removeprefix("item.")
            if builder.known("field", name, (kind,)) and builder.field_type(name) != "file":
                builder.fault("field-type", f"field `{name}` is not a file", (kind,))
            return Attachment(kind, name)
        if kind == "file":
            builder.known("file", value, (kind,))
        return Attachment(kind, value)


@dataclass(frozen=True, slots=True)
class _At:
    """A builder narrowed to a key or index below the option."""

    outer: Builder
    step: str | int
    siblings: Mapping[str, Any] | None = None

    def text(self, source: str, at: Path = (), *, html: bool = False) -> Any:
        return self.outer.text(source, (self.step, *at), html=html)

    def value(self, source: Any, at: Path = ()) -> Any:
        return self.outer.value(source, (self.step, *at))

    def template_file(self, name: str, at: Path = ()) -> Any:
        return self.outer.template_file(name, (self.step, *at))

    def known(self, what: str, name: str, at: Path = (), *, pipeline: str | None = None) -> bool:
        return self.outer.known(what, name, (self.step, *at), pipeline=pipeline)

    def takes(self, channel: str, kind: str) -> bool:
        return self.outer.takes(channel, kind)

    def field_type(self, name: str, pipeline: str | None = None) -> str | None:
        return self.outer.field_type(name, pipeline)

    def holds_many(self, name: str) -> bool:
        return self.outer.holds_many(name)

    def fault(self, code: str, message: str, at: Path = (), *, hint: str = "", severity: str = "error") -> None:
        self.outer.fault(code, message, (self.step, *at), hint=hint, severity=severity)

    def sibling(self, name: str) -> Any:
        return self.outer.sibling(name) if self.siblings is None else self.siblings.get(name)

    def reachable(self) -> bool:
        return self.outer.reachable()


def at(builder: Builder, step: str | int) -> Builder:
    """The builder, narrowed to a key or an index."""
    return _At(builder, step)
