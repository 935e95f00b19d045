"""Whatever an object holds, its row gives it back."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stageauto.engine.state import (
    Activity,
    Booking,
    Company,
    Contact,
    Delivery,
    Item,
    Journal,
    Notice,
    Post,
    Run,
    Task,
    item_of,
    run_of,
)
from stageauto.store.codec import Codec, dump_item, dumps, load_item, parse

TEXT = st.text(st.characters(), max_size=20)  # half surrogate pairs and NUL too
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "str": TEXT,
    "int": st.integers(0, 2**63 - 1),
    "bool": st.booleans(),
    "str | None": st.none() | TEXT,
    "int | None": st.none() | st.integers(0, 2**63 - 1),
    "list[str]": st.lists(TEXT, max_size=3),
    "tuple[str, ...]": st.lists(TEXT, max_size=3).map(tuple),
    "dict[str, Any]": st.dictionaries(TEXT, JSON, max_size=3),
    "dict[str, Any] | None": st.none() | st.dictionaries(TEXT, JSON, max_size=3),
    "dict[str, int]": st.dictionaries(TEXT, st.integers(), max_size=3),
    "list[dict[str, str]]": st.lists(st.dictionaries(TEXT, TEXT, max_size=2), max_size=2),
    "list[dict[str, Any]]": st.lists(st.dictionaries(TEXT, JSON, max_size=2), max_size=2),
}


def values_of(kind: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Values of the class's fields, each drawn by its type; those that have a default left out as often as given."""
    every = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else msgspec.structs.fields(kind)
    drawn = {
        one.name: BY_TYPE[kind.__annotations__[one.name]] for one in every if one.name not in {"packed", "elsewhere"}
    }
    needed = {one.name: drawn[one.name] for one in every if _is_required(one)}
    return st.fixed_dictionaries(needed, optional={name: one for name, one in drawn.items() if name not in needed})


def _is_required(field: Any) -> bool:
    return repr(field.default) == repr(field.default_factory)  # both are "missing"


def any_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Objects of the class."""
    return values_of(kind).map(lambda values: kind(**values))


ITEMS = st.builds(
    lambda values, place: item_of(**values, **place),
    values_of(Item),
    st.fixed_dictionaries({
        "id": TEXT, "pipeline": TEXT, "stage": TEXT, "stage_entered_at": BY_TYPE["int"], "order": BY_TYPE["int"],
    }),
)  # fmt: skip
RUNS = st.builds(
    lambda values, place: run_of(**values, **place),
    values_of(Run),
    st.fixed_dictionaries({"id": TEXT, "pipeline": TEXT, "stage": TEXT, "visit": BY_TYPE["int"]}),
)
KINDS = (Activity, Booking, Company, Contact, Delivery, Journal, Notice, Post, Task)


@given(st.sampled_from(KINDS).flatmap(any_of))
def test_every_kind_of_object_comes_back_as_it_was(thing: Any) -> None:
    codec: Codec[Any] = Codec(type(thing))
    text = codec.dump(thing)
    text.encode()  # SQLite takes nothing that is not UTF-8
    again = codec.load(text)
    assert again == thing
    assert all(type(getattr(again, one.name)) is type(getattr(thing, one.name)) for one in dataclasses.fields(thing))


def read_again(item: Item) -> Item:
    """The item of the text that was made of it."""
    text = dump_item(item)
    text.encode()
    return load_item((
        item.order, item.id, item.pipeline, item.stage, item.stage_entered_at, None, None, text,
    ))  # fmt: skip


@given(ITEMS, st.lists(RUNS, max_size=4))
def test_an_item_comes_back_with_its_runs_in_order(item: Item, runs: list[Run]) -> None:
    for one in runs:
        item.runs[one.id] = one
    again = read_again(item)
    assert again == item
    assert list(again.runs) == list(item.runs)
    for one in item.runs.values():
        assert again.runs[one.id] == one


@given(ITEMS, st.integers(1, 5))
def test_the_usual_run_is_written_without_what_it_shares_with_its_item(item: Item, seq: int) -> None:
    run = run_of(f"{item.id}.{item.visit}.call", "call", item.pipeline, item.stage, item.visit, seq, 5, due=7)
    item.runs = {run.id: run}
    text = dump_item(item)
    assert parse(text)["runs"] == [{"r": "call", "q": seq, "p": 5, "d": 7}]
    assert read_again(item).runs == {run.id: run}


@given(JSON)
def test_any_json_value_comes_back_as_it_was(value: Any) -> None:
    text = dumps(value)
    text.encode()
    assert parse(text) == value


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, 10**40, {"a": [1, 10**30, "\ud83d"]}, "\udc00"])
def test_long_numbers_and_half_letters_are_whole(value: Any) -> None:
    assert parse(dumps(value)) == value


@pytest.mark.parametrize(("value", "expected"), [({1: "a"}, {"1": "a"}), ({True: 1, None: 2}, {"true": 1, "null": 2})])
def test_keys_become_texts(value: Any, expected: Any) -> None:
    assert parse(dumps(value)) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_becomes_null(value: float) -> None:
    assert parse(dumps({"x": value})) == {"x": None}


def test_what_json_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError):
        dumps({"run": object()})


def test_rows_written_before_a_field_existed_read_as_its_default() -> None:
    assert Codec(Notice).load('{"id":"n","item":"i","rule":"r","do":"notify","user":"u","text":"t"}') == Notice(
        "n", "i", "r", "notify", "u", "t"
    )


def test_what_is_default_takes_no_room() -> None:
    item = item_of("deal-1", "sales", "new", "T", 1, 2)
    assert dump_item(item) == '{"title":"T","created_at":1}'


@pytest.mark.parametrize("beside", ["plain", "half \ud83d"])
@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_is_none_becomes_null_whatever_stands_beside_it(beside: str, number: float) -> None:
    text = dumps({"beside": beside, "numbers": [number, (number, 1.5)]})
    assert "Infinity" not in text
    assert "NaN" not in text
    assert parse(text) == {"beside": beside, "numbers": [None, [None, 1.5]]}


def test_a_row_of_before_with_such_a_number_is_read_as_null() -> None:
    assert parse('{"beside":"\\ud83d","numbers":[Infinity,-Infinity,NaN,9e999,0.5]}') == {
        "beside": "\ud83d",
        "numbers": [None, None, None, None, 0.5],
    }


def test_an_item_is_readable_whatever_type_a_plugin_gave_to_a_word_or_a_moment() -> None:
    item = item_of("deal-1", "deals", "new", "Roof", 1, 2, hold_reason=7)
    run = run_of("deal-1.1.mail", "mail", "deals", "new", 1, 3, 4, due=5000.0, code=404, because=["no"], worst="failed")
    item.runs[run.id] = run
    again = load_item((0, "deal-1", "deals", "new", 2, None, None, dump_item(item)))
    (read,) = again.runs.values()
    assert (again.title, again.hold_reason) == ("Roof", "7")
    assert (read.due, read.code, read.because, read.worst) == (5000, "404", "['no']", "failed")
