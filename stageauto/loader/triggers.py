"""Triggers and intake: events that move items into a stage, and events that create them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from stageauto.engine.event_types import EventType
from stageauto.engine.model import EMPTY, Intake, Trigger
from stageauto.engine.scalars import source_text
from stageauto.engine.scope import EVENT_NAMES
from stageauto.engine.templates import Value
from stageauto.loader import shapes
from stageauto.loader.builder import SpotBuilder
from stageauto.loader.diagnostics import WARNING, shown, suggest
from stageauto.loader.fields import check_set
from stageauto.loader.names import Reader
from stageauto.loader.shape_check import fitting
from stageauto.loader.source import Spot
from stageauto.loader.timing import read_cron
from stageauto.loader.world import Outline, World
from stageauto.loader.yaml import Map

SCHEDULE = "schedule"
_NAMED = {"form": "form", "hook": "hook", "resource": "resource"}


def read_triggers(world: World, outline: Outline, stage: str, spot: Spot, raw: Sequence[Any]) -> tuple[Trigger, ...]:
    """The triggers of a stage; the spot is that of the list."""
    built = []
    for index, one in enumerate(raw):
        kept = fitting(spot.at(index), one, shapes.TRIGGER)
        if kept is not None:
            built.append(_trigger(world, outline, stage, spot.at(index), kept, index))
    return tuple(built)


def read_intake(world: World, outline: Outline, spot: Spot, raw: Sequence[Any]) -> tuple[Intake, ...]:
    """The intake of a pipeline; the spot is that of the list."""
    built = []
    for index, one in enumerate(raw):
        kept = fitting(spot.at(index), one, shapes.INTAKE)
        if kept is not None:
            built.append(_intake(world, outline, spot.at(index), kept))
    return tuple(built)


def _trigger(world: World, outline: Outline, stage: str, spot: Spot, raw: Map, index: int) -> Trigger:
    name = source_text(raw["event"])
    kind = _event(world, spot, name)
    builder = SpotBuilder(spot, _reader(world, outline, name, kind, raw), raw)
    sources = _schedule(builder, raw, stage, name)
    return Trigger(
        id=source_text(raw["id"]),
        event=name,
        pipeline=outline.id,
        stage=stage,
        index=index,
        path=spot.shown_path,
        name=source_text(raw.get("name", "")),
        where=_where(builder, raw, kind),
        condition=builder.condition(raw["if"], ("if",)) if "if" in raw else None,
        allow_back=bool(raw.get("allow_back", False)),
        move_as=_move_as(builder, raw.get("move_as")),
        set=_set(builder, raw),
        route_all=raw.get("route") == "all",
        enabled=bool(raw.get("enabled", True)),
        cron=read_cron(spot, raw["cron"]) if "cron" in raw and name == SCHEDULE else None,
        from_stages=sources,
        place=spot.place,
    )


def _intake(world: World, outline: Outline, spot: Spot, raw: Map) -> Intake:
    name = source_text(raw["event"])
    kind = _event(world, spot, name)
    if name == SCHEDULE:
        hint = "intake takes events from outside"
        spot.fault("bad-event", "`schedule` moves items; it cannot create one", ("event",), hint=hint)
    builder = SpotBuilder(spot, _reader(world, outline, name, kind, raw), raw)
    stage = source_text(raw.get("stage", next(iter(outline.stages), "")))
    if "stage" in raw:
        builder.known("stage", stage, ("stage",))
    return Intake(
        id=source_text(raw["id"]),
        event=name,
        pipeline=outline.id,
        stage=stage,
        path=spot.shown_path,
        where=_where(builder, raw, kind),
        condition=builder.condition(raw["if"], ("if",)) if "if" in raw else None,
        set=_set(builder, raw),
        unless_open_contact=raw.get("unless_open") == "contact",
        place=spot.place,
    )


def _event(world: World, spot: Spot, name: str) -> EventType | None:
    kind = world.events.get(name)
    if kind is None and not world.known("event", name, None):
        spot.fault("unknown-event", f"there is no event {shown(name)}", ("event",), hint=suggest(name, world.events))
    return kind


def _reader(world: World, outline: Outline, name: str, kind: EventType | None, raw: Map) -> Reader:
    if kind is None:
        return Reader(world, outline)
    fields: Iterable[str] | None = _form_fields(world, kind, raw) if kind.open_data else ()
    if fields is None:
        return Reader(world, outline)
    keys = frozenset({*EVENT_NAMES, *kind.data, *kind.where, *fields})
    trust = "any" if kind.open_data else "none" if kind.engine else "far"
    return Reader(world, outline, event=keys, event_name=name, by_hand=trust)


def _form_fields(world: World, kind: EventType, raw: Map) -> set[str] | None:
    """The fields of the forms that `where` names; None where it names none, or one that is not set up."""
    where = raw.get("where")
    said = where.get("form") if isinstance(where, Mapping) and "form" in kind.where else None
    names = [source_text(one) for one in (said if isinstance(said, list) else [said]) if one is not None]
    if not names or any(name not in world.forms for name in names):
        return None
    return {field for name in names for field in world.forms[name]["fields"]}


def _schedule(builder: SpotBuilder, raw: Map, stage: str, name: str) -> tuple[str, ...]:
    """The stages that a schedule trigger moves items from."""
    if name != SCHEDULE:
        for key in ("cron", "from"):
            if key in raw:
                builder.fault("only-schedule", f"`{key}` goes with `event: schedule` only", (key,), hint="leave it out")
        return ()
    for key, example in (("cron", '"0 9 * * mon"'), ("from", "[STAGE]")):
        if key not in builder.spot.source.value(builder.spot.path):
            builder.spot.fault(
                "missing-key", f"`{key}` is missing: a schedule needs it", hint=f"add `{key}: {example}`", missing=True
            )
    stages = tuple(source_text(one) for one in raw.get("from", ()))
    known = [one for index, one in enumerate(stages) if builder.known("stage", one, ("from", index))]
    if known and len(known) == len(stages) and not any(_can_move(builder, one, stage, raw) for one in known):
        message = f"from here no item may move to `{stage}`: none of these stages is an earlier one that is open"
        hint = "name an earlier stage that is open" + ("" if raw.get("allow_back") else ", or add `allow_back: true`")
        builder.fault("only-back", message, ("from",), hint=hint)
    return stages


def _can_move(builder: SpotBuilder, source: str, stage: str, raw: Map) -> bool:
    if source == stage or raw.get("allow_back"):
        return source != stage
    stages = builder.reader.outline.stages
    order = list(stages)
    return order.index(source) < order.index(stage) and stages[source] == "open"


def _where(builder: SpotBuilder, raw: Map, kind: EventType | None) -> Mapping[str, tuple[Any, ...]]:
    where = raw.get("where", EMPTY)
    made = {}
    for key, value in where.items():
        if kind is not None and not kind.open_data and key not in kind.where and key not in kind.data:
            known = (*kind.where, *kind.data)
            message = f"the event `{kind.name}` has no `{key}` to ask for"
            hint = suggest(key, known) or "it has none at all: leave `where` out, or ask with `if`"
            builder.spot.fault("unknown-where", message, ("where", key), hint=hint, on_key=True)
            continue
        values = value if isinstance(value, list) else [value]
        if not values or any(isinstance(one, Mapping | list) or one is None for one in values):
            builder.fault("wrong-type", "`where` compares with a value or a list of values", ("where", key))
            continue
        _check_named(builder, kind, key, values, many=isinstance(value, list))
        made[key] = tuple(values)
    return MappingProxyType(made) if made else EMPTY


def _check_named(builder: SpotBuilder, kind: EventType | None, key: str, values: Sequence[Any], *, many: bool) -> None:
    """Names in `where`: fields and stages must exist; what is only emitted by hand may stand nowhere else."""
    if kind is None:
        return
    world = builder.reader.world
    for index, value in enumerate(values):
        at = ("where", key, index) if many else ("where", key)
        name = source_text(value)
        if key == "field" and kind.name == "field.changed":
            builder.known("field", name, at)
        elif key in _NAMED and key in kind.where and not world.known(_NAMED[key], name, None):
            hint = (
                suggest(name, world.names(_NAMED[key], None)) or f"set it up under `{_NAMED[key]}s` in stageauto.yaml"
            )
            builder.fault(f"unknown-{_NAMED[key]}", f"there is no {key} {shown(name)}", at, hint=hint, severity=WARNING)
        elif key == "pipeline" and kind.engine:
            builder.known("pipeline", name, at)
        elif key == "stage" and kind.engine:
            _check_stage(builder, name, at)


def _check_stage(builder: SpotBuilder, name: str, at: tuple[str | int, ...]) -> None:
    pipelines = builder.reader.world.pipelines
    named = builder.raw["where"].get("pipeline")
    chosen = [
        one for one in pipelines.values() if named is None or one.id in (named if isinstance(named, list) else [named])
    ]
    stages = {stage for one in chosen for stage in one.stages}
    if chosen and name not in stages:
        builder.fault("unknown-stage", f"there is no stage {shown(name)}", at, hint=suggest(name, stages))


def _move_as(builder: SpotBuilder, raw: Any) -> Value | None:
    if raw is None or raw == "responsible":
        return None
    text = source_text(raw)
    if "{{" not in text:
        builder.known("user", text, ("move_as",))
    made: Value = builder.value(text, ("move_as",))
    return made


def _set(builder: SpotBuilder, raw: Map) -> Mapping[str, Value]:
    made = {}
    for name, value in raw.get("set", EMPTY).items():
        made[name] = builder.value(value, ("set", name))
    check_set(builder, raw.get("set", EMPTY), ("set",))
    return MappingProxyType(made) if made else EMPTY
