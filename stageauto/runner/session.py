"""A workspace with its state, open for one command or for the daemon: who acts, the active configuration, decisions."""

from __future__ import annotations

import json
import os
import pwd
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from stageauto.errors import StageautoError, StateError, UsageError
from stageauto.runner.clock import Clock, SystemClock
from stageauto.runner.rights import Rights, rights_of

if TYPE_CHECKING:
    from stageauto.engine.commands import By
    from stageauto.engine.draft import Draft
    from stageauto.engine.model import Workspace
    from stageauto.loader.load import Loaded
    from stageauto.store.sqlite import SqliteStore
    from stageauto.store.sqlite_state import SqliteReader, SqliteState

T = TypeVar("T")
RIGHTS = "rights"
_STATE = re.compile(r"""(["']?)state\1\s*:(?=\s|$)""")
OVERDUE = 60_000
"""A command decides what is due now; what has been due for longer than this (ms) is late, as after a downtime."""


class NothingLoadedError(StateError):
    """No configuration is active yet."""


class InvalidWorkspaceError(StageautoError):
    """The files have errors; `loaded` holds the diagnostics."""

    def __init__(self, loaded: Loaded) -> None:
        super().__init__("the workspace is not valid", "see the diagnostics above")
        self.loaded = loaded


def os_user() -> str:
    """The name of the operating system's user who runs this process."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def state_path(root: Path) -> Path:
    """Where the workspace keeps its state: `state:` of stageauto.yaml, else .stageauto/state.db."""
    named = _state_setting(root)
    if named.startswith(("postgresql://", "postgres://")):
        raise StateError("a PostgreSQL state is not supported yet", "leave `state:` out, or name a file")
    return root / named


def has_state(root: Path) -> bool:
    """True where the workspace has a state, or had one that is lost."""
    from stageauto.store.place import begun

    return begun(state_path(root))


def _state_setting(root: Path) -> str:
    """Read without the loader: commands that only look need no more of stageauto.yaml than this."""
    file = root / "stageauto.yaml"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ".stageauto/state.db"
    for line in lines:
        if (found := _STATE.match(line)) is not None:
            text = line[found.end() :].split(" #", 1)[0].strip().strip("\"'")
            if "${" in text:
                from stageauto.loader.secret import expand

                text = expand(text, environment(root))[0]
            return text or ".stageauto/state.db"
    return ".stageauto/state.db"


def environment(root: Path) -> dict[str, str]:
    """The environment, over `.env` beside stageauto.yaml."""
    from stageauto.loader.secret import read_dotenv

    try:
        own = read_dotenv((root / ".env").read_text(encoding="utf-8"))
    except OSError:
        own = {}
    return {**own, **os.environ}


def load_files(root: Path, files: Mapping[str, str], now: int) -> Loaded:
    """Loads the texts of a workspace (from disk, or of a version in the state)."""
    from stageauto.loader.files import file_finder
    from stageauto.loader.load import load

    return load(files, env=environment(root), now=now, files_present=file_finder(root))


class Session:
    """An open workspace. Use as a context manager; made by `Session.open`."""

    def __init__(self, root: Path, store: SqliteStore, clock: Clock, as_user: str | None) -> None:
        self.root = root
        self.store = store
        self.clock = clock
        self._as_user = as_user
        self._version = 0
        self.secrets: frozenset[str] = frozenset()
        self._workspace: Workspace | None = None

    @classmethod
    def open(
        cls, root: Path, *, as_user: str | None = None, clock: Clock | None = None, create: bool = False
    ) -> Session:
        """The workspace in that folder with its state.

        Raises StateError where there is no state and `create` is not set, or where it cannot be used.
        """
        from stageauto.store.sqlite import SqliteStore

        used = clock or SystemClock()
        path = state_path(root)
        if not create and not has_state(root):
            raise NothingLoadedError(f"nothing is loaded yet: there is no state at {path}", "run `stageauto load`")
        store = SqliteStore.open(path, create=create, state_id=used.new_id())
        return cls(root, store, used, as_user)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.store.close()

    # -- who acts ----------------------------------------------------------------------------------------------------

    def rights(self, state: SqliteReader) -> Rights:
        """The rights of the active configuration; everybody may everything where nothing is loaded."""
        kept = state.meta_get(RIGHTS)
        return Rights(**json.loads(kept)) if kept else Rights()

    def actor(self, state: SqliteReader) -> str:
        """The id of the user who acts, "" for nobody in particular. Raises UsageError for an unknown `--as`."""
        return self.rights(state).actor(self._as_user, os_user())

    def demand(self, state: SqliteReader, permission: str, pipeline: str | None) -> str:
        """Who acts, after checking that they may. Raises NotAllowedError."""
        user = self.actor(state)
        self.rights(state).demand(user, permission, pipeline)
        return user

    def note_refusal(self, error: StageautoError, action: str, target: str) -> None:
        """Writes a refused attempt to the audit log."""
        with self.store.transaction() as state:
            who = self._as_user or os_user()
            state.audit_add(self.clock.now(), who, f"refused: {action}", target, {"because": error.message})

    # -- the active configuration ------------------------------------------------------------------------------------

    def workspace(self, state: SqliteReader) -> Workspace:
        """The active configuration, compiled once for as long as it stays active. Raises StateError."""
        number = state.active_number()
        if number == 0:
            raise NothingLoadedError("nothing is loaded yet", "run `stageauto load`")
        if number != self._version or self._workspace is None:
            version = state.active_version()
            assert version is not None
            loaded = load_files(self.root, version.files, self.clock.now())
            if loaded.workspace is None:
                first = next(one for one in loaded.diagnostics if one.severity == "error")
                raise StateError(
                    f"the active version {number} does not load here: {first.file}:{first.line}: {first.message}",
                    first.hint or "mend the environment (.env), or load the files again",
                )
            self._workspace, self._version = loaded.workspace, number
            self.secrets = loaded.secrets
        return self._workspace

    def prepare(self) -> None:
        """Compiles the active configuration where it is another one: it takes long, and whoever writes would wait."""
        with self.store.read() as state, suppress(StageautoError):  # what is wrong is said when it is needed
            self.workspace(state)

    def put_version(self, loaded: Loaded, number: int) -> None:
        """Takes a configuration that was just compiled as that version's, instead of compiling it again."""
        self._workspace, self._version, self.secrets = loaded.workspace, number, loaded.secrets

    # -- reading and deciding ----------------------------------------------------------------------------------------

    @contextmanager
    def read(self, permission: str | None = None, pipeline: str | None = None) -> Iterator[SqliteReader]:
        """One snapshot to read from, after checking the right to. Raises NotAllowedError."""
        try:
            with self.store.read() as state:
                if permission is not None:
                    self.demand(state, permission, pipeline)
                yield state
        except StageautoError as error:
            if error.exit_code == 5 and permission is not None:
                self.note_refusal(error, permission, pipeline or "*")
            raise

    def decide(  # noqa: PLR0913 what to do, and all by name how it is checked and noted
        self,
        deed: Callable[[Draft, By], T],
        *,
        permission: str,
        pipeline_of: Callable[[SqliteReader], str | None] = lambda _: None,
        action: str = "",
        target: str | Callable[[T], str] = "",
        noted: Mapping[str, object] | None = None,
        event_id: str | None = None,
    ) -> T:
        """What the deed gives: one decision in a transaction of its own, beside a running daemon.

        Checks the right, does the deed, runs what it set off at once, commits. `noted`: what the audit log says beside
        the target. Raises whatever the deed raises, and then nothing is changed.
        """
        from stageauto.engine import step
        from stageauto.engine.commands import By
        from stageauto.engine.draft import Draft

        pipeline: str | None = None
        self.prepare()
        try:
            with self.store.transaction() as state:
                pipeline = pipeline_of(state)
                author = self.demand(state, permission, pipeline)
                now = self.clock.now()
                draft = Draft(
                    state, self.workspace(state), draw=self.clock.draw, state_id=self.store.state_id,
                    late_before=now - OVERDUE,
                )  # fmt: skip
                result = deed(draft, By(event_id or self.clock.new_id(), now, author or os_user()))
                while (first := draft.pop_due(now)) is not None:
                    step.tick(draft, *first, now)
                draft.flush()
                if action:
                    state.audit_add(
                        now, author or os_user(), action, _target(target, result) or pipeline or "", noted or {}
                    )
        except StageautoError as error:
            if error.exit_code == 5:
                self.note_refusal(error, action or permission, pipeline or "*")
            raise
        return result

    def item_id(self, state: SqliteReader, part: str) -> str:
        """The item named by an unambiguous part of its id. Raises UsageError."""
        found = state.resolve_item(part)
        if len(found) == 1:
            return found[0]
        if not found:
            raise UsageError(f"there is no item `{part}`", "see `stageauto items`")
        raise UsageError(f"`{part}` may be any of {', '.join(found[:8])}", "write more of the id")


def _target(target: str | Callable[[T], str], result: T) -> str:
    """What a deed was done to, for the audit log; of something new it is known only afterwards."""
    return target if isinstance(target, str) else target(result)


def save_rights(state: SqliteState, workspace: Workspace) -> None:
    """Keeps the rights and facts of a configuration beside it, so that commands read them without compiling it."""
    from stageauto.runner.facts import save_facts

    state.meta_set(RIGHTS, json.dumps(rights_of(workspace).to_json()))
    save_facts(state, workspace)
