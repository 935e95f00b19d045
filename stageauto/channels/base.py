"""The contract of a channel: what it is given, what it may answer, and the one call it owes before it is too late.

A channel is made once per configured channel and used by several worker threads at once. `send` blocks, holds no
transaction, and calls `point()` at most once, just before the step after which the service may have the message: before
the final dot, the last bytes of a body, the rename of a file. What fails before that was certainly not sent; what
breaks after it was perhaps sent. `point` commits a marker; when it raises, nothing may be sent.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from stageauto.engine.model import EMPTY, Channel
from stageauto.engine.options import Option, Plain
from stageauto.engine.scalars import WrittenInt
from stageauto.engine.state import Delivery
from stageauto.errors import StageautoError

DAY = 86_400_000


class ChannelError(StageautoError):
    """A channel is set up in a way that can never send."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The service took it. `answer` is JSON: message id, provider's id, status, body."""

    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retry:
    """It failed in a way that may pass.

    `after` (ms) is the service's own wish, and such a try is not counted; `sent_maybe` says that the service may have
    it, and that a second one is harmless there.
    """

    reason: str
    after: int | None = None
    sent_maybe: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """Final. `undeliverable`: nothing was asked of the service, since the message or the address cannot be sent."""

    reason: str
    code: str
    undeliverable: bool = False


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Perhaps sent: the point of no return was passed and no answer came."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unaskable:
    """The service cannot be asked whether it has a message."""


Outcome = Delivered | Retry | Rejected | Uncertain


@dataclass(frozen=True, slots=True)
class ChannelContext:
    """What the runner lends to a channel. `timeout` in seconds; `now` gives ms UTC and is the only time there is.

    `files` opens an attachment of a message (its mapping) and gives back the bytes, or None where it knows of none;
    without it, and for None, the workspace's own files are read.
    """

    root: Path
    outbox: Path
    timeout: float
    now: Callable[[], int]
    allow_private: tuple[str, ...] = ()
    hooks: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: EMPTY, repr=False)
    files: Callable[[Mapping[str, Any]], bytes | None] | None = None


class ChannelType:
    """The base of every kind of channel; used by several threads at once."""

    type: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]]  # of deliveries: mail, sms, call, chat, whatsapp, calendar, webhook; "*" = all
    options: ClassVar[Any]  # a frozen dataclass of `engine.options.option` fields
    on_unknown: ClassVar[str] = "hold"  # or "resend", where people would see no duplicate

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        self.channel = channel
        self.context = context

    def send(self, delivery: Delivery, point: Callable[[], None]) -> Outcome:
        """What became of this one try. Raises only what `point` raises."""
        raise AssertionError(f"{type(self).__name__} cannot send")

    def ask(self, delivery: Delivery) -> Delivered | Unaskable | None:
        """After a crash: the service has it (with its answer), has it certainly not (None), or cannot say."""
        return Unaskable()

    def close(self) -> None:
        """Lets go of connections; a closed channel may be closed again."""

    def perhaps(self, reason: str) -> Outcome:
        """The outcome for a message that the service may have: to be sent again where the channel says so."""
        if self.channel.on_unknown == "resend":
            return Retry(reason, sent_maybe=True)
        return Uncertain(reason)


def reveal(value: Any) -> Any:
    """The plain value: of a Secret what it hides, anything else as it is."""
    return value.reveal() if hasattr(value, "reveal") else value


def settings(cls: type[Any], channel: Channel) -> Any:
    """An instance of the options' dataclass from `channel.options`, secrets revealed; absent ones have their default.

    Raises ChannelError for a missing option, and for text from the environment that is not of the option's type.
    """
    values = {}
    for one in dataclasses.fields(cls):
        name = one.name.rstrip("_")
        said: Option = one.metadata["option"]
        if name in channel.options:
            values[one.name] = _plain(channel.options[name], said, f"channel `{channel.name}`: `{name}`")
        elif said.required:
            raise ChannelError(f"channel `{channel.name}` has no `{name}`", f"`{name}` is {said.help}")
    return cls(**values)


def _plain(value: Any, said: Option, place: str) -> Any:
    found = reveal(value)
    if isinstance(found, WrittenInt):
        return int(found)  # the socket library takes no number that remembers how it was written
    if isinstance(found, Mapping):
        return {key: reveal(inner) for key, inner in found.items()}
    if not isinstance(found, str) or not isinstance(said.type, Plain) or said.type.type == "string":
        return found
    if said.type.type == "integer" and found.strip().isascii() and found.strip().isdigit():
        return int(found)
    if said.type.type == "boolean" and found.strip() in {"true", "false"}:
        return found.strip() == "true"
    raise ChannelError(f"{place} is no {said.type.type}", "check the variable of the environment that it comes from")
