"""A file with its tree: from a path in the data to the place in the text. Collects what is found wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from stageauto.engine.model import Place
from stageauto.engine.scalars import source_text
from stageauto.loader.diagnostics import ERROR, Diagnostic
from stageauto.loader.within import place_within
from stageauto.loader.yaml import Map, Seq, Span, read

Path = tuple[str | int, ...]
# What libyaml takes for a line break, so that its line numbers and ours agree.
_BREAK: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


class Source:
    """One YAML file."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        parsed = read(text)
        self.root = parsed.root
        self.faults = parsed.faults

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text, without their ends."""
        return _BREAK.split(self.text.removeprefix("\ufeff"))

    def line(self, number: int) -> str:
        """The line of that number (from 1), or "" where there is none."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def spans(self, path: Path) -> tuple[Span, Span]:
        """The span of the key (or of the list's entry) at the path and that of its value.

        A path that leads to nothing gives the start of the innermost mapping or list there is.
        """
        here: Any = self.root
        start = self.root.span if isinstance(self.root, Map | Seq) else Span(1, 1, 1, 1)
        found = (_first(start), start)
        for step in path:
            if isinstance(here, Map) and step in here:
                key = str(step)
                found, here = (here.key_spans[key], here.spans[key]), here[key]
            elif isinstance(here, Seq) and isinstance(step, int) and step < len(here):
                found, here = (here.spans[step], here.spans[step]), here[step]
            else:
                return (_first(here.span), here.span) if isinstance(here, Map | Seq) else found
        return found

    def place(self, path: Path) -> Place:
        """Where the thing at the path begins."""
        key, _ = self.spans(path)
        return Place(self.file, key.line, key.column)

    def inside(self, path: Path, line: int, column: int) -> Span:
        """The place in the file of a line and column (from 1) inside the scalar at the path."""
        _, span = self.spans(path)
        return _point(*place_within(self.line, span, self.value(path), line, column))

    def value(self, path: Path) -> Any:
        """The raw value at the path, or None."""
        here = self.root
        for step in path:
            if isinstance(here, Map):
                here = here.get(str(step))
            elif isinstance(here, Seq) and isinstance(step, int) and step < len(here):
                here = here[step]
            else:
                return None
        return here


def _first(span: Span) -> Span:
    return Span(span.line, span.column, span.line, span.column + 1)


def _point(line: int, column: int) -> Span:
    return Span(line, column, line, column + 1)


@dataclass(slots=True)
class Report:
    """What was found in all files so far."""

    found: list[Diagnostic] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)  # by the name of the file

    def add(self, diagnostic: Diagnostic) -> None:
        """Keeps a finding."""
        self.found.append(diagnostic)

    def file(self, file: str, code: str, message: str, *, hint: str = "", severity: str = ERROR) -> None:
        """A finding about a file as a whole."""
        self.add(Diagnostic(code, severity, file, 0, 0, "", message, hint))

    def faults(self, source: Source) -> None:
        """Takes a file in: what is wrong with its YAML."""
        self.sources[source.file] = source
        for fault in source.faults:
            line = source.line(fault.line)
            self.add(
                Diagnostic(
                    fault.code,
                    ERROR,
                    source.file,
                    fault.line,
                    fault.column,
                    "",
                    fault.message,
                    fault.hint,
                    source_line=line,
                    end_column=fault.end_column or fault.column + 1,
                )
            )

    def ordered(self) -> tuple[Diagnostic, ...]:
        """All findings, by file and line, each once."""
        return tuple(sorted(dict.fromkeys(self.found), key=lambda one: one.order))


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a file that findings can be reported at."""

    report: Report
    source: Source
    path: Path = ()

    def at(self, *steps: str | int) -> Spot:
        """The place below this one."""
        return Spot(self.report, self.source, (*self.path, *steps))

    @property
    def place(self) -> Place:
        """File, line and column."""
        return self.source.place(self.path)

    @property
    def shown_path(self) -> str:
        """The path as people read it, stages by id: "stages/won/rules/2/with/subject"."""
        return display_path(self.source.root, self.path)

    def fault(  # noqa: PLR0913 - a finding has that many parts, all by name
        self,
        code: str,
        message: str,
        at: Path = (),
        *,
        hint: str = "",
        severity: str = ERROR,
        expected: str = "",
        found: str = "",
        on_key: bool = False,
        missing: bool = False,
        inside: tuple[int, int] | None = None,
    ) -> None:
        """Reports: the line is the key's; the caret stands under the value where that is on the same line.

        `inside` is a line and column (from 1) inside the scalar there. `missing`: the mapping there lacks a key, so the
        line is its first.
        """
        spot = self.at(*at) if at else self
        key, value = self.source.spans(spot.path)
        if inside is not None:
            span = self.source.inside(spot.path, *inside)
            if found and self.source.line(span.line).startswith(found, span.column - 1):
                span = Span(span.line, span.column, span.line, span.column + len(found))
        elif missing and _exists(self.source, spot.path):
            span = value
        else:
            span = key if on_key or value.line != key.line or not _exists(self.source, spot.path) else value
        end = span.end_column if span.end_line == span.line else len(self.source.line(span.line)) + 1
        self.report.add(
            Diagnostic(
                code,
                severity,
                self.source.file,
                span.line,
                span.column,
                spot.shown_path,
                message,
                hint,
                source_line=self.source.line(span.line),
                expected=expected,
                found=found,
                end_column=max(end, span.column + 1),
            )
        )


def id_of(raw: Any) -> str:
    """The id of a stage, rule, trigger or intake entry as it is written; "" where there is none to speak of."""
    found = raw.get("id") if isinstance(raw, Map) else None
    return source_text(found) if isinstance(found, str | int | float) else ""


def display_path(root: Any, path: Path) -> str:
    """The path with slashes, the list entries under `stages` by their id."""
    words = [str(step) for step in path]
    if len(path) > 1 and path[0] == "stages" and isinstance(path[1], int) and isinstance(root, Map):
        stages = root.get("stages")
        stage = stages[path[1]] if isinstance(stages, Seq) and path[1] < len(stages) else None
        words[1] = id_of(stage) or words[1]
    return "/".join(words)


def _exists(source: Source, path: Path) -> bool:
    here = source.root
    for step in path:
        if isinstance(here, Map) and step in here:
            here = here[str(step)]
        elif isinstance(here, Seq) and isinstance(step, int) and step < len(here):
            here = here[step]
        else:
            return False
    return True
