"""A failed expectation explains itself: what was expected, what was found, what happened before it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from stageauto.cli import main

WORKSPACE = "stageauto: 1\ntimezone: Europe/Warsaw\nusers: {anna: {name: Anna, email: anna@acme.test}}\n"
PIPELINE = """\
pipeline: deals
fields: {amount: money, day: date}
stages:
  - id: new
    rules:
      - {id: hello, do: send_email, with: {from: workspace, subject: "Offer {{ item.amount }}", body: Hello}}
      - {id: big, do: add_comment, if: item.amount > 5000, with: {text: big}}
      - {id: call, do: create_task, when: {delay: 2d}, with: {title: Call}}
  - id: won
    kind: won
    triggers: [{id: paid, event: invoice.paid}]
"""
HEAD = """\
scenario: {name}
start: "2026-03-02T09:00"
given: {{items: [{{id: d1, pipeline: deals, stage: new, fields: {{amount: 900}}, contact: {{emails: ewa@home.test}}}}]}}
steps:
  - after: 1h
    expect: {expect}
"""


class Tried:
    """`stageauto test` on a workspace of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        (folder / "pipelines").mkdir()
        (folder / "scenarios").mkdir()
        (folder / "stageauto.yaml").write_text(WORKSPACE)
        (folder / "pipelines/deals.yaml").write_text(PIPELINE)

    def write(self, expect: str, name: str = "one", head: str = HEAD) -> None:
        (self.folder / f"scenarios/{name}.yaml").write_text(head.format(name=name, expect=expect))

    def run(self, *arguments: str) -> tuple[int, str]:
        code = main(["-C", str(self.folder), "test", "--no-color", *arguments])
        return code, self._capsys.readouterr().out

    def json(self, *arguments: str) -> tuple[int, Any]:
        code, out = self.run("--json", *arguments)
        return code, json.loads(out)


@pytest.fixture
def tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tried:
    return Tried(tmp_path, capsys)


FAILURES = [
    ("{items: {d1: {stage: won}}}", "stage: won", "stage: new"),
    ("{items: {d1: {fields: {amount: 1000}}}}", "amount: 1000", "amount: 900"),
    ("{items: {d1: null}}", "deleted", "in new"),
    ("{items: {d1: {on_hold: true}}}", "on_hold: true", "on_hold: false"),
    ("{sent: [{subject: Offer 901}]}", "subject: Offer 901", "subject: Offer 900"),
    ('{sent: [{at: "2026-03-02T10:00"}]}', "at: 2026-03-02T10:00", "at: 2026-03-02T09:00"),
    ("{sent: [{subject: /Order/}]}", "subject: /Order/", "subject: Offer 900"),
    ("{sent: [{to: ewa@home.test}, {to: ewa@home.test}]}", "to: ewa@home.test", "rule: hello"),
    ("{not_sent: [{rule: hello}]}", "rule: hello", "to: ewa@home.test"),
    ("{sent: [], exactly: true}", "0", "to: ewa@home.test"),
    ('{pending: [{rule: call, due: "2026-03-05T09:00"}]}', "due: 2026-03-05T09:00", "due: 2026-03-04T09:00"),
    ("{pending: [], exactly: true}", "0", "rule: call"),
    ("{outcomes: [{rule: big, outcome: done}]}", "outcome: done", "item.amount > 5000 is false (item.amount = 900)"),
    ("{outcomes: [{rule: big, because: item.day}]}", "because: item.day", "item.amount = 900"),
    ("{outcomes: [{rule: call, outcome: done}]}", "rule: call", "rule: hello"),
    ("{moves: {d1: [new, won]}}", "new > won", "new"),
    ("{created: [{pipeline: deals}]}", "pipeline: deals", "nothing"),
    ("{events: [{event: invoice.paid, outcome: moved}]}", "event: invoice.paid", "nothing"),
    ("{tasks: [{title: Call}]}", "title: Call", "nothing"),
    ("{activities: [{kind: meeting}]}", "kind: meeting", "nothing"),
    ("{bookings: [{item: d1}]}", "item: d1", "nothing"),
    ("{contacts: [{email: jan@home.test}]}", "email: jan@home.test", "ewa@home.test"),
]


@pytest.mark.parametrize(("expect", "expected", "found"), FAILURES, ids=[one[0] for one in FAILURES])
def test_it_says_what_was_expected_what_was_found_where_and_when(tried, expect, expected, found):
    tried.write(expect)
    code, out = tried.run()
    assert code == 1
    lines = out.splitlines()
    assert any("scenarios/one.yaml:6" in line and "2026-03-02" in line and "10:00" in line for line in lines), out
    told = [line for line in lines if line.strip().startswith("expected ")]
    assert any(expected in line for line in told), out
    assert found in out.partition("found ")[2], out


def test_it_shows_the_timeline_around_it(tried):
    tried.write("{items: {d1: {stage: won}}}")
    _, out = tried.run()
    before = out.partition("what happened before:")[2]
    assert "hello" in before
    assert "item.amount > 5000" in before
    assert "2026-03-02" in before


def test_the_second_of_two_hours_that_the_clocks_call_the_same_is_told_from_the_first(tried):
    head = HEAD.replace("2026-03-02T09:00", "2026-10-24T02:30").replace("after: 1h", "after: 2d")
    pipeline = PIPELINE.replace("do: create_task, when: {delay: 2d}", "do: create_task, when: {delay: 25h}")
    (tried.folder / "pipelines/deals.yaml").write_text(pipeline)
    tried.write('{tasks: [{title: Call, created_at: "2026-10-25T02:30"}]}', head=head)
    _, out = tried.run()
    assert "created_at: 2026-10-25T02:30+01:00" in out
    tried.write('{tasks: [{title: Call, created_at: "2026-10-25T02:30+01:00"}]}', head=head)
    assert tried.run()[0] == 0


def test_a_path_that_was_expected_to_be_empty_says_so(tried):
    tried.write("{moves: {d1: []}}")
    assert "expected  nowhere" in tried.run()[1]


def test_what_several_failures_have_before_them_is_told_once(tried):
    tried.write("{outcomes: [{rule: call, item: d1}], pending: [{rule: hello, item: d1}], moves: {d1: [won]}}")
    _, out = tried.run()
    assert out.count("  expected  ") == 3
    assert out.count("what happened before:") == 1


def test_only_the_first_step_that_fails_is_told(tried):
    tried.write("{items: {d1: {stage: won}}}\n  - expect: {sent: [], exactly: true}")
    _, report = tried.json()
    assert [one["message"] for one in report["scenarios"][0]["failures"]] == ["item d1: stage is not as expected"]


def test_all_that_is_wrong_in_one_expectation_is_told_at_once(tried):
    tried.write("{items: {d1: {stage: won}}, sent: [{rule: call}], moves: {d1: [won]}}")
    _, report = tried.json()
    assert len(report["scenarios"][0]["failures"]) == 3


def test_scenarios_that_pass_end_with_0(tried):
    tried.write("{items: {d1: {stage: new}}, sent: [{rule: hello}]}")
    code, out = tried.run()
    assert code == 0
    assert "1 passed, 0 failed" in out


def test_the_json_has_every_scenario_its_file_its_outcome_and_its_failures(tried):
    tried.write("{items: {d1: {stage: new}}}", "good")
    tried.write("{items: {d1: {stage: won}}}", "bad")
    tried.write("{items: {d1: {stage: new}}}\n  - delete: d1\n  - move: {item: d1, to: won}", "lost")
    code, report = tried.json()
    assert code == 1
    assert (report["passed"], report["failed"]) == (1, 2)
    by_file = {one["file"]: one for one in report["scenarios"]}
    assert by_file["scenarios/good.yaml"]["outcome"] == "passed"
    assert by_file["scenarios/good.yaml"]["failures"] == []
    assert by_file["scenarios/bad.yaml"]["outcome"] == "failed"
    assert by_file["scenarios/bad.yaml"]["scenario"] == "bad"
    assert by_file["scenarios/bad.yaml"]["failures"] != []
    assert by_file["scenarios/lost.yaml"]["outcome"] == "error"


def test_a_step_that_cannot_be_done_is_an_error_and_not_a_crash(tried):
    tried.write('{sent: []}\n  - at: "2026-03-01T09:00"\n    move: {item: d1, to: won}')
    code, report = tried.json()
    assert code == 1
    assert report["scenarios"][0]["outcome"] == "error"
    assert "before" in report["scenarios"][0]["failures"][0]["message"]


def test_a_workspace_that_does_not_validate_is_told_as_validate_does(tried):
    tried.write("{sent: []}")
    (tried.folder / "pipelines/deals.yaml").write_text(PIPELINE.replace("item.amount > 5000", "item.amunt > 5000"))
    code, report = tried.json()
    assert code == 1
    assert report["ok"] is False
    assert report["diagnostics"][0]["file"] == "pipelines/deals.yaml"


def test_a_word_chooses_scenarios_and_an_unknown_file_is_misuse(tried):
    tried.write("{items: {d1: {stage: new}}}", "good")
    tried.write("{items: {d1: {stage: won}}}", "bad")
    assert tried.run("-k", "good")[0] == 0
    assert tried.run("good")[0] == 0
    assert tried.run("scenarios/bad.yaml")[0] == 1
    assert tried.run("nowhere")[0] == 2


def test_junit_has_a_failure_for_each_thing_that_failed(tried, tmp_path):
    tried.write("{items: {d1: {stage: new}}}", "good")
    tried.write("{items: {d1: {stage: won}}}", "bad")
    file = tmp_path / "report.xml"
    assert tried.run("--junit", str(file))[0] == 1
    suite = ET.parse(file).getroot()
    assert {case.get("name"): len(case) for case in suite.iter("testcase")} == {"good": 0, "bad": 1}


def test_scenarios_never_touch_the_state(tried):
    tried.write("{items: {d1: {stage: new}}}")
    tried.run()
    assert not (tried.folder / ".stageauto").exists()
