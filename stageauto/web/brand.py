"""What makes the pages an admin's own: the logo, and a style sheet in their colour."""

from __future__ import annotations

from stageauto.web.look import style
from stageauto.web.routing import HttpError, Reply, Request, Route
from stageauto.web.site import Site

_A_WEEK = {"Cache-Control": "public, max-age=604800, immutable"}
_AN_HOUR = {"Cache-Control": "public, max-age=3600"}
MEDIA = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".svg": "image/svg+xml",
    ".webp": "image/webp",
}  # fmt: skip
"""Endings of pictures, and what they are."""
ALONE = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
"""The policy of a picture: an SVG that somebody opens by itself runs no script."""


def media_of(name: str) -> str:
    """What a picture's ending says that it is."""
    return MEDIA.get(f".{name.rpartition('.')[2].lower()}", "application/octet-stream")


async def logo(site: Site, _request: Request) -> Reply:
    """The logo."""
    found = site.logo()
    if found is None:
        raise HttpError(404, "there is nothing here")
    return Reply(200, found, media_of(str(site.settings["logo"])), _AN_HOUR | ALONE)


async def colors(site: Site, request: Request) -> Reply:
    """The style sheet of a colour; its address changes with it, and so it may be kept."""
    mark = str(site.settings.get("color") or "").lstrip("#").lower()
    if not mark or request.arguments["mark"] != mark:
        raise HttpError(404, "there is nothing here")
    return Reply(200, style(f"#{mark}").encode(), "text/css; charset=utf-8", _A_WEEK)


def routes() -> list[Route]:
    """The routes of this group."""
    return [Route("GET", "/brand/logo", logo), Route("GET", "/brand/{mark}.css", colors)]
