"""Pipelines: first their outlines (every name that others may refer to), then the whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from stageauto.engine.model import EMPTY, Pipeline, Stage, Trigger
from stageauto.engine.scalars import source_text
from stageauto.loader import shapes
from stageauto.loader.diagnostics import suggest
from stageauto.loader.fields import read_fields
from stageauto.loader.rules import read_rules
from stageauto.loader.shape_check import fitting
from stageauto.loader.source import Path, Report, Source, Spot, id_of
from stageauto.loader.triggers import read_intake, read_triggers
from stageauto.loader.world import Anything, Outline, World
from stageauto.loader.yaml import Map, Seq


@dataclass(slots=True)
class PipelineFile:
    """A pipeline whose names are known, before its rules are read."""

    spot: Spot
    raw: Map
    outline: Outline
    stages: list[tuple[int, Map]]  # index in the file, what could be kept of it


def read_outlines(world: World, report: Report, sources: Iterable[Source]) -> list[PipelineFile]:
    """The outlines of all pipelines; they are put into the world."""
    files = []
    for source in sources:
        spot = Spot(report, source)
        kept = fitting(spot, source.root, shapes.PIPELINE)
        if kept is None:
            _name_only(world, source)
            continue
        file = _outline(world, spot, kept)
        other = world.pipelines.get(file.outline.id)
        if other is not None:
            message = f"there are two pipelines `{other.id}`: the other one is in {other.file}"
            spot.fault("duplicate-id", message, ("pipeline",), hint="give one of them another id")
        else:
            world.pipelines[file.outline.id] = file.outline
        files.append(file)
    return files


def _name_only(world: World, source: Source) -> None:
    """A pipeline that cannot be read still has a name, so that others may refer to it."""
    if isinstance(source.root, Map) and isinstance(source.root.get("pipeline"), str):
        name = source.root["pipeline"]
        world.pipelines.setdefault(name, Outline(name, source.file))


def _outline(world: World, spot: Spot, raw: Map) -> PipelineFile:
    outline = Outline(source_text(raw["pipeline"]), spot.source.file, source_text(raw.get("entity", "deal")))
    if "fields" in raw:
        read_fields(world, outline, spot.at("fields"), raw["fields"])
    elif "fields" in spot.source.root:
        outline.broken_fields = Anything()  # they stand there, in a form that says nothing
    stages = []
    ids: dict[str, Path] = {}
    for index, one in enumerate(raw["stages"]):
        place = spot.at("stages", index)
        kept = fitting(place, one, shapes.STAGE)
        if kept is None:
            continue
        stage = source_text(kept["id"])
        if stage in outline.stages:
            at = next(number for number, other in enumerate(raw["stages"]) if id_of(other) == stage)
            line = spot.at("stages", at, "id").place.line
            message = f"the stage `{stage}` stands twice in this pipeline, first in line {line}"
            place.fault("duplicate-id", message, ("id",), hint="give one of them another id")
            continue
        outline.stages[stage] = source_text(kept.get("kind", "open"))
        stages.append((index, kept))
        _collect(outline, place, kept, stage, ids)
    _collect_intake(spot, raw, {})
    return PipelineFile(spot, raw, outline, stages)


def _collect(outline: Outline, spot: Spot, stage: Map, stage_id: str, ids: dict[str, Path]) -> None:
    """The ids of a stage's rules and triggers; each kind is unique over the whole pipeline."""
    for what in ("rules", "triggers"):
        for index, one in enumerate(stage.get(what, ())):
            name = id_of(one)
            if not name:
                continue
            place = spot.at(what, index)
            if name == "previous" and what == "rules":
                hint = "give it another id: `after: previous` is the rule above"
                place.fault("reserved-name", "a rule cannot be called `previous`", ("id",), hint=hint)
            if name in ids:
                line = spot.source.spans((*ids[name], "id"))[0].line
                message = f"the id `{name}` stands twice in this pipeline, first in line {line}"
                place.fault("duplicate-id", message, ("id",), hint="give one of them another id")
                continue
            ids[name] = place.path
            if what == "rules":
                outline.rules[name] = stage_id
            else:
                outline.triggers.add(name)


def _collect_intake(spot: Spot, raw: Map, seen: dict[str, int]) -> None:
    for index, one in enumerate(raw.get("intake", ())):
        name = id_of(one)
        if name in seen:
            line = spot.at("intake", seen[name], "id").place.line
            message = f"the id `{name}` stands twice in this intake, first in line {line}"
            spot.fault("duplicate-id", message, ("intake", index, "id"), hint="give one of them another id")
        elif name:
            seen[name] = index


def build_pipeline(world: World, file: PipelineFile) -> Pipeline:
    """The pipeline with everything in it; faults are reported and left out."""
    spot, raw, outline = file.spot, file.raw, file.outline
    _check_references(world, file)
    stages = tuple(_stage(world, file, index, stage, number) for number, (index, stage) in enumerate(file.stages))
    return Pipeline(
        id=outline.id,
        name=source_text(raw.get("name", outline.id)),
        entity=source_text(raw.get("entity", "deal")),
        fields=MappingProxyType(outline.fields),
        stages=stages,
        stage_by_id=MappingProxyType({stage.id: stage for stage in stages}),
        intake=read_intake(world, outline, spot.at("intake"), raw.get("intake", ())),
        moved=_moved(file),
        renamed=_renamed(file),
        triggers_by_event=_by_event(stages),
        file=outline.file,
    )


def _stage(world: World, file: PipelineFile, index: int, raw: Map, number: int) -> Stage:
    spot = file.spot.at("stages", index)
    stage = source_text(raw["id"])
    rules = read_rules(world, file.outline, stage, spot.at("rules"), raw.get("rules", Seq(raw.span)))
    triggers = read_triggers(world, file.outline, stage, spot.at("triggers"), raw.get("triggers", Seq(raw.span)))
    return Stage(
        id=stage,
        name=source_text(raw.get("name", stage)),
        index=number,
        kind=source_text(raw.get("kind", "open")),
        rules=rules,
        triggers=triggers,
        rule_by_id=MappingProxyType({rule.id: rule for rule in rules}),
        place=spot.place,
    )


def _check_references(world: World, file: PipelineFile) -> None:
    for name, field in file.outline.fields.items():
        if field.pipeline is not None and field.pipeline not in world.pipelines:
            message = f"there is no pipeline `{field.pipeline}`"
            hint = suggest(field.pipeline, world.pipelines)
            file.spot.fault("unknown-pipeline", message, ("fields", name, "pipeline"), hint=hint)


def _moved(file: PipelineFile) -> Mapping[str, str]:
    """Stages that are gone to where their items go."""
    made: dict[str, str] = {}
    stages = file.outline.stages
    for index, one in enumerate(file.raw.get("moved", ())):
        old, new = source_text(one["from"]), source_text(one["to"])
        if new not in stages:
            message = f"there is no stage `{new}` in this pipeline"
            file.spot.fault("unknown-stage", message, ("moved", index, "to"), hint=suggest(new, stages))
        if old in stages:
            message = f"the stage `{old}` is still there"
            hint = "`moved` is for stages that are gone; move items with `stageauto move`"
            file.spot.fault("moved-not-gone", message, ("moved", index, "from"), hint=hint)
        _told_once(file, made, "moved", index, old)
        made[old] = new
    return MappingProxyType(made) if made else EMPTY


def _renamed(file: PipelineFile) -> Mapping[str, str]:
    """Old ids of rules and triggers to new ones."""
    made: dict[str, str] = {}
    known = {*file.outline.rules, *file.outline.triggers}
    for index, one in enumerate(file.raw.get("renamed", ())):
        old, new = source_text(one["from"]), source_text(one["to"])
        if new not in known:
            message = f"there is no rule or trigger `{new}` in this pipeline"
            file.spot.fault("unknown-rule", message, ("renamed", index, "to"), hint=suggest(new, known))
        if old in known:
            message = f"the id `{old}` is still in use"
            file.spot.fault(
                "moved-not-gone", message, ("renamed", index, "from"), hint="`renamed` is for ids that are gone"
            )
        _told_once(file, made, "renamed", index, old)
        made[old] = new
    return MappingProxyType(made) if made else EMPTY


def _told_once(file: PipelineFile, made: Mapping[str, str], key: str, index: int, old: str) -> None:
    if old in made:
        message = f"`{key}` says twice what becomes of `{old}`: `{made[old]}` before"
        file.spot.fault("duplicate-id", message, (key, index, "from"), hint="remove one of them")


def _by_event(stages: tuple[Stage, ...]) -> Mapping[str, tuple[Trigger, ...]]:
    found: dict[str, list[Trigger]] = {}
    for stage in stages:
        for trigger in stage.triggers:
            if trigger.enabled:
                found.setdefault(trigger.event, []).append(trigger)
    return MappingProxyType({event: tuple(triggers) for event, triggers in found.items()})


def root_of(source: Source) -> Any:
    """The file's mapping, or None."""
    return source.root if isinstance(source.root, Map) else None
