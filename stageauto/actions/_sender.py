"""From which mailbox a mail leaves."""

from __future__ import annotations

from dataclasses import dataclass

from stageauto.actions._recipients import RESPONSIBLE, nobody
from stageauto.engine.action import Context
from stageauto.engine.effects import End


@dataclass(frozen=True, slots=True)
class Sender:
    """The channel a mail leaves by, and whose name stands on it."""

    channel: str
    name: str


def sender_of(context: Context, from_: str) -> Sender | End:
    """The sender that `from:` means: responsible (their mailbox), workspace (the channel `mail`) or a channel."""
    if from_ not in ("responsible", "workspace"):
        return _checked(context, Sender(from_, ""))
    if from_ == "workspace":
        return _checked(context, Sender("mail", ""))
    user = context.responsible()
    if user is None:
        return End("undeliverable", "no_mailbox", f"no mailbox to send from: {nobody(RESPONSIBLE)}")
    if not user.mailbox:
        return End("undeliverable", "no_mailbox", f"no mailbox to send from: {user.name} has none")
    return _checked(context, Sender(user.mailbox, user.name))


def _checked(context: Context, sender: Sender) -> Sender | End:
    channel = context.workspace.channel(sender.channel)
    if channel.type != "file" and channel.kind != "mail":
        return End("undeliverable", "no_mailbox", f"the channel {channel.name} ({channel.type}) cannot send mail")
    return sender
