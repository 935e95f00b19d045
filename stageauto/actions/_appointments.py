"""What calls and meetings share: an entry in the plan, word to staff, and an invitation to every attendee."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions import _values
from stageauto.actions._ical import Appointment, icalendar
from stageauto.actions._recipients import MAIL, RESPONSIBLE, Reached, has_customer, reach
from stageauto.engine.action import Action, Context
from stageauto.engine.durations import HOUR_MS, Duration
from stageauto.engine.effects import CreateActivity, Effect, End, Notify, NotSent, Send
from stageauto.engine.options import Builder, DurationOption, MomentOption, RecipientsOption, TextOption, option

if TYPE_CHECKING:
    from stageauto.engine.options import Recipient
    from stageauto.engine.templates import Text, Value


@dataclass(frozen=True, slots=True)
class Scheduled(Action):
    """The options of calls and meetings, and what becomes of them."""

    group: ClassVar[str] = "staff"
    outer: ClassVar[bool] = True
    message: ClassVar[str] = "mail"
    activity: ClassVar[str]  # the kind in the item's plan: call or meeting

    subject: Text = option(TextOption(), "What it is about.")
    start: Value | Duration | None = option(MomentOption(spans=True), "When it begins: a time or a span (2d).", None)
    in_: Duration | Text | None = option(DurationOption(templated=True), "When it begins, counted from now.", None)
    duration: Duration | Text = option(DurationOption(templated=True), "How long it takes.", Duration(ms=HOUR_MS))
    place: Text | None = option(TextOption(), "Where.", None)
    attendees: tuple[Recipient, ...] = option(RecipientsOption(ids=True), "Who takes part.", RESPONSIBLE)
    description: Text | None = option(TextOption(), "More about it.", None)

    def check(self, builder: Builder) -> None:
        if (self.start is None) == (self.in_ is None):
            wrong = "neither `start` nor `in` is given" if self.start is None else "`start` and `in` are both given"
            builder.fault("choose-one", wrong, hint="write one of them and only one")

    def to_customer(self) -> bool:
        return has_customer(self.attendees)

    def plan(self, context: Context) -> Sequence[Effect]:
        start = _values.moment_or_in(context, self.start, self.in_, "start")
        if start is None:
            return [_values.failed("`start` is empty")]
        if isinstance(start, End):
            return [start]
        end = _values.after(context, self.duration, "duration", start)
        if isinstance(end, End):
            return [end]
        return self._effects(context, start, end)

    def _effects(self, context: Context, start: int, end: int) -> list[Effect]:
        staff = [user.id for user in context.users(self.attendees)]
        guests = [one for one in reach(context, self.attendees, MAIL) if isinstance(one, Reached)]
        # Staff without an address has the notification; whoever else cannot be invited is told of.
        outside = [one for one in self.attendees if one.kind in ("customer", "address")]
        unreached = [one for one in reach(context, outside, MAIL) if isinstance(one, NotSent)]
        appointment = self._appointment(context, start, end, guests)
        activity = CreateActivity(
            kind=self.activity,
            subject=appointment.subject,
            description=appointment.description,
            responsible=context.item.responsible,
            attendees=[*staff, *(one.to for one in guests if one.user is None)],
            place=appointment.place,
            start=start,
            end=end,
        )
        told: list[Effect] = [Notify(staff, self._words(context, appointment))] if staff else []
        return [activity, *told, *unreached, *self._invitations(context, appointment, guests)]

    def _appointment(self, context: Context, start: int, end: int, guests: Sequence[Reached]) -> Appointment:
        organizer = context.responsible()
        address = organizer.email if organizer and MAIL.valid(organizer.email) else ""
        return Appointment(
            uid=f"{re.sub(r'[^A-Za-z0-9.-]', '-', context.run.id)}-{context.now}@stageauto",
            subject=_values.one_line(context.words(self.subject)),
            start=start,
            end=end,
            stamp=context.now,
            description=context.words(self.description),
            place=_values.one_line(context.words(self.place)),
            organizer=address,
            organizer_name=organizer.name if organizer and address else "",
            attendees=[one.to for one in guests],
        )

    def _words(self, context: Context, appointment: Appointment) -> str:
        place = f", {appointment.place}" if appointment.place else ""
        when = _values.local_text(context, appointment.start)
        return f"{self.activity.capitalize()}: {appointment.subject}, {when}{place}"

    def _invitations(self, context: Context, appointment: Appointment, guests: Sequence[Reached]) -> list[Send]:
        """One for each guest: into the calendars of staff where those can be written to, else by mail."""
        channel = context.workspace.channel("calendar")
        writes = channel.kind == "calendar" and channel.type not in ("file", "smtp")
        set_up = context.workspace.channels
        mails = "calendar" not in set_up and "mail" in set_up and set_up["mail"].type != "file"
        by_mail = "mail" if writes or mails else channel.name
        sent = []
        for one in guests:
            user = context.workspace.users.get(one.user or "")
            calendar = user.calendar_url if user else ""
            if writes and user is not None and (calendar or channel.options.get("url")):
                message = {"ics": icalendar(appointment, stored=True), "user": user.id, "calendar": calendar}
                name = channel.name
            else:
                message, name = {"ics": icalendar(appointment)}, by_mail
            message |= {"to": one.to, "subject": appointment.subject}
            sent.append(Send("calendar", name, one.to, message, one.contact, one.addresses))
        return sent
