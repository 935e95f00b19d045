"""Diagnostics as people and machines read them: like a good compiler's on a terminal, as JSON, for GitHub, as SARIF."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from posixpath import join
from typing import Any, Final
from urllib.parse import quote

from stageauto.loader.codes import CODES, LINT_CODES
from stageauto.loader.diagnostics import Diagnostic

_COLORS: Final = {"error": "31;1", "warning": "33;1", "info": "36"}
_WIDEST: Final = 110
_BEFORE: Final = 60
_LEVELS: Final = {"error": "error", "warning": "warning", "info": "note"}


def render_text(diagnostics: Sequence[Diagnostic], color: bool) -> str:
    """All findings, each with its source line and a caret under what is meant, and a last line that counts them."""
    blocks = ["\n".join(_block(one, color)) for one in diagnostics]
    if not diagnostics:
        return ""
    return "\n\n".join([*blocks, _count(diagnostics)]) + "\n"


def _block(one: Diagnostic, color: bool) -> list[str]:
    head = _painted(f"{one.severity}[{one.code}]", _COLORS[one.severity], color)
    lines = [f"{head}: {_plain(one.message)}"]
    gutter = " " * (len(str(one.line)) if one.line else 1)
    lines.append(f"{gutter}--> {_plain(_where(one))}" + (f"  ({_plain(one.path)})" if one.path else ""))
    if one.source_line.strip():
        source, start, length = _window(one)
        caret = _painted("^" * length, _COLORS[one.severity], color)
        lines += [f"{gutter} |", f"{one.line} | {source}", f"{gutter} | {' ' * start}{caret}"]
    for name, text in (("expected", one.expected), ("found", one.found), ("hint", one.hint)):
        if text and not (name != "hint" and text in one.message):
            lines.append(f"{gutter} = {name}: {_plain(text)}")
    return lines


def _where(one: Diagnostic) -> str:
    return f"{one.file}:{one.line}:{one.column}" if one.line else one.file


def _window(one: Diagnostic) -> tuple[str, int, int]:
    """The part of the source line around the caret, where the caret begins in it, and its length."""
    line = _plain(one.source_line)
    begin = max(0, min(one.column - 1, len(line)))
    end = min(max(one.end_column - 1, begin + 1), len(line) + 1)
    if len(line) <= _WIDEST:
        return line, begin, max(1, end - begin)
    first = max(0, begin - _BEFORE)
    part = line[first : first + _WIDEST]
    prefix, suffix = ("..." if first else ""), ("..." if first + _WIDEST < len(line) else "")
    return f"{prefix}{part}{suffix}", begin - first + len(prefix), max(1, min(end - begin, _WIDEST - (begin - first)))


def _plain(text: str) -> str:
    """The text with nothing in it that a terminal would obey; as wide as before."""
    return "".join(ch if ch.isprintable() else " " if ch in "\t\n" else "\ufffd" for ch in text)


def _painted(text: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color else text


def _count(diagnostics: Iterable[Diagnostic]) -> str:
    severities = [one.severity for one in diagnostics]
    parts = []
    for severity, word in (("error", "error"), ("warning", "warning"), ("info", "note")):
        number = severities.count(severity)
        if number:
            parts.append(f"{number} {word}{'s' if number > 1 else ''}")
    return ", ".join(parts)


def as_data(diagnostics: Iterable[Diagnostic]) -> dict[str, Any]:
    """`{ok, diagnostics: [...]}` as plain data; `ok` is false where there is an error."""
    listed = [
        {
            "code": one.code,
            "severity": one.severity,
            "file": one.file,
            "line": one.line,
            "column": one.column,
            "path": one.path,
            "message": one.message,
            "hint": one.hint,
        }
        for one in diagnostics
    ]
    return {"ok": not any(one["severity"] == "error" for one in listed), "diagnostics": listed}


def to_json(diagnostics: Iterable[Diagnostic]) -> str:
    """`as_data` as one JSON document."""
    return json.dumps(as_data(diagnostics), ensure_ascii=False)


def to_github(diagnostics: Iterable[Diagnostic], folder: str = "") -> str:
    """Workflow commands, one a line, which GitHub shows beside the lines of a change.

    `folder`: where the workspace stands in the repository.
    """
    lines = []
    for one in diagnostics:
        level = {"error": "error", "warning": "warning", "info": "notice"}[one.severity]
        place = [f"file={_property(join(folder, one.file))}"]
        if one.line:
            place += [f"line={one.line}", f"col={one.column}"]
        place.append(f"title={_property(one.code)}")
        text = f"{one.message} ({one.hint})" if one.hint else one.message
        lines.append(f"::{level} {','.join(place)}::{_data(text)}")
    return "".join(f"{line}\n" for line in lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def to_sarif(diagnostics: Iterable[Diagnostic], folder: str = "") -> str:
    """A SARIF 2.1.0 log (OASIS), which code scanners read; `folder`: where the workspace stands in the repository."""
    found = list(diagnostics)
    used = sorted({one.code for one in found})
    rules = [{"id": code, "shortDescription": {"text": _meaning(code)}} for code in used]
    run = {
        "tool": {"driver": {"name": "stageauto", "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, folder) for one in found],
    }
    return json.dumps(
        {"version": "2.1.0", "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "runs": [run]},
        ensure_ascii=False,
    )


def _meaning(code: str) -> str:
    return LINT_CODES[code].meaning if code in LINT_CODES else CODES.get(code, code)


def _result(one: Diagnostic, folder: str) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": quote(join(folder, one.file))}}
    if one.line:
        location["region"] = {"startLine": one.line, "startColumn": max(1, one.column)}
    text = f"{one.message} ({one.hint})" if one.hint else one.message
    return {
        "ruleId": one.code,
        "level": _LEVELS[one.severity],
        "message": {"text": text},
        "locations": [{"physicalLocation": location}],
    }
