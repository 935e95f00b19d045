"""Whatever an object holds, its row gives it back."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stageauto.engine.state import Activity, Booking, Company, Contact, Delivery, Item, Journal, Notice, Post, Run, Task
from stageauto.store.codec import ITEM_COLUMNS, Codec, dump_item, dumps, load_item, parse

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
    "set[str]": st.sets(TEXT, max_size=3),
    "dict[str, Any]": st.dictionaries(TEXT, JSON, max_size=3),
    "dict[str, Any] | None": st.none() | st.dictionaries(TEXT, JSON, max_size=3),
    "dict[str, int]": st.dictionaries(TEXT, st.integers(), max_size=3),
    "list[dict[str, str]]": st.lists(st.dictionaries(TEXT, TEXT, max_size=2), max_size=2),
    "list[dict[str, Any]]": st.lists(st.dictionaries(TEXT, JSON, max_size=2), max_size=2),
}


def any_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Objects of the class, every field drawn by its type; left out as often as given."""
    required = {one.name: BY_TYPE[str(one.type)] for one in fields(kind) if one.type in BY_TYPE}
    return st.fixed_dictionaries({}, optional=required).flatmap(
        lambda given: st.builds(kind, **{name: st.just(value) for name, value in given.items()},
                                **{one.name: BY_TYPE[str(one.type)] for one in fields(kind)
                                   if one.name not in given and _is_required(one)})
    )  # fmt: skip


def _is_required(field: Any) -> bool:
    return repr(field.default) == repr(field.default_factory)  # both are "missing"


KINDS = (Activity, Booking, Company, Contact, Delivery, Journal, Notice, Post, Run, Task)


@given(st.sampled_from(KINDS).flatmap(any_of))
def test_every_kind_of_object_comes_back_as_it_was(thing: Any) -> None:
    codec: Codec[Any] = Codec(type(thing))
    text = codec.dump(thing)
    text.encode()  # SQLite takes nothing that is not UTF-8
    again = codec.load(text)
    assert again == thing
    assert all(type(getattr(again, one.name)) is type(getattr(thing, one.name)) for one in fields(thing))


@given(any_of(Item), st.lists(any_of(Run), max_size=4))
def test_an_item_comes_back_with_its_runs_in_order(item: Item, runs: list[Run]) -> None:
    for one in runs:
        item.runs[one.id] = one
    again = load_item(dump_item(item), {name: getattr(item, name) for name in ITEM_COLUMNS})
    assert again == item
    assert list(again.runs) == list(item.runs)


@given(any_of(Item), st.integers(1, 5))
def test_the_usual_run_is_written_without_what_it_shares_with_its_item(item: Item, seq: int) -> None:
    run = Run(f"{item.id}.{item.visit}.call", "call", item.pipeline, item.stage, item.visit, seq, 5, due=7)
    item.runs = {run.id: run}
    text = dump_item(item)
    assert parse(text)["runs"] == [["call", seq, 5, "pending", 7, None, ""]]
    assert load_item(text, {name: getattr(item, name) for name in ITEM_COLUMNS}).runs == {run.id: run}


@given(JSON)
def test_any_json_value_comes_back_as_it_was(value: Any) -> None:
    text = dumps(value)
    text.encode()
    assert parse(text) == value


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, 10**40, {"a": [1, 10**30, "\ud83d"]}, "\udc00", {1: "a"}])
def test_what_the_fast_way_cannot_write_is_whole_all_the_same(value: Any) -> None:
    expected = {"1": "a"} if value == {1: "a"} else value
    assert parse(dumps(value)) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_becomes_null(value: float) -> None:
    assert parse(dumps({"x": value})) == {"x": None}


def test_what_json_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError):
        dumps({"at": datetime(2026, 3, 2, tzinfo=UTC)})


def test_rows_written_before_a_field_existed_read_as_its_default() -> None:
    assert Codec(Notice).load('{"id":"n","item":"i","rule":"r","do":"notify","user":"u","text":"t"}') == Notice(
        "n", "i", "r", "notify", "u", "t"
    )


def test_what_is_default_takes_no_room() -> None:
    item = Item("deal-1", "sales", "new", "T", 1, 2)
    assert dump_item(item) == '{"title":"T","created_at":1}'
