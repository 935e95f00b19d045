"""Sends a WhatsApp template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from stageauto.actions._recipients import CUSTOMER, PHONE, has_customer, reach
from stageauto.actions._values import one_line
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, NotSent, Send
from stageauto.engine.options import (
    Builder,
    Choice,
    Json,
    ListOption,
    MapOption,
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
class ParamsOption:
    """A template's parameters: a list of texts, or texts by name."""

    def schema(self) -> Json:
        return {"anyOf": [ListOption(TextOption()).schema(), MapOption(TextOption()).schema()]}

    def build(self, raw: Any, builder: Builder) -> Any:
        return (MapOption if isinstance(raw, dict) else ListOption)(TextOption()).build(raw, builder)


@dataclass(frozen=True, slots=True)
class SendWhatsapp(Action):
    """Sends a WhatsApp message to the customer, to staff or to a number.

    WhatsApp takes only templates that it has approved: `template` is the name under which it knows one, `params` are
    the values for its gaps. There is no free text.

    `undeliverable`, and nothing is sent: there is no phone of that type (`no_address`), a number is malformed
    (`bad_address`). Whoever is on the exceptions list or has opted out is `suppressed`; in quiet hours it waits for
    their end.

    Example:
        id: whatsapp-shipped
        do: send_whatsapp
        if: item.tracking_no
        with:
          template: order_shipped
          language: en
          params: ["{{ item.order_no }}", "{{ item.tracking_no }}"]
    """

    kind: ClassVar[str] = "send_whatsapp"
    group: ClassVar[str] = "customer"
    outer: ClassVar[bool] = True
    message: ClassVar[str] = "whatsapp"

    template: str = option(Plain(), "The name of the template that WhatsApp has approved.")
    params: tuple[Text, ...] | dict[str, Text] = option(ParamsOption(), "The values for its gaps.", ())
    language: Text | None = option(TextOption(), "The language of the template; default: the contact's.", None)
    to: tuple[Recipient, ...] = option(RecipientsOption(), "Who gets it.", CUSTOMER)
    type: str = option(Plain(), "Which of the customer's phones: auto (any), work, private, mobile, ...", "auto")
    pick: str = option(Choice(("first", "last")), "The first or the last phone of that type.", "first")
    channel: str = option(NameOption("channel", kind="whatsapp"), "The channel it leaves by.", "whatsapp")

    def to_customer(self) -> bool:
        return has_customer(self.to)

    def plan(self, context: Context) -> Sequence[Effect]:
        message = {
            "template": self.template,
            "params": self._params(context),
            "language": self._language(context),
        }
        return [
            one
            if isinstance(one, NotSent)
            else Send("whatsapp", self.channel, one.to, {"to": one.to, **message}, one.contact, one.addresses)
            for one in reach(context, self.to, PHONE, self.type, self.pick)
        ]

    def _params(self, context: Context) -> list[str] | dict[str, str]:
        """On one line each: WhatsApp refuses parameters with line ends, tabs or many spaces."""
        if isinstance(self.params, dict):
            return {name: one_line(context.words(one)) for name, one in self.params.items()}
        return [one_line(context.words(one)) for one in self.params]

    def _language(self, context: Context) -> str:
        if self.language is not None:
            return context.words(self.language).strip()
        contact = context.contact()
        return contact.language if contact else ""
