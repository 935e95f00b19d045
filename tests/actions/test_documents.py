"""Documents, their way to the customer, requests for signatures, QR codes."""

from __future__ import annotations

import pytest

from stageauto.engine.document_facts import latest, number_of, wrong_pattern
from stageauto.engine.effects import AskToSign, DocumentSent, End, KeepFile, MakeDocument, MakeLink, Notify, Send
from stageauto.engine.files import file_name, id_of
from stageauto.engine.ports import Changes
from stageauto.engine.schedule import to_local
from stageauto.engine.state import Document, StoredFile
from tests.actions.conftest import NOW, Bench, faults, load_with

CREATE = 'template: offer.html\nname: "Offer for {{ contact.first_name }}"\nnumber: "OF-{year}-{n:4}"\nfield: offer'


def with_document(bench: Bench, **more: object) -> Document:
    """The item has a document with its PDF."""
    made = Document("document-1", bench.item.id, "offer", "offer", "Offer", "OF-1", NOW, "<p>x", "file-1")
    for name, value in more.items():
        setattr(made, name, value)
    files = [StoredFile("file-1", bench.item.id, "Offer OF-1.pdf", "application/pdf", NOW)]
    files.append(StoredFile("file-2", bench.item.id, "Offer OF-1 signed.pdf", "application/pdf", NOW))
    with bench.store.transaction() as state:
        state.write(Changes(documents=[made], files=files))
    return made


def with_base_url(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.actions import conftest

    monkeypatch.setattr(conftest, "STAGEAUTO", conftest.STAGEAUTO + "base_url: https://crm.acme.test\n")


# -- create_document -------------------------------------------------------------------------------------------------


def test_a_document_is_the_template_with_its_values_escaped_and_a_number(bench: Bench) -> None:
    bench.contacts[0].first_name = "<b>Ewa</b>"
    made = bench.one("create_document", CREATE)
    assert isinstance(made, MakeDocument)
    assert (made.template, made.name, made.number, made.field) == (
        "offer", "Offer for <b>Ewa</b>", "OF-2026-0001", "offer",
    )  # fmt: skip
    assert "<h1>Hello &lt;b&gt;Ewa&lt;/b&gt;</h1>" in made.html


def test_the_number_goes_on_from_the_last_one_of_its_pattern(bench: Bench) -> None:
    counter = bench.one("create_document", CREATE).counter
    with bench.store.transaction() as state:
        for _ in range(41):
            state.next_number(counter)
    assert bench.one("create_document", CREATE).number == "OF-2026-0042"
    assert bench.one("create_document", CREATE.replace("OF-", "XX-")).number == "XX-2026-0001"


def test_a_new_year_begins_at_one_and_has_a_counter_of_its_own() -> None:
    loaded = load_with()
    assert loaded.workspace is not None
    used = {"document OF-2026-{n:4}": 7}
    for at, number in ((NOW, "OF-2026-0008"), (NOW + 365 * 86_400_000, "OF-2027-0001")):
        when = to_local(at, loaded.workspace.zone)
        assert number_of("OF-{year}-{n:4}", when, lambda name: used.get(name, 0))[0] == number


def test_a_document_without_end_is_not_made(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.actions import conftest

    monkeypatch.setitem(conftest.TEMPLATES, "templates/offer.html", "<p>{{ item.note }}</p>" * 5)
    bench.item.fields["note"] = "x" * 90_000
    found = bench.one("create_document", CREATE)
    assert (found.outcome, found.code) == ("failed", "too_long")


@pytest.mark.parametrize(
    ("pattern", "good"),
    [("{n}", True), ("A{month}/{n:6}", True), ("A", False), ("{n}{n}", False), ("{n:0}", False), ("{x}{n}", False)],
)
def test_a_pattern_has_one_number_and_known_places(pattern: str, good: bool) -> None:
    assert (wrong_pattern(pattern) == "") == good


def test_what_an_admin_adds_as_data_is_read_by_the_template(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.actions import conftest

    text = "<p>{{ document.data.until }} {{ document.number }} {{ document.name }}</p>"
    monkeypatch.setitem(conftest.TEMPLATES, "templates/offer.html", text)
    made = bench.one("create_document", f'{CREATE}\ndata: {{until: "{{{{ now | date }}}}"}}')
    assert made.html == "<p>2026-03-02 OF-2026-0001 Offer for Ewa</p>"


@pytest.mark.parametrize(
    ("options", "codes"),
    [
        ("template: nowhere.html\nname: x", ["unknown-template"]),
        ("template: offer.txt\nname: x", ["bad-template"]),
        ("template: offer.html\nname: x\nnumber: OF", ["bad-numbering"]),
        ("template: offer.html\nname: x\nfield: note", ["field-type"]),
        ("template: offer.html\nname: '{{ document.nmae }}'", ["unknown-name"]),
        (CREATE, []),
    ],
)
def test_what_is_wrong_with_a_document_is_said_when_it_is_loaded(options: str, codes: list[str]) -> None:
    assert faults("create_document", options) == codes


def test_a_template_is_looked_through_for_what_cannot_be_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.actions import conftest

    text = '<p>\n<video></video><img src="files/gone.png"><img src="files/catalogue.pdf"><img src="{{ item.offer }}">'
    monkeypatch.setitem(conftest.TEMPLATES, "templates/offer.html", text)
    assert faults("create_document", CREATE) == ["unknown-file", "unknown-tag"]


# -- send_document ---------------------------------------------------------------------------------------------------


def test_a_document_goes_by_mail_with_a_link_of_the_customers_own(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_base_url(monkeypatch)
    with_document(bench)
    sent, mail, link = bench.plan(
        "send_document", "subject: 'Your {{ document.name }}'\ntext: 'See {{ document.link }}.'"
    )
    assert sent == DocumentSent("document-1")
    assert isinstance(mail, Send)
    assert (mail.kind, mail.channel, mail.to, mail.contact) == ("mail", "anna-mail", "ewa@home.test", "ewa")
    assert mail.message["subject"] == "Your Offer"
    assert mail.message["text"].startswith("See https://crm.acme.test/d/")
    assert isinstance(link, MakeLink)
    assert (link.kind, link.target) == ("document", "document-1")
    assert link.data == {"role": "recipient", "who": "ewa", "email": "ewa@home.test"}


def test_a_document_goes_by_sms(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with_base_url(monkeypatch)
    with_document(bench)
    _, sms, _ = bench.plan("send_document", "by: sms")
    assert (sms.kind, sms.channel, sms.to) == ("sms", "sms", "+48 501 111 222")
    assert sms.message["text"].startswith("Offer OF-1: https://crm.acme.test/d/")
    assert bench.action("send_document", "by: sms").message_kind() == "sms"


def test_a_document_is_attached_signed_where_it_is_signed(bench: Bench) -> None:
    with_document(bench, signed_file="file-2", signed_at=NOW)
    _, mail = bench.plan("send_document", "attach: true")
    assert mail.message["attachments"] == [
        {
            "kind": "field", "name": "Offer OF-1 signed.pdf", "value": "file:file-2/Offer OF-1 signed.pdf",
            "item": "deal-1",
        }
    ]  # fmt: skip
    assert "attached" in mail.message["text"]


def test_without_a_document_or_an_address_of_our_own_nothing_is_sent(bench: Bench) -> None:
    missing = bench.one("send_document", "document: contract\nattach: true")
    assert (missing.outcome, missing.code) == ("undeliverable", "no_document")
    with_document(bench)
    assert bench.one("send_document").code == "no_link"


def test_the_newest_document_of_a_template_is_meant() -> None:
    kinds = ["offer", "contract", "offer", "annex"]
    made = [Document(f"document-{n}", "i", "r", kind, "x", f"N{n}", 0, "", "f") for n, kind in enumerate(kinds)]
    assert latest(made) is made[3]
    assert latest(made, "offer") is made[2]
    assert latest(made, "N1") is made[1]
    assert latest(made, "nothing") is None


@pytest.mark.parametrize(
    ("options", "codes"),
    [
        ("by: mail", ["no-base-url"]),
        ("attach: true", []),
        ("attach: true\nby: sms", ["choose-one"]),
        ("text: here it is", ["no-base-url", "no-link"]),
        ("text: '{{ document.link }}'", ["no-base-url"]),
        ("by: pigeon", ["bad-choice"]),
    ],
)
def test_what_is_wrong_with_sending_is_said_when_it_is_loaded(options: str, codes: list[str]) -> None:
    assert sorted(faults("send_document", options)) == codes


# -- request_signature -----------------------------------------------------------------------------------------------


def test_both_sides_are_asked_each_with_a_link_of_their_own(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with_base_url(monkeypatch)
    with_document(bench)
    asked, told, sent, mail, *links = bench.plan("request_signature", "sender: olga")
    assert isinstance(asked, AskToSign)
    assert [(one["role"], one["who"], one["name"]) for one in asked.parties] == [
        ("sender", "olga", "Olga Zielinska"), ("recipient", "ewa", "Ewa Lis"),
    ]  # fmt: skip
    assert isinstance(told, Notify)
    assert told.users == ["olga"]
    assert "`stageauto sign document-1` or https://crm.acme.test/d/" in told.text
    assert sent == DocumentSent("document-1")
    assert "ready for you to sign" in mail.message["text"]
    assert [one.data["role"] for one in links] == ["recipient", "sender"]
    assert len({one.hash for one in links}) == 2


def test_the_sender_alone_is_asked_without_any_base_url(bench: Bench) -> None:
    with_document(bench)
    asked, told = bench.plan("request_signature", "sender: responsible\nrecipient: false")
    assert [one["who"] for one in asked.parties] == ["anna"]
    assert told.text.endswith("`stageauto sign document-1`")
    assert not bench.action("request_signature", "sender: anna\nrecipient: false").to_customer()


@pytest.mark.parametrize(
    ("options", "more", "outcome"),
    [
        ("sender: responsible", {"signed_at": NOW}, ("failed", "already_signed")),
        ("sender: manager\nrecipient: false", {}, None),
        ("document: contract", {}, ("undeliverable", "no_document")),
        ("sender: '{{ item.note }}x'\nrecipient: false", {}, ("failed", "bad_value")),
    ],
)
def test_a_request_that_cannot_be_made_says_why(
    bench: Bench, options: str, more: dict[str, int], outcome: tuple[str, str] | None
) -> None:
    with_document(bench, **more)
    found = bench.plan("request_signature", options)
    ends = [(one.outcome, one.code) for one in found if isinstance(one, End)]
    assert ends == ([outcome] if outcome else [])


def test_nobody_is_asked_where_the_customer_cannot_be_reached(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with_base_url(monkeypatch)
    with_document(bench)
    bench.contacts[0].emails = []
    found = bench.one("request_signature", "sender: olga")
    assert (found.outcome, found.code) == ("undeliverable", "no_address")
    bench.item.contacts = []
    assert bench.one("request_signature", "sender: olga").code == "no_address"


def test_a_request_that_asks_nobody_is_refused_when_loaded() -> None:
    assert faults("request_signature", "recipient: false") == ["choose-one"]


# -- create_qr -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "begins"), [("png", b"\x89PNG\r\n"), ("svg", b"<?xml")])
def test_a_qr_code_leads_to_a_tracked_link(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, kind: str, begins: bytes
) -> None:
    with_base_url(monkeypatch)
    options = f"url: 'https://acme.test/?order={{{{ item.title }}}}'\nfield: offer\nname: Scan me\nformat: {kind}"
    picture, result, link = bench.plan("create_qr", options)
    assert isinstance(picture, KeepFile)
    assert (picture.name, picture.field) == (f"Scan me.{kind}", "offer")
    assert picture.content.startswith(begins)
    assert (link.kind, link.target) == ("qr", "https://acme.test/?order=Roof")
    assert result.data["url"].startswith("https://crm.acme.test/l/")


def test_without_a_base_url_the_code_leads_straight_there(bench: Bench) -> None:
    _, result = bench.plan("create_qr", "url: https://acme.test/x\nfield: offer")
    assert result.data == {"url": "https://acme.test/x"}
    assert faults("create_qr", "url: https://acme.test/x\nfield: offer") == ["no-base-url"]


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "ftp://a.test", "https://", "https://a.test/" + "x" * 2000])
def test_a_code_leads_to_the_web_or_is_not_made(bench: Bench, url: str) -> None:
    assert "bad-url" in faults("create_qr", f"url: '{url}'\nfield: offer")
    bench.item.fields["order_no"] = url  # what only the item says is found when the rule runs
    found = bench.one("create_qr", "url: '{{ item.order_no }}'\nfield: offer")
    assert (found.outcome, found.code) == ("failed", "bad_value")


# -- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ending", "name"),
    [
        ("Offer 1", ".pdf", "Offer 1.pdf"), ("Offer.PDF", ".pdf", "Offer.pdf"), ("../../etc/passwd", "", "etc passwd"),
        ('a"b\r\nc', ".pdf", "a b c.pdf"), ("", ".pdf", "file.pdf"), ("x" * 500, ".pdf", "x" * 116 + ".pdf"),
        ("invoice\u202efdp.exe", "", "invoice fdp.exe"), ("...", "", "file"),
        ("y" * 300 + ".png", "", "y" * 116 + ".png"),
    ],
)  # fmt: skip
def test_a_files_name_is_harmless_wherever_it_stands(text: str, ending: str, name: str) -> None:
    assert file_name(text, ending) == name


def test_a_field_says_whether_it_means_a_file_of_the_state_or_of_the_workspace() -> None:
    assert id_of(StoredFile("file-7", "deal-1", "a.pdf", "application/pdf", 0).ref) == "file-7"
    assert id_of("files/a.pdf") is None
