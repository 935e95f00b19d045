"""What the actions of documents share: which document is meant, its links, and the mail or SMS that brings one."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from stageauto.actions._recipients import MAIL, PHONE, Reached, Way, reach
from stageauto.actions._sender import Sender, sender_of
from stageauto.actions._values import one_line
from stageauto.engine.action import Context
from stageauto.engine.document_facts import LATEST, latest, view
from stageauto.engine.effects import End, NotSent, Send
from stageauto.engine.options import Builder

if TYPE_CHECKING:
    from stageauto.engine.options import Recipient
    from stageauto.engine.state import Document
    from stageauto.engine.templates import Text

LINK = ("document", "link")


@dataclass(frozen=True, slots=True)
class Letter:
    """The words that go with a document, and how they travel."""

    by: str
    channel: str | None
    from_: str
    type: str
    pick: str
    subject: Text | None
    text: Text | None
    html: Text | None = None
    files: Sequence[Mapping[str, str]] = field(default_factory=tuple)

    @property
    def way(self) -> Way:
        """The kind of address it goes to."""
        return MAIL if self.by == "mail" else PHONE


def needs(builder: Builder, module: str, what: str) -> None:
    """Warns of an optional package that is missing: scenarios do without, and what is asked for later can be made."""
    if find_spec(module) is None:
        message = f"{what} needs the package {module}, which is not installed: nothing can be made until it is"
        builder.fault("missing-extra", message, hint="pip install 'stageauto[documents]'", severity="warning")


def needs_link(builder: Builder, text: Text | None, *, html: Text | None = None) -> None:
    """Reports words of one's own without the link that they are for, and a workspace that has no links."""
    if not builder.reachable():
        message = "without `base_url` there is no link to the document: nothing will be sent"
        hint = "set `base_url` in stageauto.yaml"
        builder.fault("no-base-url", message, hint=hint, severity="warning")
    for name, one in (("text", text), ("html", html)):
        if one is not None and not any(read.path[:2] == LINK for read in one.names):
            hint = "write {{ document.link }} where the link shall stand"
            builder.fault(
                "no-link", "these words lead nowhere: the link to the document is not in them", (name,), hint=hint
            )


def meant(context: Context, wanted: str) -> Document | End:
    """The item's newest document, or the newest of a template; an End where there is none."""
    found = latest(context.state.documents(context.item.id), wanted)
    if found is not None:
        return found
    of_template = "" if wanted == LATEST else f" of the template {wanted}"
    return End("undeliverable", "no_document", f"the item has no document{of_template}")


def send(
    context: Context, document: Document, letter: Letter, to: Sequence[Recipient], *, asks: bool, linked: bool = True
) -> list[Send | NotSent | End]:
    """A delivery for each recipient with a link of their own, or why there is none. `asks`: they are to sign."""
    if linked and not context.workspace.base_url:
        because = "there are no personal links: `base_url` is not set in stageauto.yaml"
        return [End("undeliverable", "no_link", because)]
    sender = sender_of(context, letter.from_) if letter.by == "mail" else Sender(letter.channel or "sms", "")
    if isinstance(sender, End):
        return [sender]
    found: list[Send | NotSent | End] = []
    for one in reach(context, to, letter.way, letter.type, letter.pick):
        if isinstance(one, NotSent):
            found.append(one)
            continue
        url = link(context, document, one) if linked else ""
        message = _message(context, document, letter, sender, one, url, asks=asks)
        kind = "mail" if letter.by == "mail" else "sms"
        found.append(Send(kind, letter.channel or sender.channel, one.to, message, one.contact, one.addresses))
    return found


def link(context: Context, document: Document, one: Reached) -> str:
    """A personal link: the customer opens and signs by theirs, staff signs by theirs and opens nothing."""
    role = "sender" if one.user else "recipient"
    return context.link("document", document.id, role=role, who=one.user or one.contact or "", email=one.to)


def _message(  # noqa: PLR0913 - all that a message is made of
    context: Context, document: Document, letter: Letter, sender: Sender, one: Reached, url: str, *, asks: bool
) -> dict[str, Any]:
    scope = ChainMap({"document": view(document, link=url)}, context.scope)  # type: ignore[arg-type]
    text = letter.text.render(scope) if letter.text else _default(document, url, letter, asks=asks)
    if letter.by != "mail":
        return {"to": one.to, "text": text}
    subject = letter.subject.render(scope) if letter.subject else f"{document.name} {document.number}"
    return {
        "from": one_line(sender.name), "to": one.to, "cc": [], "bcc": [], "subject": one_line(subject), "text": text,
        "html": letter.html.render(scope) if letter.html else None, "attachments": [dict(one) for one in letter.files],
        "headers": {},
    }  # fmt: skip


def _default(document: Document, url: str, letter: Letter, *, asks: bool) -> str:
    name = document.name if document.number in document.name else f"{document.name} {document.number}"
    if letter.by != "mail":
        return f"{name}: {url}"
    if not url:
        return f"{name} is attached."
    return f"{name} is ready{' for you to sign' if asks else ''}:\n\n{url}\n"
