"""edna's webhooks: what customers write in WhatsApp, and what became of our messages.

https://docs-pulse.edna.io/docs/api/callback/get-message and .../get-status
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stageauto.engine.model import Channel
from stageauto.runner.intake import Raw
from stageauto.web.bodies import clean
from stageauto.web.providers import DELIVERED, FAILED, channel_of, demand, filled, report
from stageauto.web.routing import FREE, Reply, Request, Route, text
from stageauto.web.signatures import Verdict, same
from stageauto.web.site import Site

_MOST = 256 * 1024
ARRIVED: Final[Mapping[str, str]] = {
    "DELIVERED": DELIVERED, "READ": DELIVERED, "UNDELIVERED": FAILED, "FAILED": FAILED,
}  # fmt: skip
"""edna's words for what became of a message, and our events."""


async def there(site: Site, request: Request) -> Reply:
    """edna looks whether an address answers before it takes it (HEAD)."""
    channel_of(site, request, "edna")
    return text("ok")


async def callback(site: Site, request: Request) -> Reply:
    """Takes a message of a customer as `chat.message`, and word of whether one of ours arrived."""
    channel = channel_of(site, request, "edna")
    secret = site.secret(channel.options.get("secret"))
    given = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
    verdict = Verdict.MISSING if not given else Verdict.GOOD if secret and same(given, secret) else Verdict.FORGED
    demand(site, request, channel, verdict)
    found = request.json()
    for one in found if isinstance(found, list) else [found]:
        raw = _message(one, channel)
        if raw is not None:
            await site.offer(raw)
            continue
        status = _mapping(one)
        kind = ARRIVED.get(str(status.get("status")))
        if kind is not None:
            reason = f"edna: {clean(str(status.get('error') or status['status']))[:200]}" if kind == FAILED else ""
            await report(site, channel, kind, str(status.get("requestId") or "")[:100], {"reason": reason})
    return text("ok")


def _message(found: Any, channel: Channel) -> Raw | None:
    """The event of a message that came in, None for anything else."""
    if not isinstance(found, Mapping) or not isinstance(found.get("messageContent"), Mapping):
        return None
    content, sender = found["messageContent"], _mapping(found.get("subscriber"))
    number = "".join(ch for ch in str(sender.get("identifier") or "") if ch.isdigit())[:20]
    if not number:
        return None
    user = _mapping(found.get("userInfo"))
    names = " ".join(str(user[key]) for key in ("firstName", "lastName") if user.get(key)) or user.get("userName")
    attachment = _mapping(content.get("attachment"))
    data = filled({
        "channel": channel.name, "chat": f"whatsapp:{number}", "phone": f"+{number}",
        "name": clean(str(names or ""))[:200],
        "text": clean(str(content.get("text") or content.get("caption") or content.get("payload") or "")),
        "attachments": [filled({"name": attachment.get("name"), "url": attachment.get("url")})] if attachment else [],
    })  # fmt: skip
    key = found.get("id")
    event_id = f"edna:{channel.name}:{key}" if isinstance(key, int) and not isinstance(key, bool) else ""
    return Raw("chat.message", data, id=event_id, source=f"channel:{channel.name}")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def routes() -> list[Route]:
    """The routes of this group."""
    path = "/edna/{channel}"
    return [Route("GET", path, there), Route("POST", path, callback, most=_MOST, cost=FREE)]
