"""Makes a picture of a QR code."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from stageauto.actions._values import failed, one_line
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, KeepFile, Result
from stageauto.engine.files import file_name
from stageauto.engine.options import Builder, Choice, NameOption, Plain, TextOption, option

if TYPE_CHECKING:
    from stageauto.engine.templates import Text

_MOST = 1_500  # characters: more makes a code that no phone reads from paper


@dataclass(frozen=True, slots=True)
class CreateQr(Action):
    """Makes a picture of a QR code that leads to an address, and puts it into a field.

    The code leads there by a tracked link: `qr.scanned` comes when somebody scans it. Print it in a document with
    `<img src="{{ item.qr }}">`, or attach it to a mail with `{field: item.qr}`. Tracked links need `base_url` in
    stageauto.yaml and `run --listen`; without it the code leads straight to the address, and no event comes.

    `failed`: the address is none that begins with https:// or http:// (`bad_value`).

    Example:
        id: qr-to-the-form
        do: create_qr
        with: {url: "https://acme.test/feedback?order={{ item.order_no }}", field: offer, name: feedback}
    """

    kind: ClassVar[str] = "create_qr"
    group: ClassVar[str] = "documents"

    url: Text = option(TextOption(), "Where it leads.")
    field: str = option(NameOption("field", types=("file",)), "The field of type `file` to put it into.")
    name: Text | None = option(TextOption(), "The name of the file.", None)
    format: str = option(Choice(("png", "svg")), "The kind of picture.", "png")
    scale: int = option(Plain("integer", 1, 40), "Pixels of one of its dots.", 8)

    def check(self, builder: Builder) -> None:
        if self.url.constant and not _is_web(self.url.fixed.strip()):
            hint = f"begin it with https://, and keep it under {_MOST:,} characters"
            builder.fault("bad-url", f"`{one_line(self.url.fixed)[:80]}` is no web address", ("url",), hint=hint)
        if not builder.reachable():
            message, hint = "without `base_url` no scan is noticed", "set `base_url` in stageauto.yaml"
            builder.fault("no-base-url", message, hint=hint, severity="warning")

    def plan(self, context: Context) -> Sequence[Effect]:
        target = context.words(self.url).strip()
        if not _is_web(target):
            return [failed(f"`url` is no web address: {one_line(target)[:80]}")]
        url = context.link("qr", target, rule=context.rule.id) or target
        name = file_name(one_line(context.words(self.name)) or "qr", f".{self.format}")
        picture = _picture(url, self.format, self.scale)
        media = "image/png" if self.format == "png" else "image/svg+xml"
        return [KeepFile(name, media, picture, self.field), Result({"url": url})]


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("https", "http") and bool(parts.hostname) and len(url) <= _MOST and url.isprintable()


def _picture(url: str, kind: str, scale: int) -> bytes:
    import segno  # here: few workspaces ask for one

    out = io.BytesIO()
    segno.make_qr(url, error="m").save(out, kind=kind, scale=scale, border=4)
    return out.getvalue()
