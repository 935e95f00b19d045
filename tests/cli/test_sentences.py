"""Every kind of line in the history has a sentence, also where its data are incomplete."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import stageauto.engine
from stageauto.engine.state import Entry
from stageauto.report.timeline import _SENTENCES, sentence

ZONE = ZoneInfo("Europe/Warsaw")
NOON = 1_767_265_200_000  # 2026-01-01 12:00 in Warsaw


def recorded_kinds() -> set[str]:
    """The kinds that the engine's own code writes."""
    kinds = set()
    for path in Path(stageauto.engine.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "record":
                kinds |= {str(one.value) for one in node.args[1:2] if isinstance(one, ast.Constant)}
    return kinds


def test_every_kind_that_the_engine_writes_has_a_sentence_and_no_other():
    kinds = recorded_kinds()
    assert len(kinds) > 20
    assert kinds == set(_SENTENCES)


@pytest.mark.parametrize("kind", sorted(_SENTENCES))
def test_a_line_without_its_data_is_still_readable(kind: str):
    assert isinstance(sentence(Entry(NOON, kind, "deal-1", "olga", {}), ZONE), str)


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        ("entered", {"from": None, "to": "new", "scheduled": [["call", NOON], ["chase", None]]},
         "entered new; set going call (2026-01-01 12:00), chase"),
        ("entered", {"from": "new", "to": "won", "trigger": "signed", "type": "document.signed"},
         "moved from new to won by the trigger `signed` on document.signed"),
        ("entered", {"from": "a", "to": "b", "from_pipeline": "leads", "pipeline": "deals", "rule": "convert"},
         "moved from leads/a to deals/b by the rule `convert`"),
        ("outcome", {"rule": "call", "outcome": "skipped", "because": "item.amount > 100 is false",
                     "values": {"item.amount": 5}}, "call skipped: item.amount > 100 is false [item.amount=5]"),
        ("outcome", {"rule": "call", "outcome": "skipped", "because": "item.amount > 100 is false (item.amount = 5)",
                     "values": {"item.amount": 5}}, "call skipped: item.amount > 100 is false (item.amount = 5)"),
        ("outcome", {"rule": "tell", "outcome": "done", "values": {"to": ["anna", "olga"]}},
         "tell done (to anna, olga)"),
        ("retry", {"rule": "mail", "due": NOON, "error": "421 busy"},
         "mail is tried again at 2026-01-01 12:00: 421 busy"),
        ("changed", {"changes": [{"field": "paid", "was": False, "to": True}]}, "set paid from no to yes"),
        ("changed", {"changes": [{"field": "note", "was": "x", "to": None}]}, "set note from x to nothing"),
        ("rescheduled", {"rule": "call", "was": NOON, "due": None, "reason": "date"},
         "call is due without a time, was 2026-01-01 12:00: date changed"),
        ("held", {"code": "by_hand", "because": "on holiday"}, "put on hold: on holiday"),
        ("event", {"type": "email.received", "data": {"subject": "Re:\nquote"}},
         "email.received came: subject=Re: quote"),
        ("something_new", {"a": 1}, "something new: a=1"),
    ],
)  # fmt: skip
def test_a_line_of_history_says_what_happened_and_why(kind: str, data: dict[str, Any], text: str):
    assert sentence(Entry(NOON, kind, "deal-1", "olga", data), ZONE) == text
