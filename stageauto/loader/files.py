"""Reads a workspace's files from disk as text, within limits; what cannot be read is said where it is looked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from stageauto.errors import UsageError

MAIN: Final = "stageauto.yaml"
_YAML: Final = (".yaml", ".yml")
_MOST_FILES: Final = 20_000


class WorkspaceNotFoundError(UsageError):
    """There is no workspace here or above."""


class UnreadableFileError(UsageError):
    """A file of the workspace cannot be read as text."""


def find_workspace(start: Path) -> Path:
    """The nearest folder from `start` upward that holds stageauto.yaml. Raises WorkspaceNotFoundError."""
    start = start.resolve()
    if not start.exists():  # a name written wrong must not lead to the workspace above it
        raise WorkspaceNotFoundError(f"there is no folder {start}", "name the workspace's folder with -C")
    for folder in (start, *start.parents):
        if (folder / MAIN).is_file():
            return folder
    raise WorkspaceNotFoundError(
        f"there is no workspace in {start} or above", "run `stageauto init`, or name one with -C"
    )


def read_files(root: Path) -> dict[str, str]:
    """Relative path -> text of stageauto.yaml, the pipelines, the templates and the calendars' .ics files.

    What lies under templates/files/ is for attaching and may be binary: it is not read. Raises UnreadableFileError.
    """
    found = {}
    for path in _listed(root):
        found[path.relative_to(root).as_posix()] = _text(root, path)
    return found


def read_scenarios(root: Path) -> dict[str, str]:
    """Relative path -> text of the scenarios. Raises UnreadableFileError."""
    return {path.relative_to(root).as_posix(): _text(root, path) for path in _below(root / "scenarios", _YAML)}


def read_dotenv_file(root: Path) -> str | None:
    """The text of `.env` beside stageauto.yaml, or None."""
    path = root / ".env"
    return _text(root, path) if path.is_file() else None


def file_finder(root: Path) -> Callable[[str], bool]:
    """For `load`: a function that says whether the workspace has a file; links that lead out of it do not count."""
    base = root.resolve()

    def present(name: str) -> bool:
        path = (base / name).resolve()
        return path.is_file() and path.is_relative_to(base)

    return present


def _listed(root: Path) -> Iterator[Path]:
    if (root / MAIN).is_file():
        yield root / MAIN
    yield from _below(root / "pipelines", _YAML)
    attachments = root / "templates" / "files"
    for path in _below(root / "templates"):
        if attachments not in path.parents:
            yield path
    yield from sorted(path for path in root.glob("*.ics") if path.is_file())
    yield from _below(root / "calendars", (".ics",))


def _below(folder: Path, endings: tuple[str, ...] | None = None) -> Iterator[Path]:
    """The files below the folder, hidden ones left out, in order."""
    count = 0
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.startswith(".") or (endings and not name.endswith(endings)):
                continue
            count += 1
            if count > _MOST_FILES:
                raise UnreadableFileError(f"{folder} holds over {_MOST_FILES:,} files", "move some elsewhere")
            yield Path(here, name)


def _text(root: Path, path: Path) -> str:
    from stageauto.loader.yaml import MAX_BYTES  # here, so that finding a workspace needs no YAML

    name = path.relative_to(root).as_posix()
    try:
        with path.open("rb") as file:
            # One byte over the limit is enough to see that it is too large; what is no UTF-8 is found when loading.
            return file.read(MAX_BYTES + 1).decode("utf-8", "surrogateescape")
    except OSError as error:
        raise UnreadableFileError(f"{name} cannot be read: {error.strerror}", "check its rights") from None
