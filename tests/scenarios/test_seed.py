"""The seed of the example workspace: real commands on a copy, then real files in the outbox."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from email import message_from_bytes, policy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
STAGEAUTO = Path(sys.executable).with_name("stageauto")
PATIENCE = 120


@pytest.fixture
def seeded(tmp_path: Path) -> Path:
    """A copy of the examples after `seed.sh` and one run until nothing is left to do."""
    copy = tmp_path / "examples"
    shutil.copytree(EXAMPLES, copy, ignore=shutil.ignore_patterns(".stageauto", ".env"))
    environment = {**os.environ, "STAGEAUTO": str(STAGEAUTO)}
    subprocess.run(["/bin/sh", copy / "seed.sh"], check=True, env=environment, timeout=PATIENCE)
    subprocess.run([STAGEAUTO, "-C", copy, "--as", "olga", "run", "--until-idle"], check=True, timeout=PATIENCE)
    return copy


@pytest.mark.slow
def test_the_seed_makes_mails_that_a_mail_program_can_read(seeded: Path) -> None:
    outbox = seeded / ".stageauto" / "outbox"
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(outbox.rglob("*.eml"))]
    by_recipient = {str(mail["To"]): mail for mail in mails}
    assert {"ewa@home.test", "jan@home.test", "ola@home.test"} <= set(by_recipient)

    assert "anna@acme.test" in str(by_recipient["jan@home.test"]["From"])
    assert "piotr@acme.test" in str(by_recipient["ola@home.test"]["From"])

    attached = list(by_recipient["ewa@home.test"].iter_attachments())
    assert [part.get_filename() for part in attached] == ["catalogue.pdf"]
    catalogue = (EXAMPLES / "templates" / "files" / "catalogue.pdf").read_bytes()
    assert attached[0].get_payload(decode=True) == catalogue
    assert list((outbox / "calendar").glob("*.ics")), "no invitation"
    assert list((outbox / "webhook").glob("*.json")), "no webhook"
