"""The files of a workspace looked at as they are on disk: no state is needed, none is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stageauto.errors import StageautoError, UsageError
from stageauto.loader.diagnostics import suggest
from stageauto.loader.files import file_finder, read_files, read_scenarios
from stageauto.runner.clock import Clock, SystemClock
from stageauto.runner.session import InvalidWorkspaceError, environment, has_state, state_path

if TYPE_CHECKING:
    from stageauto.engine.model import Pipeline, Workspace
    from stageauto.loader.diagnostics import Diagnostic
    from stageauto.loader.load import Loaded


def check(
    root: Path, clock: Clock | None = None, files: Mapping[str, str] | None = None, *, lint: bool = False
) -> Loaded:
    """The workspace with its scenarios, and all that is wrong with any file of it; with `lint` its findings too.

    `files`: their texts where they were read already (relative path -> text).
    """
    from stageauto.loader.load import load

    return load(
        read_files(root) if files is None else files, env=environment(root), now=(clock or SystemClock()).now(),
        scenarios=read_scenarios(root), files_present=file_finder(root), lint=_active_files(root) if lint else None,
    )  # fmt: skip


def _active_files(root: Path) -> Mapping[str, str]:
    """The files of the active version; nothing where there is no state, or none that can be read from here."""
    try:
        if not has_state(root):
            return {}
        from stageauto.store.sqlite import SqliteStore

        with SqliteStore.open(state_path(root), create=False, read_only=True) as store, store.read() as state:
            version = state.active_version()
    except StageautoError:  # what is wrong with the state is no business of the files; `doctor` says it
        return {}
    return version.files if version is not None else {}


def valid_workspace(root: Path) -> Workspace:
    """The workspace as its files say. Raises InvalidWorkspaceError."""
    loaded = check(root)
    if loaded.workspace is None:
        raise InvalidWorkspaceError(loaded)
    return loaded.workspace


def pipeline_of(workspace: Workspace, name: str) -> Pipeline:
    """The pipeline of that id. Raises UsageError."""
    found = workspace.pipelines.get(name)
    if found is None:
        raise UsageError(f"there is no pipeline `{name}`", suggest(name, workspace.pipelines))
    return found


def counts_of(root: Path, as_user: str | None, pipeline: str) -> dict[str, int] | None:
    """How many items each stage has; None where there is no state, or whoever asks may not see the items."""
    from stageauto.engine.permissions import ITEMS_READ
    from stageauto.runner.session import Session

    if not has_state(root):
        return None
    with Session.open(root, as_user=as_user) as session, session.store.read() as state:
        if not session.rights(state).may(session.actor(state), ITEMS_READ, pipeline):
            return None
        return {stage: count for (name, stage), count in state.counts_by_stage().items() if name == pipeline}


def in_files(diagnostics: Sequence[Diagnostic], root: Path, files: Sequence[Path]) -> list[Diagnostic]:
    """Only the findings in these files or folders. Raises UsageError for one that the workspace does not have."""
    wanted = []
    for path in files:
        full = path.resolve()
        if not full.exists():
            raise UsageError(f"there is no file {path}")
        if not full.is_relative_to(root):
            raise UsageError(f"{path} is not in the workspace {root}", "name the workspace with -C")
        wanted.append(full.relative_to(root))
    return [one for one in diagnostics if any(Path(one.file).is_relative_to(name) for name in wanted)]
