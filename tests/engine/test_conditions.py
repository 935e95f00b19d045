"""What `if:` means: missing values, kinds, dates, the tree, its trace, its faults, and Jinja2 itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stageauto.engine.conditions import ConditionFault, compile_condition
from stageauto.engine.refusals import because, values
from stageauto.engine.templates import Templates

ZONE = ZoneInfo("Europe/Warsaw")
TEMPLATES = Templates(zone=ZONE)
SCOPE: dict[str, Any] = {
    "item": {
        "amount": 120,
        "stage": "quote",
        "tracking_no": "PL-77",
        "empty": None,
        "code": "120",
        "items": [1, 2],
        "tags": ["vip", "roof"],
        "day": date(2026, 3, 2),
        "moment": datetime(2026, 3, 1, 23, 0, tzinfo=UTC),  # 00:00 of 2 March in Warsaw
        "stage_entered_at": datetime(2026, 2, 16, 12, 0, tzinfo=UTC),
    },
    "results": {"call-back": {"outcome": "done"}},
    "now": datetime(2026, 3, 2, 9, 0, tzinfo=ZONE),
}

TRUE = [
    "item.amount > 100 and item.stage == 'quote' and not item.empty",
    "item.empty == none",
    "item.nothing is none",
    "none == item.nothing",
    "item.amount != none",
    "item.amount is defined and item.nothing is undefined",
    "not item.nothing > 5",
    "not (item.nothing != 5)",
    "item.amount != '120'",
    "1 < item.amount <= 120",
    "item.tracking_no",
    "item.items == [1, 2]",
    "'vip' in item.tags and 'x' not in item.tags",
    "item.stage in ['quote', 'won']",
    "item.stage not in ('new', 'won')",
    "item.day == item.moment",
    "item.day < now",
    "item.day == '2026-03-02'",
    "item.moment == '2026-03-02T00:00'",
    "item.moment < '2026-03-01T23:00:01Z'",
    "'2026-03-01' < item.day",
    "item.day in ['2026-03-02']",
    "item.stage_entered_at | days_since >= 14",
    "results['call-back'].outcome == 'done'",
    "item.tags | length == 2",
    "item.amount > 5000 or item.stage == 'quote'",
    "(item.empty or 'x') == 'x'",
    "true",
    "'a' if item.empty else 'b'",
    "item.empty is not defined",
]
FALSE = [
    "item.nothing",
    "item.nothing > 5",
    "item.nothing < 5",
    "item.nothing == 5",
    "item.nothing != 5",
    "item.nothing == item.empty",
    "item.nothing in [1, 2]",
    "item.nothing not in [1, 2]",
    "5 in item.nothing",
    "item.nothing.at.all.deeper >= 0",
    "item.nothing + 1 > 0",
    "item.code == 120",
    "item.stage > 5",
    "item.stage <= 5",
    "item.tags > 5",
    "item.day > 5",
    "item.day == 'soon'",
    "item.day < 'soon'",
    "5 in item.amount",
    "none > 5",
    "item.items.values",
    "nothing",
    "nothing | days_since >= 0",
    "false",
]


@pytest.mark.parametrize(("source", "expected"), [*((one, True) for one in TRUE), *((one, False) for one in FALSE)])
def test_a_condition_means_what_an_admin_expects(source: str, expected: bool) -> None:
    condition = compile_condition(source, TEMPLATES)
    assert condition.holds(SCOPE) is expected
    assert condition.evaluate(SCOPE).holds is expected
    assert bool(TEMPLATES.expression(source).careful(SCOPE)) is expected
    assert TEMPLATES.text("{% if (" + source + ") %}yes{% endif %}").render(SCOPE) == ("yes" if expected else "")


@pytest.mark.parametrize(
    ("tree", "expected", "because"),
    [
        ("item.amount > 5000", False, "item.amount > 5000 is false (item.amount = 120)"),
        ("item.nothing > 5", False, "item.nothing > 5 is false (item.nothing = empty)"),
        (
            "item.stage > 5",
            False,
            "item.stage > 5 is false (item.stage = 'quote', text cannot be compared with a number)",
        ),
        ("item.tracking_no and item.amount > 500", False, "item.amount > 500 is false (item.amount = 120)"),
        (
            "item.empty or item.amount > 500",
            False,
            "item.empty is false (item.empty = empty); item.amount > 500 is false (item.amount = 120)",
        ),
        ("item.empty or item.amount > 5", True, "item.amount > 5 is true (item.amount = 120)"),
        ("not item.tracking_no", False, "item.tracking_no is true (item.tracking_no = 'PL-77')"),
        (False, False, "the condition says false"),
        ("item.day < '2026-01-01'", False, "item.day < '2026-01-01' is false (item.day = 2026-03-02)"),
        (
            {"all": ["item.amount > 1", {"not": {"any": ["item.stage == 'won'", "item.amount < 9"]}}]},
            True,
            (
                "item.amount > 1 is true (item.amount = 120); item.stage == 'won' is false (item.stage = 'quote'); "
                "item.amount < 9 is false (item.amount = 120)"
            ),
        ),
        ("results['call-back'].outcome == 'x'", False, "results['call-back'].outcome = 'done'"),
    ],
)
def test_the_verdict_names_what_decided_and_its_values(tree: object, expected: bool, because: str) -> None:
    verdict = compile_condition(tree, TEMPLATES).evaluate(SCOPE)
    assert verdict.holds is expected
    assert because in verdict.because


def test_every_leaf_is_shown_with_its_own_text_and_what_was_not_asked_as_such() -> None:
    source = "(item.amount > 500 or 'a and b' == item.stage) and not (item.empty and true)"
    verdict = compile_condition({"any": [source, "item.stage"]}, TEMPLATES).evaluate(SCOPE)
    assert [(leaf.source, leaf.holds, leaf.path) for leaf in verdict.leaves] == [
        ("item.amount > 500", False, ("any", 0)),
        ("'a and b' == item.stage", False, ("any", 0)),
        ("item.empty", None, ("any", 0)),
        ("true", None, ("any", 0)),
        ("item.stage", True, ("any", 1)),
    ]
    assert verdict.leaves[0].values == (("item.amount", 120),)


@pytest.mark.parametrize(
    "source",
    [
        "1 if item.a and item.b else 2",
        "item.a | default(item.b and item.c)",
        "(item.a, item.b)",
        "item.a in [item.b or 1]",
        "item.a is not none",
    ],
)
def test_what_is_no_and_or_not_of_its_own_stays_one_leaf(source: str) -> None:
    assert [leaf.source for leaf in compile_condition(source, TEMPLATES).evaluate({}).leaves] == [source]


@pytest.mark.parametrize("source", [" item.a > 1\n", "\n\titem.a\n", "( item.a)", "item.android", "item.a == 'b or c'"])
def test_a_leaf_is_written_without_the_space_around_it(source: str) -> None:
    (leaf,) = compile_condition(source, TEMPLATES).evaluate({}).leaves
    assert leaf.source == source.strip().strip("( )")


def test_the_same_text_is_the_same_condition_wherever_it_stands() -> None:
    templates = Templates(zone=ZONE)
    first = compile_condition("item.a > 1 and item.b", templates)
    assert compile_condition("item.a > 1 and item.b", templates) is first
    assert compile_condition("item.a > 2 and item.b", templates) is not first
    assert compile_condition("item.a > 1 and item.b", Templates(zone=ZONE)) is not first
    assert first.evaluate({"item": {"a": 2, "b": 1}}).holds
    assert not first.evaluate({"item": {"a": 0, "b": 1}}).holds


def test_names_are_placed_in_the_whole_text_and_in_the_tree() -> None:
    condition = compile_condition({"all": [True, "item.a > 1 and\nitem.b"]}, TEMPLATES)
    assert [(path, name.path, name.line, name.column) for path, name in condition.located] == [
        (("all", 1), ("item", "a"), 1, 1),
        (("all", 1), ("item", "b"), 2, 1),
    ]
    assert [name.path for name in condition.names] == [("item", "a"), ("item", "b")]


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (True, True),
        ("1 > 2", False),
        ("item.a", None),
        ({"all": ["item.a", False]}, False),
        ({"any": ["item.a", "not false"]}, True),
        ({"not": "item.a"}, None),
    ],
)
def test_a_condition_knows_whether_it_is_always_the_same(tree: object, expected: bool | None) -> None:
    assert compile_condition(tree, TEMPLATES).constant_value is expected


FAULTS: list[tuple[object, tuple[object, ...], int, str]] = [
    ({"all": []}, ("all",), 1, "'all' is empty (name a condition, or leave `if` out)"),
    ({"not": {"any": []}}, ("not", "any"), 1, "'any' is empty"),
    ({"any": "item.a"}, ("any",), 1, "'any' takes a list of conditions"),
    ({"alll": ["item.a"]}, ("alll",), 1, "a condition has no 'alll' (did you mean 'all'?)"),
    ({"all": ["a"], "any": ["b"]}, (), 1, "a condition has exactly one of all, any, not"),
    ({}, (), 1, "a condition has exactly one of all, any, not"),
    ("{{ item.x > 5 }}", (), 1, "a condition is written without braces (write item.x > 5)"),
    ("  ", (), 1, "the condition is empty"),
    (5, (), 1, "a condition is an expression or all, any, not"),
    (None, (), 1, "a condition is an expression or all, any, not; here is nothing"),
    ({"all": ["a", ["b"]]}, ("all", 1), 1, "a condition is an expression"),
    ("item.x = 5", (), 8, "unexpected '=' (compare with ==)"),
    ("a && b", (), 3, "unexpected char '&' (write `and`)"),
    ("a or", (), 1, "it ends too early"),
    ({"any": ["a", "item.x | dayssince > 3"]}, ("any", 1), 10, "there is no filter 'dayssince' (did you mean 'days_"),
    ("results.call-back.outcome == 'done'", (), 1, "results.call-back is read as a subtraction (write results['"),
    ("not " * 5_000 + "a", (), 1, "the template is nested too deeply"),
    ("(" * 50_000, (), 1, "the template is nested too deeply"),
    (" and ".join(["a"] * 5_000), (), 1, "the template"),
    ("item.__class__", (), 6, "the attribute '__class__' cannot be used"),
]


@pytest.mark.parametrize(("tree", "path", "column", "message"), FAULTS, ids=lambda one: str(one)[:30])
def test_a_fault_names_its_place_and_the_way_out(
    tree: object, path: tuple[object, ...], column: int, message: str
) -> None:
    with pytest.raises(ConditionFault) as caught:
        compile_condition(tree, TEMPLATES)
    assert (caught.value.path, caught.value.line, caught.value.column) == (path, 1, column)
    assert str(caught.value).startswith(message)


def test_a_tree_without_end_is_a_fault() -> None:
    tree: object = "a"
    for _ in range(200):
        tree = {"not": tree}
    with pytest.raises(ConditionFault, match="nested too deeply"):
        compile_condition(tree, TEMPLATES)


# --- the compiled form against the slow one and against Jinja2 itself ---

NUMBERS = st.integers(-3, 3).map(str) | st.sampled_from(["item.n", "item.m", "other.n"])
TEXTS = st.sampled_from(["'a'", "'b'", "''", "item.s", "other.s"])
ANY = NUMBERS | TEXTS | st.sampled_from(["none", "item.zip", "zap", "item.d", "item.l", "'2026-03-02'", "true", "now"])
ORDERS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
VALUES = st.none() | st.integers(-3, 3) | st.sampled_from(["a", "b", "", "2026-03-02", date(2026, 3, 2), [1, "a"], 1.5])


def conditions(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.recursive(
        leaves,
        lambda inner: (
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join)
            | inner.map(lambda one: f"not {one}")
            | inner.map(lambda one: f"({one})")
        ),
        max_leaves=8,
    )


WELL_TYPED = conditions(
    st.tuples(NUMBERS, ORDERS, NUMBERS).map(" ".join)
    | st.tuples(TEXTS, ORDERS, TEXTS).map(" ".join)
    | st.tuples(NUMBERS, st.sampled_from(["+", "-", "*"]), NUMBERS, ORDERS, NUMBERS).map(" ".join)
    | st.tuples(TEXTS, st.sampled_from(["in", "not in"]), st.just("['a', other.s]")).map(" ".join)
    | NUMBERS
    | TEXTS
    | st.tuples(NUMBERS, ORDERS, NUMBERS, ORDERS, NUMBERS).map(" ".join)
)
WILD = conditions(
    st.tuples(ANY, ORDERS | st.sampled_from(["in", "not in", "+", "-", "*", "~"]), ANY).map(" ".join)
    | ANY
    | ANY.map(lambda one: f"{one} is defined")
    | st.tuples(ANY, st.just("in ['a', 2, item.s]")).map(" ".join)
    | ANY.map(lambda one: f"({one} | default('a')) == 'a'")
)


@settings(max_examples=300, deadline=None)
@given(
    source=WELL_TYPED,
    numbers=st.tuples(*[st.integers(-3, 3)] * 3),
    texts=st.tuples(*[st.sampled_from(["a", "b", ""])] * 2),
)
def test_it_means_what_jinja2_means_where_all_values_are_there(
    source: str, numbers: tuple[int, int, int], texts: tuple[str, str]
) -> None:
    scope = {"item": {"n": numbers[0], "m": numbers[1], "s": texts[0]}, "other": {"n": numbers[2], "s": texts[1]}}
    expected = bool(jinja2.Environment(autoescape=False).compile_expression(source)(**scope))
    condition = compile_condition(source, TEMPLATES)
    assert condition.holds(scope) is expected
    assert condition.evaluate(scope).holds is expected


@settings(max_examples=500, deadline=None)
@given(source=WILD, item=st.dictionaries(st.sampled_from("nmsdl"), VALUES), other=st.dictionaries(st.just("s"), VALUES))
def test_every_way_to_ask_gives_the_same_answer_and_none_crashes(
    source: str, item: Mapping[str, object], other: Mapping[str, object]
) -> None:
    scope = {"item": item, "other": other, "now": SCOPE["now"]}
    condition = compile_condition(source, TEMPLATES)
    careful = bool(TEMPLATES.expression(source).careful(scope))
    assert condition.holds(scope) is careful
    verdict = condition.evaluate(scope)
    assert verdict.holds is careful
    kept = json.loads(json.dumps(condition.kept(scope)))
    assert because(kept) == verdict.because
    assert values(kept) == {name: as_json(value) for leaf in verdict.leaves for name, value in leaf.values}
    assert TEMPLATES.text("{% if (" + source + ") %}yes{% endif %}").render(scope) == ("yes" if careful else "")


def as_json(value: object) -> object:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def test_what_is_kept_of_a_refusal_is_small_however_long_the_values_are():
    condition = compile_condition("event.text == 'yes' or event.text > 5", TEMPLATES)
    scope = {"event": {"text": "no " * 100_000}}
    kept = condition.kept(scope)
    assert len(json.dumps(kept)) < 1000
    assert because(kept) == condition.evaluate(scope).because
    assert because(kept).endswith("text cannot be compared with a number)")


def test_a_refusal_that_was_kept_as_a_sentence_is_still_read():
    assert because(["item.amount > 5 is false (item.amount = 3)", {"item.amount": 3}]).startswith("item.amount > 5")
