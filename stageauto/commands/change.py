"""Changing: items, events from outside, and what becomes of runs and deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from stageauto.commands.common import add, opened, output
from stageauto.commands.look import Item
from stageauto.commands.values import assignments, scalar
from stageauto.errors import UsageError

if TYPE_CHECKING:
    from stageauto.engine.state import Run
    from stageauto.report.output import Output
    from stageauto.runner.session import Session

RunId = Annotated[str, typer.Argument(metavar="ID", help="Any unambiguous part of the run's id, see `pending`")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    add(app, "add", add_item, "stageauto add deals --title Roof --set amount=9000 --contact email=ewa@home.test")
    add(app, "move", move, "stageauto move deal-17 won --reason 'signed by phone'")
    add(app, "set", set_fields, "stageauto set deal-17 tracking_no=PL-77 amount=1200")
    add(app, "delete", delete, "stageauto delete deal-17")
    add(app, "hold", hold, "stageauto hold deal-17 --reason 'the customer is away'")
    add(app, "resume", resume, "stageauto resume deal-17")
    add(app, "emit", emit, "stageauto emit email.received --item deal-17 --data subject='Re: quote'")
    add(app, "cancel", cancel, "stageauto cancel deal-17.1.reminder")
    add(app, "retry", retry, "stageauto retry deal-17.1.tracking-mail")
    add(app, "resolve", resolve, "stageauto resolve deal-17.1.tracking-mail:1 sent")
    add(app, "run-now", run_now, "stageauto run-now deal-17.1.reminder")


def _item_done(out: Output, session: Session, item_id: str, did: str) -> None:
    from stageauto.report import shapes
    from stageauto.runner.look import one_item

    view = one_item(session, item_id)
    stage = f"{view.item.pipeline}/{view.item.stage}"
    sentence = f"{item_id} {did}" if view.item.deleted else f"{item_id} {did}: {stage}, {view.item.title}"
    out.done(lambda: shapes.item(view), sentence)


def add_item(
    ctx: typer.Context,
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="Where it goes")],
    title: Annotated[str, typer.Option("--title", "-t", metavar="TEXT", help="What people call it")],
    stage: Annotated[str | None, typer.Option("--stage", "-s", metavar="STAGE", help="Default: the first")] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A field; NAME:=JSON for lists")
    ] = None,
    contact: Annotated[
        list[str] | None,
        typer.Option("--contact", metavar="NAME=VALUE", help="email=, phone=, name=, id=: found by these, or made"),
    ] = None,
    responsible: Annotated[str | None, typer.Option("--responsible", metavar="USER", help="Who looks after it")] = None,
) -> None:
    """A new item; the rules of its stage begin."""
    from stageauto.runner import change

    given = {"title": title, **assignments(values)}
    if responsible:
        given["responsible"] = responsible
    with opened(ctx) as session:
        item_id = change.add(session, pipeline, stage=stage, values=given, contact=assignments(contact))
        _item_done(output(ctx), session, item_id, "added")


def move(
    ctx: typer.Context,
    item: Item,
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="Where to, forward or back")],
    reason: Annotated[str, typer.Option("--reason", "-r", metavar="TEXT", help="Stands in the timeline")] = "",
    restart: Annotated[bool, typer.Option("--restart", help="In its own stage: begin the visit anew")] = False,
) -> None:
    """Moves an item by hand. In its own stage it does nothing, but with --restart."""
    from stageauto.runner import change

    with opened(ctx) as session:
        done = change.move(session, item, stage, reason=reason, restart=restart)
        did = "moved" if done.changed else "is there already (--restart begins its visit anew)"
        _item_done(output(ctx), session, done.item, did)


def set_fields(
    ctx: typer.Context,
    item: Item,
    values: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE...", help="Fields; an empty value empties, NAME:=JSON for lists")
    ],
) -> None:
    """Writes fields of an item; all of them, or none where one does not fit."""
    from stageauto.runner import change

    with opened(ctx) as session:
        done = change.set_fields(session, item, assignments(values))
        _item_done(output(ctx), session, done.item, "set")


def delete(ctx: typer.Context, item: Item) -> None:
    """Deletes an item: what it has pending is cancelled, its timeline is kept."""
    from stageauto.runner import change

    with opened(ctx) as session:
        done = change.delete(session, item)
        _item_done(output(ctx), session, done.item, "deleted")


def hold(
    ctx: typer.Context,
    item: Item,
    reason: Annotated[str, typer.Option("--reason", "-r", metavar="TEXT", help="Stands in the timeline")] = "",
) -> None:
    """Puts an item on hold: what is due waits."""
    from stageauto.runner import change

    with opened(ctx) as session:
        done = change.hold(session, item, reason)
        _item_done(output(ctx), session, done.item, "on hold" if done.changed else "was on hold already")


def resume(
    ctx: typer.Context,
    item: Annotated[str | None, typer.Argument(metavar="[ITEM]", help="Any unambiguous part of the item's id")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="What waits for a look: after a downtime, a turned clock, a restored state")
    ] = False,
) -> None:
    """Ends an item's hold, or with --all lets go what waits for somebody to look."""
    from stageauto.report.upkeep import counted
    from stageauto.runner import change

    if (item is None) == (not everything):
        raise UsageError("say which item, or --all", "stageauto resume deal-17")
    with opened(ctx) as session:
        if item is not None:
            done = change.resume(session, item)
            _item_done(output(ctx), session, done.item, "resumed" if done.changed else "was not on hold")
            return
        freed = change.resume_all(session)
    told = [counted(freed.released, "run") + " let go"] if freed.released else []
    told += ["the restored state may send again"] if freed.sending else []
    data = {"released": freed.released, "sending": freed.sending}
    output(ctx).done(lambda: data, "; ".join(told) or "nothing waited for a look")


def emit(
    ctx: typer.Context,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="Its kind, such as email.received; see `events`")],
    item: Annotated[str | None, typer.Option("--item", "-i", metavar="ITEM", help="The item that it concerns")] = None,
    contact: Annotated[
        str | None, typer.Option("--contact", "-c", metavar="CONTACT", help="The customer: an id, e-mail or phone")
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option("--data", "-d", metavar="NAME=VALUE", help="Its data; NAME:=JSON for lists")
    ] = None,
    event_id: Annotated[str | None, typer.Option("--id", metavar="ID", help="The same id again does nothing")] = None,
) -> None:
    """An event from outside: it may move items, end waits, create items. Decided at once."""
    from stageauto.report import shapes
    from stageauto.runner import change

    if item is not None and contact is not None:
        raise UsageError("an event names an item or a contact, not both", "leave out --contact")
    with opened(ctx) as session:
        row = change.emit(session, event, item=item, contact=contact, data=assignments(data, scalar), event_id=event_id)
    told = row.outcome.replace("_", " ") + (f" to {row.moved_to}" if row.moved_to else "")
    about = f" ({', '.join(row.items)})" if row.items else ""
    output(ctx).done(lambda: shapes.event(row), f"{event}: {told}{about}")


def _run_done(out: Output, done: tuple[str, Run], did: str) -> None:
    from stageauto.report import shapes

    item_id, run = done
    because = f" ({run.because})" if run.because and not run.living else ""
    out.done(lambda: shapes.run(item_id, run), f"{run.id}{did}: {run.state}{because}")


def cancel(ctx: typer.Context, run: RunId) -> None:
    """Cancels a pending run; what is chained to it is cancelled, too."""
    from stageauto.runner import change

    with opened(ctx) as session:
        _run_done(output(ctx), change.cancel(session, run), "")


def retry(ctx: typer.Context, run: RunId) -> None:
    """Tries a failed run again; what was chained to it waits for it again."""
    from stageauto.runner import change

    with opened(ctx) as session:
        _run_done(output(ctx), change.retry(session, run), " tried again")


def run_now(ctx: typer.Context, run: RunId) -> None:
    """Runs a pending run now, whatever its time; its condition is asked all the same."""
    from stageauto.runner import change

    with opened(ctx) as session:
        _run_done(output(ctx), change.run_now(session, run), " run now")


_ANSWERS = {"sent": True, "not-sent": False}


def resolve(
    ctx: typer.Context,
    delivery: Annotated[str, typer.Argument(metavar="ID", help="The delivery, see `outbox --unknown`")],
    answer: Annotated[str, typer.Argument(metavar="sent|not-sent", help="What somebody found out")],
) -> None:
    """Settles a delivery that was sent perhaps: it was, or it was not and goes out again under the same key."""
    from stageauto.report import shapes
    from stageauto.runner import change

    if answer not in _ANSWERS:
        raise UsageError(f"`{answer}` is no answer", "say sent or not-sent")
    with opened(ctx) as session:
        done: Any = change.resolve(session, delivery, sent=_ANSWERS[answer])
    output(ctx).done(lambda: shapes.delivery(done), f"{done.id} is {done.state}")
