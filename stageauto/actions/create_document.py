"""Makes a document of a template."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from stageauto.actions._documents import needs
from stageauto.actions._values import as_json, failed, one_line
from stageauto.engine.action import Action, Context
from stageauto.engine.document_facts import number_of, template_name, wrong_pattern
from stageauto.engine.effects import Effect, MakeDocument
from stageauto.engine.options import (
    Builder,
    FileOption,
    Json,
    MapOption,
    NameOption,
    TextOption,
    ValueOption,
    option,
)
from stageauto.engine.paper import unknown_tags
from stageauto.engine.scalars import source_text
from stageauto.engine.schedule import to_local

if TYPE_CHECKING:
    from stageauto.engine.templates import Text, Value

MOST_HTML = 400_000
"""Characters of a document's HTML: some hundred pages."""
_PICTURE = re.compile(r"<img\b[^>]*?\bsrc\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Paper:
    """A compiled HTML file under templates/."""

    name: str
    text: Text


@dataclass(frozen=True, slots=True)
class PaperOption:
    """The name of an HTML file under templates/; what cannot be printed is reported."""

    def schema(self) -> Json:
        return FileOption().schema()

    def build(self, raw: Any, builder: Builder) -> Paper:
        name = str(raw)
        made = FileOption().build(raw, builder)
        if not name.endswith((".html", ".htm")):
            hint = "write it as HTML and call it something.html"
            builder.fault("bad-template", f"`{name}` is no HTML file", hint=hint)
        for tag, line, _ in unknown_tags(made.source):
            message = f"templates/{name}, line {line}: <{tag}> cannot be printed; its text is kept"
            builder.fault("unknown-tag", message, hint="see the handbook: Documents and signatures", severity="warning")
        for double, single in _PICTURE.findall(made.source):
            src = double or single
            if src and "{{" not in src and "{%" not in src:
                builder.known("file", src)
        return Paper(name, made)


@dataclass(frozen=True, slots=True)
class NumberOption:
    """A pattern of numbers such as OF-{year}-{n:4}."""

    def schema(self) -> Json:
        return {"type": "string", "examples": ["OF-{year}-{n:4}"]}

    def build(self, raw: Any, builder: Builder) -> str:
        pattern = source_text(raw)
        wrong = wrong_pattern(pattern)
        if wrong:
            builder.fault("bad-numbering", f"the pattern `{pattern}` {wrong}", hint="write it like OF-{year}-{n:4}")
        return pattern


@dataclass(frozen=True, slots=True)
class CreateDocument(Action):
    """Makes a PDF document of an HTML template, with a number of its own, and puts it into a field.

    The template is an HTML file under templates/ with headings, paragraphs, lists, tables, pictures, a header, a footer
    and page breaks (see "Documents and signatures" in the handbook). It reads the item as every template does, and the
    new document as `document.name`, `document.number` and `document.data`. What customers wrote is always text.

    `number` is a pattern: `OF-{year}-{n:4}` gives OF-2026-0001, OF-2026-0002, and begins anew each year. All rules
    with the same pattern share one counter, and no number is left out.

    `failed`: the document is longer than 400,000 characters (`too_long`).

    The text of the document is fixed when it is made. `{document: latest}` attaches it, `send_document` and
    `request_signature` send it, and `results['rule-id']` has its `document` (the id), `name`, `number` and `file`.

    Example:
        id: offer
        do: create_document
        with:
          template: offer.html
          name: "Offer for {{ contact.name }}"
          number: "OF-{year}-{n:4}"
          field: offer
    """

    kind: ClassVar[str] = "create_document"
    group: ClassVar[str] = "documents"

    template: Paper = option(PaperOption(), "The HTML file under templates/.")
    name: Text = option(TextOption(), "What it is called; the name of its file as well.")
    field: str | None = option(NameOption("field", types=("file",)), "The field of type `file` to put it into.", None)
    number: str = option(NumberOption(), "How it is numbered: text with {n} or {n:4}, {year}, {month}.", "{year}-{n:4}")
    data: Mapping[str, Value] | None = option(MapOption(ValueOption()), "More that the template reads.", None)

    def check(self, builder: Builder) -> None:
        needs(builder, "typst", "create_document")

    def plan(self, context: Context) -> Sequence[Effect]:
        when = to_local(context.now, context.workspace.zone)
        number, counter = number_of(self.number, when, context.state.last_number)
        template = template_name(self.template.name)
        document: dict[str, Any] = {
            "id": None, "name": None, "number": number, "template": template, "state": "created", "link": None,
            "data": {name: as_json(one.render(context.scope)) for name, one in (self.data or {}).items()},
        }  # fmt: skip
        scope: ChainMap[str, Any] = ChainMap({"document": document}, context.scope)  # type: ignore[arg-type]
        document["name"] = one_line(self.name.render(scope)) or template
        html = self.template.text.render(scope)
        if len(html) > MOST_HTML:
            return [failed(f"the document has {len(html):,} characters, at most {MOST_HTML:,} are printed", "too_long")]
        return [MakeDocument(template, document["name"], number, counter, html, self.field or "")]
