"""From a document's tree to Typst source, and from that to PDF.

No value ever becomes Typst code: the source is made of function calls written here and of string literals, in which
the few characters that mean something are escaped. Pictures are handed over as bytes under names made here; the source
imports nothing, and reads no other file.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from stageauto.engine.paper import BLOCK, Node
from stageauto.errors import StageautoError

_WRAPS: Final[Mapping[str, str]] = {
    "b": "strong", "strong": "strong", "i": "emph", "em": "emph", "u": "underline", "s": "strike", "del": "strike",
    "sub": "sub", "sup": "super",
}  # fmt: skip
_EMPTY: Final[Mapping[str, str]] = {
    "br": "#linebreak();",
    "hr": "#line(length: 100%, stroke: 0.5pt);",
    "page-number": "#context counter(page).display();",
    "page-count": "#context counter(page).final().first();",
}
_ALIGN: Final[Mapping[str, str]] = {"left": "left", "center": "center", "right": "right"}
# Libertinus Serif is part of Typst; what it has no letters for comes from the fonts of the machine.
_HEAD: Final = """#set page(paper: "a4", margin: (x: 22mm, top: 24mm, bottom: 26mm){furniture})
#set text(font: "Libertinus Serif", size: 11pt, lang: {lang})
#set par(justify: false, leading: 0.65em, spacing: 1em)
#set document(title: {title}, date: datetime(year: {y}, month: {m}, day: {d}, hour: {h}, minute: {n}, second: {s}))
#set table(stroke: 0.5pt + luma(160), inset: 6pt)
#show heading: set block(above: 1.4em, below: 0.8em)
#show link: set text(fill: rgb("#1a4f8b"))
"""


_ENDLESS: Final = re.compile(r"\S{70,}")


class DocumentError(StageautoError):
    """A document cannot be made; it says why."""


def literal(text: str) -> str:
    """The text as a string of Typst."""
    return '"' + "".join(_escaped(ch) for ch in text) + '"'


def _escaped(ch: str) -> str:
    if ch in '"\\':
        return f"\\{ch}"
    return ch if ch == " " or ch.isprintable() else f"\\u{{{ord(ch):x}}}"


def source(
    root: Node, *, title: str, at: datetime, pictures: Mapping[str, str], lang: str = "en", foot: str = ""
) -> str:
    """The Typst source of a document made `at` (UTC: a PDF's date is read so).

    `pictures`: what a picture's `src` is called; `foot`: for those without one.
    """
    writer = _Writer(pictures)
    header = [one for one in root.inside if isinstance(one, Node) and one.tag == "header"]
    footer = [one for one in root.inside if isinstance(one, Node) and one.tag == "footer"]
    body = [one for one in root.inside if not (isinstance(one, Node) and one.tag in ("header", "footer"))]
    furniture = f", header: [{writer.flow(_aligned(header[0]))}]" if header else ""
    below = writer.flow(_aligned(footer[0])) if footer else _foot(foot)
    furniture += f", footer: [{below}]" if below else ""
    head = _HEAD.format(
        furniture=furniture, lang=literal(lang), title=literal(title), y=at.year, m=at.month, d=at.day, h=at.hour,
        n=at.minute, s=at.second,
    )  # fmt: skip
    return head + writer.flow(body, top=True)


def _aligned(node: Node) -> list[Node | str]:
    """What is inside a header or footer, in a block that is aligned as it is."""
    return [Node("div", dict(node.attributes), node.inside)]


def _foot(text: str) -> str:
    if not text:
        return ""
    page = '#context counter(page).display();#" / ";#context counter(page).final().first();'
    return f"#text(size: 8pt, fill: luma(100))[#{literal(text)};#h(1fr);{page}]"


def _breakable(text: str) -> str:
    """The text with places to break a word that is longer than a line: else its end would be off the paper."""
    return _ENDLESS.sub(lambda found: re.sub(r"(.{10})(?=.)", "\\1\u200b", found[0]), text)


class _Writer:
    """Writes nodes as Typst markup that holds nothing but calls and strings."""

    def __init__(self, pictures: Mapping[str, str]) -> None:
        self._pictures = pictures

    def flow(self, nodes: Sequence[Node | str], *, top: bool = False) -> str:
        """Blocks as they are, what stands between them as paragraphs."""
        out, loose = [], list[Node | str]()

        def end() -> None:
            if any(not isinstance(one, str) or one.strip() for one in loose):
                out.append(f"#par[{self._line(_trimmed(loose))}];")
            loose.clear()

        for one in nodes:
            if isinstance(one, Node) and one.tag in BLOCK:
                end()
                out.append(self._block(one, top=top))
            else:
                loose.append(one)
        end()
        return "\n".join(part for part in out if part)

    def _inside(self, node: Node) -> str:
        """What a cell or a list's entry holds: a line, or blocks."""
        if any(isinstance(one, Node) and one.tag in BLOCK for one in node.inside):
            return self.flow(node.inside)
        return self._line(_trimmed(node.inside))

    def _line(self, nodes: Sequence[Node | str]) -> str:
        return "".join(f"#{literal(_breakable(one))};" if isinstance(one, str) else self._inline(one) for one in nodes)

    def _inline(self, node: Node) -> str:
        tag = node.tag
        if tag in _EMPTY:
            return _EMPTY[tag]
        if tag in BLOCK:  # a block inside a line, such as a list in a bold word
            return self._block(node)
        inner = self._line(node.inside)
        if tag in _WRAPS:
            return f"#{_WRAPS[tag]}[{inner}];"
        if tag == "small":
            return f"#text(size: 0.85em)[{inner}];"
        if tag == "code":
            return f"#raw({literal(_text(node))});"
        if tag == "a" and "href" in node.attributes:
            return f"#link({literal(node.attributes['href'])})[{inner}];"
        return self._picture(node) if tag == "img" else inner

    def _picture(self, node: Node) -> str:
        name = self._pictures.get(node.attributes["src"])
        if name is None:
            return f"#{literal(node.attributes['alt'])};" if node.attributes["alt"] else ""
        sizes = "".join(f", {side}: {node.attributes[side]}" for side in ("width", "height") if side in node.attributes)
        alt = f", alt: {literal(node.attributes['alt'])}" if node.attributes.get("alt") else ""
        return f"#box(image({literal(name)}{sizes}{alt}));"

    def _block(self, node: Node, *, top: bool = False) -> str:
        align = node.attributes.get("align")
        if node.tag == "page-break":
            return "#pagebreak(weak: true);" if top else ""
        if node.tag in ("div", "header", "footer") and align is None:
            return self.flow(node.inside, top=top)
        made = self._plain_block(node)
        if align == "justify":
            return f"#[#set par(justify: true);{made}];"
        return f"#align({_ALIGN[align]})[{made}];" if align else made

    def _plain_block(self, node: Node) -> str:
        tag = node.tag
        if tag in _EMPTY:
            return _EMPTY[tag]
        writer = _BLOCKS.get(tag)
        if writer is not None:
            return writer(self, node)
        return self.flow(node.inside)

    def _heading(self, node: Node) -> str:
        return f"#heading(level: {node.tag[1]})[{self._line(_trimmed(node.inside))}];"

    def _paragraph(self, node: Node) -> str:
        return f"#par[{self._line(_trimmed(node.inside))}];" if node.inside else ""

    def _list(self, node: Node) -> str:
        entries = [one for one in node.inside if isinstance(one, Node) and one.tag == "li"]
        if not entries:
            return ""
        start = f"start: {node.attributes['start']}, " if "start" in node.attributes else ""
        call = "enum" if node.tag == "ol" else "list"
        return f"#{call}({start}{', '.join(f'[{self._inside(one)}]' for one in entries)});"

    def _quote(self, node: Node) -> str:
        return f"#quote(block: true)[{self._inside(node)}];"

    def _verbatim(self, node: Node) -> str:
        return f"#raw({literal(_text(node))}, block: true);"

    def _table(self, node: Node) -> str:
        rows = _rows_of(node)
        cells = [[one for one in row.inside if isinstance(one, Node) and one.tag in ("td", "th")] for row in rows]
        columns = max((sum(_span(cell) for cell in row) for row in cells), default=0)
        if columns == 0:
            return ""
        heads = _head_count(cells)
        parts = [", ".join(self._cells(row, columns)) for row in cells if row]
        head = f"table.header({', '.join(parts[:heads])}), " if heads else ""
        stroke = ", stroke: none" if node.attributes.get("border") == "0" else ""
        widths = _widths(cells, columns)
        return f"#table(columns: ({widths}){stroke}, {head}{', '.join(parts[heads:])});"

    def _cells(self, row: Sequence[Node], columns: int) -> list[str]:
        made, used = [], 0
        for cell in row:
            span = _span(cell)
            used += span
            inner = self._inside(cell)
            inner = f"#strong[{inner}]" if cell.tag == "th" else inner
            align = _ALIGN.get(cell.attributes.get("align", ""))
            more = f", align: {align}" if align else ""
            made.append(f"table.cell(colspan: {span}{more})[{inner}]")
        return made + ["[]"] * (columns - used)


def _rows_of(table: Node) -> list[Node]:
    """The table's own rows, not those of tables inside it."""
    found: list[Node] = []
    for one in table.inside:
        if isinstance(one, Node) and one.tag == "tr":
            found.append(one)
        elif isinstance(one, Node) and one.tag in ("thead", "tbody", "tfoot"):
            found += [row for row in one.inside if isinstance(row, Node) and row.tag == "tr"]
    return found


def _head_count(cells: Sequence[Sequence[Node]]) -> int:
    """How many rows are heads, which stand on top of every page: those of nothing but `th`, if others follow."""
    filled = [row for row in cells if row]
    count = 0
    for row in filled:
        if any(cell.tag != "th" for cell in row):
            break
        count += 1
    return count if count < len(filled) else 0


def _widths(cells: Sequence[Sequence[Node]], columns: int) -> str:
    """The columns' widths: as the first row that has them says, else by what stands in them."""
    for row in cells:
        if len(row) == columns and any("width" in cell.attributes for cell in row):
            return "".join(f"{cell.attributes.get('width', '1fr')}, " for cell in row)
    return "auto, " * (columns - 1) + "1fr, " if columns == 1 else "auto, " * columns


def _span(cell: Node) -> int:
    return int(cell.attributes.get("colspan", 1))


def _text(node: Node) -> str:
    return "".join(one if isinstance(one, str) else _text(one) for one in node.inside)


def _trimmed(nodes: Sequence[Node | str]) -> list[Node | str]:
    """Without white space at both ends."""
    found = list(nodes)
    if found and isinstance(found[0], str):
        found[0] = found[0].lstrip()
    if found and isinstance(found[-1], str):
        found[-1] = found[-1].rstrip()
    return [one for one in found if one != ""]


_BLOCKS: Final[Mapping[str, Callable[[_Writer, Node], str]]] = {
    **dict.fromkeys(("h1", "h2", "h3", "h4"), _Writer._heading),  # noqa: SLF001 - same module
    "p": _Writer._paragraph,  # noqa: SLF001
    "ul": _Writer._list,  # noqa: SLF001
    "ol": _Writer._list,  # noqa: SLF001
    "blockquote": _Writer._quote,  # noqa: SLF001
    "pre": _Writer._verbatim,  # noqa: SLF001
    "table": _Writer._table,  # noqa: SLF001
}


@cache
def _fonts() -> Any:
    import typst

    return typst.Fonts()


def pdf(text: str, pictures: Mapping[str, bytes]) -> bytes:
    """The PDF of a source; the same source and pictures give the same bytes. Raises DocumentError."""
    try:
        import typst
    except ImportError as error:
        raise DocumentError("documents need Typst", "pip install 'stageauto[documents]'") from error
    try:
        # A folder of its own as root: what the source reads is what it is given here, or nothing.
        with tempfile.TemporaryDirectory(prefix="stageauto-") as root:
            for name, content in pictures.items():
                Path(root, name).write_bytes(content)
            made = typst.compile(text.encode(), root=root, font_paths=_fonts())
    except RuntimeError as error:
        raise DocumentError(f"the document cannot be printed: {error}"[:500]) from error
    if not isinstance(made, bytes):
        raise DocumentError("the document cannot be printed: Typst gave no PDF")
    return made
