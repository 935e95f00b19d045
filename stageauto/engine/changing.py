"""Changes of an item's own data: fields, creation, deletion; by whomever (SEMANTICS 5, 8, 21)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stageauto.engine import visits
from stageauto.engine.draft import Draft
from stageauto.engine.fields import BUILT_IN, READ_ONLY, BadValueError, coerce
from stageauto.engine.model import Field, Pipeline, Stage
from stageauto.engine.state import Item, item_of


def field_of(pipeline: Pipeline, name: str) -> Field:
    """The field of that name, built-in ones too. Raises BadValueError for one not there or not to be written."""
    field = pipeline.fields.get(name) or BUILT_IN.get(name)
    if field is None:
        hint = (
            "only the engine writes it; move the item instead" if name in READ_ONLY else "see the pipeline's `fields:`"
        )
        raise BadValueError(f"`{name}` is not a field that can be set in {pipeline.id}", hint)
    return field


def prepare(draft: Draft, pipeline: Pipeline, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values made fit for the pipeline's fields. Raises BadValueError before anything is changed."""
    zone = draft.workspace.zone
    ready = {}
    for name, value in values.items():
        field = field_of(pipeline, name)
        ready[name] = made = coerce(field, value, zone)
        if field.type == "user" and made is not None:
            _known_users(draft, name, made)
    return ready


def _known_users(draft: Draft, name: str, value: Any) -> None:
    users = draft.workspace.users
    for user in value if isinstance(value, list) else [value]:
        if users and user not in users:
            raise BadValueError(f"`{user}` is not a user (field `{name}`)", f"users are {', '.join(users)}")


def change_fields(
    draft: Draft, item: Item, values: Mapping[str, Any], now: int, author: str, cascade: tuple[str, ...] = ()
) -> list[str]:
    """Writes fields, works out again what hangs on them, and emits `field.changed`; gives the names that changed.

    Raises BadValueError, and then nothing is changed.
    """
    ready = prepare(draft, draft.workspace.pipelines[item.pipeline], values)
    changes = [(name, was, value) for name, value in ready.items() if (was := put(item, name, value)) != value]
    if not changes:
        return []
    draft.touch(item)
    data = {"changes": [{"field": name, "was": was, "to": value} for name, was, value in changes]}
    draft.record(now, "changed", item.id, author, data)
    announce(draft, item, changes, now, cascade)
    return [name for name, _, _ in changes]


def put(item: Item, name: str, value: Any) -> Any:
    """Writes one prepared value; gives what was there before."""
    if name in BUILT_IN:
        return _put_built_in(item, name, value)
    was = item.fields.get(name)
    if value is None:
        item.fields.pop(name, None)
    else:
        item.fields[name] = value
    return was


def _put_built_in(item: Item, name: str, value: Any) -> Any:
    if name == "contact":
        was = item.contacts[0] if item.contacts else None
        rest = [one for one in item.contacts if one not in (was, value)]
        item.contacts = [value, *rest] if value is not None else rest
        return was
    was = getattr(item, name)
    empty: Any = {"tags": [], "contacts": [], "title": "", "source": "", "repeat": False}.get(name)
    setattr(item, name, empty if value is None else value)
    return None if was == empty else was


def announce(draft: Draft, item: Item, changes: list[tuple[str, Any, Any]], now: int, cascade: tuple[str, ...]) -> None:
    """Works out moments again and emits the events of changed fields."""
    for name, was, value in changes:
        visits.replan(draft, item, now, name, cascade)
        if name == "responsible":
            visits.emit(draft, item, "responsible.changed", {"was": was, "to": value}, now, cascade)
        visits.emit(draft, item, "field.changed", {"field": name, "was": was, "to": value}, now, cascade)


def new_item(  # noqa: PLR0913 - what an item begins with, most of it by name
    draft: Draft,
    pipeline: Pipeline,
    stage: Stage | None,
    values: Mapping[str, Any],
    now: int,
    *,
    author: str,
    source: str = "",
    contacts: list[str] | None = None,
    company: str | None = None,
    cascade: tuple[str, ...] = (),
    event: Mapping[str, Any] | None = None,
    why: Mapping[str, Any] | None = None,
    item_id: str | None = None,
    silent: bool = False,
    enter: bool = True,
) -> Item:
    """A new item in a stage (default: the first), with the defaults of its fields. Raises BadValueError.

    `silent`, `enter=False`: a scenario's given items are all made first and entered then, without events.
    """
    target = stage or pipeline.stages[0]
    item = item_of(
        id=item_id or draft.unused_id(pipeline.entity, draft.item),
        pipeline=pipeline.id,
        stage=target.id,
        title="",
        created_at=now,
        stage_entered_at=now,
        order=draft.next_seq(),
        contacts=contacts or [],
        company=company,
        source=source,
        closed=target.closed,
    )
    zone = draft.workspace.zone
    for field in pipeline.fields.values():
        if field.default is not None:
            put(item, field.name, coerce(field, field.default, zone))
    for name, value in prepare(draft, pipeline, {k: v for k, v in values.items() if v is not None}).items():
        put(item, name, value)
    draft.put_item(item)
    if not silent:
        draft.record(now, "created", item.id, author, {"pipeline": pipeline.id, "title": item.title, **(why or {})})
    if enter:
        if not silent:
            visits.emit(draft, item, "item.created", {"pipeline": pipeline.id, "stage": target.id}, now, cascade)
        visits.enter(
            draft, item, target, now, author=author, why=why or {}, cascade=cascade, event=event, created=True,
            silent=silent,
        )  # fmt: skip
    return item


def missing_required(draft: Draft, item: Item) -> list[str]:
    """The names of required fields that are empty."""
    pipeline = draft.workspace.pipelines[item.pipeline]
    return [field.name for field in pipeline.fields.values() if field.required and item.fields.get(field.name) is None]


def delete_item(draft: Draft, item: Item, now: int, author: str) -> None:
    """Deletes the item: everything pending is cancelled, its timeline is kept."""
    if item.deleted:
        return
    cancelled = visits.leave(draft, item, now, "item_deleted", "the item was deleted", everything=True)
    item.deleted = True
    item.deadlines.clear()
    draft.touch(item)
    draft.record(now, "deleted", item.id, author, {"cancelled": cancelled} if cancelled else {})
