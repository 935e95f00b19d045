"""Guesses whether a person or a program followed a link. A hint, nothing more."""

from __future__ import annotations

import re
from typing import Final

from stageauto.web.limits import from_here
from stageauto.web.routing import Request

SOON: Final = 3_000
"""Nobody reads a mail within so many milliseconds after it was written; what delivers it may."""
_NAMES: Final = re.compile(
    r"bot\b|bot/|spider|crawl|preview|prefetch|scan|barracuda|mimecast|proofpoint|ironport|trendmicro|fireeye|"
    r"safelinks|googleimageproxy|yahoomailproxy|microsoft office existence",
    re.IGNORECASE,
)
_TOOLS: Final = re.compile(r"headlesschrome|python|curl/|wget/|go-http|java/|okhttp|libwww", re.IGNORECASE)
_BARE: Final = frozenset(("", "Mozilla/5.0", "Mozilla/4.0"))


def likely_machine(request: Request, age: int) -> bool:
    """True for programs that name themselves, for prefetching, and for what comes `age` ms after the mail was made.

    On this machine itself nobody scans mails: whoever tries a link there by curl is taken for a customer.
    """
    agent = request.headers.get("user-agent", "").strip()
    purpose = request.headers.get("sec-purpose", "") + request.headers.get("purpose", "")
    if request.method == "HEAD" or _NAMES.search(agent) or "prefetch" in purpose.lower():
        return True
    if from_here(request):
        return False
    # Apple's mail privacy loads all pictures as a bare "Mozilla/5.0".
    return agent in _BARE or _TOOLS.search(agent) is not None or 0 <= age < SOON
