"""A document's tree as HTML for the page on which it is read: our own tags around escaped text, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Final

from stageauto.engine.paper import VOID, Node

_PIXELS: Final[Mapping[str, float]] = {"pt": 96 / 72, "mm": 96 / 25.4, "cm": 96 / 2.54}
_GONE: Final = frozenset({"page-number", "page-count", "header", "footer"})
_AS: Final[Mapping[str, str]] = {"h1": "h2", "h2": "h3", "h3": "h4", "h4": "h5", "page-break": "hr"}


def html(node: Node, pictures: Mapping[str, str]) -> str:
    """The tree as HTML. `pictures`: the addresses of the pictures by their `src`; others are left out.

    Headings are one level lower than in the document: the page has one of its own.
    """
    return "".join(escape(one) if isinstance(one, str) else _node(one, pictures) for one in node.inside)


def _node(node: Node, pictures: Mapping[str, str]) -> str:
    if node.tag in _GONE:
        return ""
    if node.tag == "img":
        address = pictures.get(node.attributes["src"])
        if not address:
            return escape(node.attributes["alt"])
        return f'<img src="{escape(address)}" alt="{escape(node.attributes["alt"])}"{_width(node)}>'
    tag = _AS.get(node.tag, node.tag)
    if node.tag in VOID:
        return f"<{tag}>"
    return f"<{tag}{_attributes(node)}>{html(node, pictures)}</{tag}>"


def _width(node: Node) -> str:
    """The picture's width in pixels of a 96th of an inch, where the document says how wide it is."""
    size = node.attributes.get("width", "")
    per = _PIXELS.get(size.lstrip("0123456789."), 0)
    return f' width="{round(float(size[:-2]) * per)}"' if per else ""


def _attributes(node: Node) -> str:
    given = node.attributes
    said = "".join(f' {name}="{escape(given[name])}"' for name in ("colspan", "start") if name in given)
    if "align" in given:
        said += f' class="{escape(given["align"])}"'
    if "href" in given:
        said += f' href="{escape(given["href"])}" rel="noopener noreferrer" target="_blank"'
    return said
