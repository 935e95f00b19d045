"""Visits of the web site."""

from __future__ import annotations

from stageauto.engine.event_types import EventType

_VISIT = {
    "page": "the address of the page",
    "visitor": "the id of the visitor",
    "referrer": "the page that led here",
    "campaign": "the campaign that led here",
}
_KEYS = ("visitor", "contact")

EVENTS = (
    EventType(
        "site.visited",
        "Somebody looked at a page.",
        where=("page",),
        data=_VISIT,
        customer=True,
        contact_keys=_KEYS,
        example="""
            id: looked-at-prices
            event: site.visited
            where: {page: /prices}
        """,
        group="site",
    ),
    EventType(
        "site.returned",
        "A visitor who is known from a form or a callback came again.",
        where=("page",),
        data=_VISIT,
        customer=True,
        contact_keys=_KEYS,
        example="""
            id: came-again
            event: site.returned
            allow_back: true
        """,
        group="site",
    ),
)
