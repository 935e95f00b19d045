"""The channel `file`: readable files, written whole, once for each key."""

from __future__ import annotations

import email
import email.policy
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from stageauto.channels.base import ChannelType, Delivered, Rejected, Retry
from stageauto.channels.file import FileChannel
from stageauto.engine.state import Delivery
from stageauto.testing import ChannelConformance, Rig
from tests.channels.support import MAIL, channel, context, delivery, nothing

ICS = "BEGIN:VCALENDAR\nMETHOD:REQUEST\nEND:VCALENDAR\n"


@pytest.fixture
def wide_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def files(root: Path) -> list[Path]:
    return sorted(path for path in (root / ".stageauto").rglob("*") if path.is_file())


class FileRig(Rig):
    def __init__(self, root: Path) -> None:
        self.root = root

    def channel(self) -> ChannelType:
        return FileChannel(channel("file", "sms", on_unknown="resend"), context(self.root))

    def delivery(self, key: str) -> Delivery:
        return delivery("sms", {"to": "+48600100200", "text": f"for {key}"}, key, to="+48600100200")

    def arrived(self) -> list[str]:
        found = files(self.root) if (self.root / ".stageauto").exists() else []
        named = sorted((path for path in found if path.suffix == ".json"), key=lambda path: path.stat().st_mtime_ns)
        return [json.loads(path.read_text())["key"] for path in named]

    def broken(self) -> Delivery:
        return delivery("mail", {**MAIL, "to": "not an address"}, "k-0")


class TestConformance(ChannelConformance):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Rig:
        return FileRig(tmp_path)


def test_a_mail_is_a_file_that_a_mail_program_opens(tmp_path: Path) -> None:
    one = FileChannel(channel("file", "mail"), context(tmp_path))
    message = {**MAIL, "subject": "Zażółć", "text": "Dzień dobry\n", "html": "<p>Dzień dobry</p>"}
    outcome = one.send(delivery("mail", message), nothing)
    assert isinstance(outcome, Delivered)
    path = tmp_path / outcome.answer["file"]
    assert re.fullmatch(r"20260302-080000-ewa@home\.test-[0-9a-f]{8}\.eml", path.name)
    assert path.parent == tmp_path / ".stageauto" / "outbox" / "mail"
    assert "Dzień dobry" in path.read_text(encoding="utf-8")
    parsed = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert parsed["Subject"] == "Zażółć"
    assert parsed["From"] == "Anna Nowak <mail@localhost>"
    assert parsed["Message-ID"] == outcome.answer["message_id"] == "<k1@localhost>"
    assert parsed["Date"].datetime.isoformat() == "2026-03-02T08:00:00+00:00"
    body = parsed.get_body(("plain",))
    assert body is not None
    assert body.get_content() == "Dzień dobry\r\n"


def test_an_invitation_is_an_ics_file(tmp_path: Path) -> None:
    one = FileChannel(channel("file", "calendar"), context(tmp_path))
    outcome = one.send(delivery("calendar", {"ics": ICS, "to": "ewa@home.test", "subject": "Talk"}), nothing)
    assert isinstance(outcome, Delivered)
    path = tmp_path / outcome.answer["file"]
    assert path.suffix == ".ics"
    assert path.read_bytes() == ICS.replace("\n", "\r\n").encode()


def test_anything_else_is_readable_json(tmp_path: Path) -> None:
    one = FileChannel(channel("file", "sms"), context(tmp_path))
    outcome = one.send(delivery("sms", {"to": "+48", "text": "Dzień dobry"}, to="+48 600 100"), nothing)
    assert isinstance(outcome, Delivered)
    text = (tmp_path / outcome.answer["file"]).read_text(encoding="utf-8")
    assert "Dzień dobry" in text
    assert json.loads(text)["message"] == {"to": "+48", "text": "Dzień dobry"}


def test_a_second_try_at_another_time_is_the_same_file(tmp_path: Path) -> None:
    for now in (1_000, 2_000_000_000_000):
        one = FileChannel(channel("file"), context(tmp_path, now=lambda now=now: now))
        assert isinstance(one.send(delivery("mail", MAIL), nothing), Delivered)
    assert len(files(tmp_path)) == 1


def test_two_deliveries_of_one_moment_to_one_address_are_two_files(tmp_path: Path) -> None:
    one = FileChannel(channel("file"), context(tmp_path))
    for key in ("evt-1-1", "evt-1-2"):
        one.send(delivery("mail", MAIL, key), nothing)
    assert len(files(tmp_path)) == 2


@pytest.mark.usefixtures("wide_umask")
def test_only_the_owner_can_read_it_whatever_the_umask(tmp_path: Path) -> None:
    FileChannel(channel("file"), context(tmp_path)).send(delivery("mail", MAIL), nothing)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / ".stageauto").rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert stat.S_IMODE((tmp_path / ".stageauto").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "to", ["../../../etc/cron.d/x", "/etc/passwd", "..", "a/b\\c", "x" * 5000, "\x00\n", "ę" * 300]
)
def test_a_recipient_cannot_lead_out_of_the_folder(tmp_path: Path, to: str) -> None:
    one = FileChannel(channel("file", "sms"), context(tmp_path))
    assert isinstance(one.send(delivery("sms", {"text": "x"}, to=to), nothing), Delivered)
    (path,) = files(tmp_path)
    assert path.parent == tmp_path / ".stageauto" / "outbox" / "sms"
    assert len(os.fsencode(path.name)) < 120


def test_a_link_planted_at_the_temporary_name_is_not_followed(tmp_path: Path) -> None:
    one = FileChannel(channel("file"), context(tmp_path))
    one.send(delivery("mail", MAIL), nothing)
    (path,) = files(tmp_path)
    path.unlink()
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    path.with_name(f".{path.name}.part").symlink_to(victim)
    assert isinstance(one.send(delivery("mail", MAIL), nothing), Delivered)
    assert victim.read_text() == "untouched"
    assert not path.is_symlink()


def test_a_folder_that_cannot_be_written_is_tried_again_later(tmp_path: Path) -> None:
    (tmp_path / ".stageauto").write_text("in the way")
    outcome = FileChannel(channel("file"), context(tmp_path)).send(delivery("mail", MAIL), nothing)
    assert isinstance(outcome, Retry)


def test_a_message_that_is_no_data_is_undeliverable(tmp_path: Path) -> None:
    outcome = FileChannel(channel("file", "sms"), context(tmp_path)).send(delivery("sms", {"text": object()}), nothing)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "bad_message"
