"""Items, what is pending, history and outbox as text for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stageauto.engine.files import id_of
from stageauto.engine.gsm import in_words, size_of
from stageauto.report.documents import of_item
from stageauto.report.output import Text
from stageauto.report.shapes import contact_short
from stageauto.report.tables import Cell, Row, Table, safe
from stageauto.report.timeline import sentence
from stageauto.report.times import local, local_text, span

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from stageauto.engine.state import Entry, Run
    from stageauto.runner.look import (
        BoardView,
        ItemsView,
        ItemView,
        OutboxView,
        PendingList,
        RuleView,
        ShowView,
        TimelineView,
    )

_MARKS = {"done": "✓", "failed": "✗", "undeliverable": "✗", "unknown": "?"}
_WAITS = "○"
_NOT_RUN = "–"  # noqa: RUF001


def items(view: ItemsView) -> Text:
    """A line for each item, with how long it has been in its stage."""
    rows: list[Row] = [
        [
            one.item.id, one.item.pipeline, Cell(one.item.stage + (" (on hold)" if one.item.on_hold else "")),
            one.item.title, one.item.responsible or "", _customer(one), _in_stage(one, view.now),
        ]
        for one in view.items
    ]  # fmt: skip
    columns = ["item", "pipeline", "stage", "title", "responsible", "customer", "in stage"]
    return [Table(columns, rows, empty="no items", right=frozenset({"in stage"}))]


def _in_stage(view: ItemView, now: int) -> str:
    """For how long it stands there, in whole seconds."""
    return span(max(0, now - view.item.stage_entered_at) // 1000 * 1000)


def _customer(view: ItemView) -> str:
    contact = contact_short(view.contact)
    return str(contact["name"] or contact["email"] or contact["phone"] or contact["id"]) if contact else ""


def show(view: ShowView) -> Iterator[str | Table]:
    """An item, its fields, and the rules of its stage, each with its mark."""
    item, zone = view.item.item, view.facts.zone
    yield safe(f"{item.id}  {item.title}" + ("  (deleted)" if item.deleted else ""))
    pipeline = view.facts.pipelines.get(item.pipeline)
    stage = pipeline.stage(item.stage) if pipeline else None
    since = f"since {local(item.stage_entered_at, zone)} ({_in_stage(view.item, view.now)})"
    yield from _line("stage", f"{item.pipeline}/{item.stage}" + (f" ({stage.name})" if stage else "") + f", {since}")
    if item.on_hold:
        yield from _line("on hold", item.hold_reason or "yes")
    yield from _line("responsible", item.responsible or "")
    yield from _line("customer", _whole_customer(view.item))
    yield from _line("company", item.company or "")
    yield from _line("created", f"{local(item.created_at, zone)}" + (f", source {item.source}" if item.source else ""))
    yield from _line("tags", ", ".join(item.tags))
    for name, value in item.fields.items():
        yield from _line(name, field_text(value, zone))
    if view.rules:
        yield ""
        yield _rules(view.rules, zone)
        yield from _never_ran(item.id, view.rules)
    if view.hidden:
        yield ""
        yield "its rules are for who has automation.read"
    if view.documents:
        yield ""
        yield "documents:"
        yield of_item(view.documents, zone)
    if view.kept:
        yield ""
        yield "kept from earlier stages:"
        yield _rules(view.kept, zone)


def _never_ran(item: str, rules: list[RuleView]) -> Iterator[str]:
    """The way to the reason, where a rule did not run at all."""
    never = [one.rule for one in rules if one.run is None and not one.reason]
    if never:
        yield safe(f"`stageauto explain {item} {never[0]}` says why it did not run")


def _line(name: str, text: str) -> Iterator[str]:
    if text:
        yield f"  {safe(name)}: {safe(text)}"


def _whole_customer(view: ItemView) -> str:
    contact = contact_short(view.contact)
    known = ", ".join(str(value) for value in contact.values() if value) if contact else ""
    out = ", ".join(view.contact.opt_out).replace("*", "all messages") if view.contact else ""
    return f"{known} (opted out of {out})" if out else known


def field_text(value: Any, zone: ZoneInfo) -> str:
    """A field's value for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(field_text(one, zone) for one in value)
    if isinstance(value, str) and id_of(value) is not None:
        return value.partition("/")[2]
    return local_text(value, zone) if isinstance(value, str) else str(value)


def mark(run: Run | None) -> str:
    """One letter for how a run stands."""
    if run is None:
        return _NOT_RUN
    return _WAITS if run.living else _MARKS.get(run.state, _NOT_RUN)


def _rules(rules: list[RuleView], zone: ZoneInfo) -> Table:
    rows: list[Row] = []
    for one in rules:
        state = one.run.state if one.run else "not_run"
        when = ""
        if one.run is not None:
            when = local(one.run.due, zone) if one.run.living else local(one.run.finished_at, zone)
        shown = Cell(state.replace("_", " "), state)
        rows.append([Cell(mark(one.run), state), one.rule, one.do, shown, when, one.reason])
    return Table(["", "rule", "do", "state", "when", "why"], rows)


def pending(view: PendingList) -> Iterator[str | Table]:
    """What is due when, and why then."""
    zone = view.facts.zone
    rows: list[Row] = []
    for one in view.runs:
        due = one.run.due
        late = due is not None and due < view.now - 60_000
        rows.append([
            Cell(local(due, zone) or _NOT_RUN, "late" if late else ""), one.item.id, one.item.title,
            f"{one.run.pipeline}/{one.run.stage}", one.run.rule, one.do, Cell(one.run.state, one.run.state), one.reason,
            one.run.id,
        ])  # fmt: skip
    columns = ["due", "item", "title", "stage", "rule", "do", "state", "why then", "id"]
    yield Table(columns, rows, empty="nothing is pending")
    if view.held:
        yield f"{view.held} held for a look: `stageauto resume --all` lets them go"


def timeline_line(entry: Entry, zone: ZoneInfo, *, with_item: bool) -> str:
    """A line of history."""
    words = [local(entry.at, zone, seconds=True), entry.item if with_item else "", entry.author, sentence(entry, zone)]
    return safe("  ".join(word for word in words if word))


def timeline(view: TimelineView) -> Text:
    """The history as a table; a line each."""
    zone = view.facts.zone
    rows = [[local(one.at, zone, seconds=True), one.item, one.author, sentence(one, zone)] for one in view.entries]
    columns = ["at", "item", "author", "what"]
    if view.item is not None:
        rows, columns = [[at, by, what] for at, _, by, what in rows], ["at", "author", "what"]
    return [Table(columns, rows, empty="nothing happened yet")]


def outbox(view: OutboxView) -> Text:
    """Deliveries with attempts and answers."""
    zone = view.facts.zone
    rows: list[Row] = [
        [
            one.id, one.do, one.channel, one.to, Cell(one.state, one.state), str(one.attempts),
            local(one.sent_at, zone) or (f"next try {local(one.due, zone)}" if one.state == "pending" else ""),
            one.error or in_words(size_of(one.kind, one.message)),
        ]
        for one in view.deliveries
    ]  # fmt: skip
    columns = ["id", "do", "channel", "to", "state", "tries", "sent", "remark"]
    return [Table(columns, rows, empty="nothing in the outbox", right=frozenset({"tries"}))]


_MOST_SHOWN = 20


def board(views: list[BoardView]) -> Iterator[str | Table]:
    """Each pipeline as columns of titles."""
    for view in views:
        heads = [f"{stage.name} ({len(items)})" for stage, items in view.columns]
        shown = [items[:_MOST_SHOWN] for _, items in view.columns]
        depth = max((len(items) for items in shown), default=0)
        rows = [
            [
                f"{items[index].id} {items[index].title}{' (on hold)' if items[index].on_hold else ''}"
                if index < len(items) else ""
                for items in shown
            ]
            for index in range(depth)
        ]  # fmt: skip
        more = [len(items) - _MOST_SHOWN for _, items in view.columns]
        if any(one > 0 for one in more):
            rows.append([f"and {one} more" if one > 0 else "" for one in more])
        yield Table(heads, rows or [["" for _ in heads]], title=view.pipeline.name, apart=True)
        yield ""
