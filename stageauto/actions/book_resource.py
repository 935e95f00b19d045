"""Books a resource."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions import _values
from stageauto.engine.action import Action, Context
from stageauto.engine.durations import HOUR_MS, Duration
from stageauto.engine.effects import Book, Effect, End
from stageauto.engine.options import DurationOption, MomentOption, NameOption, option

if TYPE_CHECKING:
    from stageauto.engine.templates import Text, Value


@dataclass(frozen=True, slots=True)
class BookResource(Action):
    """Books a resource from `start` for `duration` and writes the booking into a field of type booking.

    A booking ends the moment before the next may begin: from nine to ten and from ten to eleven do not clash. Who else
    has booked is seen in `stageauto bookings`.

    `failed`: the resource is taken as often as its `capacity` allows (`clash`; the sentence says by whom), `start` is
    empty or no moment, or `user` is nobody known (`bad_value`).

    Example:
        id: book-room
        do: book_resource
        with:
          resource: meeting-room
          user: responsible
          start: "{{ item.meeting_at }}"
          duration: 1h
          field: room
    """

    kind: ClassVar[str] = "book_resource"
    group: ClassVar[str] = "item"

    resource: str = option(NameOption("resource"), "What is booked.")
    start: Value = option(MomentOption(), "From when.")
    field: str = option(NameOption("field", types=("booking",)), "The field that holds the booking.")
    duration: Duration | Text = option(DurationOption(templated=True), "For how long.", Duration(ms=HOUR_MS))
    user: str | Text = option(
        NameOption("user", templated=True, also=("responsible", "manager")), "For whom.", "responsible"
    )

    def plan(self, context: Context) -> Sequence[Effect]:
        start = _values.moment(context, self.start, "start")
        if start is None:
            return [_values.failed("`start` is empty")]
        if isinstance(start, End):
            return [start]
        end = _values.after(context, self.duration, "duration", start)
        if isinstance(end, End):
            return [end]
        if end <= start:
            return [_values.failed("`duration` is no time at all")]
        user = _values.person(context, self.user, "user")
        if isinstance(user, End):
            return [user]
        return [Book(self.resource, start, end, self.field, user)]
