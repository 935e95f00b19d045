"""The schemas for editors are current, are themselves valid, and agree with the loader's own check."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from stageauto import registry
from stageauto.loader import scenario_shapes, shapes
from stageauto.loader.check import _validator, compile_fits
from stageauto.loader.rules import action_schema
from stageauto.loader.schema import KINDS, json_schema, written
from stageauto.loader.yaml import read
from stageauto.resources import data
from tests.loader.case_files import BASE, CASES


@pytest.mark.parametrize("what", KINDS)
def test_the_schema_in_the_repository_is_current(what: str):
    assert data(f"schemas/{what}.schema.json").read_text(encoding="utf-8") == written(what), (
        "run python -m stageauto.loader.schema"
    )


@pytest.mark.parametrize("what", KINDS)
def test_the_schema_is_a_valid_schema(what: str):
    Draft202012Validator.check_schema(json_schema(what))


@pytest.mark.parametrize("path", [*(CASES / "valid").glob("*.yaml"), *(BASE / "pipelines").glob("*.yaml")], ids=str)
def test_an_editor_finds_nothing_wrong_with_a_valid_pipeline(path: Any):
    # An editor does not know that a number may stand for its text.
    text = path.read_text(encoding="utf-8").replace("type: 0012", 'type: "0012"').replace("12]", '"12"]')
    found = read(text.replace("{text: 1}", '{text: "1"}')).root
    assert list(Draft202012Validator(json_schema("pipeline")).iter_errors(found)) == []


def test_an_editor_finds_nothing_wrong_with_a_valid_workspace():
    found = read((BASE / "stageauto.yaml").read_text(encoding="utf-8")).root
    assert list(Draft202012Validator(json_schema("workspace")).iter_errors(found)) == []


def test_an_editor_is_told_of_a_wrong_option_of_the_action():
    rule = {"id": "a", "do": "notify", "with": {"txt": "x"}}
    pipeline = {"pipeline": "p", "stages": [{"id": "s", "rules": [rule]}]}
    assert list(Draft202012Validator(json_schema("pipeline")).iter_errors(pipeline))


def test_every_key_is_described():
    bare = [
        name
        for shape in (shapes.RULE, shapes.TRIGGER, shapes.INTAKE, shapes.STAGE, shapes.PIPELINE, shapes.WORKSPACE)
        for name, one in shape["properties"].items()
        if not one.get("description")
    ]
    assert bare == []


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 200), st.floats(-2, 2, allow_nan=False),
    st.sampled_from(["", "a", "immediately", "2d", "run", "visit", "cancel", "A B", "first", "1"]),
)  # fmt: skip
NAMES = st.sampled_from(
    ["id", "do", "if", "when", "after", "with", "every", "times", "delay", "before", "by", "within", "if_late", "to",
     "text", "subject", "body", "user", "item", "emit", "move", "expect", "sent", "retry", "attempts", "x"]
)  # fmt: skip
DATA = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=5)),
    max_leaves=12,
)
ACTIONS: dict[str, Any] = dict(registry.actions())
SCHEMAS: dict[str, Any] = {
    "rule": shapes.RULE,
    "trigger": shapes.TRIGGER,
    "limits": shapes.LIMITS,
    "when": shapes.WHEN,
    "step": scenario_shapes.STEP,
    "item": scenario_shapes.ITEM,
    **{f"with of {name}": action_schema(kind) for name, kind in ACTIONS.items()},
}
FITS = {name: compile_fits(schema) for name, schema in SCHEMAS.items()}


@given(DATA)
def test_what_the_quick_check_lets_through_jsonschema_lets_through(value: Any):
    for name, schema in SCHEMAS.items():
        if FITS[name](value):
            assert _validator(schema).is_valid(value), name
