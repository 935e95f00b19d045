"""Objects of the state to compact JSON and back: what has its default is left out, so that a row stays small.

A field that is added to one of the classes needs no change here: rows written before read as its default. Fields that
have a column of their own are left out of the text and given to `load`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any, Generic, TypeVar

import msgspec

from stageauto.engine.state import Item, Run

T = TypeVar("T")

_write, _read = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode
_strict = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def _slow(value: Any) -> str:
    try:
        return _strict(value)
    except ValueError:
        return _strict(_finite(value))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _read_slowly(text: str) -> Any:
    # Older texts have `Infinity` and `NaN`; of the first SQLite makes 9e999 where it writes a text anew.
    return json.loads(text, parse_constant=lambda _: None, parse_float=lambda digits: _finite(float(digits)))


def dumps(value: Any) -> str:
    """Compact JSON that SQLite can keep; a number that is none (NaN, infinite) becomes null.

    What is no UTF-8 (half a surrogate pair, as JavaScript cuts texts) the `json` module writes and reads.
    """
    try:
        return _write(value).decode()
    except (UnicodeEncodeError, TypeError):
        return _slow(value)


def parse(text: str) -> Any:
    """The value of a text that `dumps` made."""
    try:
        return _read(text)
    except msgspec.DecodeError:
        return _read_slowly(text)


class Codec(Generic[T]):
    """Writes and reads one dataclass. `columns` are the fields that have a column of their own.

    Both are functions put together from the fields of the class, as `dataclass` does with `__init__`: every row that is
    read or written goes through them.
    """

    def __init__(self, kind: type[T], columns: Collection[str] = ()) -> None:
        every = fields(kind)  # type: ignore[arg-type]
        known: dict[str, Any] = {"kind": kind, "new": object.__new__}
        for one in every:
            known[f"default_{one.name}"] = one.default
            known[f"fresh_{one.name}"] = one.default_factory
        packing = [_packing(one) for one in every if one.name not in columns]
        self.pack: Callable[[T], dict[str, Any]] = _made(
            "pack(thing)", ["packed = {}", *packing, "return packed"], known
        )
        """The fields that differ from their defaults."""
        unpacking = [
            f"thing.{one.name} = columns[{one.name!r}]" if one.name in columns else _unpacking(one) for one in every
        ]
        self.unpack: Callable[[Mapping[str, Any], Mapping[str, Any]], T] = _made(
            "unpack(packed, columns)", ["thing = new(kind)", *unpacking, "return thing"], known
        )
        """The object again, of what was packed and of its columns."""

    def dump(self, thing: T) -> str:
        """The text of a row."""
        return dumps(self.pack(thing))

    def load(self, text: str, /, **columns: Any) -> T:
        """The object of a row."""
        return self.unpack(parse(text), columns)


def _made(head: str, lines: Sequence[str], known: dict[str, Any]) -> Any:
    exec("\n ".join([f"def {head}:", *lines]), known)  # noqa: S102 - of the names of fields only
    return known[head.partition("(")[0]]


def _packing(field: Field[Any]) -> str:
    name, value = field.name, f"thing.{field.name}"
    written = f"packed[{name!r}] = {value}"
    if field.default is MISSING and field.default_factory is MISSING:
        return written
    if field.default is None:
        return f"if {value} is not None: {written}"
    if field.default is MISSING or field.default is False or field.default in {"", ()}:
        return f"if {value}: {written}"  # nothing else of its type counts as false
    return f"if {value} != default_{name}: {written}"


def _unpacking(field: Field[Any]) -> str:
    name = field.name
    there = f"packed[{name!r}]"
    if str(field.type).startswith("tuple"):
        there = f"tuple({there})"
    if field.default is MISSING and field.default_factory is MISSING:
        return f"thing.{name} = {there}"
    otherwise = f"default_{name}" if field.default_factory is MISSING else f"fresh_{name}()"
    return f"thing.{name} = {there} if {name!r} in packed else {otherwise}"


_read_item = msgspec.json.Decoder(Item).decode


def dump_item(item: Item) -> str:
    """The text of an item's row: all that has no column of its own, its runs among it."""
    pipeline, stage, visit = item.pipeline, item.stage, item.visit
    usual = f"{item.id}.{visit}."
    runs = item.packed = list(item.runs.values())
    for run in runs:
        if run.stage == stage and run.visit == visit and run.pipeline == pipeline and run.id == usual + run.rule:
            if run.elsewhere is not None:
                run.elsewhere = None
        else:
            run.elsewhere = (run.id, run.pipeline, run.stage, run.visit)
    try:
        return _write(item).decode()
    except (UnicodeEncodeError, TypeError):
        return _slow(msgspec.to_builtins(item))


def _fitted(kind: type[msgspec.Struct], raw: dict[str, Any]) -> dict[str, Any]:
    """The values with words and whole numbers where such belong.

    A channel or an action of another package may give a number as the code of a refusal, and nothing asks on the way
    in: for that an item must not become unreadable.
    """
    for one in msgspec.structs.fields(kind):
        value = raw.get(one.encode_name)
        if value is None:
            continue
        if one.type in {str, str | None} and not isinstance(value, str):
            raw[one.encode_name] = str(value)
        elif one.type in {int, int | None} and isinstance(value, float):
            raw[one.encode_name] = int(value)
        elif one.name == "packed":
            raw[one.encode_name] = [_fitted(Run, run) for run in value]
    return raw


def load_item(row: Sequence[Any]) -> Item:
    """The item of a row of the table `items`: its number, key, pipeline, stage, entered_at, next_due, next_seq, doc."""
    number, key, pipeline, stage, entered_at, _, _, doc = row
    try:
        item = _read_item(doc)
    except msgspec.DecodeError:  # a text of the `json` module, or a value of another type than it should be
        item = msgspec.convert(_fitted(Item, _read_slowly(doc)), Item)
    # One by one: to set several at once makes a tuple of them first.
    item.id = key
    item.pipeline = pipeline
    item.stage = stage
    item.stage_entered_at = entered_at
    item.order = number
    visit = item.visit
    usual = f"{key}.{visit}."
    runs = item.runs = {}
    for run in item.packed:
        if run.elsewhere is None:
            name = run.id = usual + run.rule
            run.pipeline = pipeline
            run.stage = stage
            run.visit = visit
        else:
            name, run.pipeline, run.stage, run.visit = run.elsewhere
            run.id = name
        runs[name] = run
    return item
