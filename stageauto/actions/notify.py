"""Tells staff something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions._recipients import RESPONSIBLE, nobody
from stageauto.actions._values import one_line
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, End
from stageauto.engine.effects import Notify as NotifyEffect
from stageauto.engine.options import RecipientsOption, TextOption, option

if TYPE_CHECKING:
    from stageauto.engine.options import Recipient
    from stageauto.engine.templates import Text


@dataclass(frozen=True, slots=True)
class Notify(Action):
    """Tells staff something: in `stageauto inbox`, and through each user's own notification channels.

    It goes to the user who is responsible for the item, or to whom `to` names. `as` is the sender that stands on it.

    `undeliverable`: nobody was found (`no_recipient`), say because the item has no responsible.

    Example:
        id: tell-anna
        do: notify
        with:
          to: [responsible, {role: sales}]
          as: Pipeline
          text: "{{ item.title }} is in {{ stage.name }} now."
    """

    kind: ClassVar[str] = "notify"
    group: ClassVar[str] = "staff"

    text: Text = option(TextOption(), "The text.")
    to: tuple[Recipient, ...] = option(RecipientsOption(users_only=True), "Which users.", RESPONSIBLE)
    as_: Text | None = option(TextOption(), "The sender that stands on it.", None)

    def plan(self, context: Context) -> Sequence[Effect]:
        users = [user.id for user in context.users(self.to)]
        if not users:
            return [End("undeliverable", "no_recipient", nobody(self.to))]
        return [NotifyEffect(users, context.words(self.text).strip(), one_line(context.words(self.as_)))]
