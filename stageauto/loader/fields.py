"""Fields of a pipeline, and values that are written to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stageauto.engine.fields import BUILT_IN, READ_ONLY, BadValueError, coerce
from stageauto.engine.model import Field
from stageauto.engine.options import Path
from stageauto.engine.scalars import source_text
from stageauto.loader import shapes
from stageauto.loader.builder import SpotBuilder
from stageauto.loader.check import check
from stageauto.loader.diagnostics import WARNING, short, shown, suggest
from stageauto.loader.shape_check import fitting
from stageauto.loader.source import Spot
from stageauto.loader.world import BUILT_IN_TYPES, Outline, World

_NAME: Final[Mapping[str, Any]] = {"propertyNames": {"pattern": shapes.NAME}}
_SHORT: Final[Mapping[str, Any]] = {"enum": list(shapes.FIELD_TYPES)}
_NEVER_SET: Final = (*READ_ONLY, "pipeline", "links")


def read_fields(world: World, outline: Outline, spot: Spot, raw: Mapping[str, Any]) -> None:
    """Puts the fields into the outline; the spot is that of `fields`."""
    bad_names = check(spot, raw, _NAME) or set()
    for name, one in raw.items():
        if name in bad_names:
            continue
        if name in BUILT_IN_TYPES:
            message = f"every item has `{name}` already: a field cannot be called that"
            spot.fault("built-in-field", message, (name,), hint="give it another name", on_key=True)
            continue
        field = _field(world, spot.at(name), name, one)
        if field is None:
            outline.broken_fields.add(name)
        else:
            outline.fields[name] = field


def _field(world: World, spot: Spot, name: str, raw: Any) -> Field | None:
    if not isinstance(raw, Mapping):
        if check(spot, raw, _SHORT):
            return None
        if raw not in shapes.FIELD_TYPES:
            return None
        raw = {"type": raw}
        kept: Mapping[str, Any] | None = raw
    else:
        kept = fitting(spot, raw, shapes.FIELD)
    if kept is None:
        return None
    options = kept.get("options")
    if kept["type"] == "choice" and "options" not in raw:
        spot.fault("missing-key", "a choice needs `options`", hint="add `options: [first, second]`", missing=True)
    elif kept["type"] == "choice":
        _told_once(spot, options or [])
    elif options is not None:
        spot.fault(
            "no-effect",
            "`options` go with `type: choice` only",
            ("options",),
            hint="leave them out",
            severity=WARNING,
        )
    field = Field(
        name=name,
        type=str(kept["type"]),
        required=bool(kept.get("required", False)),
        multiple=bool(kept.get("multiple", False)),
        default=None,
        options=tuple(source_text(one) for one in options or ()) if kept["type"] == "choice" else (),
        pipeline=source_text(kept["pipeline"]) if "pipeline" in kept else None,
    )
    return _with_default(world, spot, field, kept.get("default"))


def _told_once(spot: Spot, options: list[Any]) -> None:
    seen: set[str] = set()
    for index, one in enumerate(options):
        name = source_text(one)
        if name in seen:
            message = f"the option {shown(name)} stands twice"
            spot.fault("no-effect", message, ("options", index), hint="remove one of them", severity=WARNING)
        seen.add(name)


def _with_default(world: World, spot: Spot, field: Field, raw: Any) -> Field:
    if raw is None:
        return field
    fault = misfit(world, field, raw)
    if fault:
        spot.fault("bad-default", f"the default does not fit: {fault[0]}", ("default",), hint=fault[1])
        return field
    return Field(
        field.name,
        field.type,
        field.required,
        field.multiple,
        coerce(field, raw, world.zone),
        field.options,
        field.pipeline,
    )


def misfit(world: World, field: Field, raw: Any) -> tuple[str, str] | None:
    """Why a constant cannot stand in the field, with the way out; None where it can."""
    if raw is None:
        return None
    if field.type == "user":
        unknown = [
            one for one in (raw if isinstance(raw, list) else [raw]) if source_text(one).strip() not in world.users
        ]
        if unknown and world.users:
            name = short(source_text(unknown[0]))
            return f"there is no user `{name}`", suggest(name, world.users)
    if isinstance(raw, list) and not field.multiple and len(raw) != 1:
        return f"the field `{field.name}` holds one value, not a list", "add `multiple: true` to the field"
    if field.type == "boolean" and not _all_booleans(raw):
        # What people type into a form may be `yes`; what stands in a file is YAML.
        return f"{shown(raw)} does not fit the field `{field.name}`", "only `true` and `false` are booleans"
    if isinstance(raw, Mapping):
        return f"the field `{field.name}` holds no mapping", ""
    try:
        coerce(field, raw, world.zone)
    except BadValueError as error:
        return short(error.message) if len(error.message) > 200 else error.message, error.hint
    return None


def _all_booleans(raw: Any) -> bool:
    many = raw if isinstance(raw, list) else [raw]
    return all(isinstance(one, bool) or one in ("true", "false", None) for one in many)


def check_set(builder: SpotBuilder, raw: Mapping[str, Any], at: Path, outline: Outline | None = None) -> None:
    """Checks what is written to fields: that they exist, may be written, and that constants fit."""
    outline = outline or builder.reader.outline
    writable = [*outline.fields, *outline.broken_fields, *BUILT_IN]
    for name, value in raw.items():
        if name in _NEVER_SET:
            hint = (
                "items move by triggers, `change_stage` and `change_pipeline`" if name in {"stage", "pipeline"} else ""
            )
            builder.spot.fault("read-only-field", f"`{name}` cannot be set", (*at, name), hint=hint, on_key=True)
            continue
        field = outline.fields.get(name) or BUILT_IN.get(name)
        if field is None:
            if name not in outline.broken_fields:
                message = f"pipeline `{outline.id}` has no field `{short(name)}`"
                builder.spot.fault("unknown-field", message, (*at, name), hint=suggest(name, writable), on_key=True)
            continue
        if field.type not in {"contact", "company"}:
            _check_constants(builder, field, value, (*at, name))


def _check_constants(builder: SpotBuilder, field: Field, value: Any, at: Path) -> None:
    """Reports the constants that do not fit; what templates make is checked when it is known."""
    if isinstance(value, list) and (field.multiple or any(_is_computed(one) for one in value)):
        for index, one in enumerate(value):
            if not _is_computed(one):
                _check_constant(builder, field, one, (*at, index))
    elif not _is_computed(value):
        _check_constant(builder, field, value, at)


def _check_constant(builder: SpotBuilder, field: Field, value: Any, at: Path) -> None:
    fault = misfit(builder.reader.world, field, value)
    if fault:
        builder.fault("bad-value", fault[0], at, hint=fault[1])


def _is_computed(value: Any) -> bool:
    return isinstance(value, str) and "{" in value
