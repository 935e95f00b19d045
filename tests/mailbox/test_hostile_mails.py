"""Whatever somebody sends, something short and harmless comes out, soon, and the reader goes on."""

from __future__ import annotations

import base64
import json
import random
import string
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stageauto.channels._mail_event import MOST_DATA, mail_events
from stageauto.channels._mail_parts import MOST_FILES
from stageauto.channels.base import Received
from tests.channels.support import Certificate
from tests.mailbox.acme import acme, events, items, mail, reading, until_events
from tests.mailbox.dovecot import dovecot
from tests.runner.support import TOO_LONG, until

HEAD = b"From: Eve <eve@evil.test>\nTo: sales@acme.test\nSubject: hello\nMessage-ID: <%d@evil.test>\n"
SLOW = 10.0  # seconds for one mail; each takes far less than one on an idle machine


def nested(depth: int) -> bytes:
    head = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (level, level) for level in range(depth)
    )
    return head + b"Content-Type: text/plain\n\ndeep\n"


def rfc822(depth: int) -> bytes:
    return b"Content-Type: message/rfc822\n\n" * depth + b"Subject: deep\n\ntext\n"


SHAPES: list[bytes] = [
    b"",
    b"\n",
    b"\0" * 5000,
    b"no headers at all",
    b"From:\nTo:\nSubject:\n\n",
    bytes(range(256)) * 200,
    b"From: " + b"(" * 50_000 + b"\n\nx",
    b"From: " + b"<" * 50_000 + b"\n\nx",
    b'From: "' + b"\\" * 50_000 + b"\n\nx",
    b"From: a@b.c, " * 20_000 + b"\n\nx",
    b"Subject: " + b"=?utf-8?q?=41?= " * 20_000 + b"\n\nx",
    b"Subject: =?utf-8?b?" + b"A" * 99_999 + b"?=\n\nx",
    b"Subject: =?rot13?q?x?= =?punycode?q?x?=\n\nx",
    b"Subject: =?utf-8?q?hi=0ABcc:eve@evil.test?=\n\nx",
    b"Subject: \xff\xfe\xfd\x00\n\nx",
    b"X: y\n" * 100_000 + b"\nx",
    b"Content-Type: multipart/mixed; boundary=\n\nx",
    b"Content-Type: multipart/mixed\n\nx",
    b"Content-Type: =\n\nx",
    b"Content-Type: ;;;;====\n\nx",
    b'Content-Type: multipart/mixed; boundary="b"\n\n' + b"--b\n\nx\n" * 100_000,
    b'Content-Type: multipart/mixed; boundary="b"\n\n'
    + b"--b\nContent-Disposition: attachment\n\nx\n" * 300
    + b"--b--",
    nested(5),
    nested(19),
    nested(200),
    nested(5000),
    rfc822(3),
    rfc822(19),
    rfc822(3000),
    b"Content-Type: text/plain; charset=nonsense\n\n\xff\xfe",
    b"Content-Type: text/plain; charset=punycode\n\n" + b"a-" * 20_000,
    b"Content-Type: text/plain; charset=unicode_escape\n\n\\x",
    b"Content-Type: text/plain; charset=utf-16\n\n\xff",
    b"Content-Type: text/plain; charset=utf-7\n\n+AAA-+2AA-",
    b"Content-Type: text/plain; charset=idna\n\n" + b"x" * 50_000,
    b'Content-Type: text/plain; charset="\0\xff"\n\nx',
    b"Content-Type: text/plain; charset*=utf-8''%ff%00\n\nx",
    b"Content-Transfer-Encoding: base64\n\n====%%%%" + b"A" * 1001,
    b"Content-Transfer-Encoding: x-uuencode\n\nbegin\nM\xff\n",
    b"Content-Transfer-Encoding: quoted-printable\n\n=\n=Z=ZZ=",
    b"Content-Transfer-Encoding: zip\n\nPK\x03\x04",
    b"Content-Type: text/html\n\n" + b"<a>" * 15_000 + b"</a>" * 10_000,
    b"Content-Type: text/html\n\n" + b"<" * 90_000,
    b"Content-Type: text/html\n\n" + b"<!--" * 20_000,
    b"Content-Type: text/html\n\n" + b"<a href='" * 10_000,
    b"Content-Type: text/html\n\n<script>alert(1)</script><p>hello\x00</p>",
    b'Content-Type: application/zip; name="bomb.zip"\nContent-Transfer-Encoding: base64\n\n'
    + base64.b64encode(b"PK\3\4" * 9000),
    b'Content-Disposition: attachment; filename="../../../../etc/passwd"\n\nx',
    b"Content-Disposition: attachment; filename*=utf-8''..%2f..%2f%00evil.sh\n\nx",
    b"Content-Disposition: attachment; filename*0*=x; filename*99999=y\n\nx",
    b'Content-Disposition: attachment; filename="' + b"a" * 100_000 + b'.pdf"\n\nx',
    b"Content-Type: message/delivery-status\n\n" + b"Action: failed\nFinal-Recipient: rfc822; x@y.test\n\n" * 5000,
    (
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        b"--b\nContent-Type: message/delivery-status\n\n\xff\n--b--"
    ),
    b"X-Failed-Recipients: " + b"a@b.test, " * 20_000 + b"\n\n550 5.1.1 " + b"- " * 20_000,
    b"Return-Path: <>\nSubject: failure notice\n\n" + b"\n- -" * 10_000 + b"<x@y.test>: 550",
    b"From: MAILER-DAEMON\nSubject: Undelivered\n\n" + b"user " * 20_000,
    b"References: " + b"<a@b> " * 50_000 + b"\n\nx",
    b"In-Reply-To: " + b"<" * 20_000 + b"a@b>\n\nx",
    b"Auto-Submitted:\n\nx",
    b"To: " + b"sales+" * 9000 + b"@acme.test\n\nx",
    b"\r\r\r\n\n\rFrom: x\r\r\n",
    b" From: folded first\n\nx",
    b"From: a@b.c\n" + b" x" * 100_000 + b"\n\nx",
    "Subject: \u202etxt.exe\u200b\ufeff\n\ntext\u202e\u2028 here".encode(),
    b"From: \xe9\xe8 <\xe9@\xe8.test>\n\n\xe9",
]


def check(found: list[Received]) -> None:
    """What must hold of every event, whatever the mail was."""
    assert 1 <= len(found) <= 200
    for one in found:
        text = json.dumps(one.data, ensure_ascii=False, allow_nan=False)
        assert len(text.encode()) <= MOST_DATA
        assert "\0" not in text
        assert "\\u0000" not in text
        assert one.type in {"email.received", "email.bounced"}
        assert len(one.files) <= MOST_FILES
        for file in one.files:
            assert not set("/\\\0\n") & set(file.name)
            assert 0 < len(file.name) <= 200
            assert file.name not in {".", ".."}
        for name in ("from", "subject", "email", "to"):
            assert "\n" not in str(one.data.get(name, ""))


@pytest.mark.parametrize("number", range(len(SHAPES)))
@pytest.mark.parametrize("headed", [True, False])
def test_a_hostile_mail_is_taken_soon_and_does_no_harm(number: int, headed: bool) -> None:
    raw = (HEAD % number if headed else b"") + SHAPES[number]
    began = time.monotonic()
    check(mail_events(raw, "inbox", plus="sales@acme.test"))
    check(mail_events(raw[: len(raw) // 2], "inbox", cut=True))
    assert time.monotonic() - began < SLOW


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=3000))
def test_any_bytes_at_all_are_a_mail(raw: bytes) -> None:
    check(mail_events(raw, "inbox"))


LINES = st.sampled_from(
    ["Content-Type: multipart/mixed; boundary=b", "Content-Type: text/html", "Content-Type: message/rfc822", "--b",
     "--b--", "", "Content-Transfer-Encoding: base64", "Content-Disposition: attachment; filename=x", "aGk=", "text",
     "Content-Type: multipart/report; report-type=delivery-status; boundary=b", "Action: failed", "Status: 5.1.1",
     "Final-Recipient: rfc822;x@y.test", "Content-Type: message/delivery-status", "Message-ID: <a@b>", "From: a@b.test"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES, max_size=40))
def test_any_order_of_the_lines_of_mails_is_a_mail(lines: list[str]) -> None:
    check(mail_events("\n".join(lines).encode(), "inbox"))


def mutated(seed: int) -> bytes:
    chance = random.Random(seed)
    raw = bytearray(mail("".join(chance.choices(string.printable, k=300)), files=[("a.pdf", b"%PDF" * 50)]))
    for _ in range(chance.randrange(1, 30)):
        place = chance.randrange(len(raw))
        raw[place : place + chance.randrange(3)] = bytes(chance.choices(range(256), k=chance.randrange(4)))
    return bytes(raw)


@pytest.mark.parametrize("seed", range(100))
def test_a_mail_that_was_broken_on_the_way_is_a_mail(seed: int) -> None:
    check(mail_events(mutated(seed), "inbox"))


@pytest.fixture
def root_with_mails(tmp_path: Path, certificate: Certificate) -> Iterator[tuple[Path, int]]:
    with dovecot(certificate) as server:
        root = acme(tmp_path / "acme", server, pipeline=NOTHING_COMES_OF_IT)
        corpus = [HEAD % number + one for number, one in enumerate(SHAPES)]
        corpus += [mutated(seed) for seed in range(200 - len(corpus))]
        for one in corpus:
            server.deliver_raw(one)
        server.deliver_raw(mail("A good one.", subject="after all of them"))
        yield root, len(corpus)


NOTHING_COMES_OF_IT = "pipeline: work\nentity: deal\nstages:\n  - id: new\n"


def test_two_hundred_hostile_mails_change_nothing_and_the_reader_goes_on(root_with_mails: tuple[Path, int]) -> None:
    root, count = root_with_mails
    assert count == 200
    with reading(root) as running:
        until(lambda: "after all of them" in {one.data.get("subject") for one in events(root)}, TOO_LONG * 2)
        found = until_events(root, len(events(root)))
        assert not running.told.of("event_broke")
        assert not running.told.of("batch_broke")
        assert not running.told.of("mailbox_lost")
        assert not running.told.of("mailbox_warning")
    assert len(found) > 190  # empty ones look alike, and some of the shapes hold several reports
    assert items(root) == []
    assert {one.outcome for one in found} == {"unmatched"}
