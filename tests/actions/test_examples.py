"""Every kind's docstring is its reference page: its example loads, its summary is there."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from stageauto import registry
from stageauto.engine.options import options_of
from tests.actions.conftest import load_with

KINDS = registry.actions()


def example_of(kind: str) -> str:
    """The YAML after `Example:`."""
    return inspect.cleandoc(KINDS[kind].__doc__ or "").partition("Example:\n")[2]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_example_of_a_kind_loads_without_a_diagnostic(kind: str) -> None:
    example = example_of(kind)
    assert f"do: {kind}" in example
    loaded = load_with(example, reachable=True)
    assert loaded.diagnostics == ()
    assert loaded.workspace is not None
    rules = loaded.workspace.pipelines["deals"].stages[1].rules
    assert type(rules[-1].action) is KINDS[kind]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_kind_says_which_group_it_belongs_to_and_what_each_option_is(kind: str) -> None:
    cls = KINDS[kind]
    assert cls.group in {"customer", "staff", "item", "flow", "documents", "advertising", "own"}
    assert dataclasses.is_dataclass(cls)
    assert all(option.help for option in options_of(cls).values())
    assert "__dict__" not in vars(cls), "declare it with slots=True"


def test_kinds_are_told_apart_by_their_modules() -> None:
    assert {cls.__module__.rpartition(".")[2] for cls in KINDS.values()} == set(KINDS)


def test_all_kinds_of_the_first_part_of_the_catalogue_are_there() -> None:
    wanted = """
        send_email send_sms make_call send_chat send_whatsapp create_activity create_task complete_tasks schedule_call
        schedule_meeting notify control post_to_feed add_comment add_log_entry update_item change_stage change_pipeline
        change_responsible change_contact change_company create_contact convert create_item delete_item
        add_to_exceptions generate_code book_resource cancel_booking wait webhook start_rules stop_rules
    """
    assert set(wanted.split()) <= set(KINDS)
