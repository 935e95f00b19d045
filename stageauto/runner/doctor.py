"""Looks at everything that can keep a workspace from running, and says what to do."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stageauto.engine.durations import format_span
from stageauto.engine.model import AUTOMATION_READ
from stageauto.errors import NotAllowedError, StageautoError, StateError
from stageauto.runner import backlog
from stageauto.runner.clock import Clock, SystemClock
from stageauto.runner.papers import KEY, Papers, signs
from stageauto.runner.session import NothingLoadedError, Session, state_path

if TYPE_CHECKING:
    from stageauto.engine.model import Workspace
    from stageauto.loader.load import Loaded
    from stageauto.store.sqlite_state import SqliteReader

OK, WARN, BAD = "ok", "warn", "bad"
_SOON = 30  # days
_OLDEST_YEAR, _NEWEST_YEAR = 2025, 2100
_LITTLE, _TOO_LITTLE = 500_000_000, 50_000_000
_LATE = 60_000
_MOST = 1_000
_BESIDE = ("", "-wal", "-shm", ".mark", ".lock")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is (ok, warn, bad), in words, and what to do."""

    check: str
    level: str
    text: str
    hint: str = ""


def examine(root: Path, *, as_user: str | None = None, clock: Clock | None = None) -> list[Finding]:
    """All findings, in the order in which they matter. Raises NotAllowedError."""
    used = clock or SystemClock()
    found = [_clock(used), *_zone_data(), _sqlite()]
    loaded = _files(root, used, found)
    found += _modes(root)
    found.append(_disk(root))
    try:
        with Session.open(root, as_user=as_user, clock=used) as session:
            found += _state(session, root)
            if loaded is not None and loaded.workspace is not None:
                found += _mailboxes(session, loaded.workspace)
    except NotAllowedError:
        raise
    except NothingLoadedError as error:
        found.append(Finding("state", WARN, error.message, error.hint))
    except StageautoError as error:
        found.append(Finding("state", BAD, error.message, error.hint))
    if loaded is not None:
        found += _configured(root, loaded)
        found += _signing(root, loaded, used)
    return found


# -- the machine ------------------------------------------------------------------------------------------------------


def _clock(clock: Clock) -> Finding:
    at = datetime.fromtimestamp(clock.now() / 1000, UTC)
    text = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    if not _OLDEST_YEAR <= at.year < _NEWEST_YEAR:
        return Finding("clock", BAD, f"{text} cannot be right", "set the clock, and keep it right by NTP")
    return Finding("clock", OK, text)


def _zone_data() -> Iterator[Finding]:
    from zoneinfo import TZPATH

    for folder in TZPATH:
        table = Path(folder, "tzdata.zi")
        if table.is_file():
            with table.open(encoding="ascii", errors="replace") as file:
                first = file.readline().removeprefix("# version ").strip()
            yield Finding("zone data", OK, f"{first}, of the system ({folder})")
            return
    from importlib.metadata import version

    yield Finding("zone data", OK, f"{version('tzdata')}, of the package tzdata")


def _sqlite() -> Finding:
    from stageauto.store import driver

    number = driver.version()
    text = f"{'.'.join(map(str, number))}, by {driver.dbapi.__name__.split('.')[0]}"
    try:
        driver.check(number)
    except StateError as error:
        return Finding("SQLite", BAD, error.message, error.hint)
    return Finding("SQLite", OK, text)


def _disk(root: Path) -> Finding:
    free = shutil.disk_usage(root).free
    text = f"{free / 1e9:,.1f} GB free"
    if free < _TOO_LITTLE:
        return Finding("disk", BAD, text, "make room: a full disk stops everything")
    if free < _LITTLE:
        return Finding("disk", WARN, text, "make room; `stageauto prune --before 1y` forgets what is old and over")
    return Finding("disk", OK, text)


def _modes(root: Path) -> Iterator[Finding]:
    """Asked before the state is opened, since opening it takes the rights of others away."""
    try:
        file = state_path(root)
    except StageautoError:
        return
    wanted = [(file.parent, 0o700), *((Path(f"{file}{ending}"), 0o600) for ending in _BESIDE)]
    open_ones = []
    for path, most in wanted:
        if path == file.parent and path == root:
            continue
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:  # not there, or closed to whoever asks, which is as it should be
            continue
        if mode & ~most:
            open_ones.append(f"{path} ({mode:04o})")
    if open_ones:
        hint = "close it to others: chmod go= on each"
        yield Finding("rights of files", BAD, f"others may use {', '.join(open_ones)}", hint)
    elif os.path.exists(file):  # noqa: PTH110  # pathlib raises where it is closed to whoever asks
        yield Finding("rights of files", OK, "the state is its owner's alone")


# -- the files --------------------------------------------------------------------------------------------------------


def _files(root: Path, clock: Clock, found: list[Finding]) -> Loaded | None:
    from stageauto.runner.checking import check

    try:
        loaded = check(root, clock)
    except StageautoError as error:
        found.append(Finding("files", BAD, error.message, error.hint))
        return None
    missing = [one for one in loaded.diagnostics if one.code == "missing-variable"]
    errors = [one for one in loaded.diagnostics if one.severity == "error" and one not in missing]
    if errors:
        found.append(Finding("files", BAD, _many(len(errors), "error"), "see `stageauto validate`"))
    else:
        found.append(Finding("files", OK, "the workspace is valid"))
    found += [Finding("secrets", BAD, f"{one.file}:{one.line}: {one.message}", one.hint) for one in missing]
    if not missing:
        known = len(loaded.secrets)
        found.append(
            Finding("secrets", OK, f"{_many(known, 'value')} from the environment" if known else "none needed")
        )
    return loaded


def _configured(root: Path, loaded: Loaded) -> Iterator[Finding]:
    workspace = loaded.workspace
    if workspace is None:
        return
    from stageauto.runner.probe import broken, channels

    wrong = list(broken(root, workspace))
    for name, why in wrong:
        yield Finding("channels", BAD, f"`{name}` can never send: {why}", "mend it in stageauto.yaml")
    own = [one.channel for one in channels(workspace) if one.set_up]
    names = ", ".join(f"{one.name} ({one.type})" for one in own) or "none is set up"
    if not wrong:
        yield Finding("channels", OK, names)
    silent = [one.channel.name for one in channels(workspace) if not one.set_up]
    if silent:
        text = f"{', '.join(silent)} write files instead of sending"
        yield Finding("channels", OK, text, "set them up in stageauto.yaml where they are needed")
    from stageauto.runner import reachable

    for level, text, hint in reachable.said(workspace):
        yield Finding("listener", level, text, hint)
    if workspace.plugins:
        yield Finding("plugins", OK, ", ".join(workspace.plugins))


# -- the state --------------------------------------------------------------------------------------------------------


def _signing(root: Path, loaded: Loaded, clock: Clock) -> Iterator[Finding]:
    """The key that signed documents are sealed with, where rules ask for signatures."""
    workspace = loaded.workspace
    if workspace is None or not signs(workspace):
        return
    if not workspace.signing and not os.path.exists(root / KEY):  # noqa: PTH110  # as above
        yield Finding("signing key", OK, f"`load` makes one, at the latest the first signature does, in {KEY}")
        return
    from stageauto.documents.seal import signer

    try:
        made: Any = signer(Papers(root, state_path(root), workspace, clock).keys())
    except StageautoError as error:
        yield Finding("signing key", BAD, error.message, error.hint)
        return
    ends = made.signing_cert.not_valid_after
    left = (ends - datetime.fromtimestamp(clock.now() / 1000, UTC)).days
    level = BAD if left < 0 else WARN if left < _SOON else OK
    hint = "" if level == OK else "put a new certificate in its place (`signing:` in stageauto.yaml)"
    yield Finding("signing key", level, f"{made.subject_name}, good until {ends:%Y-%m-%d}", hint)


def _state(session: Session, root: Path) -> Iterator[Finding]:
    now = session.clock.now()
    with session.read(AUTOMATION_READ) as state:
        wrong = state.integrity_check()
        version = state.active_version()
        late = len(state.due_items(now - _LATE, _MOST + 1))
        held, on_hold = _waiting(state)
        seen = int(state.meta_get("seen_at") or 0)
    for one in wrong:
        yield Finding("state", BAD, one, "stop everything and `stageauto restore` a backup")
    if not wrong:
        yield Finding("state", OK, f"{state_path(root)} is whole")
    yield from _version(root, version.n if version else 0, dict(version.files) if version else {})
    alive = yield from _owner(session, late)
    if session.store.restored:
        text = "the state was restored or copied, and sends nothing"
        yield Finding("sending", WARN, text, "look at `pending` and `outbox`, then `stageauto resume --all`")
    if seen > now + _LATE:
        behind = f"it is {format_span(seen - now)} behind what the daemon saw last"
        yield Finding("clock", WARN, behind, "it was set back; is it right now?")
    if late:
        many = f"more than {_MOST:,} items" if late > _MOST else _many(late, "item")
        hint = "it is working them off" if alive else "start `stageauto run`"
        yield Finding("overdue", WARN, f"{many} with something overdue", hint)
    if held:
        hint = "`stageauto pending`, then `stageauto resume --all`"
        yield Finding("held", WARN, f"{_many(held, 'run')} held for a look", hint)
    if on_hold:
        yield Finding("on hold", WARN, f"{_many(on_hold, 'item')} on hold", "`stageauto show ITEM`, then `resume ITEM`")
    with session.read() as state:
        for level, text, hint in backlog.said(state, now - _LATE, alive=alive):
            yield Finding("outbox", level, text, hint)


def _mailboxes(session: Session, workspace: Workspace) -> Iterator[Finding]:
    from stageauto.runner.mailbox import incoming, status_of
    from stageauto.store.lock import OwnerLock

    path = session.store.path
    alive = path is not None and OwnerLock(path).owner() is not None
    for channel in incoming(workspace):
        with session.read() as state:
            status = status_of(state, channel.name)
        if not status:
            yield Finding("mailbox", WARN, f"`{channel.name}` was never read", "start `stageauto run`")
            continue
        at = datetime.fromtimestamp(status["at"] / 1000, UTC)
        text = f"`{channel.name}` since {at:%Y-%m-%d %H:%M} UTC: {status['text']}"
        if status["state"] == "lost":
            hint = f"it is tried again and again; see `stageauto channels test {channel.name}`"
            yield Finding("mailbox", BAD if alive else WARN, text, hint)
        else:
            yield Finding("mailbox", OK, text if alive else f"{text} (nobody reads it now: no daemon runs)")


def _waiting(state: SqliteReader) -> tuple[int, int]:
    """How many runs are held for a look, and how many items are on hold."""
    held = on_hold = 0
    for item in state.items():
        held += sum(run.held for run in item.runs.values() if run.living)
        on_hold += item.on_hold
    return held, on_hold


def _version(root: Path, number: int, active: dict[str, str]) -> Iterator[Finding]:
    from stageauto.loader.files import read_files

    if number == 0:
        yield Finding("version", WARN, "nothing is loaded yet", "run `stageauto load`")
        return
    try:
        files = read_files(root)
    except StageautoError:
        return  # what is wrong with the files is said above
    different = sorted(name for name in {*files, *active} if files.get(name) != active.get(name))
    if different:
        names = ", ".join(different[:5]) + (f" and {len(different) - 5} more" if len(different) > 5 else "")
        text = f"version {number} is active, but not what the files say: {names}"
        yield Finding("version", WARN, text, "run `stageauto load`")
    else:
        yield Finding("version", OK, f"version {number} is active and is what the files say")


def _owner(session: Session, late: int) -> Generator[Finding, None, bool]:
    from stageauto.store.lock import OwnerLock

    path = session.store.path
    owner = OwnerLock(path).owner() if path else None
    if owner is None:
        level = WARN if late else OK
        yield Finding("daemon", level, "none runs: nothing happens by itself", "start it with `stageauto run`")
    else:
        since = datetime.fromtimestamp(owner.since / 1000, UTC)
        yield Finding("daemon", OK, f"{owner}, since {since:%Y-%m-%d %H:%M} UTC")
    return owner is not None


def _many(count: int, one: str) -> str:
    return f"{count:,} {one if count == 1 else one + 's'}"
