"""What is built of valid files, and what the loader promises besides its diagnostics."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from stageauto.engine.durations import Duration
from stageauto.engine.model import Rule, Workspace
from stageauto.engine.schedule import Repeat, When
from stageauto.loader.codes import CODES
from stageauto.loader.diagnostics import Diagnostic, near, suggest
from stageauto.loader.files import (
    UnreadableFileError,
    WorkspaceNotFoundError,
    file_finder,
    find_workspace,
    read_files,
    read_scenarios,
)
from stageauto.loader.load import Loaded, load
from stageauto.loader.scenario import Delete, Emit, Expect, Move, SetFields
from stageauto.report.diagnostics import as_data, render_text, to_github
from tests.loader.case_files import BASE, CASES, ENV, NOW, PLAIN

EVERYTHING = (CASES / "valid" / "everything.yaml").read_text(encoding="utf-8")


def loaded(extra: Mapping[str, str], scenarios: Mapping[str, str] | None = None) -> Loaded:
    return load({**read_files(BASE), **extra}, env=ENV, now=NOW, scenarios=scenarios)


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    found = loaded({"pipelines/everything.yaml": EVERYTHING}).workspace
    assert found is not None
    return found


def rule(workspace: Workspace, name: str) -> Rule:
    found = workspace.pipelines["everything"].rule(name)
    assert found is not None
    return found


def test_a_rule_has_its_time_chain_and_place(workspace: Workspace):
    found = rule(workspace, "tracking-mail")
    assert found.when == When(
        kind="before",
        field="delivery_date",
        by=Duration(days=1, ms=12 * 3_600_000),
        time=(12, 0),
        if_past="skip",
        if_missing="skip",
        if_late=Duration(ms=2 * 3_600_000),
    )
    assert (found.after, found.hours, found.keep, found.once_item) == (("at-once",), "working", True, True)
    assert found.continue_on_failure
    assert found.retry is not None
    assert (found.retry.attempts, found.retry.first, found.retry.factor, found.retry.max) == (3, 10_000, 2.0, 3_600_000)
    assert found.path == "stages/new/rules/1"
    line = EVERYTHING.splitlines()[found.place.line - 1]
    assert line.strip() == "- id: tracking-mail"


def test_every_kind_of_when_is_built(workspace: Workspace):
    assert rule(workspace, "at-once").when == When(kind="immediately")
    assert rule(workspace, "after-meeting").when == When(kind="after", field="meeting_at", by=Duration(ms=7_200_000))
    assert rule(workspace, "fixed").when == When(kind="at", at="2026-12-24T09:00")
    assert rule(workspace, "at-field").when == When(kind="at", field="delivery_date", time=(9, 30))
    assert rule(workspace, "stuck").action.delay_from_entry() == Duration(days=3)


def test_a_chain_may_name_several_rules_and_skips_disabled_ones_with_previous(workspace: Workspace):
    assert rule(workspace, "at-field").after == ("at-once", "fixed")
    assert not rule(workspace, "off").enabled


def test_repetitions_are_built(workspace: Workspace):
    assert rule(workspace, "daily").repeat == Repeat(every=Duration(working_days=1), times=3)
    assert rule(workspace, "mondays").repeat == Repeat(cron="0 9 * * mon-fri")


def test_a_scalar_keeps_its_own_text_where_text_is_wanted(workspace: Workspace):
    assert rule(workspace, "tracking-mail").action.type == "0012"  # type: ignore[attr-defined]
    assert workspace.pipelines["everything"].fields["interests"].options == ("roof", "facade", "12")


def test_triggers_are_found_by_event_and_disabled_ones_are_not(workspace: Workspace):
    table = workspace.pipelines["everything"].triggers_by_event
    assert [one.id for one in table["email.received"]] == ["customer-wrote"]
    assert table["email.received"][0].where == {"channel": ("mail", "other")}
    assert table["schedule"][0].from_stages == ("new",)


def test_the_rest_of_the_pipeline_is_built(workspace: Workspace):
    pipeline = workspace.pipelines["everything"]
    assert (pipeline.moved, pipeline.renamed) == ({"gone": "new"}, {"old-rule": "tracking-mail"})
    assert pipeline.intake[0].unless_open_contact
    assert pipeline.intake[0].stage == "new"
    assert [(one.id, one.closed) for one in pipeline.stages] == [
        ("new", False), ("offer", False), ("won", True), ("lost", True),
    ]  # fmt: skip
    assert pipeline.fields["interests"].default == ["roof"]


def test_a_later_rule_of_a_broken_pipeline_is_told_as_well():
    broken = (
        EVERYTHING.replace("text: Look", "txt: Look")
        .replace("mon-fri}", "mon-fry}")
        .replace('cron: "0 9 * * mon"', 'cron: "9"')
    )
    codes = [one.code for one in loaded({"pipelines/everything.yaml": broken}).diagnostics]
    assert codes == ["missing-key", "unknown-key", "bad-cron"]


def test_faults_of_all_files_are_told_in_one_run():
    found = loaded(
        {
            "pipelines/everything.yaml": EVERYTHING.replace("deal: {type: item", "deal: {type: itm"),
            "stageauto.yaml": "[",
        },
        {"scenarios/x.yaml": "scenario: x\n"},
    )
    assert {one.file for one in found.diagnostics} >= {
        "pipelines/everything.yaml",
        "stageauto.yaml",
        "scenarios/x.yaml",
    }


def test_a_workspace_without_stageauto_yaml_says_how_to_get_one():
    found = load({}, env={}, now=NOW)
    assert [(one.code, one.hint) for one in found.diagnostics] == [("missing-file", "run `stageauto init`")]


def test_loading_twice_gives_the_same_diagnostics():
    extra = {"pipelines/everything.yaml": EVERYTHING.replace("item.", "itm.")}
    assert loaded(extra).diagnostics == loaded(extra).diagnostics


SCENARIO = """scenario: One
start: 2026-03-02T09:00
given:
  companies: [{id: acme, name: Acme, phones: +48600100200}]
  contacts:
    - {id: ewa, first_name: Ewa, emails: [ewa@home.test, {value: e@work.test, type: work}],
       opt_out: true, company: acme}
  items:
    - {id: d1, pipeline: deals, responsible: anna, contact: ewa, fields: {amount: 9000}}
    - {id: d2, pipeline: deals, stage: offer, contact: {first_name: Jan}, company: {name: Own}}
  exceptions: [spam@x.test]
  fail: [{channel: sms, times: 2, error: slow down}]
steps:
  - {after: 2h, emit: email.received, contact: ewa@home.test, data: {subject: Hi}}
  - {at: "2026-03-03T12:00", move: {item: d1, to: offer, as: anna}}
  - set: {item: d1, fields: {amount: null}}
  - delete: d2
  - expect: {items: {d2: null, d1: {on_hold: false}}, moves: {d1: [new, offer]}, sent: [{to: anna}], exactly: true}
"""


def test_a_scenario_becomes_typed_data():
    found = loaded({}, {"scenarios/one.yaml": SCENARIO})
    assert found.diagnostics == ()
    (scenario,) = found.scenarios
    assert (scenario.name, scenario.file, scenario.start) == ("One", "scenarios/one.yaml", "2026-03-02T09:00")
    first, second = scenario.given.items
    assert (first.stage, first.contacts, first.title) == ("new", ("ewa",), "d1")
    assert (second.contacts, second.company) == (("contact-d2",), "company-d2")
    ewa, jan = scenario.given.contacts
    assert ewa.values["emails"] == [{"value": "ewa@home.test", "type": ""}, {"value": "e@work.test", "type": "work"}]
    assert (ewa.values["opt_out"], ewa.company, jan.id) == (["*"], "acme", "contact-d2")
    assert scenario.given.companies[0].values["phones"] == [{"value": "+48600100200", "type": ""}]
    deeds = [step.deed for step in scenario.steps]
    assert deeds[0] == Emit("email.received", contact="ewa@home.test", data={"subject": "Hi"})
    assert deeds[1] == Move("d1", "offer", "anna")
    assert deeds[2] == SetFields("d1", {"amount": None})
    assert deeds[3] == Delete("d2")
    assert isinstance(deeds[4], Expect)
    assert deeds[4].exactly
    assert deeds[4].moves == {"d1": ("new", "offer")}
    assert scenario.steps[0].after == Duration(ms=7_200_000)
    assert scenario.steps[1].at == "2026-03-03T12:00"


def test_the_workspace_is_found_upward(tmp_path: Path):
    (tmp_path / "stageauto.yaml").write_text("stageauto: 1\n")
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert find_workspace(tmp_path / "a" / "b") == tmp_path.resolve()


def test_no_workspace_upward_points_to_init(tmp_path: Path):
    with pytest.raises(WorkspaceNotFoundError, match="stageauto init"):
        find_workspace(tmp_path)


def test_only_what_belongs_to_the_workspace_is_read(tmp_path: Path):
    for name in (
        "stageauto.yaml", "pipelines/a.yaml", "pipelines/b.yml", "pipelines/c.txt", "pipelines/.d.yaml", "other.yaml",
        "templates/mail.html", "templates/files/x.txt", "holidays.ics", "scenarios/s.yaml",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    assert list(read_files(tmp_path)) == [
        "stageauto.yaml", "pipelines/a.yaml", "pipelines/b.yml", "templates/mail.html", "holidays.ics",
    ]  # fmt: skip
    assert list(read_scenarios(tmp_path)) == ["scenarios/s.yaml"]


def test_a_link_out_of_the_workspace_is_no_file_of_it(tmp_path: Path):
    root = tmp_path / "root"
    (root / "templates" / "files").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("x")
    (root / "templates" / "files" / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "templates" / "files" / "own.txt").write_text("x")
    present = file_finder(root)
    assert present("templates/files/own.txt")
    assert not present("templates/files/link.txt")
    assert not present("templates/../../secret.txt")


def test_a_file_that_cannot_be_read_is_named():
    with TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        path = root / "stageauto.yaml"
        path.write_text("x")
        path.chmod(0)
        with nobody(), pytest.raises(UnreadableFileError, match=r"stageauto\.yaml"):
            read_files(root)


@contextmanager
def nobody() -> Iterator[None]:
    """Who may read everything is somebody else for the moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("amont", "amount"), ("Amount", "amount"), ("order-no", "order_no"), ("zzz", None), ("x" * 1000, None)],
)
def test_what_was_meant_is_guessed(name: str, meant: str | None):
    assert near(name, ["amount", "order_no"]) == meant


def test_where_nothing_is_near_the_names_are_listed():
    assert suggest("zzz", ["b", "a"]) == "there is `a`, `b`"
    assert suggest("zzz", []) == ""


def test_every_code_is_explained_by_one_sentence():
    assert all(text.endswith(".") and len(text) > 10 for text in CODES.values())
    assert all(code == code.lower() and " " not in code for code in CODES)


def finding(**more: object) -> Diagnostic:
    values: dict[str, object] = {
        "code": "unknown-key", "severity": "error", "file": "a.yaml", "line": 12, "column": 5, "path": "stages/new",
        "message": "there is no key `wen` here", "hint": "did you mean `when`?", "source_line": "    wen: x",
        "end_column": 8,
    }  # fmt: skip
    return Diagnostic(**{**values, **more})  # type: ignore[arg-type]


def test_a_finding_is_printed_as_a_compiler_prints_it():
    assert render_text([finding(expected="one of id, when")], False) == (
        "error[unknown-key]: there is no key `wen` here\n"
        "  --> a.yaml:12:5  (stages/new)\n"
        "   |\n"
        "12 |     wen: x\n"
        "   |     ^^^\n"
        "   = expected: one of id, when\n"
        "   = hint: did you mean `when`?\n"
        "\n"
        "1 error\n"
    )


def test_the_whole_name_is_underlined_as_it_is_written():
    rule = "{id: a, do: notify, if: \"results['b'].outcome == contacts[0].frist\", with: {text: x}}"
    files = {
        "stageauto.yaml": PLAIN,
        "pipelines/p.yaml": f"pipeline: p\nstages:\n  - id: s\n    rules:\n      - {rule}\n",
    }
    found = load(files, env={}, now=NOW).diagnostics
    assert [one.source_line[one.column - 1 : one.end_column - 1] for one in found] == [
        "results['b'].outcome",
        "contacts[0].frist",
    ]


def test_a_long_source_line_is_shown_around_the_caret():
    text = render_text([finding(source_line="x" * 5000 + "wen" + "y" * 5000, column=5001, end_column=5004)], False)
    shown, caret = text.splitlines()[3:5]
    assert len(shown) < 150
    assert shown[caret.index("^") : caret.rindex("^") + 1] == "wen"


def test_what_a_terminal_would_obey_is_not_printed():
    text = render_text([finding(source_line="\x1b[2J\x07wen\u202e", message="\x1b]0;x\x07", column=6)], False)
    assert not any(ch in text for ch in "\x1b\x07\u202e")


def test_github_gets_one_escaped_line_a_finding():
    text = to_github([finding(message="100%\nof a:b", hint="", file="a,b:c.yaml")])
    assert text == "::error file=a%2Cb%3Ac.yaml,line=12,col=5,title=unknown-key::100%25%0Aof a:b\n"


def test_json_has_the_promised_keys_and_is_ok_with_warnings_alone():
    found = as_data([finding(severity="warning")])
    assert found["ok"] is True
    assert list(found["diagnostics"][0]) == ["code", "severity", "file", "line", "column", "path", "message", "hint"]
