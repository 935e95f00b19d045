"""`# stageauto: ignore CODE` in a file: findings that the admin knows of and wants no more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from stageauto.loader.codes import CODES, LINT_CODES
from stageauto.loader.diagnostics import ERROR, WARNING, Diagnostic, short, suggest
from stageauto.loader.source import Source
from stageauto.loader.yaml import Map, Seq, Span

_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#\s*stageauto:\s*ignore\b([^\r\n]*)")
_BLOCKS: Final = frozenset("|>")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One code that one comment names; `lines` are those whose findings it is about, `at` where the code stands."""

    code: str
    lines: range
    at: tuple[int, int]

    def covers(self, one: Diagnostic) -> bool:
        """Whether it is about that finding."""
        return one.code == self.code and one.line in self.lines and one.severity != ERROR


def without_ignored(found: Iterable[Diagnostic], sources: Iterable[Source], *, told: bool) -> list[Diagnostic]:
    """The findings without those that comments ignore; errors stay.

    `told`: with the comments that name no code, an unknown one, or one that has no finding there.
    """
    kept = list(found)
    for source in sources:
        if "ignore" in source.text and _COMMENT.search(source.text):
            kept = _in_file(kept, source, told=told)
    return kept


def _in_file(found: list[Diagnostic], source: Source, *, told: bool) -> list[Diagnostic]:
    ignores = list(_ignores(source))
    kept, used = [], set()
    for one in found:
        covering = [ignore for ignore in ignores if one.file == source.file and ignore.covers(one)]
        used.update(covering)
        if not covering:
            kept.append(one)
    return [*kept, *(_fault(source, one) for one in ignores if told and one not in used)]


def _ignores(source: Source) -> Iterator[Ignore]:
    spans = list(_scalars(source.root))
    blocks = dict(_blocks(source.root))
    for number, line in enumerate(source.lines, 1):
        comment = _COMMENT.search(line)
        if comment is None or any(_holds(span, number, comment.start() + 1) for span in spans):
            continue
        about = number if line[: comment.start()].strip() else _next_line(source, number)
        lines = range(about, blocks.get(about, about) + 1)
        codes = list(re.finditer(r"[^\s,]+", comment[1].split(":", 1)[0]))
        for code in codes:
            yield Ignore(code[0], lines, (number, comment.start(1) + code.start() + 1))
        if not codes:
            yield Ignore("", lines, (number, comment.start() + 1))


def _next_line(source: Source, number: int) -> int:
    """The first line below a comment of its own that is no comment."""
    return next(
        (at for at, line in enumerate(source.lines[number:], number + 1) if not line.lstrip().startswith("#")), number
    )


def _blocks(node: Any) -> Iterator[tuple[int, int]]:
    """The line of every key whose value begins below it, with the last line of that value."""
    if isinstance(node, Map):
        for key, value in node.items():
            span = node.spans[key]
            if isinstance(value, Map | Seq) and span.line > node.key_spans[key].line:
                yield node.key_spans[key].line, _last_line(value, span)
    for value, _ in _inner(node):
        yield from _blocks(value)


def _last_line(node: Any, span: Span) -> int:
    # A list's or mapping's own span ends where it begins.
    return max((_last_line(value, inner) for value, inner in _inner(node)), default=span.end_line)


def _inner(node: Any) -> Iterable[tuple[Any, Span]]:
    if isinstance(node, Map):
        return [(value, node.spans[key]) for key, value in node.items()]
    return list(zip(node, node.spans, strict=True)) if isinstance(node, Seq) else ()


def _scalars(node: Any) -> Iterator[Span]:
    """The spans of all keys and values that are quoted or blocks: only these can hold a `#`."""
    if isinstance(node, Map):
        yield from (span for span in node.key_spans.values() if span.style)
    for value, span in _inner(node):
        if isinstance(value, Map | Seq):
            yield from _scalars(value)
        elif span.style:
            yield span


def _holds(span: Span, line: int, column: int) -> bool:
    if span.style in _BLOCKS:  # behind the `|` a comment may stand; the last line is the one after the text
        return span.line < line < span.end_line or (line == span.end_line and column < span.end_column)
    return (span.line, span.column) <= (line, column) < (span.end_line, span.end_column)


def _fault(source: Source, ignore: Ignore) -> Diagnostic:
    line, column = ignore.at
    known = {**LINT_CODES, **CODES}
    hint = "remove it"
    if not ignore.code:
        code, message = "unknown-ignore", "this comment names no code to ignore"
        hint = "write `# stageauto: ignore CODE`, and a reason behind a colon"
    elif ignore.code not in known:
        code, message = "unknown-ignore", f"there is no code `{short(ignore.code)}`"
        hint = suggest(ignore.code, LINT_CODES) if len(ignore.code) < 40 else hint
        hint = (
            hint if hint.startswith("did") else "several codes have commas between them, a reason stands behind a colon"
        )
    else:
        lines = ignore.lines
        where = f"line {lines[0]}" if len(lines) == 1 else f"lines {lines[0]} to {lines[-1]}"
        code, message = "unused-ignore", f"there is no `{ignore.code}` in {where} to ignore"
    end = column + max(len(ignore.code), 1)
    return Diagnostic(
        code, WARNING, source.file, line, column, "", message, hint, source_line=source.line(line), end_column=end
    )
