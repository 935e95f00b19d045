"""Documents from a rule to the customer's mailbox: real SMTP, real PDFs, a real state; and what keeps them."""

from __future__ import annotations

import email
import email.policy
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession
from pyhanko.pdf_utils.reader import PdfFileReader

from stageauto.engine.state import Document
from stageauto.loader.files import read_files
from stageauto.runner import change, signing
from stageauto.runner.session import Session
from stageauto.runner.versions import load
from stageauto.store.backup import restore
from tests.network import MailServer
from tests.runner.support import activate, outcomes, run_until_idle, serving, until, workspace

PIPELINE = """\
pipeline: work
entity: deal
fields: {offer: file, qr: file, other: file}
stages:
  - id: new
    rules:
      - {id: qr, do: create_qr, with: {url: "https://acme.test", field: qr}}
      - id: offer
        do: create_document
        with: {template: offer.html, name: "Oferta {{ contact.first_name }}", number: "OF-{n:3}", field: offer}
  - id: sent
    rules:
      - id: mail
        do: send_email
        with:
          from: workspace
          subject: "{{ document.number }}"
          body: Here it is.
          attach: [{document: latest}, {field: item.qr}]
  - id: stolen
    rules:
      - id: steal
        do: send_email
        with: {from: workspace, subject: x, body: x, attach: [{field: item.other}]}
  - id: asked
    rules:
      - {id: ask, do: request_signature, with: {sender: anna, recipient: false}}
  - {id: done, kind: won, triggers: [{id: all, event: document.signed_by_all, where: {template: offer}}]}
"""
USERS = """\
users:
  anna: {name: Anna Nowak, roles: [all]}
roles: {all: {"*": [automation.update, automation.read, items.read, items.update]}}
"""
OFFER = '<h1>Offer {{ document.number }}</h1><p>for {{ contact.first_name }}</p><img src="{{ item.qr }}" width="20mm">'


class Mailbox:
    """Keeps what it got."""

    def __init__(self) -> None:
        self.got: list[EmailMessage] = []

    async def handle_DATA(self, server: SMTP, session: SmtpSession, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.got.append(email.message_from_bytes(envelope.content, EmailMessage, policy=email.policy.default))
        return "250 2.0.0 taken"


@pytest.fixture
def mailbox() -> Iterator[tuple[int, Mailbox]]:
    kept = Mailbox()
    server = MailServer(kept)
    server.start()
    yield server.port, kept
    server.stop()


@pytest.fixture
def acme(tmp_path: Path, mailbox: tuple[int, Mailbox]) -> Path:
    channel = f"channels:\n  mail: {{type: smtp, host: 127.0.0.1, port: {mailbox[0]}, from: sales@acme.test}}\n"
    root = workspace(tmp_path / "acme", PIPELINE, USERS + channel)
    (root / "templates").mkdir()
    (root / "templates/offer.html").write_text(OFFER, "utf-8")
    activate(root)
    return root


def new_deal(root: Path, name: str) -> str:
    with Session.open(root, as_user="anna") as session:
        contact = {"first_name": name, "email": f"{name.lower()}@home.test"}
        return change.add(session, "work", stage=None, values={"title": name}, contact=contact)


def move(root: Path, item: str, stage: str) -> None:
    with Session.open(root, as_user="anna") as session:
        change.move(session, item, stage)


def documents(root: Path, item: str) -> list[Document]:
    with Session.open(root) as session, session.store.read() as state:
        return list(state.documents(item))


def content_of(root: Path, file_id: str) -> bytes | None:
    with Session.open(root) as session, session.store.read() as state:
        return state.content(file_id)


def test_the_newest_document_and_a_picture_arrive_with_the_mail(acme: Path, mailbox: tuple[int, Mailbox]) -> None:
    item = new_deal(acme, "Ewa")
    move(acme, item, "sent")
    run_until_idle(acme)
    (mail,) = mailbox[1].got
    assert mail["Subject"] == "OF-001"
    pdf, picture = mail.iter_attachments()
    assert (pdf.get_filename(), pdf.get_content_type()) == ("Oferta Ewa OF-001.pdf", "application/pdf")
    assert int(PdfFileReader(io.BytesIO(pdf.get_content())).root["/Pages"]["/Count"]) == 1
    assert (picture.get_filename(), picture.get_content()[:4]) == ("qr.png", b"\x89PNG")
    (document,) = documents(acme, item)
    assert content_of(acme, document.file) == pdf.get_content()


def test_a_field_that_names_the_file_of_another_item_attaches_nothing(acme: Path, mailbox: tuple[int, Mailbox]) -> None:
    theirs, mine = new_deal(acme, "Ewa"), new_deal(acme, "Jan")
    (document,) = documents(acme, theirs)
    with Session.open(acme, as_user="anna") as session:
        change.set_fields(session, mine, {"other": f"file:{document.file}/x.pdf"})
    move(acme, mine, "stolen")
    run_until_idle(acme)
    assert mailbox[1].got == []
    assert outcomes(acme, mine)["steal"] == "undeliverable"


def test_numbers_count_up_without_a_gap(acme: Path) -> None:
    items = [new_deal(acme, name) for name in ("Ewa", "Jan", "Ola")]
    assert [one.number for item in items for one in documents(acme, item)] == ["OF-001", "OF-002", "OF-003"]


def test_the_pdf_says_when_it_was_made_in_utc(acme: Path) -> None:
    item = new_deal(acme, "Ewa")
    (one,) = documents(acme, item)
    with Session.open(acme, as_user="anna") as session:
        content = signing.save(session, one.id, acme / "x.pdf").read_bytes()
    made = datetime.fromtimestamp(one.at / 1000, UTC)
    assert f"(D:{made:%Y%m%d%H%M%S}Z)".encode() in content


def test_the_daemon_makes_the_pdf_though_nobody_asked_for_it_yet(acme: Path) -> None:
    with serving(acme):
        item = new_deal(acme, "Ewa")
        (document,) = documents(acme, item)
        until(lambda: bool(content_of(acme, document.file)))


def test_one_that_waits_since_the_last_run_is_made_at_the_start(acme: Path) -> None:
    item = new_deal(acme, "Ewa")
    (document,) = documents(acme, item)
    assert content_of(acme, document.file) is None
    with serving(acme):
        until(lambda: bool(content_of(acme, document.file)))


def test_a_template_that_changed_later_changes_no_document(acme: Path, tmp_path: Path) -> None:
    item = new_deal(acme, "Ewa")
    (acme / "templates/offer.html").write_text("<p>another text</p>", "utf-8")
    with Session.open(acme, as_user="anna") as session:
        load(session, read_files(acme))
    (document,) = documents(acme, item)
    assert "<h1>Offer OF-001</h1>" in document.html
    with Session.open(acme, as_user="anna") as session:
        first = signing.save(session, "OF-001", tmp_path / "a.pdf").read_bytes()
        second = signing.save(session, document.id, tmp_path / "b.pdf").read_bytes()
    assert first == second


def test_the_sender_signs_in_the_terminal_and_the_item_moves(acme: Path, tmp_path: Path) -> None:
    item = new_deal(acme, "Ewa")
    move(acme, item, "asked")
    with Session.open(acme, as_user="anna") as session:
        done = signing.sign(session, signing.asked(session, "1"))
        path = signing.save(session, done.id, tmp_path)
        original = signing.save(session, done.id, tmp_path / "original.pdf", original=True)
    assert done.state == "signed"
    assert path.name == "Oferta Ewa OF-001 signed.pdf"
    assert path.read_bytes().startswith(original.read_bytes())
    assert len(PdfFileReader(io.BytesIO(path.read_bytes())).embedded_signatures) == 1
    with Session.open(acme) as session, session.store.read() as state:
        found = state.item(item)
        assert found is not None
        assert (found.stage, found.fields["offer"].rpartition("/")[2]) == ("done", path.name)


def test_the_first_signature_of_somebody_stays(acme: Path) -> None:
    item = new_deal(acme, "Ewa")
    move(acme, item, "asked")
    told = documents(acme, item)[0].parties
    with Session.open(acme, as_user="anna") as session:
        for name in ("Anna Nowak", "Somebody Else"):
            change.emit(session, "document.signed_by_sender", item=item, data={"signer": name})
    (document,) = documents(acme, item)
    assert [(one["name"], one["source"]) for one in document.parties] == [("Anna Nowak", "command")]
    assert "signed_at" not in told[0]


def test_an_event_of_one_item_signs_no_document_of_another(acme: Path) -> None:
    theirs, mine = new_deal(acme, "Ewa"), new_deal(acme, "Jan")
    move(acme, theirs, "asked")
    (document,) = documents(acme, theirs)
    with Session.open(acme, as_user="anna") as session:
        change.emit(session, "document.signed_by_sender", item=mine, data={"document": document.id})
    assert documents(acme, theirs)[0].signed_at is None


def test_a_backup_holds_documents_with_their_pdfs(acme: Path, tmp_path: Path) -> None:
    item = new_deal(acme, "Ewa")
    (document,) = documents(acme, item)
    with Session.open(acme, as_user="anna") as session:
        pdf = signing.save(session, document.id, tmp_path / "before.pdf").read_bytes()
        session.store.backup(tmp_path / "kept.db", session.clock.now())
    (acme / ".stageauto/state.db").unlink()
    (acme / ".stageauto/state.db.mark").unlink()
    restore(tmp_path / "kept.db", acme / ".stageauto/state.db", 0)
    assert documents(acme, item) == [document]
    assert content_of(acme, document.file) == pdf
