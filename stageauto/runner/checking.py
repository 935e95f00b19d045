"""The files of a workspace looked at as they are on disk: no state is needed, none is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stageauto.errors import UsageError
from stageauto.loader.diagnostics import suggest
from stageauto.loader.files import file_finder, read_files, read_scenarios
from stageauto.runner.clock import Clock, SystemClock
from stageauto.runner.session import InvalidWorkspaceError, environment

if TYPE_CHECKING:
    from stageauto.engine.model import Pipeline, Workspace
    from stageauto.loader.diagnostics import Diagnostic
    from stageauto.loader.load import Loaded


def check(root: Path, clock: Clock | None = None, files: Mapping[str, str] | None = None) -> Loaded:
    """The workspace with its scenarios, and all that is wrong with any file of it.

    `files`: their texts where they were read already (relative path -> text).
    """
    from stageauto.loader.load import load

    return load(
        read_files(root) if files is None else files, env=environment(root), now=(clock or SystemClock()).now(),
        scenarios=read_scenarios(root), files_present=file_finder(root),
    )  # fmt: skip


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
