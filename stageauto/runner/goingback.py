"""The way back to an older version: what was renamed and moved since has its old names there, and does not say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from stageauto.runner.changes import RENAMED, compare
from stageauto.runner.session import Session, load_files

if TYPE_CHECKING:
    from stageauto.engine.model import Workspace
    from stageauto.store.records import Version

Names = Mapping[str, Mapping[str, str]]
"""pipeline -> the name now -> the name in that version."""


@dataclass(frozen=True, slots=True)
class Back:
    """What rules, and the stages that items were moved to, were called in that version."""

    rules: Names = field(default_factory=dict)
    stages: Names = field(default_factory=dict)


def way_back(session: Session, number: int) -> Back:
    """The renames and moves since that version, turned around."""
    with session.store.read() as state:
        active = state.active_number()
        versions = [one for one in state.versions() if number <= one.n <= active]
    rules: dict[str, dict[str, str]] = {}
    stages: dict[str, dict[str, str]] = {}
    for before, after in pairwise(versions):
        for one in compare(before.files, after.files).changes:
            if one.how == RENAMED and one.what == "rule":
                pipeline, new, old = one.name.split("/")[0], one.name.rpartition("/")[2], one.before.rpartition("/")[2]
                _note(rules, pipeline, old, new)
        for pipeline, old, new in _moves(session, after):
            _note(stages, pipeline, old, new)
    return Back(rules, stages)


def _note(back: dict[str, dict[str, str]], pipeline: str, old: str, new: str) -> None:
    known = back.setdefault(pipeline, {})
    known[new] = known.pop(old, old)


def _moves(session: Session, version: Version) -> list[tuple[str, str, str]]:
    """(pipeline, from, to) of what the version's files say of stages that were gone."""
    if not any("moved:" in text for text in version.files.values()):
        return []
    workspace = load_files(session.root, version.files, session.clock.now()).workspace
    pipelines = workspace.pipelines.values() if workspace else ()
    return [(one.id, old, new) for one in pipelines for old, new in one.moved.items()]


def with_names(workspace: Workspace, back: Back | None) -> Workspace:
    """The configuration with what its files do not say; only to names that it has, from names that it has not."""
    if back is None:
        return workspace
    pipelines = dict(workspace.pipelines)
    for name, pipeline in workspace.pipelines.items():
        rules = {
            now: then for now, then in back.rules.get(name, {}).items()
            if pipeline.rule(then) and not pipeline.rule(now)
        }  # fmt: skip
        stages = {
            now: then for now, then in back.stages.get(name, {}).items()
            if then in pipeline.stage_by_id and now not in pipeline.stage_by_id
        }  # fmt: skip
        if rules or stages:
            pipelines[name] = replace(
                pipeline, renamed={**rules, **pipeline.renamed}, moved={**stages, **pipeline.moved}
            )
    return replace(workspace, pipelines=pipelines)
