"""Gives somebody a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions import _values
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import CreateTask as CreateTaskEffect
from stageauto.engine.effects import Effect, End
from stageauto.engine.options import (
    Builder,
    Choice,
    DurationOption,
    ListOption,
    MomentOption,
    NameOption,
    RecipientsOption,
    TextOption,
    option,
)

if TYPE_CHECKING:
    from stageauto.engine.durations import Duration
    from stageauto.engine.options import Recipient
    from stageauto.engine.templates import Text, Value


@dataclass(frozen=True, slots=True)
class CreateTask(Action):
    """Gives a task to the user who is responsible for the item, or to whom `assignee` names.

    `stageauto tasks` lists it, `stageauto task done` completes it, which makes the event `task.completed`; past its
    deadline the event `task.overdue` comes once. Without anybody responsible it is nobody's task yet.

    `failed`: `deadline` is no moment, or `assignee` is nobody known (`bad_value`).

    Example:
        id: phone-customer
        do: create_task
        with:
          title: "Call {{ contact.first_name }} back about {{ item.title }}"
          assignee: responsible
          observers: [manager]
          in: 1wd
          priority: high
          checklist: [Read the last mails, Offer a date]
          tags: [phone]
    """

    kind: ClassVar[str] = "create_task"
    group: ClassVar[str] = "staff"

    title: Text = option(TextOption(), "What is to be done.")
    description: Text | None = option(TextOption(), "More about it.", None)
    assignee: str | Text = option(
        NameOption("user", templated=True, also=("responsible", "manager")), "Who does it.", "responsible"
    )
    participants: tuple[Recipient, ...] = option(RecipientsOption(users_only=True), "Who helps.", ())
    observers: tuple[Recipient, ...] = option(RecipientsOption(users_only=True), "Who watches.", ())
    deadline: Value | Duration | None = option(
        MomentOption(spans=True), "Until when: a date, a time or a span (2d).", None
    )
    in_: Duration | Text | None = option(DurationOption(templated=True), "Until when, counted from now.", None)
    priority: str = option(Choice(("low", "normal", "high")), "How urgent.", "normal")
    checklist: tuple[Text, ...] = option(ListOption(TextOption()), "Its steps.", ())
    tags: tuple[Text, ...] = option(ListOption(TextOption(), or_one=True), "Words to find it by.", ())

    def check(self, builder: Builder) -> None:
        if self.deadline is not None and self.in_ is not None:
            builder.fault("choose-one", "`deadline` and `in` are both given", ("in",), hint="leave one of them out")

    def plan(self, context: Context) -> Sequence[Effect]:
        deadline = _values.moment_or_in(context, self.deadline, self.in_, "deadline")
        if isinstance(deadline, End):
            return [deadline]
        assignee = _values.person(context, self.assignee, "assignee")
        if isinstance(assignee, End):
            return [assignee]
        return [
            CreateTaskEffect(
                title=_values.one_line(context.words(self.title)),
                description=context.words(self.description),
                assignee=assignee,
                participants=[user.id for user in context.users(self.participants)],
                observers=[user.id for user in context.users(self.observers)],
                deadline=deadline,
                priority=self.priority,
                checklist=[context.words(step) for step in self.checklist],
                tags=[tag for tag in (context.words(one).strip() for one in self.tags) if tag],
            )
        ]
