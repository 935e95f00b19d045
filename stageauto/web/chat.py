"""Live chat: a page on which a customer writes, and reads what staff answers.

Whoever has the chat's token is the customer; it is made here, lives in the browser's tab, and is never in an address.
The state knows the chat by a part of the token's hash.
"""

from __future__ import annotations

import asyncio
from typing import Any

from stageauto.engine.links import hash_of, is_token
from stageauto.engine.model import Channel
from stageauto.runner.intake import Raw
from stageauto.web.answers import policy_headers
from stageauto.web.bodies import clean
from stageauto.web.limits import network_of
from stageauto.web.pages import escape, page
from stageauto.web.routing import HTML, HttpError, Reply, Request, Route, data
from stageauto.web.site import Site

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
LENGTH = 43
LONGEST = 2_000
"""Characters of a line, and how many of a name."""
LONGEST_NAME = 80
_PER_MINUTE = 20
_CHATS_PER_MINUTE = 5
_POLL = 20.0
_LOOK = 0.25
_WAITING = 500
_WAITING_HERE = 8
_SHOWN = 200


def _channel(site: Site, request: Request) -> Channel:
    """The live chat that the path names, else the first there is. Raises HttpError 404."""
    name = request.arguments.get("channel")
    for one in site.workspace.channels.values():
        if one.type == "live_chat" and name in (None, one.name):
            return one
    raise HttpError(404, "there is nothing here")


def _chat_of(request: Request) -> str:
    """The chat whose token stands in the header. Raises HttpError 401."""
    token = request.headers.get("x-chat-token", "")
    if not is_token(token):
        raise HttpError(401, "no token of a chat")
    return f"live:{hash_of(token)[:32]}"


async def show(site: Site, request: Request) -> Reply:
    """The chat's page."""
    channel = _channel(site, request)
    look = site.look()
    words = look.words
    title = str(channel.options.get("title") or words("chat_title"))
    greeting = str(channel.options.get("greeting") or words("chat_greeting"))
    parts = [
        f'<p id="greeting">{escape(greeting)}</p>',
        f'<ol id="lines" role="log" aria-live="polite" aria-label="{words.html("chat_messages")}" tabindex="0"></ol>',
        '<p id="trouble" role="alert" class="wrong" hidden></p>',
        '<form id="say">',
        f'<p id="who"><label for="name">{words.html("chat_name")}</label>',
        f'<input id="name" autocomplete="name" maxlength="{LONGEST_NAME}"></p>',
        f'<p><label for="text">{words.html("chat_message")}</label>',
        f'<textarea id="text" rows="2" maxlength="{LONGEST}" required></textarea></p>',
        f'<p><button type="submit">{words.html("send")}</button></p></form>',
        f"<noscript><p>{words.html('chat_no_script')}</p></noscript>",
    ]
    told = {
        "base": site.base, "channel": channel.name, "too-many": words("chat_too_many"), "failed": words("chat_failed"),
        "you": words("chat_you"), "us": look.name or title,
    }  # fmt: skip
    marks = "".join(f' data-{name}="{escape(value)}"' for name, value in told.items())
    body = page(title, parts, look=look, scripts=["chat.js"], attributes=f' class="chat"{marks}')
    return Reply(200, body, HTML, policy_headers(frames=site.settings.get("origins", ())))


async def say(site: Site, request: Request) -> Reply:
    """Takes a line of the customer's. Without a token it is the first, and the chat's token is given back."""
    channel = _channel(site, request)
    found = request.json()
    if not isinstance(found, dict):
        raise HttpError(400, "the body is no JSON object")
    text = clean(str(found.get("text") or ""))
    if not text or len(text) > LONGEST:
        raise HttpError(422, f"write something, of at most {LONGEST} characters")
    net, now = network_of(request.address), site.monotonic()
    token = request.headers.get("x-chat-token", "")
    chat = _chat_of(request) if token else ""
    if not (chat and _lines(site, chat, 0)) and site.allowance("chats", _CHATS_PER_MINUTE).take(net, now):
        raise HttpError(429, "too many chats at once", {"Retry-After": "60"})
    if site.allowance("chat", _PER_MINUTE).take(net, now):
        raise HttpError(429, "too many messages at once", {"Retry-After": "30"})
    answer: dict[str, Any] = {"ok": True}
    if not chat:
        token = answer["token"] = site.clock.draw(LETTERS, LENGTH)
        chat = f"live:{hash_of(token)[:32]}"
    said: dict[str, Any] = {"channel": channel.name, "chat": chat, "text": text}
    if name := clean(str(found.get("name") or ""))[:LONGEST_NAME]:
        said["name"] = name
    # Neither phone nor e-mail: who only claims to be a customer must not get that customer's answers.
    await site.offer(Raw("chat.message", said, source=f"channel:{channel.name}"))
    return data(answer)


async def lines(site: Site, request: Request) -> Reply:
    """The chat's lines after `after`; waits for a while where there are none yet."""
    channel = _channel(site, request)
    chat = _chat_of(request)
    after = request.query.get("after", "0")
    if not after.isascii() or not after.isdigit() or len(after) > 15:
        raise HttpError(400, "`after` is a number")
    found = _lines(site, chat, int(after))
    if not found and not site.stopping:
        with site.waiting(network_of(request.address), _WAITING_HERE, _WAITING):
            found = await _soon(site, chat, int(after))
    return data([
        {"seq": one.seq, "at": one.at, "ours": not one.author, "text": one.text}
        for one in found
        if one.channel in ("", channel.name)
    ])  # fmt: skip


async def _soon(site: Site, chat: str, after: int) -> list[Any]:
    """What is written within the next seconds. The state is only read where somebody wrote to it."""
    seen = -1
    for _ in range(int(_POLL / _LOOK)):
        now = site.data_version()
        if now != seen:
            seen = now
            if found := _lines(site, chat, after):
                return found
        if site.stopping:
            break
        await asyncio.sleep(_LOOK)
    return []


def _lines(site: Site, chat: str, after: int) -> list[Any]:
    with site.read() as state:
        return state.chat_lines(chat, after_seq=after, limit=_SHOWN)


def routes() -> list[Route]:
    """The routes of this group."""
    found = []
    for path in ("/chat", "/chat/{channel}"):
        found += [
            Route("GET", path, show),
            Route("POST", f"{path}/say", say, most=16 * 1024),
            Route("GET", f"{path}/lines", lines, slow=True),
        ]
    return found
