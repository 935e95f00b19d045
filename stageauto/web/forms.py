"""Forms: a page for each form of stageauto.yaml, and the address to which it, or a form of another site, is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from stageauto.runner.intake import Raw
from stageauto.web.answers import EVERY, policy_headers
from stageauto.web.limits import network_of
from stageauto.web.look import Look, Words
from stageauto.web.pages import LONG, escape, field, page, wrongs
from stageauto.web.routing import HTML, HttpError, Reply, Request, Route, data, redirect
from stageauto.web.site import Site

HONEYPOT = "leave-this-empty"
"""A field that people do not see; its name cannot be one of an admin's, which have no dash."""
VISITOR = re.compile(r"v[0-9a-f]{32}")
TICKED = frozenset(("yes", "true", "on", "1"))
"""What browsers and scripts send for a box that is ticked."""
_PER_MINUTE = 10
_EMAIL = re.compile(r"[^@\s<>,;]{1,64}@[^@\s<>,;]{1,190}")
_CALLBACK = "callback"


def _form(site: Site, request: Request) -> tuple[str, Mapping[str, Any]]:
    name = request.arguments["form"]
    found = site.workspace.forms.get(name)
    if found is None:
        raise HttpError(404, "there is nothing here")
    return name, found


async def show(site: Site, request: Request) -> Reply:
    """The form as a page."""
    name, form = _form(site, request)
    return _page(site, name, form, {}, {})


def _page(
    site: Site, name: str, form: Mapping[str, Any], values: Mapping[str, str], wrong: Mapping[str, str],
    status: int = 200,
) -> Reply:  # fmt: skip
    look = _look(site, form)
    words = look.words
    parts = [f"<p>{escape(form['text'])}</p>"] if form.get("text") else []
    parts.append(wrongs(words, wrong))
    parts.append(f'<form method="post" action="{escape(site.base)}/forms/{escape(name)}">')
    required = form.get("required", ())
    soft = words("optional") if required else ""
    parts += [
        field(one, label(words, form, one), required=one in required, value=values.get(one, ""), wrong=one in wrong,
              soft="" if one in required else soft, choices=form.get("choices", {}).get(one, ()),
              tick=one in form.get("ticks", ()))
        for one in form["fields"]
    ]  # fmt: skip
    parts.append(
        f'<p class="hp" aria-hidden="true"><label for="hp">{words.html("leave_empty")}</label>'
        f'<input id="hp" name="{HONEYPOT}" tabindex="-1" autocomplete="off"></p>'
    )
    parts.append(f'<p><button type="submit">{escape(form.get("button") or words("send"))}</button></p></form>')
    title = form.get("title") or words("callback_title" if form.get("kind") == _CALLBACK else "form_title")
    return Reply(status, page(title, parts, look=look), HTML, _shown_by(form))


def _look(site: Site, form: Mapping[str, Any]) -> Look:
    return site.look(*filter(None, [form.get("language")]))


def _shown_by(form: Mapping[str, Any]) -> dict[str, str]:
    """The policy of the form's pages: where it may lead, the redirect included as browsers do, and who shows it."""
    parts = urlsplit(form.get("redirect") or "")
    target = f"'self' {parts.scheme}://{parts.netloc}" if parts.netloc else "'self'"
    return policy_headers(form=target, frames=form.get("origins", ()))


def label(words: Words, form: Mapping[str, Any], name: str) -> str:
    """What people read beside a field."""
    given = form.get("labels", {}).get(name)
    known = words(f"field_{name}") if f"field_{name}" in EVERY else name.replace("_", " ").capitalize()
    return str(given or known)


async def send(site: Site, request: Request) -> Reply:
    """Takes a form: on to its redirect, or a page that says thanks; who asks for JSON is answered with JSON."""
    name, form = _form(site, request)
    by_script = request.content_type == "application/json" or request.wants_json()
    cors = _cors(form, request)
    try:
        given = _given(site, request, name)
    except HttpError as error:
        # A script of a named site has to see why, or all it is told is that something went wrong.
        if not by_script:
            raise HttpError(error.status, error.sentence, {**error.headers, **cors}) from None
        return data({"ok": False, "error": error.sentence}, error.status, {**error.headers, **cors})
    if given.get(HONEYPOT):
        return _thanks(site, form, by_script, cors)
    values = {one: _value(form, one, given.get(one, "")) for one in form["fields"]}
    wrong = faults(_look(site, form).words, form, values)
    if wrong:
        if by_script:
            return data({"ok": False, "errors": wrong}, 422, cors)
        # To a browser all is well: it shows the page, and has nothing to say about it on its console.
        return _page(site, name, form, values, wrong, 200 if request.wants_html() else 422)
    found: dict[str, Any] = {one: value for one, value in values.items() if value}
    if form.get("language"):
        found.setdefault("language", form["language"])  # what a new customer is written to in
    if (visitor := given.get("visitor", "")) and VISITOR.fullmatch(visitor):
        found["visitor"] = visitor
    source_page = request.headers.get("referer", "")
    if source_page.startswith(("http://", "https://")):
        found["page"] = source_page[:500]
    kind = "callback.requested" if form.get("kind") == _CALLBACK else "form.submitted"
    await site.offer(Raw(kind, {**found, "form": name}, source=f"form:{name}"))
    return _thanks(site, form, by_script, cors)


def _given(site: Site, request: Request, name: str) -> dict[str, str]:
    """What was filled in. Raises HttpError for what is no form, or one too many."""
    wait = site.allowance("forms", _PER_MINUTE).take(f"{name}/{network_of(request.address)}", site.monotonic())
    if wait:
        raise HttpError(429, "too many at once; please come again in a minute", {"Retry-After": str(wait // 1000 + 1)})
    return request.fields()


def _value(form: Mapping[str, Any], name: str, value: str) -> str:
    """The value as its box takes it: only those of long texts have lines, and what is ticked is `yes`."""
    if name in form.get("ticks", ()):
        return "yes" if value.lower() in TICKED else ""
    return value if name in LONG else " ".join(value.split())


def faults(words: Words, form: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    """What is wrong, a sentence for each field."""
    wrong: dict[str, str] = {}
    for name, value in values.items():
        called = label(words, form, name)
        choices = form.get("choices", {}).get(name)
        if not value:
            if name in form.get("required", ()):
                wrong[name] = words("no_tick" if name in form.get("ticks", ()) else "missing", field=called)
        elif choices:
            if value not in choices:
                wrong[name] = words("no_choice", field=called)
        elif name == "email" and not _EMAIL.fullmatch(value):
            wrong[name] = words("no_email", field=called)
        elif name == "phone" and not 3 <= sum(ch.isdigit() for ch in value) <= 20:
            wrong[name] = words("no_phone", field=called)
    if not wrong and not any(values.values()):
        first = next(iter(values), "")
        wrong[first] = words("nothing")
    return wrong


def _thanks(site: Site, form: Mapping[str, Any], by_script: bool, cors: Mapping[str, str]) -> Reply:
    target = str(form.get("redirect") or "")
    if by_script:
        return data({"ok": True, "redirect": target}, 200, cors)
    if target:
        return redirect(target, headers=cors)
    look = _look(site, form)
    words = form.get("thanks") or look.words("callback_thanks" if form.get("kind") == _CALLBACK else "thanks")
    body = page(look.words("thanks_title"), [f'<p class="done">{escape(words)}</p>'], look=look)
    return Reply(200, body, HTML, {**_shown_by(form), **cors})


def _cors(form: Mapping[str, Any], request: Request) -> dict[str, str]:
    origin = request.headers.get("origin", "")
    if origin and origin in form.get("origins", ()):
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin", "Cross-Origin-Resource-Policy": "cross-origin"}
    return {}


async def preflight(site: Site, request: Request) -> Reply:
    """What a browser asks before a script of a named site may send the form as JSON."""
    _, form = _form(site, request)
    cors = _cors(form, request)
    if not cors:
        raise HttpError(403, "not from that site")
    more = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "content-type"}
    return Reply(204, b"", headers={**cors, **more, "Access-Control-Max-Age": "600"})


def routes() -> list[Route]:
    """The routes of this group."""
    path = "/forms/{form}"
    return [
        Route("GET", path, show),
        Route("POST", path, send, cost=2),
        Route("OPTIONS", path, preflight),
    ]
