"""Scalars follow YAML 1.2, and every key and value knows its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stageauto.engine.scalars import source_text
from stageauto.loader.source import Source
from stageauto.loader.yaml import MAX_DEPTH, Map, read, resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("no", "no"),
        ("y", "y"),
        ("12:30", "12:30"),
        ("1:1:1", "1:1:1"),
        ("0012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("+48600100200", 48600100200),
        ("-1.5e3", -1500.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("2026-03-02", "2026-03-02"),
        ("2026-03-02T09:00", "2026-03-02T09:00"),
        ("~", None),
        ("null", None),
        ("=", "="),
        ("-", "-"),
        ("+", "+"),
        (".", "."),
        ("1e", "1e"),
        ("\u0661", "\u0661"),
    ],
)
def test_a_plain_scalar_follows_the_core_schema(text: str, value: object):
    found = resolve(text)
    assert found == value
    assert type(found) is type(value) or isinstance(found, type(value))


@pytest.mark.parametrize("text", ["+48600100200", "0012", "1.50", "1e3", "0x1F"])
def test_a_number_remembers_how_it_was_written(text: str):
    assert source_text(resolve(text)) == text


def test_a_quoted_scalar_is_always_text():
    assert read("a: \"1\"\nb: 'true'\nc: |\n  5\n").root == {"a": "1", "b": "true", "c": "5\n"}


def test_an_anchor_may_be_used_again():
    assert read("a: &x [1, 2]\nb: *x\n").root == {"a": [1, 2], "b": [1, 2]}


def test_a_byte_order_mark_is_no_part_of_the_first_key():
    assert read("\ufeffa: 1\n").root == {"a": 1}


def test_nesting_up_to_the_limit_is_read_and_one_more_is_refused():
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH).faults == ()
    assert [one.code for one in read("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)).faults] == ["too-deep"]


def test_aliases_that_expand_to_ten_thousand_nodes_are_read_and_more_are_refused():
    hundred = "a: &a [" + "x, " * 98 + "x]\n"
    assert read(hundred + "b: [" + "*a, " * 100 + "]\n").faults == ()
    assert [one.code for one in read(hundred + "b: [" + "*a, " * 101 + "]\n").faults] == ["alias-bomb"]


def test_every_duplicate_key_is_told_and_the_first_one_stands():
    found = read("a: 1\na: 2\nb: {c: 3, c: 4}\n")
    assert found.root == {"a": 1, "b": {"c": 3}}
    assert [(one.code, one.line, one.column) for one in found.faults] == [
        ("duplicate-key", 2, 1),
        ("duplicate-key", 3, 11),
    ]


def test_keys_and_values_know_their_place():
    root = read("one:\n  two: x\nthree: [a, bb]\n").root
    assert isinstance(root, Map)
    assert root.key_spans["three"][:2] == (3, 1)
    assert root["one"].spans["two"][:4] == (2, 8, 2, 9)
    assert root["three"].spans[1][:4] == (3, 12, 3, 14)


@pytest.mark.parametrize(
    ("text", "inside", "place"),
    [
        ("a: hello", (1, 3), (1, 6)),
        ('a: "hello"', (1, 3), (1, 7)),
        ('a: "h\\u00e4\\"llo"', (1, 4), (1, 14)),
        ("a: 'it''s so'", (1, 5), (1, 10)),
        ("a: |\n  one\n  two\n", (2, 2), (3, 4)),
        ("a: |2\n    one\n  two\n", (1, 3), (2, 5)),
        ("a: >\n  one\n  two\n\n  three\n", (2, 2), (5, 4)),
        ("a: >\n  one\n  two\n", (1, 5), (3, 3)),
        ("a: one\n  two\n", (1, 5), (2, 3)),
        ('a: "one\n  two"\n', (1, 6), (2, 4)),
        ('a: "one\\ntwo"\n', (2, 2), (1, 11)),
        ('a: "one\\n\\ttwo"\n', (2, 3), (1, 13)),
        ('a: "one \n\n  two"\n', (2, 2), (3, 4)),
        ('a: "one \n\n\n  two three\n  four"\n', (3, 11), (5, 3)),
        ('a: "one\\\n  two"\n', (1, 5), (2, 4)),
        ("a: 'it''s\n\n  so'\n", (2, 1), (3, 3)),
        ("a: one\n\n  two\n", (2, 2), (3, 4)),
        ("a: one # not this\n", (1, 3), (1, 6)),
    ],
)
def test_a_place_inside_a_scalar_is_found_in_the_file(text: str, inside: tuple[int, int], place: tuple[int, int]):
    assert Source("x.yaml", text).inside(("a",), *inside)[:2] == place


@given(st.text(alphabet="ab \n", min_size=1, max_size=40), st.sampled_from(["", "'", '"']))
def test_every_letter_of_folded_text_is_found_in_the_file(body: str, quote: str):
    text = f"a: {quote}x" + body.replace("\n", "\n ") + f"x{quote}\nb: 1\n"
    source = Source("x.yaml", text)
    value = source.value(("a",))
    for line, inner in enumerate(value.split("\n"), 1):
        for column, letter in enumerate(inner, 1):
            found = source.inside(("a",), line, column)
            if letter != " ":
                assert source.line(found.line)[found.column - 1] == letter


@given(st.text(max_size=200))
def test_reading_never_raises(text: str):
    found = read(text)
    assert found.root is None or isinstance(found.root, str | int | float | list | dict)


@given(st.text(alphabet="ab:-[]{},&*!|>'\"#?%@` \n\t<~", max_size=80))
def test_reading_what_looks_like_yaml_never_raises(text: str):
    found = read(text)
    assert all(one.code for one in found.faults)
