"""The plain text of an HTML body, for mail programs and people who do not want HTML."""

from __future__ import annotations

from html.parser import HTMLParser

_BLOCKS = frozenset(
    ("address", "article", "blockquote", "div", "dl", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header",
     "hr", "li", "main", "ol", "p", "pre", "section", "table", "tr", "ul")
)  # fmt: skip
_SPACED = frozenset(("blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "p", "pre", "table"))
_SILENT = frozenset(("head", "script", "style", "template", "title"))


def html_to_text(html: str) -> str:
    """The words of the HTML, blocks on lines of their own, links followed by where they lead."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._line: list[str] = []
        self._links: list[tuple[str, int]] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag == "br":
            self._break()
        elif tag in _BLOCKS:
            self._break(spaced=tag in _SPACED)
            if tag == "li":
                self._line.append("- ")
        elif tag in ("td", "th"):
            self._line.append(" ")
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self._line)))
        elif tag == "img":
            self._line.append(dict(attrs).get("alt") or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag in _SILENT:
            self._silent -= 1

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BLOCKS:
            self._break(spaced=tag in _SPACED)
        elif tag == "a" and self._links:
            self._end_link(*self._links.pop())

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._line.append(data)

    def text(self) -> str:
        self._break()
        while self._lines and not self._lines[-1]:
            self._lines.pop()
        return "\n".join(self._lines) + "\n" if self._lines else ""

    def _end_link(self, href: str, start: int) -> None:
        words = " ".join("".join(self._line[start:]).split())
        target = href.strip()
        if target and not target.startswith("#") and target.removeprefix("mailto:") != words and target != words:
            self._line.append(f" ({target})" if words else target)

    def _break(self, *, spaced: bool = False) -> None:
        words = " ".join("".join(self._line).split())
        self._line = []
        if words:
            self._lines.append(words)
        if spaced and self._lines and self._lines[-1]:
            self._lines.append("")
