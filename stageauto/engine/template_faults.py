"""What can be wrong with a template: a fault found when it is compiled, a budget spent when it is rendered."""

from __future__ import annotations

from stageauto.errors import StageautoError

MAX_SOURCE = 256 * 1024
MAX_OUTPUT = 1_000_000
MAX_NODES = 4_000
MAX_DEPTH = 50


class TemplateFault(StageautoError):  # noqa: N818 - it is a place in a text first
    """A template that cannot be used, with its place: `line` and `column` count from 1 inside the scalar."""

    def __init__(self, message: str, line: int = 1, column: int = 1, hint: str = "") -> None:
        super().__init__(message, hint)
        self.line = line
        self.column = column


class TemplateBudget(StageautoError):  # noqa: N818 - a spent budget is what it is called in the language
    """A rendering that was stopped: its text grew over 1 MB, or it took more work than one value may."""


def too_much_work() -> TemplateBudget:
    """Gives back the error for a spent work budget."""
    return TemplateBudget("the template takes too much work", "loop over less; 100,000 rounds are the most")


def too_long() -> TemplateBudget:
    """Gives back the error for a text or list over the limit."""
    return TemplateBudget("the template makes a value over 1 MB", "make the text shorter")
