"""JUnit XML that any parser reads, whatever scenarios are called."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from stageauto.engine.model import Place
from stageauto.report.junit import junit
from stageauto.runner.scenario import Missed, Result

NASTY = '<a> & "b" ]]> \x00\x1b[31m \ud800 \ufffe ü'


def read(*results: Result) -> ET.Element:
    text = junit(results)
    text.encode("utf-8")
    return ET.fromstring(text.encode("utf-8"))


def test_names_and_messages_are_escaped_and_what_xml_cannot_hold_is_replaced():
    missed = Missed(Place("scenarios/a.yaml", 7, 1), 1, 0, NASTY, NASTY, (NASTY,))
    [case] = read(Result(NASTY, "scenarios/a.yaml", "failed", [missed], took=1500)).iter("testcase")
    kept = '<a> & "b" ]]> ??[31m ? ? ü'
    assert (case.get("name"), case.get("time"), case.get("file")) == (kept, "1.500", "scenarios/a.yaml")
    assert (case[0].tag, case[0].get("message"), case[0].get("type")) == ("failure", kept, "failure")
    assert case[0].text == f"scenarios/a.yaml:7\nexpected {kept}\n{kept}"


def test_counts_and_times_add_up():
    missed = Missed(Place("a.yaml", 1, 1), 1, 0, "no")
    suites = read(Result("a", "a.yaml", took=20), Result("b", "b.yaml", "failed", [missed, missed], took=5),
                  Result("c", "c.yaml", "error", [missed]))  # fmt: skip
    assert suites.tag == "testsuites"
    for one in (suites, suites[0]):
        assert [one.get(name) for name in ("tests", "failures", "errors", "time")] == ["3", "1", "1", "0.025"]
    assert [[each.tag for each in case] for case in suites.iter("testcase")] == [[], ["failure", "failure"], ["error"]]


def test_no_scenario_at_all_is_a_suite_too():
    assert read().get("tests") == "0"
