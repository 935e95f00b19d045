"""One customer from the web form to the paid invoice, by HTTP, SMTP and IMAP, with a real daemon in the middle.

What came of it stands in `timeline/`, one line for each entry of the two items' histories.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from standardwebhooks import Webhook

from tests.channels.providers.twilio import OWN, Twilio
from tests.channels.support import make_certificate
from tests.e2e.acme import ANNA, BANK, COURIER, CUSTOMER, Acme, Letters, running
from tests.mailbox.dovecot import USER, Dovecot, dovecot
from tests.network import MailServer


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Dovecot]:
    with dovecot(make_certificate(tmp_path)) as made:
        yield made


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    made = Twilio()
    yield made
    made.close()


@pytest.fixture
def letters() -> Iterator[tuple[int, Letters]]:
    kept = Letters()
    server = MailServer(kept)
    server.start()
    yield server.port, kept
    server.stop()


@pytest.fixture
def acme(tmp_path: Path, inbox: Dovecot, twilio: Twilio, letters: tuple[int, Letters]) -> Iterator[Acme]:
    with running(tmp_path / "acme", inbox, twilio, *letters) as made:
        yield made


TIMELINES = Path(__file__).parent / "timeline"


def test_a_lead_from_the_web_form_becomes_a_deal_that_is_won(acme: Acme, inbox: Dovecot) -> None:
    asks_by_the_form(acme)
    welcome = reads_the_mail(acme)
    answers_by_mail(acme, inbox, welcome)
    calls(acme)
    gets_the_tracking_number(acme)
    reads_the_offer(acme)
    both_sign(acme)
    pays(acme)
    for item in ("lead-1", "deal-1"):
        assert acme.history(item) == (TIMELINES / f"{item}.txt").read_text("utf-8").splitlines()
    assert acme.broken() == []


def asks_by_the_form(acme: Acme) -> None:
    page = acme.ask("GET", "/forms/website")
    assert page.status == 200
    assert "Ask for an offer" in page.text
    form = {"name": "Ewa Home", "email": CUSTOMER, "phone": "+48 501 111 222", "subject": "A new roof", "hp": ""}
    sent = acme.form("/forms/website", form)
    assert (sent.status, sent.headers["location"]) == (303, "https://acme.test/thanks")
    acme.settled("lead-1", "new", sent=1)


def reads_the_mail(acme: Acme) -> EmailMessage:
    """The pixel first, then the link; what opens a mail within three seconds is taken for a machine."""
    (welcome,) = acme.letters.got
    assert (welcome["To"], welcome["Subject"]) == (CUSTOMER, "Thank you, Ewa")
    html = part(welcome, "html")
    (pixel,) = re.findall(r'<img src="([^"]+\.gif)"', html)
    (link,) = re.findall(r'<a href="([^"]+/l/[^"]+)"', html)
    acme.a_person_would_have_read()
    assert acme.ask("GET", acme.path(pixel)).headers["content-type"] == "image/gif"
    acme.settled("lead-1", "reading")
    led = acme.ask("GET", acme.path(link))
    assert (led.status, led.headers["location"]) == (302, "https://acme.test/roofs?from=mail&kind=tiles")
    acme.settled("lead-1", "interested")
    return welcome


def answers_by_mail(acme: Acme, inbox: Dovecot, welcome: EmailMessage) -> None:
    answer = EmailMessage()
    answer["From"], answer["To"], answer["Subject"] = f"Ewa Home <{CUSTOMER}>", USER, f"Re: {welcome['Subject']}"
    answer["Message-ID"], answer["In-Reply-To"] = "<answer-1@home.test>", welcome["Message-ID"]
    answer.set_content("Please call me tomorrow.")
    inbox.deliver(answer.as_bytes())
    acme.settled("lead-1", "talking")


def calls(acme: Acme) -> None:
    """Twilio asks what to do with the call, hears Anna's number, and tells how it went."""
    call = {"CallSid": "CA1", "From": "+48501111222", "To": OWN, "Direction": "inbound", "CallStatus": "ringing"}
    assert acme.form("/twilio/sms/call", call).status == 401  # nobody signed it
    told = acme.by_twilio("/twilio/sms/call", call)
    assert f">{ANNA}</Dial>" in told.text
    assert f'action="{acme.url}/twilio/sms/dialed"' in told.text
    over = {**call, "CallStatus": "in-progress", "DialCallStatus": "completed", "DialCallDuration": "95"}
    assert acme.by_twilio("/twilio/sms/dialed", over).status == 200
    acme.settled("lead-1", "converted")


def gets_the_tracking_number(acme: Acme) -> None:
    """The courier's system names the number; it goes out by SMS, and Twilio says that it arrived."""
    parcel = {"email": CUSTOMER, "status": "shipped", "tracking": "PL-7001"}
    answer = acme.signed(COURIER, "/hooks/courier", parcel, "parcel-1")
    assert answer.json()["outcome"] == "moved", answer.text
    acme.settled("deal-1", "samples", sent=1)
    (message,) = acme.twilio.messages
    assert (message["to"], message["body"]) == ("+48501111222", "Your samples are on their way: PL-7001")
    arrived = {"MessageSid": message["sid"], "MessageStatus": "delivered", "To": message["to"], "From": OWN}
    assert acme.by_twilio(acme.path(acme.callback()), arrived).status == 200
    acme.settled("deal-1", "offer", sent=2)


def reads_the_offer(acme: Acme) -> None:
    offer = acme.letters.got[-1]
    assert offer["Subject"] == "Your offer OF-001"
    place = acme.document_in(part(offer, "plain"))
    page = acme.ask("GET", place)
    assert "Offer OF-001</h" in page.text
    assert "9,000.00 PLN" in page.text
    assert 'id="sign"' not in page.text
    assert acme.ask("GET", f"{place}/document.pdf").body.startswith(b"%PDF-")
    assert acme.ask("POST", f"{place}/opened").status == 200
    acme.settled("deal-1", "read", sent=3)


def both_sign(acme: Acme) -> None:
    theirs = acme.document_in(part(acme.letters.got[-1], "plain"))
    ours = acme.document_in(acme.told_to_anna())
    unsigned = acme.ask("GET", f"{theirs}/document.pdf").body
    assert acme.sign(theirs, "Ewa Home", drawing="M10 10L90 90L200 30").status == 303
    acme.settled("deal-1", "signed")
    assert acme.sign(ours, "Anna Nowak").status == 303
    acme.settled("deal-1", "agreed")
    signed = acme.ask("GET", f"{theirs}/document.pdf").body
    assert signed.startswith(unsigned)
    assert len(PdfFileReader(io.BytesIO(signed)).embedded_signatures) == 1


def pays(acme: Acme) -> None:
    paid = {"payer": {"emails": [CUSTOMER]}, "total": {"value": 9000, "currency": "PLN"}, "number": "INV-1"}
    body = json.dumps(paid)
    now = datetime.now(UTC)
    forged = Webhook("whsec_" + "A" * 32).sign("pay-1", now, body)
    headers = {"webhook-id": "pay-1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": forged}
    assert acme.ask("POST", "/hooks/bank", body, headers).status == 401
    assert acme.signed(BANK, "/hooks/bank", paid, "pay-1").json()["outcome"] == "moved"
    assert acme.signed(BANK, "/hooks/bank", paid, "pay-1").json()["outcome"] == "duplicate"
    acme.settled("deal-1", "won")


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    return str(found.get_content())
