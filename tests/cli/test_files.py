"""The commands that work on files: init, validate, load, versions, graph."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from stageauto.report.upkeep import started_text
from stageauto.runner.starting import TEMPLATES, missing_extra


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_a_new_workspace_is_valid_and_its_scenarios_pass(anywhere, tmp_path, template):
    folder = tmp_path / "new"
    made = anywhere("init", str(folder), "--template", template, "--json")
    assert made.code == 0
    assert "stageauto.yaml" in made.json["files"]
    checked = anywhere("-C", str(folder), "validate", "--strict", "--json")
    assert checked.json == {"ok": True, "diagnostics": []}
    tested = anywhere("-C", str(folder), "test", "--json")
    assert tested.json["failed"] == 0
    assert tested.json["passed"] >= 1
    assert anywhere("-C", str(folder), "load", "--json").json["version"] == 1


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_the_schemas_that_the_files_name_are_there(anywhere, tmp_path, template):
    anywhere("init", str(tmp_path / "new"), "--template", template)
    named = 0
    for path in (tmp_path / "new").rglob("*.yaml"):
        first = path.read_text("utf-8").splitlines()[0]
        if "$schema=" in first:
            named += 1
            assert (path.parent / first.split("$schema=")[1]).is_file()
    assert named >= 3


def test_whoever_makes_a_workspace_is_its_admin_whatever_the_environment_says(anywhere, tmp_path, monkeypatch):
    assert anywhere("init", str(tmp_path / "new"), "--template", "sales").code == 0
    for name in ("somebody-else", None):
        monkeypatch.setenv("USER", name) if name else monkeypatch.delenv("USER", raising=False)
        assert anywhere("-C", str(tmp_path / "new"), "load", "--json").code == 0
        added = anywhere("-C", str(tmp_path / "new"), "add", "deals", "-t", "A", "--json")
        assert added.code == 0, added.err


def test_init_says_what_to_install_for_what_it_made():
    written = ["stageauto.yaml"]
    assert "  pip install 'stageauto[documents]'" in "\n".join(started_text(Path("new"), "esign", written, "documents"))
    assert "pip install" not in "\n".join(started_text(Path("new"), "esign", written, missing_extra("esign")))
    assert all(missing_extra(one) == "" for one in TEMPLATES)


def test_a_missing_package_of_a_template_is_noticed(monkeypatch):
    monkeypatch.setitem(TEMPLATES, "esign", replace(TEMPLATES["esign"], packages=("no_such_package",)))
    assert missing_extra("esign") == "documents"


def test_init_where_nothing_can_be_written_is_a_usage_error(anywhere, tmp_path):
    (tmp_path / "file").write_text("no folder", "utf-8")
    for place in ("file", "file/new"):
        refused = anywhere("init", str(tmp_path / place))
        assert refused.code == 2
        assert "cannot be written" in refused.err


def test_init_goes_where_the_workspace_is_named(anywhere, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert anywhere("-C", "acme", "init", "--template", "blank").code == 0
    assert anywhere("init", "sub", "-C", "acme", "--template", "blank").code == 0
    assert (tmp_path / "acme/stageauto.yaml").is_file()
    assert (tmp_path / "acme/sub/stageauto.yaml").is_file()
    assert [one.name for one in tmp_path.iterdir()] == ["acme"]


def test_init_overwrites_nothing(anywhere, tmp_path):
    (tmp_path / "stageauto.yaml").write_text("mine\n", "utf-8")
    done = anywhere("init", str(tmp_path))
    assert done.code == 2
    assert "nothing was written" in done.err
    assert [one.name for one in tmp_path.iterdir()] == ["stageauto.yaml"]


def test_validate_shows_the_place_and_ends_with_one(anywhere, unloaded, monkeypatch):
    path = unloaded / "pipelines" / "deals.yaml"
    path.write_text(path.read_text("utf-8").replace("do: notify", "do: notifi"), "utf-8")
    text = anywhere("-C", str(unloaded), "validate")
    assert text.code == 1
    assert "pipelines/deals.yaml:" in text.out
    assert "did you mean `notify`" in text.out
    found = anywhere("-C", str(unloaded), "validate", "--json")
    assert found.code == 1
    assert found.json["ok"] is False
    assert set(found.json["diagnostics"][0]) == {
        "code", "severity", "file", "line", "column", "path", "message", "hint",
    }  # fmt: skip
    assert anywhere("-C", str(unloaded), "validate", "--format", "github").out.startswith("::error file=pipelines/")
    above = unloaded.parent
    monkeypatch.chdir(above)
    (unloaded / "pipelines" / "deals.yaml").rename(unloaded / "pipelines" / "my deals.yaml")
    line = anywhere("-C", unloaded.name, "validate", "--format", "github").out
    assert line.startswith(f"::error file={unloaded.name}/pipelines/my deals.yaml,")
    sarif = json.loads(anywhere("-C", unloaded.name, "validate", "--format", "sarif").out)
    place = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": f"{unloaded.name}/pipelines/my%20deals.yaml"}
    assert sarif["version"] == "2.1.0"


def test_validate_of_one_file_leaves_the_findings_of_others_out(anywhere, unloaded):
    path = unloaded / "pipelines" / "deals.yaml"
    path.write_text(path.read_text("utf-8").replace("do: notify", "do: notifi"), "utf-8")
    assert anywhere("-C", str(unloaded), "validate", str(unloaded / "pipelines" / "leads.yaml")).code == 0
    assert anywhere("-C", str(unloaded), "validate", str(path)).code == 1
    assert anywhere("-C", str(unloaded), "validate", str(unloaded / "nothing.yaml")).code == 2


def test_load_makes_versions_and_does_nothing_for_the_same_files(anywhere, unloaded):
    first = anywhere("-C", str(unloaded), "load", "--json").json
    assert (first["version"], first["changed"]) == (1, True)
    again = anywhere("-C", str(unloaded), "load", "--as", "olga", "--json").json
    assert (again["version"], again["changed"]) == (1, False)
    path = unloaded / "pipelines" / "deals.yaml"
    path.write_text(path.read_text("utf-8").replace("id: tell", "id: tell-them"), "utf-8")
    changed = anywhere("-C", str(unloaded), "load", "--as", "olga", "--note", "a better name", "--json").json
    assert changed["version"] == 2
    assert [(one["how"], one["name"]) for one in changed["plan"]["changes"]] == [
        ("removed", "deals/quote/tell"), ("added", "deals/quote/tell-them"),
    ]  # fmt: skip
    listed = anywhere("-C", str(unloaded), "versions", "--as", "anna", "--json")
    assert [(one["version"], one["active"], one["note"]) for one in listed.json] == [
        (1, False, ""), (2, True, "a better name"),
    ]  # fmt: skip


def test_load_of_broken_files_changes_nothing(anywhere, unloaded):
    path = unloaded / "pipelines" / "deals.yaml"
    path.write_text("pipeline: [\n", "utf-8")
    done = anywhere("-C", str(unloaded), "load")
    assert done.code == 1
    assert "pipelines/deals.yaml:" in done.err
    assert not done.out
    assert not (unloaded / ".stageauto").exists()


def test_load_needs_the_right_to_change_the_automation(cli, root):
    path = root / "pipelines" / "deals.yaml"
    path.write_text(path.read_text("utf-8") + "\n# changed\n", "utf-8")
    assert cli("load", "--as", "anna").code == 5
    assert [one["version"] for one in cli("versions", "--json").json] == [1]


def test_the_graph_shows_chains_triggers_and_where_rules_lead(anywhere, tmp_path):
    folder = tmp_path / "new"
    anywhere("init", str(folder), "--template", "sales")
    text = anywhere("-C", str(folder), "graph", "deals").out
    assert "2. quote  Quoted" in text
    assert "<- field.changed (field=agreed; to=True)" in text
    assert "-> lost" in text
    mermaid = anywhere("-C", str(folder), "graph", "deals", "--format", "mermaid").out
    assert mermaid.startswith("flowchart LR\n")
    assert 's1["Quoted<br/>' in mermaid
    data = anywhere("-C", str(folder), "graph", "leads", "--json").json
    assert [one["id"] for one in data["stages"]][:2] == ["new", "contacted"]
    unknown = anywhere("-C", str(folder), "graph", "deal")
    assert unknown.code == 2
    assert "did you mean `deals`?" in unknown.err


def test_a_workspace_without_pipelines_can_be_checked(anywhere, unloaded):
    shutil.rmtree(unloaded / "pipelines")
    (unloaded / "stageauto.yaml").write_text("stageauto: 1\ntimezone: UTC\n", "utf-8")
    assert anywhere("-C", str(unloaded), "validate").code == 0


def test_outside_a_workspace_it_is_said_what_to_do(anywhere, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = anywhere("validate")
    assert done.code == 2
    assert "stageauto init" in done.err


@pytest.mark.parametrize("command", [["graph", "deals"], ["channels"], ["channels", "test", "mail"]])
def test_what_looks_at_broken_files_says_what_is_wrong_with_them(cli, root: Path, command: list[str]):
    (root / "pipelines" / "leads.yaml").write_text("pipeline: [", "utf-8")
    refused = cli(*command)
    assert refused.code == 1
    assert "pipelines/leads.yaml" in refused.err
    assert cli(*command, "--json").json["diagnostics"][0]["file"] == "pipelines/leads.yaml"
