"""The exceptions raised on purpose, each with the exit code a command ends with."""

from __future__ import annotations

from typing import ClassVar

DONE = 0
FINDINGS = 1
USAGE = 2
DEFECT = 3
STATE_UNUSABLE = 4
NOT_ALLOWED = 5
INTERRUPTED = 130


class StageautoError(Exception):
    """Something the admin can mend: a sentence that names the place, and a hint that names the way out."""

    exit_code: ClassVar[int] = FINDINGS

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(StageautoError):
    """A command was called with words that mean nothing here (an unknown item, a bad time)."""

    exit_code = USAGE


class StateError(StageautoError):
    """The state is busy, corrupt, from another version or cannot be opened."""

    exit_code = STATE_UNUSABLE


class DiskFullError(StateError):
    """There is no room for what was to be written: nothing was."""


class NotAllowedError(StageautoError):
    """Whoever acts lacks the right to."""

    exit_code = NOT_ALLOWED
