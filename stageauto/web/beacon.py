"""The visit beacon: a small script for the web site, and where it tells who looks at which page."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from stageauto.runner.intake import Raw
from stageauto.web.assets import content
from stageauto.web.bodies import clean
from stageauto.web.forms import VISITOR
from stageauto.web.limits import network_of
from stageauto.web.routing import HttpError, Reply, Request, Route
from stageauto.web.site import Site

_PER_MINUTE = 60
_LONGEST = 500


async def script(site: Site, _request: Request) -> Reply:
    """The script, with where it tells and whether it needs consent."""
    consent = "0" if site.settings.get("consent") == "none" else "1"
    source = (content("v.js") or b"").decode("utf-8")
    made = source.replace('"$URL"', json.dumps(site.workspace.base_url)).replace("$CONSENT", consent)
    headers = {"Cache-Control": "public, max-age=3600", "Cross-Origin-Resource-Policy": "cross-origin"}
    return Reply(200, made.encode(), "text/javascript; charset=utf-8", headers)


async def visit(site: Site, request: Request) -> Reply:
    """Takes a visit of a named site. Only one of a known visitor becomes an event: nobody unknown starts anything."""
    origin = request.headers.get("origin", "")
    if origin not in site.settings.get("origins", ()):
        raise HttpError(403, "not from that site")
    if site.allowance("visits", _PER_MINUTE).take(network_of(request.address), site.monotonic()):
        raise HttpError(429, "too many at once", {"Retry-After": "30"})
    found = _told(request)
    visitor = str(found.get("visitor") or "")
    cors = {"Access-Control-Allow-Origin": origin, "Vary": "Origin", "Cross-Origin-Resource-Policy": "cross-origin"}
    if VISITOR.fullmatch(visitor) and _known(site, visitor):
        data = {key: clean(str(found[key]))[:_LONGEST] for key in ("referrer", "campaign") if found.get(key)}
        data |= {"visitor": visitor, "page": _path(str(found.get("page") or ""))}
        kinds = ["site.visited", "site.returned"] if found.get("first") is True else ["site.visited"]
        for kind in kinds:
            await site.offer(Raw(kind, data, source="beacon"))
    return Reply(204, b"", headers=cors)


def _told(request: Request) -> dict[str, Any]:
    try:
        found = json.loads(request.body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise HttpError(400, "the body is no JSON") from None
    if not isinstance(found, dict):
        raise HttpError(400, "the body is no JSON object")
    return found


def _known(site: Site, visitor: str) -> bool:
    with site.read() as state:
        return bool(state.find_contacts(visitor))


def _path(page: str) -> str:
    """The page's path: what stands behind `?` may hold anything."""
    try:
        return clean(urlsplit(page).path)[:_LONGEST] or "/"
    except ValueError:
        return "/"


def routes() -> list[Route]:
    """The routes of this group."""
    return [Route("GET", "/v.js", script), Route("POST", "/v", visit, most=8 * 1024)]
