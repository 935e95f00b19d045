"""Every finding of the lint is told as it is kept, has a page that shows it, and is not told where it is not so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from stageauto.loader.codes import CODES, LINT_CODES
from stageauto.loader.load import Loaded, load
from stageauto.report.diagnostics import to_github, to_sarif
from tests.loader.case_files import ENV, NOW, PLAIN, folders, linted, said

ROOT = Path(__file__).resolve().parents[2]
CASES = folders("lint")
PAGE = (ROOT / "docs" / "lint.md").read_text(encoding="utf-8")
HEAD = "pipeline: orders\nfields: {amount: {type: money, default: 0}, paid: {type: boolean, default: false}}\nstages:\n"


def sections() -> Iterator[tuple[str, str]]:
    for part in re.split(r"(?m)^## ", PAGE)[1:]:
        title, _, text = part.partition("\n")
        if title in LINT_CODES:
            yield title, text


def check(pipeline: str, *, main: str = PLAIN, before: str = "", now: int = NOW) -> Loaded:
    files = {"stageauto.yaml": main, "pipelines/orders.yaml": pipeline}
    return load(files, env=ENV, now=now, lint={"pipelines/orders.yaml": before} if before else {})


def codes(pipeline: str, **given: str) -> list[str]:
    found = check(pipeline, **given)  # type: ignore[arg-type]
    assert all(one.severity != "error" for one in found.diagnostics), found.diagnostics
    return [one.code for one in found.diagnostics]


@pytest.mark.parametrize("folder", CASES, ids=lambda path: path.name)
def test_a_case_of_the_lint_is_told_as_it_is_kept(folder: Path):
    assert said(folder, linted) == json.loads((folder / "expected.json").read_text(encoding="utf-8"))


def test_every_code_of_the_lint_has_a_case_with_its_severity():
    told = {(one.code, one.severity) for folder in CASES for one in linted(folder).diagnostics}
    assert told == {(code, one.severity) for code, one in LINT_CODES.items()}
    assert not LINT_CODES.keys() & CODES.keys()


def test_every_code_of_the_lint_has_a_section_that_says_its_severity():
    assert [title for title, _ in sections()] == list(LINT_CODES)
    for code, text in sections():
        assert text.strip().startswith("*Warning.*" if LINT_CODES[code].severity == "warning" else "*Note.*"), code


@pytest.mark.parametrize(("code", "text"), list(sections()), ids=lambda value: value[:30].strip())
def test_the_example_of_a_section_sets_its_finding_off_and_nothing_else(code: str, text: str):
    blocks = re.findall(r"(?s)```yaml\n(.*?)```", text)
    pipelines = [one for one in blocks if one.startswith("pipeline:")]
    main = next((one for one in blocks if one.startswith("stageauto:")), PLAIN)
    assert codes(pipelines[-1], main=main, before=pipelines[0] if len(pipelines) > 1 else "") == [code]


def test_nothing_is_linted_without_being_asked_or_beside_an_error():
    blocked = HEAD + "  - id: new\n    triggers: [{id: a, event: call.received}]\n  - id: done\n"
    files = {"stageauto.yaml": PLAIN, "pipelines/orders.yaml": blocked}
    assert load(files, env=ENV, now=NOW).diagnostics == ()
    assert "trigger-blocked" in [one.code for one in load(files, env=ENV, now=NOW, lint={}).diagnostics]
    broken = load({**files, "pipelines/other.yaml": "pipeline: [\n"}, env=ENV, now=NOW, lint={})
    assert [one.code for one in broken.diagnostics] == ["bad-yaml"]


# -- what is not so is not told --------------------------------------------------------------------------------------

STEP = "  - id: {0}\n    rules:\n      - {{id: to-{1}, do: change_stage, {2}with: {{to: {1}}}}}\n"


@pytest.mark.parametrize(
    ("there", "back", "expected"),
    [
        ("", "", ["circle"]),
        ("if: item.paid, ", "if: item.paid, ", ["circle"]),
        ("if: item.paid, ", "", ["circle"]),
        ("if: item.paid, ", "if: item.amount > 5, ", ["circle-maybe"]),
        ("if: item.amount > 5, ", "if: item.amount <= 5, ", []),
        ("if: item.amount > 5, ", "if: item.amount < 7, ", ["circle-maybe"]),
        ("if: item.amount == 5, ", "if: item.amount == 6, ", []),
        ("if: item.amount == 5, ", "if: item.amount != 5, ", []),
        ("if: item.amount == 5, ", "if: item.amount >= 5, ", ["circle-maybe"]),
        ("if: item.amount > 5 or item.paid, ", "if: item.amount <= 5 or item.paid, ", ["circle-maybe"]),
        ("if: item.paid, ", "if: not item.paid, ", []),
        ("when: {delay: 1d}, ", "", []),
        ("once: item, ", "", []),
        ("enabled: false, ", "", []),
    ],
)
def test_only_what_goes_round_by_itself_is_a_circle(there: str, back: str, expected: list[str]):
    text = HEAD + STEP.format("a", "b", there) + STEP.format("b", "a", back)
    assert [one for one in codes(text) if one.startswith("circle")] == expected


def test_a_trigger_on_the_entry_of_a_stage_is_part_of_a_circle():
    text = HEAD + STEP.format("a", "b", "") + "  - id: b\n    rules: []\n"
    back = "    triggers: [{id: t, event: stage.entered, where: {stage: b}, allow_back: true}]\n"
    text = text.replace("  - id: a\n", "  - id: a\n" + back)
    assert "circle" in codes(text)
    assert "circle" not in codes(text.replace("{stage: b}", "{stage: c}").replace("- id: b\n", "- id: b\n  - id: c\n"))


@pytest.mark.parametrize(
    ("first", "second", "shadowed"),
    [
        ("", "", True),
        ("where: {channel: a}", "where: {channel: a}", True),
        ("where: {channel: [a, b]}", "where: {channel: a}", True),
        ("where: {channel: a}", "where: {channel: [a, b]}", False),
        ("where: {channel: a}", "", False),
        ("if: item.amount > 5", "", False),
        ("if: true", "", True),
        ("enabled: false", "", False),
        ("", "route: all", False),
        ("", "allow_back: true", False),
    ],
)
def test_a_trigger_is_shadowed_only_by_one_that_takes_all_it_could(first: str, second: str, shadowed: bool):
    def trigger(name: str, more: str) -> str:
        return f"      - {{id: {name}, event: email.received, {more}}}\n".replace(", }", "}")

    text = HEAD + "  - id: new\n  - id: talks\n    triggers:\n" + trigger("one", first) + trigger("two", second)
    text += "  - id: last\n    triggers: [{id: on, event: call.received}]\n"
    assert ("trigger-shadowed" in codes(text)) is shadowed


def test_a_trigger_of_a_nearer_stage_does_not_shadow_one_that_moves_on_from_there():
    text = HEAD + "  - id: a\n  - id: b\n    triggers: [{id: one, event: email.received}]\n"
    text += "  - id: c\n    triggers: [{id: two, event: email.received}]\n"
    assert codes(text) == []


@pytest.mark.parametrize(
    ("mover", "rule", "never"),
    [
        ("when: {delay: 7d}", "when: {delay: 8d}", True),
        ("when: {delay: 7d}", "when: {delay: 7d}", True),
        ("when: {delay: 7d}", "when: {delay: 6d}", False),
        ("when: {delay: 1mo}", "when: {delay: 30d}", False),
        ("when: {delay: 7d}, if: item.paid", "when: {delay: 8d}", False),
        ("when: {delay: 7d}, if: item.paid", "after: go", False),
        ("when: {delay: 7d}", "after: go", True),
        ("when: {delay: 7d}", "when: {delay: 8d}, on_leave: keep", False),
        ("when: {delay: 7d, if_late: skip}", "when: {delay: 8d}", False),
        ("when: {delay: 7d}, once: item", "when: {delay: 8d}", False),
        ("when: immediately", "when: immediately", True),
    ],
)
def test_a_rule_never_runs_only_where_the_item_has_surely_left(mover: str, rule: str, never: bool):
    text = HEAD + "  - id: new\n    rules:\n" + f"      - {{id: go, do: change_stage, {mover}, with: {{to: won}}}}\n"
    text += f"      - {{id: late, do: notify, {rule}, with: {{text: x}}}}\n  - {{id: won, kind: won}}\n"
    assert ("rule-never-runs" in codes(text)) is never


def test_a_fixed_date_is_past_only_when_it_is_over():
    text = HEAD + '  - id: new\n    rules: [{id: a, do: notify, when: {at: "2026-03-02"}, with: {text: x}}]\n'
    assert codes(text) == []  # it is still that day
    assert [one.code for one in check(text, now=NOW + 86_400_000).diagnostics] == ["date-past"]


# -- ignoring ---------------------------------------------------------------------------------------------------------

BLOCKED = "  - id: new\n    triggers:\n      - id: a{0}\n        event: call.received\n  - id: done\n"


def test_a_comment_takes_a_finding_of_its_line_away():
    assert "trigger-blocked" in codes(HEAD + BLOCKED.format(""))
    found = codes(HEAD + BLOCKED.format(" # stageauto: ignore trigger-blocked, stage-stuck: people call us"))
    assert "trigger-blocked" not in found
    assert found.count("unused-ignore") == 1  # `stage-stuck` is told elsewhere


@pytest.mark.parametrize("place", ["  - id: new\n", "    triggers:\n"])
def test_a_comment_above_or_behind_a_block_is_about_all_of_it(place: str):
    text = HEAD + BLOCKED.format("")
    comment = "# stageauto: ignore trigger-blocked"
    behind = text.replace("triggers:\n", f"triggers: {comment}\n")
    above = text.replace("    triggers:\n", f"    {comment}\n    triggers:\n")
    assert "trigger-blocked" not in codes(behind)
    assert "trigger-blocked" not in codes(above)
    if place.startswith("  - id"):
        assert "unused-ignore" in codes(text.replace(place, place.rstrip() + f" {comment}\n"))


@pytest.mark.parametrize(
    "value",
    [
        '"x # stageauto: ignore nothing"',
        "'x # stageauto: ignore nothing'",
        "|\n          # stageauto: ignore nothing\n",
    ],
)
def test_text_that_looks_like_a_comment_is_none(value: str):
    text = HEAD + f"  - id: new\n    rules:\n      - id: a\n        do: notify\n        with:\n         text: {value}\n"
    assert codes(text) == []


def test_a_warning_of_the_loader_can_be_ignored_and_an_error_cannot():
    def text(moment: str, code: str) -> str:
        when = f'when: {{at: "{moment}"}} # stageauto: ignore {code}'
        return (
            HEAD
            + f"  - id: new\n    rules:\n      - id: a\n        do: notify\n        {when}\n        with: {{text: x}}\n"
        )

    assert codes(text("2027-03-28T02:30", "time-skipped")) == []
    broken = check(text("2027-13-28T02:30", "bad-time"))
    assert [one.code for one in broken.diagnostics] == ["bad-time"]


# -- formats ----------------------------------------------------------------------------------------------------------


def test_sarif_has_what_its_schema_requires():
    found = [one for folder in CASES for one in linted(folder).diagnostics]
    log = json.loads(to_sarif(found))
    assert set(log) == {"version", "$schema", "runs"}
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert run["tool"]["driver"]["name"] == "stageauto"
    assert len({one["id"] for one in rules}) == len(rules)
    assert all(one["shortDescription"]["text"] not in {"", one["id"]} for one in rules)
    assert len(run["results"]) == len(found)
    for one in run["results"]:
        assert one["ruleId"] in {rule["id"] for rule in rules}
        assert one["level"] in {"error", "warning", "note"}
        assert one["message"]["text"]
        place = one["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"]
        assert place["region"]["startLine"] >= 1
        assert place["region"]["startColumn"] >= 1


def test_a_workflow_command_cannot_be_broken_out_of():
    text = HEAD + '  - id: new\n    rules: [{id: a, do: notify, if: "1 > 2\\n::error::x 100%", with: {text: x}}]\n'
    for one in (*check(text).diagnostics, *(one for folder in CASES for one in linted(folder).diagnostics)):
        (line,) = to_github([one]).splitlines()
        assert re.match(r"::(error|warning|notice) file=[^,:]+(,line=\d+,col=\d+)?,title=[a-z-]+::", line)


def test_the_hook_for_pre_commit_runs_a_command_that_there_is():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert hook["id"] == "stageauto-validate"
    assert hook["entry"] == "stageauto validate"
    assert not hook["pass_filenames"]
    for name in ("stageauto.yaml", "acme/pipelines/deals.yaml", "templates/a.html"):
        assert re.search(hook["files"], name)
    assert not re.search(hook["files"], "src/app.py")


def test_a_booking_that_is_given_back_is_read():
    resources = "resources: {room: {name: Room}}\n"
    text = """\
pipeline: p
fields: {room: booking, meet: {type: datetime, required: true}}
stages:
  - id: new
    rules:
      - {id: b, do: book_resource, with: {resource: room, start: "{{ item.meet }}", duration: 1h, field: room}}
  - id: lost
    kind: lost
    triggers: [{id: t, event: app.no}]
    rules: [{id: f, do: cancel_booking, with: {field: room}}]
"""
    assert codes(text, main=PLAIN + resources) == []


def test_a_pipeline_that_cannot_be_read_is_no_missing_pipeline():
    assert [one.code for one in check("pipeline: [").diagnostics] == ["bad-yaml"]
    assert [one.code for one in check("pipeline: p\n").diagnostics] == ["missing-key"]


# -- tricky, but right ------------------------------------------------------------------------------------------------

TRICKY = sorted((Path(__file__).parent / "cases" / "tricky").glob("*.yaml"))
TRICKY_MAIN = """\
stageauto: 1
timezone: Europe/Warsaw
calendars: {working: {mon-fri: "09:00-17:00"}}
users: {anna: {name: Anna, email: a@a.test, mailbox: mail, roles: [all]}}
roles: {all: {"*": [automation.read, automation.update, items.read, items.update]}}
channels: {mail: {type: file, from: a@a.test}}
resources: {r: {name: R}}
vars: {company: Acme}
"""
OTHER = """\
pipeline: q
fields: {price: {type: money, default: 0}}
stages:
  - id: one
    rules: [{id: n, do: notify, if: item.price > 1, with: {text: x}}]
    triggers: [{id: back, event: app.again, allow_back: true}]
  - id: two
    triggers: [{id: t, event: app.two}]
  - {id: won, kind: won, triggers: [{id: paid, event: invoice.paid}]}
"""


@pytest.mark.parametrize("file", TRICKY, ids=lambda path: path.stem)
def test_what_is_tricky_but_right_sets_nothing_off(file: Path):
    texts = {
        "stageauto.yaml": TRICKY_MAIN, "pipelines/p.yaml": file.read_text("utf-8"), "pipelines/q.yaml": OTHER,
        "templates/hello.txt": "Your number is {{ item.no }}\n",
    }  # fmt: skip
    found = load(texts, env=ENV, now=NOW, lint={}).diagnostics
    assert [(one.code, one.file, one.line, one.message) for one in found] == []


def test_there_are_many_of_them():
    assert len(TRICKY) > 40
