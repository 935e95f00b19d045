"""Files to attach: from the words of `attach:` to what a channel opens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from stageauto.engine.action import Context
from stageauto.engine.document_facts import LATEST, latest
from stageauto.engine.files import attached, id_of
from stageauto.engine.options import Attachment


class FilesMissingError(Exception):
    """Something to attach is not there; `code` says what kind of thing."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def attachments(context: Context, asked: Sequence[Attachment]) -> list[dict[str, str]]:
    """`{kind, name, value}` of each file.

    `value` is a path in the workspace or the reference to a file of the item (field), or a path under templates/
    (file); `item` says whose a file of an item has to be.

    Raises FilesMissingError where a field is empty or the item has no such document.
    """
    return [one for attachment in asked for one in _files(context, attachment)]


def _files(context: Context, attachment: Attachment) -> list[dict[str, str]]:
    if attachment.kind == "file":
        return [_file("file", attachment.value)]
    if attachment.kind == "document":
        return [document_file(context, attachment.value)]
    paths = [str(path) for path in _many(context.item.fields.get(attachment.value)) if path]
    if not paths:
        raise FilesMissingError("no_file", f"the field {attachment.value} has no file to attach")
    return [_file("field", path) | ({"item": context.item.id} if id_of(path) else {}) for path in paths]


def document_file(context: Context, wanted: str) -> dict[str, str]:
    """The attachment of the item's newest document, or of the newest of a template: the signed PDF if there is one.

    Raises FilesMissingError.
    """
    document = latest(context.state.documents(context.item.id), wanted)
    file = context.state.stored_file(document.signed_file or document.file) if document else None
    if file is None:
        of_template = "" if wanted == LATEST else f" of the template {wanted}"
        raise FilesMissingError("no_document", f"the item has no document{of_template} to attach")
    return attached(file)


def _many(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _file(kind: str, path: str) -> dict[str, str]:
    return {"kind": kind, "name": PurePosixPath(path).name, "value": path}
