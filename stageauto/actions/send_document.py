"""Sends a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions import _documents as documents
from stageauto.actions._files import document_file
from stageauto.actions._recipients import CUSTOMER, has_customer
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import DocumentSent, Effect, End, Send
from stageauto.engine.options import Builder, Choice, NameOption, Plain, RecipientsOption, TextOption, option

if TYPE_CHECKING:
    from stageauto.engine.options import Recipient
    from stageauto.engine.templates import Text


@dataclass(frozen=True, slots=True)
class SendDocument(Action):
    """Sends the item's document by mail or SMS, as a personal link, or as a file with `attach: true`.

    By the link the customer reads the document and keeps a copy; `document.opened` tells when. `document` is `latest`
    or the name of a template without its ending (`offer` for offer.html): the newest of it goes. In texts of your own
    the link is `{{ document.link }}`; links need `base_url` in stageauto.yaml and `run --listen`.

    `undeliverable`, and nothing is sent: the item has no such document (`no_document`), there is no `base_url`
    (`no_link`), no address or mailbox, as for `send_email` and `send_sms`.

    Example:
        id: offer-goes-out
        do: send_document
        after: previous
        with:
          document: offer
          subject: "Your offer {{ document.number }}"
          text: |
            Dear {{ contact.first_name }},
            here is our offer: {{ document.link }}
    """

    kind: ClassVar[str] = "send_document"
    group: ClassVar[str] = "documents"
    outer: ClassVar[bool] = True
    message: ClassVar[str] = "mail"

    document: str = option(Plain(), "latest, or the name of a template.", "latest")
    by: str = option(Choice(("mail", "sms")), "How it goes.", "mail")
    attach: bool = option(Plain("boolean"), "As a file in the mail, instead of a link.", default=False)
    to: tuple[Recipient, ...] = option(RecipientsOption(), "Who gets it.", CUSTOMER)
    type: str = option(Plain(), "Which of the customer's addresses: auto (any), work, private, ...", "auto")
    pick: str = option(Choice(("first", "last")), "The first or the last address of that type.", "first")
    from_: str = option(
        NameOption("channel", also=("workspace", "responsible"), kind="mail"),
        "Where a mail leaves from: responsible (their mailbox), workspace (the channel `mail`) or a channel.",
        "responsible",
    )
    channel: str | None = option(NameOption("channel", kind="sms"), "The channel an SMS leaves by.", None)
    subject: Text | None = option(TextOption(), "The mail's subject; default: its name and number.", None)
    text: Text | None = option(TextOption(), "The text, with {{ document.link }}.", None)
    html: Text | None = option(TextOption(html=True), "The mail as HTML, with {{ document.link }}.", None)

    def check(self, builder: Builder) -> None:
        if self.attach and self.by == "sms":
            builder.fault(
                "choose-one", "an SMS carries no file", ("attach",), hint="leave out `attach`, or send by mail"
            )
        if not self.attach:
            documents.needs_link(builder, self.text, html=self.html)

    def message_kind(self) -> str:
        return self.by

    def to_customer(self) -> bool:
        return has_customer(self.to)

    def plan(self, context: Context) -> Sequence[Effect]:
        document = documents.meant(context, self.document)
        if isinstance(document, End):
            return [document]
        files = [document_file(context, self.document)] if self.attach else []
        letter = documents.Letter(
            self.by, self.channel if self.by == "sms" else None, self.from_, self.type, self.pick, self.subject,
            self.text, self.html, files,
        )  # fmt: skip
        found = documents.send(context, document, letter, self.to, asks=False, linked=not self.attach)
        sent = any(isinstance(one, Send) for one in found)
        return [*([DocumentSent(document.id)] if sent else []), *found]
