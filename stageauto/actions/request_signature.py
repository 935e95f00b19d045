"""Asks for signatures under a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from stageauto.actions import _documents as documents
from stageauto.actions._recipients import CUSTOMER, Reached, who
from stageauto.actions._values import failed, person
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import AskToSign, DocumentSent, Effect, End, Notify, Send
from stageauto.engine.options import Builder, Choice, NameOption, Plain, TextOption, option

if TYPE_CHECKING:
    from stageauto.engine.state import Document
    from stageauto.engine.templates import Text


@dataclass(frozen=True, slots=True)
class RequestSignature(Action):
    """Asks the customer, somebody of the staff, or both to sign the item's document.

    The customer gets a personal link by mail or SMS: a page on which they read the document and sign it, by hand with
    finger or mouse, or by typing their name. `sender` is the user who signs for you; they are told in `stageauto inbox`
    and through their own notification channels, and sign by `stageauto sign` or a personal link of theirs.

    Each signature is an event (`document.signed_by_recipient`, `document.signed_by_sender`), and when all who were
    asked have signed comes `document.signed_by_all`: from then on the document's file, in the item's field as well, is
    the signed PDF, with a page that says who signed when and how, and sealed with the workspace's certificate.

    The rule is done when the request went out; use `wait` or a trigger for the signature. `undeliverable`: there is no
    such document (`no_document`), no `base_url` (`no_link`), no customer or no address. `failed`: it is signed already
    (`already_signed`), or `sender` is nobody.

    Example:
        id: please-sign
        do: request_signature
        after: previous
        with:
          document: contract
          sender: responsible
          subject: "Please sign {{ document.name }}"
          text: "Dear {{ contact.first_name }}, please read and sign: {{ document.link }}"
    """

    kind: ClassVar[str] = "request_signature"
    group: ClassVar[str] = "documents"
    outer: ClassVar[bool] = True
    message: ClassVar[str] = "mail"

    document: str = option(Plain(), "latest, or the name of a template.", "latest")
    sender: Any = option(
        NameOption("user", templated=True, also=("responsible", "manager")), "The user who signs for you.", None
    )
    recipient: bool = option(Plain("boolean"), "Whether the customer signs.", default=True)
    by: str = option(Choice(("mail", "sms")), "How the customer is asked.", "mail")
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
        if self.recipient:
            documents.needs_link(builder, self.text, html=self.html)
        elif self.sender is None:
            builder.fault("choose-one", "nobody is asked to sign", hint="name the `sender`, or leave out `recipient`")
        documents.needs(builder, "pyhanko", "request_signature")

    def message_kind(self) -> str:
        return self.by if self.recipient else ""

    def to_customer(self) -> bool:
        return self.recipient

    def plan(self, context: Context) -> Sequence[Effect]:
        document = documents.meant(context, self.document)
        if isinstance(document, End):
            return [document]
        if document.signed_at is not None:
            name = f"{document.name} {document.number}"
            return [failed(f"{name} is signed by all who were asked", "already_signed")]
        customer = self._ask_recipient(context, document)
        if isinstance(customer, End):
            return [customer]
        staff = self._ask_sender(context, document)
        if isinstance(staff, End):
            return [staff]
        return [AskToSign(document.id, [*staff[0], *customer[0]]), *staff[1], *customer[1]]

    def _ask_sender(self, context: Context, document: Document) -> tuple[list[Mapping[str, Any]], list[Effect]] | End:
        if self.sender is None:
            return [], []
        found = person(context, self.sender, "sender")
        user = context.workspace.users.get(found) if isinstance(found, str) else None
        if user is None:
            return (
                found if isinstance(found, End) else failed("nobody is there to sign: `sender` is no user", "no_user")
            )
        url = documents.link(context, document, Reached(user.email, user=user.id))
        place = f"`stageauto sign {document.id}`" + (f" or {url}" if url else "")
        text = f"Please sign {document.name} {document.number}: {place}"
        party = {"role": "sender", "who": user.id, "name": user.name, "email": user.email}
        return [party], [Notify([user.id], text)]

    def _ask_recipient(
        self, context: Context, document: Document
    ) -> tuple[list[Mapping[str, Any]], list[Effect]] | End:
        if not self.recipient:
            return [], []
        contact = context.contact()
        if contact is None:
            return End("undeliverable", "no_address", "nobody to sign: the item has no contact")
        letter = documents.Letter(
            self.by, self.channel if self.by == "sms" else None, self.from_, self.type, self.pick, self.subject,
            self.text, self.html,
        )  # fmt: skip
        found = documents.send(context, document, letter, CUSTOMER, asks=True)
        unsent = [one for one in found if not isinstance(one, Send)]
        if unsent:
            one = unsent[0]
            return End(one.outcome, one.code, one.because)
        email = next((one["value"] for one in contact.emails), "")
        party = {"role": "recipient", "who": contact.id, "name": who(contact), "email": email}
        return [party], [DocumentSent(document.id), *found]
