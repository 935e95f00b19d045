"""Reads what comes in by the channels that events come by: a thread for each, which begins again when it is cut off.

What such a channel takes is written by its thread: the events, `queued` for whoever decides next, the files that came
with them, and how far it has read, in one transaction. So a crash between two of these can neither lose nor double.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from stageauto import registry
from stageauto.channels.base import ChannelError, ChannelType, LostError, Received
from stageauto.engine.ports import Changes
from stageauto.errors import StageautoError
from stageauto.loader.secret import redact
from stageauto.runner.bounced import with_delivery
from stageauto.runner.clock import monotonic_ms, wait
from stageauto.runner.intake import QUEUED, Raw, append, shaped
from stageauto.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from stageauto.engine.model import Channel, Workspace
    from stageauto.runner.session import Session
    from stageauto.store.sqlite_state import SqliteReader, SqliteState

FIRST_PAUSE, LONGEST_PAUSE = 1_000, 300_000
"""Milliseconds between two tries to get in: twice as long after each that failed."""
STEADY = 60_000
"""A connection that lasted for so long (ms) was a good one: the pauses begin anew."""
PLACE, STATUS = "mailbox:", "mailbox_status:"
PATIENCE = 5.0
"""Seconds that a thread has to come back when it is told to stop."""

Say = Callable[[str, dict[str, Any]], None]


def status_of(state: SqliteReader, name: str) -> dict[str, Any]:
    """What the daemon noted of a mailbox: `state` is read or lost, `text` says more, `at` is ms UTC; or empty."""
    kept = state.meta_get(STATUS + name)
    return json.loads(kept) if kept else {}


def incoming(workspace: Workspace) -> list[Channel]:
    """The channels of a workspace that events come by."""
    kinds = registry.channels(workspace.plugins)
    return [one for one in workspace.channels.values() if getattr(kinds.get(one.type), "incoming", False)]


def _keep_contents(state: SqliteState, events: Sequence[Received]) -> None:
    """What the files hold; the deciding of the event makes them files of its items.

    Of who is on the exceptions list nothing is kept, not even until that is decided.
    """
    contents = [
        (sha256(file.content).hexdigest(), file.content)
        for one in events
        if one.files and state.exempt([str(one.data.get("email", ""))]) is None
        for file in one.files
    ]
    if contents:
        state.write(Changes(contents=contents))


class Mailboxes:
    """The readers of a workspace's incoming channels. `say(kind, data)` and `wake()` are called from their threads."""

    def __init__(self, session: Session, say: Say, wake: Callable[[], None]) -> None:
        self._session = session
        self._say = say
        self._wake = wake
        self._workspace: Workspace | None = None
        self._readers: list[Reader] = []

    def keep(self, workspace: Workspace) -> None:
        """Reads what this configuration says; readers of the one before it are stopped."""
        if workspace is self._workspace:
            return
        self._workspace = workspace
        former, self._readers = self._readers, []
        for one in former:
            one.stop()
        for channel in incoming(workspace):
            before = next((one for one in former if one.channel.name == channel.name), None)
            reader = Reader(self._session, workspace, channel, self._say, self._wake, before)
            self._readers.append(reader)
            reader.start()

    @property
    def busy(self) -> bool:
        """True until each mailbox was looked through once, or could not be."""
        return any(not one.looked.is_set() for one in self._readers)

    def stop(self) -> None:
        """Stops all of them, and waits for a while until they have come back."""
        for one in self._readers:
            one.stop()
        ends = monotonic_ms() + int(PATIENCE * 1000)
        for one in self._readers:
            one.join(max(0, ends - monotonic_ms()) / 1000)


class Reader:
    """One incoming channel: its thread, and the `Inbox` that it is lent."""

    def __init__(
        self,
        session: Session,
        workspace: Workspace,
        channel: Channel,
        say: Say,
        wake: Callable[[], None],
        before: Reader | None,
    ) -> None:
        assert session.store.path is not None
        self.channel = channel
        self.looked = threading.Event()  # set when all that was there is taken, or it cannot be looked at
        self._path = session.store.path
        self._session = session
        self._workspace = workspace
        self._say = say
        self._wake_daemon = wake
        self._before = before
        self._stop = threading.Event()
        self._store: SqliteStore | None = None
        self._since = 0
        self._noted = ""
        self.wake, self._waker = socket.socketpair()
        # A daemon: a server that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._work, name=f"mailbox-{channel.name}", daemon=True)

    # -- for the daemon -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins, as soon as the reader before it has come back."""
        self._thread.start()

    def stop(self) -> None:
        """Asks it to come back."""
        self._stop.set()
        with suppress(OSError):
            self._waker.send(b"x")

    def join(self, seconds: float) -> None:
        """Waits until it has come back, not longer than that."""
        self._thread.join(seconds)

    # -- for the channel ----------------------------------------------------------------------------------------------

    @property
    def stopping(self) -> bool:
        """True when `receive` is to come back."""
        return self._stop.is_set()

    def place(self) -> Mapping[str, Any]:
        """How far the channel has read."""
        assert self._store is not None
        with self._store.read() as state:
            kept = state.meta_get(PLACE + self.channel.name)
        found: Mapping[str, Any] = json.loads(kept) if kept else {}
        return found

    def take(self, events: Sequence[Received], place: Mapping[str, Any]) -> None:
        """Keeps the events, each once by its id, and the place."""
        assert self._store is not None
        now, source = self._session.clock.now(), f"channel:{self.channel.name}"
        with self._store.transaction() as state:
            raws = [Raw(one.type, with_delivery(state, one), one.id, source=source) for one in events]
            rows = [shaped(raw, self._workspace.events, now, self._session.clock.new_id) for raw in raws]
            kept = append(state, rows)
            new = [one for one, row in zip(events, kept, strict=True) if row.outcome == QUEUED]
            _keep_contents(state, new)
            state.meta_set(PLACE + self.channel.name, json.dumps(dict(place), separators=(",", ":")))
        if new:
            self._say("received", {"channel": self.channel.name, "events": len(new)})

    def connected(self, text: str) -> None:
        """The channel is in."""
        self._since = monotonic_ms()
        self._note("read", text)

    def caught_up(self) -> None:
        """The channel has taken everything that was there."""
        if not self.looked.is_set():
            self.looked.set()
            self._wake_daemon()

    def warn(self, text: str) -> None:
        """Something for the log."""
        self._say("mailbox_warning", {"channel": self.channel.name, "because": self._safe(text)})

    # -- the thread ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        if self._before is not None:
            self._before.join(PATIENCE * 10)
            self._before = None
        try:
            with SqliteStore.open(self._path, create=False) as store:
                self._store = store
                self._read_on()
        except (StageautoError, OSError) as error:
            self._say("mailbox_stopped", {"channel": self.channel.name, "because": self._safe(str(error))})
        finally:
            self.caught_up()
            self.wake.close()
            self._waker.close()

    def _read_on(self) -> None:
        from stageauto.runner.probe import made_channel

        try:
            made = made_channel(self._session.root, self._workspace, self.channel, self._session.clock)
        except ChannelError as error:
            self._note("lost", str(error))
            return
        pause = FIRST_PAUSE
        while not self.stopping:
            because = self._try(made)
            self.caught_up()
            if self.stopping:
                break
            if self._since and monotonic_ms() - self._since > STEADY:
                pause = FIRST_PAUSE
            self._since = 0
            span = pause + self._session.clock.jitter(pause)
            self._note("lost", because, again_in=span)
            wait(self._stop, span)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _try(self, made: ChannelType) -> str:
        """Reads until it breaks; gives why."""
        try:
            made.receive(self)
        except LostError as error:
            return str(error)
        except StageautoError:
            raise
        except Exception as error:  # noqa: BLE001 - a channel that breaks must not end the reading for good
            return f"the channel {self.channel.name} broke: {type(error).__name__}: {error}"
        return "it came back by itself"

    def _note(self, state: str, text: str, *, again_in: int = 0) -> None:
        """Says how it is, and keeps it for `doctor`; the same again is said no second time."""
        text = self._safe(text)
        if f"{state} {text}" == self._noted:
            return
        self._noted = f"{state} {text}"
        note = {"state": state, "text": text, "at": self._session.clock.now()}
        assert self._store is not None
        with self._store.transaction() as kept:
            kept.meta_set(STATUS + self.channel.name, json.dumps(note))
        data: dict[str, Any] = {"channel": self.channel.name, "because": text}
        if state == "lost" and again_in:
            data["again_in"] = f"{again_in / 1000:.0f} s"
        self._say("mailbox_lost" if state == "lost" else "mailbox", data)

    def _safe(self, text: str) -> str:
        return redact(text, self._session.secrets) if self._session.secrets else text
