"""SMS gateways tell whether a message arrived: LOX24's notifications, and whatever an `sms_http` channel describes.

LOX24: https://doc.lox24.eu/info/notifications/ and .../sms-delivery-report-codes-dlr/. Gateways do not sign: what they
call holds the channel's `secret`, in the address or as a header.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stageauto.channels._sms_template import answer_of, at_path, words
from stageauto.engine.model import Channel
from stageauto.web.bodies import NoBodyError, clean, fields_of
from stageauto.web.providers import DELIVERED, FAILED, channel_of, demand, report
from stageauto.web.routing import FREE, HttpError, Reply, Request, Route, text
from stageauto.web.signatures import Verdict, same
from stageauto.web.site import Site

_MOST = 64 * 1024
LOX24: Final[Mapping[int, tuple[str, str]]] = {
    1: (DELIVERED, ""), 8: (FAILED, "LOX24: it expired"), 16: (FAILED, "LOX24: it was rejected"),
}  # fmt: skip
"""LOX24's codes of what became of a message, and our events; the others are steps on the way."""


async def lox24(site: Site, request: Request) -> Reply:
    """Takes a notification of LOX24; what is none of a delivery is taken as well, or it would come again."""
    channel = _checked(site, request, "lox24")
    found = request.json()
    data = found.get("data") if isinstance(found, dict) and found.get("name") == "sms.delivery" else None
    if isinstance(data, dict):
        code = data.get("dlr_code")
        kind, reason = LOX24.get(code, ("", "")) if isinstance(code, int) else ("", "")
        if kind:
            await report(site, channel, kind, _key(data.get("callback_data")), _more(reason, code if reason else ""))
    return text("ok")


async def sms_http(site: Site, request: Request) -> Reply:
    """Takes a gateway's word of a message as the channel's `report` reads it."""
    channel = _checked(site, request, "sms_http")
    said = channel.options.get("report")
    if isinstance(said, Mapping):
        data = _data(request)
        status, key = words(at_path(data, str(said["status"]))), words(at_path(data, str(said["key"])))
        kind = DELIVERED if status in _words(said.get("delivered")) else ""
        kind = FAILED if status in _words(said.get("failed")) else kind
        if kind:
            reason = f"the gateway says {clean(status)[:100]}" if kind == FAILED else ""
            await report(site, channel, kind, _key(key), _more(reason, clean(status)[:100] if reason else ""))
    return text("ok")


def _checked(site: Site, request: Request, kind: str) -> Channel:
    channel = channel_of(site, request, kind)
    secret = site.secret(channel.options.get("secret"))
    given = request.query.get("secret") or request.headers.get("authorization", "").removeprefix("Bearer ")
    verdict = Verdict.MISSING if not given else Verdict.GOOD if secret and same(given, secret) else Verdict.FORGED
    demand(site, request, channel, verdict)
    return channel


def _key(value: Any) -> str:
    return str(value or "")[:100]


def _more(reason: str, code: object) -> dict[str, str]:
    return {"reason": reason, "code": str(code)}


def _words(said: Any) -> frozenset[str]:
    return frozenset(words(one) for one in (said if isinstance(said, list | tuple) else (said,)) if one is not None)


def _data(request: Request) -> dict[str, Any]:
    """What was sent, in the address and in the body: a form, JSON or XML."""
    found: dict[str, Any] = {name: value for name, value in request.query.items() if name != "secret"}
    if not request.body:
        return found
    kind = request.content_type
    if kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        try:
            return {**found, **fields_of(request.body, request.headers.get("content-type", ""))}
        except NoBodyError as error:
            raise HttpError(400, str(error)) from None
    sent = answer_of(request.body.decode("utf-8", "replace")) if kind.endswith("xml") else request.json()
    return {**found, **sent} if isinstance(sent, dict) else found


def routes() -> list[Route]:
    """The routes of this group."""
    return [
        Route("POST", "/lox24/{channel}", lox24, most=_MOST, cost=FREE),
        Route("POST", "/sms_http/{channel}", sms_http, most=_MOST, cost=FREE),
        Route("GET", "/sms_http/{channel}", sms_http, cost=FREE),
    ]
