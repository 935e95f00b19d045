"""Our own files for pages: style sheets and scripts, which lie beside this module in the folder `static`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from stageauto.web.routing import HttpError, Reply, Request, Route
from stageauto.web.site import Site

KINDS: Final[Mapping[str, str]] = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}


@cache
def content(name: str) -> bytes | None:
    """The bytes of one of our files, None where there is none of the name."""
    if name.rpartition(".")[2] not in KINDS:
        return None
    try:
        return files("stageauto.web").joinpath("static", name).read_bytes()
    except OSError:
        return None


async def asset(_site: Site, request: Request) -> Reply:
    """One file."""
    name = request.arguments["name"]
    found = content(name) if "/" not in name else None
    if found is None:
        raise HttpError(404, "there is nothing here")
    kind = KINDS[name.rpartition(".")[2]]
    return Reply(200, found, kind, {"Cache-Control": "public, max-age=3600"})


def routes() -> list[Route]:
    """The routes of this group."""
    return [Route("GET", "/assets/{name}", asset)]
