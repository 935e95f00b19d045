"""Comments on the item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Comment, Effect
from stageauto.engine.options import TextOption, option

if TYPE_CHECKING:
    from stageauto.engine.templates import Text


@dataclass(frozen=True, slots=True)
class AddComment(Action):
    """Adds a comment to the item, where staff writes theirs.

    Example:
        id: note-source
        do: add_comment
        with: {text: "Came in by {{ item.source }}."}
    """

    kind: ClassVar[str] = "add_comment"
    group: ClassVar[str] = "staff"

    text: Text = option(TextOption(), "The text.")

    def plan(self, context: Context) -> Sequence[Effect]:
        return [Comment(context.words(self.text))]
