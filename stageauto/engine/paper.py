"""What a document's HTML means: a small tree of what can be printed, whatever the HTML looks like.

Everything that is not in the subset is left out, its text kept; scripts and styles go with their text. What comes out
are plain tags, checked attributes and plain strings, so that whoever prints them (as PDF, as a page, as text) has only
strings to escape. Never raises: a customer's value may stand anywhere in the HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

INLINE: Final = frozenset(
    (
        "b",
        "strong",
        "i",
        "em",
        "u",
        "s",
        "del",
        "sub",
        "sup",
        "small",
        "code",
        "a",
        "br",
        "span",
        "img",
        "page-number",
        "page-count",
    )
)
BLOCK: Final = frozenset(
    (
        "h1",
        "h2",
        "h3",
        "h4",
        "p",
        "div",
        "ul",
        "ol",
        "li",
        "table",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "th",
        "td",
        "hr",
        "blockquote",
        "pre",
        "header",
        "footer",
        "page-break",
    )
)
TAGS: Final = INLINE | BLOCK
"""The tags that a document's HTML may have."""
PASSED: Final = frozenset(
    ("html", "head", "body", "section", "article", "main", "center", "font", "address", "figure", "figcaption", "label")
)
"""Tags that mean nothing here, and do no harm."""
DROPPED: Final = frozenset(
    ("script", "style", "title", "template", "iframe", "object", "noscript", "svg", "math", "textarea", "select")
)
"""Tags that are left out with all that is inside."""
VOID: Final = frozenset(
    ("br", "hr", "img", "page-number", "page-count", "page-break", "meta", "link", "input", "wbr", "col")
)
DEEPEST: Final = 40
MOST_NODES: Final = 60_000
_CLOSED_BY: Final[Mapping[str, frozenset[str]]] = {
    "li": frozenset({"li"}),
    "tr": frozenset({"tr", "td", "th"}),
    "td": frozenset({"td", "th"}),
    "th": frozenset({"td", "th"}),
    "tbody": frozenset({"tr", "td", "th", "thead", "tbody"}),
    "tfoot": frozenset({"tr", "td", "th", "tbody"}),
}
_FENCES: Final = frozenset({"ul", "ol", "table"})
_SPACES = re.compile(r"[ \t\n\r\f]+")
_SIZE = re.compile(r"(\d{1,3}(?:\.\d{1,2})?)(mm|cm|pt|px|%)?")
_ALIGN = re.compile(r"text-align\s*:\s*(left|center|right|justify)", re.IGNORECASE)
_URL = re.compile(r"(?:https?://|mailto:|tel:)[!-~]{1,2000}", re.IGNORECASE)
_PICTURE = re.compile(r"(?:file:[\w-]{1,80}/[^/]{1,200}|[^/:\\.][^:\\]{0,200})")


@dataclass(slots=True)
class Node:
    """A tag with its checked attributes (all plain strings), and what is inside."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    inside: list[Node | str] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in order."""
        yield self
        for one in self.inside:
            if isinstance(one, Node):
                yield from one.walk()


def read(html: str) -> Node:
    """The tree of a document's HTML, below a root that is a `div`."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.root


def unknown_tags(html: str) -> list[tuple[str, int, int]]:
    """(tag, line, column) of each tag that no document can have; both counted from 1."""
    finder = _Finder()
    finder.feed(html)
    finder.close()
    return finder.found


def pictures(root: Node) -> list[str]:
    """What the pictures of the tree show, each once: paths below templates/, or references to files of the item."""
    return list(dict.fromkeys(one.attributes["src"] for one in root.walk() if one.tag == "img"))


def plain_text(root: Node) -> str:
    """The tree's text: a line for each block, cells between bars."""
    lines = [""]
    _write(root, lines)
    return "\n".join(line.strip() for line in lines if line.strip())


def _write(node: Node, lines: list[str]) -> None:
    own_line = (node.tag in BLOCK and node.tag not in ("td", "th")) or node.tag == "br"
    if own_line and lines[-1]:
        lines.append("")
    for one in node.inside:
        if isinstance(one, str):
            lines[-1] += one
        else:
            _write(one, lines)
    if node.tag in ("td", "th"):
        lines[-1] += " | "
    elif own_line and lines[-1]:
        lines.append("")


class _Reader(HTMLParser):
    """Builds the tree."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("div")
        self._open = [self.root]
        self._dropped: list[str] = []
        self._nodes = 0
        self._verbatim = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._dropped or tag in DROPPED:
            if tag not in VOID:
                self._dropped.append(tag)
            return
        if tag not in TAGS or self._nodes >= MOST_NODES:
            return
        made = _node(tag, dict(attrs))
        if made is None:
            return
        self._make_room(tag)
        self._nodes += 1
        if len(self._open) >= DEEPEST and tag not in VOID:
            return
        self._open[-1].inside.append(made)
        if tag not in VOID:
            self._open.append(made)
            self._verbatim += tag == "pre"

    def _make_room(self, tag: str) -> None:
        """Closes what the tag ends: HTML lets people leave out many end tags."""
        if tag in BLOCK:
            self._close_until(frozenset({"p", "h1", "h2", "h3", "h4"}))
        if tag in _CLOSED_BY:
            self._close_until(_CLOSED_BY[tag])

    def _close_until(self, tags: frozenset[str]) -> None:
        for index in range(len(self._open) - 1, 0, -1):
            if self._open[index].tag in _FENCES:
                return
            if self._open[index].tag in tags:
                self._shut(index)

    def _shut(self, index: int) -> None:
        self._verbatim -= sum(one.tag == "pre" for one in self._open[index:])
        del self._open[index:]

    def handle_endtag(self, tag: str) -> None:
        if self._dropped:
            if tag in self._dropped:
                del self._dropped[self._dropped.index(tag) :]
            return
        for index in range(len(self._open) - 1, 0, -1):
            if self._open[index].tag == tag:
                self._shut(index)
                return
            if self._open[index].tag in _FENCES and tag not in _FENCES:
                return

    def handle_data(self, data: str) -> None:
        if self._dropped or self._nodes >= MOST_NODES:
            return
        text = printable(data)
        if not self._verbatim:
            text = _SPACES.sub(" ", text)
        here = self._open[-1].inside
        if text == " " and (not here or (isinstance(here[-1], Node) and here[-1].tag in BLOCK)):
            return
        if here and isinstance(here[-1], str):
            here[-1] += text
        elif text:
            self._nodes += 1
            here.append(text)


class _Finder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, int, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS | PASSED | DROPPED | VOID:
            line, column = self.getpos()
            self.found.append((tag, line, column + 1))


def printable(text: str) -> str:
    """The text without control characters, and without those that turn the direction of others around."""
    return "".join(
        ch
        for ch in text.encode("utf-8", "replace").decode("utf-8")
        if ch in "\t\n"
        or not (ch < " " or "\x7f" <= ch <= "\x9f" or "\u202a" <= ch <= "\u202e" or "\u2066" <= ch <= "\u2069")
    )


def _node(tag: str, given: Mapping[str, str | None]) -> Node | None:
    """The tag with those of its attributes that mean something; None for one that cannot be printed."""
    kept: dict[str, str] = {}
    align = (given.get("align") or "").lower()
    styled = _ALIGN.search(given.get("style") or "")
    if styled:
        align = styled[1].lower()
    if tag in BLOCK and align in ("left", "center", "right", "justify"):
        kept["align"] = align
    if tag == "a" and _URL.fullmatch((given.get("href") or "").strip()):
        kept["href"] = (given.get("href") or "").strip()
    if tag == "img":
        return _picture(given, kept)
    if tag in ("td", "th"):
        span = given.get("colspan") or ""
        if span.isascii() and span.isdigit() and 1 < int(span[:4]) <= 50:
            kept["colspan"] = str(int(span))
    if tag == "ol":
        start = given.get("start") or ""
        if start.isascii() and start.isdigit():
            kept["start"] = str(int(start[:6]))
    if tag == "table" and given.get("border") == "0":
        kept["border"] = "0"
    if tag in ("table", "td", "th"):
        kept |= _size(given, "width")
    return Node(tag, kept)


def _picture(given: Mapping[str, str | None], kept: dict[str, str]) -> Node | None:
    src = (given.get("src") or "").strip()
    if not _PICTURE.fullmatch(src) or ".." in src:
        return None
    alt = _SPACES.sub(" ", printable(given.get("alt") or "")).strip()
    return Node("img", kept | {"src": src, "alt": alt[:200]} | _size(given, "width") | _size(given, "height"))


def _size(given: Mapping[str, str | None], name: str) -> dict[str, str]:
    """A length with its unit; bare numbers are pixels of a 96th of an inch, as in HTML."""
    found = _SIZE.fullmatch((given.get(name) or "").strip())
    if not found or float(found[1]) == 0:
        return {}
    number, unit = float(found[1]), found[2] or "px"
    if unit == "px":
        number, unit = number * 0.75, "pt"
    return {name: f"{number:g}{unit}"}
