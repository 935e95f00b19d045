"""Sends a text message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions._recipients import CUSTOMER, PHONE, has_customer, reach
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, End, NotSent, Result, Send
from stageauto.engine.gsm import encoding, segments
from stageauto.engine.options import Builder, Choice, NameOption, Plain, RecipientsOption, TextOption, option

if TYPE_CHECKING:
    from stageauto.engine.options import Recipient
    from stageauto.engine.templates import Text


@dataclass(frozen=True, slots=True)
class SendSms(Action):
    """Sends a text message (SMS) to the customer, to staff or to a number.

    Of several contacts the first is written to, and where there is no contact, the company. `type` and `pick` choose
    among a customer's phones. A text may be at most `max_length` characters long: `validate` checks what stands there
    for sure, and what came of the template is checked before it goes out. How many messages it is paid as, and in
    which encoding, stands in `results['rule-id'].segments` and `.encoding`.

    `undeliverable`, and nothing is sent: there is no phone of that type (`no_address`), a number is malformed
    (`bad_address`), the text is too long (`too_long`) or empty (`no_text`). Whoever is on the exceptions list or has
    opted out is `suppressed`; in quiet hours it waits for their end.

    Example:
        id: appointment-sms
        do: send_sms
        when: {before: meeting_at, by: 2h}
        with:
          to: customer
          type: mobile
          text: "We meet at {{ item.meeting_at | time }}. {{ vars.company }}"
    """

    kind: ClassVar[str] = "send_sms"
    group: ClassVar[str] = "customer"
    outer: ClassVar[bool] = True
    message: ClassVar[str] = "sms"

    text: Text = option(TextOption(), "The text.")
    to: tuple[Recipient, ...] = option(RecipientsOption(), "Who gets it.", CUSTOMER)
    type: str = option(Plain(), "Which of the customer's phones: auto (any), work, private, mobile, ...", "auto")
    pick: str = option(Choice(("first", "last")), "The first or the last phone of that type.", "first")
    channel: str = option(NameOption("channel", kind="sms"), "The channel it leaves by.", "sms")
    max_length: int = option(Plain("integer", 1, 1600), "The most characters it may have.", 200)

    def check(self, builder: Builder) -> None:
        fixed = len(self.text.fixed.strip("\r\n"))
        if fixed > self.max_length:
            builder.fault(
                "text-too-long",
                f"the text has {fixed} characters without its values; at most {self.max_length} are allowed",
                ("text",),
                hint="shorten it, or set `max_length`",
            )

    def to_customer(self) -> bool:
        return has_customer(self.to)

    def plan(self, context: Context) -> Sequence[Effect]:
        text = context.words(self.text).strip()  # the line end of a block in YAML is no part of the message
        if not text:
            return [End("undeliverable", "no_text", "the text is empty")]
        if len(text) > self.max_length:
            because = f"the text has {len(text)} characters, at most {self.max_length} are allowed"
            return [End("undeliverable", "too_long", because, {"length": len(text), "max_length": self.max_length})]
        effects: list[Effect] = []
        for one in reach(context, self.to, PHONE, self.type, self.pick):
            if isinstance(one, NotSent):
                effects.append(one)
            else:
                message = {"to": one.to, "text": text}
                effects.append(Send("sms", self.channel, one.to, message, one.contact, one.addresses))
        return [*effects, Result({"segments": segments(text), "encoding": encoding(text)})]
