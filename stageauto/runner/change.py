"""Changes by hand: each finds what is named, checks the right, and is one decision in a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from stageauto.engine.permissions import AUTOMATION_UPDATE, ITEMS_UPDATE
from stageauto.errors import UsageError
from stageauto.loader.diagnostics import suggest
from stageauto.runner.facts import read_facts
from stageauto.runner.look import pipeline_named, stage_named

if TYPE_CHECKING:
    from stageauto.engine.commands import By
    from stageauto.engine.draft import Draft
    from stageauto.engine.state import Delivery, Item, Journal, Run
    from stageauto.runner.session import Session
    from stageauto.store.sqlite_state import SqliteReader, SqliteState

MANY = 8


# -- items -----------------------------------------------------------------------------------------------------------


def add(
    session: Session, pipeline: str, *, stage: str | None, values: Mapping[str, Any], contact: Mapping[str, Any]
) -> str:
    """The id of a new item. Raises UsageError, NotAllowedError."""
    from stageauto.engine import commands

    with session.store.read() as state:
        facts = read_facts(state)
        _loaded(state)
        pipeline_named(facts, pipeline)
        if stage is not None:
            stage_named(facts, stage, pipeline)

    _check_addresses(contact)

    def deed(draft: Draft, by: By) -> Item:
        _check_fields(draft, pipeline, values)
        return commands.add(draft, by, commands.NewItem(pipeline, stage, values, contact))

    made = session.decide(
        deed, permission=ITEMS_UPDATE, pipeline_of=lambda _: pipeline, action="add", target=lambda item: item.id
    )
    return made.id


def is_email(text: str) -> bool:
    """True for what could be one: a name, an @ and a host, without a space."""
    name, _, host = text.strip().rpartition("@")
    return bool(name and host and not any(one.isspace() for one in text.strip()))


def _check_addresses(contact: Mapping[str, Any]) -> None:
    """Raises UsageError for a typing mistake that would be found only when nothing arrives."""
    email, phone = contact.get("email"), contact.get("phone")
    if isinstance(email, str) and email and not is_email(email):
        raise UsageError(f"`{email}` is no e-mail", "write ewa@home.test")
    if isinstance(phone, str) and phone and not any(one.isdigit() for one in phone):
        raise UsageError(f"`{phone}` is no phone number", "write +48 600 100 200")


def _loaded(state: SqliteReader) -> None:
    """Raises NothingLoadedError where no configuration is active."""
    from stageauto.runner.session import NothingLoadedError

    if state.active_number() == 0:
        raise NothingLoadedError("nothing is loaded yet", "run `stageauto load`")


def _check_fields(draft: Draft, pipeline: str, values: Mapping[str, Any]) -> None:
    from stageauto.engine.fields import BUILT_IN, READ_ONLY

    fields = draft.workspace.pipelines[pipeline].fields
    for name in values:
        if name not in fields and name not in BUILT_IN and name not in READ_ONLY:
            raise UsageError(f"{pipeline} has no field `{name}`", suggest(name, [*fields, *BUILT_IN]))


def _find(session: Session, part: str) -> Item:
    with session.store.read() as state:
        found = state.item(session.item_id(state, part))
        assert found is not None
        return found


@dataclass(frozen=True, slots=True)
class Changed:
    """An item that a command was about; `changed` is False where it was so already."""

    item: str
    changed: bool = True


def _on_item(
    session: Session,
    part: str,
    action: str,
    deed: Callable[[Draft, By, Item], Any],
    permission: str = ITEMS_UPDATE,
    noted: Mapping[str, Any] | None = None,
) -> Changed:
    """Does the deed on the item that the part names; a deed that gives False changed nothing."""
    item_id = _find(session, part).id

    def pipeline_of(state: SqliteReader) -> str | None:
        item = state.item(item_id)
        return item.pipeline if item else None

    def act(draft: Draft, by: By) -> bool:
        item = draft.item(item_id)
        assert item is not None
        return deed(draft, by, item) is not False

    changed = session.decide(
        act, permission=permission, pipeline_of=pipeline_of, action=action, target=item_id, noted=noted
    )
    return Changed(item_id, changed)


def move(session: Session, part: str, stage: str, *, reason: str = "", restart: bool = False) -> Changed:
    """Moves an item by hand. Raises UsageError, NotAllowedError."""
    from stageauto.engine import commands

    def deed(draft: Draft, by: By, item: Item) -> bool:
        pipeline = draft.pipeline(item)
        if pipeline is not None and stage not in pipeline.stage_by_id:
            raise UsageError(f"{pipeline.id} has no stage `{stage}`", suggest(stage, pipeline.stage_by_id))
        stays = item.stage == stage and not restart
        commands.move(draft, by, item.id, stage, reason=reason, restart=restart)
        return not stays

    return _on_item(session, part, "move", deed, noted={"to": stage, **({"reason": reason} if reason else {})})


def set_fields(session: Session, part: str, values: Mapping[str, Any]) -> Changed:
    """Writes fields by hand. Raises UsageError, NotAllowedError, and then nothing is changed."""
    from stageauto.engine import commands

    def deed(draft: Draft, by: By, item: Item) -> None:
        if item.pipeline in draft.workspace.pipelines:
            _check_fields(draft, item.pipeline, values)
        commands.set_fields(draft, by, item.id, values)

    return _on_item(session, part, "set", deed, noted={"fields": sorted(values)})


def delete(session: Session, part: str) -> Changed:
    """Deletes an item. Raises UsageError, NotAllowedError."""
    from stageauto.engine import commands

    return _on_item(session, part, "delete", lambda draft, by, item: commands.delete(draft, by, item.id))


def hold(session: Session, part: str, reason: str) -> Changed:
    """Puts an item on hold. Raises UsageError, NotAllowedError."""
    from stageauto.engine import commands

    def deed(draft: Draft, by: By, item: Item) -> bool:
        held = item.on_hold
        commands.hold_item(draft, by, item.id, reason)
        return not held

    return _on_item(session, part, "hold", deed, AUTOMATION_UPDATE, {"reason": reason} if reason else None)


def resume(session: Session, part: str) -> Changed:
    """Ends an item's hold. Raises UsageError, NotAllowedError."""
    from stageauto.engine import commands

    def deed(draft: Draft, by: By, item: Item) -> bool:
        waited = item.on_hold or any(run.held for run in item.runs.values())
        commands.resume_item(draft, by, item.id)
        return waited

    return _on_item(session, part, "resume", deed, AUTOMATION_UPDATE)


@dataclass(frozen=True, slots=True)
class Resumed:
    """What `resume --all` let go. `sending`: the state was restored and may send again."""

    released: int
    sending: bool


def resume_all(session: Session) -> Resumed:
    """Lets go what waited for a person after a downtime, a turned clock or a restored state. Raises NotAllowedError."""
    from stageauto.engine import commands
    from stageauto.runner.overdue import release_held

    def deed(draft: Draft, by: By) -> int:
        count = release_held(draft, cast("SqliteState", draft.state), by.at)
        commands.note(draft, by, "resume-all", None, {"released": count})
        return count

    released = session.decide(deed, permission=AUTOMATION_UPDATE, action="resume", target="all")
    restored = session.store.restored
    if restored:
        session.store.resume_sending()
    return Resumed(released, restored)


# -- events ----------------------------------------------------------------------------------------------------------


def emit(
    session: Session,
    kind: str,
    *,
    item: str | None = None,
    contact: str | None = None,
    data: Mapping[str, Any],
    event_id: str | None = None,
) -> Journal:
    """What became of an event from outside. Raises UsageError, NotAllowedError (for any item that it concerns)."""
    from stageauto.engine import step
    from stageauto.engine.model import Event

    item_id = _find(session, item).id if item is not None else None

    def pipeline_of(state: SqliteReader) -> str | None:
        named = state.item(item_id) if item_id else None
        return named.pipeline if named else any_pipeline(session, state)

    def deed(draft: Draft, by: By) -> Journal:
        _check_event(draft, kind)
        row = step.take(
            draft,
            Event(
                id=by.id, type=kind, at=by.at, source="command", item=item_id, contact=contact, data=data,
                author=by.author,
            ),
        )  # fmt: skip
        for one in row.items:
            touched = draft.item(one)
            if touched is not None:
                session.demand(cast("SqliteState", draft.state), ITEMS_UPDATE, touched.pipeline)
        return row

    return session.decide(
        deed, permission=ITEMS_UPDATE, pipeline_of=pipeline_of, action=f"emit {kind}", target=item_id or contact or "",
        event_id=event_id,
    )  # fmt: skip


def any_pipeline(session: Session, state: SqliteReader) -> str | None:
    """A pipeline whose items may be changed: an event that names no item needs at least one."""
    user, rights = session.actor(state), session.rights(state)
    return next((one for one in read_facts(state).pipelines if rights.may(user, ITEMS_UPDATE, one)), None)


def _check_event(draft: Draft, kind: str) -> None:
    known = draft.workspace.events
    if kind not in known and not (kind.startswith("app.") and len(kind) > len("app.")):
        hint = suggest(kind, known) if known else ""
        raise UsageError(f"there is no event `{kind}`", f"{hint}; `stageauto events` lists them".removeprefix("; "))


# -- runs and deliveries ---------------------------------------------------------------------------------------------


def _run_named(state: SqliteReader, part: str, fits: Callable[[Run], bool]) -> tuple[str, str]:
    """(item, run) that the part of an id names; where it may be several, the one that fits. Raises UsageError."""
    found = state.find_run(part)
    if not found:  # of a visit that is over only its deliveries are left
        delivery = state.delivery(part)
        found = [(one.item, one.run) for one in ([delivery] if delivery else state.deliveries_of_run(part)[:1])]
    if not found:
        raise UsageError(f"there is no run `{part}`", "`stageauto pending` and `stageauto show ITEM` name them")
    if len(found) > 1:
        fitting = [(item, run) for item, run in found if _fits(state, item, run, fits)]
        if len(fitting) != 1:
            listed = ", ".join(run for _, run in (fitting or found)[:MANY])
            raise UsageError(f"`{part}` may be any of {listed}", "write more of the id")
        found = fitting
    return found[0]


def _fits(state: SqliteReader, item_id: str, run_id: str, fits: Callable[[Run], bool]) -> bool:
    item = state.item(item_id)
    run = item.runs.get(run_id) if item else None
    return run is not None and fits(run)


def _on_run(
    session: Session, part: str, action: str, deed: Callable[[Draft, By, str, str], Run], fits: Callable[[Run], bool]
) -> tuple[str, Run]:
    with session.store.read() as state:
        item_id, run_id = _run_named(state, part, fits)

    def pipeline_of(state: SqliteReader) -> str | None:
        item = state.item(item_id)
        run = item.runs.get(run_id) if item else None
        return run.pipeline if run else item.pipeline if item else None

    run = session.decide(
        lambda draft, by: deed(draft, by, item_id, run_id), permission=AUTOMATION_UPDATE, pipeline_of=pipeline_of,
        action=action, target=run_id,
    )  # fmt: skip
    return item_id, run


def cancel(session: Session, part: str) -> tuple[str, Run]:
    """Cancels a living run; (item, run). Raises UsageError, NotAllowedError."""
    from stageauto.engine import commands

    return _on_run(session, part, "cancel", commands.cancel, lambda run: run.living)


def retry(session: Session, part: str) -> tuple[str, Run]:
    """Tries a failed run again; (item, run). Raises UsageError, NotAllowedError."""
    from stageauto.engine import commands

    return _on_run(session, part, "retry", commands.retry, lambda run: run.state in {"failed", "undeliverable"})


def run_now(session: Session, part: str) -> tuple[str, Run]:
    """Runs a pending run at once; (item, run). Raises UsageError, NotAllowedError."""
    from stageauto.engine import commands

    return _on_run(session, part, "run-now", commands.run_now, lambda run: run.living)


def resolve(session: Session, part: str, *, sent: bool) -> Delivery:
    """Settles an unknown delivery. Raises UsageError, NotAllowedError."""
    from stageauto.engine import commands

    with session.store.read() as state:
        delivery = _unknown_delivery(state, part)
    return session.decide(
        lambda draft, by: commands.resolve(draft, by, delivery.id, sent=sent), permission=AUTOMATION_UPDATE,
        pipeline_of=lambda _: delivery.pipeline, action="resolve", target=delivery.id,
    )  # fmt: skip


def _unknown_delivery(state: SqliteReader, part: str) -> Delivery:
    exact = state.delivery(part)
    if exact is not None:
        return exact
    found = [one for one in state.deliveries(state="unknown") if part in one.id]
    if len(found) == 1:
        return found[0]
    raise UsageError(*_which(part, [one.id for one in found]))


def _which(part: str, found: Iterable[str]) -> tuple[str, str]:
    listed = list(found)
    if not listed:
        return f"`{part}` is not a delivery whose outcome is unknown", "see `stageauto outbox --unknown`"
    return f"`{part}` may be any of {', '.join(listed[:MANY])}", "write more of the id"
