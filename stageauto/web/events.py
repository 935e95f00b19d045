"""Events by HTTP: `POST /events` with a user's token, which `stageauto token add USER` makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stageauto.engine.links import hash_of
from stageauto.engine.model import ITEMS_UPDATE
from stageauto.runner.intake import Raw, is_text
from stageauto.runner.tokens import looks_like_one
from stageauto.web.routing import FREE, HttpError, Reply, Request, Route, data
from stageauto.web.site import Site

_MOST = 1024 * 1024
MOST_EVENTS = 100
_KEYS = frozenset(("type", "id", "item", "contact", "data"))


async def events(site: Site, request: Request) -> Reply:
    """Takes one event, or a list of up to 100, all of them or none: what became of each, when all are on disk.

    401 without a good token, 403 where its owner may not change the items, 422 for what is no event.
    """
    user = _owner(site, request)
    body = request.json()
    many = body if isinstance(body, list) else [body]
    if not many or len(many) > MOST_EVENTS:
        raise HttpError(422, f"send one event, or a list of up to {MOST_EVENTS}")
    raws = [_raw(site, one, user, request) for one in many]
    rows = [_row(one) for one in await site.offer_all(raws)]
    return data(rows if isinstance(body, list) else rows[0])


def _row(row: Any) -> dict[str, Any]:
    return {"event": row.id, "outcome": row.outcome, "items": row.items, "moved_to": row.moved_to}


def _owner(site: Site, request: Request) -> str:
    """The user behind the token. Raises HttpError 401."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and looks_like_one(token.strip()):
        with site.read() as state:
            found = state.api_token(hash_of(token.strip()))
        users = site.workspace.users
        if found is not None and (not users or found.user in users):
            return found.user
    site.note("refused: events", "/events", request.address, because="no token, or not one of ours")
    raise HttpError(401, "no token, or not one of ours", {"WWW-Authenticate": 'Bearer realm="stageauto"'})


def _raw(site: Site, given: Any, user: str, request: Request) -> Raw:
    """One event, after checking that the user may. Raises HttpError 403 and 422."""
    if not isinstance(given, Mapping) or not isinstance(given.get("type"), str):
        raise HttpError(422, "an event is a JSON object with a `type`")
    unknown = sorted(set(map(str, given)) - _KEYS)
    if unknown:
        raise HttpError(422, f"an event has no `{unknown[0][:40]}`; it has {', '.join(sorted(_KEYS))}")
    for key in ("id", "item", "contact"):
        if (value := given.get(key)) is not None and not (isinstance(value, str) and is_text(value)):
            raise HttpError(422, f"`{key}` is text")
    item = given.get("item")
    _demand(site, user, item, request.address)
    return Raw(
        given["type"], given.get("data") or {}, id=given.get("id") or "", item=item, contact=given.get("contact"),
        source="http", author=user,
    )  # fmt: skip


def _demand(site: Site, user: str, item_id: str | None, address: str) -> None:
    """An event that names its item needs the right to change items there; any other may concern every pipeline."""
    from stageauto.runner.rights import rights_of

    rights = rights_of(site.workspace)
    pipelines: list[str] = list(site.workspace.pipelines)
    if item_id is not None:
        with site.read() as state:
            item = state.item(item_id)
        if item is not None and not item.deleted:
            pipelines = [item.pipeline]
        elif any(rights.may(user, ITEMS_UPDATE, one) for one in pipelines):
            raise HttpError(422, "there is no such item")  # told to nobody who may change nothing anyway
    for one in pipelines:
        if not rights.may(user, ITEMS_UPDATE, one):
            because = f"`{user}` may not do this: it needs {ITEMS_UPDATE} in pipeline `{one}`"
            site.note("refused: events", one, address, user=user, because=because)
            raise HttpError(403, "the owner of the token may not change these items")


def routes() -> list[Route]:
    """The routes of this group."""
    return [Route("POST", "/events", events, most=_MOST, cost=FREE)]
