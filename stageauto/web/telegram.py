"""Telegram's webhook: what customers write to the bot (Bot API, setWebhook with `secret_token`)."""

from __future__ import annotations

from stageauto.channels._telegram_updates import telegram_event
from stageauto.runner.intake import Raw
from stageauto.web.providers import channel_of, demand
from stageauto.web.routing import FREE, Reply, Request, Route, text
from stageauto.web.signatures import Verdict, same
from stageauto.web.site import Site

_MOST = 256 * 1024


async def update(site: Site, request: Request) -> Reply:
    """Takes one update. What it is not an event of is taken as well, or Telegram would send it again and again."""
    channel = channel_of(site, request, "telegram")
    secret = site.secret(channel.options.get("secret"))
    given = request.headers.get("x-telegram-bot-api-secret-token")
    verdict = Verdict.MISSING if given is None else Verdict.GOOD if secret and same(given, secret) else Verdict.FORGED
    demand(site, request, channel, verdict)
    found = telegram_event(request.json(), channel.name)
    if found is not None:
        await site.offer(Raw(found["type"], found["data"], id=found["id"], source=found["source"]))
    return text("ok")


def routes() -> list[Route]:
    """The routes of this group."""
    return [Route("POST", "/telegram/{channel}", update, most=_MOST, cost=FREE)]
