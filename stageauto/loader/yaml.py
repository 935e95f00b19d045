"""YAML made strict: one document of plain data with the place of every key and value.

The tree is built from libyaml's events without recursion, so that depth, size and aliases are bounded while reading;
nothing is constructed from tags. Scalars follow the YAML 1.2 core schema (https://yaml.org/spec/1.2.2/#103-core-schema);
merge keys (`<<`) are not part of it and are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.reader import ReaderError

from stageauto.engine.scalars import WrittenFloat, WrittenInt
from stageauto.loader.diagnostics import short

try:
    from yaml.cyaml import CParser as Events  # type: ignore[attr-defined]
except ImportError:  # PyYAML built without libyaml: slower, the same events
    from yaml.loader import BaseLoader as Events  # type: ignore[assignment]

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 100
MAX_EXPANDED: Final = 10_000
MAX_NODES: Final = 100_000
_MOST_DIGITS: Final = 300

_INTEGER: Final = re.compile(r"[-+]?[0-9]+", re.ASCII)
_BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII)
_CONSTANTS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# Bytes that are no UTF-8, as `surrogateescape` keeps them.
_NO_TEXT: Final = re.compile("[\ud800-\udfff]")
_made: Final = tuple.__new__
_NUMBER_STARTS: Final = frozenset("-+.0123456789")


class Span(NamedTuple):
    """Where something stands: 1-based, the end exclusive; `style` is the scalar's (| > ' " or "" for plain)."""

    line: int
    column: int
    end_line: int
    end_column: int
    style: str = ""


class Map(dict[str, Any]):
    """A mapping that knows where it, its keys and its values stand."""

    __slots__ = ("key_spans", "span", "spans")

    def __init__(self, span: Span) -> None:
        super().__init__()
        self.span = span
        self.key_spans: dict[str, Span] = {}
        self.spans: dict[str, Span] = {}


class Seq(list[Any]):
    """A list that knows where it and its entries stand."""

    __slots__ = ("span", "spans")

    def __init__(self, span: Span) -> None:
        super().__init__()
        self.span = span
        self.spans: list[Span] = []


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the text itself."""

    code: str
    message: str
    line: int
    column: int
    hint: str = ""
    end_column: int = 0


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file's data (None where it could not be read) and its faults."""

    root: Any
    faults: tuple[Fault, ...] = ()


class BadNumberError(ValueError):
    """A number that no computation could use."""


class _StopError(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def resolve(text: str) -> Any:
    """The value of a plain scalar: None, a bool, a number that remembers its text, or the text.

    Raises BadNumberError for infinity, not-a-number and numbers of over 300 digits.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _INTEGER.fullmatch(text):
        if len(text) > _MOST_DIGITS:
            raise BadNumberError("a number of that many digits is not understood")
        return WrittenInt(int(text), text)
    if _BASED.fullmatch(text) and len(text) <= _MOST_DIGITS:
        return WrittenInt(int(text, 0), text)
    if _NOT_FINITE.fullmatch(text):
        raise BadNumberError(f"`{text}` is not a number to count with")
    if _FLOAT.fullmatch(text):
        number = float(text)
        if number in {float("inf"), float("-inf")}:
            raise BadNumberError("a number of that size is not understood")
        return WrittenFloat(number, text)
    return text


def read(text: str) -> Parsed:
    """The data of one YAML document, or what is wrong with it; never raises."""
    if len(text.encode("utf-8", "surrogateescape")) > MAX_BYTES:
        return Parsed(None, (Fault("too-large", "the file is over 1 MiB", 0, 0, "split it into several files"),))
    broken = _NO_TEXT.search(text)
    if broken is not None:
        return Parsed(None, (_not_text(text, broken.start()),))
    reader = _Reader()
    try:
        return Parsed(reader.read(text.removeprefix("\ufeff")), tuple(reader.faults))
    except _StopError as stop:
        return Parsed(None, (*reader.faults, stop.fault))
    except YAMLError as error:
        return Parsed(None, (*reader.faults, _translated(error, text)))


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is being read."""

    into: Map | Seq
    anchor: str | None
    counted: int
    wants_key: bool  # a mapping whose next scalar is a key
    key: str | None = None
    key_span: Span | None = None
    ignored: bool = False  # the value of a duplicate or bad key


@dataclass(slots=True)
class _Reader:
    faults: list[Fault] = field(default_factory=list)
    stack: list[_Frame] = field(default_factory=list)
    anchors: dict[str, tuple[Any, Span, int]] = field(default_factory=dict)
    unfinished: set[str] = field(default_factory=set)
    nodes: int = 0
    expanded: int = 0  # nodes that aliases stand for
    root: Any = None
    documents: int = 0

    def read(self, text: str) -> Any:
        events = Events(text)
        handlers = {
            ScalarEvent: self._scalar,
            MappingStartEvent: self._open,
            SequenceStartEvent: self._open,
            MappingEndEvent: self._close,
            SequenceEndEvent: self._close,
            AliasEvent: self._alias,
            DocumentStartEvent: self._document,
        }
        while True:
            event: Any = events.get_event()
            handler = handlers.get(type(event))
            if handler is not None:
                handler(event)
            elif type(event) is StreamEndEvent:
                break
        if not self.documents:
            self._stop("empty-file", "the file is empty", Span(1, 1, 1, 1), "it must hold one mapping")
        return self.root

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self._stop("many-documents", "the file holds more than one document", _span(event), "remove the `---` line")

    def _scalar(self, event: Any) -> None:
        span = _span(event, event.style or "")
        self._count(span)
        if event.tag is not None:
            self._refuse_tag(event.tag, span)
        text: str = event.value
        if self.stack and self.stack[-1].wants_key:
            self._key(text, span, plain=not event.style)
            return
        value: Any = text
        if not event.style:
            try:
                value = resolve(text)
            except BadNumberError as error:
                self._fault("bad-number", str(error), span, "write it in quotes to have it as text")
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, span, 1)
        self._put(value, span)

    def _open(self, event: Any) -> None:
        span = _span(event)
        self._count(span)
        if event.tag is not None:
            self._refuse_tag(event.tag, span)
        if len(self.stack) >= MAX_DEPTH:
            self._stop(
                "too-deep", f"nested over {MAX_DEPTH} levels deep", span, "nothing needs that; is a bracket open?"
            )
        if self.stack and self.stack[-1].wants_key:
            self._stop("bad-key", "a key must be text, not a list or mapping", span, 'in quotes if it holds "{" or "["')
        mapping = type(event) is MappingStartEvent
        into = Map(span) if mapping else Seq(span)
        self.stack.append(_Frame(into, event.anchor, self.nodes + self.expanded, wants_key=mapping))
        if event.anchor is not None:
            self.unfinished.add(event.anchor)

    def _close(self, _event: Any) -> None:
        frame = self.stack.pop()
        if frame.anchor is not None:
            self.unfinished.discard(frame.anchor)
            size = self.nodes + self.expanded - frame.counted + 1
            self.anchors[frame.anchor] = (frame.into, frame.into.span, size)
        self._put(frame.into, frame.into.span)

    def _alias(self, event: Any) -> None:
        span, name = _span(event), event.anchor
        if name in self.unfinished:
            self._stop("recursive-alias", f"the alias `*{short(name)}` stands inside what it names", span)
        if self.stack and self.stack[-1].wants_key:
            self._stop("bad-key", "a key must be text, not an alias", span)
        if name not in self.anchors:
            self._stop(
                "unknown-alias", f"there is no anchor `&{short(name)}` above", span, "in quotes if text begins with *"
            )
        value, _, size = self.anchors[name]
        self.expanded += size
        if self.expanded > MAX_EXPANDED:
            self._stop("alias-bomb", f"the aliases expand past {MAX_EXPANDED:,} nodes", span, "write fewer aliases")
        self._put(value, span)

    def _key(self, text: str, span: Span, *, plain: bool) -> None:
        frame = self.stack[-1]
        frame.key, frame.key_span, frame.wants_key, frame.ignored = text, span, False, False
        if plain and text == "<<":
            self._fault("merge-refused", "merge keys (`<<`) are not part of YAML 1.2", span, "write the keys out")
            frame.ignored = True
        elif plain and text in {"", "~"}:
            self._fault("bad-key", "a key is missing here", span, "write a word before the colon")
            frame.ignored = True
        elif text in frame.into:
            first = frame.into.key_spans[text]  # type: ignore[union-attr]
            message = f"the key `{short(text)}` stands twice in this mapping, first in line {first.line}"
            self._fault("duplicate-key", message, span, "remove one of them")
            frame.ignored = True

    def _put(self, value: Any, span: Span) -> None:
        if not self.stack:
            self.root = value
            return
        frame = self.stack[-1]
        into = frame.into
        if isinstance(into, Seq):
            into.append(value)
            into.spans.append(span)
            return
        key, key_span = frame.key, frame.key_span
        frame.wants_key = True
        if key is not None and key_span is not None and not frame.ignored:
            into[key] = value
            into.key_spans[key] = key_span
            into.spans[key] = span

    def _count(self, span: Span) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self._stop("too-large", f"the file holds over {MAX_NODES:,} values", span, "split it into several files")

    def _refuse_tag(self, tag: str, span: Span) -> None:
        self._fault("tag-refused", f"the tag `{short(tag)}` is refused", span, "write the value without a tag")

    def _fault(self, code: str, message: str, span: Span, hint: str = "") -> None:
        end = span.end_column if span.end_line == span.line else 0
        self.faults.append(Fault(code, message, span.line, span.column, hint, end))

    def _stop(self, code: str, message: str, span: Span, hint: str = "") -> None:
        raise _StopError(Fault(code, message, span.line, span.column, hint))


def _span(event: Any, style: str = "") -> Span:
    start, end = event.start_mark, event.end_mark
    # WHY not Span(...): there is one for every key and value of every file, and this takes a third of the time.
    return _made(Span, (start.line + 1, start.column + 1, end.line + 1, end.column + 1, style))


_WORDS: Final = (
    (
        "mapping values are not allowed",
        "a colon where none can stand",
        "put text with a colon in quotes; check the indent",
    ),
    (
        "cannot start any token",
        "a character that no value can begin with",
        "put it in quotes; indent with spaces, not tabs",
    ),
    ("could not find expected ':'", "a key without its colon", "write `key: value`"),
    ("did not find expected ',' or", "a bracket is not closed, or a comma is missing", "close it with ] or }"),
    (
        "did not find expected '-' indicator",
        "a list entry does not line up",
        "begin every entry with `- ` at one indent",
    ),
    ("did not find expected key", "a key does not line up with the ones above", "check the indent and the quotes"),
    ("did not find expected node content", "a value is missing here", ""),
    ("unexpected end of stream", "a quote is not closed", "close it"),
    (
        "found unknown escape character",
        "an unknown escape in double quotes",
        "write \\\\ for a backslash, or single quotes",
    ),
    ("found a tab character", "a tab in the indent", "indent with spaces"),
    ("did not find expected alphabetic", "an anchor or alias without a name", "in quotes if text begins with & or *"),
    ("did not find expected <document start>", "text after the end of the document", "check the indent"),
    ("found undefined tag handle", "a tag is refused", "in quotes if text begins with !"),
)


def _translated(error: YAMLError, text: str) -> Fault:
    if isinstance(error, ReaderError):
        return _unreadable(error, text)
    problem, mark = "", None
    if isinstance(error, MarkedYAMLError):
        problem, mark = error.problem or "", error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    for known, message, hint in _WORDS:
        if known in problem:
            return Fault("bad-yaml", f"this is no YAML: {message}", line, column, hint)
    return Fault("bad-yaml", f"this is no YAML: {problem or 'it cannot be read'}", line, column)


def _not_text(text: str, at: int) -> Fault:
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return Fault("not-utf8", "the file is no UTF-8 text", line, column, "save it as UTF-8")


def _unreadable(error: ReaderError, text: str) -> Fault:
    position = error.position if isinstance(error.position, int) else 0
    before = text.encode("utf-8", "replace")[:position].decode("utf-8", "replace")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return Fault("bad-yaml", "this is no YAML: a control character", line, column, "remove it")
