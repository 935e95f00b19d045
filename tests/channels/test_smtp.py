"""The channel `smtp` through real servers on loopback."""

from __future__ import annotations

import email
import email.policy
import re
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from stageauto.channels.base import ChannelError, ChannelType, Delivered, Outcome, Rejected, Retry, Uncertain
from stageauto.channels.smtp import SmtpChannel
from stageauto.engine.state import Delivery
from stageauto.testing import ChannelConformance, Rig
from tests.channels.support import (
    MAIL,
    Certificate,
    Clock,
    Secret,
    channel,
    context,
    delivery,
    drip,
    free_port,
    listening,
    make_certificate,
    nothing,
)
from tests.network import MailServer


class Mailbox:
    """Keeps what it got; `says` has the replies by command."""

    def __init__(self) -> None:
        self.got: list[Envelope] = []
        self.secure: list[bool] = []
        self.peers: list[Any] = []
        self.says: dict[str, str] = {}
        self.refuses: dict[str, str] = {}

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "MAIL" in self.says:
            return self.says["MAIL"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if "DATA" in self.says:
            return self.says["DATA"]
        self.got.append(envelope)
        self.secure.append(session.ssl is not None)
        self.peers.append(session.peer)
        return "250 2.0.0 queued as 4711"

    def mails(self) -> list[EmailMessage]:
        return [email.message_from_bytes(raw(one), policy=email.policy.default) for one in self.got]

    def keys(self) -> list[str]:
        return [re.sub(r"^<|@.*", "", str(one["Message-ID"])) for one in self.mails()]


def raw(envelope: Envelope) -> bytes:
    content = envelope.original_content
    assert content is not None
    return content


def serve(box: Mailbox, **options: Any) -> MailServer:
    controller = MailServer(box, **options)
    controller.start()
    return controller


@pytest.fixture
def box() -> Mailbox:
    return Mailbox()


@pytest.fixture
def server(box: Mailbox) -> Iterator[MailServer]:
    controller = serve(box)
    yield controller
    controller.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def server_tls(certificate: Certificate) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate.cert, certificate.key)
    return made


def smtp(port: int | Secret, root: Path = Path(), *, on_unknown: str = "hold", **options: Any) -> SmtpChannel:
    lent = {name: options.pop(name) for name in ("timeout", "now") if name in options}
    said = {"host": "127.0.0.1", "port": port, "from": "Acme <sales@acme.test>", **options}
    return SmtpChannel(channel("smtp", on_unknown=on_unknown, **said), context(root, **lent))


def send(port: int | Secret, message: dict[str, Any] | None = None, **options: Any) -> Outcome:
    one = smtp(port, **options)
    try:
        return one.send(delivery("mail", message or MAIL), nothing)
    finally:
        one.close()


class SmtpRig(Rig):
    def __init__(self, box: Mailbox, port: int) -> None:
        self.box = box
        self.port = port

    def channel(self) -> ChannelType:
        return smtp(self.port)

    def delivery(self, key: str) -> Delivery:
        return delivery("mail", MAIL, key)

    def arrived(self) -> list[str]:
        return self.box.keys()

    def broken(self) -> Delivery:
        return delivery("mail", {**MAIL, "to": "a@b.test\r\nRCPT TO:<evil@x.test>"}, "k-0")


class TestConformance(ChannelConformance):
    @pytest.fixture
    def rig(self, box: Mailbox, server: MailServer) -> Rig:
        return SmtpRig(box, server.port)


def test_a_mail_is_received_whole(box: Mailbox, server: MailServer, tmp_path: Path) -> None:
    (tmp_path / "templates" / "files").mkdir(parents=True)
    (tmp_path / "templates" / "files" / "catalogue.pdf").write_bytes(bytes(range(256)) * 100)
    message = {
        **MAIL,
        "from": "Żaneta Nowak",
        "subject": "Zamówienie 77: " + "bardzo długi temat " * 12,
        "text": "Dzień dobry\n.\n..two dots\nFrom here\n" + "x" * 3000 + "\n",
        "html": "<p>Dzień dobry</p>",
        "attachments": [{"kind": "file", "name": "catalogue.pdf", "value": "files/catalogue.pdf"}],
    }
    one = smtp(server.port, tmp_path)
    outcome = one.send(delivery("mail", message, "evt-1-mail"), nothing)
    one.close()
    assert outcome == Delivered({"message_id": "<evt-1-mail@acme.test>", "status": 250, "body": "2.0.0 queued as 4711"})
    (envelope,), (mail,) = box.got, box.mails()
    assert envelope.mail_from == "sales@acme.test"
    assert envelope.rcpt_tos == ["ewa@home.test"]
    assert mail["Message-ID"] == "<evt-1-mail@acme.test>"
    assert mail["Subject"] == str(message["subject"]).strip()
    assert mail["From"] == "Żaneta Nowak <sales@acme.test>"
    assert mail["To"] == "ewa@home.test"
    assert mail["Date"].datetime.isoformat() == "2026-03-02T08:00:00+00:00"
    assert mail["Auto-Submitted"] == "auto-generated"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == message["text"]
    assert html.get_content().strip() == "<p>Dzień dobry</p>"
    (attached,) = mail.iter_attachments()
    assert attached.get_filename() == "catalogue.pdf"
    assert attached.get_content() == bytes(range(256)) * 100


def test_a_connection_is_used_again_until_it_is_old(box: Mailbox, server: MailServer) -> None:
    clock = Clock()
    one = smtp(server.port, now=clock)
    for key in ("k-1", "k-2"):
        one.send(delivery("mail", MAIL, key), nothing)
    clock.now += 61_000
    one.send(delivery("mail", MAIL, "k-3"), nothing)
    one.close()
    assert box.keys() == ["k-1", "k-2", "k-3"]
    assert box.peers[0] == box.peers[1] != box.peers[2]


def test_a_connection_that_the_server_closed_meanwhile_is_replaced_unseen(box: Mailbox) -> None:
    port = free_port()
    one = smtp(port)
    points: list[str] = []
    for key in ("k-1", "k-2"):
        controller = MailServer(box, port=port)
        controller.start()
        assert isinstance(one.send(delivery("mail", MAIL, key), lambda: points.append("here")), Delivered)
        controller.stop()
    one.close()
    assert points == ["here", "here"]
    assert box.keys() == ["k-1", "k-2"]


@pytest.mark.parametrize("at", ["MAIL", "DATA"])
@pytest.mark.parametrize(
    ("reply", "expected"),
    [("450 4.2.0 greylisted", Retry), ("550 5.7.1 no such thing here", Rejected), ("421 4.3.2 going down", Retry)],
)
def test_what_the_server_says_no_to_is_tried_again_or_given_up(
    box: Mailbox, server: MailServer, at: str, reply: str, expected: type
) -> None:
    box.says[at] = reply
    outcome = send(server.port)
    assert isinstance(outcome, expected)
    assert isinstance(outcome, Retry | Rejected)
    assert reply[4:] in outcome.reason
    assert box.got == []


def test_an_unknown_user_is_refused_for_good(box: Mailbox, server: MailServer) -> None:
    box.refuses["ewa@home.test"] = "550 5.1.1 user unknown"
    outcome = send(server.port)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "refused"
    assert "user unknown" in outcome.reason
    assert box.got == []


def test_a_refused_copy_does_not_hold_up_the_mail(box: Mailbox, server: MailServer) -> None:
    box.refuses["olga@acme.test"] = "550 5.1.1 user unknown"
    outcome = send(server.port, {**MAIL, "cc": ["olga@acme.test"], "bcc": ["archive@acme.test"]})
    assert isinstance(outcome, Delivered)
    assert outcome.answer["refused"] == {"olga@acme.test": "550 5.1.1 user unknown"}
    assert box.got[0].rcpt_tos == ["ewa@home.test", "archive@acme.test"]
    assert b"archive" not in raw(box.got[0])


def test_the_next_mail_goes_out_after_a_refused_one(box: Mailbox, server: MailServer) -> None:
    box.refuses["gone@home.test"] = "550 5.1.1 user unknown"
    one = smtp(server.port)
    assert isinstance(one.send(delivery("mail", {**MAIL, "to": "gone@home.test"}, "k-1"), nothing), Rejected)
    assert isinstance(one.send(delivery("mail", MAIL, "k-2"), nothing), Delivered)
    one.close()
    assert box.got[0].rcpt_tos == ["ewa@home.test"]


def test_nobody_listening_is_tried_again() -> None:
    outcome = send(free_port())
    assert isinstance(outcome, Retry)
    assert not outcome.sent_maybe


def test_a_name_that_nobody_knows_is_tried_again() -> None:
    assert isinstance(send(25, host="no-such-host.invalid"), Retry)


def talk(script: dict[str, bytes | None]) -> Any:
    """A server that answers as told; None closes at that word, b"" says nothing more."""

    def serve_one(connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        connection.sendall(b"220 hi\r\n")
        in_data = False
        for line in stream:
            word = "." if line == b".\r\n" else line.split()[0].decode().upper() if line.split() else ""
            if in_data and word != ".":
                continue
            reply = script.get(word, b"354 go\r\n" if word == "DATA" else b"250 ok\r\n")
            if reply is None:
                return
            in_data = word == "DATA" and reply.startswith(b"354")
            connection.sendall(reply)

    return serve_one


@pytest.mark.parametrize("word", ["EHLO", "MAIL", "RCPT", "DATA"])
def test_a_server_that_breaks_off_before_the_dot_has_nothing(word: str) -> None:
    passed = threading.Event()
    with listening(talk({word: None, "HELO": None})) as port:
        outcome = smtp(port).send(delivery("mail", MAIL), passed.set)
    assert isinstance(outcome, Retry)
    assert not outcome.sent_maybe
    assert not passed.is_set()


@pytest.mark.parametrize(("on_unknown", "expected"), [("hold", Uncertain), ("resend", Retry)])
def test_a_server_that_breaks_off_after_the_dot_has_it_perhaps(on_unknown: str, expected: type) -> None:
    passed = threading.Event()
    with listening(talk({".": None})) as port:
        outcome = smtp(port, on_unknown=on_unknown).send(delivery("mail", MAIL), passed.set)
    assert isinstance(outcome, expected)
    assert passed.is_set()


@pytest.mark.parametrize("reply", [b"999 what\r\n", b"nonsense\r\n", b"354 more\r\n"])
def test_an_answer_to_the_dot_that_nobody_understands_is_perhaps(reply: bytes) -> None:
    with listening(talk({".": reply})) as port:
        assert isinstance(smtp(port).send(delivery("mail", MAIL), nothing), Uncertain)


@pytest.mark.parametrize("half", [b"25", b"250", b"250 2.0.0 que", b"250-queued\r\n"])
def test_half_an_answer_to_the_dot_is_perhaps(half: bytes) -> None:
    def stop_short(connection: socket.socket) -> None:
        connection.sendall(b"220 hi\r\n")
        for line in connection.makefile("rb"):
            if line == b".\r\n":
                connection.sendall(half)
                return
            word = line[:4].upper()
            if word in {b"EHLO", b"MAIL", b"RCPT", b"DATA"}:
                connection.sendall(b"354 go\r\n" if word == b"DATA" else b"250 ok\r\n")

    with listening(stop_short) as port:
        assert isinstance(smtp(port).send(delivery("mail", MAIL), nothing), Uncertain)


@pytest.mark.parametrize(("word", "expected"), [("MAIL", Retry), ("DATA", Retry), (".", Uncertain)])
def test_a_silent_server_is_left_when_the_time_is_over(word: str, expected: type) -> None:
    with listening(talk({word: b""})) as port:
        outcome = smtp(port, timeout=2).send(delivery("mail", MAIL), nothing)  # time for what comes before the silence
    assert isinstance(outcome, expected)
    assert isinstance(outcome, Retry | Uncertain)
    assert "no answer within 2 s" in outcome.reason


def test_a_server_that_drips_is_left_when_the_time_is_over() -> None:
    stop = threading.Event()

    with listening(lambda connection: drip(connection, b"2", stop)) as port:
        outcome = smtp(port, timeout=2).send(delivery("mail", MAIL), nothing)
    stop.set()
    assert isinstance(outcome, Retry)
    assert "no answer within 2 s" in outcome.reason


def test_a_greeting_that_sends_us_away_is_tried_again() -> None:
    with listening(lambda connection: connection.sendall(b"554 no service here\r\n")) as port:
        outcome = send(port)
    assert isinstance(outcome, Retry)
    assert "no service here" in outcome.reason


def test_a_port_where_no_mail_server_answers_is_told_as_such() -> None:
    with listening(lambda connection: connection.sendall(b"hello, I am Redis\r\n")) as port:
        outcome = send(port)
    assert isinstance(outcome, Retry)
    assert "it says what is no answer of a mail server: hello, I am Redis" in outcome.reason


@pytest.mark.parametrize("tls", ["auto", "starttls"])
def test_starttls_secures_the_mail(box: Mailbox, certificate: Certificate, tls: str) -> None:
    controller = serve(box, tls_context=server_tls(certificate), require_starttls=True)
    outcome = send(controller.port, host="localhost", tls=tls, ca_file=str(certificate.cert))
    controller.stop()
    assert isinstance(outcome, Delivered)
    assert box.secure == [True]


def test_tls_from_the_start_secures_the_mail(box: Mailbox, certificate: Certificate) -> None:
    controller = serve(box, ssl_context=server_tls(certificate))
    outcome = send(controller.port, tls="tls", ca_file=str(certificate.cert))
    controller.stop()
    assert isinstance(outcome, Delivered)
    assert box.keys() == ["k1"]


def test_a_certificate_that_nobody_vouches_for_stops_the_mail(box: Mailbox, certificate: Certificate) -> None:
    controller = serve(box, tls_context=server_tls(certificate))
    outcome = send(controller.port, tls="starttls")
    controller.stop()
    assert isinstance(outcome, Retry)
    assert "certificate is not trusted" in outcome.reason
    assert box.got == []


def test_on_this_machine_any_certificate_will_do(box: Mailbox, certificate: Certificate) -> None:
    controller = serve(box, tls_context=server_tls(certificate))
    outcome = send(controller.port)
    controller.stop()
    assert isinstance(outcome, Delivered)
    assert box.secure == [True]


def test_starttls_that_is_wanted_and_not_offered_stops_the_mail(box: Mailbox, server: MailServer) -> None:
    outcome = send(server.port, tls="starttls")
    assert isinstance(outcome, Retry)
    assert "STARTTLS" in outcome.reason
    assert box.got == []


def authenticate(*said: Any) -> AuthResult:
    data = said[-1]
    good = isinstance(data, LoginPassword) and data.login == b"anna" and data.password == b"s3cret-word"
    return AuthResult(success=good, handled=False)


@pytest.fixture
def guarded(box: Mailbox) -> Iterator[MailServer]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it is right: one does not do so outside of a test
        controller = serve(box, authenticator=authenticate, auth_required=True, auth_require_tls=False)
        yield controller
        controller.stop()


def test_a_login_lets_the_mail_in(box: Mailbox, guarded: MailServer) -> None:
    assert isinstance(send(guarded.port, user="anna", password=Secret("s3cret-word")), Delivered)
    assert box.keys() == ["k1"]


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_login_goes_through_the_secured_connection(box: Mailbox, certificate: Certificate, tls: str) -> None:
    secured = server_tls(certificate)
    ways: dict[str, dict[str, Any]] = {
        "starttls": {"tls_context": secured, "require_starttls": True},
        "tls": {"ssl_context": secured},
    }
    required = tls == "starttls"  # aiosmtpd does not see that a connection was secured before it began
    said: dict[str, Any] = {"tls": tls, "host": "localhost", "ca_file": str(certificate.cert)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # said anew for each connection
        controller = serve(box, authenticator=authenticate, auth_required=True, auth_require_tls=required, **ways[tls])
        good = send(controller.port, user="anna", password=Secret("s3cret-word"), **said)
        bad = send(controller.port, user="anna", password=Secret("wr0ng-word"), **said)
        controller.stop()
    assert isinstance(good, Delivered)
    assert isinstance(bad, Retry)
    assert "login" in bad.reason
    assert box.keys() == ["k1"]


def test_a_wrong_password_is_tried_again_and_never_shown(box: Mailbox, guarded: MailServer) -> None:
    one = smtp(guarded.port, user="anna", password=Secret("wr0ng-word"))
    outcome = one.send(delivery("mail", MAIL), nothing)
    one.close()
    assert isinstance(outcome, Retry)
    assert "login" in outcome.reason
    shown = repr(outcome) + repr(one) + repr(vars(one))
    assert "wr0ng-word" not in shown
    assert box.got == []


def test_a_login_that_is_missing_is_tried_again(box: Mailbox, guarded: MailServer) -> None:
    assert isinstance(send(guarded.port), Retry)
    assert box.got == []


def test_a_password_does_not_go_out_in_the_clear() -> None:
    heard: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        connection.sendall(b"220 hi\r\n")
        for line in connection.makefile("rb"):
            heard.append(line)
            connection.sendall(b"250-hi\r\n250 AUTH PLAIN\r\n")

    # A name of this machine that is not one of those which never leave it.
    with listening(listen) as port:
        outcome = send(port, host="127.0.0.2" if _reaches("127.0.0.2", port) else "0", user="anna", password="s3cret")
    assert isinstance(outcome, Retry)
    assert "STARTTLS" in outcome.reason
    assert not [line for line in heard if line.upper().startswith(b"AUTH")]


def _reaches(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True


def test_letters_outside_ascii_go_to_a_server_that_knows_them(box: Mailbox) -> None:
    knows = serve(box, enable_SMTPUTF8=True)
    outcome = send(knows.port, {**MAIL, "to": "żółć@home.test"})
    knows.stop()
    assert isinstance(outcome, Delivered)
    assert box.got[0].rcpt_tos == ["żółć@home.test"]
    assert "SMTPUTF8" in box.got[0].mail_options


def test_letters_outside_ascii_are_undeliverable_elsewhere() -> None:
    with listening(talk({})) as port:
        outcome = send(port, {**MAIL, "to": "żółć@home.test"})
    assert isinstance(outcome, Rejected)
    assert outcome.undeliverable


def test_a_mail_larger_than_the_server_takes_is_undeliverable(box: Mailbox) -> None:
    controller = serve(box, data_size_limit=2000)
    outcome = send(controller.port, {**MAIL, "text": "x" * 3000})
    controller.stop()
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.undeliverable) == ("too_large", True)


def test_an_invitation_goes_by_mail_too(box: Mailbox, server: MailServer) -> None:
    ics = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"
    one = smtp(server.port)
    one.send(delivery("calendar", {"ics": ics, "to": "ewa@home.test", "subject": "Talk"}), nothing)
    one.close()
    assert "text/calendar" in [part.get_content_type() for part in box.mails()[0].walk()]


def test_the_environment_may_give_the_port_as_text(server: MailServer) -> None:
    assert isinstance(send(Secret(str(server.port))), Delivered)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"from": "nobody"}, "from"),
        ({"port": "many"}, "port"),
        ({"ca_file": "missing.pem"}, "ca_file"),
        ({"user": "anna"}, "password"),
    ],
)
def test_a_channel_that_can_never_send_is_told_at_once(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ChannelError, match=word):
        SmtpChannel(channel("smtp", **{"from": "sales@acme.test", **options}), context(Path()))


def test_a_channel_without_a_sender_is_told_at_once() -> None:
    with pytest.raises(ChannelError, match="has no `from`"):
        SmtpChannel(channel("smtp", host="localhost"), context(Path()))
