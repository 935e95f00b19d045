"""Contents of files: those that were kept, and the PDFs of documents, which are made outside of any transaction.

A document's text is fixed when it is decided; its PDF is made when somebody wants it, or soon after by the daemon, and
kept then. Whoever comes second takes what is kept, so that everybody sees the same bytes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stageauto.channels._attachments import AttachmentError, read_inside
from stageauto.channels.base import reveal
from stageauto.engine.files import id_of
from stageauto.engine.paper import Node, pictures, read
from stageauto.engine.state import Document, StoredFile
from stageauto.errors import StageautoError, UsageError

if TYPE_CHECKING:
    from stageauto.documents.seal import Keys
    from stageauto.engine.model import Workspace
    from stageauto.runner.clock import Clock
    from stageauto.runner.session import Session
    from stageauto.store.sqlite import SqliteStore
    from stageauto.store.sqlite_state import SqliteReader

KEY = Path(".stageauto") / "signing.pem"
"""Where the key stands that is made where stageauto.yaml names none."""
_ENDINGS = {".png": ".png", ".jpg": ".jpg", ".jpeg": ".jpg", ".gif": ".gif", ".svg": ".svg", ".webp": ".webp"}
_MOST_AT_ONCE = 50


class Papers:
    """The files of a state, for any thread: each call opens the state for itself."""

    def __init__(self, root: Path, state: Path, workspace: Workspace, clock: Clock) -> None:
        self._root = root
        self._state = state
        self._workspace = workspace
        self._clock = clock

    def attachment(self, asked: Mapping[str, Any]) -> bytes | None:
        """What a message's attachment holds; None where it is no file of the state. Raises AttachmentError."""
        file_id = id_of(str(asked.get("value") or ""))
        if file_id is None:
            return None
        try:
            with self._opened() as store:
                with store.read() as state:
                    found = state.stored_file(file_id)
                if found is None or found.item != asked.get("item"):  # a field may hold what anybody typed into it
                    missing = f"the file `{asked.get('name') or asked.get('value')}` is not there"
                    raise AttachmentError(missing)  # noqa: TRY301 - one way out for all
                return self.content(store, found)
        except AttachmentError:
            raise
        except StageautoError as error:
            raise AttachmentError(error.message) from error

    def of(self, file_id: str) -> tuple[StoredFile, bytes]:
        """A file and what it holds. Raises UsageError where there is none, DocumentError."""
        with self._opened() as store:
            with store.read() as state:
                found = state.stored_file(file_id)
            if found is None:
                raise UsageError(f"there is no file `{file_id}`")
            content = self.content(store, found)
            with store.read() as state:
                return state.stored_file(file_id) or found, content

    def _opened(self) -> SqliteStore:
        from stageauto.store.sqlite import SqliteStore

        return SqliteStore.open(self._state, create=False)

    def content(self, store: SqliteStore, file: StoredFile) -> bytes:
        """What the file holds, made now where it is still to be made. Raises DocumentError, UsageError."""
        with store.read() as state:
            kept = state.content(file.id)
            document = state.document_of_file(file.id) if kept is None else None
        if kept is not None:
            return kept
        if document is None:
            raise UsageError(f"the file `{file.name}` has no content")
        made = self._signed(store, document) if file.id == document.signed_file else self._printed(store, document)
        with store.transaction() as state:
            state.fill_file(file.id, made)
            return state.content(file.id) or made

    # -- the PDF of a document -----------------------------------------------------------------------------------------

    def _printed(self, store: SqliteStore, document: Document) -> bytes:
        from stageauto.documents import evidence, typeset

        tree = read(document.html)
        with store.read() as state:
            shown = self.pictures(state, document, tree)
        names = {src: f"picture-{number}{_ending(src)}" for number, src in enumerate(shown)}
        contact = None
        with store.read() as state:
            item = state.item(document.item)
            contact = state.contact(item.contacts[0]) if item and item.contacts else None
        text = typeset.source(
            tree, title=f"{document.name} {document.number}", at=evidence.utc(document.at),
            pictures=names, lang=(contact.language[:2] if contact and contact.language[:2].isalpha() else "en"),
            foot=f"{document.name} {document.number}" if document.number not in document.name else document.name,
        )  # fmt: skip
        return typeset.pdf(text, {names[src]: content for src, content in shown.items()})

    def pictures(self, state: SqliteReader, document: Document, tree: Node) -> dict[str, bytes]:
        """The document's pictures by their `src`: files of the item, or under templates/; those not there left out."""
        found: dict[str, bytes] = {}
        for src in pictures(tree):
            if not _ending(src):
                continue
            file_id = id_of(src)
            content: bytes | None = None
            if file_id is None:
                with suppress(AttachmentError):
                    content = read_inside(src, self._root / "templates", self._root)
            else:
                file = state.stored_file(file_id)
                content = state.content(file_id) if file and file.item == document.item else None
            if content:
                found[src] = content
        return found

    # -- the signed one ------------------------------------------------------------------------------------------------

    def _signed(self, store: SqliteStore, document: Document) -> bytes:
        from stageauto.documents import evidence, seal

        with store.read() as state:
            original = state.stored_file(document.file)
        if original is None:
            raise UsageError(f"the document {document.id} has no PDF")
        pdf = self.content(store, original)
        names = ", ".join(str(one.get("name")) for one in document.parties)
        reason = f"{document.name} {document.number} was signed by {names}"
        return seal.sealed(pdf, evidence.page(document, pdf), seal.signer(self.keys()), reason=reason)

    def keys(self) -> Keys:
        """The key that documents are sealed with: the admin's own, else one that is made here at its first use."""
        from stageauto.documents import evidence, seal

        own = self._workspace.signing
        if own:
            certificate = self._root / str(own["certificate"])
            key = self._root / str(own.get("key") or own["certificate"])
            return seal.Keys(certificate, key, str(reveal(own.get("password")) or ""))
        path = self._root / KEY
        if not path.exists():
            company = self._workspace.vars.get("company")
            name = company if isinstance(company, str) else self._root.name
            seal.make_key(path, name, evidence.utc(self._clock.now()))
        return seal.Keys(path, path)

    def ready(self) -> None:
        """Makes the key where rules ask for signatures and stageauto.yaml names none, so that a backup has it in time.

        Not before that: the certificate bears the company's name, which `init` cannot know. What it cannot make now
        is made at the first signature, and `doctor` says so.
        """
        if not self._workspace.signing and not (self._root / KEY).exists() and signs(self._workspace):
            with suppress(StageautoError, OSError):
                self.keys()


def signs(workspace: Workspace) -> bool:
    """True where a rule asks for signatures."""
    stages = (stage for pipeline in workspace.pipelines.values() for stage in pipeline.stages)
    return any(rule.do == "request_signature" for stage in stages for rule in stage.rules)


def _ending(src: str) -> str:
    return _ENDINGS.get(Path(src).suffix.lower(), "")


def papers_of(session: Session, workspace: Workspace) -> Papers:
    """The files of an open workspace."""
    assert session.store.path is not None
    return Papers(session.root, session.store.path, workspace, session.clock)


class Copyist:
    """The daemon's thread that makes PDFs soon after they were decided, so that nobody waits for one.

    What cannot be made is told once; whoever wants it gets the reason then.
    """

    def __init__(self, papers: Callable[[], Papers], tell: Callable[[str, dict[str, Any]], None]) -> None:
        self._papers = papers
        self._tell = tell
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._broken: set[str] = set()
        self._thread: threading.Thread | None = None

    def look(self, state: SqliteReader) -> None:
        """Begins where there is something to make that was not tried in vain already."""
        waiting = state.unmade_files(1 + len(self._broken))
        if all(one.id in self._broken for one in waiting):
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="copyist", daemon=True)
            self._thread.start()
        self._wake.set()

    def close(self) -> None:
        """Ends after the one it is at."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(5)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()
            while not self._stopping.is_set() and self._some():
                pass

    def _some(self) -> bool:
        """Makes some; True when there may be more."""
        made = 0
        papers = self._papers()
        try:
            with papers._opened() as store:  # noqa: SLF001 - same module
                with store.read() as state:
                    waiting = state.unmade_files(_MOST_AT_ONCE + len(self._broken))
                for file in waiting:
                    if self._stopping.is_set() or file.id in self._broken:
                        continue
                    self._one(papers, store, file)
                    made += 1
        except StageautoError as error:
            self._tell("documents_wait", {"because": error.message})
            return False
        return made > 0

    def _one(self, papers: Papers, store: SqliteStore, file: StoredFile) -> None:
        try:
            papers.content(store, file)
        except StageautoError as error:
            self._broken.add(file.id)
            self._tell("document_broke", {"file": file.name, "item": file.item, "because": error.message})
