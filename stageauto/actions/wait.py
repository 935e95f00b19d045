"""Waits, and holds what is chained after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions import _values
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, End
from stageauto.engine.effects import Wait as WaitEffect
from stageauto.engine.options import DurationOption, ListOption, NameOption, TextOption, option

if TYPE_CHECKING:
    from stageauto.engine.durations import Duration
    from stageauto.engine.templates import Text

ANY_ACTIVITY = ("*",)


@dataclass(frozen=True, slots=True)
class Wait(Action):
    """Waits until its time is over or the customer does something, whichever is first, and holds what comes `after` it.

    The customer's doing is anything they cause on this item: a mail, a call, a form, a click, a signature. `until`
    names one event or several instead, of whoever. It is `done`, because `timed_out` or `matched`; later rules read
    `results['rule-id'].ended_by`.

    `failed`: `for` cannot be counted, say `4wh` without a calendar `working` (`bad_value`).

    Example:
        id: give-time
        do: wait
        with: {for: 3wd, until: [email.received, call.received], comment: The customer reads the quote}
    """

    kind: ClassVar[str] = "wait"
    group: ClassVar[str] = "flow"

    for_: Duration | Text = option(DurationOption(templated=True), "How long at most.")
    until: tuple[str, ...] = option(
        ListOption(NameOption("event"), or_one=True, min_items=1),
        "Which events end it; default: whatever the customer does.",
        ANY_ACTIVITY,
    )
    comment: Text | None = option(TextOption(), "What is being waited for.", None)

    def plan(self, context: Context) -> Sequence[Effect]:
        end = _values.after(context, self.for_, "for")
        if isinstance(end, End):
            return [end]
        return [WaitEffect(end, self.until, context.words(self.comment))]
