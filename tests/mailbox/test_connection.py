"""The connection to the mail server: encryption, servers that lie or hang, two daemons, new configurations."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stageauto.channels.base import ChannelError, Delivered, Retry
from stageauto.channels.imap import ImapChannel
from stageauto.errors import StateError
from stageauto.runner.options import Options
from stageauto.runner.service import Service
from stageauto.runner.session import Session
from tests.channels.support import Certificate, Secret, channel, context, listening
from tests.mailbox.acme import acme, add, events, mail, reading, until_events
from tests.mailbox.dovecot import PASSWORD, USER, Dovecot
from tests.runner.support import Told, activate, run_until_idle, until

GREETING = b"* OK ready\r\n"


def imap(root: Path, port: int, *, timeout: float = 10.0, **options: object) -> ImapChannel:
    said: dict[str, Any] = {"host": "127.0.0.1", "port": port, "user": USER, "password": Secret(PASSWORD), **options}
    return ImapChannel(channel("imap", "inbox", **said), context(root, timeout=timeout))


@pytest.mark.parametrize("tls", ["auto", "starttls", "tls", "none"])
def test_it_logs_in_by_each_kind_of_encryption(
    tmp_path: Path, server: Dovecot, certificate: Certificate, tls: str
) -> None:
    (tmp_path / "ca.pem").write_bytes(certificate.cert.read_bytes())
    server.deliver(mail())
    port = server.tls_port if tls == "tls" else server.port
    found = imap(tmp_path, port, tls=tls, ca_file="ca.pem").look()
    assert isinstance(found, Delivered)
    assert (found.answer["mails"], found.answer["unread"]) == (1, 1)


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_is_not_taken(tmp_path: Path, server: Dovecot, tls: str) -> None:
    found = imap(tmp_path, server.tls_port if tls == "tls" else server.port, tls=tls).look()
    assert isinstance(found, Retry)
    assert "certificate is not trusted" in found.reason


def test_looking_into_a_mailbox_marks_nothing(tmp_path: Path, server: Dovecot) -> None:
    server.deliver(mail())
    assert isinstance(imap(tmp_path, server.port).look(), Delivered)
    assert server.count(which="UNSEEN") == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"password": "wrong"}, "login"), ({"folder": "Nowhere ż"}, "folder Nowhere ż"),
        ({"host": "127.0.0.1", "port": 1}, "refused"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_words(tmp_path: Path, server: Dovecot, options: dict[str, object], said: str) -> None:
    found = imap(tmp_path, **{"port": server.port, **options}).look()  # type: ignore[arg-type]
    assert isinstance(found, Retry)
    assert said in found.reason
    assert PASSWORD not in found.reason


def test_without_tls_no_password_goes_to_another_machine(tmp_path: Path) -> None:
    with pytest.raises(ChannelError, match="read the password"):
        ImapChannel(channel("imap", host="imap.acme.test", user="a", password="b", tls="none"), context(tmp_path))


def test_a_stolen_starttls_gets_no_password(tmp_path: Path) -> None:
    heard: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n")
        while piece := connection.recv(1000):
            heard.append(piece)
            tag = piece.split()[0]
            connection.sendall(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n" + tag + b" OK done\r\n")

    with listening(talk) as port:
        found = imap(tmp_path, port, tls="starttls").look()
    assert isinstance(found, Retry)
    assert "offers no STARTTLS" in found.reason
    assert b"AUTHENTICATE" not in b"".join(heard)
    assert b"LOGIN" not in b"".join(heard)


def test_what_is_injected_before_tls_is_not_believed(tmp_path: Path) -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(GREETING)
        while piece := connection.recv(1000):
            tag = piece.split()[0]
            if b"STARTTLS" in piece:
                connection.sendall(tag + b" OK go on\r\n* CAPABILITY IMAP4rev1 INJECTED\r\n")
            else:
                connection.sendall(b"* CAPABILITY IMAP4rev1 STARTTLS\r\n" + tag + b" OK done\r\n")

    with listening(talk) as port:
        found = imap(tmp_path, port, tls="starttls").look()
    assert isinstance(found, Retry)
    assert "between STARTTLS and TLS" in found.reason


def after_login(answer: Callable[[bytes, bytes], bytes]) -> Callable[[socket.socket], None]:
    """A server that is kind until something is asked of it; `answer` gets the tag and the command."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(GREETING)
        while line := connection.recv(10_000):
            tag, _, rest = line.partition(b" ")
            if rest.startswith(b"CAPABILITY"):
                connection.sendall(b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK done\r\n")
            elif rest.startswith(b"LOGIN"):
                connection.sendall(tag + b" OK in\r\n")
            else:
                connection.sendall(answer(tag, rest))

    return talk


LIES = {
    "a literal of many gigabytes": lambda _tag, _rest: b"* 1 FETCH (BODY[] {9999999999}\r\n" + b"x" * 1000,
    "a line without an end": lambda _tag, _rest: b"* OK " + b"x" * 3_000_000,
    "half an answer, then nothing": lambda _tag, _rest: b"* FLAGS (\\Se",
    "nonsense": lambda _tag, _rest: b"\xff\xfe\r\n\0\r\n",
    "an answer to another question": lambda _tag, _rest: b"ZZZZ99 OK done\r\n",
    "goodbye": lambda _tag, _rest: b"* BYE too busy\r\n",
    "no numbers": lambda tag, _: b"* 3 EXISTS\r\n" + tag + b" OK [READ-WRITE] done\r\n",
    "letters for numbers": lambda tag, _: b"* x EXISTS\r\n* OK [UIDVALIDITY many]\r\n" + tag + b" OK done\r\n",
    "a no": lambda tag, _: tag + b" NO not today\r\n",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_server_that_talks_nonsense_is_left_with_a_reason(tmp_path: Path, lie: str) -> None:
    with listening(after_login(LIES[lie])) as port:
        password = "plain"  # LOGIN is all that this server knows
        found = imap(tmp_path, port, timeout=1.0, password=password).look()
    assert isinstance(found, Retry)
    assert found.reason


def test_a_literal_is_not_waited_for_that_is_longer_than_what_was_asked_for(tmp_path: Path) -> None:
    with listening(after_login(LIES["a literal of many gigabytes"])) as port:
        found = imap(tmp_path, port, password="plain").look()
    assert isinstance(found, Retry)
    assert "sends 9999999999 bytes" in found.reason


def test_a_server_that_sends_a_byte_now_and_then_is_left_when_its_time_is_over(tmp_path: Path) -> None:
    stop = threading.Event()

    def talk(connection: socket.socket) -> None:
        while not stop.wait(0.05):
            connection.sendall(b"*")

    with listening(talk) as port:
        found = imap(tmp_path, port, timeout=0.5).look()
        stop.set()
    assert isinstance(found, Retry)
    assert "no answer within 0.5 s" in found.reason


def test_a_second_daemon_reads_nothing(tmp_path: Path, server: Dovecot) -> None:
    root = acme(tmp_path / "acme", server)
    with reading(root):
        with Session.open(root) as session, pytest.raises(StateError, match="run"):
            Service(session, Options(), Told()).run()
        server.deliver(mail())
        assert len(until_events(root, 1)) == 1
    run_until_idle(root)
    assert len(events(root)) == 1


def test_a_new_configuration_reads_another_folder_without_a_restart(tmp_path: Path, server: Dovecot) -> None:
    root = acme(tmp_path / "acme", server)
    with reading(root) as running:
        server.deliver(mail(subject="in the inbox"))
        until_events(root, 1)
        with server.client() as client:
            client.create("Web")
        server.deliver(mail(subject="in the folder"), "Web")
        text = (root / "stageauto.yaml").read_text("utf-8")
        (root / "stageauto.yaml").write_text(text.replace("poll: 2s", "poll: 2s, folder: Web"), "utf-8")
        activate(root)
        until_events(root, 2)
        server.deliver(mail(subject="nobody reads that"))
        server.deliver(mail(subject="later in the folder"), "Web")
        found = until_events(root, 3)
        assert not running.told.of("mailbox_lost")
    assert [one.data["subject"] for one in found] == ["in the inbox", "in the folder", "later in the folder"]


def test_a_restored_state_reads_nothing_until_somebody_said_resume(tmp_path: Path, server: Dovecot) -> None:
    root = acme(tmp_path / "acme", server, inbox=", after: {move: Done}")
    add(root)
    run_until_idle(root)
    (root / ".stageauto/state.db.mark").unlink()
    server.deliver(mail())
    run_until_idle(root)
    assert (events(root), server.count("Done")) == ([], 0)
    with Session.open(root) as session:
        session.store.resume_sending()
    run_until_idle(root)
    assert (len(events(root)), server.count("Done")) == (1, 1)


def test_a_daemon_that_is_stopped_leaves_the_mailbox_at_once(tmp_path: Path, server: Dovecot) -> None:
    root = acme(tmp_path / "acme", server)
    with reading(root):
        pass
    until(lambda: "mailbox-inbox" not in {one.name for one in threading.enumerate()})
