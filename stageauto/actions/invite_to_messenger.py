"""Invites the customer to a messenger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions._recipients import CUSTOMER, PHONE, reach
from stageauto.engine.action import Action, Context
from stageauto.engine.chats import INVITATION
from stageauto.engine.effects import Effect, End, Invited, NotSent, Result, Send
from stageauto.engine.options import Builder, Choice, NameOption, Plain, TextOption, option

if TYPE_CHECKING:
    from stageauto.engine.templates import Text

_LINK = "https://t.me/{bot}?start={token}"
_TOKEN, _SHORTEST_BOT = 43, 5
_LINK_AT_LEAST = len(_LINK.format(bot="", token="")) + _TOKEN + _SHORTEST_BOT


@dataclass(frozen=True, slots=True)
class InviteToMessenger(Action):
    """Invites the customer to write in Telegram: a text message (SMS) with a personal link to your bot.

    The link stands behind the text. When the customer follows it and presses Start, the chat is tied to this item and
    to the contact who was invited (`chat.started`), and `send_chat` writes there from then on. A link opens one chat
    only. `messenger` is a `telegram` channel whose option `bot` is the bot's name; `channel` sends the SMS.

    `undeliverable`, and nothing is sent: the messenger's channel names no bot (`no_bot`), there is no contact or no
    phone of that type (`no_address`), the number is malformed (`bad_address`), the text is too long together with its
    link (`too_long`). Whoever is on the exceptions list or has opted out of SMS is `suppressed`; in quiet hours it
    waits for their end.

    Example:
        id: invite
        do: invite_to_messenger
        with:
          messenger: messenger
          text: "{{ contact.first_name }}, you reach us in Telegram, too:"
    """

    kind: ClassVar[str] = "invite_to_messenger"
    group: ClassVar[str] = "customer"
    outer: ClassVar[bool] = True
    message: ClassVar[str] = "sms"

    text: Text = option(TextOption(), "The text before the link.")
    messenger: str = option(
        NameOption("channel", kind="chat"),
        "The channel of the messenger into which it invites.",
        "chat",
    )
    type: str = option(Plain(), "Which of the customer's phones: auto (any), work, private, mobile, ...", "auto")
    pick: str = option(Choice(("first", "last")), "The first or the last phone of that type.", "first")
    channel: str = option(NameOption("channel", kind="sms"), "The channel that sends the text message.", "sms")
    max_length: int = option(Plain("integer", 1, 1600), "The most characters it may have, with the link.", 200)

    def check(self, builder: Builder) -> None:
        fixed = len(self.text.fixed) + 1 + _LINK_AT_LEAST
        if fixed > self.max_length:
            builder.fault(
                "text-too-long",
                f"the text and the link have {fixed} characters at least; at most {self.max_length} are allowed",
                ("text",),
                hint="shorten it, or set `max_length`",
            )

    def to_customer(self) -> bool:
        return True

    def plan(self, context: Context) -> Sequence[Effect]:
        messenger = context.workspace.channel(self.messenger)
        bot = str(messenger.options.get("bot") or "").removeprefix("@")
        if messenger.type != "telegram" or not bot:
            because = f"the channel {messenger.name} ({messenger.type}) names no `bot` of Telegram to write to"
            return [End("undeliverable", "no_bot", because)]
        contact = context.contact()
        if contact is None:
            return [End("undeliverable", "no_address", "no phone number: the item has no contact")]
        (one,) = reach(context, CUSTOMER, PHONE, self.type, self.pick)
        if isinstance(one, NotSent):
            return [one]
        token = context.token(INVITATION, contact.id, channel=messenger.name)
        text = f"{context.words(self.text).strip()} {_LINK.format(bot=bot, token=token)}".strip()
        if len(text) > self.max_length:
            because = f"the text has {len(text)} characters with its link, at most {self.max_length} are allowed"
            return [End("undeliverable", "too_long", because, {"length": len(text), "max_length": self.max_length})]
        return [
            Send("sms", self.channel, one.to, {"to": one.to, "text": text}, one.contact, one.addresses),
            Invited(one.to, bot),
            Result({"bot": bot}),
        ]
