"""Puts an activity into the item's plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions import _values
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import CreateActivity as CreateActivityEffect
from stageauto.engine.effects import Effect, End
from stageauto.engine.options import Builder, DurationOption, MomentOption, NameOption, Plain, TextOption, option

if TYPE_CHECKING:
    from stageauto.engine.durations import Duration
    from stageauto.engine.templates import Text, Value


@dataclass(frozen=True, slots=True)
class CreateActivity(Action):
    """Puts an activity into the item's plan: something that somebody is to do for it.

    It belongs to the user who is responsible for the item, or to whom `responsible` names. `important` makes it stand
    out; with `complete_on_stage_change` it is done as soon as the item leaves the stage. `stageauto tasks` lists
    it, `stageauto task done` completes it, which makes the event `activity.completed`.

    `failed`: `due` is no moment, or `responsible` is nobody known (`bad_value`).

    Example:
        id: check-papers
        do: create_activity
        with:
          subject: "Check the papers of {{ item.title }}"
          important: true
          complete_on_stage_change: true
          in: 2wd
    """

    kind: ClassVar[str] = "create_activity"
    group: ClassVar[str] = "staff"

    subject: Text = option(TextOption(), "What is to be done.")
    description: Text | None = option(TextOption(), "More about it.", None)
    important: bool = option(Plain("boolean"), "Make it stand out.", default=False)
    complete_on_stage_change: bool = option(Plain("boolean"), "Done when the item leaves the stage.", default=False)
    responsible: str | Text = option(
        NameOption("user", templated=True, also=("responsible", "manager")), "Whose it is.", "responsible"
    )
    due: Value | Duration | None = option(MomentOption(spans=True), "Until when: a date, a time or a span (2d).", None)
    in_: Duration | Text | None = option(DurationOption(templated=True), "Until when, counted from now.", None)

    def check(self, builder: Builder) -> None:
        if self.due is not None and self.in_ is not None:
            builder.fault("choose-one", "`due` and `in` are both given", ("in",), hint="leave one of them out")

    def plan(self, context: Context) -> Sequence[Effect]:
        due = _values.moment_or_in(context, self.due, self.in_, "due")
        if isinstance(due, End):
            return [due]
        responsible = _values.person(context, self.responsible, "responsible")
        if isinstance(responsible, End):
            return [responsible]
        return [
            CreateActivityEffect(
                kind="activity",
                subject=_values.one_line(context.words(self.subject)),
                description=context.words(self.description),
                important=self.important,
                complete_on_stage_change=self.complete_on_stage_change,
                responsible=responsible,
                due=due,
            )
        ]
