"""Carries out what an action asked for, on the draft: one function per effect; a run ends where one gives an `End`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from stageauto.engine import documents, people, visits
from stageauto.engine import effects as fx
from stageauto.engine.changing import change_fields, delete_item, new_item, prepare
from stageauto.engine.doing import Doing
from stageauto.engine.effects import End
from stageauto.engine.fields import BadValueError
from stageauto.engine.guard import admit
from stageauto.engine.outgoing import key_of, send
from stageauto.engine.schedule import to_local
from stageauto.engine.state import (
    FAILED,
    UNDELIVERABLE,
    Activity,
    Booking,
    Delivery,
    Exemption,
    Item,
    Link,
    Notice,
    Post,
    Run,
    Task,
)

if TYPE_CHECKING:
    from stageauto.engine.model import Stage, User

E = TypeVar("E")


_DEEDS: dict[type, Callable[[Any, Doing], End | None]] = {}


def apply(effect: Any, doing: Doing) -> End | None:
    """Does one effect. Gives an `End` when the run is over because of it."""
    return _DEEDS[type(effect)](effect, doing)


def _does(kind: type[E]) -> Callable[[Callable[[E, Doing], End | None]], Callable[[E, Doing], End | None]]:
    """Marks the function that does effects of this kind."""

    def known(deed: Callable[[E, Doing], End | None]) -> Callable[[E, Doing], End | None]:
        _DEEDS[kind] = deed
        return deed

    return known


def misfit(effects: Sequence[Any], doing: Doing) -> End | None:
    """How the run ends where a value does not fit, asked before the first of several effects: all of them or none."""
    pipelines = doing.draft.workspace.pipelines
    for effect in effects:
        if isinstance(effect, fx.CreateItem) and effect.pipeline in pipelines:
            target, values = pipelines[effect.pipeline], effect.values
        elif isinstance(effect, fx.SetFields) and effect.item is None and not effect.append:
            target, values = pipelines[doing.item.pipeline], effect.values
        else:
            continue
        try:
            prepare(doing.draft, target, values)
        except BadValueError as error:
            return End(FAILED, "bad_value", str(error))
    return None


# -- the run itself --------------------------------------------------------------------------------------------------


@_does(fx.Send)
def _send(effect: fx.Send, doing: Doing) -> End | None:
    send(doing, effect)
    return None


@_does(fx.NotSent)
def _not_sent(effect: fx.NotSent, doing: Doing) -> End | None:
    send(doing, effect)
    return None


@_does(fx.Wait)
def _wait(effect: fx.Wait, doing: Doing) -> End | None:
    run = doing.run
    run.until, run.due, run.scheduled_at = tuple(effect.until), effect.end, doing.now
    doing.waits = True
    return None


@_does(End)
def _end(effect: End, _doing: Doing) -> End:
    return effect


# -- the item --------------------------------------------------------------------------------------------------------


@_does(fx.SetFields)
def _set_fields(effect: fx.SetFields, doing: Doing) -> End | None:
    item = doing.item if effect.item is None else doing.draft.item(effect.item)
    if item is None or item.deleted:
        return End(FAILED, "no_item", f"there is no item {effect.item}")
    values = {name: _appended(item, name, value) if effect.append else value for name, value in effect.values.items()}
    changed = change_fields(doing.draft, item, values, doing.now, doing.author, doing.run.cascade)
    doing.run.result.setdefault("changed", []).extend(changed)
    return None


def _appended(item: Item, name: str, value: Any) -> list[Any]:
    have = item.tags if name == "tags" else item.contacts if name == "contacts" else item.fields.get(name) or []
    more = value if isinstance(value, list | tuple) else [value]
    return [*have, *(one for one in more if one not in have)]


@_does(fx.Move)
def _move(effect: fx.Move, doing: Doing) -> End | None:
    draft, item = doing.draft, doing.item
    pipeline = draft.workspace.pipelines.get(effect.pipeline or item.pipeline)
    stage = pipeline.stage_by_id.get(effect.stage) if pipeline else None
    if pipeline is None or stage is None:
        return End(FAILED, "no_stage", f"there is no stage {effect.stage} in {effect.pipeline or item.pipeline}")
    if stage.id == item.stage and pipeline.id == item.pipeline:
        return None
    cascade = admit(draft, item, f"{pipeline.id}/{stage.id}", doing.run.cascade, doing.now, doing.author)
    if cascade is None:
        return End(FAILED, "loop_guard", "too many automatic moves: the item is on hold")
    target: Stage = stage
    event = item.entry_event if doing.run.visit == item.visit else None

    def go() -> None:
        if not item.deleted:
            visits.enter(
                draft, item, target, doing.now, author=doing.author, why={"rule": doing.rule.id}, cascade=cascade,
                pipeline=pipeline.id, event=event,
            )  # fmt: skip

    doing.afterwards.append(go)
    return None


@_does(fx.Assign)
def _assign(effect: fx.Assign, doing: Doing) -> End | None:
    users = [user for user in doing.draft.workspace.users.values() if effect.role in user.roles]
    if not users:
        return End(FAILED, "no_user", f"nobody has the role {effect.role}")
    chosen = _least_open(users, doing) if effect.by == "least_open" else _next_in_turn(effect.role, users, doing)
    doing.draft.put_assigned(effect.role, chosen)
    doing.run.result["responsible"] = chosen
    return _set_fields(fx.SetFields({"responsible": chosen}), doing)


def _least_open(users: Sequence[User], doing: Doing) -> str:
    counts = doing.draft.open_counts([user.id for user in users])
    return min(users, key=lambda user: counts.get(user.id, 0)).id  # ties: the order of the file


def _next_in_turn(role: str, users: Sequence[User], doing: Doing) -> str:
    ids = [user.id for user in users]
    last = doing.draft.last_assigned(role)
    return ids[(ids.index(last) + 1) % len(ids)] if last in ids else ids[0]


@_does(fx.CreateItem)
def _create_item(effect: fx.CreateItem, doing: Doing) -> End | None:
    draft, item = doing.draft, doing.item
    pipeline = draft.workspace.pipelines.get(effect.pipeline)
    stage = pipeline.stage_by_id.get(effect.stage or pipeline.stages[0].id) if pipeline else None
    if pipeline is None or stage is None:
        return End(FAILED, "no_stage", f"there is no stage {effect.stage} in {effect.pipeline}")
    cascade = admit(draft, item, f"new:{pipeline.id}", doing.run.cascade, doing.now, doing.author, creates=True)
    if cascade is None:
        return End(FAILED, "loop_guard", "too many items made without anything from outside: the item is on hold")
    made = new_item(
        draft, pipeline, stage, {"title": item.title, "responsible": item.responsible, **effect.values}, doing.now,
        author=doing.author, source=f"item:{item.id}", cascade=cascade,
        contacts=list(item.contacts if effect.contacts is None else effect.contacts),
        company=item.company if effect.company is None else effect.company, why={"rule": doing.rule.id},
    )  # fmt: skip
    doing.run.result[effect.as_name] = made.id
    if effect.link:
        _link(doing, item, made)
    return None


def _link(doing: Doing, one: Item, other: Item) -> None:
    for item, linked in ((one, other), (other, one)):
        if linked.id not in item.links:
            item.links.append(linked.id)
            doing.draft.touch(item)
            data = {"item": linked.id, "pipeline": linked.pipeline, "stage": linked.stage}
            doing.draft.record(doing.now, "linked", item.id, doing.author, data)
            visits.emit(doing.draft, item, "item.linked", data, doing.now, doing.run.cascade)


@_does(fx.DeleteItem)
def _delete(_effect: fx.DeleteItem, doing: Doing) -> End | None:
    doing.afterwards.append(lambda: delete_item(doing.draft, doing.item, doing.now, doing.author))
    return None


@_does(fx.PutContact)
def _put_contact(effect: fx.PutContact, doing: Doing) -> End | None:
    draft, item = doing.draft, doing.item
    made = effect.contact is None
    contact = people.new_contact(draft) if effect.contact is None else draft.contact(effect.contact)
    if contact is None:
        return End(FAILED, "no_contact", f"there is no contact {effect.contact}")
    changed = people.change_contact(contact, effect.values)
    draft.put_contact(contact)
    if made:
        change_fields(
            draft, item, {"contacts": [*item.contacts, contact.id]}, doing.now, doing.author, doing.run.cascade
        )
    if effect.mark_repeat:
        change_fields(draft, item, {"repeat": True}, doing.now, doing.author, doing.run.cascade)
    data = {"contact": contact.id, "changed": changed, "created": made}
    draft.record(doing.now, "contact", item.id, doing.author, data)
    doing.run.result[effect.as_name] = contact.id
    return None


@_does(fx.PutCompany)
def _put_company(effect: fx.PutCompany, doing: Doing) -> End | None:
    draft, item = doing.draft, doing.item
    made = effect.company is None
    company = people.new_company(draft) if effect.company is None else draft.company(effect.company)
    if company is None:
        return End(FAILED, "no_company", f"there is no company {effect.company}")
    changed = people.change_company(company, effect.values)
    draft.put_company(company)
    if made:
        change_fields(draft, item, {"company": company.id}, doing.now, doing.author, doing.run.cascade)
    data = {"company": company.id, "changed": changed, "created": made}
    draft.record(doing.now, "company", item.id, doing.author, data)
    doing.run.result[effect.as_name] = company.id
    return None


# -- for staff -------------------------------------------------------------------------------------------------------


@_does(fx.CreateTask)
def _create_task(effect: fx.CreateTask, doing: Doing) -> End | None:
    draft, item = doing.draft, doing.item
    task = Task(
        id=draft.new_id("task"),
        item=item.id,
        rule=doing.rule.id,
        stage=doing.run.stage,
        title=effect.title,
        description=effect.description,
        assignee=effect.assignee,
        participants=list(effect.participants),
        observers=list(effect.observers),
        deadline=effect.deadline,
        priority=effect.priority,
        checklist=[{"text": text, "done": False} for text in effect.checklist],
        tags=list(effect.tags),
        created_at=doing.now,
    )
    draft.put_task(task)
    if task.deadline is not None and task.deadline > doing.now:
        item.deadlines[task.id] = task.deadline
    draft.touch(item)
    doing.run.result["task"] = task.id
    draft.record(
        doing.now, "task", item.id, doing.author, {"task": task.id, "title": task.title, "assignee": task.assignee}
    )
    return None


@_does(fx.CompleteTasks)
def _complete_tasks(effect: fx.CompleteTasks, doing: Doing) -> End | None:
    for task in doing.draft.open_tasks(doing.item.id, effect.stage):
        people.complete_task(doing.draft, doing.item, task, doing.now, doing.author, doing.run.cascade)
    return None


@_does(fx.CreateActivity)
def _create_activity(effect: fx.CreateActivity, doing: Doing) -> End | None:
    activity = Activity(
        id=doing.draft.new_id(effect.kind),
        item=doing.item.id,
        rule=doing.rule.id,
        stage=doing.run.stage,
        kind=effect.kind,
        subject=effect.subject,
        description=effect.description,
        important=effect.important,
        complete_on_stage_change=effect.complete_on_stage_change,
        responsible=effect.responsible,
        attendees=list(effect.attendees),
        place=effect.place,
        start=effect.start,
        end=effect.end,
        due=effect.due,
        created_at=doing.now,
    )
    doing.draft.put_activity(activity)
    doing.item.has_activities = True
    doing.draft.touch(doing.item)
    doing.run.result["activity"] = activity.id
    data = {"activity": activity.id, "kind": activity.kind, "subject": activity.subject}
    doing.draft.record(doing.now, "activity", doing.item.id, doing.author, data)
    return None


@_does(fx.Notify)
def _notify(effect: fx.Notify, doing: Doing) -> End | None:
    draft, run = doing.draft, doing.run
    for user_id in effect.users:
        notice = Notice(
            id=draft.new_id("notice"), item=doing.item.id, rule=doing.rule.id, do=doing.rule.do, user=user_id,
            text=effect.text, sender=effect.sender, at=doing.now,
        )  # fmt: skip
        draft.put_notice(notice)
        _forward(doing, draft.workspace.users[user_id], notice)
    doing.notes["to"] = list(effect.users)
    run.result["notified"] = list(effect.users)
    return None


def _forward(doing: Doing, user: User, notice: Notice) -> None:
    """A notification's copies through the user's own channels (`notify: [mail]`)."""
    draft, run = doing.draft, doing.run
    for name in user.notify:
        channel = draft.workspace.channel(name)
        to = _address_for(user, channel.kind)
        if not to:
            continue
        run.deliveries += 1
        delivery_id = f"{run.id}:{run.deliveries}"
        subject = f"{doing.item.title or doing.item.id}: {notice.text}".split("\n", 1)[0][:100]
        message: dict[str, Any] = {"from": notice.sender, "to": to, "subject": subject, "text": notice.text}
        if channel.kind in ("chat", "sms") and notice.sender:
            message["text"] = f"{notice.sender}: {notice.text}"
        if channel.kind == "notify":
            message["title"] = doing.item.title
        elif channel.kind == "mail":
            message |= {"cc": [], "bcc": []}
        draft.put_delivery(
            Delivery(
                id=delivery_id, item=doing.item.id, run=run.id, rule=run.rule, pipeline=run.pipeline, do=doing.rule.do,
                channel=name, kind=channel.kind, to=to, key=key_of(draft, delivery_id), message=message, forward=True,
                due=doing.now, decided_at=doing.now,
            )
        )  # fmt: skip
    draft.touch(doing.item)


def _address_for(user: User, kind: str) -> str:
    """Where a channel of that kind reaches the user; one for notifications leads to its own place."""
    if kind in ("sms", "call", "whatsapp"):
        return user.phone
    if kind == "chat":
        return f"telegram:{user.telegram}" if user.telegram else ""
    return user.id if kind == "notify" else user.email


@_does(fx.PostToFeed)
def _post(effect: fx.PostToFeed, doing: Doing) -> End | None:
    post = Post(
        id=doing.draft.new_id("post"), item=doing.item.id, text=effect.text, author=doing.author, at=doing.now,
        to=list(effect.to),
    )  # fmt: skip
    doing.draft.put_post(post)
    doing.run.result["post"] = post.id
    doing.draft.record(doing.now, "post", doing.item.id, doing.author, {"post": post.id, "text": effect.text})
    return None


@_does(fx.Comment)
def _comment(effect: fx.Comment, doing: Doing) -> End | None:
    doing.draft.record(doing.now, "comment", doing.item.id, doing.author, {"text": effect.text})
    return None


@_does(fx.LogEntry)
def _log(effect: fx.LogEntry, doing: Doing) -> End | None:
    doing.draft.record(doing.now, "log", doing.item.id, doing.author, {"text": effect.text})
    return None


@_does(fx.ChatNote)
def _chat_note(effect: fx.ChatNote, doing: Doing) -> End | None:
    data: dict[str, Any] = {"rule": doing.rule.id, "chat": effect.chat, "text": effect.text}
    if effect.files:
        data["files"] = list(effect.files)
    doing.draft.record(doing.now, "chat_note", doing.item.id, doing.author, data)
    return None


@_does(fx.Invited)
def _invited(effect: fx.Invited, doing: Doing) -> End | None:
    if doing.run.open_deliveries:
        doing.draft.record(doing.now, "invited", doing.item.id, doing.author, {"to": effect.to, "bot": effect.bot})
    return None


# -- codes, bookings, exceptions -------------------------------------------------------------------------------------


@_does(fx.GenerateCode)
def _generate_code(effect: fx.GenerateCode, doing: Doing) -> End | None:
    for _ in range(100):
        code = effect.prefix + doing.draft.draw(effect.alphabet, effect.length)
        if not doing.draft.code_known(code):
            doing.draft.put_code(code)
            doing.run.result["code"] = code
            return _set_fields(fx.SetFields({effect.field: code}), doing)
    return End(FAILED, "no_code", "a hundred codes in a row were taken: make `length` or `alphabet` larger")


@_does(fx.Book)
def _book(effect: fx.Book, doing: Doing) -> End | None:
    draft, item = doing.draft, doing.item
    resource = draft.workspace.resources.get(effect.resource)
    if resource is None:
        return End(FAILED, "no_resource", f"there is no resource {effect.resource}")
    clash = people.clash(draft, resource, effect.start, effect.end)
    if clash is not None:
        return End(FAILED, "clash", f"{resource.name} is taken: {clash}")
    booking = Booking(
        id=draft.new_id("booking"), resource=resource.id, start=effect.start, end=effect.end, item=item.id,
        field=effect.field, user=effect.user, created_at=doing.now,
    )  # fmt: skip
    draft.put_booking(booking)
    draft.put_token("booking", booking.id, item.id)
    doing.run.result["booking"] = booking.id
    zone = draft.workspace.zone
    data = {"resource": resource.id, "booking": booking.id, "start": to_local(effect.start, zone).isoformat()}
    draft.record(doing.now, "booking", item.id, doing.author, data)
    _set_fields(fx.SetFields({effect.field: booking.id}), doing)
    visits.emit(draft, item, "resource.booked", data, doing.now, doing.run.cascade)
    return None


@_does(fx.CancelBooking)
def _cancel_booking(effect: fx.CancelBooking, doing: Doing) -> End | None:
    draft, item = doing.draft, doing.item
    booking_id = item.fields.get(effect.field)
    booking = draft.booking(booking_id) if booking_id else None
    if booking is None or booking.status != "active":
        return End(FAILED, "no_booking", f"the field {effect.field} holds no active booking")
    draft.put_booking(replace(booking, status="cancelled"))
    start = to_local(booking.start, draft.workspace.zone).isoformat()
    data = {"resource": booking.resource, "booking": booking.id, "start": start}
    draft.record(doing.now, "booking_cancelled", item.id, doing.author, data)
    _set_fields(fx.SetFields({effect.field: None}), doing)
    visits.emit(draft, item, "resource.cancelled", data, doing.now, doing.run.cascade)
    return None


@_does(fx.AddException)
def _add_exception(effect: fx.AddException, doing: Doing) -> End | None:
    contact = doing.draft.contact(effect.contact)
    values = [*contact.emails, *contact.phones] if contact else []
    if not values:
        return End(UNDELIVERABLE, "no_address", "the customer has neither e-mail nor phone to put on the list")
    for one in values:
        kind = "email" if "@" in one["value"] else "phone"
        doing.draft.put_exemption(Exemption(kind, one["value"], doing.now, doing.author))
    data = {"addresses": [one["value"] for one in values]}
    doing.draft.record(doing.now, "excepted", doing.item.id, doing.author, data)
    return None


# -- flow ------------------------------------------------------------------------------------------------------------


@_does(fx.StartRules)
def _start_rules(effect: fx.StartRules, doing: Doing) -> End | None:
    draft, item = doing.draft, doing.item
    pipeline = draft.pipeline(item)
    stage = pipeline.stage_by_id.get(effect.stage) if pipeline else None
    if stage is None:
        return End(FAILED, "no_stage", f"there is no stage {effect.stage} in {item.pipeline}")
    cascade = admit(draft, item, f"rules:{stage.id}", doing.run.cascade, doing.now, doing.author, creates=True)
    if cascade is None:
        return End(FAILED, "loop_guard", "rules that start each other without end: the item is on hold")
    rules = [rule for rule in stage.rules if rule.enabled and (rule.id in effect.rules or not effect.rules)]
    started = visits.start_rules(draft, item, rules, doing.now, cascade, doing.author)
    draft.record(doing.now, "rules_started", item.id, doing.author, {"stage": stage.id, "scheduled": [], **started})
    return None


@_does(fx.StopRules)
def _stop_rules(effect: fx.StopRules, doing: Doing) -> End | None:
    for run in list(doing.item.runs.values()):
        if _is_meant(effect, run, doing.run):
            because = f"stopped by the rule {doing.rule.id}"
            visits.cancel_run(doing.draft, doing.item, run, doing.now, "stopped", because)
    return None


def _is_meant(effect: fx.StopRules, run: Run, asking: Run) -> bool:
    if run is asking or not run.living:
        return False
    return (not effect.rules or run.rule in effect.rules) and effect.stage in (None, run.stage)


@_does(fx.MakeLink)
def _make_link(effect: fx.MakeLink, doing: Doing) -> End | None:
    made = Link(effect.hash, effect.kind, effect.target, doing.item.id, doing.run.id, doing.now, dict(effect.data))
    doing.draft.put_link(made)
    return None


# -- documents and files ---------------------------------------------------------------------------------------------


@_does(fx.MakeDocument)
def _make_document(effect: fx.MakeDocument, doing: Doing) -> End | None:
    made = documents.make(doing.draft, doing.item, doing.now, effect, rule=doing.rule.id, cascade=doing.run.cascade)
    file = documents.pdf_of(doing.draft, made)
    doing.run.result.update(document=made.id, name=made.name, number=made.number, file=file)
    return None


@_does(fx.DocumentSent)
def _document_sent(effect: fx.DocumentSent, doing: Doing) -> End | None:
    document = doing.draft.document(effect.document)
    if document is not None and document.sent_at is None:
        document.sent_at = doing.now
        doing.draft.put_document(document)
    return None


@_does(fx.AskToSign)
def _ask_to_sign(effect: fx.AskToSign, doing: Doing) -> End | None:
    document = doing.draft.document(effect.document)
    if document is None:
        return End(FAILED, "no_document", f"there is no document {effect.document}")
    new = documents.ask(doing.draft, document, effect.parties, doing.now)
    if new:
        data = {"document": document.id, "name": document.name, "number": document.number, "who": new}
        doing.draft.record(doing.now, "signature_asked", doing.item.id, doing.author, data)
    return None


@_does(fx.KeepFile)
def _keep_file(effect: fx.KeepFile, doing: Doing) -> End | None:
    draft, item = doing.draft, doing.item
    kept = draft.add_file(item.id, effect.name, effect.media, doing.now, effect.content)
    doing.run.result["file"] = kept.ref
    draft.record(doing.now, "file", item.id, doing.author, {"file": kept.id, "name": kept.name, "size": kept.size})
    return _set_fields(fx.SetFields({effect.field: kept.ref}), doing) if effect.field else None


@_does(fx.Emit)
def _emit(effect: fx.Emit, doing: Doing) -> End | None:
    visits.emit(doing.draft, doing.item, effect.type, effect.data, doing.now, doing.run.cascade)
    return None


@_does(fx.Result)
def _result(effect: fx.Result, doing: Doing) -> End | None:
    data: Mapping[str, Any] = effect.data
    doing.run.result.update(data)
    return None
