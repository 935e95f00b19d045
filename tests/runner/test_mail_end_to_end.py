"""A mail from a rule to a real SMTP server on loopback, received whole."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from stageauto.runner import change
from stageauto.runner.session import Session as OpenWorkspace
from tests.network import MailServer
from tests.runner.support import activate, deliveries, outcomes, run_until_idle, workspace

CATALOGUE = bytes(range(256)) * 40
PIPELINE = """\
pipeline: work
entity: deal
fields: {order_no: string}
stages:
  - id: new
  - id: sent
    rules:
      - id: tracking
        do: send_email
        with:
          to: customer
          type: mailing
          pick: last
          from: workspace
          subject: "Zamówienie {{ item.order_no }}, wysłane"
          body: |
            Dear {{ contact.first_name }},
            .a line that begins with a dot
            zażółć gęślą jaźń
          html: "<p>Dear <b>{{ contact.first_name }}</b></p>"
          attach: [{file: files/catalogue.pdf}]
"""


class Mailbox:
    """Keeps what it got."""

    def __init__(self) -> None:
        self.got: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.got.append(envelope)
        return "250 2.0.0 taken as 4711"


@pytest.fixture
def mailbox() -> Iterator[tuple[int, Mailbox]]:
    kept = Mailbox()
    server = MailServer(kept)
    server.start()
    yield server.port, kept
    server.stop()


def test_a_mail_goes_from_a_rule_to_the_server_whole_and_under_its_key(
    tmp_path: Path, mailbox: tuple[int, Mailbox]
) -> None:
    port, kept = mailbox
    channel = f'channels:\n  mail: {{type: smtp, host: 127.0.0.1, port: {port}, from: "Acme <sales@acme.test>"}}\n'
    root = workspace(tmp_path / "acme", PIPELINE, channel)
    (root / "templates/files").mkdir(parents=True)
    (root / "templates/files/catalogue.pdf").write_bytes(CATALOGUE)
    activate(root)
    addresses = [
        {"value": "work@home.test", "type": "work"},
        {"value": "old@home.test", "type": "mailing"},
        {"value": "ewa@home.test", "type": "mailing"},
        {"value": "private@home.test", "type": "private"},
    ]
    with OpenWorkspace.open(root) as session:
        values = {"title": "Roof", "order_no": "77/ż"}
        contact = {"first_name": "Ewa <&>", "emails": addresses}
        item = change.add(session, "work", stage="sent", values=values, contact=contact)

    run_until_idle(root)

    (envelope,) = kept.got
    assert envelope.mail_from == "sales@acme.test"
    assert envelope.rcpt_tos == ["ewa@home.test"]
    assert isinstance(envelope.content, bytes)
    mail = email.message_from_bytes(envelope.content, EmailMessage, policy=email.policy.default)
    assert mail["To"] == "ewa@home.test"
    assert mail["From"] == "Acme <sales@acme.test>"
    assert mail["Subject"] == "Zamówienie 77/ż, wysłane"
    body, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert body is not None
    assert page is not None
    assert body.get_content().splitlines() == [
        "Dear Ewa <&>,", ".a line that begins with a dot", "zażółć gęślą jaźń",
    ]  # fmt: skip
    assert "<b>Ewa &lt;&amp;&gt;</b>" in page.get_content()
    (attached,) = mail.iter_attachments()
    assert attached.get_filename() == "catalogue.pdf"
    assert attached.get_content() == CATALOGUE
    (delivery,) = deliveries(root)
    assert str(mail["Message-ID"]).strip("<>").partition("@")[0] == delivery.key
    assert delivery.answer["message_id"] == str(mail["Message-ID"])
    assert delivery.state == "done"
    assert outcomes(root, item) == {"tracking": "done"}


def test_the_answer_to_a_mail_finds_its_item_by_the_key(tmp_path: Path, mailbox: tuple[int, Mailbox]) -> None:
    port, kept = mailbox
    channel = f'channels:\n  mail: {{type: smtp, host: 127.0.0.1, port: {port}, from: "sales@acme.test"}}\n'
    root = workspace(tmp_path / "acme", PIPELINE.replace("type: mailing", "type: auto").replace(
        "          attach: [{file: files/catalogue.pdf}]\n", ""), channel)  # fmt: skip
    activate(root)
    with OpenWorkspace.open(root) as session:
        item = change.add(session, "work", stage="sent", values={"title": "Roof"}, contact={"email": "ewa@home.test"})
    run_until_idle(root)
    content = kept.got[0].content
    assert isinstance(content, bytes)
    reply = str(email.message_from_bytes(content)["Message-ID"])
    with OpenWorkspace.open(root) as session:
        row = change.emit(session, "email.received", data={"in_reply_to": reply, "from": "other@home.test"})
    assert row.items == [item]
