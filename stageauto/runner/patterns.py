"""Patterns between slashes in scenarios, searched by RE2: its time grows with the text only, none can hang a test."""

from __future__ import annotations

from functools import cache
from typing import Any

import re2

from stageauto.errors import UsageError


class Pattern:
    """A regular expression to search for."""

    def __init__(self, source: str) -> None:
        options = re2.Options()
        options.log_errors = False
        options.dot_nl = True
        try:
            self._compiled = re2.compile(source, options)
        except re2.error as error:
            problem = bytes(error.args[0]).decode("utf-8", "replace")
            raise UsageError(f"`/{source}/` is not a regular expression: {problem}", "the syntax is RE2's") from None

    def found_in(self, text: str) -> bool:
        """Whether it occurs in the text."""
        return self._compiled.search(text) is not None


@cache
def _pattern(source: str) -> Pattern:
    return Pattern(source)


def as_pattern(value: Any) -> Pattern | None:
    """The pattern that a text between slashes means, None for anything else. Raises UsageError for a bad one."""
    if isinstance(value, str) and len(value) > 2 and value.startswith("/") and value.endswith("/"):
        return _pattern(value[1:-1])
    return None
