"""From a place in the value of a scalar to the place in the file where it is written.

Literal text (`|`) has a line for a line. Text in quotes and plain text over several lines is folded by YAML's rules for
flow scalars (https://yaml.org/spec/1.2.2/#65-line-folding) and is walked character by character; folded blocks (`>`)
are sought line by line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from stageauto.loader.yaml import Span

_ESCAPES: Final = {"x": 4, "u": 6, "U": 10}
Lines = Callable[[int], str]


def place_within(lines: Lines, span: Span, value: Any, line: int, column: int) -> tuple[int, int]:
    """The line and column in the file of a line and column (all from 1) in the value of the scalar at the span.

    `lines` gives a line of the file by its number.
    """
    inner = value.split("\n") if isinstance(value, str) else [""]
    before = inner[: line - 1]
    if span.style == "|":
        number = span.line + line
        text = inner[line - 1] if line <= len(inner) else ""
        return number, max(0, lines(number).find(text)) + column
    wanted = sum(len(one) + 1 for one in before) + column - 1
    if span.style == ">":
        return _in_block(lines, span, value, wanted)
    return _in_flow(lines, span, wanted)


def _in_flow(lines: Lines, span: Span, wanted: int) -> tuple[int, int]:
    """The place of the character of that number (from 0) in a plain or quoted scalar."""
    number, at, passed = span.line, span.column - 1 + bool(span.style), 0
    while passed < wanted:
        text = _end_cut(lines(number), at, span, number)
        if at < len(text):
            if text[at:] == "\\" and span.style == '"':  # an escaped line break leaves nothing in the value
                number, passed = number + 1, passed - 1
                at = _indent(lines(number))
            else:
                at += _width(text, at, span.style)
            passed += 1
        elif number >= span.end_line:
            break
        else:
            number, breaks = _next_with_text(lines, number, span.end_line)
            at, passed = _indent(lines(number)), passed + breaks
    return number, at + 1


def _end_cut(line: str, at: int, span: Span, number: int) -> str:
    """The line without what is no part of the scalar: what follows its end, spaces before a fold."""
    if number == span.end_line:
        return line[: span.end_column - 1 - bool(span.style)]
    cut = line.rstrip(" \t")
    return cut if len(cut) >= at else line[:at]


def _next_with_text(lines: Lines, number: int, last: int) -> tuple[int, int]:
    """The next line that is not blank, and how many characters the fold before it has in the value."""
    blank = 0
    number += 1
    while number < last and not lines(number).strip(" \t"):
        number, blank = number + 1, blank + 1
    return number, blank or 1


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _width(raw: str, at: int, style: str) -> int:
    if style == "'" and raw[at : at + 2] == "''":
        return 2
    if style == '"' and raw[at] == "\\":
        return _ESCAPES.get(raw[at + 1 : at + 2], 2)
    return 1


def _in_block(lines: Lines, span: Span, value: Any, wanted: int) -> tuple[int, int]:
    """Each line of a folded block is sought in the value, in order."""
    found, position = (span.line, span.column), 0
    for number in range(span.line + 1, span.end_line + 1):
        text = lines(number).strip()
        start = value.find(text, position) if text and isinstance(value, str) else -1
        if start < 0:
            continue
        if start > wanted:
            break
        position = start + len(text)
        found = (number, lines(number).find(text) + 1 + min(wanted - start, len(text)))
    return found
