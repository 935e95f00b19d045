"""Calls somebody and speaks, or plays a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from stageauto.actions._recipients import CUSTOMER, PHONE, has_customer, is_phone, reach
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, End, NotSent, Send
from stageauto.engine.options import (
    Builder,
    Choice,
    GroupOption,
    NameOption,
    Plain,
    RecipientsOption,
    TextOption,
    option,
)

if TYPE_CHECKING:
    from stageauto.engine.options import Recipient
    from stageauto.engine.templates import Text


@dataclass(frozen=True, slots=True)
class Say:
    """What a voice reads out."""

    text: Text = option(TextOption(), "What is said.")
    voice: str = option(Plain(), "The provider's name of the voice.", "")
    language: str = option(Plain(), "The language, such as pl-PL.", "")
    volume: float | None = option(
        Plain("number", 0, 100), "How loud, 0 to 100: 100 is as loud as the voice is by itself.", None
    )
    speed: float | None = option(Plain("number", 0.25, 4), "How fast: 1 is normal, 2 twice as fast.", None)


@dataclass(frozen=True, slots=True)
class MakeCall(Action):
    """Calls the customer, staff or a number, and reads a text out or plays a recording.

    Give `say` or `play`, one of them and only one. `from` is the number that the called one sees. How the call went
    (answered, busy, no answer) comes later as the event `call.finished`.

    `undeliverable`, and nobody is called: there is no phone of that type (`no_address`), a number is malformed
    (`bad_address`), there is nothing to say (`no_text`). `failed`: `play` is no https address, or `from` no number
    (`bad_value`).

    Example:
        id: delivery-call
        do: make_call
        when: {before: delivery_date, by: 1d, time: "10:00"}
        with:
          from: "+48 22 100 20 30"
          say: {text: "Your order {{ item.order_no }} comes tomorrow.", language: en-GB}
    """

    kind: ClassVar[str] = "make_call"
    group: ClassVar[str] = "customer"
    outer: ClassVar[bool] = True
    message: ClassVar[str] = "call"

    from_: Text | None = option(TextOption(), "The number that the called one sees; default: the channel's.", None)
    say: Say | None = option(GroupOption(Say), "A text that a voice reads out.", None)
    play: Text | None = option(TextOption(), "The https address of a recording to play.", None)
    to: tuple[Recipient, ...] = option(RecipientsOption(), "Who is called.", CUSTOMER)
    type: str = option(Plain(), "Which of the customer's phones: auto (any), work, private, mobile, ...", "auto")
    pick: str = option(Choice(("first", "last")), "The first or the last phone of that type.", "first")
    channel: str = option(NameOption("channel", kind="call"), "The channel it goes by.", "call")

    def check(self, builder: Builder) -> None:
        if (self.say is None) == (self.play is None):
            wrong = "neither `say` nor `play` is given" if self.say is None else "`say` and `play` are both given"
            builder.fault("choose-one", wrong, hint="write one of them and only one")
        if self.play is not None and self.play.constant and not _playable(self.play.fixed):
            builder.fault("bad-url", f"`{self.play.fixed}` is no https address", ("play",))

    def to_customer(self) -> bool:
        return has_customer(self.to)

    def plan(self, context: Context) -> Sequence[Effect]:
        message = self._message(context)
        if isinstance(message, End):
            return [message]
        return [
            one
            if isinstance(one, NotSent)
            else Send("call", self.channel, one.to, {"to": one.to, **message}, one.contact, one.addresses)
            for one in reach(context, self.to, PHONE, self.type, self.pick)
        ]

    def _message(self, context: Context) -> dict[str, Any] | End:
        caller = context.words(self.from_).strip()
        if caller and not is_phone(caller):
            return End("failed", "bad_value", f"`from` is no phone number: `{caller}`")
        if self.say is None:
            url = context.words(self.play).strip()
            if not _playable(url):
                return End("failed", "bad_value", f"`play` is no https address: `{url}`")
            return {"from": caller, "play": url}
        text = context.words(self.say.text).strip()
        if not text:
            return End("undeliverable", "no_text", "there is nothing to say")
        say = {name: getattr(self.say, name) for name in ("voice", "language", "volume", "speed")}
        return {
            "from": caller,
            "say": {"text": text} | {name: one for name, one in say.items() if one not in (None, "")},
        }


def _playable(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and url.isprintable() and " " not in url
