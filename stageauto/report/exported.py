"""What `export` writes: a line of JSON for each record, or all of it as one document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from stageauto.report import shapes
from stageauto.report.documents import shape as document

if TYPE_CHECKING:
    from stageauto.engine.state import Company
    from stageauto.runner.facts import Facts

Records = Iterable[tuple[str, Any, "Facts"]]


def lines(records: Records) -> Iterator[dict[str, Any]]:
    """`{"item": {...}}`, `{"contact": {...}}`, ...: each record under the name of what it is."""
    for kind, record, facts in records:
        name, shape = _SHAPES[kind]
        yield {name: shape(record, facts)}


def as_document(records: Records, kinds: Iterable[str]) -> dict[str, list[Any]]:
    """`{"items": [...], "contacts": [...], ...}`: every kind that was asked for, also where there is none."""
    made: dict[str, list[Any]] = {kind: [] for kind in kinds}
    for kind, record, facts in records:
        made[kind].append(_SHAPES[kind][1](record, facts))
    return made


def _company(one: Company) -> dict[str, Any]:
    return {"id": one.id, "name": one.name, "emails": one.emails, "phones": one.phones}


def _plain(shape: Callable[[Any], dict[str, Any]]) -> Callable[[Any, Facts], dict[str, Any]]:
    return lambda record, _: shape(record)


_SHAPES: dict[str, tuple[str, Callable[[Any, Facts], dict[str, Any]]]] = {
    "items": ("item", _plain(shapes.item)),
    "contacts": ("contact", _plain(shapes.contact)),
    "companies": ("company", _plain(_company)),
    "timeline": ("entry", shapes.entry),
    "pending": ("run", _plain(shapes.pending)),
    "outbox": ("delivery", _plain(shapes.delivery)),
    "tasks": ("task", _plain(shapes.to_do)),
    "bookings": ("booking", _plain(shapes.booking)),
    "feed": ("post", _plain(shapes.post)),
    "inbox": ("notice", _plain(shapes.notice)),
    "documents": ("document", _plain(document)),
    "exceptions": ("exception", _plain(shapes.exemption)),
}
