"""Posts into the feed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions._recipients import nobody
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, End
from stageauto.engine.effects import PostToFeed as PostToFeedEffect
from stageauto.engine.options import RecipientsOption, TextOption, option

if TYPE_CHECKING:
    from stageauto.engine.options import Recipient
    from stageauto.engine.templates import Text


@dataclass(frozen=True, slots=True)
class PostToFeed(Action):
    """Posts into the staff's feed, for everybody or for whom `to` names; people answer by `stageauto feed comment`.

    `undeliverable`: nobody of those that `to` names was found (`no_recipient`).

    Example:
        id: good-news
        do: post_to_feed
        with: {text: "{{ responsible.name }} won {{ item.title }}: {{ item.amount | money }}!"}
    """

    kind: ClassVar[str] = "post_to_feed"
    group: ClassVar[str] = "staff"

    text: Text = option(TextOption(), "The text.")
    to: tuple[Recipient, ...] = option(RecipientsOption(users_only=True), "Which users; default: everybody.", ())

    def plan(self, context: Context) -> Sequence[Effect]:
        users = [user.id for user in context.users(self.to)]
        if self.to and not users:
            return [End("undeliverable", "no_recipient", nobody(self.to))]
        return [PostToFeedEffect(context.words(self.text), users)]
