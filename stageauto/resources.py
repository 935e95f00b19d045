"""Finds the files that come with the package: schemas and example workspaces.

In a checkout they lie beside the package, where people and editors look for them; a wheel carries them inside it.
"""

from __future__ import annotations

from pathlib import Path

from stageauto.errors import StageautoError

_PACKAGE = Path(__file__).resolve().parent


class MissingDataError(StageautoError):
    """A file that every installation brings is not there: the installation is damaged."""


def data(path: str) -> Path:
    """Give back where the shipped file or folder `path` lies, such as `schemas/pipeline.json` or `examples`.

    Raises `MissingDataError` when neither the checkout nor the installed package has it.
    """
    for root in (_PACKAGE / "_data", _PACKAGE.parent):
        found = root / path
        if found.exists():
            return found
    raise MissingDataError(f"{path} is not among the files of this installation, {_PACKAGE}", "install stageauto again")
