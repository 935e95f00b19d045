"""Sends an e-mail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from stageauto.actions._files import FilesMissingError, attachments
from stageauto.actions._html_text import html_to_text
from stageauto.actions._recipients import (
    CUSTOMER,
    MAIL,
    Reached,
    has_customer,
    mailbox_address,
    reach,
)
from stageauto.actions._sender import Sender, sender_of
from stageauto.actions._tracking import track
from stageauto.actions._values import one_line
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, End, NotSent, Send
from stageauto.engine.options import (
    AttachmentsOption,
    Builder,
    Choice,
    FileOption,
    Json,
    NameOption,
    Plain,
    RecipientsOption,
    TextOption,
    option,
)

if TYPE_CHECKING:
    from stageauto.engine.options import Attachment, Recipient
    from stageauto.engine.templates import Text


@dataclass(frozen=True, slots=True)
class BodyFile:
    """A compiled file under templates/; `.html` and `.htm` files are HTML bodies."""

    text: Text
    html: bool


@dataclass(frozen=True, slots=True)
class BodyFileOption:
    """The name of a file under templates/ that is the whole body."""

    def schema(self) -> Json:
        return FileOption().schema()

    def build(self, raw: Any, builder: Builder) -> BodyFile:
        return BodyFile(FileOption().build(raw, builder), str(raw).endswith((".html", ".htm")))


@dataclass(frozen=True, slots=True)
class SendEmail(Action):
    """Sends an e-mail to the customer, to staff or to an address.

    It leaves from the mailbox of the user who is responsible for the item, so that the customer can answer a person;
    with `from: workspace` it leaves by the channel `mail`, with `from: NAME` by that channel. Each recipient gets a
    mail of their own; `cc` and `bcc` stand on the first one. Of several contacts the first is written to, and where
    there is no contact, the company. `type` and `pick` choose among a customer's addresses.

    Write the text under `body`, HTML under `html`, both, or keep the whole body in a file under templates/ and name it
    with `template`. A mail with HTML only gets a plain text made from it.

    `track_links`, `track_opens` and `unsubscribe` need `base_url` in stageauto.yaml and `run --listen`: each customer
    gets links of their own, `email.link_clicked` and `email.opened` tell when they are used, and one click in the mail
    program opts the customer out of mail (RFC 8058). Without `base_url` links stay as they are, and unsubscribing is
    by mail.

    `undeliverable`, and nothing is sent: nobody is responsible or they have no `mailbox` (`no_mailbox`), the customer
    has no address of that type (`no_address`), an address is malformed (`bad_address`), a file to attach is not there
    (`no_file`, `no_document`). Whoever is on the exceptions list or has opted out of mail is `suppressed`.

    Example:
        id: tracking-mail
        do: send_email
        if: item.tracking_no
        with:
          to: customer
          from: workspace
          subject: "Order {{ item.order_no }} is on its way"
          body: |
            Dear {{ contact.first_name }},
            follow your parcel with the number {{ item.tracking_no }}.
    """

    kind: ClassVar[str] = "send_email"
    group: ClassVar[str] = "customer"
    outer: ClassVar[bool] = True
    message: ClassVar[str] = "mail"

    subject: Text = option(TextOption(), "The subject line.")
    to: tuple[Recipient, ...] = option(RecipientsOption(), "Who gets it.", CUSTOMER)
    cc: tuple[Recipient, ...] = option(RecipientsOption(), "Who gets a copy that all see.", ())
    bcc: tuple[Recipient, ...] = option(RecipientsOption(), "Who gets a copy that nobody sees.", ())
    from_: str = option(
        NameOption("channel", also=("workspace", "responsible"), kind="mail"),
        "Where it leaves from: responsible (their mailbox), workspace (the channel `mail`) or a channel.",
        "responsible",
    )
    body: Text | None = option(TextOption(), "The text.", None)
    html: Text | None = option(TextOption(html=True), "The HTML; values in it are escaped.", None)
    template: BodyFile | None = option(BodyFileOption(), "A file under templates/ that is the body.", None)
    type: str = option(Plain(), "Which of the customer's addresses: auto (any), work, private, mailing, ...", "auto")
    pick: str = option(Choice(("first", "last")), "The first or the last address of that type.", "first")
    attach: tuple[Attachment, ...] = option(AttachmentsOption(), "Files to attach.", ())
    track_links: bool = option(Plain("boolean"), "Count clicks on its links.", default=False)
    track_opens: bool = option(Plain("boolean"), "Notice when it is opened.", default=False)
    unsubscribe: bool = option(Plain("boolean"), "Let the customer unsubscribe with one click.", default=False)

    def check(self, builder: Builder) -> None:
        bodies = self.body is not None or self.html is not None
        if bodies and self.template is not None:
            builder.fault(
                "choose-one", "`template` is the whole body", ("template",), hint="leave out `body` and `html`, or it"
            )
        elif not bodies and self.template is None:
            builder.fault("choose-one", "the mail has no body", hint="write `body`, `html` or `template`")
        self._check_tracking(builder)

    def _check_tracking(self, builder: Builder) -> None:
        for name in ("track_links", "track_opens"):
            if getattr(self, name) and not builder.reachable():
                message, hint = f"`{name}` does nothing without `base_url`", "set `base_url` in stageauto.yaml"
                builder.fault("no-base-url", message, (name,), hint=hint, severity="warning")
        if self.track_opens and self.html is None and (self.template is None or not self.template.html):
            message, hint = "only an HTML mail can say that it was opened", "give it `html` or an HTML `template`"
            builder.fault("no-effect", message, ("track_opens",), hint=hint, severity="warning")

    def to_customer(self) -> bool:
        return has_customer(self.to)

    def plan(self, context: Context) -> Sequence[Effect]:
        sender = sender_of(context, self.from_)
        if isinstance(sender, End):
            return [sender]
        try:
            base = self._message(context, sender)
        except FilesMissingError as error:
            return [End("undeliverable", error.code, str(error))]
        copies = [
            (name, one)
            for name, recipients in (("cc", self.cc), ("bcc", self.bcc))
            for one in reach(context, recipients, MAIL)
        ]
        effects: list[Effect] = []
        for one in reach(context, self.to, MAIL, self.type, self.pick):
            if isinstance(one, NotSent):
                effects.append(one)
            else:
                effects.append(_send(sender, base | track(context, base, one), one, copies))
                copies = []
        sent = any(isinstance(one, Send) for one in effects)
        return [*effects, *_unreached(self.cc + self.bcc, context)] if sent else effects

    def _message(self, context: Context, sender: Sender) -> dict[str, Any]:
        text, html = self._bodies(context)
        message: dict[str, Any] = {
            "from": one_line(sender.name),
            "subject": one_line(context.words(self.subject)),
            "text": text,
            "html": html,
            "attachments": attachments(context, self.attach),
            "headers": self._headers(context, sender),
        }
        asked = ("track_links", "track_opens", "unsubscribe")
        return message | {name: True for name in asked if getattr(self, name)}

    def _bodies(self, context: Context) -> tuple[str, str | None]:
        text, html = self.body, self.html
        if self.template is not None:
            text, html = (None, self.template.text) if self.template.html else (self.template.text, None)
        rendered = None if html is None else context.words(html)
        return html_to_text(rendered or "") if text is None else context.words(text), rendered

    def _headers(self, context: Context, sender: Sender) -> dict[str, str]:
        address = mailbox_address(context, sender.channel)
        if not self.unsubscribe or not MAIL.valid(address):
            return {}
        return {"List-Unsubscribe": f"<mailto:{address}?subject=unsubscribe>"}


def _send(sender: Sender, base: dict[str, Any], one: Reached, copies: Sequence[tuple[str, Reached | NotSent]]) -> Send:
    there = [(name, copy) for name, copy in copies if isinstance(copy, Reached)]
    message = base | {
        "to": one.to,
        "cc": [copy.to for name, copy in there if name == "cc"],
        "bcc": [copy.to for name, copy in there if name == "bcc"],
    }
    customers = tuple((copy.to, copy.contact, copy.addresses) for _, copy in there if copy.contact or copy.addresses)
    return Send("mail", sender.channel, one.to, message, one.contact, one.addresses, customers)


def _unreached(copies: Sequence[Recipient], context: Context) -> list[NotSent]:
    """Why somebody got no copy; the mail itself went out."""
    return [one for one in reach(context, copies, MAIL) if isinstance(one, NotSent)]
