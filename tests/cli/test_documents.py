"""`documents`, `documents save` and `sign`: the real command line on a workspace whose rules make contracts."""

from __future__ import annotations

from pathlib import Path

import pytest

from stageauto.loader.files import read_files
from stageauto.runner.session import Session
from stageauto.runner.versions import load

PIPELINE = """\
pipeline: contracts
fields: {contract: file}
stages:
  - id: new
    rules:
      - id: write
        do: create_document
        with: {template: contract.html, name: "Contract [/] {{ contact.first_name }}", number: "C-{n}", field: contract}
      - {id: ask, do: request_signature, after: write, with: {sender: anna, recipient: false}}
  - {id: done, kind: won, triggers: [{id: all, event: document.signed_by_all}]}
"""


@pytest.fixture
def contract(cli, root: Path):
    """A contract that Anna is asked to sign."""
    settings = (root / "stageauto.yaml").read_text("utf-8")
    settings = settings.replace("sales: {deals:", "sales: {contracts: [items.read, items.update], deals:")
    (root / "stageauto.yaml").write_text(settings, "utf-8")
    (root / "pipelines/contracts.yaml").write_text(PIPELINE, "utf-8")
    (root / "templates").mkdir(exist_ok=True)
    (root / "templates/contract.html").write_text("<p>{{ contact.first_name }}</p>", "utf-8")
    with Session.open(root, as_user="olga") as session:
        load(session, read_files(root))
    return cli("add", "contracts", "-t", "A", "--contact", "first_name=Ewa", "--as", "olga", "--json").json["id"]


def test_documents_are_listed_with_who_has_signed(cli, contract):
    (one,) = cli("documents", "--as", "olga", "--json").json
    assert (one["item"], one["number"], one["state"], one["opened_at"]) == (contract, "C-1", "to_sign", None)
    assert [(each["who"], each["signed_at"]) for each in one["signatures"]] == [("anna", None)]
    assert "Contract [/] Ewa" in cli("documents", "--item", contract, "--as", "olga").out
    shown = cli("show", contract, "--as", "olga", "--json").json
    assert [each["number"] for each in shown["documents"]] == ["C-1"]
    assert "Anna Nowak (asked)" in cli("show", contract, "--as", "olga").out


@pytest.mark.usefixtures("contract")
def test_whoever_was_asked_signs(cli):
    assert cli("sign", "C-1", "--yes", "--as", "olga").code == 2
    done = cli("sign", "C-1", "--yes", "--as", "anna")
    assert done.code == 0
    assert "C-1 is signed; signed by all" in done.out
    assert "SHA-256" in done.err
    again = cli("sign", "C-1", "--yes", "--as", "anna")
    assert (again.code, "signed by Anna Nowak already" in again.err) == (2, True)
    assert cli("items", "--pipeline", "contracts", "--as", "olga", "--json").json[0]["stage"] == "done"
    assert any(one["action"] == "sign" for one in cli("audit", "--as", "olga", "--json").json)


@pytest.mark.usefixtures("contract")
def test_doctor_says_how_the_signing_key_is(cli, root: Path):
    def said():
        (one,) = [one for one in cli("doctor", "--json").json["findings"] if one["check"] == "signing key"]
        return one

    assert "good until" in said()["text"]
    (root / ".stageauto/signing.pem").unlink()
    assert "the first signature" in said()["text"]
    cli("sign", "C-1", "--yes", "--as", "anna")
    assert cli("documents", "save", "C-1", "--as", "olga").code == 0
    assert "good until" in said()["text"]
    (root / ".stageauto/signing.pem").write_text("no key", "utf-8")
    assert said()["level"] == "bad"


@pytest.mark.usefixtures("contract")
def test_the_signing_key_is_there_as_soon_as_rules_that_sign_are_loaded_and_stays(cli, root: Path):
    key = root / ".stageauto/signing.pem"
    made = key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    settings = (root / "stageauto.yaml").read_text("utf-8")
    (root / "stageauto.yaml").write_text(settings + "vars: {company: Another}\n", "utf-8")
    assert cli("load", "--yes", "--as", "olga").code == 0
    assert key.read_bytes() == made


def test_the_signing_key_is_in_the_name_of_the_company(anywhere, root: Path, tmp_path: Path):
    folder = tmp_path / "new"
    assert anywhere("init", str(folder), "--template", "esign").code == 0
    settings = (folder / "stageauto.yaml").read_text("utf-8")
    settings = settings.replace("company: Acme Roofing", "company: Nowak Sp. z o.o.")
    (folder / "stageauto.yaml").write_text(settings, "utf-8")
    assert anywhere("-C", str(folder), "load", "--json").code == 0
    (found,) = [
        one for one in anywhere("-C", str(folder), "doctor", "--json").json["findings"] if one["check"] == "signing key"
    ]
    assert "Nowak Sp. z o.o." in found["text"]
    assert not (root / ".stageauto/signing.pem").exists()  # nothing is signed there, so nothing is made


@pytest.mark.usefixtures("contract")
def test_a_pdf_is_written_to_a_file_that_is_not_there_yet(cli, tmp_path: Path):
    target = tmp_path / "x.pdf"
    assert cli("documents", "save", "1", str(target), "--as", "olga", "--json").json == {"file": str(target)}
    assert target.read_bytes().startswith(b"%PDF-")
    refused = cli("documents", "save", "1", str(target), "--as", "olga")
    assert (refused.code, "is there already" in refused.err) == (2, True)
    assert cli("documents", "save", "C-9", "--as", "olga").code == 2


@pytest.mark.usefixtures("contract")
def test_who_may_not_see_the_item_sees_no_document_of_it(cli, tmp_path: Path):
    assert cli("documents", "--as", "peter").code == 5
    assert cli("documents", "save", "1", str(tmp_path / "y.pdf"), "--as", "peter").code == 5
