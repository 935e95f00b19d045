"""Files that belong to items: what they may be called, and how a field refers to one."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Final

from stageauto.engine.state import StoredFile

MOST_BYTES: Final = 20 * 1024 * 1024
REF: Final = "file:"
# What a file system, a mail header or a reader's eye may take for something else.
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f-\x9f"\\/:;<>|*?\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+')
_LONGEST = 120


def file_name(text: str, ending: str = "") -> str:
    """The text as a file's name, with the ending (`.pdf`) where it has another one or none."""
    plain = text.encode("utf-8", "replace").decode("utf-8")
    name = " ".join(_NOT_IN_NAMES.sub(" ", plain).split()).strip(". ")
    if ending and name.lower().endswith(ending):
        name = name[: -len(ending)].strip(". ")
    own = "" if ending else PurePosixPath(name).suffix
    kept = own if len(own) <= 10 else ""
    stem = name.removesuffix(kept) if kept else name
    return (stem[: _LONGEST - len(ending or kept)].strip(". ") or "file") + (ending or kept)


def new_file(file_id: str, item: str, name: str, media: str, at: int, content: bytes | None) -> StoredFile:
    """A file of the item. Raises BadValueError for more than 20 MB."""
    made = StoredFile(file_id, item, file_name(name), media, at)
    if content is not None:
        if len(content) > MOST_BYTES:
            from stageauto.engine.fields import BadValueError  # here: commands that only look need no fields

            message = f"the file `{made.name}` has {len(content):,} bytes"
            raise BadValueError(message, f"at most {MOST_BYTES:,} are kept")
        made.hash, made.size = sha256(content).hexdigest(), len(content)
    return made


def id_of(ref: str) -> str | None:
    """The id of the file that a field's value refers to; None where it is a path in the workspace."""
    if not ref.startswith(REF):
        return None
    return ref.removeprefix(REF).partition("/")[0]


def attached(file: StoredFile) -> dict[str, str]:
    """A file as a message's `attachments` name it; `item` is whose it must be when it is opened."""
    return {"kind": "field", "name": file.name, "value": file.ref, "item": file.item}
