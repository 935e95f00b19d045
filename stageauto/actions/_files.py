"""Files to attach: from the words of `attach:` to what a channel opens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from stageauto.engine.action import Context
from stageauto.engine.options import Attachment


class FilesMissingError(Exception):
    """Something to attach is not there; `code` says what kind of thing."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def attachments(context: Context, asked: Sequence[Attachment]) -> list[dict[str, str]]:
    """`{kind, name, value}` of each file: `value` is a path in the workspace (field) or under templates/ (file).

    Raises FilesMissingError where a field is empty or the item has no document.
    """
    return [one for attachment in asked for one in _files(context, attachment)]


def _files(context: Context, attachment: Attachment) -> list[dict[str, str]]:
    if attachment.kind == "file":
        return [_file("file", attachment.value)]
    if attachment.kind == "document":
        raise FilesMissingError("no_document", "the item has no document to attach")
    paths = [str(path) for path in _many(context.item.fields.get(attachment.value)) if path]
    if not paths:
        raise FilesMissingError("no_file", f"the field {attachment.value} has no file to attach")
    return [_file("field", path) for path in paths]


def _many(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _file(kind: str, path: str) -> dict[str, str]:
    return {"kind": kind, "name": PurePosixPath(path).name, "value": path}
