"""Bounces as mail servers of many kinds write them, and what is none: whom they are about, and whether for good."""
# ruff: noqa: E501 - the lines of mails stand as servers write them

from __future__ import annotations

from dataclasses import dataclass

import pytest

from stageauto.channels._mail_event import mail_events
from tests.mailbox.acme import mail

SENT = "<0123456789abcdef0123456789abcdef@acme.test>"
RETURNED = f"\n\n--b\nContent-Type: message/rfc822\n\nFrom: sales@acme.test\nMessage-ID: {SENT}\nSubject: Our offer\n\nDear\n--b--\n"


def report(fields: str, text: str = "It failed.") -> str:
    return (
        'From: MAILER-DAEMON@mx.test\nTo: sales@acme.test\nSubject: Undelivered Mail\nContent-Type: multipart/report; '
        f'report-type=delivery-status; boundary="b"\n\n--b\n\n{text}\n\n--b\nContent-Type: message/delivery-status\n\n'
        f"Reporting-MTA: dns; mx.test\n\n{fields}{RETURNED}"
    )  # fmt: skip


def plain(text: str, head: str = "", subject: str = "Undelivered Mail Returned to Sender") -> str:
    return (
        f"From: Mail Delivery System <Mailer-Daemon@mx.test>\nTo: sales@acme.test\nSubject: {subject}\n{head}\n{text}"
    )


@dataclass(frozen=True)
class Case:
    name: str
    raw: str
    code: str
    permanent: bool
    address: str = "ewa@home.test"
    known: bool = True  # whether it names our Message-ID


CASES = [
    Case(
        "postfix",
        report("Final-Recipient: rfc822; ewa@home.test\nOriginal-Recipient: rfc822;ewa@home.test\nAction: failed\n"
               "Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 <ewa@home.test>: Recipient address rejected: User unknown"),
        "5.1.1", permanent=True,
    ),
    Case(
        "gmail",
        report("Final-Recipient: rfc822; ewa@home.test\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550-5.1.1 The "
               "email account that you tried to reach does not exist."),
        "5.1.1", permanent=True,
    ),
    Case(
        "exchange says no more than 5.1.10",
        report("Original-Recipient: rfc822;ewa@home.test\nFinal-Recipient: rfc822;EWA@home.test\nAction: failed\nStatus: 5.1.10\n"
               "Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"),
        "5.1.10", permanent=True,
    ),
    Case(
        "a full mailbox",
        report("Final-Recipient: rfc822; ewa@home.test\nAction: failed\nStatus: 5.2.2\nDiagnostic-Code: smtp; 552 5.2.2 over quota"),
        "5.2.2", permanent=False,
    ),
    Case(
        "spam",
        report("Final-Recipient: rfc822; ewa@home.test\nAction: failed\nStatus: 5.7.1\nDiagnostic-Code: smtp; 554 5.7.1 blocked"),
        "5.7.1", permanent=False,
    ),
    Case(
        "tried for days",
        report("Final-Recipient: rfc822; ewa@home.test\nAction: failed\nStatus: 4.4.1\nDiagnostic-Code: smtp; connection timed out"),
        "4.4.1", permanent=False,
    ),
    Case(
        "no status but words",
        report("Final-Recipient: rfc822; ewa@home.test\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 No such user here"),
        "5.0.0", permanent=True,
    ),
    Case(
        "a bad sender is not the customer's fault",
        report("Final-Recipient: rfc822; ewa@home.test\nAction: failed\nStatus: 5.1.8\nDiagnostic-Code: smtp; 550 5.1.8 sender"),
        "5.1.8", permanent=False,
    ),
    Case(
        "exim",
        plain("This message was created automatically by mail delivery software.\n\nA message that you sent could not be "
              "delivered to one or more of its\nrecipients. This is a permanent error.\n\n  ewa@home.test\n    host mx.home.test "
              "[192.0.2.1]\n    SMTP error from remote mail server after RCPT TO:<ewa@home.test>:\n    550 5.1.1 User unknown\n\n"
              f"------ This is a copy of the message, including all the headers. ------\n\nMessage-ID: {SENT}\n",
              "X-Failed-Recipients: ewa@home.test\nAuto-Submitted: auto-replied\n",
              "Mail delivery failed: returning message to sender"),
        "5.1.1", permanent=True,
    ),
    Case(
        "qmail",
        plain("Hi. This is the qmail-send program at mx.test.\nI'm afraid I wasn't able to deliver your message to the "
              "following addresses.\n\n<ewa@home.test>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 No such user "
              f"here\nGiving up.\n\n--- Below this line is a copy of the message.\n\nReturn-Path: <sales@acme.test>\nMessage-ID: {SENT}\n",
              subject="failure notice"),
        "550", permanent=True,
    ),
    Case(
        "words alone",
        plain(f"The following address failed:\n\n<ewa@home.test>: unknown user\n\nMessage-ID: {SENT}\n"), "", permanent=True,
    ),
    Case(
        "only In-Reply-To names our mail",
        plain("<ewa@home.test>: 550 5.1.1 User unknown", f"In-Reply-To: {SENT}\n"), "5.1.1", permanent=True,
    ),
    Case("nothing names our mail", plain("<ewa@home.test>: 550 5.1.1 User unknown"), "5.1.1", permanent=True, known=False),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bounce_says_whom_it_is_about_and_whether_for_good(case: Case) -> None:
    (event,) = mail_events(case.raw.encode(), "inbox")
    assert event.type == "email.bounced"
    assert event.data["address"] == case.address
    assert event.data.get("code", "") == case.code
    assert event.data["permanent"] is case.permanent
    assert (event.data.get("message_id") == SENT) is case.known


def test_each_recipient_that_failed_is_a_bounce_of_its_own() -> None:
    failed = "Final-Recipient: rfc822; {}@home.test\nAction: {}\nStatus: 5.1.1\n\n"
    raw = report(failed.format("a", "failed") + failed.format("b", "delayed") + failed.format("c", "failed"))
    found = mail_events(raw.encode(), "inbox")
    assert [one.data["address"] for one in found] == ["a@home.test", "c@home.test"]
    assert len({one.id for one in found}) == 2


@pytest.mark.parametrize(
    "raw",
    [
        report("Final-Recipient: rfc822; ewa@home.test\nAction: delayed\nStatus: 4.4.1\n"),
        report("Final-Recipient: rfc822; ewa@home.test\nAction: delivered\nStatus: 2.1.5\n"),
        plain("Your message was read.", "Auto-Submitted: auto-replied\n", "Read: Our offer"),
    ],
)
def test_a_report_that_nothing_failed_is_an_automatic_mail_and_no_bounce(raw: str) -> None:
    (event,) = mail_events(raw.encode(), "inbox")
    assert (event.type, event.data["auto"]) == ("email.received", True)


@pytest.mark.parametrize(
    "raw",
    [
        mail("The mail to my boss came back: 550 5.1.1 user unknown. His address is boss@home.test", subject="Undeliverable?"),
        mail("Yes.", precedence="bulk"), mail("Yes.", auto_submitted="no"), mail("Yes.", x_auto_response_suppress="All"),
        mail("Yes.", list_unsubscribe="<mailto:x@y.test>"), mail("I am out of the office, call me."),
    ],
)  # fmt: skip
def test_what_a_person_writes_is_neither_automatic_nor_a_bounce(raw: bytes) -> None:
    (event,) = mail_events(raw, "inbox")
    assert event.type == "email.received"
    assert "auto" not in event.data


def test_words_in_the_mail_that_is_returned_are_not_taken_for_those_of_the_server() -> None:
    raw = plain(
        "Quota exceeded for <ewa@home.test>, mailbox full.\n\n------ This is a copy of the message ------\n\n"
        "Dear Ewa,\n550 5.1.1 no such user\n"
    )
    (event,) = mail_events(raw.encode(), "inbox")
    assert event.data["permanent"] is False
    assert "mailbox full" in event.data["reason"]
