"""What all providers' callbacks have in common: which channel is meant, and how a bad proof is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from stageauto.engine.model import Channel
from stageauto.engine.state import UNKNOWN, Delivery
from stageauto.runner.intake import Raw
from stageauto.web.routing import HttpError, Request
from stageauto.web.signatures import Verdict
from stageauto.web.site import Site

DELIVERED, FAILED = "message.delivered", "message.failed"


def channel_of(site: Site, request: Request, kind: str) -> Channel:
    """The channel of that type which the path names. Raises HttpError 404."""
    found = site.workspace.channels.get(request.arguments["channel"])
    if found is None or found.type != kind:
        raise HttpError(404, "there is nothing here")
    return found


def demand(site: Site, request: Request, channel: Channel, verdict: Verdict) -> None:
    """Raises HttpError 401 for a bad proof, and has it noted."""
    if verdict is not Verdict.GOOD:
        site.note(f"refused: {channel.type}", channel.name, request.address, because=verdict.value)
        raise HttpError(401, verdict.value)


async def report(site: Site, channel: Channel, kind: str, key: str, more: Mapping[str, str]) -> None:
    """What a provider tells of a message of ours, once; of what no rule sent by that channel nothing is kept."""
    with site.read() as state:
        item = state.item_of_token("message_id", key) if key else None
        ours = (one for one in state.deliveries(item=item) if one.key == key) if item else ()
        found = next((one for one in ours if one.channel == channel.name), None)
    if found is None:
        return
    vouch(site, found, {"reported": kind})
    data = {
        "to": found.to, "channel": channel.name, "rule": found.rule, "delivery": found.id, "message_id": key, **more
    }  # fmt: skip
    await site.offer(Raw(kind, filled(data), id=f"{kind}:{key}", source=f"channel:{channel.name}"))


def vouch(site: Site, delivery: Delivery, answer: Mapping[str, str]) -> None:
    """A provider that tells what became of a message has had it, whatever became of our request."""
    if delivery.state == UNKNOWN:
        site.service.hear(delivery.id, delivery.channel, answer)


def pairs_of(request: Request) -> list[tuple[str, str]]:
    """The fields of an urlencoded form, in order. Raises HttpError 400."""
    try:
        text = request.body.decode("utf-8")
        return parse_qsl(text, keep_blank_values=True, max_num_fields=200, errors="strict")
    except ValueError:
        raise HttpError(400, "the form cannot be read") from None


def filled(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty."""
    return {name: value for name, value in values.items() if value not in (None, "", [])}
