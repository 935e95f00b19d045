"""What an event does: whom it concerns, which waits it ends, which trigger moves the item, what intake creates.

Source: SEMANTICS 13 and 16-21.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any

from stageauto.engine import chats, documents, people, visits
from stageauto.engine.changing import announce, new_item, prepare, put
from stageauto.engine.choosing import choose, matches
from stageauto.engine.draft import Draft
from stageauto.engine.event_types import EventType
from stageauto.engine.fields import BadValueError
from stageauto.engine.guard import admit
from stageauto.engine.incoming import heeded, is_own, keep_files, mark_bounced
from stageauto.engine.model import Event, Intake, Pipeline, Stage, Trigger
from stageauto.engine.outgoing import known_addresses
from stageauto.engine.refusals import GUARD, Refusal
from stageauto.engine.runs import match_waits
from stageauto.engine.scope import Scope
from stageauto.engine.state import Contact, Entry, Exemption, Item, item_of

MOVED, NO_EFFECT, CREATED, DUPLICATE, UNMATCHED = "moved", "no_effect", "created", "duplicate", "unmatched"
DROPPED_WHEN_EXCEPTED = ("email.received", "call.received", "call.missed", "call.finished", "sms.received")
UNSUBSCRIBED = "email.unsubscribed"
THIRD_PARTY = EventType("app.*", "an event of a third party", open_data=True)


@dataclass(slots=True)
class Effect:
    """What became of an event."""

    items: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    moved_to: str | None = None
    waits: bool = False
    found: bool = False
    dropped: bool = False

    @property
    def outcome(self) -> str:
        """The event's outcome in one word."""
        if self.moved_to is not None:
            return MOVED
        if self.created:
            return CREATED
        return NO_EFFECT if self.found or self.waits or self.dropped else UNMATCHED


def kind_of(draft: Draft, event: Event) -> EventType:
    """What is known of the event's kind; an event of a third party that says nothing of itself is any `app.*`."""
    events = draft.workspace.events
    return events.get(event.type) or events.get(THIRD_PARTY.name) or THIRD_PARTY


def handle(draft: Draft, event: Event) -> Effect:
    """Carries out an event, without what it sets going: that is due at once and comes next."""
    effect = Effect()
    event = documents.note(draft, event)
    if chats.of_staff(draft, event):
        effect.found = True
        return effect
    before = chats.begins(draft, event)
    if before is not None:
        _route(draft, before, effect)
    _route(draft, event, effect)
    return effect


def _route(draft: Draft, event: Event, effect: Effect) -> None:
    kind = kind_of(draft, event)
    item = draft.item(event.item) if event.item is not None else _item_of_token(draft, event, kind)
    if item is None and event.item is None:
        item = chats.invited(draft, event)
    if item is not None and not item.deleted:
        chats.tie(draft, item, event)
    mark_bounced(draft, event, item)
    chats.keep(draft, event)
    if event.type == UNSUBSCRIBED:
        _opt_out(draft, event, kind, item)
    if is_own(draft, event) or (event.type in DROPPED_WHEN_EXCEPTED and _drop(draft, event, kind, item)):
        effect.dropped = True
    elif item is not None:
        _concern(draft, item, event, kind, effect)
    elif event.item is None:
        _from_contact(draft, event, kind, effect)


def _drop(draft: Draft, event: Event, kind: EventType, item: Item | None) -> bool:
    """Whether the event comes from a customer on the exceptions list; then it is counted there, nothing more is done.

    An event that does not say from whom it comes is of the customer of the item it names.
    """
    values = contact_values(event, kind)
    contact = _find_contact(draft, values)
    if not values and item is not None and item.contacts:
        contact = draft.contact(item.contacts[0])
    if contact is not None:
        values = known_addresses(contact, values)
    listed = draft.exempt(values) if values else None
    if listed is None:
        return False
    which = "email" if "@" in listed else "phone"
    draft.put_exemption(Exemption(which, listed, event.at, dropped=1))
    return True


def _opt_out(draft: Draft, event: Event, kind: EventType, item: Item | None) -> None:
    """The customer wants no more mail: noted at the contact, and in the history of the item."""
    contact = _find_contact(draft, contact_values(event, kind))
    if contact is None and item is not None and item.contacts:
        contact = draft.contact(item.contacts[0])
    if contact is None or "mail" in contact.opt_out or "*" in contact.opt_out:
        return
    contact.opt_out = [*contact.opt_out, "mail"]
    draft.put_contact(contact)
    if item is None:  # what the customer wants stands where people look for it
        item = next((one for one in reversed(draft.items_of_contact(contact.id)) if not one.closed), None)
    data = {"contact": contact.id, "channel": "mail"}
    draft.record(event.at, "opted_out", item.id if item else "", event.author or event.source, data)


def _concern(
    draft: Draft, item: Item, event: Event, kind: EventType, effect: Effect, *, only_all: bool = False
) -> bool:
    """One item and one event: waits first, then at most one move. True when it moved."""
    if item.deleted:
        return False
    effect.found = True
    if item.id not in effect.items:
        effect.items.append(item.id)
    if not only_all:
        event = keep_files(draft, item, event)
    line = None
    if not event.internal:
        data: dict[str, Any] = {"event": event.id, "type": event.type}
        if event.data:
            data["data"] = dict(event.data)
        line = draft.record(event.at, "event", item.id, event.author or event.source, data)
    if not only_all and heeded(kind, event.data, {}) and match_waits(draft, item, event, customer=kind.customer):
        effect.waits = True
    moved_to = offer(draft, item, event, only_all=only_all, line=line)
    if moved_to is not None:
        effect.moved_to = moved_to
        return True
    return False


# -- whom it concerns ------------------------------------------------------------------------------------------------


def _item_of_token(draft: Draft, event: Event, kind: EventType) -> Item | None:
    for key in kind.token_keys:
        value = event.data.get(key)
        tokens = value if isinstance(value, list | tuple) else str(value).split() if value else ()
        for token in map(str, reversed(tokens) if key == "references" else tokens):  # the newest of them first
            for what in ("message_id", "token", "document", "booking", "call"):
                item_id = draft.item_of_token(what, token)
                item = draft.item(item_id) if item_id else None
                if item is not None and not item.deleted:
                    return item
    return None


def contact_values(event: Event, kind: EventType) -> list[str]:
    """The ids and addresses in an event that may name its contact, best first."""
    values = [event.contact] if event.contact else []
    for key in kind.contact_keys:
        value = event.data.get(key)
        if isinstance(value, str | int) and str(value).strip():
            text = str(value).strip()
            values.append((parseaddr(text)[1] or text) if "@" in text else text)
    return values


def _find_contact(draft: Draft, values: Iterable[str]) -> Contact | None:
    for value in values:
        for contact_id in draft.find_contacts(value):
            contact = draft.contact(contact_id)
            if contact is not None:
                return contact
    return None


def _from_contact(draft: Draft, event: Event, kind: EventType, effect: Effect) -> None:
    values = contact_values(event, kind)
    contact = _find_contact(draft, values)
    moved_in: set[str] = set()
    open_in: set[str] = set()
    if contact is not None:
        _learn(draft, contact, event)
        newest_first = sorted(draft.items_of_contact(contact.id), key=_age, reverse=True)
        for item in newest_first:
            if item.closed:
                continue
            was = item.pipeline
            older = was in open_in
            open_in.add(was)
            if _concern(draft, item, event, kind, effect, only_all=older):
                moved_in.add(was)
    _intake(draft, event, contact, moved_in, open_in, effect)


def _age(item: Item) -> tuple[int, int]:
    return item.created_at, item.order


def _learn(draft: Draft, contact: Contact, event: Event) -> None:
    """Ties a visitor or chat id that came with a known contact to it."""
    values: dict[str, Any] = {"visitor": event.data["visitor"]} if event.data.get("visitor") else {}
    if event.data.get("chat"):
        values["chat"] = chats.address(event)
    if values and people.change_contact(contact, values):
        draft.put_contact(contact)


# -- triggers --------------------------------------------------------------------------------------------------------


def offer(
    draft: Draft,
    item: Item,
    event: Event,
    *,
    only_all: bool = False,
    triggers: Sequence[Trigger] | None = None,
    line: Entry | None = None,
) -> str | None:
    """Shows the event to the pipeline's triggers; gives the stage into which the first that holds moved the item.

    What kept the others from it goes into `line`, the event's line of history, or into one of its own.
    """
    pipeline = draft.pipeline(item)
    if pipeline is None:
        return None
    listening = pipeline.triggers_by_event.get(event.type, ()) if triggers is None else triggers
    if not listening:
        return None
    seen = as_dict(event)
    scope = Scope(draft, event.at, item, event=seen)
    # What the clock asks of all items again and again is not written down.
    traced = triggers is None
    choice = choose(pipeline, item, event, kind_of(draft, event), listening, scope, only_all=only_all, traced=traced)
    if choice.refused and traced:
        _note_refused(draft, item, event, choice.refused, line)
    if choice.trigger is None:
        return None
    moved_to = _fire(draft, item, pipeline, choice.trigger, event, scope, seen)
    if moved_to is None:
        _note_refused(draft, item, event, [[choice.trigger.id, GUARD, item.hold_reason]], line)
    return moved_to


def _note_refused(draft: Draft, item: Item, event: Event, refused: list[Refusal], line: Entry | None) -> None:
    if line is not None and not line.seq:  # not written yet
        line.data["refused"] = [*line.data.get("refused", ()), *refused]
        return
    data = {"event": event.id, "type": event.type, "refused": refused}
    draft.record(event.at, "refused", item.id, event.author or event.source, data)


def as_dict(event: Event) -> dict[str, Any]:
    """The event as it is kept with the visit it caused."""
    return {"id": event.id, "type": event.type, "at": event.at, "source": event.source, "data": dict(event.data)}


def _fire(  # noqa: PLR0913, PLR0917 - the item, the trigger, and the event in all its forms
    draft: Draft, item: Item, pipeline: Pipeline, trigger: Trigger, event: Event, scope: Scope, seen: dict[str, Any]
) -> str | None:
    name = f"trigger:{trigger.id}"
    cascade = admit(draft, item, f"{pipeline.id}/{trigger.stage}", event.cascade, event.at, name)
    if cascade is None:
        return None
    author = _on_behalf(draft, item, trigger, scope) or name
    changes = _written(draft, item, trigger.set, scope, event.at, name)
    why = {"trigger": trigger.id, "event": event.id or event.type, "type": event.type}
    visits.enter(
        draft, item, pipeline.stage_by_id[trigger.stage], event.at, author=author, why=why, cascade=cascade,
        event=seen,
    )  # fmt: skip
    announce(draft, item, changes, event.at, cascade)
    return trigger.stage


def _on_behalf(draft: Draft, item: Item, trigger: Trigger, scope: Scope) -> str | None:
    if trigger.move_as is None:
        return item.responsible
    user = trigger.move_as.render(scope)
    if user == "responsible":
        return item.responsible
    return user if user in draft.workspace.users else None


def _written(
    draft: Draft, item: Item, values: Mapping[str, Any], scope: Scope, now: int, author: str
) -> list[tuple[str, Any, Any]]:
    """Writes the fields that go with a move; a value that does not fit is left out and the timeline says so."""
    if not values:
        return []
    ready: dict[str, Any] = {}
    pipeline = draft.workspace.pipelines[item.pipeline]
    for field_name, template in values.items():  # all are worked out before the first is written
        try:
            ready |= prepare(draft, pipeline, {field_name: template.render(scope)})
        except BadValueError as error:
            draft.record(now, "bad_value", item.id, author, {"field": field_name, "because": str(error)})
    changes = []
    for field_name, value in ready.items():
        was = put(item, field_name, value)
        if was != value:
            changes.append((field_name, was, value))
    if changes:
        data = {"changes": [{"field": name, "was": was, "to": value} for name, was, value in changes]}
        draft.record(now, "changed", item.id, author, data)
    return changes


def sweep(draft: Draft, pipeline: Pipeline, triggers: Sequence[Trigger], now: int) -> list[str]:
    """The `schedule` triggers of a pipeline whose cron matches now, for all items they look at; gives who moved.

    Those that match at one moment are one event: an item is moved at most once.
    """
    stages = sorted({stage for trigger in triggers for stage in trigger.from_stages})
    moved = []
    for item in draft.items_in(pipeline.id, stages or None):
        event = Event(id="", type="schedule", at=now, source="clock", item=item.id, internal=True)
        if offer(draft, item, event, triggers=triggers) is not None:
            moved.append(item.id)
    return moved


# -- intake ----------------------------------------------------------------------------------------------------------


def _intake(
    draft: Draft, event: Event, contact: Contact | None, moved_in: set[str], open_in: set[str], effect: Effect
) -> None:
    for pipeline in draft.workspace.pipelines.values():
        if pipeline.id in moved_in:
            continue
        entry = _first_intake(draft, pipeline, event, contact)
        if entry is None or (entry.unless_open_contact and pipeline.id in open_in):
            continue
        if contact is None:
            contact = _contact_of(draft, event)
        _take_in(draft, pipeline, entry, event, contact, effect)


def _first_intake(draft: Draft, pipeline: Pipeline, event: Event, contact: Contact | None) -> Intake | None:
    kind = kind_of(draft, event)
    for entry in pipeline.intake:
        if entry.event != event.type or not matches(entry.where, event.data):
            continue
        if not heeded(kind, event.data, entry.where):
            continue
        if entry.condition is None:
            return entry
        scope = Scope(draft, event.at, _shell(pipeline, entry.stage, event, contact), event=as_dict(event))
        if entry.condition.holds(scope):
            return entry
    return None


def _contact_of(draft: Draft, event: Event) -> Contact | None:
    values = people.from_event(event.data, event.contact)
    if values.get("chat"):
        values["chat"] = chats.address(event)
    if not any(values.get(key) for key in ("email", "phone", "chat", "visitor", "first_name", "last_name", "name")):
        return None
    contact = people.new_contact(draft)
    people.change_contact(contact, values)
    draft.put_contact(contact)
    return contact


def _take_in(
    draft: Draft, pipeline: Pipeline, entry: Intake, event: Event, contact: Contact | None, effect: Effect
) -> None:
    name = f"intake:{entry.id}"
    stage: Stage = pipeline.stage_by_id[entry.stage]
    values: dict[str, Any] = {"title": _default_title(event, contact, pipeline)}
    shell = _shell(pipeline, entry.stage, event, contact)
    scope = Scope(draft, event.at, shell, event=as_dict(event))
    bad = []
    for field_name, template in entry.set.items():
        try:
            value = template.render(scope)
            prepare(draft, pipeline, {field_name: value})
            values[field_name] = value
        except BadValueError as error:
            bad.append({"field": field_name, "because": str(error)})
    item = new_item(
        draft, pipeline, stage, values, event.at, author=name, source=event.source or event.type,
        contacts=[contact.id] if contact else [], company=contact.company if contact else None,
        cascade=event.cascade, event=as_dict(event), why={"intake": entry.id, "event": event.id},
    )  # fmt: skip
    for one in bad:
        draft.record(event.at, "bad_value", item.id, name, one)
    keep_files(draft, item, event)
    effect.created.append(item.id)
    effect.items.append(item.id)


def _shell(pipeline: Pipeline, stage: str, event: Event, contact: Contact | None) -> Item:
    """What templates and conditions of intake see of the item to come: where it will be, and whose."""
    return item_of(
        id="", pipeline=pipeline.id, stage=stage, title="", created_at=event.at, stage_entered_at=event.at,
        contacts=[contact.id] if contact else [], company=contact.company if contact else None,
    )  # fmt: skip


def _default_title(event: Event, contact: Contact | None, pipeline: Pipeline) -> str:
    if event.data.get("subject"):
        return str(event.data["subject"])
    if contact is not None and (contact.first_name or contact.last_name):
        return f"{contact.first_name} {contact.last_name}".strip()
    return pipeline.entity.capitalize()


def internal(draft: Draft, event: Event) -> None:
    """An event that the engine made about an item."""
    item = draft.item(event.item or "")
    if item is None or item.deleted:
        return
    kind = kind_of(draft, event)
    _concern(draft, item, event, kind, Effect())


def settle(draft: Draft) -> None:
    """Handles the events that the engine made, until there are none left."""
    while draft.queue:
        internal(draft, draft.queue.popleft())
