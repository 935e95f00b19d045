"""Sends what is in the outbox, off the deciding thread, by workers per channel: a dead provider holds up only its own.

The deciding thread claims deliveries (in a transaction), hands them to workers, and takes back marks and answers, which
it writes together with its decisions. Nothing here touches the state.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from stageauto import registry
from stageauto.channels.base import DAY, ChannelContext, ChannelType, Delivered, Outcome, Rejected, Retry, Unaskable
from stageauto.engine.model import Channel, Workspace
from stageauto.engine.state import Delivery
from stageauto.errors import StageautoError
from stageauto.runner.clock import Clock, monotonic_ms
from stageauto.runner.papers import Papers
from stageauto.runner.session import state_path

STANDARD = frozenset(["mail", "sms", "call", "chat", "whatsapp", "webhook", "calendar"])
"""Channels that write files where stageauto.yaml does not set them up."""


class CancelledTryError(StageautoError):
    """The try was called off just before the message would have gone out."""


@dataclass(slots=True)
class Mark:
    """A worker is about to pass the point of no return; it waits until that is on disk."""

    delivery_id: str
    done: threading.Event = field(default_factory=threading.Event)
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A try is over."""

    delivery_id: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Said:
    """What a provider says about a delivery that was perhaps sent; not `asked`: it said so of its own."""

    delivery_id: str
    channel: str
    answer: Delivered | Unaskable | None
    asked: bool = True


Letter = Mark | Answer | Said


class PostOffice:
    """The channels of a workspace with their workers. `wake` is set whenever a mark or an answer is in the mailbox."""

    def __init__(self, workspace: Workspace, root: Path, clock: Clock, wake: threading.Event) -> None:
        self.mailbox: queue.SimpleQueue[Letter] = queue.SimpleQueue()
        self._workspace = workspace
        self._root = root
        self._clock = clock
        self._wake = wake
        self._counters: dict[str, _Counter] = {}
        self._closed = False
        self.in_flight = 0

    def renew(self, workspace: Workspace) -> None:
        """Takes up another configuration: channels are made anew.

        What is being sent finishes on the old ones, and its answers still come into the mailbox.
        """
        self._workspace = workspace
        retired, self._counters = self._counters, {}
        for counter in retired.values():
            counter.retire()

    def counter(self, name: str) -> _Counter:
        """The channel's counter: its workers and its rate."""
        found = self._counters.get(name)
        if found is None:
            channel = self._workspace.channel(name)
            found = self._counters[name] = _Counter(channel, self._make(channel), wall=self._clock.now)
        return found

    def _make(self, channel: Channel) -> ChannelType:
        context = ChannelContext(
            root=self._root,
            outbox=self._root / ".stageauto" / "outbox",
            timeout=channel.timeout / 1000,
            now=self._clock.now,
            allow_private=self._workspace.allow_private,
            hooks=self._workspace.hooks,
            audiences=self._workspace.audiences,
            base_url=self._workspace.base_url,
            files=Papers(self._root, state_path(self._root), self._workspace, self._clock).attachment,
        )
        if channel.name not in self._workspace.channels and channel.name not in STANDARD:
            return UnusableChannel(channel, context, "it is gone from stageauto.yaml")
        try:
            made: ChannelType = registry.channels(self._workspace.plugins)[channel.type](channel, context)
        except (StageautoError, OSError, LookupError) as error:
            return UnusableChannel(channel, context, str(error))
        return made

    def room(self, name: str) -> int:
        """How many deliveries the channel can take now, by its concurrency and its rate."""
        return self.counter(name).room()

    def together(self, name: str) -> bool:
        """True for a channel that takes many deliveries at once."""
        return self.counter(name).channel.batch > 1

    def send_all(self, deliveries: Sequence[Delivery]) -> None:
        """Hands claimed deliveries to their channels' workers; each has its answer in the mailbox in the end."""
        batches: dict[str, list[Delivery]] = {}
        for delivery in deliveries:
            if self.together(delivery.channel):
                batches.setdefault(delivery.channel, []).append(delivery)
            else:
                self._start(delivery.channel, 1, self._work, delivery)
        for name, batch in batches.items():
            self._start(name, len(batch), self._work_together, batch)

    def _start(self, name: str, count: int, work: Callable[..., None], what: Delivery | list[Delivery]) -> None:
        counter = self.counter(name)
        counter.took()
        self.in_flight += count
        # A thread of its own, and a daemon: a provider that hangs must not keep the process from ending.
        threading.Thread(target=work, args=(counter, what), name=f"channel-{name}", daemon=True).start()

    def _work(self, counter: _Counter, delivery: Delivery) -> None:
        passed = False

        def point() -> None:
            nonlocal passed
            self._point(delivery.id)
            passed = True

        try:
            known = unfit(counter.channel, delivery) or _there_already(counter.channel, delivery)
            outcome = known or counter.channel.send(delivery, point)
        except CancelledTryError as error:
            outcome = Retry(str(error))
        except Exception as error:  # noqa: BLE001 - a channel that breaks must not take its worker with it
            broke = f"the channel {delivery.channel} broke: {type(error).__name__}: {error}"
            outcome = counter.channel.perhaps(broke) if passed else Rejected(broke, "channel_broke")
        if counter.over(outcome):
            counter.channel.close()
        self._put(Answer(delivery.id, outcome))

    def _work_together(self, counter: _Counter, deliveries: list[Delivery]) -> None:
        passed: set[str] = set()

        def points(some: Sequence[Delivery]) -> Sequence[Delivery]:
            allowed = self._points(some)
            passed.update(one.id for one in allowed)
            return allowed

        try:
            given = counter.channel.send_many(deliveries, points)
            outcomes = [outcome for _, outcome in zip(deliveries, given, strict=True)]
        except CancelledTryError as error:
            outcomes = [Retry(str(error))] * len(deliveries)
        except Exception as error:  # noqa: BLE001 - a channel that breaks must not take its worker with it
            broke = f"the channel {counter.channel.channel.name} broke: {type(error).__name__}: {error}"
            outcomes = [
                counter.channel.perhaps(broke) if one.id in passed else Rejected(broke, "channel_broke")
                for one in deliveries
            ]
        if counter.over(*outcomes):
            counter.channel.close()
        for delivery, outcome in zip(deliveries, outcomes, strict=True):
            self._put(Answer(delivery.id, outcome))

    def _points(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Those that may go, once that is on disk; their marks share one transaction. Raises CancelledTryError."""
        if self._closed:
            raise CancelledTryError("the daemon ended before it was sent")
        marks = [Mark(one.id) for one in deliveries]
        for mark in marks:
            self.mailbox.put(mark)
        self._wake.set()
        for mark in marks:
            mark.done.wait()
        return [one for one, mark in zip(deliveries, marks, strict=True) if not mark.refused]

    def _point(self, delivery_id: str) -> None:
        if self._closed:
            raise CancelledTryError("the daemon ended before it was sent")
        mark = Mark(delivery_id)
        self._put(mark)
        mark.done.wait()
        if mark.refused:
            raise CancelledTryError("called off before it was sent")

    def _put(self, letter: Letter) -> None:
        self.mailbox.put(letter)
        self._wake.set()

    def letters(self) -> list[Letter]:
        """Everything in the mailbox."""
        found: list[Letter] = []
        while True:
            try:
                letter = self.mailbox.get_nowait()
            except queue.Empty:
                return found
            if isinstance(letter, Answer) or (isinstance(letter, Said) and letter.asked):
                self.in_flight -= 1
            found.append(letter)

    def ask(self, delivery: Delivery) -> Delivered | Unaskable | None:
        """After a crash: does the provider have it?"""
        try:
            return self.counter(delivery.channel).channel.ask(delivery)
        except Exception:  # noqa: BLE001 - a channel that breaks has not said anything
            return Unaskable()

    def answers_after(self, name: str) -> int | None:
        """Milliseconds after a try from which on the channel's provider can be asked for it; None where it cannot."""
        return self.counter(name).channel.answers_after

    def ask_aside(self, delivery: Delivery) -> None:
        """Asks the provider in a thread of its own; what it says comes into the mailbox."""
        self.in_flight += 1
        threading.Thread(
            target=lambda: self._put(Said(delivery.id, delivery.channel, self.ask(delivery))),
            name=f"ask-{delivery.channel}", daemon=True,
        ).start()  # fmt: skip

    def hear(self, delivery_id: str, channel: str, answer: Delivered) -> None:
        """A provider reports of its own that it had the delivery; from any thread."""
        self._put(Said(delivery_id, channel, answer, asked=False))

    def close(self) -> None:
        """Closes the channels. Workers that are still busy are left behind: no mark of theirs is answered any more."""
        self._closed = True
        for counter in self._counters.values():
            counter.retire()


def unfit(channel: ChannelType, delivery: Delivery) -> Rejected | None:
    """Why such a message is none for this channel: a text for a customer is not for the team's own room."""
    if "*" in channel.kinds or delivery.kind in channel.kinds:
        return None
    takes = " and ".join(channel.kinds)
    because = f"the channel {delivery.channel} ({channel.type}) takes {takes}, no {delivery.kind}"
    return Rejected(because, "wrong_kind", undeliverable=True)


def _there_already(channel: ChannelType, delivery: Delivery) -> Delivered | None:
    """Before another try of what may have been sent: what the provider says, where it can be asked, if it has it."""
    if delivery.attempts <= 1 or channel.answers_after is None or channel.channel.on_unknown != "resend":
        return None
    found = channel.ask(replace(delivery, tried_at=None))  # whichever try it was
    return found if isinstance(found, Delivered) else None


class UnusableChannel(ChannelType):
    """In the place of a channel that cannot be made: its messages wait for somebody to mend it, as `retry` says."""

    type: ClassVar[str] = ""
    kinds: ClassVar[tuple[str, ...]] = ("*",)

    def __init__(self, channel: Channel, context: ChannelContext, because: str) -> None:
        super().__init__(channel, context)
        self._because = because

    def send(self, delivery: Delivery, point: Callable[[], None]) -> Outcome:
        """Always Retry; nothing is sent."""
        return Retry(f"the channel {self.channel.name} cannot be used: {self._because}")


class _Counter:
    """One channel's workers, and how fast they may go."""

    def __init__(
        self, channel: Channel, made: ChannelType, now: Callable[[], int] = monotonic_ms,
        wall: Callable[[], int] = monotonic_ms,
    ) -> None:  # fmt: skip
        self.channel = made
        self._wall = wall
        self._paused_until = 0
        self._workers = channel.concurrency
        self._rate = channel.rate
        self._now = now
        self._busy = 0
        self._retired = False
        self._lock = threading.Lock()
        self._recent: deque[int] = deque()

    def room(self) -> int:
        with self._lock:
            free = self._workers - self._busy
        if self.pause_left():
            return 0
        if self.channel.batch > 1:
            # One batch at a time: what is added and what is removed again must not overtake each other.
            return self.channel.batch if free == self._workers and self.wait() is None else 0
        if self._rate is None:
            return free
        count, span = self._rate
        self._forget(span)
        return min(free, count - len(self._recent))

    def pause_left(self) -> int:
        """Milliseconds of a pause that the service asked for."""
        left = self._paused_until - self._wall()
        return left if 0 < left <= DAY else 0  # more than was asked for: the clock was turned back

    def wait(self) -> int | None:
        """Milliseconds until a pause or the rate lets the next one through; None when they do not hold it up."""
        left = self.pause_left()
        if self._rate is None:
            return left or None
        count, span = self._rate
        self._forget(span)
        held = 0 if len(self._recent) < count else self._recent[0] + span - self._now()
        return max(left, held) or None

    def _forget(self, span: int) -> None:
        while self._recent and self._recent[0] <= self._now() - span:
            self._recent.popleft()

    def took(self) -> None:
        with self._lock:
            self._busy += 1
        if self._rate is not None:
            self._recent.append(self._now())

    def over(self, *outcomes: Outcome) -> bool:
        """One is done; True when it was the last of a channel that is no longer used.

        A pause that the service asked for begins before there is room for the next one.
        """
        wishes = [one.after for one in outcomes if isinstance(one, Retry) and one.after is not None]
        with self._lock:
            if wishes and self.channel.one_service:
                self._paused_until = max(self._paused_until, self._wall() + max(wishes))
            self._busy -= 1
            return self._retired and self._busy == 0

    def retire(self) -> None:
        """Lets what is being sent finish, then closes the channel."""
        with self._lock:
            self._retired = True
            idle = self._busy == 0
        if idle:
            self.channel.close()
