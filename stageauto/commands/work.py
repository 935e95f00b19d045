"""What rules made for people: tasks, inbox, feed, bookings; customers, the exceptions list, the audit log."""

from __future__ import annotations

from typing import Annotated

import typer

from stageauto.commands.common import add, group, opened, output
from stageauto.errors import UsageError

ItemOption = Annotated[str | None, typer.Option("--item", "-i", metavar="ITEM", help="Only this item's")]
Last = Annotated[int | None, typer.Option("--last", "-n", metavar="N", min=1, help="Only the last N")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    add(app, "tasks", tasks, "stageauto tasks --assignee anna")
    one = group(app, "task", None, "stageauto task done task-12", text="A task for staff.")
    add(one, "done", task_done, "stageauto task done task-12")
    add(app, "inbox", inbox, "stageauto inbox anna --unread")
    posts = group(app, "feed", feed, "stageauto feed --item deal-17")
    add(posts, "comment", feed_comment, "stageauto feed comment post-3 'Called them, all is well'")
    add(app, "book", book, "stageauto book meeting-room 2026-03-05T09:00 1h --item deal-17")
    add(app, "bookings", bookings, "stageauto bookings --resource meeting-room")
    add(app, "contacts", contacts, "stageauto contacts ewa")
    customer = group(app, "contact", None, "stageauto contact set ewa@home.test opt_out=sms", text="A customer.")
    add(customer, "set", contact_set, "stageauto contact set ewa@home.test opt_out=sms,call language=pl")
    listed = group(app, "exceptions", exceptions, "stageauto exceptions")
    add(listed, "add", exceptions_add, "stageauto exceptions add ewa@home.test")
    add(listed, "remove", exceptions_remove, "stageauto exceptions remove ewa@home.test")
    add(app, "audit", audit, "stageauto audit --last 20")


def tasks(
    ctx: typer.Context,
    assignee: Annotated[str | None, typer.Option("--assignee", "-a", metavar="USER", help="Only this user's")] = None,
    item: ItemOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Finished ones too")] = False,
) -> None:
    """What staff has to do: the open tasks that rules made, and the calls, meetings and activities they planned."""
    from stageauto.report import shapes
    from stageauto.report import work as report
    from stageauto.runner import work

    with opened(ctx) as session:
        found = work.tasks(session, assignee=assignee, item=item, status=None if everything else "open")
    output(ctx).show(lambda: [shapes.to_do(one) for one in found.rows], lambda: report.tasks(found))


def task_done(
    ctx: typer.Context, task: Annotated[str, typer.Argument(metavar="ID", help="The task, see `tasks`")]
) -> None:
    """Completes a task, a call, a meeting or another activity; rules and triggers may follow from it."""
    from stageauto.report import shapes
    from stageauto.runner import work

    with opened(ctx) as session:
        done = work.task_done(session, task)
    shape = shapes.to_do(done)
    output(ctx).done(lambda: shape, f"{shape['id']} done: {shape['title']}")


def inbox(
    ctx: typer.Context,
    user: Annotated[str | None, typer.Argument(metavar="[USER]", help="Default: whoever runs the command")] = None,
    unread: Annotated[bool, typer.Option("--unread", help="Only what was not read yet")] = False,
    read: Annotated[bool, typer.Option("--read", help="Note that what is shown was read")] = False,
) -> None:
    """The notifications for a user."""
    from stageauto.report import shapes
    from stageauto.report import work as report
    from stageauto.runner import work

    with opened(ctx) as session:
        found = work.inbox(session, user, unread=unread)
        if read:
            work.mark_read(session, found.rows)
    output(ctx).show(lambda: [shapes.notice(one) for one in found.rows], lambda: report.inbox(found))


def feed(ctx: typer.Context, item: ItemOption = None, last: Last = None) -> None:
    """The feed: what rules posted, with people's comments."""
    from stageauto.report import shapes
    from stageauto.report import work as report
    from stageauto.runner import work

    if ctx.invoked_subcommand is not None:
        return
    with opened(ctx) as session:
        found = work.feed(session, item, last)
    output(ctx).show(lambda: [shapes.post(one) for one in found.rows], lambda: report.feed(found))


def feed_comment(
    ctx: typer.Context,
    post: Annotated[str, typer.Argument(metavar="POST", help="The post, see `feed`")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The comment")],
) -> None:
    """A comment on a post of the feed."""
    from stageauto.report import shapes
    from stageauto.runner import work

    if not text.strip():
        raise UsageError("the comment is empty", "write what is to be said")
    with opened(ctx) as session:
        made = work.comment(session, post, text)
    output(ctx).done(lambda: shapes.post(made), f"{made.id} on {made.parent}")


def book(
    ctx: typer.Context,
    resource: Annotated[str, typer.Argument(metavar="RESOURCE", help="What is booked")],
    start: Annotated[str, typer.Argument(metavar="START", help="Local time: 2026-03-05T09:00; or from now: 2h")],
    end: Annotated[str, typer.Argument(metavar="END", help="Local time, or how long: 1h")],
    item: Annotated[str | None, typer.Option("--item", "-i", metavar="ITEM", help="For this item")] = None,
    field: Annotated[str, typer.Option("--field", metavar="NAME", help="The item's field that keeps the booking")] = "",
    user: Annotated[str | None, typer.Option("--user", metavar="USER", help="For this user")] = None,
) -> None:
    """Books a resource; says who has it where it is taken."""
    from stageauto.report import shapes
    from stageauto.report.times import local
    from stageauto.runner import work

    if field and item is None:
        raise UsageError("--field names a field of an item", "say which item with --item")
    with opened(ctx) as session:
        found = work.book(session, resource, start, end, item=item, field=field, user=user)
    made, zone = found.rows[0], found.facts.zone
    told = f"{made.id}: {made.resource} from {local(made.start, zone)} to {local(made.end, zone)}"
    output(ctx).done(lambda: shapes.booking(made), told)


def bookings(
    ctx: typer.Context,
    resource: Annotated[str | None, typer.Option("--resource", "-r", metavar="RESOURCE", help="Only this one")] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="TIME", help="From then on; default: from now")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to then")] = None,
    item: ItemOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Past and cancelled ones too")] = False,
) -> None:
    """Who has which resource when."""
    from stageauto.report import shapes
    from stageauto.report import work as report
    from stageauto.runner import work

    with opened(ctx) as session:
        found = work.bookings(session, resource=resource, start=start, end=end, item=item, everything=everything)
    output(ctx).show(lambda: [shapes.booking(one) for one in found.rows], lambda: report.bookings(found))


def contacts(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(metavar="[TEXT]", help="Part of an id, a name or an address")] = "",
) -> None:
    """The customers."""
    from stageauto.report import shapes
    from stageauto.report import work as report
    from stageauto.runner import work

    with opened(ctx) as session:
        found = work.contacts(session, query)
    output(ctx).show(lambda: [shapes.contact(one) for one in found.rows], lambda: report.contacts(found))


def contact_set(
    ctx: typer.Context,
    contact: Annotated[str, typer.Argument(metavar="CONTACT", help="An id, an address or a part of a name")],
    values: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=VALUE...",
            help="first_name, last_name, language, timezone; email and phone add one, emails and phones are all; "
            "opt_out=mail,sms,call,chat,whatsapp,audience, or all, or empty",
        ),
    ],
) -> None:
    """Changes what is known of a customer: addresses, language, and what they want to hear no more of."""
    from stageauto.commands.values import assignments
    from stageauto.report import shapes
    from stageauto.runner import customers

    with opened(ctx) as session:
        changed = customers.set_contact(session, contact, assignments(values))
    output(ctx).done(lambda: shapes.contact(changed), f"{changed.id} is set: {shapes.full_name(changed) or contact}")


def exceptions(ctx: typer.Context) -> None:
    """The exceptions list: addresses that get no messages, and from which none are let in."""
    from stageauto.report import shapes
    from stageauto.report import work as report
    from stageauto.runner import work

    if ctx.invoked_subcommand is not None:
        return
    with opened(ctx) as session:
        found = work.exceptions(session)
    output(ctx).show(lambda: [shapes.exemption(one) for one in found.rows], lambda: report.exceptions(found))


Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="An e-mail or a phone number")]


def exceptions_add(ctx: typer.Context, address: Address) -> None:
    """Puts an e-mail or a phone number on the exceptions list."""
    from stageauto.report import shapes
    from stageauto.runner import work

    with opened(ctx) as session:
        made = work.add_exception(session, address)
    output(ctx).done(lambda: shapes.exemption(made), f"{made.value} is on the exceptions list")


def exceptions_remove(ctx: typer.Context, address: Address) -> None:
    """Takes an e-mail or a phone number off the exceptions list."""
    from stageauto.runner import work

    with opened(ctx) as session:
        removed = work.remove_exception(session, address)
    output(ctx).done(lambda: {"removed": removed}, f"{address} is not on the exceptions list any more")


def audit(ctx: typer.Context, last: Last = None) -> None:
    """Who changed what, and what was refused."""
    from stageauto.report import shapes
    from stageauto.report import work as report
    from stageauto.runner import work

    with opened(ctx) as session:
        found = work.audit(session, last)
    output(ctx).show(lambda: [shapes.audit(one) for one in found.rows], lambda: report.audit(found))
