"""Objects of the state to compact JSON and back: what has its default is left out, so that a row stays small.

A field that is added to one of the classes needs no change here: rows written before read as its default. Fields that
have a column of their own are left out of the text and given to `load`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any, Generic, TypeVar

import orjson

from stageauto.engine.state import Item, Run

T = TypeVar("T")

_slow = json.JSONEncoder(separators=(",", ":")).encode
# What orjson writes of itself and `json` does not is refused here as there.
_STRICT = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_SLOWLY = " "


def dumps(value: Any) -> str:
    """Compact JSON that SQLite can keep; a number that is none (NaN, infinite) becomes null.

    What orjson does not write (whole numbers over 64 bits, half a surrogate pair, numbers as keys) the `json` module
    does, in a text that begins with a space: `parse` has to know it, for orjson would read a long number as a float.
    """
    try:
        return orjson.dumps(value, option=_STRICT).decode()
    except TypeError:
        return _SLOWLY + _slow(value)


def parse(text: str) -> Any:
    """The value of a text that `dumps` made."""
    return json.loads(text) if text.startswith(_SLOWLY) else orjson.loads(text)


class Codec(Generic[T]):
    """Writes and reads one class. `columns` are the fields that have a column of their own, `apart` is left alone.

    Both are functions put together from the fields of the class, as `dataclass` does with `__init__`: every row that is
    read or written goes through them.
    """

    def __init__(self, kind: type[T], columns: Collection[str] = (), *, apart: str = "") -> None:
        every = fields(kind)  # type: ignore[arg-type]
        known: dict[str, Any] = {"kind": kind, "new": object.__new__}
        for one in every:
            known[f"default_{one.name}"] = one.default
            known[f"fresh_{one.name}"] = one.default_factory
        packing = [_packing(one) for one in every if one.name not in {*columns, apart}]
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
    written = f"packed[{name!r}] = " + (f"sorted({value})" if _is_a("set", field) else value)
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
    if _is_a("tuple", field) or _is_a("set", field):
        there = f"{str(field.type).partition('[')[0]}({there})"
    if field.default is MISSING and field.default_factory is MISSING:
        return f"thing.{name} = {there}"
    otherwise = f"default_{name}" if field.default_factory is MISSING else f"fresh_{name}()"
    return f"thing.{name} = {there} if {name!r} in packed else {otherwise}"


def _is_a(word: str, field: Field[Any]) -> bool:
    return str(field.type).startswith(word)


# The fields that every run has come by position, the others by name: a run is most of what an item's row holds.
_RUN_FIXED = ("rule", "seq", "scheduled_at", "state", "due", "base", "cause")
_RUN_SHARED = ("id", "pipeline", "stage", "visit")  # mostly those of the item: written where they differ
_RUN_TUPLES = tuple(one.name for one in fields(Run) if _is_a("tuple", one))
_run_rest: Codec[Run] = Codec(Run, (*_RUN_FIXED, *_RUN_SHARED))

ITEM_COLUMNS = ("id", "pipeline", "stage", "responsible", "closed", "deleted", "stage_entered_at", "order")
_item: Codec[Item] = Codec(Item, ITEM_COLUMNS, apart="runs")


def pack_run(run: Run, item: Item) -> list[Any]:
    """One run as it stands in the row of its item."""
    rest = _run_rest.pack(run)
    if run.pipeline != item.pipeline:
        rest["pipeline"] = run.pipeline
    if run.stage != item.stage:
        rest["stage"] = run.stage
    if run.visit != item.visit:
        rest["visit"] = run.visit
    if run.id != f"{item.id}.{run.visit}.{run.rule}":
        rest["id"] = run.id
    fixed = [run.rule, run.seq, run.scheduled_at, run.state, run.due, run.base, run.cause]
    return [*fixed, rest] if rest else fixed


def unpack_run(packed: Sequence[Any], item: Item) -> Run:
    """The run again."""
    visit = item.visit
    run = Run(
        f"{item.id}.{visit}.{packed[0]}", packed[0], item.pipeline, item.stage, visit, packed[1], packed[2], packed[3],
        packed[4], packed[5], cause=packed[6],
    )  # fmt: skip
    if len(packed) > len(_RUN_FIXED):
        rest: dict[str, Any] = packed[7]
        if "visit" in rest:
            run.id = f"{item.id}.{rest['visit']}.{packed[0]}"
        for name, value in rest.items():
            setattr(run, name, tuple(value) if name in _RUN_TUPLES else value)
    return run


def dump_item(item: Item) -> str:
    """The text of an item's row: all that has no column of its own, its runs among it."""
    packed = _item.pack(item)
    if item.runs:
        packed["runs"] = [pack_run(run, item) for run in item.runs.values()]
    return dumps(packed)


def load_item(text: str, columns: Mapping[str, Any]) -> Item:
    """The item of a row; `columns` are those of ITEM_COLUMNS."""
    packed = parse(text)
    runs = packed.pop("runs", ())
    item = _item.unpack(packed, columns)
    for one in runs:
        run = unpack_run(one, item)
        item.runs[run.id] = run
    return item
