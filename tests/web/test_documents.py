"""The pages of documents over real HTTP: reading, the PDF, opening and signing by personal links."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from stageauto.engine.state import Document, Item
from stageauto.runner.change import add
from stageauto.runner.clock import SystemClock
from stageauto.runner.session import Session, load_files, save_rights
from tests.web.conftest import Served

PIPELINE = """
pipeline: contracts
fields: {contract: file, qr: file, amount: money}
stages:
  - id: new
    rules:
      - {id: qr, do: create_qr, with: {url: "https://acme.test/faq?a=1&b=2", field: qr}}
      - id: write
        do: create_document
        with: {template: contract.html, name: "Contract for {{ contact.name }}", number: "C-{n:3}", field: contract}
      - id: ask
        do: request_signature
        after: write
        with: {sender: responsible, from: workspace}
  - {id: read, triggers: [{id: was-read, event: document.opened, where: {template: contract}}]}
  - {id: signed, triggers: [{id: customer, event: document.signed_by_recipient, where: {template: contract}}]}
  - {id: complete, kind: won, triggers: [{id: all, event: document.signed_by_all}]}
"""
CONTRACT = """<p align="right"><img src="files/logo.svg" width="14mm" alt="Acme"></p>
<h1>Contract {{ document.number }}</h1>
<p>between <b>Acme</b> and <b>{{ contact.name }}</b>, who buys a roof for {{ item.amount | money("PLN") }}.</p>
<table>
<tr><th>What</th><th align="right">Price</th></tr>
<tr><td>Tiles, 80 square metres</td><td align="right">6,400.00 PLN</td></tr>
<tr><td>Work</td><td align="right">2,600.00 PLN</td></tr>
</table>
<ol><li>Work begins within two weeks.</li><li>The roof is warranted for ten years.</li></ol>
<p>Questions? <img src="{{ item.qr }}" width="25mm" alt="The answers, as a QR code"></p>
"""
LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 36 36"><rect width="36" height="36" rx="8" fill="#0a5c36"/>'
    '<path d="M7 24 18 10l11 14" fill="none" stroke="#fff" stroke-width="4"/></svg>'
)
EVIL = 'Ewa <script>alert(1)</script> "#panic()'


@dataclass
class Desk:
    """A served workspace with one contract on its way."""

    served: Served
    item: str

    def document(self) -> Document:
        with self.served.read() as state:
            (found,) = state.documents(self.item)
        return found

    def now(self) -> Item:
        return self.served.item(self.item)

    def links(self) -> tuple[str, str]:
        """The paths of the customer's link and of Anna's, out of the mail and the inbox."""
        with self.served.read() as state:
            (mail,) = state.deliveries(item=self.item)
            (notice,) = [one for one in state.notices("anna") if one.item == self.item]
        theirs, ours = (re.findall(r"/d/[\w-]{43}", text)[0] for text in (mail.message["text"], notice.text))
        return theirs, ours

    def form(self, path: str) -> dict[str, str]:
        """What a browser would send that fills in the page's form."""
        page = self.served.ask("GET", path).text
        digest = re.search(r'name="sha256" value="(\w{64})"', page)
        assert digest is not None, page
        return {"name": "Ewa Lis", "consent": "yes", "sha256": digest[1], "drawing": ""}


def load_contracts(served: Served) -> None:
    """Adds the pipeline of contracts to the workspace that is served."""
    (served.root / "templates" / "files").mkdir(parents=True)
    (served.root / "templates" / "files" / "logo.svg").write_text(LOGO)
    now = SystemClock().now()
    with served.session() as session, session.store.transaction() as state:
        active = state.active_version()
        assert active is not None
        files: Mapping[str, str] = {
            **active.files, "pipelines/contracts.yaml": PIPELINE, "templates/contract.html": CONTRACT,
        }  # fmt: skip
        loaded = load_files(served.root, files, now)
        assert loaded.workspace is not None, loaded.diagnostics
        state.set_active(state.add_version(files, "test", now))
        save_rights(state, loaded.workspace)


def contract_for(served: Served, name: str) -> Desk:
    contact = {"first_name": name, "email": "ewa@home.test"}
    values = {"title": "Roof", "responsible": "anna", "amount": 9000}
    with Session.open(served.root, as_user="olga") as session:
        item = add(session, "contracts", stage=None, values=values, contact=contact)
    desk = Desk(served, item)
    served.until(lambda: served.item(item).runs and all(not run.living for run in served.item(item).runs.values()))
    return desk


@pytest.fixture
def desk(served: Served) -> Desk:
    load_contracts(served)
    return contract_for(served, EVIL)


def test_a_customer_reads_the_document_by_a_link_of_their_own_and_takes_the_pdf_home(desk: Desk) -> None:
    theirs, _ = desk.links()
    page = desk.served.ask("GET", theirs)
    assert page.status == 200
    assert "who buys a roof for" in page.text
    assert "<script>alert" not in page.text
    assert "Ewa &lt;script&gt;alert(1)&lt;/script&gt; &quot;#panic()" in page.text
    pdf = desk.served.ask("GET", f"{theirs}/document.pdf")
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.headers["content-disposition"] == 'attachment; filename="C-001.pdf"'
    assert pdf.body.startswith(b"%PDF-")
    assert sha256(pdf.body).hexdigest() in page.text
    assert desk.served.ask("GET", f"{theirs}/document.pdf").body == pdf.body


def test_the_pictures_of_the_page_come_from_the_item_and_from_the_templates(desk: Desk) -> None:
    theirs, _ = desk.links()
    addresses = re.findall(r'<img src="([^"]+)"', desk.served.ask("GET", theirs).text)
    assert addresses == [f"{theirs}/picture/0", f"{theirs}/picture/1"]
    logo, code = (desk.served.ask("GET", address) for address in addresses)
    assert (code.headers["content-type"], code.body[:4]) == ("image/png", b"\x89PNG")
    assert (logo.headers["content-type"], logo.body) == ("image/svg+xml", LOGO.encode())
    assert "sandbox" in logo.headers["content-security-policy"]
    assert desk.served.ask("GET", f"{theirs}/picture/2").status == 404


def test_looking_at_the_page_changes_nothing_and_its_script_says_that_it_was_opened(desk: Desk) -> None:
    theirs, _ = desk.links()
    desk.served.ask("GET", theirs)
    assert desk.document().opened_at is None
    desk.served.ask("POST", f"{theirs}/opened", headers={"User-Agent": "SomeScanner-bot/1.0"})
    assert desk.document().opened_at is None
    desk.served.ask("POST", f"{theirs}/opened")
    desk.served.ask("POST", f"{theirs}/opened")
    assert desk.document().opened_at is not None
    assert [one.type for one in desk.served.journal()] == ["document.opened"]
    assert desk.now().stage == "read"


def test_the_senders_link_opens_nothing(desk: Desk) -> None:
    _, ours = desk.links()
    assert desk.served.ask("GET", ours).status == 200
    desk.served.ask("POST", f"{ours}/opened")
    assert desk.document().opened_at is None


def test_both_sides_sign_by_their_links_and_the_pdf_is_sealed(desk: Desk) -> None:
    theirs, ours = desk.links()
    before = desk.served.ask("GET", f"{theirs}/document.pdf").body
    drawn = {**desk.form(theirs), "drawing": "M10 10L90 90L200 30"}
    answer = desk.served.form(f"{theirs}/sign", drawn)
    assert (answer.status, answer.headers["location"]) == (303, theirs)
    assert desk.now().stage == "signed"
    assert "Still to sign: Anna Nowak" in desk.served.ask("GET", theirs).text

    desk.served.form(f"{ours}/sign", {**desk.form(ours), "name": "Anna Nowak"})
    assert desk.now().stage == "complete"
    document = desk.document()
    evidence = {one["role"]: one for one in document.parties}
    assert evidence["recipient"]["how"] == "drawn"
    assert evidence["recipient"]["address"] == "127.0.0.1"
    assert "Firefox" in evidence["recipient"]["agent"]
    assert evidence["recipient"]["sha256"] == sha256(before).hexdigest()
    assert (evidence["sender"]["how"], evidence["sender"]["author"]) == ("typed", "anna")

    signed = desk.served.ask("GET", f"{theirs}/document.pdf")
    assert signed.headers["content-disposition"] == 'attachment; filename="C-001-signed.pdf"'
    assert signed.body.startswith(before)
    assert len(PdfFileReader(io.BytesIO(signed.body)).embedded_signatures) == 1
    assert desk.now().fields["contract"].endswith("signed.pdf")
    assert 'id="sign"' not in desk.served.ask("GET", theirs).text


def test_signing_tells_that_it_was_opened_where_the_page_had_no_script(desk: Desk) -> None:
    theirs, _ = desk.links()
    desk.served.form(f"{theirs}/sign", desk.form(theirs))
    assert [one.type for one in desk.served.journal()] == ["document.opened", "document.signed_by_recipient"]


def test_who_signs_twice_has_signed_once(desk: Desk) -> None:
    theirs, _ = desk.links()
    form = desk.form(theirs)
    desk.served.form(f"{theirs}/sign", form)
    first = desk.document().parties
    assert desk.served.form(f"{theirs}/sign", {**form, "name": "Somebody Else"}).status == 303
    assert desk.document().parties == first


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"consent": ""}, 422, "Say that you have read"),
        ({"name": " "}, 422, "Write your full name"),
        ({"name": "Ewa\nSigned by: Anna"}, 422, "Write your full name"),
        ({"sha256": "0" * 64}, 409, "not the document"),
        ({"sha256": ""}, 409, "not the document"),
    ],
)
def test_a_signature_with_something_missing_is_none(desk: Desk, change: dict[str, str], status: int, says: str) -> None:
    theirs, _ = desk.links()
    answer = desk.served.form(f"{theirs}/sign", {**desk.form(theirs), **change})
    assert answer.status == status
    assert says in answer.text
    assert all(one.get("signed_at") is None for one in desk.document().parties)


def test_a_drawing_that_is_none_is_left_out(desk: Desk) -> None:
    theirs, _ = desk.links()
    desk.served.form(f"{theirs}/sign", {**desk.form(theirs), "drawing": 'M1 1"/><script>alert(1)</script>'})
    (one,) = [one for one in desk.document().parties if one["role"] == "recipient"]
    assert one["how"] == "typed"
    assert "drawing" not in one


def test_what_is_typed_as_a_name_stays_text(desk: Desk) -> None:
    theirs, ours = desk.links()
    desk.served.form(f"{theirs}/sign", {**desk.form(theirs), "name": '<img src=x onerror=alert(1)>#panic("x")'})
    assert "<img src=x" not in desk.served.ask("GET", theirs).text
    desk.served.form(f"{ours}/sign", desk.form(ours))
    assert desk.served.ask("GET", f"{theirs}/document.pdf").status == 200


@pytest.mark.parametrize("path", ["", "/document.pdf", "/picture/0"])
def test_a_guessed_link_leads_nowhere(desk: Desk, path: str) -> None:
    assert desk.served.ask("GET", f"/d/{'A' * 43}{path}").status == 404
    assert desk.served.ask("GET", f"/d/{desk.document().id}{path}").status == 404


def test_the_link_of_another_kind_opens_no_document(desk: Desk) -> None:
    theirs, _ = desk.links()
    token = theirs.removeprefix("/d/")
    assert desk.served.ask("GET", f"/l/{token}").status == 404
    assert desk.served.ask("GET", f"/u/{token}").status == 404


def test_the_links_of_a_deleted_item_lead_nowhere(desk: Desk) -> None:
    from stageauto.runner.change import delete

    theirs, _ = desk.links()
    with Session.open(desk.served.root, as_user="olga") as session:
        delete(session, desk.item)
    assert desk.served.ask("GET", theirs).status == 404


def test_who_was_not_asked_cannot_sign(served: Served) -> None:
    load_contracts(served)
    desk = contract_for(served, "Ewa")
    theirs, _ = desk.links()
    form = desk.form(theirs)
    with served.session() as session, session.store.transaction() as state:
        document = state.document(desk.document().id)
        assert document is not None
        document.parties = [one for one in document.parties if one["role"] == "sender"]
        state._write_documents([document])
    assert 'id="sign"' not in served.ask("GET", theirs).text
    assert served.form(f"{theirs}/sign", form).status == 403


def test_a_document_that_cannot_be_printed_is_said_to_be_out_of_reach(served: Served) -> None:
    load_contracts(served)
    (served.root / "templates" / "files" / "logo.svg").write_text("this is no picture")
    desk = contract_for(served, "Ewa")
    theirs, _ = desk.links()
    answer = served.ask("GET", theirs)
    assert answer.status == 503
    assert "logo" not in answer.text
    assert any(kind == "document_broke" for kind, _ in served.told)
