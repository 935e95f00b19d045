"""All that a state holds, piece by piece, of one moment: for other programs, and for who leaves."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from stageauto.engine.permissions import AUTOMATION_READ, ITEMS_READ
from stageauto.errors import UsageError
from stageauto.loader.diagnostics import suggest
from stageauto.runner.look import ItemView, Look, pending_of, pipeline_named

if TYPE_CHECKING:
    from stageauto.engine.state import Item
    from stageauto.runner.facts import Facts
    from stageauto.runner.session import Session

KINDS = (
    "items", "contacts", "companies", "timeline", "pending", "outbox", "tasks", "bookings", "feed", "inbox",
    "documents", "exceptions",
)  # fmt: skip
"""What there is, in the order in which it comes."""
_OF_ALL = frozenset({"exceptions"})


def exported(
    session: Session, *, pipeline: str | None = None, only: Iterable[str] = ()
) -> Generator[tuple[str, Any, Facts]]:
    """(kind, record, facts) of everything, or of one pipeline's items and what belongs to them; deleted items left out.

    Raises UsageError for a kind that there is not, NotAllowedError without the right to see items and rules there.
    """
    wanted = [*dict.fromkeys(only)] or list(KINDS)
    for kind in wanted:
        if kind not in KINDS:
            raise UsageError(f"there is no `{kind}` to export", suggest(kind, KINDS))
    with session.read(AUTOMATION_READ, pipeline) as state:
        session.demand(state, ITEMS_READ, pipeline)
        look = Look(session, state, ITEMS_READ)
        if pipeline is not None:
            pipeline_named(look.facts, pipeline)
        items = state.items(pipeline)
        for kind in wanted:
            if pipeline is None or kind not in _OF_ALL:
                for record in _READ[kind](look, items, pipeline is None):
                    yield kind, record, look.facts


def _items(look: Look, items: list[Item], _: bool) -> Iterator[ItemView]:
    return (ItemView(one, look.contact(one)) for one in items)


def _contacts(look: Look, items: list[Item], everything: bool) -> Iterable[Any]:
    if everything:
        return look.state.contacts()
    ids = dict.fromkeys(contact for one in items for contact in one.contacts)
    return (found for one in ids if (found := look.state.contact(one)) is not None)


def _companies(look: Look, items: list[Item], everything: bool) -> Iterable[Any]:
    ids = {one.company for one in items}
    return (one for one in look.state.companies() if everything or one.id in ids)


def _timeline(look: Look, items: list[Item], everything: bool) -> Iterable[Any]:
    if everything:
        return look.state.timeline()
    return (entry for one in items for entry in look.state.timeline(one.id))


def _of_items(read: Callable[[Look, str | None], Iterable[Any]]) -> Callable[[Look, list[Item], bool], Iterable[Any]]:
    """Reads all at once, or what each item has."""

    def found(look: Look, items: list[Item], everything: bool) -> Iterable[Any]:
        return read(look, None) if everything else (each for one in items for each in read(look, one.id))

    return found


def _inbox(look: Look, items: list[Item], everything: bool) -> Iterable[Any]:
    ids = {one.id for one in items}
    return (one for one in look.state.notices() if everything or one.item in ids)


_READ: dict[str, Callable[[Look, list[Item], bool], Iterable[Any]]] = {
    "items": _items,
    "contacts": _contacts,
    "companies": _companies,
    "timeline": _timeline,
    "pending": lambda look, items, _: (view for one in items for view in pending_of(look, one)),
    "outbox": _of_items(lambda look, item: look.state.deliveries(item=item)),
    "tasks": _of_items(lambda look, item: [*look.state.tasks(item=item), *look.state.activities(item=item)]),
    "bookings": _of_items(lambda look, item: look.state.all_bookings(item=item)),
    "feed": _of_items(lambda look, item: look.state.posts(item)),
    "inbox": _inbox,
    "documents": lambda look, items, _: (paper for one in items for paper in look.state.documents(one.id)),
    "exceptions": lambda look, _, __: look.state.exemptions(),
}
