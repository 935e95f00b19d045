"""Hooks: other systems call `/hooks/NAME`, signed or with a secret in a header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stageauto.channels._sms_template import at_path
from stageauto.runner.intake import Raw
from stageauto.web.bodies import NoBodyError, fields_of
from stageauto.web.routing import FREE, HttpError, Reply, Request, Route, data
from stageauto.web.signatures import Verdict, same, standard_webhook
from stageauto.web.site import Site

_MOST = 256 * 1024
_LONGEST_ID = 120


async def hook(site: Site, request: Request) -> Reply:
    """Takes a call: 200 with its event when that is on disk, 401 without a good signature, 404 for no such hook."""
    name = request.arguments["hook"]
    said = site.workspace.hooks.get(name)
    if said is None:
        raise HttpError(404, "there is nothing here")
    secret = site.secret(said.get("secret"))
    verdict, key = _verdict(site, request, secret, str(said.get("header") or ""))
    if verdict is not Verdict.GOOD or not secret:
        site.note("refused: hook", name, request.address, because=verdict.value)
        raise HttpError(401, verdict.value if secret else Verdict.FORGED.value)
    sent = _data(request)
    event, paths = str(said.get("event") or "webhook.received"), said.get("data")
    found = {**(picked(sent, paths) if paths is not None else sent), "hook": name}
    row = await site.offer(Raw(event, found, id=f"hook:{name}:{key}" if key else "", source=f"hook:{name}"))
    return data({"event": row.id, "outcome": row.outcome})


def _verdict(site: Site, request: Request, secret: str, header: str) -> tuple[Verdict, str]:
    if not header:
        return standard_webhook(secret, request.headers, request.body, site.now())
    given = request.headers.get(header.lower())
    if given is None:
        return Verdict.MISSING, ""
    if not same(given.removeprefix("Bearer "), secret):
        return Verdict.FORGED, ""
    key = request.headers.get("webhook-id") or request.headers.get("idempotency-key") or ""
    return Verdict.GOOD, key[:_LONGEST_ID] if key.isascii() and key.isprintable() else ""


def picked(sent: Any, paths: Mapping[str, str]) -> dict[str, Any]:
    """The values at the paths (`customer.emails.0`), by the names they get; what is not there, or null, is left out."""
    values = {name: at_path(sent, str(path)) for name, path in paths.items()}
    return {name: value for name, value in values.items() if value is not None}


def _data(request: Request) -> dict[str, Any]:
    """What was sent, as the event's data: a JSON object or a form as it is, anything else under `body`."""
    if not request.body:
        return {}
    if request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        try:
            return dict(fields_of(request.body, request.headers.get("content-type", "")))
        except NoBodyError as error:
            raise HttpError(400, str(error)) from None
    try:
        found = json.loads(request.body.decode("utf-8"))
    except (ValueError, RecursionError):
        if request.content_type.endswith("json"):
            raise HttpError(400, "the body is no JSON") from None
        return {"body": request.body.decode("utf-8", "replace")}
    return found if isinstance(found, dict) else {"body": found}


def routes() -> list[Route]:
    """The routes of this group."""
    return [Route("POST", "/hooks/{hook}", hook, most=_MOST, cost=FREE)]
