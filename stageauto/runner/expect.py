"""Whether what happened is what a scenario expects, and if not, what to say about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from stageauto.engine.addresses import normal
from stageauto.engine.changing import field_of
from stageauto.engine.fields import BadValueError, coerce
from stageauto.engine.model import Place, Workspace
from stageauto.engine.scalars import source_text
from stageauto.engine.schedule import LocalTimeError, parse_local, to_local
from stageauto.engine.scope import company_view
from stageauto.engine.state import Entry as Line
from stageauto.engine.state import Item, Journal
from stageauto.loader.scenario import Expect, ExpectedItem
from stageauto.runner import observe
from stageauto.runner.patterns import as_pattern
from stageauto.store.sqlite_state import SqliteReader

PEOPLE = ("contact", "contacts", "company")
MOMENTS = ("at", "due", "start", "end", "deadline", "created_at", "completed_at", "stage_entered_at")


@dataclasses.dataclass(frozen=True, slots=True)
class Miss:
    """One expectation that failed: where it stands, what was expected, what was found instead."""

    place: Place
    message: str
    expected: str
    found: tuple[str, ...] = ()
    item: str | None = None


class Checker:
    """Compares one `expect` with everything so far."""

    def __init__(
        self, workspace: Workspace, state: SqliteReader, given: Sequence[str], duplicates: Sequence[Journal] = ()
    ) -> None:
        self._workspace = workspace
        self._zone = workspace.zone
        self._state = state
        self._given = set(given)
        self._duplicates = duplicates  # events whose id was known: the journal has none of them
        self._lines = state.timeline()
        self._items = {item.id: item for item in state.items(include_deleted=True)}

    def check(self, expect: Expect) -> list[Miss]:
        """What failed, in the order of the file's keys."""
        misses = [miss for one in expect.items if (miss := self._item(one)) is not None]
        misses += self._moves(expect)
        for name, wanted in expect.lists.items():
            found = self._found(name)
            if name == "not_sent":
                misses += self._absent(wanted, found)
            else:
                place = expect.places.get(name, Place())
                misses += self._present(name, wanted, found, place, exactly=expect.exactly)
        return misses

    # -- items and moves ---------------------------------------------------------------------------------------------

    def _item(self, expected: ExpectedItem) -> Miss | None:
        item = self._items.get(expected.id)
        if expected.values is None:
            if item is None or item.deleted:
                return None
            message = f"item {expected.id} should be deleted"
            return Miss(expected.place, message, "deleted", (f"in {item.stage}",), item.id)
        if item is None or item.deleted:
            state = "was deleted" if item else "does not exist"
            return Miss(expected.place, f"item {expected.id} {state}", show(expected.values), (), expected.id)
        values = observe.item_values(item)
        wrong = self._wrong(expected.values, values, item)
        if not wrong:
            return None
        found = {name: values.get(name) if name != "fields" else self._fields(expected.values, item) for name in wrong}
        message = f"item {item.id}: {', '.join(wrong)} is not as expected"
        wanted = show({name: expected.values[name] for name in wrong})
        return Miss(expected.place, message, wanted, (show(found),), item.id)

    def _wrong(self, expected: Mapping[str, Any], values: Mapping[str, Any], item: Item) -> list[str]:
        return [
            name
            for name, value in expected.items()
            if not (self._fields_match(value, item) if name == "fields" else self.same(name, value, values.get(name)))
        ]

    def _fields(self, expected: Mapping[str, Any], item: Item) -> dict[str, Any]:
        return {name: item.fields.get(name) for name in expected.get("fields", {})}

    def _fields_match(self, expected: Mapping[str, Any], item: Item) -> bool:
        return all(self._field_matches(item, name, value) for name, value in expected.items())

    def _field_matches(self, item: Item, name: str, value: Any) -> bool:
        found = item.fields.get(name)
        pattern = as_pattern(value)
        if pattern is not None:
            return found is not None and pattern.found_in(str(found))
        pipeline = self._workspace.pipelines.get(item.pipeline)
        try:
            wanted = coerce(field_of(pipeline, name), value, self._zone) if pipeline else value
        except BadValueError:
            wanted = value
        return bool(wanted == found)

    def _moves(self, expect: Expect) -> list[Miss]:
        paths = observe.paths(self._lines)
        misses = []
        for item_id, wanted in expect.moves.items():
            found = paths.get(item_id, [])
            if list(wanted) != found:
                message = f"item {item_id} went another way"
                place = expect.places.get("moves", Place())
                wanted_path, path = (" > ".join(one) or "nowhere" for one in (wanted, found))
                misses.append(Miss(place, message, wanted_path, (path,), item_id))
        return misses

    # -- lists -------------------------------------------------------------------------------------------------------

    def _found(self, name: str) -> list[dict[str, Any]]:
        readers: dict[str, Callable[[], list[dict[str, Any]]]] = {
            "sent": lambda: observe.sent(self._state),
            "not_sent": lambda: observe.sent(self._state),
            "pending": lambda: observe.pending(self._items.values(), self._workspace),
            "outcomes": lambda: observe.outcomes(self._lines),
            "events": lambda: observe.events([*self._state.journal(), *self._duplicates]),
            "created": self._created,
            "tasks": lambda: [dataclasses.asdict(one) for one in self._state.tasks()],
            "activities": lambda: [dataclasses.asdict(one) for one in self._state.activities()],
            "bookings": lambda: [dataclasses.asdict(one) for one in self._state.all_bookings()],
            "documents": self._documents,
            "contacts": lambda: [observe.contact_values(one) for one in self._state.contacts()],
        }
        return readers[name]()

    def _documents(self) -> list[dict[str, Any]]:
        return [observe.document_values(one) for item in self._items for one in self._state.documents(item)]

    def _created(self) -> list[dict[str, Any]]:
        items = [one for one in self._items.values() if one.id not in self._given and not one.deleted]
        return [observe.item_values(one) for one in items]

    def _present(
        self, name: str, wanted: Sequence[Any], found: Sequence[dict[str, Any]], place: Place, *, exactly: bool
    ) -> list[Miss]:
        fits = [[index for index, one in enumerate(found) if self._entry(entry.values, one)] for entry in wanted]
        chosen = assign(fits)
        misses = [
            Miss(
                entry.place, f"{name}: nothing like this" + (" is left" if fits[index] else ""), show(entry.values),
                self._nearest(name, entry.values, found), _item_of(entry.values),
            )
            for index, entry in enumerate(wanted)
            if index not in chosen
        ]  # fmt: skip
        if exactly and not misses and len(found) > len(wanted):
            left = [one for index, one in enumerate(found) if index not in chosen.values()]
            message = f"{name}: {len(left)} more than expected (exactly: true)"
            shown = tuple(self._shown(name, one) for one in left)
            misses.append(Miss(place, message, f"{len(wanted)}", shown, _item_of(left[0])))
        return misses

    def _absent(self, wanted: Sequence[Any], found: Sequence[dict[str, Any]]) -> list[Miss]:
        misses = []
        for entry in wanted:
            hits = [one for one in found if self._entry(entry.values, one)]
            if hits:
                shown = tuple(self._shown("sent", one) for one in hits)
                unwanted, item = show(entry.values), hits[0].get("item")
                misses.append(Miss(entry.place, "not_sent: it was sent", unwanted, shown, item))
        return misses

    def _nearest(self, name: str, wanted: Mapping[str, Any], found: Sequence[dict[str, Any]]) -> tuple[str, ...]:
        def score(one: dict[str, Any]) -> int:
            return -sum(self._entry({key: value}, one) for key, value in wanted.items())

        return tuple(self._shown(name, one) for one in sorted(found, key=score)[:3])

    def _shown(self, name: str, one: Mapping[str, Any]) -> str:
        keys = SHOWN.get(name, tuple(one))
        return show({key: self._readable(key, one[key]) for key in keys if one.get(key) not in (None, "", [], {})})

    def _readable(self, key: str, value: Any) -> Any:
        return local(value, self._zone) if key in MOMENTS and isinstance(value, int) else value

    # -- one value ---------------------------------------------------------------------------------------------------

    def _entry(self, wanted: Mapping[str, Any], one: Mapping[str, Any]) -> bool:
        return all(self._key(key, value, one) for key, value in wanted.items())

    def _key(self, key: str, value: Any, one: Mapping[str, Any]) -> bool:
        if key == "because":
            return self._because(value, one)
        if key == "channel" and not self.same(key, value, one.get(key)):
            return self.same(key, value, one.get("kind"))
        if key == "item" and "items" in one:
            return value in one["items"] or self.same(key, value, one.get(key))
        if key == "fields":
            item = self._items.get(str(one.get("id")))
            return item is not None and self._fields_match(value, item)
        if key == "text" and isinstance(value, str):
            return self.same(key, value.strip(), str(one.get(key) or "").strip())
        return self.same(key, value, one.get(key))

    def _because(self, value: Any, one: Mapping[str, Any]) -> bool:
        texts = [str(one.get("code", "")), str(one.get("because", "")), *one.get("values", {})]
        pattern = as_pattern(value)
        if pattern is not None:
            return any(pattern.found_in(text) for text in texts)
        return any(str(value) in text for text in texts)

    def same(self, key: str, wanted: Any, found: Any) -> bool:  # noqa: PLR0911 - a table of cases
        """Whether a found value is what was wanted: a pattern, a local moment, a part of a mapping, or equal."""
        pattern = as_pattern(wanted)
        if pattern is not None:
            return found is not None and pattern.found_in(str(self._readable(key, found)))
        if key in MOMENTS and isinstance(found, int) and not isinstance(found, bool):
            try:
                return parse_local(str(wanted), self._zone) == found
            except LocalTimeError:
                return False
        if key == "to" and isinstance(found, str) and wanted not in (None, ""):
            return normal(source_text(wanted)) == normal(found)
        if key in PEOPLE and isinstance(found, str) and wanted not in (None, ""):
            return self._same_person(key, wanted, found)
        if isinstance(wanted, Mapping):
            return isinstance(found, Mapping) and all(self.same(k, v, found.get(k)) for k, v in wanted.items())
        if isinstance(found, list | tuple):
            return self._same_list(key, wanted, found)
        if isinstance(found, Mapping) and "value" in found:
            return bool(found["value"] == source_text(wanted))
        if wanted is None or wanted == "":
            return found is None or found == ""
        if isinstance(wanted, bool) or isinstance(found, bool):
            return wanted is found
        if isinstance(wanted, int | float) and isinstance(found, int | float):
            return wanted == found
        return source_text(wanted) == str(found)

    def _same_person(self, key: str, wanted: Any, found: str) -> bool:
        """Whether the contact or company of that id is what was wanted: an id, an address, or by its own words."""
        if not isinstance(wanted, Mapping):
            return source_text(wanted) == found or found in self._state.find_contacts(source_text(wanted))
        if key == "company":
            company = self._state.company(found)
            values = company_view(company) if company else {}
        else:
            contact = self._state.contact(found)
            values = observe.contact_values(contact) if contact else {}
        return all(self.same(name, value, values.get(name)) for name, value in wanted.items())

    def _same_list(self, key: str, wanted: Any, found: Sequence[Any]) -> bool:
        if not isinstance(wanted, list | tuple):
            return any(self.same(key, wanted, one) for one in found)
        return len(wanted) == len(found) and all(self.same(key, w, f) for w, f in zip(wanted, found, strict=True))


SHOWN = {
    "sent": ("do", "rule", "item", "channel", "to", "subject", "text", "at"),
    "pending": ("rule", "item", "due", "state", "waiting_for"),
    "outcomes": ("rule", "item", "outcome", "code", "because"),
    "events": ("event", "outcome", "item", "moved_to"),
    "created": ("id", "pipeline", "stage", "title", "fields"),
}


def assign(fits: Sequence[Sequence[int]]) -> dict[int, int]:
    """Gives each expectation an entry of its own, as many as can be (augmenting paths); expectation -> entry."""
    owner: dict[int, int] = {}

    def place(index: int, seen: set[int]) -> bool:
        for entry in fits[index]:
            if entry in seen:
                continue
            seen.add(entry)
            if entry not in owner or place(owner[entry], seen):
                owner[entry] = index
                return True
        return False

    for index in range(len(fits)):
        place(index, set())
    return {index: entry for entry, index in owner.items()}


def show(values: Any) -> str:
    """Values in one line, as an admin would write them."""
    if isinstance(values, Mapping):
        return "{" + ", ".join(f"{key}: {show(value)}" for key, value in values.items()) + "}"
    if isinstance(values, list | tuple):
        return "[" + ", ".join(show(one) for one in values) + "]"
    if values is None:
        return "null"
    text = source_text(values)
    return text if len(text) <= 120 else text[:117] + "..."


def local(ms: int, zone: ZoneInfo) -> str:
    """An instant as local text, to the minute where it is a full one.

    The second of two that the clocks call by the same time has its offset: without one a time is the first.
    """
    moment = to_local(ms, zone)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S" if moment.second else "%Y-%m-%dT%H:%M")
    return text + f"{moment:%z}"[:3] + ":" + f"{moment:%z}"[3:] if moment.fold else text


def around(lines: Sequence[Line], item: str | None, count: int = 12) -> list[Line]:
    """The last lines of the item's history, or of everybody's."""
    return [line for line in lines if item is None or line.item == item][-count:]


def _item_of(values: Mapping[str, Any]) -> str | None:
    found = values.get("item")
    return found if isinstance(found, str) and not found.startswith("/") else None
