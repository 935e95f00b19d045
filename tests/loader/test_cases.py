"""Every broken workspace has exactly the diagnostics that are written beside it; every valid one has none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stageauto.loader.codes import CODES
from stageauto.loader.files import read_files
from stageauto.loader.load import load
from stageauto.report.diagnostics import render_text, to_github, to_json, to_sarif
from tests.loader.case_files import BASE, CANARY, CASES, ENV, NOW, folders, loaded, said

INVALID = folders("invalid")
WITHOUT_A_FOLDER = {
    "too-large",  # a mebibyte, made below
}
VALID = sorted((CASES / "valid").glob("*.yaml"))


@pytest.mark.parametrize("folder", INVALID, ids=lambda path: path.name)
def test_a_broken_workspace_is_told_all_that_is_wrong(folder: Path):
    assert said(folder) == json.loads((folder / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", INVALID, ids=lambda path: path.name)
def test_a_workspace_with_an_error_outside_its_scenarios_is_not_built(folder: Path):
    found = loaded(folder)
    assert found.diagnostics
    errors = [one for one in found.diagnostics if one.severity == "error"]
    assert (found.workspace is None) == any(not one.file.startswith("scenarios/") for one in errors)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_pipeline_has_no_diagnostics(path: Path):
    files = {**read_files(BASE), f"pipelines/{path.name}": path.read_text(encoding="utf-8")}
    found = load(files, env=ENV, now=NOW)
    assert found.diagnostics == ()
    assert found.workspace is not None


def test_there_are_at_least_eighty_broken_workspaces():
    assert len(INVALID) >= 80


def test_every_code_of_the_table_has_a_case_and_no_other_is_said():
    assert {one["code"] for folder in INVALID for one in said(folder)} == set(CODES) - WITHOUT_A_FOLDER


def test_a_file_of_over_a_mebibyte_is_too_large():
    files = {**read_files(BASE), "pipelines/orders.yaml": "# " + "x" * 1024 * 1024}
    (found,) = load(files, env=ENV, now=NOW).diagnostics
    assert (found.code, found.file, found.line) == ("too-large", "pipelines/orders.yaml", 0)
    assert (found.message, found.hint) == ("the file is over 1 MiB", "split it into several files")


def test_diagnostics_come_sorted_by_file_and_line():
    for folder in INVALID:
        places = [(one.file, one.line) for one in loaded(folder).diagnostics]
        assert places == sorted(places)


def test_a_secret_from_the_environment_is_in_no_diagnostic_in_any_format():
    for folder in INVALID:
        found = loaded(folder).diagnostics
        for text in (render_text(found, True), to_json(found), to_github(found), to_sarif(found), repr(found)):
            assert CANARY not in text


def test_every_diagnostic_of_a_line_shows_that_line():
    for folder in INVALID:
        for one in loaded(folder).diagnostics:
            if one.line and one.code not in {"empty-file", "bad-yaml"}:
                assert one.column <= len(one.source_line) + 1, (folder.name, one)
                assert one.end_column > one.column
