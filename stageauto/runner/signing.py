"""Documents as staff deals with them: the list, a file of one, and signing for the sender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stageauto.engine.documents import SENDER, SIGNED
from stageauto.engine.permissions import ITEMS_READ, ITEMS_UPDATE
from stageauto.errors import UsageError
from stageauto.runner.change import MANY
from stageauto.runner.look import Look, looking
from stageauto.runner.papers import papers_of
from stageauto.runner.work import Listed

if TYPE_CHECKING:
    from stageauto.engine.commands import By
    from stageauto.engine.draft import Draft
    from stageauto.engine.state import Document, Item
    from stageauto.runner.papers import Papers
    from stageauto.runner.session import Session
    from stageauto.store.sqlite_state import SqliteReader

SIGNED_BY_SENDER = next(event for event, role in SIGNED.items() if role == SENDER)
CONSENT = "I have read this document and sign it. I agree that my electronic signature is as good as one by hand."
"""What everybody agrees to who signs; it stands in the evidence."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A document that somebody is about to sign, and as whom."""

    document: Document
    party: dict[str, Any]
    sha256: str


def found(state: SqliteReader, part: str) -> Document:
    """The document that an id, a part of one or a number names. Raises UsageError."""
    ids = state.resolve_document(part)
    if len(ids) > 1:
        raise UsageError(f"`{part}` may be any of {', '.join(ids[:MANY])}", "write more of the id")
    document = state.document(ids[0]) if ids else None
    if document is None:
        raise UsageError(f"there is no document `{part}`", "see `stageauto documents`")
    return document


def documents(session: Session, item: str | None = None) -> Listed[Document]:
    """The documents of an item, or of all that may be seen, oldest first. Raises UsageError, NotAllowedError."""
    with looking(session, ITEMS_READ) as look:
        items = [look.item(item)] if item else look.state.items(include_deleted=True)
        seen = [one for one in items if look.may(one.pipeline)]
        rows = [document for one in seen for document in look.state.documents(one.id)]
        rows.sort(key=lambda one: (one.at, one.id))
        return Listed(rows, look.facts, session.clock.now())


def save(session: Session, part: str, target: Path | None, *, original: bool = False) -> Path:
    """The file to which a document's PDF was written: the signed one, if there is one and not the `original` is wanted.

    Nothing is overwritten. Raises UsageError, NotAllowedError, DocumentError.
    """
    with looking(session, ITEMS_READ) as look:
        document = _seen(look, part)
    file, content = _papers(session).of(document.file if original else document.signed_file or document.file)
    path = target or Path(file.name)
    path = path / file.name if path.is_dir() else path
    try:
        with path.open("xb") as stream:
            stream.write(content)
    except FileExistsError:
        raise UsageError(f"{path} is there already", "name another file") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", "name another file") from None
    return path


def _seen(look: Look, part: str) -> Document:
    document = found(look.state, part)
    item = look.state.item(document.item)
    look.demand(item.pipeline if item else None)
    return document


def _papers(session: Session) -> Papers:
    with session.store.read() as state:
        return papers_of(session, session.workspace(state))


def asked(session: Session, part: str) -> Asked:
    """What whoever acts is asked to sign. Raises UsageError, NotAllowedError, DocumentError."""
    with looking(session, ITEMS_READ) as look:
        document = _seen(look, part)
        party = party_of(document, SENDER, look.user)
    _, content = _papers(session).of(document.file)
    return Asked(document, party, sha256(content).hexdigest())


def party_of(document: Document, role: str, who: str) -> dict[str, Any]:
    """Who signs, of those asked. Raises UsageError for somebody who was not, or who has signed already."""
    fitting = [one for one in document.parties if one["role"] == role and one["who"] == who]
    if not fitting:
        others = [str(one["who"]) for one in document.parties if one["role"] == role]
        hint = f"asked: {', '.join(others)}; say who you are with --as USER" if others else "nobody of the staff was"
        raise UsageError(f"`{who or 'nobody'}` is not asked to sign {document.id}", hint)
    if fitting[0].get("signed_at") is not None:
        raise UsageError(f"{document.id} is signed by {fitting[0]['name']} already")
    return fitting[0]


def sign(session: Session, request: Asked) -> Document:
    """The document after whoever acts has signed it. Raises UsageError, NotAllowedError."""
    from stageauto.engine import step
    from stageauto.engine.model import Event

    document = request.document

    def deed(draft: Draft, by: By) -> Document:
        item = _alive(draft, document)
        data = {
            "document": document.id, "who": request.party["who"], "signer": request.party["name"], "how": "terminal",
            "consent": CONSENT, "sha256": request.sha256,
        }  # fmt: skip
        event = Event(
            id=by.id, type=SIGNED_BY_SENDER, at=by.at, source="sign", item=item.id, data=data, author=by.author
        )
        step.take(draft, event)
        after = draft.document(document.id)
        assert after is not None
        return replace(after)

    def pipeline_of(state: SqliteReader) -> str | None:
        item = state.item(document.item)
        return item.pipeline if item else None

    return session.decide(
        deed, permission=ITEMS_UPDATE, pipeline_of=pipeline_of, action="sign", target=document.id,
        event_id=signature_id(document, SENDER, str(request.party["who"])),
    )  # fmt: skip


def signature_id(document: Document, role: str, who: str) -> str:
    """The id of the event of a signature: the same one for everybody who signs twice."""
    return f"sign:{document.id}:{role}:{who}"


def _alive(draft: Draft, document: Document) -> Item:
    item = draft.item(document.item)
    if item is None or item.deleted:
        raise UsageError(f"the item of {document.id} was deleted")
    return item


def waiting(document: Document) -> Sequence[str]:
    """The names of those who are still to sign."""
    return [str(one["name"]) for one in document.parties if one.get("signed_at") is None]
