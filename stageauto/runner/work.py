"""What rules made for people: tasks, the inbox, the feed, bookings; customers, the exceptions list, the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from stageauto.engine.permissions import AUTOMATION_READ, AUTOMATION_UPDATE, ITEMS_READ, ITEMS_UPDATE
from stageauto.errors import UsageError
from stageauto.loader.diagnostics import suggest
from stageauto.runner.change import MANY, any_pipeline, is_email
from stageauto.runner.facts import Facts, read_facts
from stageauto.runner.look import looking, moment

if TYPE_CHECKING:
    from stageauto.engine.commands import By
    from stageauto.engine.draft import Draft
    from stageauto.engine.state import Activity, Booking, Contact, Exemption, Notice, Post, Task
    from stageauto.runner.session import Session
    from stageauto.store.records import AuditEntry
    from stageauto.store.sqlite_state import SqliteReader, SqliteState

T = TypeVar("T")
DIGITS = 6
"""Fewer digits than this are no phone number."""


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A list with the facts that name what is in it; `now` is ms UTC."""

    rows: Sequence[T]
    facts: Facts
    now: int = 0


def _named(part: str, ids: Sequence[str], what: str, hint: str) -> str:
    """The id that a part of it names: the id itself, else by its last word, else by any part. Raises UsageError."""
    if part in ids:
        return part
    found = [one for one in ids if one.rpartition("-")[2] == part] or [one for one in ids if part and part in one]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"there is no {what} `{part}`", hint)
    raise UsageError(f"`{part}` may be any of {', '.join(found[:MANY])}", "write more of the id")


def _pipeline_of(state: SqliteReader, item_id: str | None) -> str | None:
    item = state.item(item_id) if item_id else None
    return item.pipeline if item else None


# -- tasks -----------------------------------------------------------------------------------------------------------


def tasks(
    session: Session, *, assignee: str | None = None, item: str | None = None, status: str | None = "open"
) -> Listed[Task | Activity]:
    """Tasks, and the calls, meetings and other activities in the items' plans, oldest first.

    `status` None: finished ones too. Raises UsageError, NotAllowedError.
    """
    with looking(session, ITEMS_READ) as look:
        if assignee is not None:
            look.user_named(assignee)
        item_id = look.item(item).id if item else None
        planned = [
            one for one in look.state.activities(item=item_id, status=status)
            if assignee is None or one.responsible == assignee or assignee in one.attendees
        ]  # fmt: skip
        found: list[Task | Activity] = [*look.state.tasks(assignee=assignee, item=item_id, status=status), *planned]
        rows = [one for one in found if look.may(_pipeline_of(look.state, one.item) or "")]
        rows.sort(key=lambda one: one.created_at)
        return Listed(rows, look.facts, session.clock.now())


def task_done(session: Session, part: str) -> Task | Activity:
    """Completes a task or an activity. Raises UsageError, NotAllowedError."""
    from stageauto.engine import commands

    with session.store.read() as state:
        open_ones = {one.id: one.item for one in state.tasks(status="open")}
        if not any(part in one for one in open_ones):  # "2" is task-2 where there is one
            open_ones = {one.id: one.item for one in state.activities(status="open")}
        one_id = _named(part, list(open_ones), "open task", "see `stageauto tasks`")
        is_task = state.task(one_id) is not None
    item_id = open_ones[one_id]

    def deed(draft: Draft, by: By) -> Task | Activity:
        if is_task:
            return commands.task_done(draft, by, one_id)
        return commands.activity_done(draft, by, item_id, one_id)

    return session.decide(
        deed, permission=ITEMS_UPDATE, pipeline_of=lambda state: _pipeline_of(state, item_id), action="task done",
        target=one_id,
    )  # fmt: skip


# -- inbox and feed --------------------------------------------------------------------------------------------------


def inbox(session: Session, user: str | None, *, unread: bool = False) -> Listed[Notice]:
    """The notifications of the user, by default of whoever acts; of all where that is nobody. Raises UsageError."""
    with looking(session, ITEMS_READ, own=True) as look:
        whose = look.user_named(user) if user else look.user or None
        found = look.state.notices(whose, unread=unread)
        rows = [one for one in found if one.user == look.user or look.may(_pipeline_of(look.state, one.item) or "")]
        return Listed(rows, look.facts, session.clock.now())


def mark_read(session: Session, notices: Sequence[Notice]) -> int:
    """Notes that these were read; gives how many were not before. Others' notifications stay as they are."""
    from stageauto.engine.ports import Changes

    now = session.clock.now()
    with session.store.transaction() as state:
        user, mine = session.actor(state), []
        for one in notices:
            kept = state.notice(one.id)
            if kept is not None and kept.read_at is None and user in {"", kept.user}:
                mine.append(replace(kept, read_at=now))
        state.write(Changes(notices=mine))
        return len(mine)


def feed(session: Session, item: str | None = None, last: int | None = None) -> Listed[Post]:
    """Feed posts, each with its comments after it. Raises UsageError, NotAllowedError."""
    with looking(session, ITEMS_READ) as look:
        item_id = look.item(item).id if item else None
        found = [one for one in look.state.posts(item_id) if look.may(_pipeline_of(look.state, one.item) or "")]
        posts = [one for one in found if one.parent is None]
        rows = []
        for post in posts[-last:] if last else posts:
            rows += [post, *(one for one in found if one.parent == post.id)]
        return Listed(rows, look.facts, session.clock.now())


def comment(session: Session, part: str, text: str) -> Post:
    """A comment on a feed post. Raises UsageError, NotAllowedError."""
    from stageauto.engine import commands
    from stageauto.engine.state import Post

    with session.store.read() as state:
        posts = {one.id: one for one in state.posts() if one.parent is None}
        parent = posts[_named(part, list(posts), "post", "see `stageauto feed`")]

    def deed(draft: Draft, by: By) -> Post:
        made = Post(
            id=draft.new_id("post"), item=parent.item, text=text, author=by.author, at=by.at, to=[], parent=parent.id
        )
        draft.put_post(made)
        commands.note(draft, by, "comment", parent.item, {"post": made.id, "parent": parent.id, "text": text})
        return made

    return session.decide(
        deed, permission=ITEMS_UPDATE, pipeline_of=lambda state: _pipeline_of(state, parent.item),
        action="comment", target=parent.id,
    )  # fmt: skip


# -- bookings --------------------------------------------------------------------------------------------------------


def book(  # noqa: PLR0913 - one argument for each option
    session: Session, resource: str, start: str, end: str, *, item: str | None = None, field: str = "",
    user: str | None = None,
) -> Listed[Booking]:  # fmt: skip
    """The booking of a resource from `start` to `end` (a time, or how long). Raises UsageError, also for a clash."""
    from stageauto.engine import commands

    with session.store.read() as state:
        facts = read_facts(state)
        if resource not in facts.resources:
            raise UsageError(f"there is no resource `{resource}`", suggest(resource, facts.resources))
        if user is not None and user not in facts.users:
            raise UsageError(f"there is no user `{user}`", suggest(user, facts.users))
        item_id = session.item_id(state, item) if item else None
        whose = user or (None if item_id else session.actor(state) or None)
    begins = moment(start, facts, session.clock.now())
    ends = moment(end, facts, begins)

    def pipeline_of(state: SqliteReader) -> str | None:
        return _pipeline_of(state, item_id) or any_pipeline(session, state)

    def deed(draft: Draft, by: By) -> Booking:
        return commands.book(draft, by, resource, begins, ends, item_id=item_id, field_name=field, user=whose)

    made = session.decide(deed, permission=ITEMS_UPDATE, pipeline_of=pipeline_of, action="book", target=resource)
    return Listed([made], facts)


def bookings(
    session: Session, *, resource: str | None = None, start: str | None = None, end: str | None = None,
    item: str | None = None, everything: bool = False,
) -> Listed[Booking]:  # fmt: skip
    """Bookings by start, from now on where no `start` is given; `everything`: past and cancelled ones too."""
    with looking(session, ITEMS_READ) as look:
        if resource is not None and resource not in look.facts.resources:
            raise UsageError(f"there is no resource `{resource}`", suggest(resource, look.facts.resources))
        now = session.clock.now()
        begins = moment(start, look.facts, now) if start else None if everything else now
        ends = moment(end, look.facts, now) if end else None
        found = look.state.all_bookings(
            resource=resource, start=begins, end=ends, item=look.item(item).id if item else None,
            status=None if everything else "active",
        )  # fmt: skip
        # Who has a resource is everybody's to know; for which item is not.
        seen = {one.id: look.may(_pipeline_of(look.state, one.item) or "") for one in found}
        return Listed([one if seen[one.id] else replace(one, item=None) for one in found], look.facts, now)


# -- customers -------------------------------------------------------------------------------------------------------


def contacts(session: Session, query: str = "") -> Listed[Contact]:
    """Customers whose id, name or an address contains the query. Raises NotAllowedError."""
    with looking(session, ITEMS_READ) as look:
        return Listed(look.state.contacts(query), look.facts)


def exceptions(session: Session) -> Listed[Exemption]:
    """The exceptions list. Raises NotAllowedError."""
    with looking(session, AUTOMATION_READ) as look:
        return Listed(look.state.exemptions(), look.facts)


def add_exception(session: Session, address: str) -> Exemption:
    """Puts an address on the exceptions list. Raises UsageError, NotAllowedError."""
    from stageauto.engine import commands

    if not _is_address(address):
        raise UsageError(f"`{address}` is neither an e-mail nor a phone number", "write ewa@home.test or +48 600 100")
    return session.decide(
        lambda draft, by: commands.except_address(draft, by, address), permission=AUTOMATION_UPDATE,
        action="exceptions add", target=address,
    )  # fmt: skip


def _is_address(text: str) -> bool:
    if "@" in text:
        return is_email(text)
    return sum(one.isdigit() for one in text) >= DIGITS and not any(one.isalpha() for one in text)


def remove_exception(session: Session, address: str) -> int:
    """Takes an address off the exceptions list; gives how many entries went. Raises UsageError, NotAllowedError."""
    from stageauto.engine import commands

    def deed(draft: Draft, by: By) -> int:
        gone = cast("SqliteState", draft.state).remove_exemption(address)
        if not gone:
            raise UsageError(f"`{address}` is not on the exceptions list", "see `stageauto exceptions`")
        commands.note(draft, by, "unexcept", None, {"address": address})
        return gone

    return session.decide(deed, permission=AUTOMATION_UPDATE, action="exceptions remove", target=address)


# -- who changed what ------------------------------------------------------------------------------------------------


def audit(session: Session, last: int | None = None) -> Listed[AuditEntry]:
    """The audit log, oldest first. Raises NotAllowedError without the right for all pipelines."""
    with session.read(AUTOMATION_READ) as state:
        found = state.audit()
        return Listed(found[-last:] if last else found, read_facts(state))
