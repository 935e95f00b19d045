"""Links of mails: the pixel, tracked links, unsubscribing. GET changes nothing but counters."""

from __future__ import annotations

import base64
from typing import Any

from stageauto.engine.links import hash_of, is_token
from stageauto.engine.state import Link
from stageauto.runner.intake import Raw
from stageauto.web.look import Look
from stageauto.web.machines import likely_machine
from stageauto.web.pages import escape, page
from stageauto.web.routing import HTML, HttpError, Reply, Request, Route, redirect
from stageauto.web.site import MINUTE, Site

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_CLICKED = {"link": "email.link_clicked", "qr": "qr.scanned"}


async def opened(site: Site, request: Request) -> Reply:
    """The pixel; the same for a token that is none of ours."""
    try:
        link, _ = site.link(request.arguments["token"], "open")
    except HttpError:
        pass
    else:
        await site.offer(_seen(site, request, link, "email.opened", {}))
    return Reply(200, GIF, "image/gif", {"Cross-Origin-Resource-Policy": "cross-origin"})


async def clicked(site: Site, request: Request) -> Reply:
    """On to where the link leads: only to what stood in the mail, whatever else is asked for."""
    link, _ = site.link(request.arguments["token"], *_CLICKED)
    await site.offer(_seen(site, request, link, _CLICKED[link.kind], {"link": link.target}))
    return redirect(link.target, 302)


def _seen(site: Site, request: Request, link: Link, kind: str, more: dict[str, Any]) -> Raw:
    """The event: one for each minute, so that who reloads a page a hundred times is not a hundred events."""
    machine = likely_machine(request, site.now() - link.at)
    data = {key: link.data[key] for key in ("rule", "email") if link.data.get(key)} | more
    if machine:
        data["likely_machine"] = True
    minute = site.now() // MINUTE
    event_id = f"{link.kind}:{link.hash[:32]}:{minute}{':m' if machine else ''}"
    return Raw(kind, data, id=event_id, item=link.item, source="tracking")


# -- unsubscribing ---------------------------------------------------------------------------------------------------


def _subscription(site: Site, request: Request) -> tuple[Link, bool, bool]:
    """The link; whether its item lives; whether the customer has opted out already. Works as long as the link does."""
    token = request.arguments["token"]
    if is_token(token):
        with site.read() as state:
            link = state.link(hash_of(token))
            if link is not None and link.kind == "unsubscribe":
                item, contact = state.item(link.item), state.contact(str(link.data.get("contact") or ""))
                out = contact is None or bool({"mail", "*"} & set(contact.opt_out))
                return link, item is not None and not item.deleted, out
    raise HttpError(404, "this link leads nowhere (any more)")


async def ask(site: Site, request: Request) -> Reply:
    """A page with a button: who only looks, as scanners do, stays subscribed (RFC 8058, 3.2)."""
    link, _, out = _subscription(site, request)
    look = _look(site, link)
    if out:
        return _done(look)
    parts = [
        f"<p>{look.words.html('unsubscribe_text', address=link.target)}</p>",
        f'<form method="post" action="{escape(site.base)}/u/{escape(request.arguments["token"])}">',
        f'<p><button type="submit">{look.words.html("unsubscribe")}</button></p></form>',
    ]
    return Reply(200, page(look.words("unsubscribe_title"), parts, look=look), HTML)


def _look(site: Site, link: Link) -> Look:
    """The look of a page for whom the link was made."""
    with site.read() as state:
        contact = state.contact(str(link.data.get("contact") or ""))
    return site.look(*filter(None, [contact.language if contact else ""]))


async def leave(site: Site, request: Request) -> Reply:
    """Opts the customer out of mail; done again it does nothing."""
    link, alive, out = _subscription(site, request)
    if not out:
        one_click = _one_click(request)
        data = {key: link.data[key] for key in ("rule", "email", "contact") if link.data.get(key)}
        await site.offer(
            Raw(
                "email.unsubscribed", {**data, **({"one_click": True} if one_click else {})},
                item=link.item if alive else None, contact=str(link.data.get("contact") or "") or None,
                source="tracking",
            )
        )  # fmt: skip
    return _done(_look(site, link))


def _one_click(request: Request) -> bool:
    """Whether a mail program sent it, by either kind of form that RFC 8058 has (3.1)."""
    try:
        return request.fields().get("List-Unsubscribe") == "One-Click"
    except HttpError:  # whoever asks to be left alone is left alone, whatever came along
        return False


def _done(look: Look) -> Reply:
    body = page(look.words("unsubscribed_title"), [f'<p class="done">{look.words.html("unsubscribed")}</p>'], look=look)
    return Reply(200, body, HTML)


def routes() -> list[Route]:
    """The routes of this group."""
    return [
        Route("GET", "/o/{token}.gif", opened),
        Route("GET", "/l/{token}", clicked),
        Route("GET", "/u/{token}", ask),
        Route("POST", "/u/{token}", leave),
    ]
