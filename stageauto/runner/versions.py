"""Loading a configuration: validated, made the active version, and live items fitted to it, in one transaction.

Source: SEMANTICS 29-31.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stageauto.engine import commands, step
from stageauto.engine.commands import By
from stageauto.engine.draft import Draft
from stageauto.engine.model import AUTOMATION_UPDATE, Rule, Workspace
from stageauto.engine.state import Item
from stageauto.errors import StageautoError, UsageError
from stageauto.runner.session import InvalidWorkspaceError, Session, load_files, os_user, save_rights

if TYPE_CHECKING:
    from stageauto.loader.load import Loaded
    from stageauto.store.sqlite_state import SqliteState


@dataclass(frozen=True, slots=True)
class Activated:
    """What `load` did. `changed` False: the files are what was active already."""

    number: int
    changed: bool
    items: int = 0  # looked at
    cancelled: int = 0
    rescheduled: int = 0
    moved: int = 0
    caught_up: int = 0
    loaded: Loaded | None = None
    pipelines: Sequence[str] = field(default_factory=tuple)


class StageGoneError(StageautoError):
    """A stage that holds items is gone from the files, and they do not say where its items go."""


def load(
    session: Session,
    files: Mapping[str, str],
    *,
    note: str = "",
    catch_up: Sequence[str] = (),
    loaded: Loaded | None = None,
) -> Activated:
    """Makes these files the active configuration.

    `loaded`: what came of the very same files, compiled already. Raises InvalidWorkspaceError, StageGoneError,
    NotAllowedError; then the old version stays active and nothing is changed.
    """
    now = session.clock.now()
    loaded = loaded or load_files(session.root, files, now)
    if loaded.workspace is None:
        raise InvalidWorkspaceError(loaded)
    workspace = loaded.workspace
    try:
        with session.store.transaction() as state:
            before = state.active_version()
            changed_pipelines = _changed(before.files if before else {}, files)
            author = _allowed(session, state, workspace, changed_pipelines, first=before is None)
            if before is not None and dict(before.files) == dict(files) and not catch_up:
                return Activated(before.n, changed=False, loaded=loaded, pipelines=tuple(workspace.pipelines))
            _check_stages(state, workspace)
            same = before is not None and dict(before.files) == dict(files)
            number = before.n if before and same else state.add_version(dict(files), author or os_user(), now, note)
            state.set_active(number)
            save_rights(state, workspace)
            done = _adopt(session, state, workspace, author, now, _rules(workspace, catch_up))
            state.audit_add(now, author or os_user(), "load", f"version {number}", {"pipelines": changed_pipelines})
    except StageautoError as error:
        if error.exit_code == 5:
            session.note_refusal(error, "load", "configuration")
        raise
    session.put_version(loaded, number)
    return Activated(number, changed=True, loaded=loaded, pipelines=tuple(workspace.pipelines), **done)


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def _allowed(session: Session, state: SqliteState, workspace: Workspace, changed: Sequence[str], *, first: bool) -> str:
    """Who loads. The rights of the version that is active count; for the first version there are none yet."""
    rights = session.rights(state)
    if first:
        return rights.actor(None, os_user())
    user = session.actor(state)
    by_file = {pipeline.file: pipeline.id for pipeline in workspace.pipelines.values()}
    for name in changed:
        rights.demand(user, AUTOMATION_UPDATE, by_file.get(name))
    return user


def _rules(workspace: Workspace, names: Sequence[str]) -> list[Rule]:
    found = []
    for name in names:
        rules = [rule for pipeline in workspace.pipelines.values() if (rule := pipeline.rule(name)) is not None]
        if not rules:
            raise UsageError(f"there is no rule `{name}` to catch up")
        found += rules
    return found


def _check_stages(state: SqliteState, workspace: Workspace) -> None:
    for (pipeline_id, stage_id), count in state.counts_by_stage().items():
        pipeline = workspace.pipelines.get(pipeline_id)
        if pipeline is None:
            raise StageGoneError(
                f"the pipeline `{pipeline_id}` is gone from the files but holds {count} item(s)",
                "keep its file, or move or delete its items first",
            )
        if stage_id not in pipeline.stage_by_id and stage_id not in pipeline.moved:
            raise StageGoneError(
                f"{pipeline.file}: the stage `{stage_id}` of `{pipeline_id}` is gone but holds {count} item(s)",
                f"say where they go with `moved: [{{from: {stage_id}, to: STAGE}}]`",
            )


def _adopt(
    session: Session, state: SqliteState, workspace: Workspace, author: str, now: int, catch_up: Sequence[Rule]
) -> dict[str, int]:
    draft = Draft(state, workspace, draw=session.clock.draw, state_id=session.store.state_id, late_before=0)
    counts = {"items": 0, "cancelled": 0, "rescheduled": 0, "moved": 0, "caught_up": 0}
    by = By(session.clock.new_id(), now, author or os_user(), "load")
    for listed in state.items():
        item = draft.item(listed.id)
        if item is None or not _concerned(item, workspace, catch_up):
            continue
        before = {run.id: run.due for run in item.runs.values() if run.living}
        stage = item.stage
        commands.adopt(draft, item, now, by.author, replan=True)
        counts["caught_up"] += sum(commands.catch_up(draft, by, item, rule) for rule in catch_up)
        after = {run.id: run.due for run in item.runs.values() if run.living}
        counts["items"] += 1
        counts["moved"] += item.stage != stage
        counts["cancelled"] += sum(1 for run_id in before if run_id not in after)
        counts["rescheduled"] += sum(1 for run_id, due in after.items() if run_id in before and before[run_id] != due)
    while (due_item := draft.pop_due(now)) is not None:
        step.tick(draft, due_item, now)
    draft.flush()
    return counts


def _concerned(item: Item, workspace: Workspace, catch_up: Sequence[Rule]) -> bool:
    pipeline = workspace.pipelines.get(item.pipeline)
    if pipeline is None:
        return False
    if item.stage not in pipeline.stage_by_id or any(run.living for run in item.runs.values()):
        return True
    if any(name in pipeline.renamed for name in item.used):
        return True
    return any(rule.stage == item.stage and rule.pipeline == item.pipeline for rule in catch_up)
