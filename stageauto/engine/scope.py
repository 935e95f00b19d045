"""The names that templates and conditions may use, made only when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stageauto.engine.document_facts import latest
from stageauto.engine.document_facts import view as document_view
from stageauto.engine.fields import readable
from stageauto.engine.model import EMPTY, MOMENTS
from stageauto.engine.schedule import to_local
from stageauto.engine.state import Company, Contact, Item, Run

if TYPE_CHECKING:
    from stageauto.engine.draft import Draft
    from stageauto.engine.model import Field, User

CONTACT_NAMES = (
    "id", "first_name", "last_name", "name", "emails", "phones", "chats", "email", "phone", "language", "timezone",
    "opt_out", "company",
)  # fmt: skip
COMPANY_NAMES = ("id", "name", "emails", "phones", "email", "phone")
USER_NAMES = ("id", "name", "email", "phone", "roles", "manager", "mailbox", "calendar")
PIPELINE_NAMES = ("id", "name", "entity")
STAGE_NAMES = ("id", "name", "kind")
EVENT_NAMES = ("id", "type", "at", "source")
ITEM_NAMES = (
    "id", "title", "stage", "pipeline", "responsible", "contact", "contacts", "company", "created_at",
    "stage_entered_at", "source", "tags", "repeat", "links",
)  # fmt: skip
DOCUMENT_NAMES = ("id", "name", "number", "template", "state", "link", "data")
ROOT_NAMES = (
    "item", "contact", "contacts", "company", "responsible", "users", "vars", "pipeline", "stage", "now", "event",
    "results", "document",
)  # fmt: skip


class Scope(dict[str, Any]):
    """A mapping of the root names. Values are plain data, worked out on first use."""

    __slots__ = ("_draft", "_event", "_item", "_now", "_visit")

    def __init__(
        self,
        draft: Draft,
        now: int,
        item: Item | None,
        *,
        event: Mapping[str, Any] | None = None,
        visit: int | None = None,
    ) -> None:
        self._draft = draft
        self._now = now
        self._item = item
        self._event = event
        self._visit = visit if visit is not None else (item.visit if item else 0)

    def __missing__(self, name: str) -> Any:
        if name == "item":  # nearly always asked for: on a short way
            value = None if self._item is None else _item_view(self._draft, self._item)
        elif name in _MAKERS:
            value = _MAKERS[name](self)
        else:
            raise KeyError(name)
        self[name] = value
        return value

    def __contains__(self, name: object) -> bool:
        return name == "item" or name in _MAKERS

    def get(self, name: str, default: Any = None) -> Any:
        """Like a look-up, which makes the value; the default for a name that is none."""
        return self[name] if name == "item" or name in _MAKERS else default

    def _make_contact(self) -> Any:
        contacts = self["contacts"]
        return contacts[0] if contacts else None

    def _make_contacts(self) -> Any:
        return _contacts_of(self._draft, self._item) if self._item else []

    def _make_company(self) -> Any:
        return _company_of(self._draft, self._item) if self._item else None

    def _make_responsible(self) -> Any:
        user = self._draft.workspace.users.get((self._item and self._item.responsible) or "")
        return user_view(user) if user else None

    def _make_users(self) -> Any:
        return {user.id: user_view(user) for user in self._draft.workspace.users.values()}

    def _make_vars(self) -> Any:
        return self._draft.workspace.vars

    def _make_pipeline(self) -> Any:
        pipeline = self._draft.workspace.pipelines.get(self._item.pipeline if self._item else "")
        return {"id": pipeline.id, "name": pipeline.name, "entity": pipeline.entity} if pipeline else None

    def _make_stage(self) -> Any:
        item = self._item
        pipeline = self._draft.workspace.pipelines.get(item.pipeline) if item else None
        stage = pipeline.stage_by_id.get(item.stage) if pipeline and item else None
        return {"id": stage.id, "name": stage.name, "kind": stage.kind} if stage else None

    def _make_now(self) -> Any:
        return to_local(self._now, self._draft.workspace.zone)

    def _make_event(self) -> Any:
        return None if self._event is None else _EventView(self._draft, self._event)

    def _make_document(self) -> Any:
        found = latest(self._draft.documents(self._item.id)) if self._item else None
        return document_view(found) if found else None

    def _make_results(self) -> Any:
        if self._item is None:
            return {}
        runs = [run for run in self._item.runs.values() if run.visit == self._visit]
        return {run.rule: result_view(run) for run in runs}


class _View(dict[str, Any]):
    """Plain data whose values are made when they are asked for: a decision reads few of them.

    `_names` are those that are there for whoever goes through all. It knows nothing of its scope: a circle of the two
    would keep every decision, and all that it read, until somebody looks for garbage.
    """

    __slots__ = ("_draft",)

    _draft: Draft

    def _names(self) -> Iterator[str]:
        raise AssertionError

    def _filled(self) -> Mapping[str, Any]:
        """All of it, made."""
        return {name: self[name] for name in self._names()}

    def __contains__(self, name: object) -> bool:
        try:
            self[name]  # type: ignore[index]
        except (KeyError, TypeError):
            return False
        return True

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:
        return iter(self._filled())

    def __len__(self) -> int:
        return len(self._filled())

    def __eq__(self, other: object) -> bool:
        return self._filled() == (other._filled() if isinstance(other, _View) else other)

    __hash__ = None

    def __repr__(self) -> str:
        return repr(self._filled())

    def keys(self) -> Any:
        return self._filled().keys()

    def values(self) -> Any:
        return self._filled().values()

    def items(self) -> Any:
        return self._filled().items()


class _ItemView(_View):
    """An item: its fields, and what every item has."""

    __slots__ = ("_fields", "_item")

    _item: Item
    _fields: Mapping[str, Field]

    def _names(self) -> Iterator[str]:
        yield from self._fields
        yield from _PLAIN

    def __missing__(self, name: str) -> Any:
        field = self._fields.get(name)
        if field is not None:
            value = self._item.fields.get(name)
            if value is not None and field.type in MOMENTS:
                value = readable(field, value, self._draft.workspace.zone)
        elif name in _PLAIN:
            value = getattr(self._item, name)
        elif name == "contacts":
            value = _contacts_of(self._draft, self._item)
        elif name == "contact":
            value = next(iter(self["contacts"]), None)
        elif name == "company":
            value = _company_of(self._draft, self._item)
        elif name in {"created_at", "stage_entered_at"}:
            value = to_local(getattr(self._item, name), self._draft.workspace.zone)
        else:
            raise KeyError(name)
        self[name] = value
        return value


def _item_view(draft: Draft, item: Item) -> _ItemView:
    pipeline = draft.workspace.pipelines.get(item.pipeline)
    if pipeline is not None and pipeline.names.issuperset(item.fields):
        view = _ItemView(item.fields)
        for name in pipeline.moments:
            view.pop(name, None)
        view["title"] = item.title  # what is asked for most; no field can be called so
    else:
        view = _ItemView()
    view._draft = draft  # noqa: SLF001 - this stands for its `__init__`, which would be one call more
    view._item = item  # noqa: SLF001
    view._fields = EMPTY if pipeline is None else pipeline.fields
    return view


class _EventView(_View):
    """An event: its data, and the names that every event has, which win."""

    __slots__ = ("_event",)

    def __init__(self, draft: Draft, event: Mapping[str, Any]) -> None:
        self._draft, self._event = draft, event

    def _names(self) -> Iterator[str]:
        yield from dict.fromkeys((*(self._event.get("data") or ()), *EVENT_NAMES))

    def __missing__(self, name: str) -> Any:
        event = self._event
        if name == "at":
            at = event.get("at")
            value = to_local(at, self._draft.workspace.zone) if at is not None else None
        elif name in EVENT_NAMES:
            value = event.get(name)
        else:
            value = (event.get("data") or EMPTY)[name]
        self[name] = value
        return value


def _contacts_of(draft: Draft, item: Item) -> list[dict[str, Any]]:
    found = (draft.contact(contact_id) for contact_id in item.contacts)
    return [contact_view(contact) for contact in found if contact is not None]


def _company_of(draft: Draft, item: Item) -> dict[str, Any] | None:
    company = draft.company(item.company) if item.company is not None else None
    return company_view(company) if company else None


def contact_view(contact: Contact) -> dict[str, Any]:
    """A contact as plain data."""
    return {
        "id": contact.id,
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "name": f"{contact.first_name} {contact.last_name}".strip(),
        "emails": contact.emails,
        "phones": contact.phones,
        "chats": contact.chats,
        "email": contact.emails[0]["value"] if contact.emails else None,
        "phone": contact.phones[0]["value"] if contact.phones else None,
        "language": contact.language,
        "timezone": contact.timezone,
        "opt_out": contact.opt_out,
        "company": contact.company,
    }


def company_view(company: Company) -> dict[str, Any]:
    """A company as plain data."""
    return {
        "id": company.id,
        "name": company.name,
        "emails": company.emails,
        "phones": company.phones,
        "email": company.emails[0]["value"] if company.emails else None,
        "phone": company.phones[0]["value"] if company.phones else None,
    }


def user_view(user: User) -> dict[str, Any]:
    """A user as plain data."""
    return {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "phone": user.phone,
        "roles": list(user.roles),
        "manager": user.manager,
        "mailbox": user.mailbox,
        "calendar": user.calendar,
    }


def result_view(run: Run) -> dict[str, Any]:
    """What a run produced, as plain data."""
    return {
        **run.result,
        "outcome": None if run.living else run.state,
        "because": run.code or run.because,
        "reason": run.because,
    }


_PLAIN = ("id", "title", "stage", "pipeline", "responsible", "source", "tags", "repeat", "links")
_MAKERS = {name: getattr(Scope, f"_make_{name}") for name in ROOT_NAMES if name != "item"}
