"""Which live items a difference between two sets of files can mean anything for: the others are not even read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stageauto.runner.changes import ADDED, REMOVED

if TYPE_CHECKING:
    from stageauto.engine.model import Rule, Workspace
    from stageauto.engine.state import Run
    from stageauto.runner.changes import Change, Changes

Place = tuple[str, str]
_NO_MOMENT_SETTINGS = frozenset({"base_url", "web", "signing", "network", "state", "vars"})


@dataclass(frozen=True, slots=True)
class Concern:
    """Where pending moments may change: everywhere, in whole pipelines, in (pipeline, stage) pairs."""

    everywhere: bool = False
    pipelines: frozenset[str] = frozenset()
    stages: frozenset[Place] = frozenset()

    def __bool__(self) -> bool:
        return self.everywhere or bool(self.pipelines) or bool(self.stages)

    def run(self, run: Run) -> bool:
        """Whether the run's moment, or its rule, may be another now."""
        return self.everywhere or run.pipeline in self.pipelines or (run.pipeline, run.stage) in self.stages

    def whole(self) -> Sequence[str] | None:
        """The pipelines that are concerned as a whole; None: all."""
        return None if self.everywhere else sorted(self.pipelines)


def concern_of(
    found: Changes, workspace: Workspace, held: Iterable[Place], catch_up: Sequence[Rule], *, same_zones: bool
) -> Concern:
    """What the changes concern.

    `held`: the stages that hold items; `same_zones`: the data of zones and holidays is what it was. A rule concerns its
    whole stage (`after: previous` means another rule when one comes between), a stage that is gone itself, a field or
    a rename the pipeline, a calendar everything.
    """
    if not same_zones or any(_shared(one) for one in found.changes):
        return Concern(everywhere=True)
    pipelines = {one.name.partition("/")[0] for one in found.changes if one.what in {"pipeline", "field"}}
    stages = {place for one in found.changes if one.what in {"rule", "stage"} for place in _places(one)}
    stages |= {(rule.pipeline, rule.stage) for rule in catch_up}
    stages |= {place for place in held if not _known(workspace, place)}
    touched = {pipeline for pipeline, _ in stages}
    pipelines |= {one for one in touched if one in workspace.pipelines and workspace.pipelines[one].renamed}
    return Concern(pipelines=frozenset(pipelines), stages=frozenset(stages))


def _shared(change: Change) -> bool:
    if change.what == "setting":
        return change.name not in _NO_MOMENT_SETTINGS
    if change.what == "user":
        return change.how in {ADDED, REMOVED} or any(word.name == "calendar" for word in change.words)
    if change.what == "file":
        return not change.name.startswith("templates/")
    return change.what == "calendar"


def _places(change: Change) -> Iterable[Place]:
    for name in (change.name, change.before):
        parts = name.split("/")
        if len(parts) > 1:
            yield parts[0], parts[1]


def _known(workspace: Workspace, place: Place) -> bool:
    pipeline = workspace.pipelines.get(place[0])
    return pipeline is not None and place[1] in pipeline.stage_by_id
