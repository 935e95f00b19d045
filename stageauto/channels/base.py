"""The contract of a channel: what it is given, what it may answer, and the one call it owes before it is too late.

A channel is made once per configured channel and used by several worker threads at once. `send` blocks, holds no
transaction, and calls `point()` at most once, just before the step after which the service may have the message: before
the final dot, the last bytes of a body, the rename of a file. What fails before that was certainly not sent; what
breaks after it was perhaps sent. `point` commits a marker; when it raises, nothing may be sent.
"""

from __future__ import annotations

import dataclasses
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from stageauto.engine.model import EMPTY, Channel
from stageauto.engine.options import Option, Plain
from stageauto.engine.scalars import WrittenInt
from stageauto.engine.state import Delivery
from stageauto.errors import StageautoError

DAY = 86_400_000
SHORTEST_SECRET = 8


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
    it, and that a second one is harmless there. `until` (ms UTC) says that nothing failed: it waits till then for
    others to go along with, not counted however often.
    """

    reason: str
    after: int | None = None
    sent_maybe: bool = False
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """Final. `undeliverable`: nothing goes out, since the message or the address is one that cannot be sent (to)."""

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

Points = Callable[[Sequence[Delivery]], Sequence[Delivery]]
"""The point of no return of several deliveries at once: gives those that may still go, the others were called off."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a channel's options: at which of them ("" = the channel), a sentence about it, the way out."""

    option: str
    message: str
    hint: str = ""


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
    audiences: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: EMPTY, repr=False)
    files: Callable[[Mapping[str, Any]], bytes | None] | None = None
    base_url: str = ""  # where the world reaches this workspace's listener; "" = nowhere


class LostError(Exception):
    """A connection that events come by broke, or was refused: it is tried again after a while."""


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file that came with an event."""

    name: str
    mime: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Received:
    """An event that came in. The same thing always has the same `id`, however often it is read."""

    id: str
    type: str
    data: Mapping[str, Any]
    files: tuple[ReceivedFile, ...] = ()


class Inbox(Protocol):
    """What the runner lends to a channel that events come by, for as long as `receive` runs."""

    wake: socket.socket  # has something to read as soon as `stopping` is True

    @property
    def stopping(self) -> bool:
        """True when `receive` is to come back."""

    def place(self) -> Mapping[str, Any]:
        """How far it has read, as it was handed to `take`; empty in the beginning."""

    def take(self, events: Sequence[Received], place: Mapping[str, Any]) -> None:
        """Keeps events and the new place, both or none: when it comes back they are on disk."""

    def connected(self, text: str) -> None:
        """Says that it is in, and what it sees."""

    def caught_up(self) -> None:
        """Says that everything that was there has been taken."""

    def warn(self, text: str) -> None:
        """Says something in the log."""


class ChannelType:
    """The base of every kind of channel; used by several threads at once."""

    type: ClassVar[str]
    # Of deliveries: mail, sms, call, chat, whatsapp, calendar, webhook, audience; "*" = all.
    kinds: ClassVar[tuple[str, ...]]
    options: ClassVar[Any]  # a frozen dataclass of `engine.options.option` fields
    on_unknown: ClassVar[str] = "hold"  # or "resend", where people would see no duplicate
    incoming: ClassVar[bool] = False  # events come by it: it has `receive` and `look` instead of `send`
    one_service: ClassVar[bool] = True  # a pause that is asked for concerns all messages, not those to one server only
    answers_after: ClassVar[int | None] = None  # ms after a try from which on `ask` can tell; None = it never can
    batch: ClassVar[int] = 1  # up to so many deliveries go to one `send_many`; of more than one, one batch at a time

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        self.channel = channel
        self.context = context

    @classmethod
    def faults(cls, options: Mapping[str, Any]) -> Iterable[Fault]:  # noqa: ARG003 - for those that have some
        """What is wrong with the options (in plain) beyond their types. Never repeats a value: it may be a secret."""
        return ()

    def send(self, delivery: Delivery, point: Callable[[], None]) -> Outcome:
        """What became of this one try. Raises only what `point` raises."""
        raise AssertionError(f"{type(self).__name__} cannot send")

    def send_many(self, deliveries: Sequence[Delivery], points: Points) -> Sequence[Outcome]:
        """What became of each, in their order; for channels with a `batch`.

        `points` is called with deliveries just before the service may have them, and only those it gives back may go.
        It may be called again for the same ones: only services to which a second time is harmless take batches.
        Raises only what `points` raises; all of them are then given once more.
        """
        raise AssertionError(f"{type(self).__name__} takes no batches")

    def ask(self, delivery: Delivery) -> Delivered | Unaskable | None:
        """What the service says of a try without an answer: it has it (that answer), has it not (None), or cannot say.

        Asked after a crash and, where there is `answers_after`, when that has gone by.
        """
        return Unaskable()

    def receive(self, inbox: Inbox) -> None:
        """Hands in events until `inbox.stopping`. Raises LostError where it has to begin again."""
        raise AssertionError(f"{type(self).__name__} receives nothing")

    def look(self) -> Outcome:
        """For `channels test` of an incoming channel: what it sees, in the answer; nothing is taken or changed."""
        raise AssertionError(f"{type(self).__name__} receives nothing")

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


def reveal_all(value: Any) -> Any:
    """The value with every Secret in it, however deep, replaced by what it hides."""
    if isinstance(value, Mapping):
        return {name: reveal_all(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [reveal_all(one) for one in value]
    return reveal(value)


def secrets_in(value: Any) -> Iterator[str]:
    """Every secret in a channel's options that is long enough to be told from a common word."""
    if isinstance(value, Mapping):
        for one in value.values():
            yield from secrets_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from secrets_in(one)
    elif hasattr(value, "reveal"):
        text = str(value.reveal())
        # "Bearer abc" and "id:key" are made of parts that are told alone as well.
        yield from (part for part in {text, *re.split(r"[\s:]", text)} if len(part) >= SHORTEST_SECRET)


def refuse_faults(kind: type[ChannelType], channel: Channel) -> None:
    """Raises ChannelError for the first of the channel's faults."""
    for fault in kind.faults(reveal_all(channel.options)):
        place = f"channel `{channel.name}`: `{fault.option}`" if fault.option else f"channel `{channel.name}`"
        raise ChannelError(f"{place}: {fault.message}", fault.hint)


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
        return reveal_all(found)
    if not isinstance(found, str) or not isinstance(said.type, Plain) or said.type.type == "string":
        return found
    if said.type.type == "integer" and found.strip().isascii() and found.strip().isdigit():
        return int(found)
    if said.type.type == "boolean" and found.strip() in {"true", "false"}:
        return found.strip() == "true"
    raise ChannelError(f"{place} is no {said.type.type}", "check the variable of the environment that it comes from")
