"""Documents: how one is made, who is asked to sign it, and what it means that one was opened or signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from stageauto.engine import visits
from stageauto.engine.changing import change_fields
from stageauto.engine.document_facts import LATEST, facts, latest
from stageauto.engine.draft import Draft
from stageauto.engine.effects import MakeDocument
from stageauto.engine.files import file_name
from stageauto.engine.model import Event
from stageauto.engine.state import Document, Item

SENDER, RECIPIENT = "sender", "recipient"
OPENED = "document.opened"
SIGNED: Final[Mapping[str, str]] = {
    "document.signed_by_sender": SENDER,
    "document.signed_by_recipient": RECIPIENT,
}
SIGNED_BY_ALL = "document.signed_by_all"
EVIDENCE: Final = ("how", "address", "agent", "consent", "drawing", "sha256")
"""What an event of a signature may say of how it came about; all plain text."""
_LONGEST: Final[Mapping[str, int]] = {"drawing": 40_000, "consent": 2_000}
PDF = "application/pdf"


def pdf_of(draft: Draft, document: Document) -> str:
    """The reference to the document's PDF: the signed one where there is one."""
    found = draft.stored_file(document.signed_file or document.file)
    return found.ref if found else ""


# -- making and asking -----------------------------------------------------------------------------------------------


def make(
    draft: Draft,
    item: Item,
    now: int,
    asked: MakeDocument,
    *,
    rule: str,
    cascade: tuple[str, ...],
) -> Document:
    """A new document of the item, its PDF in the field; the number is used up with it."""
    author, into = f"rule:{rule}", asked.field
    draft.state.next_number(asked.counter)
    titled = asked.name if asked.number in asked.name else f"{asked.name} {asked.number}"
    file = draft.add_file(item.id, file_name(titled, ".pdf"), PDF, now)
    made = Document(
        draft.new_id("doc"), item.id, rule, asked.template, asked.name, asked.number, now, asked.html, file.id,
        into,
    )  # fmt: skip
    draft.put_document(made)
    draft.put_token("document", made.id, item.id)
    draft.record(now, "document", item.id, author, facts(made))
    if into:
        change_fields(draft, item, {into: file.ref}, now, author, cascade)
    visits.emit(draft, item, "document.created", facts(made), now, cascade)
    return made


def ask(draft: Draft, document: Document, parties: Sequence[Mapping[str, Any]], now: int) -> list[str]:
    """Notes who is asked to sign, each once; gives the names of those who were not asked before."""
    asked = {(one["role"], one["who"]) for one in document.parties}
    new = [one for one in parties if (one["role"], one["who"]) not in asked]
    document.parties = [*document.parties, *({**one, "asked_at": now} for one in new)]
    draft.put_document(document)
    return [str(one["name"]) for one in new]


# -- events ----------------------------------------------------------------------------------------------------------


def note(draft: Draft, event: Event) -> Event:
    """Writes down that a document was opened or signed; the event, with what it did not say of the document itself.

    Where the event names no document, it is the newest one (of the template it names) of its item.
    """
    document = _meant(draft, event)
    item = draft.item(document.item) if document else None
    if document is None or item is None or item.deleted or event.item not in (None, item.id):
        return event
    if event.type == OPENED:
        if document.opened_at is None:
            document.opened_at = event.at
            draft.put_document(document)
    elif event.type in SIGNED:
        _sign(draft, document, item, event)
    shown = {key: value for key, value in event.data.items() if key not in ("drawing", "agent", "consent")}
    return replace(event, item=event.item or item.id, data={**shown, **facts(document)})


def _meant(draft: Draft, event: Event) -> Document | None:
    if event.internal or event.type not in (OPENED, *SIGNED):
        return None
    named = event.data.get("document")
    if named:
        return draft.document(str(named))
    return latest(draft.documents(event.item), str(event.data.get("template") or LATEST)) if event.item else None


def _sign(draft: Draft, document: Document, item: Item, event: Event) -> None:
    role = SIGNED[event.type]
    party = _party(document, role, str(event.data.get("who") or ""))
    if party is None or party.get("signed_at") is not None:
        return
    signed = {key: str(event.data[key])[: _LONGEST.get(key, 400)] for key in EVIDENCE if event.data.get(key)}
    signed["name"] = str(event.data.get("signer") or party["name"])[:400]
    index = document.parties.index(party)
    document.parties[index] = {
        **party, **signed, "signed_at": event.at, "source": event.source, "author": event.author, "event": event.id,
    }  # fmt: skip
    draft.put_document(document)
    if all(one.get("signed_at") is not None for one in document.parties):
        _completed(draft, document, item, event, document.parties[index])


def _party(document: Document, role: str, who: str) -> dict[str, Any] | None:
    """Who signed: by role and id; where no id is given, the first of the role who has not."""
    fitting = [one for one in document.parties if one["role"] == role and who in ("", one["who"])]
    return next((one for one in fitting if one.get("signed_at") is None), fitting[0] if fitting else None)


def _completed(draft: Draft, document: Document, item: Item, event: Event, party: Mapping[str, Any]) -> None:
    """Everybody has signed: there is a signed PDF, in the field as well, and the event says so."""
    original = draft.stored_file(document.file)
    stem = original.name.removesuffix(".pdf") if original else document.name
    file = draft.add_file(item.id, file_name(f"{stem} signed", ".pdf"), PDF, event.at)
    document.signed_at, document.signed_file = event.at, file.id
    draft.put_document(document)
    author = event.author or event.source
    draft.record(event.at, "document_signed", item.id, author, facts(document))
    pipeline = draft.pipeline(item)
    if original and pipeline and document.into in pipeline.fields and item.fields.get(document.into) == original.ref:
        change_fields(draft, item, {document.into: file.ref}, event.at, author, event.cascade)
    data = {**facts(document), "signer": str(event.data.get("signer") or party["name"])}
    visits.emit(draft, item, SIGNED_BY_ALL, data, event.at, event.cascade)
