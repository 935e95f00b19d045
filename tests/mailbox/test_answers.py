"""Whose a mail is: an answer finds its item, a machine's answer moves nothing, a bounce marks the address."""

from __future__ import annotations

import email
import socket
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession

from stageauto.runner import change, work
from stageauto.runner.session import Session
from tests.mailbox.acme import PIPELINE, acme, add, events, items, mail, timeline
from tests.mailbox.dovecot import USER, Dovecot
from tests.runner.support import deliveries, item_of, run_until_idle

EWA = {"email": "ewa@home.test", "first_name": "Ewa"}
DSN = """\
From: Mail Delivery Subsystem <MAILER-DAEMON@mx.acme.test>
To: sales@acme.test
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
Message-ID: <dsn-{status}@mx.acme.test>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.acme.test

Final-Recipient: rfc822; {address}
Action: failed
Status: {status}
Diagnostic-Code: smtp; 550 {status} no such user here

--b
Content-Type: text/rfc822-headers

From: sales@acme.test
Message-ID: {message_id}
Subject: Our offer

--b--
"""


class Outside:
    """The world that mails of ours go out to."""

    def __init__(self) -> None:
        self.got: list[Message] = []

    async def handle_DATA(self, server: SMTP, session: SmtpSession, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.got.append(email.message_from_bytes(envelope.content))
        return "250 2.0.0 taken"


@pytest.fixture
def outside() -> Iterator[tuple[int, Outside]]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    kept = Outside()
    controller = Controller(kept, hostname="127.0.0.1", port=port)
    controller.start()
    yield port, kept
    controller.stop()


def offered(root: Path, world: Outside, contact: dict[str, str] | None = None) -> tuple[str, str]:
    """An item whose offer went out: (item, Message-ID)."""
    item = add(root, contact or EWA, stage="offered")
    run_until_idle(root)
    return item, str(world.got[-1]["Message-ID"])


def test_an_answer_finds_its_item_by_the_mail_that_it_answers(
    tmp_path: Path, server: Dovecot, outside: tuple[int, Outside]
) -> None:
    port, world = outside
    root = acme(tmp_path / "acme", server, smtp=port)
    first, sent = offered(root, world)
    second, _ = offered(root, world)  # the newer one, which the sender alone would find
    server.deliver(mail(subject="Re: Our offer", sender="ewa@other.test", in_reply_to=sent))
    run_until_idle(root)
    assert item_of(root, first).stage == "answered"
    assert item_of(root, first).fields["note"] == "Re: Our offer"
    assert item_of(root, second).stage == "offered"


def test_an_answer_to_an_answer_finds_its_item_by_the_references(
    tmp_path: Path, server: Dovecot, outside: tuple[int, Outside]
) -> None:
    port, world = outside
    root = acme(tmp_path / "acme", server, smtp=port)
    first, sent = offered(root, world)
    offered(root, world)
    server.deliver(mail(sender="boss@other.test", in_reply_to="<x@y.test>", references=f"{sent} <w@y.test> <x@y.test>"))
    run_until_idle(root)
    assert item_of(root, first).stage == "answered"


def test_a_mail_to_the_plus_address_finds_its_item_whoever_writes(
    tmp_path: Path, server: Dovecot, outside: tuple[int, Outside]
) -> None:
    port, world = outside
    root = acme(tmp_path / "acme", server, smtp=port, inbox=", plus: true")
    first, _ = offered(root, world)
    asked = str(world.got[-1]["Reply-To"])
    second, _ = offered(root, world)
    assert asked.startswith("sales+")
    assert asked != str(world.got[-1]["Reply-To"])
    server.deliver(mail(sender="assistant@other.test", to=asked.upper()))
    server.deliver(mail(sender="guess@other.test", to="sales+aaaaaaaaaaaaaaaa@acme.test"))
    run_until_idle(root)
    assert item_of(root, first).stage == "answered"
    assert item_of(root, second).stage == "offered"
    assert [one.outcome for one in events(root)] == ["moved", "created"]


def test_a_mail_that_answers_nothing_finds_its_item_by_the_sender(tmp_path: Path, server: Dovecot) -> None:
    root = acme(tmp_path / "acme", server)
    item = add(root, EWA)
    server.deliver(mail(sender="EWA@Home.test"))
    run_until_idle(root)
    assert item_of(root, item).stage == "answered"
    assert len(items(root)) == 1


def test_files_of_a_mail_become_files_of_its_item_and_can_go_into_a_field(tmp_path: Path, server: Dovecot) -> None:
    pipeline = PIPELINE.replace("{note: string}", "{note: string, order: file}").replace(
        'note: "{{ event.subject }}"', 'order: "{{ event.attachments[0].file }}"'
    )
    root = acme(tmp_path / "acme", server, pipeline=pipeline)
    item = add(root, EWA)
    pdf = b"%PDF-1.7 " + bytes(range(256))
    server.deliver(mail(files=[("../../Zamówienie: 7.pdf", pdf), ("empty.txt", b"")]))
    run_until_idle(root)
    with Session.open(root) as session, session.store.read() as state:
        kept = state.files(item)
        assert [state.content(one.id) for one in kept] == [pdf, b""]
        found = state.item(item)
    assert kept[0].name.endswith("7.pdf")
    assert "/" not in kept[0].name
    assert found is not None
    assert found.fields["order"] == kept[0].ref


@pytest.mark.parametrize(
    "header",
    [
        {"auto_submitted": "auto-replied (vacation)"}, {"x_autoreply": "yes"}, {"precedence": "auto_reply"},
        {"x_autorespond": "1"}, {"subject": "Automatic reply: Our offer"}, {"subject": "Abwesenheitsnotiz"},
        {"return_path": "<>"},
    ],
)  # fmt: skip
def test_an_automatic_answer_is_in_the_history_and_moves_nothing(
    tmp_path: Path, server: Dovecot, header: dict[str, str]
) -> None:
    waits = PIPELINE.replace("  - id: answered\n", "      - {id: wait, do: wait, with: {for: 3d}}\n  - id: answered\n")
    root = acme(tmp_path / "acme", server, pipeline=waits)
    item = add(root, EWA, stage="offered")
    server.deliver(mail("I am away.", files=(), **header))
    run_until_idle(root)
    found = item_of(root, item)
    assert found.stage == "offered"
    assert next(run for run in found.runs.values() if run.rule == "wait").state == "running"
    (event,) = events(root)
    assert (event.data["auto"], event.outcome, event.items) == (True, "no_effect", [item])
    assert "event" in [one.kind for one in timeline(root, item)]


def test_an_automatic_answer_moves_what_asks_for_it(tmp_path: Path, server: Dovecot) -> None:
    pipeline = PIPELINE.replace("event: email.received, set", "event: email.received, where: {auto: true}, set")
    root = acme(tmp_path / "acme", server, pipeline=pipeline)
    item = add(root, EWA)
    server.deliver(mail("I am away.", auto_submitted="auto-replied"))
    run_until_idle(root)
    assert item_of(root, item).stage == "answered"


def test_our_own_mails_that_come_back_are_dropped(
    tmp_path: Path, server: Dovecot, outside: tuple[int, Outside]
) -> None:
    port, world = outside
    root = acme(tmp_path / "acme", server, smtp=port)
    item, _ = offered(root, world)
    server.deliver(world.got[-1].as_bytes())
    server.deliver(mail("A note to ourselves.", sender=f"Acme <{USER.upper()}>"))
    run_until_idle(root)
    assert [(one.outcome, one.items, one.data) for one in events(root)] == [("no_effect", [], {})] * 2
    assert item_of(root, item).stage == "offered"
    assert len(items(root)) == 1


def test_mails_of_who_is_on_the_exceptions_list_are_counted_and_nothing_of_them_is_kept(
    tmp_path: Path, server: Dovecot
) -> None:
    root = acme(tmp_path / "acme", server)
    item = add(root, EWA)
    with Session.open(root) as session:
        work.add_exception(session, "ewa@home.test")
    for number in range(3):
        server.deliver(mail(f"Secret words {number}", subject=f"s{number}", files=[("a.bin", b"secret file")]))
    run_until_idle(root)
    with Session.open(root) as session, session.store.read() as state:
        (listed,) = state.exemptions()
        assert state.files(item) == []
    assert listed.dropped == 3
    assert [one.data for one in events(root)] == [{}, {}, {}]
    assert item_of(root, item).stage == "new"
    for file in (root / ".stageauto").glob("state.db*"):
        assert b"secret file" not in file.read_bytes()


@pytest.mark.parametrize("subject", ["unsubscribe", " Unsubscribe "])
def test_a_mail_program_that_writes_unsubscribe_is_heard(tmp_path: Path, server: Dovecot, subject: str) -> None:
    """`List-Unsubscribe` of mails with `unsubscribe: true` asks for just this; some programs know no other way."""
    root = acme(tmp_path / "acme", server)
    item = add(root, EWA, stage="offered")
    run_until_idle(root)
    server.deliver(mail("Sent from my phone", subject=subject))
    run_until_idle(root)
    (event,) = events(root, "email.")
    assert (event.type, event.items, event.data["email"]) == ("email.unsubscribed", [item], "ewa@home.test")
    assert item_of(root, item).stage == "offered"
    with Session.open(root) as session, session.store.read() as state:
        assert [one.opt_out for one in state.contacts()] == [["mail"]]
    assert [one.kind for one in timeline(root, item)][-2:] == ["opted_out", "event"]


def test_who_only_writes_about_unsubscribing_is_answered_by_people(tmp_path: Path, server: Dovecot) -> None:
    root = acme(tmp_path / "acme", server)
    item = add(root, EWA)
    server.deliver(mail("How do I do that?", subject="Re: unsubscribe"))
    run_until_idle(root)
    assert [one.type for one in events(root)] == ["email.received"]
    assert item_of(root, item).stage == "answered"


def test_a_bounce_marks_the_address_until_somebody_sets_it_anew(
    tmp_path: Path, server: Dovecot, outside: tuple[int, Outside]
) -> None:
    port, world = outside
    root = acme(tmp_path / "acme", server, smtp=port)
    item, sent = offered(root, world)
    server.deliver(DSN.format(address="ewa@home.test", status="5.1.1", message_id=sent).encode())
    run_until_idle(root)
    (event,) = events(root, "email.bounced")
    assert event.data["rule"] == "offer"
    assert event.data["code"] == "5.1.1"
    assert event.data["reason"] == "550 5.1.1 no such user here"
    assert item_of(root, item).stage == "wrong"

    before = len(world.got)
    with Session.open(root) as session:
        change.move(session, item, "offered")
    run_until_idle(root)
    runs = {run.rule: run for run in item_of(root, item).runs.values()}
    assert (runs["offer"].state, runs["offer"].code) == ("undeliverable", "bounced")
    assert "5.1.1 550 5.1.1 no such user here" in runs["offer"].because
    assert len(world.got) == before

    with Session.open(root) as session, session.store.transaction() as state:
        from stageauto.engine.people import change_contact
        from stageauto.engine.ports import Changes

        contact = state.contact(item_of(root, item).contacts[0])
        assert contact is not None
        assert contact.emails[0]["bounced"]
        assert change_contact(contact, {"email": "ewa@home.test"})
        state.write(Changes(contacts=[contact]))
    with Session.open(root) as session:
        change.move(session, item, "offered", restart=True)
    run_until_idle(root)
    assert len(world.got) == before + 1


def test_a_bounce_of_a_full_mailbox_marks_nothing(
    tmp_path: Path, server: Dovecot, outside: tuple[int, Outside]
) -> None:
    port, world = outside
    root = acme(tmp_path / "acme", server, smtp=port)
    item, sent = offered(root, world)
    server.deliver(DSN.format(address="ewa@home.test", status="5.2.2", message_id=sent).encode())
    run_until_idle(root)
    (event,) = events(root, "email.bounced")
    assert event.data["permanent"] is False
    assert item_of(root, item).stage == "offered"
    with Session.open(root) as session, session.store.read() as state:
        assert "bounced" not in str(state.contacts()[0].emails)


@pytest.mark.parametrize("message_id", ["<forged@acme.test>", ""])
def test_a_bounce_of_what_we_never_sent_marks_nothing(
    tmp_path: Path, server: Dovecot, outside: tuple[int, Outside], message_id: str
) -> None:
    port, world = outside
    root = acme(tmp_path / "acme", server, smtp=port)
    item, _ = offered(root, world)
    server.deliver(DSN.format(address="ewa@home.test", status="5.1.1", message_id=message_id).encode())
    run_until_idle(root)
    (event,) = events(root, "email.bounced")
    assert event.outcome == "unmatched"
    assert item_of(root, item).stage == "offered"
    with Session.open(root) as session, session.store.read() as state:
        assert "bounced" not in str(state.contacts()[0].emails)


def test_a_mail_of_ours_says_that_a_machine_wrote_it(
    tmp_path: Path, server: Dovecot, outside: tuple[int, Outside]
) -> None:
    port, world = outside
    root = acme(tmp_path / "acme", server, smtp=port)
    offered(root, world)
    assert world.got[-1]["Auto-Submitted"] == "auto-generated"
    assert deliveries(root)[0].state == "done"
