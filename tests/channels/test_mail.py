"""Mails as bytes: whole, the same at each try, and closed to whatever a customer writes into them."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stageauto.channels._headers import MailError, parse_address
from stageauto.channels._mail import Mail, build_mail, parse_sender
from stageauto.channels.base import ChannelError
from tests.channels.support import MAIL, NOW, delivery

SENDER = parse_sender("Acme <sales@acme.test>", "mail")
HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"]
HOSTILE = [
    "=?utf-8?q?hi=0ABcc:evil@x.test?=",
    "=?utf-8?q?hi=0D=0ABcc:_evil@x.test=0D=0A=0D=0Abody?=",
    "=?utf-8?b?aGkKQmNjOiBldmlsQHgudGVzdA==?=",
    "hi\nBcc: evil@x.test",
    "hi\r\nBcc: evil@x.test\r\n\r\nbody",
    "hi\rBcc: evil@x.test",
    "hi\u2028Bcc: evil@x.test",
    "hi\x85Bcc: evil@x.test",
    "hi\x0bBcc: evil@x.test\x0c",
    "hi\x00Bcc: evil@x.test",
    " \n\n Bcc: evil@x.test",
    "\ud800 lone",
    "x" * 5000,
    "ż" * 3000,
    "a " * 2000,
]


def build(message: dict[str, Any], root: Path = Path(), **more: Any) -> Mail:
    return build_mail(delivery("mail", {**MAIL, **message}), SENDER, NOW, root, **more)


def parse(mail: Mail) -> EmailMessage:
    return email.message_from_bytes(mail.content, policy=email.policy.default)


def text_of(mail: Mail, kind: str = "plain") -> str:
    body = parse(mail).get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("place", ["subject", "from", "header", "text", "html"])
def test_no_value_makes_a_header_of_its_own(value: str, place: str) -> None:
    message = {"headers": {"X-Note": value}} if place == "header" else {place: value}
    mail = build(message)
    expected = [*HEADERS, *(["X-Note"] if place == "header" else []), "MIME-Version"]
    names = [name for name in parse(mail) if not name.startswith("Content-")]
    assert sorted(names) == sorted(expected)
    assert mail.recipients == ("ewa@home.test",)
    assert b"\n\n" not in mail.content.replace(b"\r\n", b"")
    head = mail.content.partition(b"\r\n\r\n")[0]
    assert b"\nBcc" not in head
    assert all(len(line) <= 998 for line in mail.content.split(b"\r\n"))


@pytest.mark.parametrize("value", HOSTILE[:3])
def test_what_looks_encoded_arrives_as_it_was_written(value: str) -> None:
    assert parse(build({"subject": value}))["Subject"] == value


@given(st.text(max_size=300))
def test_any_subject_arrives_but_for_its_controls(text: str) -> None:
    mail = build({"subject": text})
    arrived = str(parse(mail)["Subject"])
    assert [ch for ch in arrived if ch.isalnum()] == [
        ch for ch in text.encode("utf-8", "replace").decode() if ch.isalnum()
    ]


@given(st.text(max_size=500), st.booleans())
def test_any_text_arrives_but_for_its_controls(text: str, eight_bit: bool) -> None:
    arrived = text_of(build({"text": text}, eight_bit=eight_bit))
    expected = text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(ch for ch in expected if ch in "\t\n" or not (ord(ch) < 32 or 127 <= ord(ch) < 160))
    assert arrived == kept.removesuffix("\n") + "\n"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ewa",
        "ewa@",
        "@home.test",
        "ewa@home.test, evil@x.test",
        "ewa@home.test\nBcc: evil@x.test",
        "ewa@home.test\r\nRCPT TO:<evil@x.test>",
        "<ewa@home.test>",
        "Ewa <ewa@home.test>",
        '"a b"@home.test',
        "ewa@[127.0.0.1]",
        "ewa@home..test",
        "ewa@-home.test",
        "e wa@home.test",
        "=?utf-8?q?a=40b.test?=@home.test",
        "a" * 65 + "@home.test",
        "ewa@" + "a" * 300 + ".test",
        "ewa@home.test>\x00",
    ],
)
def test_an_address_that_is_none_is_refused_everywhere(address: str) -> None:
    with pytest.raises(MailError) as refused:
        parse_address(address)
    assert refused.value.code == "bad_address"
    for place in ({"to": address or "x"}, {"cc": [address]}, {"bcc": [address]}):
        with pytest.raises(MailError):
            build(place)


@pytest.mark.parametrize(
    "address", ["ewa@home.test", "a+b@mail.intra", "o'neil@x.co.uk", "root@localhost", "ewa@bücher.example"]
)
def test_an_address_that_is_one_is_taken(address: str) -> None:
    assert parse_address(address).spec.isascii()


def test_letters_outside_ascii_in_the_local_part_need_a_server_that_knows_them() -> None:
    assert build({"to": "żółć@home.test"}).international
    assert not build({"to": "ewa@bücher.example"}).international


@pytest.mark.parametrize(
    "name",
    ["Bcc", "bcc", "To", "From", "Content-Type", "Message-ID", "DKIM-Signature", "X Y", "X:", "X\r\nBcc", "", "Ż"],
)
def test_a_message_cannot_set_headers_that_are_not_its_own(name: str) -> None:
    with pytest.raises(MailError) as refused:
        build({"headers": {name: "x"}})
    assert refused.value.code == "bad_header"


def test_the_same_delivery_is_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "templates" / "files").mkdir(parents=True)
    (tmp_path / "templates" / "files" / "x.pdf").write_bytes(b"%PDF-1.7" + bytes(range(256)))
    message = {"html": "<p>x</p>", "attachments": [{"kind": "file", "name": "x.pdf", "value": "files/x.pdf"}]}
    first, second = build(message, tmp_path), build(message, tmp_path)
    assert first == second
    (found,) = parse(first).iter_attachments()
    assert found.get_filename() == "x.pdf"
    assert found.get_content_type() == "application/pdf"
    assert found.get_content() == b"%PDF-1.7" + bytes(range(256))
    assert text_of(first, "html") == "<p>x</p>\n"
    assert text_of(first) == MAIL["text"]


def test_copies_are_in_the_envelope_and_blind_ones_only_there() -> None:
    mail = build({"cc": ["olga@acme.test"], "bcc": ["archive@acme.test", "ewa@home.test"]})
    assert mail.recipients == ("ewa@home.test", "olga@acme.test", "archive@acme.test")
    assert parse(mail)["Cc"] == "olga@acme.test"
    assert b"archive" not in mail.content


def test_unsubscribe_headers_stay_as_they_are() -> None:
    url = "<https://acme.test/u/" + "t" * 200 + ">"
    mail = build({"headers": {"List-Unsubscribe": url, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}})
    assert mail.content.count(url.encode()) == 1
    assert parse(mail)["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_mail_says_that_a_machine_sent_it() -> None:
    assert parse(build({}))["Auto-Submitted"] == "auto-generated"


def test_an_invitation_is_a_calendar_part_with_its_method() -> None:
    ics = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nSUMMARY:Spotkanie z Żanetą\r\nEND:VCALENDAR\r\n"
    one = delivery("calendar", {"ics": ics, "to": "ewa@home.test", "subject": "Talk"})
    parsed = parse(build_mail(one, SENDER, NOW, Path()))
    (part,) = [part for part in parsed.walk() if part.get_content_type() == "text/calendar"]
    assert part.get_param("method") == "REQUEST"
    assert part.get_content() == ics


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("file", "../../secret.txt"),
        ("file", "files/link.txt"),
        ("file", "files/missing.pdf"),
        ("file", "files"),
        ("file", "/etc/passwd"),
        ("field", "../secret.txt"),
        ("field", ".env"),
        ("field", ".stageauto/state.db"),
        ("field", "hidden/../.env"),
        ("field", "pipe"),
        ("field", "nul\x00"),
        ("field", ""),
        ("field", None),
        ("document", "latest"),
    ],
)
def test_nothing_outside_the_workspace_is_attached(tmp_path: Path, kind: str, value: str | None) -> None:
    import os

    root = tmp_path / "acme"
    (root / "templates" / "files").mkdir(parents=True)
    (root / "hidden").mkdir()
    (root / ".stageauto").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (root / ".env").write_text("secret")
    (root / ".stageauto" / "state.db").write_text("secret")
    (root / "templates" / "files" / "link.txt").symlink_to(tmp_path / "secret.txt")
    os.mkfifo(root / "pipe")
    with pytest.raises(MailError) as refused:
        build({"attachments": [{"kind": kind, "name": "x", "value": value}]}, root)
    assert refused.value.code == "no_attachment"


def test_a_field_of_several_files_is_several_attachments(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    mail = build({"attachments": [{"kind": "field", "name": "offer", "value": ["a.txt", "b.txt"]}]}, tmp_path)
    assert [part.get_filename() for part in parse(mail).iter_attachments()] == ["a.txt", "b.txt"]


def test_a_field_may_name_a_file_as_rules_do(tmp_path: Path) -> None:
    (tmp_path / "templates/files").mkdir(parents=True)
    (tmp_path / "templates/files/offer.txt").write_text("of the workspace")
    mail = build({"attachments": [{"kind": "field", "name": "", "value": "files/offer.txt"}]}, tmp_path)
    assert b"of the workspace" in mail.content or b"b2YgdGhlIHdvcmtzcGFjZQ==" in mail.content
    (tmp_path / "files").mkdir()
    (tmp_path / "files/offer.txt").write_text("of people")
    mail = build({"attachments": [{"kind": "field", "name": "", "value": "files/offer.txt"}]}, tmp_path)
    assert b"of people" in mail.content or b"b2YgcGVvcGxl" in mail.content


def test_a_hostile_file_name_stays_a_file_name(tmp_path: Path) -> None:
    (tmp_path / "x.pdf").write_bytes(b"x")
    name = 'a"; filename=evil.exe\r\nBcc: evil@x.test\r\n=?utf-8?q?=0ABcc:x?=.pdf'
    mail = build({"attachments": [{"kind": "field", "name": name, "value": "x.pdf"}]}, tmp_path)
    (part,) = parse(mail).iter_attachments()
    assert sorted(part.keys()) == [
        "Content-Disposition",
        "Content-Transfer-Encoding",
        "Content-Type",
        "MIME-Version",
    ] or (sorted(part.keys()) == ["Content-Disposition", "Content-Transfer-Encoding", "Content-Type"])
    assert b"\nBcc" not in mail.content


def test_attachments_together_have_a_limit(tmp_path: Path) -> None:
    with (tmp_path / "big.bin").open("wb") as stream:
        stream.truncate(26 * 1024 * 1024)
    with pytest.raises(MailError, match="larger than 25 MB"):
        build({"attachments": [{"kind": "field", "name": "", "value": "big.bin"}]}, tmp_path)


def test_documents_come_from_whoever_keeps_them(tmp_path: Path) -> None:
    made = {"latest": b"%PDF"}
    mail = build_mail(
        delivery("mail", {**MAIL, "attachments": [{"kind": "document", "name": "offer.pdf", "value": "latest"}]}),
        SENDER,
        NOW,
        tmp_path,
        lambda one: made.get(one["value"]),
    )
    (part,) = parse(mail).iter_attachments()
    assert part.get_content() == b"%PDF"


def test_a_bad_sender_is_told_with_the_channel() -> None:
    with pytest.raises(ChannelError, match="channel `mail`"):
        parse_sender("nobody", "mail")
