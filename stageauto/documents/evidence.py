"""The page behind a signed document: who signed, when, where from and how, and what exactly was signed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from html import escape
from typing import Any, Final

from stageauto.documents import typeset
from stageauto.engine.paper import read
from stageauto.engine.state import Document

# A drawing comes from a stranger's browser: moves and lines between small numbers, or it is none.
DRAWING: Final = re.compile(r"(?:M\d{1,4} \d{1,4}(?:L\d{1,4} \d{1,4})*){1,400}")
WIDTH, HEIGHT = 600, 200
_ROLES: Final = {"sender": "for the sender", "recipient": "for the recipient"}
_HOW: Final = {"drawn": "by hand on the screen", "typed": "by typing the name", "terminal": "in the terminal"}


def drawing(path: str) -> bytes | None:
    """A drawn signature as a picture; None for what is no drawing."""
    if not DRAWING.fullmatch(path):
        return None
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
    line = 'fill="none" stroke="#123" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"'
    return f'{head}<path d="{path}" {line}/></svg>'.encode()


def page(document: Document, pdf: bytes) -> bytes:
    """The evidence as a PDF of its own. `pdf` is the document as those who signed saw it. Raises DocumentError."""
    pictures: dict[str, bytes] = {}
    parts = [_about(document, pdf)]
    for index, party in enumerate(document.parties):
        shape = drawing(str(party.get("drawing") or ""))
        if shape is not None:
            pictures[f"signature-{index}.svg"] = shape
        parts.append(_party(party, f"signature-{index}.svg" if shape else ""))
    parts.append(
        "<p><small>The seal in this file was put on it by the machine of the sender when everybody had signed. It "
        "tells whether anything was changed since. Names, addresses and times are as that machine saw them.</small></p>"
    )
    text = typeset.source(
        read("".join(parts)), title=f"Evidence: {document.name}", at=utc(document.signed_at or document.at),
        pictures={name: name for name in pictures}, foot=f"Evidence: {document.name} {document.number}",
    )  # fmt: skip
    return typeset.pdf(text, pictures)


def utc(at: int) -> datetime:
    """The instant of ms UTC."""
    return datetime.fromtimestamp(at / 1000, UTC)


def _about(document: Document, pdf: bytes) -> str:
    rows = [
        ("Document", document.name), ("Number", document.number), ("Id", document.id),
        ("Made", _time(document.at)), ("Signed by all", _time(document.signed_at)),
        ("What was signed", f"the first {len(pdf):,} bytes of this file"),
        ("SHA-256 of these", sha256(pdf).hexdigest()),
    ]  # fmt: skip
    return f"<h1>Evidence of signatures</h1>{_table(rows)}"


def _party(party: Mapping[str, Any], picture: str) -> str:
    how = str(party.get("how") or "")
    rows = [
        ("Signed", _time(party.get("signed_at"))), ("How", _HOW.get(how, how or "told by another system")),
        ("E-mail", party.get("email")), ("Address", party.get("address")), ("Program", party.get("agent")),
        ("Agreed to", party.get("consent")), ("SHA-256 seen", party.get("sha256")),
        ("Reported by", " ".join(str(party.get(key) or "") for key in ("source", "author")).strip()),
    ]  # fmt: skip
    name, role = str(party.get("name") or ""), _ROLES.get(str(party.get("role")), "")
    mark = f'<p><img src="{picture}" width="60mm"></p>' if picture else f"<p><i>{escape(name)}</i></p>"
    return f"<h2>{escape(name)}, {role}</h2>{mark}{_table(rows)}"


def _table(rows: Iterable[tuple[str, object]]) -> str:
    lines = (f"<tr><td>{name}</td><td>{escape(str(value))}</td></tr>" for name, value in rows if value)
    return f'<table border="0">{"".join(lines)}</table>'


def _time(at: object) -> str:
    return f"{utc(at):%Y-%m-%d %H:%M:%S} UTC" if isinstance(at, int) else ""
