"""Objects of the state to compact JSON and back: what has its default is left out, so that a row stays small.

A field that is added to one of the classes needs no change here: rows written before read as its default. Fields that
have a column of their own are left out of the text and given to `load`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from itertools import compress
from operator import attrgetter, ne
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


def _default(field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return field.default
    if field.default_factory is not MISSING:
        return field.default_factory()
    return MISSING  # equals nothing that an object can have: always written


class Codec(Generic[T]):
    """Writes and reads one class. `columns` are the fields that have a column of their own."""

    def __init__(self, kind: type[T], columns: Sequence[str] = ()) -> None:
        self._kind: Callable[..., T] = kind
        kept = [one for one in fields(kind) if one.name not in columns]  # type: ignore[arg-type]
        self._names = tuple(one.name for one in kept)
        self._values = attrgetter(*self._names)
        self._defaults = tuple(_default(one) for one in kept)
        self._tuples = tuple(one.name for one in kept if str(one.type).startswith("tuple"))
        self._sets = tuple(one.name for one in kept if str(one.type).startswith("set"))

    def pack(self, thing: T) -> dict[str, Any]:
        """The fields that differ from their defaults."""
        values = self._values(thing)
        if values == self._defaults:
            return {}
        packed = dict(compress(zip(self._names, values, strict=True), map(ne, values, self._defaults)))
        for name in self._sets:
            if name in packed:
                packed[name] = sorted(packed[name])
        return packed

    def unpack(self, packed: dict[str, Any], /, **columns: Any) -> T:
        """The object again; `packed` is used up."""
        for name in self._tuples:
            if name in packed:
                packed[name] = tuple(packed[name])
        for name in self._sets:
            if name in packed:
                packed[name] = set(packed[name])
        return self._kind(**packed, **columns)

    def dump(self, thing: T) -> str:
        """The text of a row."""
        return dumps(self.pack(thing))

    def load(self, text: str, /, **columns: Any) -> T:
        """The object of a row."""
        return self.unpack(parse(text), **columns)


# The fields that every run has come by position, the others by name: a run is most of what an item's row holds.
_RUN_FIXED = ("rule", "seq", "scheduled_at", "state", "due", "base", "cause")
_RUN_SHARED = ("id", "pipeline", "stage", "visit")  # mostly those of the item: written where they differ
_RUN_TUPLES = tuple(one.name for one in fields(Run) if str(one.type).startswith("tuple"))
_run_fixed = attrgetter(*_RUN_FIXED)
_run_rest: Codec[Run] = Codec(Run, (*_RUN_FIXED, *_RUN_SHARED))

ITEM_COLUMNS = ("id", "pipeline", "stage", "responsible", "closed", "deleted", "stage_entered_at", "order")
_item: Codec[Item] = Codec(Item, (*ITEM_COLUMNS, "runs"))


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
    packed = list(_run_fixed(run))
    if rest:
        packed.append(rest)
    return packed


def unpack_run(packed: Sequence[Any], item: Item) -> Run:
    """The run again."""
    rule, seq, scheduled_at, state, due, base, cause = packed[:7]
    visit = item.visit
    run = Run(f"{item.id}.{visit}.{rule}", rule, item.pipeline, item.stage, visit, seq, scheduled_at, state, due, base)
    run.cause = cause
    if len(packed) > len(_RUN_FIXED):
        rest: dict[str, Any] = packed[7]
        if "visit" in rest:
            run.id = f"{item.id}.{rest['visit']}.{rule}"
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
    item = _item.unpack(packed, **columns)
    for one in runs:
        run = unpack_run(one, item)
        item.runs[run.id] = run
    return item
