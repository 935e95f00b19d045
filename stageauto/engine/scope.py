"""The names that templates and conditions may use, made only when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stageauto.engine.document_facts import latest
from stageauto.engine.document_facts import view as document_view
from stageauto.engine.fields import MOMENTS, readable
from stageauto.engine.schedule import to_local
from stageauto.engine.state import Company, Contact, Item, Run

if TYPE_CHECKING:
    from stageauto.engine.draft import Draft
    from stageauto.engine.model import User

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
        super().__init__()
        self._draft, self._now, self._item, self._event = draft, now, item, event
        self._visit = visit if visit is not None else (item.visit if item else 0)

    def __missing__(self, name: str) -> Any:
        maker = _MAKERS.get(name)
        if maker is None:
            raise KeyError(name)
        value = maker(self)
        self[name] = value
        return value

    def __contains__(self, name: object) -> bool:
        return name in _MAKERS

    def get(self, name: str, default: Any = None) -> Any:
        """Like a look-up, which makes the value; the default for a name that is none."""
        return self[name] if name in _MAKERS else default

    def _make_item(self) -> Mapping[str, Any] | None:
        item = self._item
        if item is None:
            return None
        zone = self._draft.workspace.zone
        pipeline = self._draft.workspace.pipelines.get(item.pipeline)
        view: dict[str, Any] = _LazyItem(self)
        if pipeline is not None:
            values = item.fields
            for name, field in pipeline.fields.items():
                value = values.get(name)
                # Asked here, not in `readable`: this is done at every decision, and most fields are no moments.
                view[name] = value if value is None or field.type not in MOMENTS else readable(field, value, zone)
        view.update(
            id=item.id, title=item.title, stage=item.stage, pipeline=item.pipeline, responsible=item.responsible,
            source=item.source, tags=item.tags, repeat=item.repeat, links=item.links,
        )  # fmt: skip
        return view

    def _make_contact(self) -> Any:
        contacts = self["contacts"]
        return contacts[0] if contacts else None

    def _make_contacts(self) -> Any:
        if self._item is None:
            return []
        found = (self._draft.contact(contact_id) for contact_id in self._item.contacts)
        return [contact_view(contact) for contact in found if contact is not None]

    def _make_company(self) -> Any:
        if self._item is None or self._item.company is None:
            return None
        company = self._draft.company(self._item.company)
        return company_view(company) if company else None

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
        event = self._event
        if event is None:
            return None
        at = event.get("at")
        view = dict(event.get("data") or {})
        view.update(
            id=event.get("id"), type=event.get("type"), source=event.get("source"),
            at=to_local(at, self._draft.workspace.zone) if at is not None else None,
        )  # fmt: skip
        return view

    def _make_document(self) -> Any:
        found = latest(self._draft.documents(self._item.id)) if self._item else None
        return document_view(found) if found else None

    def _make_results(self) -> Any:
        if self._item is None:
            return {}
        runs = [run for run in self._item.runs.values() if run.visit == self._visit]
        return {run.rule: result_view(run) for run in runs}


class _LazyItem(dict[str, Any]):
    """The item's view; what needs another read is made on first use."""

    __slots__ = ("_scope",)

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self._scope = scope

    def __missing__(self, name: str) -> Any:
        if name in ("contact", "contacts", "company"):
            value = self._scope[name]
        elif name in ("created_at", "stage_entered_at"):
            value = to_local(getattr(self._scope._item, name), self._scope._draft.workspace.zone)  # noqa: SLF001 - same module
        else:
            raise KeyError(name)
        self[name] = value
        return value

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in ITEM_NAMES

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default


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


_MAKERS = {name: getattr(Scope, f"_make_{name}") for name in ROOT_NAMES}
