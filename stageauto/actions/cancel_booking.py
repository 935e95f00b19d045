"""Gives a booked resource back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from stageauto.engine.action import Action, Context
from stageauto.engine.effects import CancelBooking as CancelBookingEffect
from stageauto.engine.effects import Effect
from stageauto.engine.options import NameOption, option


@dataclass(frozen=True, slots=True)
class CancelBooking(Action):
    """Cancels the active booking of a field, so that others can book, and empties the field.

    `failed`: the field holds no active booking (`no_booking`).

    Example:
        id: free-room
        do: cancel_booking
        with: {field: room}
    """

    kind: ClassVar[str] = "cancel_booking"
    group: ClassVar[str] = "item"

    field: str = option(NameOption("field", types=("booking",)), "The field that holds the booking.")

    def plan(self, context: Context) -> Sequence[Effect]:
        return [CancelBookingEffect(self.field)]
