"""Writes into the customer's chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions._files import FilesMissingError, attachments
from stageauto.actions._recipients import who
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, End, Send
from stageauto.engine.options import AttachmentsOption, NameOption, Plain, TextOption, option

if TYPE_CHECKING:
    from stageauto.engine.options import Attachment
    from stageauto.engine.templates import Text


@dataclass(frozen=True, slots=True)
class SendChat(Action):
    """Writes into the chat that the customer opened last.

    With `hidden: true` only staff sees it there: a note beside the conversation.

    `undeliverable`, and nothing is written: the customer never opened a chat (`no_chat`), the text is empty
    (`no_text`), a file to attach is not there (`no_file`, `no_document`). Whoever is on the exceptions list or has
    opted out of chats is `suppressed`, but for hidden notes.

    Example:
        id: chat-thanks
        do: send_chat
        with:
          text: "Thank you, {{ contact.first_name }}! {{ responsible.name }} answers within an hour."
    """

    kind: ClassVar[str] = "send_chat"
    group: ClassVar[str] = "customer"
    outer: ClassVar[bool] = True
    message: ClassVar[str] = "chat"

    text: Text = option(TextOption(), "The text.")
    attach: tuple[Attachment, ...] = option(AttachmentsOption(), "Files to attach.", ())
    hidden: bool = option(Plain("boolean"), "Only staff sees it.", default=False)
    channel: str = option(NameOption("channel", also=("chat",)), "The channel it goes by.", "chat")

    def to_customer(self) -> bool:
        return not self.hidden

    def plan(self, context: Context) -> Sequence[Effect]:
        contact = context.contact()
        chat = contact.chats[-1]["value"] if contact and contact.chats else ""
        if contact is None or not chat:
            whom = who(contact) if contact else "the item has no contact"
            return [End("undeliverable", "no_chat", f"no chat was ever opened: {whom}")]
        text = context.words(self.text)
        if not text.strip() and not self.attach:
            return [End("undeliverable", "no_text", "the text is empty")]
        try:
            files = attachments(context, self.attach)
        except FilesMissingError as error:
            return [End("undeliverable", error.code, str(error))]
        message = {"to": chat, "text": text, "attachments": files, "hidden": self.hidden}
        if self.hidden:
            return [Send("chat", self.channel, chat, message)]
        return [Send("chat", self.channel, chat, message, contact.id, (chat,))]
