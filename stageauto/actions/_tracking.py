"""Tracked links, the pixel and the unsubscribe address of one recipient's mail."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape
from html.parser import HTMLParser
from typing import Any

from stageauto.actions._recipients import Reached
from stageauto.engine.action import Context

MOST_LINKS = 300
"""Links of one mail that are tracked; more stay as they are."""
_IN_TEXT = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
_AFTER = ".,;:!?)]}*_"
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
_PIXEL = '<img src="{}" alt="" width="1" height="1">'

Rewrite = Callable[[str], str]


def track(context: Context, message: Mapping[str, Any], one: Reached) -> dict[str, Any]:
    """What of the message is different for this recipient: bodies with tracked links and pixel, and headers.

    A mail to staff, and one of a workspace without `base_url`, stays as it is.
    """
    if one.user is not None or not context.workspace.base_url:
        return {}
    data = {"rule": context.rule.id, "email": one.to, "contact": one.contact or ""}
    text, html = message.get("text"), message.get("html")
    headers = dict(message.get("headers") or {})
    if message.get("track_links"):
        rewrite = _rewriter(context, data)
        html = None if html is None else html_links(html, rewrite)
        text = None if text is None else text_links(text, rewrite)
    if message.get("track_opens") and html is not None:
        html = with_pixel(html, context.link("open", one.to, **data))
    if message.get("unsubscribe") and one.contact is not None:
        # RFC 8058: the address that one click posts to comes first; RFC 2369: the mail address is for old programs.
        ours = f"<{context.link('unsubscribe', one.to, **data)}>"
        by_mail = headers.get("List-Unsubscribe")
        headers["List-Unsubscribe"] = f"{ours}, {by_mail}" if by_mail else ours
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return {"text": text, "html": html, "headers": headers}


def _rewriter(context: Context, data: Mapping[str, Any]) -> Rewrite:
    """Gives the tracked address for one that leads somewhere else; the same one for the same target."""
    known: dict[str, str] = {}
    own = context.workspace.base_url

    def rewrite(target: str) -> str:
        if target == own or target.startswith(f"{own}/") or not _IN_TEXT.fullmatch(target):
            return target
        if target not in known:
            known[target] = context.link("link", target, **data) if len(known) < MOST_LINKS else target
        return known[target]

    return rewrite


def text_links(text: str, rewrite: Rewrite) -> str:
    """The text with its web addresses rewritten; a full stop or bracket after one is not part of it."""

    def replaced(found: re.Match[str]) -> str:
        whole = found[0]
        url = whole.rstrip(_AFTER)
        if "(" in url and whole[len(url) : len(url) + 1] == ")":  # https://en.wikipedia.org/wiki/Roof_(building)
            url += ")"
        return rewrite(url) + whole[len(url) :]

    return _IN_TEXT.sub(replaced, text)


def html_links(html: str, rewrite: Rewrite) -> str:
    """The HTML with the targets of its links rewritten; everything else stays byte for byte."""
    finder = _Links(rewrite)
    finder.feed(html)
    finder.close()
    starts = _line_starts(html)
    parts, done = [], 0
    for line, column, old, new in finder.tags:
        start = starts[line - 1] + column
        parts += [html[done:start], new]
        done = start + len(old)
    return "".join([*parts, html[done:]])


def with_pixel(html: str, url: str) -> str:
    """The HTML with a picture of one pixel at its end."""
    pixel = _PIXEL.format(escape(url))
    ends = list(_BODY_END.finditer(html))
    at = ends[-1].start() if ends else len(html)
    return html[:at] + pixel + html[at:]


def _line_starts(text: str) -> list[int]:
    """Where each line begins as HTMLParser counts them: by line feeds only."""
    starts = [0]
    starts += [found.end() for found in re.finditer("\n", text)]
    return starts


class _Links(HTMLParser):
    """Notes the start tags of links that are to be written anew, with their places."""

    def __init__(self, rewrite: Rewrite) -> None:
        super().__init__(convert_charrefs=True)
        self._rewrite = rewrite
        self.tags: list[tuple[int, int, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = (dict(attrs).get("href") or "").strip()
        if tag not in ("a", "area") or not target:
            return
        url = self._rewrite(target)
        old = self.get_starttag_text()
        if url == target or old is None:
            return
        kept = [(name, value) for name, value in attrs if name != "href"]
        words = [f' {name}="{escape(value)}"' if value is not None else f" {name}" for name, value in kept]
        line, column = self.getpos()
        self.tags.append((line, column, old, f'<{tag} href="{escape(url)}"{"".join(words)}>'))
