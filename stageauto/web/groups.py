"""All groups of routes. Another group is another module with a function `routes()`, and a line in `GROUPS`."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from stageauto.web.routing import Route

GROUPS: Final = (
    "assets",
    "brand",
    "health",
    "hooks",
    "events",
    "forms",
    "tracking",
    "documents",
    "twilio",
    "telegram",
    "edna",
    "gateways",
    "chat",
    "beacon",
)


def all_routes() -> list[Route]:
    """The routes of every group."""
    found: list[Route] = []
    for name in GROUPS:
        found += import_module(f"stageauto.web.{name}").routes()
    return found
