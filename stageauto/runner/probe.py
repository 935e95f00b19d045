"""The channels as they are set up, and a message through one of them to see that it works."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stageauto import registry
from stageauto.channels.base import ChannelContext, ChannelError, Delivered, Outcome, secrets_in
from stageauto.engine.model import AUTOMATION_UPDATE, Channel, User, Workspace
from stageauto.engine.state import Delivery
from stageauto.errors import UsageError
from stageauto.loader.diagnostics import suggest
from stageauto.loader.shapes import STANDARD_CHANNELS
from stageauto.runner.clock import Clock, SystemClock
from stageauto.runner.record import redacted
from stageauto.runner.rights import rights_of
from stageauto.runner.session import os_user

if TYPE_CHECKING:
    from stageauto.channels.base import ChannelType

TEXT = "This is a test of the channel `{name}` of stageauto. Nothing needs to be done."


@dataclass(frozen=True, slots=True)
class Listed:
    """A channel; `set_up` False: one of the standard names that stageauto.yaml leaves to `file`."""

    channel: Channel
    set_up: bool


def channels(workspace: Workspace) -> list[Listed]:
    """The channels of stageauto.yaml, then the standard ones that it does not set up."""
    missing = [name for name in STANDARD_CHANNELS if name not in workspace.channels]
    own = [Listed(one, set_up=True) for one in workspace.channels.values()]
    return [*own, *(Listed(workspace.channel(name), set_up=False) for name in missing)]


@dataclass(frozen=True, slots=True)
class Probed:
    """What became of a probe. `outcome` is the channel's own answer."""

    channel: Channel
    to: str
    outcome: Outcome

    @property
    def ok(self) -> bool:
        """True when the service took it."""
        return isinstance(self.outcome, Delivered)


def probe(root: Path, workspace: Workspace, name: str, *, to: str | None, as_user: str | None) -> Probed:
    """Sends a message through the channel, to the address or to whoever asks for it; of an incoming one, looks into it.

    Raises UsageError, NotAllowedError, ChannelError. The state is not touched: nothing of it is in the outbox.
    """
    known = {one.channel.name for one in channels(workspace)}
    if name not in known:
        raise UsageError(f"there is no channel `{name}`", suggest(name, known))
    rights = rights_of(workspace)
    user = rights.actor(as_user, os_user())
    rights.demand(user, AUTOMATION_UPDATE, None)
    channel, clock = workspace.channel(name), SystemClock()
    if registry.channels(workspace.plugins)[channel.type].incoming:
        found = made_channel(root, workspace, channel, clock).look()
        return Probed(channel, "", redacted(found, frozenset(secrets_in(channel.options))))
    address = to or _address_of(workspace.users.get(user), channel)
    if not address:
        raise UsageError(f"nobody to send the test of `{name}` to", "say where with --to ADDRESS")
    made = made_channel(root, workspace, channel, clock)
    try:
        delivery = _delivery(channel, address, clock)
        if channel.kind == "calendar":
            delivery.message |= _calendar_of(workspace.users.values(), address)
        if channel.kind == "audience":
            delivery.message |= _leaving(workspace, channel, address)
        outcome = made.send(delivery, _nothing)
    finally:
        made.close()
    return Probed(channel, address, redacted(outcome, frozenset(secrets_in(channel.options))))


def made_channel(root: Path, workspace: Workspace, channel: Channel, clock: Clock) -> ChannelType:
    """The channel, ready to send. Raises ChannelError where it is set up in a way that can never send."""
    context = ChannelContext(
        root=root, outbox=root / ".stageauto" / "outbox", timeout=channel.timeout / 1000, now=clock.now,
        allow_private=workspace.allow_private, hooks=workspace.hooks, audiences=workspace.audiences,
    )  # fmt: skip
    made: ChannelType = registry.channels(workspace.plugins)[channel.type](channel, context)
    return made


def broken(root: Path, workspace: Workspace) -> Iterator[tuple[str, str]]:
    """(channel, what is wrong with it) for each that cannot be made."""
    for one in channels(workspace):
        try:
            made_channel(root, workspace, one.channel, SystemClock()).close()
        except ChannelError as error:
            yield one.channel.name, str(error)


def _address_of(user: User | None, channel: Channel) -> str:
    if channel.kind == "notify":
        return user.id if user else channel.name  # where it leads is the channel's own matter
    if user is None:
        return ""
    if channel.kind == "chat":
        return user.telegram
    if channel.kind in ("mail", "calendar", "audience"):
        return user.email
    return user.phone if channel.kind != "webhook" else ""


def _delivery(channel: Channel, to: str, clock: Clock) -> Delivery:
    key = f"probe-{clock.new_id()}"
    text = TEXT.format(name=channel.name)
    messages: dict[str, dict[str, Any]] = {
        "mail": {"to": to, "subject": f"Test of the channel {channel.name}", "text": text},
        "webhook": {"url": to, "method": "POST", "headers": {}, "json": {"test": channel.name}, "sign_with": None},
        "call": {"to": to, "say": {"text": text, "language": "en-GB"}},
        "calendar": {"ics": _ics(key, clock.now()), "subject": f"Test of the channel {channel.name}"},
        "whatsapp": {},  # no free text: the channel's own `test_template`
    }
    return Delivery(
        id=key, item="", run="", rule="", pipeline="", do="channels test", channel=channel.name, kind=channel.kind,
        to=to, key=key, message=messages.get(channel.kind, {"text": text}), decided_at=clock.now(),
    )  # fmt: skip


def _leaving(workspace: Workspace, channel: Channel, address: str) -> dict[str, Any]:
    """Takes the address out of the channel's first audience: the least that shows whether it works."""
    names = [name for name, entry in workspace.audiences.items() if entry["channel"] == channel.name]
    if not names:
        raise UsageError(f"no audience is on `{channel.name}`", "name one under `audiences` in stageauto.yaml")
    kind = "emails" if "@" in address else "phones"
    return {"audience": names[0], "operation": "remove", kind: [address]}


def _calendar_of(users: Iterable[User], address: str) -> dict[str, str]:
    """Whose calendar it is, where the address is a user's."""
    found = next((one for one in users if one.email == address), None)
    return {"user": found.id, "calendar": found.calendar_url} if found else {}


def _ics(key: str, now: int) -> str:
    moment = f"{datetime.fromtimestamp(now / 1000, UTC):%Y%m%dT%H%M%SZ}"
    lines = (
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//stageauto//test//EN", "BEGIN:VEVENT", f"UID:{key}",
        f"DTSTAMP:{moment}", f"DTSTART:{moment}", "DURATION:PT15M", "SUMMARY:Test of stageauto", "END:VEVENT",
        "END:VCALENDAR",
    )  # fmt: skip
    return "".join(f"{line}\r\n" for line in lines)


def _nothing() -> None:
    """A point of no return that nobody waits at: a probe is not sent a second time."""
