"""Pages as people see them: plain HTML that works without scripts, on a phone and by keyboard.

Parts are HTML; whatever comes from outside goes through `escape` first.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

__all__ = ["escape", "field", "page"]

_PAGE = """<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<link rel="stylesheet" href="{base}/assets/page.css">
<link rel="icon" href="data:,">
{scripts}</head>
<body>
<main{attributes}>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""
LONG = ("message", "comment", "text", "question", "description", "note")
TYPES = {"email": "email", "phone": "tel", "url": "url", "budget": "text"}
FILLS = {"email": "email", "phone": "tel", "name": "name", "first_name": "given-name", "last_name": "family-name",
         "company": "organization", "city": "address-level2", "street": "street-address"}  # fmt: skip


def page(
    title: str,
    parts: Iterable[str],
    *,
    base: str = "",
    scripts: Iterable[str] = (),
    attributes: str = "",
    lang: str = "en",
) -> bytes:
    """A whole page. `scripts` are names of our own files; `base` is the path before all of ours."""
    tags = "".join(f'<script src="{escape(base)}/assets/{escape(one)}" defer></script>\n' for one in scripts)
    return _PAGE.format(
        title=escape(title), body="\n".join(parts), base=escape(base), scripts=tags, attributes=attributes, lang=lang
    ).encode("utf-8", "replace")


def field(name: str, label: str, *, required: bool = False, value: str = "", wrong: bool = False) -> str:
    """A labelled field of a form, of the kind that its name suggests."""
    must = (" required" if required else "") + (' aria-invalid="true"' if wrong else "")
    fills = f' autocomplete="{FILLS[name]}"' if name in FILLS else ""
    shown, title = escape(name), escape(label)
    if name in LONG:
        box = f'<textarea id="f-{shown}" name="{shown}" rows="5" maxlength="20000"{must}>{escape(value)}</textarea>'
    else:
        kind = TYPES.get(name, "text")
        box = (
            f'<input id="f-{shown}" name="{shown}" type="{kind}" value="{escape(value)}" maxlength="2000"{fills}{must}>'
        )
    return f'<p><label for="f-{shown}">{title}</label>{box}</p>'
