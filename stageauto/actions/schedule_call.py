"""Plans a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions._appointments import Scheduled
from stageauto.engine.durations import MINUTE_MS, Duration
from stageauto.engine.options import DurationOption, option

if TYPE_CHECKING:
    from stageauto.engine.templates import Text


@dataclass(frozen=True, slots=True)
class ScheduleCall(Scheduled):
    """Plans a phone call: it stands in the item's plan, staff is told, and every attendee gets it into the calendar.

    It takes part who is responsible for the item, or whom `attendees` names; `customer` among them is invited by mail.
    Where the channel `calendar` is a `caldav` one, it is written into the calendars of staff; all others have an
    invitation (`.ics`) by mail.

    Say when by `start` (a field, a date and time) or by `in` (counted from now). It takes half an hour unless
    `duration` says otherwise.

    `failed`: `start` is empty or no moment (`bad_value`), and nothing is planned. An attendee without an address is
    `undeliverable` (`no_address`), the call is planned all the same.

    Example:
        id: first-call
        do: schedule_call
        with:
          subject: "Call {{ contact.first_name }} about {{ item.title }}"
          in: 1wd
          duration: 15m
    """

    kind: ClassVar[str] = "schedule_call"
    activity: ClassVar[str] = "call"

    duration: Duration | Text = option(
        DurationOption(templated=True), "How long it takes.", Duration(ms=30 * MINUTE_MS)
    )
