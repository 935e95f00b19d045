"""The headers that every answer has, and how errors are answered."""

from __future__ import annotations

from collections.abc import Iterable

from stageauto.loader.wording import FIRST
from stageauto.loader.wording import words as words_in
from stageauto.web.look import Look
from stageauto.web.pages import page
from stageauto.web.routing import HTML, HttpError, Reply, text

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action {form}; base-uri 'none'; frame-ancestors {frame}"
)
"""No script or style inside the page, nothing from elsewhere (Content Security Policy Level 3)."""


EVERY = frozenset(words_in(FIRST))
"""The names of all texts."""


def policy(*, form: str = "'self'", frame: str = "'none'") -> str:
    """The Content-Security-Policy: where forms may go (redirects included), and who may show the page in a frame."""
    return POLICY.format(form=form, frame=frame)


def policy_headers(*, form: str = "'self'", frames: Iterable[str] = ()) -> dict[str, str]:
    """The headers of a page that the sites `frames` may show in a frame; `form`: where its form may lead."""
    shown_by = " ".join(map(str, frames))
    headers = {"Content-Security-Policy": policy(form=form, frame=shown_by or "'none'")}
    return headers | ({"Cross-Origin-Resource-Policy": "cross-origin"} if shown_by else {})


def headers_for(reply: Reply) -> dict[str, str]:
    """All headers of an answer. What the reply says itself wins."""
    headers = {
        "Content-Type": reply.kind,
        "Content-Security-Policy": policy(),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",  # addresses of pages hold tokens
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex",
        "Server": "stageauto",
    }
    headers |= dict(reply.headers)
    if "frame-ancestors 'none'" in headers["Content-Security-Policy"]:
        headers["X-Frame-Options"] = "DENY"  # older browsers; it knows no list of sites
    return headers


def error_reply(error: HttpError, *, look: Look | None = None) -> Reply:
    """The answer to a request that failed: a page that looks like the others for people, a line for programs."""
    if look is None:
        made = text(error.sentence, error.status)
        return Reply(made.status, made.body, made.kind, error.headers)
    words = look.words
    said = f"error_{error.status}" if f"error_{error.status}" in EVERY else "error"
    body = page(words("sorry"), [f"<p>{words.html(said)}</p>"], look=look)
    return Reply(error.status, body, HTML, error.headers)
