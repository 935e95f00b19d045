"""The channel `live_chat`: the chat on a page of our own listener."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from stageauto.channels.base import ChannelType, Delivered, Outcome
from stageauto.engine.options import Plain, option
from stageauto.engine.state import Delivery


@dataclass(frozen=True, slots=True)
class LiveChatOptions:
    """The options of a `live_chat` channel."""

    title: str = option(Plain(), "the heading of the chat's page", default="Chat with us")
    greeting: str = option(Plain(), "what the customer reads first", default="How can we help?")


class LiveChatChannel(ChannelType):
    """Answers customers in the chat at `/chat` of the listener: a line is theirs to read as soon as it is recorded.

    Nothing leaves the machine here: the customer's page fetches the lines of its chat from the state. So a line stands
    there exactly once, whenever the process dies.

    Example:
        chat:
          type: live_chat
          title: Chat with Acme
          greeting: "Hello! What can we do for your roof?"
    """

    type: ClassVar[str] = "live_chat"
    kinds: ClassVar[tuple[str, ...]] = ("chat",)
    options: ClassVar[Any] = LiveChatOptions
    on_unknown: ClassVar[str] = "resend"

    def send(self, delivery: Delivery, point: Callable[[], None]) -> Outcome:
        """Delivered: the line is kept together with this outcome."""
        point()
        return Delivered({"chat": delivery.to})

    def ask(self, delivery: Delivery) -> None:
        """Certainly not shown: the line is written with the outcome, and there is none yet."""
        return
