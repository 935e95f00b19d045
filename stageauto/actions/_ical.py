"""One appointment as iCalendar text (RFC 5545), as an invitation where somebody invites (RFC 5546)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from zoneinfo import ZoneInfo

from stageauto.engine.schedule import to_local

_UTC = ZoneInfo("UTC")
_MOST_OCTETS = 75


@dataclass(frozen=True, slots=True)
class Appointment:
    """A call or a meeting in a calendar; instants in ms UTC. `organizer` and `attendees` are e-mail addresses."""

    uid: str
    subject: str
    start: int
    end: int
    stamp: int
    description: str = ""
    place: str = ""
    organizer: str = ""
    organizer_name: str = ""
    attendees: Sequence[str] = ()


def icalendar(appointment: Appointment, *, stored: bool = False) -> str:
    """The VCALENDAR, its lines folded at 75 octets and ended by CRLF.

    With an organizer it is a request to the attendees, without one it is published. `stored`: as a calendar keeps it
    (RFC 4791, 4.1), and the server is told that the others have been invited already (RFC 6638, 7.1).
    """
    agent = ";SCHEDULE-AGENT=CLIENT" if stored else ""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//stageauto//EN",
        *([] if stored else [f"METHOD:{'REQUEST' if appointment.organizer else 'PUBLISH'}"]),
        "BEGIN:VEVENT",
        f"UID:{_text(appointment.uid)}",
        f"DTSTAMP:{_utc(appointment.stamp)}",
        f"DTSTART:{_utc(appointment.start)}",
        f"DTEND:{_utc(appointment.end)}",
        f"SUMMARY:{_text(appointment.subject)}",
    ]
    lines += [f"DESCRIPTION:{_text(appointment.description)}"] if appointment.description else []
    lines += [f"LOCATION:{_text(appointment.place)}"] if appointment.place else []
    if appointment.organizer:
        lines.append(f"ORGANIZER{agent}{_common_name(appointment.organizer_name)}:mailto:{appointment.organizer}")
        lines += [f"ATTENDEE{agent};ROLE=REQ-PARTICIPANT;RSVP=TRUE:mailto:{one}" for one in appointment.attendees]
    lines += ["SEQUENCE:0", "STATUS:CONFIRMED", "END:VEVENT", "END:VCALENDAR"]
    return "".join(f"{_fold(line)}\r\n" for line in lines)


def published(appointments: Sequence[Appointment]) -> str:
    """One VCALENDAR of them all, for a calendar that shows what is to come and takes no time from anybody."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//stageauto//EN", "METHOD:PUBLISH"]
    for one in appointments:
        lines += [
            "BEGIN:VEVENT", f"UID:{_text(one.uid)}", f"DTSTAMP:{_utc(one.stamp)}", f"DTSTART:{_utc(one.start)}",
            f"DTEND:{_utc(one.end)}", f"SUMMARY:{_text(one.subject)}", f"DESCRIPTION:{_text(one.description)}",
            "TRANSP:TRANSPARENT", "END:VEVENT",
        ]  # fmt: skip
    return "".join(f"{_fold(line)}\r\n" for line in [*lines, "END:VCALENDAR"])


def _utc(at: int) -> str:
    return to_local(at, _UTC).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(value: str) -> str:
    """TEXT (RFC 5545, 3.3.11): backslash, semicolon, comma and line ends escaped, other controls dropped."""
    plain = value.replace("\r\n", "\n").replace("\r", "\n")
    escaped = plain.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")
    return "".join(ch for ch in escaped if ch.isprintable())


def _common_name(name: str) -> str:
    """The CN parameter: a quoted string, which can hold neither quotes nor controls (RFC 5545, 3.2)."""
    kept = "".join(ch for ch in name if ch.isprintable() and ch != '"').strip()
    return f';CN="{kept}"' if kept else ""


def _fold(line: str) -> str:
    """Lines of at most 75 octets, broken between characters, the next ones begun with a space (RFC 5545, 3.1)."""
    pieces, piece, octets = [], "", 0
    for ch in line:
        size = len(ch.encode())
        if octets + size > _MOST_OCTETS:
            pieces.append(piece)
            piece, octets = " ", 1
        piece += ch
        octets += size
    return "\r\n".join([*pieces, piece])
