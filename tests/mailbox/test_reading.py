"""The daemon reads a real mailbox: each mail once, whatever happens to the connection, the server and the numbers."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from tests.channels.support import Certificate
from tests.mailbox.acme import PIPELINE, acme, add, events, items, mail, reading, until_events
from tests.mailbox.dovecot import Dovecot, dovecot
from tests.runner.support import TOO_LONG, activate, command, run_until_idle, until, until_started


def test_a_mail_that_waits_and_one_that_comes_are_both_taken(tmp_path: Path, server: Dovecot) -> None:
    root = acme(tmp_path / "acme", server)
    server.deliver(mail("first", subject="One"))
    with reading(root):
        until_events(root, 1)
        server.deliver(mail("second", subject="Two", sender="Jan <jan@home.test>"))
        found = until_events(root, 2)
    assert [one.data["subject"] for one in found] == ["One", "Two"]
    assert [one.outcome for one in found] == ["created", "created"]
    assert [one.title for one in items(root)] == ["One", "Two"]
    assert server.count(which="UNSEEN") == 2


def test_the_server_says_that_a_mail_came_long_before_it_would_be_asked(tmp_path: Path, server: Dovecot) -> None:
    root = acme(tmp_path / "acme", server)
    text = (root / "stageauto.yaml").read_text("utf-8").replace("poll: 2s", "poll: 25m")
    (root / "stageauto.yaml").write_text(text, "utf-8")

    activate(root)
    with reading(root):
        server.deliver(mail())
        until_events(root, 1)


def test_a_server_without_idle_is_asked_again_and_again(tmp_path: Path, certificate: Certificate) -> None:
    with dovecot(certificate, "IMAP4rev1 SASL-IR LITERAL+ UIDPLUS") as server:
        root = acme(tmp_path / "acme", server)
        with reading(root):
            server.deliver(mail())
            until_events(root, 1)


def test_mails_that_came_while_nobody_read_are_taken_later_and_each_once(tmp_path: Path, server: Dovecot) -> None:
    root = acme(tmp_path / "acme", server)
    for _ in range(3):
        server.deliver(mail(f"mail {server.count()}", subject=f"No {server.count()}"))
        run_until_idle(root)
    assert [one.data["subject"] for one in events(root)] == ["No 0", "No 1", "No 2"]


def test_a_server_that_dies_and_comes_back_is_read_on(tmp_path: Path, server: Dovecot) -> None:
    root = acme(tmp_path / "acme", server)
    with reading(root) as running:
        server.deliver(mail(subject="before"))
        until_events(root, 1)
        server.stop(hard=True)
        running.told.wait_for("mailbox_lost")
        server.start()
        server.deliver(mail(subject="after"))
        until_events(root, 2)
        server.deliver(mail(subject="later"))
        found = until_events(root, 3)
    assert [one.data["subject"] for one in found] == ["before", "after", "later"]


def test_numbering_the_mails_anew_makes_none_come_twice_and_none_get_lost(tmp_path: Path, server: Dovecot) -> None:
    root = acme(tmp_path / "acme", server)
    old = [mail(subject=f"No {number}") for number in range(3)]
    for one in old:
        server.deliver(one)
    run_until_idle(root)
    assert len(events(root)) == 3
    with server.client() as client:  # the same mails in a new folder of the name, in another order, and one more
        client.create("Other")
        client.select("INBOX")
        client.store("1:*", "+FLAGS", r"(\Deleted)")
        client.expunge()
    for name in ("dovecot-uidlist", "dovecot.index.log", "dovecot.index", "dovecot.index.cache"):
        for file in server.folder.glob(f"mail/*/{name}"):
            file.unlink()
    for one in [*reversed(old), mail(subject="No 3")]:
        server.deliver(one)
    told = run_until_idle(root)
    assert [one.data["subject"] for one in events(root)] == ["No 0", "No 1", "No 2", "No 3"]
    assert "numbered anew" in str(told.of("mailbox_warning"))


@pytest.mark.parametrize("capability", ["", "IMAP4rev1 SASL-IR LITERAL+ IDLE UIDPLUS", "IMAP4rev1 IDLE"])
def test_what_was_taken_is_moved_away_when_the_mailbox_says_so(
    tmp_path: Path, certificate: Certificate, capability: str
) -> None:
    with dovecot(certificate, capability) as server:
        root = acme(tmp_path / "acme", server, inbox=', after: {move: "Erledigt & fertig ż"}')
        server.deliver(mail(subject="One"))
        server.deliver(mail(subject="Two"))
        run_until_idle(root)
        assert len(events(root)) == 2
        assert server.count('"Erledigt &- fertig &AXw-"') == 2
        assert server.count(which="UNDELETED") == 0
        run_until_idle(root)
        assert len(events(root)) == 2


def test_what_was_taken_is_marked_as_read_when_the_mailbox_says_so(tmp_path: Path, server: Dovecot) -> None:
    root = acme(tmp_path / "acme", server, inbox=", after: seen")
    server.deliver(mail())
    run_until_idle(root)
    assert (server.count(), server.count(which="UNSEEN")) == (1, 0)


@pytest.mark.parametrize(("begin", "taken"), [("unread", ["fresh"]), ("all", ["read", "fresh"]), ("new", [])])
def test_reading_for_the_first_time_begins_where_the_mailbox_says(
    tmp_path: Path, server: Dovecot, begin: str, taken: list[str]
) -> None:
    root = acme(tmp_path / "acme", server, inbox=f", begin: {begin}")
    server.deliver(mail(subject="read"), flags=r"(\Seen)")
    server.deliver(mail(subject="fresh"))
    run_until_idle(root)
    assert [one.data["subject"] for one in events(root)] == taken
    server.deliver(mail(subject="later"), flags=r"(\Seen)")
    run_until_idle(root)
    assert [one.data["subject"] for one in events(root)] == [*taken, "later"]


def test_the_same_mail_in_two_mailboxes_counts_once(tmp_path: Path, server: Dovecot) -> None:
    second = (
        f"  anna: {{type: imap, host: 127.0.0.1, port: {server.port}, user: anna@acme.test, "
        'password: "${IMAP_PASSWORD}"}\n'
    )
    pipeline = PIPELINE.replace("where: {channel: inbox}, ", "")
    root = acme(tmp_path / "acme", server, more=second, pipeline=pipeline)
    one = mail(to="sales@acme.test, anna@acme.test")
    server.deliver(b"Received: from there by here\n" + one)
    server.deliver(b"Received: from there by us\nDelivered-To: anna@acme.test\n" + one, user="anna@acme.test")
    run_until_idle(root)
    assert len(events(root)) == 1
    assert len(items(root)) == 1


def test_a_wrong_password_is_told_without_it_and_does_not_stop_the_daemon(tmp_path: Path, server: Dovecot) -> None:
    root = acme(tmp_path / "acme", server)
    (root / ".env").write_text("IMAP_PASSWORD=hunter2-wrong\n", "utf-8")
    item = add(root, {"email": "ewa@home.test"}, stage="offered")
    told = run_until_idle(root)
    (lost,) = told.of("mailbox_lost")
    assert "login" in lost["because"]
    assert "hunter2" not in str(told.lines)
    assert items(root)[0].id == item
    until(lambda: bool(list((root / ".stageauto/outbox").rglob("*.eml"))))


def test_a_mail_that_is_too_big_is_taken_by_its_beginning(tmp_path: Path, server: Dovecot) -> None:
    root = acme(tmp_path / "acme", server, inbox=", max_size: 50000")
    server.deliver(mail("It is all in the file.", files=[("big.bin", bytes(range(256)) * 1000)]))
    server.deliver(mail(subject="next"))
    run_until_idle(root)
    big, after = events(root)
    assert big.data["text"].strip() == "It is all in the file."
    assert big.data["truncated"] is True
    assert "attachments" not in big.data
    assert after.data["subject"] == "next"


@pytest.mark.parametrize("after", ["", ", after: {move: Done}"], ids=["kept", "moved"])
def test_a_daemon_that_is_killed_again_and_again_takes_each_mail_once(
    tmp_path: Path, server: Dovecot, after: str
) -> None:
    """Killed at any moment: while it reads, decides, commits, moves a mail away, or waits for the next one."""
    root, chance, sent, kills = acme(tmp_path / "acme", server, inbox=after), random.Random(7), 0, 4
    for _ in range(kills):
        for _ in range(4):
            sent += 1
            sender = f"Customer <c{sent}@home.test>"
            server.deliver(mail(f"mail {sent}", subject=f"No {sent}", sender=sender, files=[("a.bin", b"x" * 50_000)]))
        with command(root, "run", "--log-format", "json") as daemon:
            until_started(daemon)
            threading.Event().wait(chance.random() * 0.4)
            daemon.kill()
            daemon.wait(TOO_LONG)
    with reading(root):
        found = until_events(root, sent)
    assert sorted(one.data["subject"] for one in found) == sorted(f"No {number + 1}" for number in range(sent))
    assert len(items(root)) == sent
