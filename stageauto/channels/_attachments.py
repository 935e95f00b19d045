"""Opens attachments: only regular files inside the workspace, whatever links lead elsewhere."""

from __future__ import annotations

import contextlib
import mimetypes
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_BYTES = 25 * 1024 * 1024
NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f-\x9f"\\/:;<>|*?\u2028\u2029\u202a-\u202e\u2066-\u2069]+')

Files = Callable[[Mapping[str, Any]], bytes | None]


class AttachmentError(Exception):
    """A file cannot be attached: a sentence with its name."""


@dataclass(frozen=True, slots=True)
class Attached:
    """A file as it goes into the mail."""

    name: str
    content: bytes
    maintype: str
    subtype: str


def open_attachments(wanted: Sequence[Mapping[str, Any]], root: Path, files: Files | None = None) -> list[Attached]:
    """The files of a message's `attachments`, in order. Raises AttachmentError, also for more than 25 MiB together."""
    found = []
    total = 0
    for one in (single for several in wanted for single in _singly(several)):
        content = files(one) if files else None
        if content is None:
            content = _read(one, root)
        total += len(content)
        if total > MOST_BYTES:
            raise AttachmentError(f"the attachments are larger than {MOST_BYTES // 1024 // 1024} MB together")
        name = _file_name(one)
        maintype, _, subtype = (mimetypes.guess_type(name)[0] or "application/octet-stream").partition("/")
        found.append(Attached(name, content, maintype, subtype))
    return found


def _singly(one: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A field of files with `multiple` gives several."""
    value = one.get("value")
    if isinstance(value, list | tuple):
        yield from ({**one, "value": single, "name": ""} for single in value)
    else:
        yield one


def _file_name(one: Mapping[str, Any]) -> str:
    value = str(one.get("value") or "")
    name = Path(str(one.get("name") or value)).name
    if not Path(name).suffix:  # a field's name says nothing of the type
        name = Path(value).name or name
    return NOT_IN_NAMES.sub("_", name).strip(". ")[-120:] or "attachment"


def _read(one: Mapping[str, Any], root: Path) -> bytes:
    value = str(one.get("value") or "")
    if not value:
        raise AttachmentError(f"there is no file to attach in `{one.get('name') or one.get('kind')}`")
    if one.get("kind") not in {"file", "field"}:
        raise AttachmentError(f"`{value}` cannot be attached here: there is no {one.get('kind')}")
    templates = root / "templates"
    if one.get("kind") == "file":
        return read_inside(value, templates, root)
    try:
        return read_inside(value, root, root)
    except AttachmentError:
        with contextlib.suppress(AttachmentError):  # people write into a field what they write as `{file: files/...}`
            return read_inside(value, templates, root)
        raise


def read_inside(value: str, base: Path, root: Path) -> bytes:
    """What the path holds, once links are followed, if that lies in the workspace and not in its state folder.

    Raises AttachmentError.
    """
    whole = root.resolve()
    try:
        path = (base / value).resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise AttachmentError(f"the file `{value}` is not there") from error
    if not path.is_relative_to(whole) or any(part.startswith(".") for part in path.relative_to(whole).parts):
        raise AttachmentError(f"the file `{value}` is not among the files of the workspace")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise AttachmentError(f"the file `{value}` cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise AttachmentError(f"`{value}` is no file")
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read(MOST_BYTES + 1)
