"""What an administrator does with the state: versions, backup, restore, prune."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stageauto.engine.model import AUTOMATION_READ, AUTOMATION_UPDATE
from stageauto.errors import NotAllowedError, StateError, UsageError
from stageauto.runner.clock import SystemClock
from stageauto.runner.session import Session, os_user, state_path

if TYPE_CHECKING:
    from stageauto.runner.facts import Facts
    from stageauto.store.records import Version


@dataclass(frozen=True, slots=True)
class VersionsView:
    """The configurations that were loaded, oldest first."""

    versions: list[Version]
    facts: Facts


def versions(session: Session) -> VersionsView:
    """The configurations that were loaded. Raises NotAllowedError."""
    from stageauto.runner.look import looking

    with looking(session, AUTOMATION_READ) as look:
        return VersionsView(look.state.versions(), look.facts)


def program() -> str:
    """The path of the command that is running, for a service to start."""
    named = Path(sys.argv[0])
    beside = Path(sys.executable).with_name("stageauto")
    if named.name == "stageauto" and named.exists():
        return str(named.absolute())
    return str(beside) if beside.exists() else shutil.which("stageauto") or "stageauto"


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A copy of the state: where it is, and its size in bytes."""

    file: Path
    size: int


def backup(session: Session, target: Path) -> BackedUp:
    """Copies the state as it is now, beside whatever uses it. Raises StateError, NotAllowedError."""
    with session.read(AUTOMATION_UPDATE):
        pass
    now = session.clock.now()
    size = session.store.backup(target, now)
    with session.store.transaction() as state:
        state.audit_add(now, session.actor(state) or os_user(), "backup", str(target.absolute()))
    return BackedUp(target.absolute(), size)


@dataclass(frozen=True, slots=True)
class Restored:
    """A state that was put in place; `kept`: where the one it replaced is now, None where there was none."""

    state: Path
    kept: Path | None


def restore(root: Path, source: Path, as_user: str | None) -> Restored:
    """Puts a backup in the place of the state. Raises StateError, NotAllowedError.

    The rights that count are those of the state there is; where that is gone or broken, those of the backup.
    """
    from stageauto.store.backup import restore as put_back

    target = state_path(root)
    user = _allowed_to_restore(root, source, as_user)
    clock = SystemClock()
    kept = put_back(source, target, clock.now())
    with Session.open(root, as_user=as_user) as session, session.store.transaction() as state:
        state.audit_add(clock.now(), user or os_user(), "restore", str(source.absolute()))
    return Restored(target, kept)


def _allowed_to_restore(root: Path, source: Path, as_user: str | None) -> str:
    from stageauto.store.sqlite import SqliteStore

    clock = SystemClock()
    for path in (state_path(root), source):
        try:
            store = SqliteStore.open(path, create=False, read_only=True)
        except StateError:
            continue
        with Session(root, store, clock, as_user) as session, session.store.read() as state:
            user = session.actor(state)
            session.rights(state).demand(user, AUTOMATION_UPDATE, None)
            return user
    return ""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was forgotten: rows by table, all older than `before` (ms UTC)."""

    before: int
    rows: dict[str, int]


def prune(session: Session, before: str) -> Pruned:
    """Forgets what is over and older than that duration or date. Raises UsageError, NotAllowedError."""
    from stageauto.runner.facts import read_facts
    from stageauto.runner.look import ago, moment

    now = session.clock.now()
    try:
        with session.store.transaction() as state:
            user = session.demand(state, AUTOMATION_UPDATE, None)
            facts = read_facts(state)
            at = moment(before, facts, now) if before[:4].isdigit() else ago(_years(before), now, facts)
            if at > now:
                raise UsageError(f"`{before}` lies in the future", "write it like 1y, 6mo or 2026-01-01")
            rows = state.prune(at)
            state.audit_add(now, user or os_user(), "prune", before, {"rows": rows})
    except NotAllowedError as error:
        session.note_refusal(error, "prune", before)
        raise
    return Pruned(at, rows)


def _years(text: str) -> str:
    """`1y` as the language writes it: `12mo`."""
    number = text.removesuffix("y")
    return f"{int(number) * 12}mo" if text.endswith("y") and number.isdigit() else text
