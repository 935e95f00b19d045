"""What scenarios reach and what they do not, on pipelines small enough to count by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stageauto.report.coverage import coverage_data, coverage_text, too_little
from stageauto.runner.coverage import Coverage
from stageauto.runner.scenario import run_scenario
from stageauto.runner.testing import read_suite, run_suite
from tests.runner.support import workspace

PIPELINE = """\
pipeline: deals
fields: {amount: {type: money, default: 10}, agreed: boolean}
intake:
  - {id: web, event: form.submitted, if: event.subject}
stages:
  - id: new
    rules:
      - {id: big, do: add_log_entry, if: item.amount > 100 and item.agreed, with: {text: Big}}
      - id: mail
        do: send_email
        when: {delay: 1d}
        with: {to: customer, from: mail, subject: Hello, body: Hello}
      - {id: off, do: add_log_entry, enabled: false, with: {text: Off}}
  - id: won
    kind: won
    triggers:
      - {id: answered, event: email.received, if: {not: "event.subject == 'no'"}}
    rules:
      - {id: thanks, do: add_log_entry, with: {text: Thanks}}
"""
GIVEN = (
    'scenario: {name}\nstart: "2026-03-02T09:00"\ngiven:\n  items: [{{id: d1, pipeline: deals, stage: new{more}}}]\n'
)
Covered = Callable[..., Coverage]


@pytest.fixture
def covered(tmp_path: Path) -> Covered:
    """The coverage of scenarios, each (more of the item, steps)."""
    root = workspace(tmp_path, PIPELINE, "channels: {mail: {type: file, from: sales@acme.test}}\n")

    def run(*scenarios: tuple[str, str]) -> Coverage:
        (root / "scenarios").mkdir()
        for number, (more, steps) in enumerate(scenarios):
            text = GIVEN.format(name=f"s{number}", more=more) + steps
            (root / f"scenarios/s{number}.yaml").write_text(text, "utf-8")
        suite = read_suite(root, [], None, 0)
        assert suite.loaded.workspace is not None, suite.loaded.diagnostics
        coverage = Coverage(suite.loaded.workspace)
        for result in run_suite(suite.loaded.workspace, suite, coverage):
            assert result.outcome == "passed", result.failures
        return coverage

    return run


def gaps(coverage: Coverage) -> list[tuple[str, str, str, int]]:
    return [(one.kind, one.name, one.detail, one.place.line) for one in coverage.gaps()]


STAY = "steps: [{after: 1h, expect: {items: {d1: {stage: new}}}}]\n"


def test_each_leaf_of_a_condition_is_to_be_seen_true_and_false(covered):
    found = [one for one in gaps(covered(("", STAY))) if one[:2] == ("condition", "deals/new/big")]
    assert found == [
        ("condition", "deals/new/big", "`item.amount > 100` true", 8),
        ("condition", "deals/new/big", "`item.agreed` true", 8),
        ("condition", "deals/new/big", "`item.agreed` false", 8),
    ]


def test_a_leaf_that_was_not_asked_is_not_seen(covered):
    found = covered((", fields: {amount: 500}", STAY), ("", STAY))
    assert [one[2] for one in gaps(found) if one[:2] == ("condition", "deals/new/big")] == ["`item.agreed` true"]


def test_a_rule_that_never_ran_stands_for_all_of_it(covered):
    found = gaps(covered(("", STAY)))
    assert [one for one in found if one[1] == "deals/new/mail"] == [("rule", "deals/new/mail", "", 9)]
    assert ("stage", "deals/won", "", 14) in found
    assert ("trigger", "deals/won/answered", "", 17) in found
    assert ("intake", "deals/web", "", 4) in found


def test_outcomes_are_those_that_the_rule_can_have(covered):
    steps = "steps: [{after: 2d, expect: {outcomes: [{rule: mail, outcome: undeliverable}]}}]\n"
    found = [one[1:3] for one in gaps(covered(("", steps))) if one[0] == "outcome"]
    assert found == [
        ("deals/new/big", "done"),
        *(("deals/new/mail", name) for name in ("done", "failed", "suppressed")),
    ]


def test_what_is_disabled_need_not_be_reached(covered):
    assert not [name for _, name, _, _ in gaps(covered(("", STAY))) if name.endswith("off")]


def test_a_cancelled_rule_did_not_run(covered):
    steps = "steps: [{after: 1h, move: {item: d1, to: won}}]\n"
    found = gaps(covered(("", steps)))
    assert ("rule", "deals/new/mail", "", 9) in found
    assert not [one for one in found if one[1] in {"deals/won", "deals/won/thanks"}]


WAIT = "steps: [{after: 2d, expect: {items: {d1: {stage: new}}}}]\n"
EVENTS = """\
steps:
  - {after: 2d, emit: email.received, item: d1, data: {subject: 'no'}}
  - {emit: email.received, item: d1, data: {subject: 'yes'}}
  - {emit: form.submitted, data: {subject: Roof}}
  - {emit: form.submitted, data: {form: empty}}
"""


def test_everything_can_be_reached(covered):
    ewa = ", contact: {emails: [ewa@home.test]}"
    coverage = covered(
        (f", fields: {{amount: 500, agreed: true}}{ewa}", WAIT),
        (f", fields: {{amount: 500, agreed: false}}{ewa}", f"  fail: [{{channel: mail, permanent: true}}]\n{WAIT}"),
        (ewa, f"  exceptions: [ewa@home.test]\n{WAIT}"),
        ("", EVENTS),
    )
    assert gaps(coverage) == []
    assert coverage.percent() == 100.0


def test_listening_changes_no_outcome(covered, tmp_path):
    coverage = covered((", fields: {amount: 500, agreed: true}", STAY))
    suite = read_suite(tmp_path, [], None, 0)
    assert suite.loaded.workspace is not None
    seen: list[list[tuple[str, object]]] = []
    for made in (suite.loaded.workspace, coverage.workspace):
        run_scenario(
            made, suite.scenarios[0], watch=lambda one: seen.append([(e.kind, e.data) for e in one.state.timeline()])
        )
    assert seen[0] == seen[1]


def test_percentages_are_of_all_points_and_never_rounded_up_to_whole(covered):
    coverage = covered(("", STAY))
    reached, known = coverage.reached()
    assert (reached, known) == (4, 22)
    data = coverage_data(coverage)
    assert data["percent"] == round(400 / 22, 1)
    assert data["missing"] == ["rule deals/new/mail", "trigger deals/won/answered", "rule deals/won/thanks"]
    assert data["pipelines"][0]["stages"] == {"reached": 1, "known": 2}
    assert too_little(coverage, 18) == ""
    assert too_little(coverage, 20) == "18.1 % reached, --fail-under asks for 20 %"


def test_gaps_are_listed_with_their_place(covered):
    lines = [one for one in coverage_text(covered(("", STAY))) if isinstance(one, str)]
    assert "pipelines/work.yaml:8: deals/new/big: `item.agreed` was never true" in lines
    assert "pipelines/work.yaml:14: deals/won: nothing came into the stage" in lines
