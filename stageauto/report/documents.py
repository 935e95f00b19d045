"""Documents as text for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stageauto.report.output import Text
from stageauto.report.tables import Cell, Row, Table, safe
from stageauto.report.times import local, utc

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from stageauto.engine.state import Document
    from stageauto.runner.signing import Asked
    from stageauto.runner.work import Listed

_COLUMNS = ["document", "item", "number", "name", "template", "made", "state", "signatures"]


def shape(one: Document) -> dict[str, Any]:
    """A document, as `documents`, `show` and `sign` give it."""
    return {
        "id": one.id, "item": one.item, "rule": one.rule, "template": one.template, "name": one.name,
        "number": one.number, "state": one.state, "created_at": utc(one.at), "sent_at": utc(one.sent_at),
        "opened_at": utc(one.opened_at), "signed_at": utc(one.signed_at),
        "signatures": [
            {
                "role": each["role"], "who": each["who"], "name": each["name"], "asked_at": utc(each.get("asked_at")),
                "signed_at": utc(each.get("signed_at")), "how": each.get("how"),
            }
            for each in one.parties
        ],
    }  # fmt: skip


def table(view: Listed[Document]) -> Text:
    """A line for each document."""
    return [Table(_COLUMNS, _rows(view.rows, view.facts.zone), empty="no documents")]


def of_item(documents: Sequence[Document], zone: ZoneInfo) -> Table:
    """The documents of one item."""
    columns = [one for one in _COLUMNS if one != "item"]
    return Table(columns, [[row[0], *row[2:]] for row in _rows(documents, zone)])


def _rows(documents: Sequence[Document], zone: ZoneInfo) -> list[Row]:
    return [
        [
            one.id, one.item, one.number, one.name, one.template, local(one.at, zone),
            Cell(one.state.replace("_", " "), "done" if one.state == "signed" else ""), _signatures(one, zone),
        ]
        for one in documents
    ]  # fmt: skip


def _signatures(one: Document, zone: ZoneInfo) -> str:
    return ", ".join(
        f"{each['name']} {local(each['signed_at'], zone) if each.get('signed_at') else '(asked)'}"
        for each in one.parties
    )


def before(request: Asked) -> str:
    """What somebody is about to sign."""
    from stageauto.runner.signing import CONSENT

    one = request.document
    return (
        f"{safe(one.name)} {safe(one.number)} ({safe(one.id)}), to be signed by {safe(str(request.party['name']))}\n"
        f"SHA-256 {request.sha256}; read it with `stageauto documents save {safe(one.id)}`\n{CONSENT}"
    )


def after(done: Document, waiting: Sequence[str]) -> str:
    """What signing came to."""
    rest = f"; still to sign: {', '.join(waiting)}" if waiting else "; signed by all"
    return f"{done.id} {done.number} is signed{rest}"
