"""Tasks, inbox, feed, bookings, customers and the audit log as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stageauto.engine.state import Activity
from stageauto.report.output import Text
from stageauto.report.shapes import full_name
from stageauto.report.tables import Cell, Row, Table
from stageauto.report.times import local

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from stageauto.engine.state import Booking, ChatLine, Contact, Exemption, Notice, Post, Task
    from stageauto.runner.work import Listed
    from stageauto.store.records import ApiToken, AuditEntry


def tasks(view: Listed[Task | Activity]) -> Text:
    """A line for each task and activity; an overdue deadline stands out."""
    return [Table(_TASK_COLUMNS, [_task(one, view) for one in view.rows], empty="no tasks")]


_TASK_COLUMNS = ["task", "item", "title", "assignee", "when", "priority", "status"]


def _task(one: Task | Activity, view: Listed[Task | Activity]) -> Row:
    if isinstance(one, Activity):
        title, assignee = f"{one.subject} ({one.kind})", one.responsible
        priority = "high" if one.important else "normal"
        begins, ends = (one.start, one.end) if one.start is not None else (one.due, one.due)
    else:
        title, assignee, priority, begins, ends = one.title, one.assignee, one.priority, one.deadline, one.deadline
    late = one.status == "open" and ends is not None and ends < view.now
    deadline = Cell(local(begins, view.facts.zone) + (" (overdue)" if late else ""), "late" if late else "")
    return [one.id, one.item, title, assignee or "", deadline, priority, one.status]


def inbox(view: Listed[Notice]) -> Text:
    """A line for each notification; those not read are marked."""
    zone = view.facts.zone
    rows = [
        ["•" if one.read_at is None else "", local(one.at, zone), one.user, one.item, one.sender, one.text]
        for one in view.rows
    ]
    return [Table(["", "at", "to", "item", "from", "text"], rows, empty="nothing in the inbox")]


def feed(view: Listed[Post]) -> Text:
    """A line for each post; comments stand under theirs."""
    zone = view.facts.zone
    rows = [
        [one.id, local(one.at, zone), one.item, one.author, one.text if one.parent is None else f"  > {one.text}"]
        for one in view.rows
    ]
    return [Table(["post", "at", "item", "author", "text"], rows, empty="nothing in the feed")]


def bookings(view: Listed[Booking]) -> Text:
    """A line for each booking."""
    zone = view.facts.zone
    rows = [
        [
            one.id, view.facts.resources.get(one.resource, one.resource), local(one.start, zone), local(one.end, zone),
            one.item or "", one.user or "", one.status,
        ]
        for one in view.rows
    ]  # fmt: skip
    return [Table(["booking", "resource", "from", "to", "item", "user", "status"], rows, empty="no bookings")]


def contacts(view: Listed[Contact]) -> Text:
    """A line for each customer."""
    rows = [
        [
            one.id, full_name(one), ", ".join(map(_address, one.emails)),
            ", ".join(each["value"] for each in one.phones), ", ".join(one.opt_out).replace("*", "all"),
        ]
        for one in view.rows
    ]  # fmt: skip
    return [Table(["contact", "name", "e-mail", "phone", "opted out of"], rows, empty="no contacts")]


def _address(one: Mapping[str, str]) -> str:
    """An address; one that bounced says so, for nothing goes there until it is set anew."""
    return f"{one['value']} (bounced {one['bounced'][:10]})" if one.get("bounced") else one["value"]


def exceptions(view: Listed[Exemption]) -> Text:
    """A line for each address, with how many messages from it were not let in."""
    zone = view.facts.zone
    rows = [[one.value, one.kind, local(one.added_at, zone), one.author, str(one.dropped)] for one in view.rows]
    columns = ["address", "kind", "added", "by", "dropped"]
    return [Table(columns, rows, empty="the exceptions list is empty", right=frozenset({"dropped"}))]


def chats(view: Listed[ChatLine]) -> Text:
    """A line for each chat."""
    rows = [[one.chat, local(one.at, view.facts.zone), one.channel, one.author or "customer", one.text]
            for one in view.rows]  # fmt: skip
    return [Table(["chat", "last", "channel", "by", "text"], rows, empty="nobody wrote in a chat yet")]


def chat(view: Listed[ChatLine]) -> Text:
    """The lines of a chat."""
    rows = [
        [
            local(one.at, view.facts.zone),
            f"{one.author} (staff only)" if one.hidden else one.author or "customer",
            one.text,
        ]
        for one in view.rows
    ]
    return [Table(["at", "by", "text"], rows, empty="nothing was said yet")]


def api_tokens(tokens: Sequence[ApiToken], zone: ZoneInfo) -> Text:
    """A line for each key to the HTTP interface."""
    rows = [[one.id, one.user, local(one.made_at, zone), one.author, one.note] for one in tokens]
    return [Table(["token", "user", "made", "by", "for"], rows, empty="no tokens")]


def audit(view: Listed[AuditEntry]) -> Text:
    """A line for each change."""
    zone = view.facts.zone
    rows = [
        [
            local(one.at, zone, seconds=True), one.author, one.action, one.target,
            "; ".join(f"{name}: {_words(value)}" for name, value in one.data.items()),
        ]
        for one in view.rows
    ]  # fmt: skip
    return [Table(["at", "who", "did", "what", "more"], rows, empty="nothing was changed yet")]


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items() if one)
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)
