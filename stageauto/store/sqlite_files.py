"""Documents, and files with their contents: each content once, by its hash."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from stageauto.engine.state import Document, StoredFile
from stageauto.store.codec import Codec
from stageauto.store.sqlite_base import Base

_document: Codec[Document] = Codec(Document, ("id", "item"))
_file: Codec[StoredFile] = Codec(StoredFile, ("id", "item", "hash"))
_DOCUMENT = "SELECT key, item, doc FROM documents"
_FILE = "SELECT key, item, hash, doc FROM files"


class FilesReader(Base):
    """Reads documents and files."""

    __slots__ = ()

    def document(self, document_id: str) -> Document | None:
        """The document; a fresh object each time."""
        row = self._row(f"{_DOCUMENT} WHERE key = ?", document_id)
        return None if row is None else _load_document(row)

    def documents(self, item_id: str) -> list[Document]:
        """The item's documents, oldest first."""
        return [_load_document(row) for row in self._all(f"{_DOCUMENT} WHERE item = ? ORDER BY id", item_id)]

    def document_of_file(self, file_id: str) -> Document | None:
        """The document whose PDF, signed or not, the file is."""
        found = self.stored_file(file_id)
        papers = self.documents(found.item) if found else []
        return next((one for one in papers if file_id in (one.file, one.signed_file)), None)

    def resolve_document(self, part: str) -> list[str]:
        """Ids of the documents that the part can mean: the id itself or its number; else by ending."""
        exact = self._first(
            "SELECT key FROM documents WHERE key = ? OR json_extract(doc, '$.number') = ? ORDER BY id", part, part
        )
        if exact or not part:
            return exact
        ends = "SELECT key FROM documents WHERE substr(key, -?) = ? ORDER BY id LIMIT 20"
        return self._first(ends, len(part) + 1, f"-{part}")

    def stored_file(self, file_id: str) -> StoredFile | None:
        """The file, without its content."""
        row = self._row(f"{_FILE} WHERE key = ?", file_id)
        return None if row is None else _load_file(row)

    def files(self, item: str) -> list[StoredFile]:
        """The item's files, oldest first."""
        return [_load_file(row) for row in self._all(f"{_FILE} WHERE item = ? ORDER BY id", item)]

    def unmade_files(self, limit: int = -1) -> list[StoredFile]:
        """Files of documents whose content is still to be made, oldest first."""
        return [_load_file(row) for row in self._all(f"{_FILE} WHERE hash = '' ORDER BY id LIMIT ?", limit)]

    def content(self, file_id: str) -> bytes | None:
        """What the file holds; None where there is no such file, or its content is still to be made."""
        sql = "SELECT content FROM contents WHERE hash = (SELECT hash FROM files WHERE key = ?)"
        found: bytes | None = self._one(sql, file_id)
        return found

    def last_number(self, name: str) -> int:
        """The number that was counted up last by that name; 0 before the first."""
        return int(self._one("SELECT n FROM counters WHERE name = ?", name) or 0)


def _load_document(row: Sequence[Any]) -> Document:
    key, item, doc = row
    return _document.load(doc, id=key, item=item)


def _load_file(row: Sequence[Any]) -> StoredFile:
    key, item, digest, doc = row
    return _file.load(doc, id=key, item=item, hash=digest)


class FilesWriter(FilesReader):
    """Writes documents and files."""

    __slots__ = ()

    def fill_file(self, file_id: str, content: bytes) -> str:
        """Keeps a file's content where it has none yet; the SHA-256 (hex) of what it holds then."""
        found = self.stored_file(file_id)
        if found is None:
            return ""
        if not found.hash:
            found.hash, found.size = sha256(content).hexdigest(), len(content)
            self._write_contents([(found.hash, content)])
            self._write_files([found])
        return found.hash

    def _write_documents(self, documents: Sequence[Document]) -> None:
        self._conn.executemany(
            """INSERT INTO documents (key, item, doc) VALUES (?, ?, ?)
               ON CONFLICT (key) DO UPDATE SET item = excluded.item, doc = excluded.doc""",
            [(one.id, one.item, _document.dump(one)) for one in documents],
        )

    def _write_files(self, files: Sequence[StoredFile]) -> None:
        self._conn.executemany(
            """INSERT INTO files (key, item, hash, doc) VALUES (?, ?, ?, ?)
               ON CONFLICT (key) DO UPDATE SET item = excluded.item, hash = excluded.hash, doc = excluded.doc""",
            [(one.id, one.item, one.hash, _file.dump(one)) for one in files],
        )

    def _write_contents(self, contents: Sequence[tuple[str, bytes]]) -> None:
        self._conn.executemany("INSERT OR IGNORE INTO contents (hash, content) VALUES (?, ?)", contents)
