"""Reads the rows of a file to import: CSV (RFC 4180, any usual delimiter) or JSON lines, each row with its line."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from stageauto.errors import StageautoError, UsageError

MOST_FAULTS = 50
_DELIMITERS = ",;\t|"
_LONGEST_CELL = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one cell (or, without a column, with a row). `line` counts from 1 in the file."""

    line: int
    column: str
    message: str
    hint: str = ""


class ImportFaultsError(StageautoError):
    """The file cannot be imported as it is: `faults` are the first of them, `count` how many there are."""

    def __init__(self, name: str, faults: list[Fault], count: int) -> None:
        many = "1 fault" if count == 1 else f"{count:,} faults"
        super().__init__(f"{name} has {many}: nothing was imported", "mend the file or the mapping and import it again")
        self.faults = faults
        self.count = count


@dataclass(slots=True)
class Faults:
    """Collects faults; keeps the first fifty and counts the rest."""

    name: str
    kept: list[Fault] = field(default_factory=list)
    count: int = 0

    def add(self, line: int, column: str, message: str, hint: str = "") -> None:
        """Notes one."""
        self.count += 1
        if len(self.kept) < MOST_FAULTS:
            self.kept.append(Fault(line, column, message, hint))

    def stop(self) -> None:
        """Raises ImportFaultsError where there are any, from top to bottom."""
        if self.count:
            raise ImportFaultsError(self.name, sorted(self.kept, key=lambda one: one.line), self.count)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the line on which it begins, and its cells by column."""

    line: int
    cells: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A file that was read: its columns in order, its rows, and what was wrong with the others."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    faults: Faults


def read_table(name: str, content: bytes, *, form: str | None = None, delimiter: str | None = None) -> Table:
    """The rows of a file. `form` is "csv" or "jsonl", by default as the name says.

    Raises UsageError where it is no such file at all; lines that cannot be read are among the table's faults.
    """
    text = _text(name, content)
    lines = name.lower().endswith((".jsonl", ".ndjson", ".json"))
    kind = form or ("jsonl" if lines else "csv")
    faults = Faults(name)
    table = _json_lines(text, faults) if kind == "jsonl" else _csv(name, text, delimiter, faults)
    if not table.rows:
        faults.stop()
        raise UsageError(f"{name} has no rows to import")
    return table


def _text(name: str, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{name} is no UTF-8 text (line {line})", "save it as UTF-8") from None
    at = text.find("\0")
    if at >= 0:
        raise UsageError(f"{name} is no text: line {text.count(chr(10), 0, at) + 1} holds a NUL byte", "save it as CSV")
    return text


# -- CSV -----------------------------------------------------------------------------------------------------------


def _csv(name: str, text: str, delimiter: str | None, faults: Faults) -> Table:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or _delimiter(text), strict=True)
    records = _records(reader, faults)
    first = next(records, None)
    if first is None:
        faults.stop()
        raise UsageError(f"{name} is empty", "its first line names the columns")
    columns = _header(name, first[1])
    rows = []
    for line, cells in records:
        if len(cells) != len(columns):
            many = f"{len(cells)} cells, but the first line names {len(columns)} columns"
            faults.add(line, "", many, "a text with a comma in it stands in double quotes" if len(cells) > 1 else "")
        else:
            rows.append(Row(line, dict(zip(columns, cells, strict=True))))
    return Table(columns, tuple(rows), faults)


def _records(reader: Any, faults: Faults) -> Iterator[tuple[int, list[str]]]:
    """(line on which it begins, cells) of each record that is not blank."""
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            faults.add(max(line, reader.line_num), "", f"it cannot be read: {error}", "check the quotes around there")
            return
        if any(cell.strip() for cell in cells):
            yield line, cells


def _delimiter(text: str) -> str:
    """The one of `, ; tab |` that the first line has most of."""
    first = text.lstrip("\r\n").split("\n", 1)[0]
    return max(_DELIMITERS, key=first.count)


def _header(name: str, cells: list[str]) -> tuple[str, ...]:
    columns = tuple(cell.strip() for cell in cells)
    if "" in columns:
        raise UsageError(f"{name}: column {columns.index('') + 1} has no name", "the first line names the columns")
    double = [column for column, count in Counter(columns).items() if count > 1]
    if double:
        raise UsageError(f"{name}: two columns are called `{double[0]}`", "rename one of them")
    return columns


# -- JSON lines ----------------------------------------------------------------------------------------------------


def _json_lines(text: str, faults: Faults) -> Table:
    columns: dict[str, None] = {}
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            cells = json.loads(line, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            faults.add(number, "", f"this is no JSON: {error}", "each line is one JSON object")
            continue
        if not isinstance(cells, dict):
            faults.add(number, "", "this is no JSON object", 'each line is one, such as {"title": "Roof"}')
            continue
        columns.update(dict.fromkeys(cells))
        rows.append(Row(number, cells))
    return Table(tuple(columns), tuple(rows), faults)


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not a number to count with")
