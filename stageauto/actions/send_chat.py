"""Writes into the customer's chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions._files import FilesMissingError, attachments
from stageauto.actions._recipients import who
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import ChatNote, Effect, End, Send
from stageauto.engine.options import AttachmentsOption, NameOption, Plain, TextOption, option

if TYPE_CHECKING:
    from stageauto.engine.options import Attachment
    from stageauto.engine.templates import Text


@dataclass(frozen=True, slots=True)
class SendChat(Action):
    """Writes into the chat that the customer opened last, through the channel by which that came.

    With `hidden: true` only staff sees it: a note in the item's history and in `chat show`, that is never sent. No chat
    needs to be open for it.

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
    channel: str | None = option(
        NameOption("channel", kind="chat"),
        "The channel it goes by; default: the one by which the chat came.",
        None,
    )

    def to_customer(self) -> bool:
        return not self.hidden

    def plan(self, context: Context) -> Sequence[Effect]:
        contact = context.contact()
        opened = _last(context, contact.chats) if contact else None
        if (contact is None or opened is None) and not self.hidden:
            whom = who(contact) if contact else "the item has no contact"
            return [End("undeliverable", "no_chat", f"no chat was ever opened: {whom}")]
        text = context.words(self.text).strip()
        if not text and not self.attach:
            return [End("undeliverable", "no_text", "the text is empty")]
        try:
            files = attachments(context, self.attach)
        except FilesMissingError as error:
            return [End("undeliverable", error.code, str(error))]
        if contact is None or opened is None or self.hidden:  # nothing goes out, so nothing has to be open
            return [ChatNote(opened["value"] if opened else "", text, [one["name"] for one in files])]
        chat = opened["value"]
        message = {"to": chat, "text": text, "attachments": files}
        return [Send("chat", self._channel(context, opened), chat, message, contact.id, (chat,))]

    def _channel(self, context: Context, chat: Mapping[str, str]) -> str:
        if self.channel is not None:
            return self.channel
        came_by = context.workspace.channels.get(chat.get("type", ""))
        return came_by.name if came_by is not None and came_by.kind == "chat" else "chat"


def _last(context: Context, chats: Sequence[Mapping[str, str]]) -> Mapping[str, str] | None:
    """The chat that was opened last, but for those which one may not answer freely, as in WhatsApp."""
    for one in reversed(chats):
        came_by = context.workspace.channels.get(one.get("type", ""))
        if one.get("value") and (came_by is None or came_by.kind != "whatsapp"):
            return one
    return None
