"""What goes with the listener: keys to it, and chats with customers."""

from __future__ import annotations

from typing import Annotated

import typer

from stageauto.commands.common import add, group, opened, output


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    made = group(app, "token", None, "stageauto token add anna", text="Keys to `POST /events` of the listener.")
    add(made, "add", token_add, "stageauto token add anna --note 'the web shop'")
    add(made, "list", token_list, "stageauto token list")
    add(made, "remove", token_remove, "stageauto token remove token-2")
    chat = group(app, "chat", None, "stageauto chat reply deal-17 'Yes, on Monday'", text="Chats with customers.")
    add(chat, "list", chat_list, "stageauto chat list")
    add(chat, "show", chat_show, "stageauto chat show deal-17")
    add(chat, "reply", chat_reply, "stageauto chat reply deal-17 'Yes, on Monday'")


def token_add(
    ctx: typer.Context,
    user: Annotated[str, typer.Argument(metavar="USER", help="Whose rights it has")],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What it is for")] = "",
) -> None:
    """Makes a token and shows it, this once: only its hash is kept."""
    from stageauto.report import shapes
    from stageauto.runner import tokens

    with opened(ctx) as session:
        made, token = tokens.add(session, user, note)
    out = output(ctx)
    out.hint(f"{made.id} for {made.user}; keep it well, it is not shown again")
    out.show(lambda: {**shapes.api_token(made), "token": token}, lambda: [token])


def token_list(ctx: typer.Context) -> None:
    """The tokens there are, without themselves."""
    from stageauto.report import shapes
    from stageauto.report import work as report
    from stageauto.runner import tokens
    from stageauto.runner.facts import read_facts

    with opened(ctx) as session:
        found = tokens.listed(session)
        with session.store.read() as state:
            zone = read_facts(state).zone
    output(ctx).show(lambda: [shapes.api_token(one) for one in found], lambda: report.api_tokens(found, zone))


def token_remove(
    ctx: typer.Context, token: Annotated[str, typer.Argument(metavar="ID", help="The token, see `token list`")]
) -> None:
    """Takes a token away: from now on nobody gets in with it."""
    from stageauto.runner import tokens

    with opened(ctx) as session:
        tokens.remove(session, token)
    output(ctx).done(lambda: {"removed": token}, f"{token} is gone")


# -- chats -----------------------------------------------------------------------------------------------------------

Chat = Annotated[str, typer.Argument(metavar="CHAT", help="A chat, or an item whose customer has one")]


def chat_list(ctx: typer.Context) -> None:
    """The chats with customers, by their newest line."""
    from stageauto.report import shapes
    from stageauto.report import work as report
    from stageauto.runner import talking

    with opened(ctx) as session:
        found = talking.chats(session)
    output(ctx).show(lambda: [shapes.chat_line(one) for one in found.rows], lambda: report.chats(found))


def chat_show(ctx: typer.Context, chat: Chat) -> None:
    """What was said in a chat."""
    from stageauto.report import shapes
    from stageauto.report import work as report
    from stageauto.runner import talking

    with opened(ctx) as session:
        found = talking.lines(session, chat)
    output(ctx).show(lambda: [shapes.chat_line(one) for one in found.rows], lambda: report.chat(found))


def chat_reply(
    ctx: typer.Context, chat: Chat, text: Annotated[str, typer.Argument(metavar="TEXT", help="What is said")]
) -> None:
    """Answers a customer in their chat; the daemon sends it."""
    from stageauto.report import shapes
    from stageauto.runner import talking

    with opened(ctx) as session:
        made = talking.reply(session, chat, text)
    output(ctx).done(lambda: shapes.delivery(made), f"answered in {made.to}, by {made.channel}")
