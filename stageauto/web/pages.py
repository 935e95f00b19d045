"""Pages as people see them: plain HTML that works without scripts, on a phone and by keyboard.

Parts are HTML; whatever comes from outside goes through `escape` first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from stageauto.web.look import Look, Words

__all__ = ["escape", "field", "page", "wrongs"]

_PAGE = """<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{whole}</title>
<link rel="stylesheet" href="{base}/assets/page.css">
{head}<link rel="icon" href="data:,">
{scripts}</head>
<body>
{brand}<main{attributes}>
<h1>{title}</h1>
{body}
</main>
{foot}</body>
</html>
"""
LONG = ("message", "comment", "text", "question", "description", "note")
TYPES = {"email": "email", "phone": "tel", "url": "url", "budget": "text"}
FILLS = {"email": "email", "phone": "tel", "name": "name", "first_name": "given-name", "last_name": "family-name",
         "company": "organization", "city": "address-level2", "street": "street-address"}  # fmt: skip


def page(
    title: str, parts: Iterable[str], *, look: Look, styles: Iterable[str] = (), scripts: Iterable[str] = (),
    attributes: str = "",
) -> bytes:  # fmt: skip
    """A whole page. `styles` and `scripts` are names of our own files."""
    base = escape(look.base)
    sheets = [f"{base}/assets/{escape(one)}" for one in styles]
    if look.mark:
        sheets.append(f"{base}/brand/{escape(look.mark)}.css")
    return _PAGE.format(
        title=escape(title), whole=escape(f"{title} \u2013 {look.name}" if look.name else title), base=base,
        body="\n".join(parts), lang=look.words.language, attributes=attributes, brand=_brand(look), foot=_foot(look),
        head="".join(f'<link rel="stylesheet" href="{one}">\n' for one in sheets),
        scripts="".join(f'<script src="{base}/assets/{escape(one)}" defer></script>\n' for one in scripts),
    ).encode("utf-8", "replace")  # fmt: skip


def _brand(look: Look) -> str:
    """Whose page it is."""
    if not look.logo and not look.name:
        return ""
    shown = f'<img src="{escape(look.base)}/brand/logo" alt="{escape(look.name)}">' if look.logo else escape(look.name)
    return f'<header class="brand">{shown}</header>\n'


def _foot(look: Look) -> str:
    links = (f'<a href="{escape(str(to))}" rel="noopener">{escape(str(word))}</a>' for word, to in look.links.items())
    inside = "\n".join(links)
    return f"<footer>{inside}</footer>\n" if inside else ""


def wrongs(words: Words, wrong: Mapping[str, str]) -> str:
    """What is wrong, by the field it is wrong in, as a list that leads to the fields; "" where nothing is."""
    if not wrong:
        return ""
    listed = "".join(f'<li><a href="#f-{escape(one)}">{escape(why)}</a></li>' for one, why in wrong.items())
    return f'<div role="alert" class="wrong"><p>{words.html("please_check")}</p><ul>{listed}</ul></div>'


def field(  # noqa: PLR0913 - a box has that many parts, all by name
    name: str, label: str, *, required: bool = False, value: str = "", wrong: bool = False, soft: str = "",
    choices: Iterable[str] = (), tick: bool = False,
) -> str:  # fmt: skip
    """A labelled field of a form, of the kind that its name suggests. `soft`: a word beside its label.

    With `choices` one of them is chosen; with `tick` it is ticked, and its value is `yes`.
    """
    must = (" required" if required else "") + (' aria-invalid="true"' if wrong else "")
    fills = f' autocomplete="{FILLS[name]}"' if name in FILLS else ""
    shown = escape(name)
    title = escape(label) + (f' <span class="soft">({escape(soft)})</span>' if soft else "")
    if tick:
        box = f'<input id="f-{shown}" name="{shown}" type="checkbox" value="yes"{" checked" if value else ""}{must}>'
        return f'<p><label class="check" for="f-{shown}">{box}<span>{title}</span></label></p>'
    options = "".join(f"<option{' selected' if one == value else ''}>{escape(one)}</option>" for one in choices)
    if options:
        box = f'<select id="f-{shown}" name="{shown}"{must}><option value=""></option>{options}</select>'
    elif name in LONG:
        box = f'<textarea id="f-{shown}" name="{shown}" rows="5" maxlength="20000"{must}>{escape(value)}</textarea>'
    else:
        kind = TYPES.get(name, "text")
        box = (
            f'<input id="f-{shown}" name="{shown}" type="{kind}" value="{escape(value)}" maxlength="2000"{fills}{must}>'
        )
    return f'<p><label for="f-{shown}">{title}</label>{box}</p>'
