"""Tells staff that an item has stood in its stage for too long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions._recipients import MANAGER, nobody
from stageauto.actions._values import one_line
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, End, Notify
from stageauto.engine.options import Builder, DurationOption, RecipientsOption, TextOption, option

if TYPE_CHECKING:
    from stageauto.engine.durations import Duration
    from stageauto.engine.options import Recipient
    from stageauto.engine.templates import Text


@dataclass(frozen=True, slots=True)
class Control(Action):
    """Tells staff when an item has stood in the stage for some time since it entered.

    It works like `notify`, has its own time (`for`, so there is no `when`) and goes to the manager of the user who is
    responsible, unless `to` names others. With `repeat` it goes on reminding while the item stays.

    `undeliverable`: nobody was found (`no_recipient`), say because the responsible has no manager.

    Example:
        id: stuck
        do: control
        repeat: {every: 1d, times: 3}
        with:
          for: 3d
          text: "{{ item.title }} has been waiting since {{ item.stage_entered_at | date }}."
    """

    kind: ClassVar[str] = "control"
    group: ClassVar[str] = "staff"
    own_time: ClassVar[bool] = True

    for_: Duration = option(DurationOption(), "How long the item may stand in the stage.")
    text: Text = option(TextOption(), "The text.")
    to: tuple[Recipient, ...] = option(RecipientsOption(users_only=True), "Which users.", MANAGER)
    as_: Text | None = option(TextOption(), "The sender that stands on it.", None)

    def check(self, builder: Builder) -> None:
        if self.for_.is_zero:
            builder.fault("bad-duration", "`for` is no time at all", ("for",), hint="write it like 3d, or use `notify`")

    def delay_from_entry(self) -> Duration:
        return self.for_

    def plan(self, context: Context) -> Sequence[Effect]:
        users = [user.id for user in context.users(self.to)]
        if not users:
            return [End("undeliverable", "no_recipient", nobody(self.to))]
        return [Notify(users, context.words(self.text).strip(), one_line(context.words(self.as_)))]
