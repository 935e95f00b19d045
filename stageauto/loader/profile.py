"""A profile: what made-up items and their customers do. From its YAML, checked against the workspace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stageauto.engine.durations import Duration
from stageauto.engine.fields import BUILT_IN
from stageauto.engine.model import EMPTY
from stageauto.engine.scalars import as_data, source_text
from stageauto.engine.schedule import LocalTimeError, parse_local
from stageauto.loader import profile_shapes as shapes
from stageauto.loader.builder import read_duration
from stageauto.loader.diagnostics import suggest
from stageauto.loader.shape_check import fitting
from stageauto.loader.source import Path, Report, Source, Spot

if TYPE_CHECKING:
    from stageauto.engine.model import Pipeline, Workspace
    from stageauto.loader.diagnostics import Diagnostic
    from stageauto.loader.yaml import Map

Between = tuple[int, int]
"""The shortest and the longest time, ms."""


@dataclass(frozen=True, slots=True)
class Happens:
    """What happens to an item of these stages: the event, or the move (one of them is "")."""

    stages: tuple[str, ...]
    between: Between
    chance: float = 1.0
    emit: str = ""
    move: str = ""
    data: Mapping[str, Any] = EMPTY  # lists: one of their values


@dataclass(frozen=True, slots=True)
class Profile:
    """What items of a pipeline do. `start`: ms UTC, None = now; `values`: lists mean one of their values.

    `samples` are whole sets of fields, of which each item gets one. `tasks` None: nobody does any.
    """

    name: str
    pipeline: str
    start: int | None = None
    stage: str | None = None
    hours: str | None = None
    values: Mapping[str, Any] = EMPTY
    samples: tuple[Mapping[str, Any], ...] = ()
    happens: tuple[Happens, ...] = ()
    tasks: tuple[float, Between] | None = None
    fail: Mapping[str, float] = field(default_factory=lambda: EMPTY)


def read_profile(workspace: Workspace, file: str, text: str) -> tuple[Profile | None, tuple[Diagnostic, ...]]:
    """The profile of that text, None where it has errors; and all that is wrong with it, sorted."""
    report, source = Report(), Source(file, text)
    report.faults(source)
    made = None
    if source.root is not None or not source.faults:
        made = _Reader(workspace, Spot(report, source)).read(source.root)
    found = report.ordered()
    return (None if found else made), found


class _Reader:
    def __init__(self, workspace: Workspace, spot: Spot) -> None:
        self.workspace = workspace
        self.spot = spot

    def read(self, raw: Any) -> Profile | None:
        kept = fitting(self.spot, raw, shapes.PROFILE)
        if kept is None:
            return None
        name = source_text(kept["pipeline"])
        pipeline = self.workspace.pipelines.get(name)
        if pipeline is None:
            _unknown(self.spot, "pipeline", name, self.workspace.pipelines, ("pipeline",))
            return None
        arrive = self._part(kept, "arrive", shapes.ARRIVE)
        stage = source_text(arrive["stage"]) if "stage" in arrive else None
        hours = source_text(arrive["hours"]) if "hours" in arrive else None
        spot = self.spot.at("arrive")
        if stage is not None and stage not in pipeline.stage_by_id:
            _unknown(spot, "stage", stage, pipeline.stage_by_id, ("stage",))
        if hours is not None and hours not in self.workspace.calendars:
            _unknown(spot, "calendar", hours, self.workspace.calendars, ("hours",))
        values = arrive.get("set", EMPTY)
        for one in values:
            if one not in pipeline.fields and one not in BUILT_IN:
                _unknown(spot, "field", one, [*pipeline.fields, *BUILT_IN], ("set", one))
        happens = [
            self._happens(self.spot.at("happens", index), one, pipeline)
            for index, one in enumerate(kept.get("happens", ()))
        ]
        return Profile(
            source_text(kept["profile"]), name, self._start(kept), stage, hours, as_data(values), (),
            tuple(one for one in happens if one is not None), self._tasks(kept), self._fail(kept),
        )  # fmt: skip

    def _part(self, kept: Map, name: str, shape: Mapping[str, Any]) -> Mapping[str, Any]:
        return (fitting(self.spot.at(name), kept[name], shape) or EMPTY) if name in kept else EMPTY

    def _start(self, kept: Map) -> int | None:
        if "start" not in kept:
            return None
        try:
            return parse_local(source_text(kept["start"]), self.workspace.zone)
        except LocalTimeError as error:
            self.spot.fault("bad-time", error.message, ("start",), hint="write 2026-03-02T09:00")
            return None

    def _happens(self, spot: Spot, raw: Any, pipeline: Pipeline) -> Happens | None:
        kept = fitting(spot, raw, shapes.HAPPENS)
        if kept is None:
            return None
        emit, move = (source_text(kept[one]) if one in kept else "" for one in ("emit", "move"))
        if bool(emit) == bool(move):
            spot.fault("choose-one", "one of `emit` and `move` says what happens", hint="write emit: email.received")
        if emit and emit not in self.workspace.events and not emit.startswith("app."):
            _unknown(spot, "event", emit, self.workspace.events, ("emit",))
        stages = kept["in"] if isinstance(kept["in"], list) else [kept["in"]]
        names = tuple(source_text(one) for one in stages)
        for name, key in [*((one, "in") for one in names), *([(move, "move")] if move else [])]:
            if name not in pipeline.stage_by_id:
                _unknown(spot, "stage", name, pipeline.stage_by_id, (key,))
        data = as_data(kept.get("data", EMPTY))
        between = self._between(spot.at("between"), kept["between"])
        return Happens(names, between, float(kept.get("chance", 1)), emit, move, data) if between else None

    def _between(self, spot: Spot, raw: Any) -> Between | None:
        spans = [_span(spot.at(index), one) for index, one in enumerate(raw)]
        first, last = (spans[0], spans[1]) if len(spans) > 1 else (None, None)
        if first is None or last is None:
            return None
        if first > last:
            spot.fault("out-of-range", "the longest time comes second", hint="write [1h, 5d]")
            return None
        return first, last

    def _tasks(self, kept: Map) -> tuple[float, Between] | None:
        found = self._part(kept, "tasks", shapes.TASKS)
        between = self._between(self.spot.at("tasks", "between"), found["between"]) if found else None
        return (float(found.get("chance", 1)), between) if between else None

    def _fail(self, kept: Map) -> Mapping[str, float]:
        return {source_text(name): float(share) for name, share in kept.get("fail", EMPTY).items()}


def _span(spot: Spot, raw: Any) -> int | None:
    made = read_duration(spot, raw)
    if made is None:
        return None
    if made.months or made.working_days or made.working_ms:
        spot.fault("bad-duration", f"`{source_text(raw)}` is not a plain span", hint="write it like 3d or 4h")
        return None
    return _plain_ms(made)


def _plain_ms(span: Duration) -> int:
    return span.days * 86_400_000 + span.ms


def _unknown(spot: Spot, what: str, name: str, known: Iterable[str], at: Path) -> None:
    spot.fault(f"unknown-{what}", f"there is no {what} `{name}`", at, hint=suggest(name, known), found=name)
