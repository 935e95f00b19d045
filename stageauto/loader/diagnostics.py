"""Diagnostics as data: what is wrong, where, and the way out. How they look is `stageauto.report.diagnostics`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from stageauto.engine.scalars import source_text

ERROR, WARNING, INFO = "error", "warning", "info"
LONGEST_SHOWN = 60
_MOST_NAMED = 12
_MOST_COMPARED = 2_000


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. Lines and columns count from 1; `end_column` is exclusive; line 0 means the file as a whole."""

    code: str
    severity: str
    file: str
    line: int
    column: int
    path: str  # stages by id, list entries by number from 0: "stages/won/rules/2/with/subject"
    message: str
    hint: str = ""
    source_line: str = ""
    expected: str = ""
    found: str = ""
    end_column: int = 0

    @property
    def order(self) -> tuple[str, int, int, str, str]:
        """The key by which findings are listed: by file, then from top to bottom."""
        return (self.file, self.line, self.column, self.code, self.message)


def near(name: str, choices: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The choice that was probably meant, or None where none is near; `cutoff`: 1 asks for the very same letters."""
    known = sorted(set(choices))[:_MOST_COMPARED]
    if len(name) > LONGEST_SHOWN:
        return None
    folded = {one.casefold().replace("-", "_"): one for one in reversed(known)}
    plain = name.casefold().replace("-", "_")
    if plain in folded:
        return folded[plain]
    found = difflib.get_close_matches(plain, list(folded), n=1, cutoff=cutoff)
    return folded[found[0]] if found else None


def suggest(name: str, choices: Iterable[str]) -> str:
    """The hint for an unknown name: "did you mean `x`?", else the names there are; "" where there are none."""
    known = sorted(set(choices))
    meant = near(name, known)
    if meant is not None:
        return f"did you mean `{meant}`?"
    if not known:
        return ""
    shown = ", ".join(f"`{one}`" for one in known[:_MOST_NAMED])
    return f"there is {shown}" + (f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else "")


def shown(value: Any) -> str:
    """A value as it is shown in a finding: short, on one line, named by its kind where it is no scalar."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return f"`{short(source_text(value))}`"


def short(text: str) -> str:
    """The text on one line, at most sixty characters, without control characters."""
    line = "".join(ch if ch.isprintable() else " " for ch in text[: LONGEST_SHOWN + 1])
    return line if len(line) <= LONGEST_SHOWN else f"{line[: LONGEST_SHOWN - 3]}..."
