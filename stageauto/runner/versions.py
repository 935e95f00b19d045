"""Loading a configuration: validated, made the active version, and live items fitted to it, in one transaction.

Source: SEMANTICS 29-31.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stageauto.engine.commands import By
from stageauto.engine.draft import Draft
from stageauto.engine.model import AUTOMATION_READ, AUTOMATION_UPDATE, Rule, Workspace
from stageauto.errors import StageautoError, UsageError
from stageauto.runner.adoption import Adoption, Progress, adopt_all, check_stages, silent
from stageauto.runner.changes import Changes, compare
from stageauto.runner.concern import concern_of
from stageauto.runner.goingback import Back, with_names
from stageauto.runner.session import OVERDUE, InvalidWorkspaceError, Session, load_files, os_user, save_rights

if TYPE_CHECKING:
    from stageauto.loader.load import Loaded
    from stageauto.runner.rights import Rights
    from stageauto.store.sqlite_state import SqliteReader, SqliteState


PLANNED_WITH = "planned_with"
"""In the state: the zone data with which pending moments were worked out."""


@dataclass(frozen=True, slots=True)
class Activated:
    """What `load` did. `changed` False: the files are what was active already."""

    number: int
    changed: bool
    adoption: Adoption = field(default_factory=Adoption)
    loaded: Loaded | None = None
    pipelines: Sequence[str] = field(default_factory=tuple)


def load(  # noqa: PLR0913 each option of the command
    session: Session,
    files: Mapping[str, str],
    *,
    note: str = "",
    catch_up: Sequence[str] = (),
    loaded: Loaded | None = None,
    back: Back | None = None,
    progress: Progress = silent,
) -> Activated:
    """Makes these files the active configuration.

    `loaded`: what came of the very same files, compiled already; `back`: what has another name in them without
    their saying so. Raises InvalidWorkspaceError, StageGoneError, NotAllowedError; then the old version stays active
    and nothing is changed.
    """
    now = session.clock.now()
    loaded = loaded or load_files(session.root, files, now)
    if loaded.workspace is None:
        raise InvalidWorkspaceError(loaded)
    workspace = with_names(loaded.workspace, back)
    try:
        with session.store.transaction() as state:
            found = changes(state, files, back)
            author = _allowed(session, state, workspace, found) or os_user()
            if not found.first and not found.files and not catch_up and _same_zones(state):
                return Activated(found.number, changed=False, loaded=loaded, pipelines=tuple(workspace.pipelines))
            check_stages(state, workspace)
            number = found.number
            if found.files or found.first:
                number = state.add_version(dict(files), author, now, note)
            state.set_active(number)
            save_rights(state, workspace)
            by = By(session.clock.new_id(), now, author, "load")
            fitted = _Fitted(workspace, found, _rules(workspace, catch_up))
            done = _adopt(session, state, fitted, by, progress, keep=True)
            state.meta_set(PLANNED_WITH, _zone_data())
            state.audit_add(now, author, "load", f"version {number}", {"pipelines": found.files})
    except StageautoError as error:
        if error.exit_code == 5:
            session.note_refusal(error, "load", "configuration")
        raise
    session.put_version(loaded, number)
    _ready_key(session, workspace)
    return Activated(number, changed=True, loaded=loaded, pipelines=tuple(workspace.pipelines), adoption=done)


def _ready_key(session: Session, workspace: Workspace) -> None:
    from stageauto.runner.papers import papers_of  # not needed by those who look at versions only

    if session.store.path is not None:
        papers_of(session, workspace).ready()


def foresee(
    session: Session,
    files: Mapping[str, str],
    workspace: Workspace,
    *,
    catch_up: Sequence[str] = (),
    back: Back | None = None,
    progress: Progress = silent,
) -> tuple[Changes, Adoption]:
    """How the files differ from what is active, and what `load` would do to the items, which this does not touch.

    The same code in a transaction that is given up: what it says is what will be. Raises StageGoneError,
    NotAllowedError.
    """
    by = By("plan", session.clock.now(), os_user(), "load")
    workspace = with_names(workspace, back)
    found, adoption = Changes(), Adoption()
    with suppress(_GivenUpError), session.store.transaction() as state:
        found = changes(state, files, back)
        if not found.first:
            _demand(session.rights(state), session.actor(state), AUTOMATION_READ, workspace, found)
        rules = _rules(workspace, catch_up)
        check_stages(state, workspace)
        fitted = _Fitted(workspace, found, rules)
        adoption = _adopt(session, state, fitted, by, progress, keep=False)
        raise _GivenUpError
    return found, adoption


class _GivenUpError(Exception):
    """Nothing of the transaction is to stay."""


def changes(state: SqliteReader, files: Mapping[str, str], back: Back | None = None) -> Changes:
    """How the files differ from the active version."""
    version = state.active_version()
    return compare(version.files if version else {}, files, version.n if version else 0, back.rules if back else None)


@dataclass(frozen=True, slots=True)
class _Fitted:
    """What items are fitted to: the configuration, how it differs, and rules to set going."""

    workspace: Workspace
    found: Changes
    catch_up: Sequence[Rule]


def _adopt(
    session: Session, state: SqliteState, fitted: _Fitted, by: By, progress: Progress, *, keep: bool
) -> Adoption:
    def draft_of() -> Draft:
        return Draft(
            state, fitted.workspace, draw=session.clock.draw, state_id=session.store.state_id,
            late_before=by.at - OVERDUE,
        )  # fmt: skip

    held = state.counts_by_stage()
    concern = concern_of(fitted.found, fitted.workspace, held, fitted.catch_up, same_zones=_same_zones(state))
    return adopt_all(state, draft_of, by, concern, catch_up=fitted.catch_up, keep=keep, progress=progress)


def _same_zones(state: SqliteReader) -> bool:
    """True while the zones and holidays are those with which pending moments were worked out."""
    return state.meta_get(PLANNED_WITH) in {None, _zone_data()}


def _zone_data() -> str:
    from importlib.metadata import version

    return f"tzdata {version('tzdata')}, holidays {version('holidays')}"


def _allowed(session: Session, state: SqliteState, workspace: Workspace, found: Changes) -> str:
    """Who loads. The rights of the version that is active count; for the first version there are none yet."""
    rights = session.rights(state)
    if found.first:
        return rights.actor(None, os_user())
    user = session.actor(state)
    _demand(rights, user, AUTOMATION_UPDATE, workspace, found)
    return user


def _demand(rights: Rights, user: str, permission: str, workspace: Workspace, found: Changes) -> None:
    """Raises NotAllowedError where the user may not, for a pipeline whose file differs, or for all of them."""
    by_file = {pipeline.file: pipeline.id for pipeline in workspace.pipelines.values()}
    for name in found.files:
        rights.demand(user, permission, by_file.get(name))


def _rules(workspace: Workspace, names: Sequence[str]) -> list[Rule]:
    found = []
    for name in names:
        rules = [rule for pipeline in workspace.pipelines.values() if (rule := pipeline.rule(name)) is not None]
        if not rules:
            raise UsageError(f"there is no rule `{name}` to catch up")
        found += rules
    return found


def files_of(session: Session, number: int) -> Mapping[str, str]:
    """The files of that version. Raises UsageError for one that there is not."""
    with session.store.read() as state:
        found = state.version(number)
    if found is None:
        raise UsageError(f"there is no version {number}", "see `stageauto versions`")
    return found.files
