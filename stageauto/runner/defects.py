"""What is kept of a mistake in stageauto itself: where it happened, without values and without secrets."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from stageauto import __version__
from stageauto.errors import StageautoError
from stageauto.runner.clock import SystemClock

_NAMED = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")
_MODE = 0o600


def note_defect(error: Exception, arguments: Sequence[str]) -> Path | None:
    """The file with the traceback, readable by its owner only; None where there is no workspace to put it."""
    root = _root(arguments)
    if root is None:
        return None
    text = "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format())
    text = f"stageauto {__version__}, command {_command(arguments)}\n\n{_redacted(text, root)}"
    folder = root / ".stageauto"
    path = folder / f"defect-{SystemClock().now()}.txt"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        return None
    return path


def _root(arguments: Sequence[str]) -> Path | None:
    from stageauto.loader.files import find_workspace

    named = os.environ.get("STAGEAUTO_WORKSPACE", "")
    for flag, value in pairwise(arguments):
        if flag in {"-C", "--workspace"}:
            named = value
    try:
        return find_workspace(Path(named) if named else Path.cwd())
    except (StageautoError, OSError):
        return None


def _command(arguments: Sequence[str]) -> str:
    """The words of the command that hold nobody's data: its name and the names of its options."""
    words = [one.split("=", 1)[0] for one in arguments if one.startswith("-")]
    name = next((one for one in arguments if one.isalpha() and one.islower()), "")
    return " ".join([name, *words]).strip()


def _redacted(text: str, root: Path) -> str:
    from stageauto.loader.secret import redact

    return redact(text, _secrets(root, os.environ))


def _secrets(root: Path, environment: Mapping[str, str]) -> list[str]:
    """The values that stageauto.yaml takes from the environment, and all of `.env`."""
    from stageauto.loader.secret import read_dotenv

    values: list[str] = []
    named: list[str] = []
    with suppress(OSError):
        values += read_dotenv((root / ".env").read_text(encoding="utf-8", errors="replace")).values()
    with suppress(OSError):
        named = _NAMED.findall((root / "stageauto.yaml").read_text(encoding="utf-8", errors="replace"))
    return [*values, *(environment[name] for name in named if environment.get(name))]
