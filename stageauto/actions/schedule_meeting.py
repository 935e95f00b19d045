"""Plans a meeting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from stageauto.actions._appointments import Scheduled


@dataclass(frozen=True, slots=True)
class ScheduleMeeting(Scheduled):
    """Plans a meeting: it stands in the item's plan, staff is told, and every attendee gets it into the calendar.

    It takes part who is responsible for the item, or whom `attendees` names; `customer` among them is invited by mail.
    Where the channel `calendar` is a `caldav` one, it is written into the calendars of staff; all others have an
    invitation (`.ics`) by mail.

    Say when by `start` (a field, a date and time) or by `in` (counted from now). It takes an hour unless `duration`
    says otherwise.

    `failed`: `start` is empty or no moment (`bad_value`), and nothing is planned. An attendee without an address is
    `undeliverable` (`no_address`), the meeting is planned all the same.

    Example:
        id: measure-roof
        do: schedule_meeting
        with:
          subject: "Measure: {{ item.title }}"
          start: "{{ item.meeting_at }}"
          duration: 1h30m
          place: At the customer's
          attendees: [responsible, customer]
    """

    kind: ClassVar[str] = "schedule_meeting"
    activity: ClassVar[str] = "meeting"
