"""Every kind's example runs through the whole engine on a virtual clock, and ends as it should."""

from __future__ import annotations

import re

import pytest

from stageauto.runner.scenario import run_scenario
from tests.actions.conftest import load_with
from tests.actions.test_examples import KINDS, example_of

SCENARIO = """
scenario: The example of a kind runs
start: "2026-03-02T09:00"
given:
  companies: [{id: lis, name: Lis}]
  items:
    - id: d1
      pipeline: deals
      stage: quote
      title: Roof
      responsible: anna
      CONTACT
      company: lis
      fields:
        order_no: A7
        tracking_no: PL-77
        amount: 9000
        delivery_date: "2026-03-20"
        meeting_at: "2026-03-10T12:00"
        first_name: Ewa
        company_name: Lis
        email: lead@home.test
        phone: "+48 22 100"

steps:
  - after: 300d
    expect:
      outcomes: [{rule: RULE, item: d1, outcome: OUTCOME}]
"""
CONTACT = """contact:
        first_name: Ewa
        emails: [{value: ewa@home.test, type: private}]
        phones: [{value: "+48 501 111 222", type: mobile}]
        chats: [{value: chat-1, type: chat}]"""

# What an example cannot have here: a booking or a document made before, a tag, no contact.
ENDS = {
    "cancel_booking": "failed", "add_to_exceptions": "skipped", "send_document": "undeliverable",
    "request_signature": "undeliverable",
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_example_of_a_kind_runs_to_its_end(kind: str) -> None:
    example = example_of(kind)
    rule = re.search(r"^ *id: (.+)$", example, re.MULTILINE)
    assert rule is not None
    scenario = SCENARIO.replace("RULE", rule[1]).replace("OUTCOME", ENDS.get(kind, "done"))
    scenario = scenario.replace("CONTACT", "" if kind == "create_contact" else CONTACT)
    loaded = load_with(example, scenario=scenario, reachable=True)
    assert loaded.diagnostics == ()
    assert loaded.workspace is not None
    (result,) = [run_scenario(loaded.workspace, one) for one in loaded.scenarios]
    assert result.failures == [], result.failures
