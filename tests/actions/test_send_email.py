"""Sending mails: which address, which mailbox, which body."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stageauto.engine.effects import End, NotSent, Send
from tests.actions.conftest import Bench, faults

PLAIN = """
from: workspace
subject: "Order {{ item.order_no }}"
body: "Dear {{ contact.first_name }}"
"""


def test_a_mail_leaves_from_the_mailbox_of_who_is_responsible(bench: Bench) -> None:
    bench.item.fields["order_no"] = "A 7"
    sent = bench.one("send_email", 'subject: "Order {{ item.order_no }}"\nbody: "Dear {{ contact.first_name }}"')
    assert sent == Send(
        kind="mail",
        channel="anna-mail",
        to="ewa@home.test",
        message={
            "from": "Anna Nowak",
            "to": "ewa@home.test",
            "cc": [],
            "bcc": [],
            "subject": "Order A 7",
            "text": "Dear Ewa",
            "html": None,
            "attachments": [],
            "headers": {},
        },
        contact="ewa",
        addresses=("ewa@home.test",),
    )


def test_the_workspace_or_another_channel_may_send(bench: Bench) -> None:
    assert bench.one("send_email", PLAIN).channel == "mail"
    assert bench.one("send_email", PLAIN.replace("workspace", "anna-mail")).channel == "anna-mail"


@pytest.mark.parametrize(
    ("responsible", "sentence"),
    [(None, "nobody is responsible for the item"), ("olga", "Olga Zielinska has none")],
)
def test_without_a_mailbox_nothing_is_sent(bench: Bench, responsible: str | None, sentence: str) -> None:
    bench.item.responsible = responsible
    end = bench.one("send_email", "subject: x\nbody: x")
    assert isinstance(end, End)
    assert (end.outcome, end.code) == ("undeliverable", "no_mailbox")
    assert sentence in end.because


def test_a_channel_of_another_kind_cannot_send_mail(bench: Bench) -> None:
    assert faults("send_email", PLAIN.replace("workspace", "hooks-out")) == ["channel-kind"]
    workspace, rule = bench.rule("send_email", PLAIN.replace("workspace", "responsible"))
    anna = replace(workspace.users["anna"], mailbox="hooks-out")  # as in a version from before that was checked
    bench.rule = lambda *_: (replace(workspace, users={**workspace.users, "anna": anna}), rule)  # type: ignore[method-assign]
    end = bench.one("send_email")
    assert (end.outcome, end.code) == ("undeliverable", "no_mailbox")


@pytest.mark.parametrize(
    ("choice", "address"),
    [
        ("", "ewa@home.test"),
        ("type: auto\npick: last", "ewa2@home.test"),
        ("type: work", "ewa@work.test"),
        ("type: private", "ewa@home.test"),
        ("type: private\npick: last", "ewa2@home.test"),
    ],
)
def test_type_and_pick_choose_the_address(bench: Bench, choice: str, address: str) -> None:
    assert bench.one("send_email", f"{PLAIN}\n{choice}").to == address


def test_an_empty_type_is_undeliverable_and_nothing_else_is_tried(bench: Bench) -> None:
    missing = bench.one("send_email", f"{PLAIN}\ntype: mailing")
    assert missing == NotSent("undeliverable", "no_address", "no e-mail of type mailing for Ewa Lis", "Ewa Lis")


def test_of_contact_and_company_it_is_the_contact(bench: Bench) -> None:
    from stageauto.engine.state import Company

    bench.companies = [Company("lis", "Lis sp.", emails=[{"value": "office@lis.test", "type": "work"}])]
    bench.item.company = "lis"
    assert bench.one("send_email", PLAIN).to == "ewa@home.test"
    bench.item.contacts = []
    sent = bench.one("send_email", PLAIN)
    assert (sent.to, sent.contact, sent.addresses) == ("office@lis.test", None, ("office@lis.test",))


def test_of_several_contacts_it_is_the_first(bench: Bench) -> None:
    bench.item.contacts = ["jan", "ewa"]
    assert bench.one("send_email", PLAIN).to == "jan@home.test"


def test_nobody_to_write_to_is_undeliverable(bench: Bench) -> None:
    bench.item.contacts = []
    missing = bench.one("send_email", PLAIN)
    assert (missing.outcome, missing.code) == ("undeliverable", "no_address")


def test_each_recipient_has_a_mail_of_their_own_and_nobody_two(bench: Bench) -> None:
    options = f"{PLAIN}\nto: [customer, responsible, {{user: anna}}, {{role: sales}}, boss@other.test]"
    sent = bench.plan("send_email", options)
    assert [one.to for one in sent] == ["ewa@home.test", "anna@acme.test", "olga@acme.test", "boss@other.test"]
    assert [one.contact for one in sent] == ["ewa", None, None, None]
    assert [one.addresses for one in sent] == [("ewa@home.test",), (), (), ("boss@other.test",)]


def test_copies_stand_on_the_first_mail_only(bench: Bench) -> None:
    options = f"{PLAIN}\nto: [customer, responsible]\ncc: jan@home.test\nbcc: [manager]"
    first, second = bench.plan("send_email", options)
    assert (first.message["cc"], first.message["bcc"]) == (["jan@home.test"], ["olga@acme.test"])
    assert first.addresses == ("ewa@home.test",)
    assert first.copies == (("jan@home.test", "jan", ("jan@home.test",)),)
    assert (second.message["cc"], second.message["bcc"], second.copies) == ([], [], ())


def test_who_cannot_have_a_copy_is_told_of(bench: Bench) -> None:
    sent, missing = bench.plan("send_email", f"{PLAIN}\ncc: [{{user: ben}}]")
    assert sent.message["cc"] == []
    assert missing == NotSent("undeliverable", "no_address", "no e-mail for Ben Kot", "Ben Kot")


def test_a_written_out_address_of_a_contact_is_that_contact(bench: Bench) -> None:
    assert bench.one("send_email", f"{PLAIN}\nto: EWA@work.test").contact == "ewa"
    bench.item.contacts = []
    assert bench.one("send_email", f"{PLAIN}\nto: jan@home.test").contact == "jan"


def test_an_address_may_come_from_a_field(bench: Bench) -> None:
    bench.item.fields["email"] = "new@lead.test"
    options = f'{PLAIN}\nto: "{{{{ item.email }}}}"'
    assert bench.one("send_email", options).to == "new@lead.test"
    bench.item.fields.clear()
    assert bench.one("send_email", options).code == "no_address"


@pytest.mark.parametrize(
    "address",
    [
        "a@b.test\nBcc: eve@evil.test",
        "a@b.test, eve@evil.test",
        "<a@b.test>",
        "Ewa <a@b.test>",
        '"a b"@c.test',
        "a@@b.test",
        "a..b@c.test",
        "a@-b.test",
        "a@b..test",
        "=?utf-8?q?a=0ABcc:eve?=@b.test ",
        "a@" + "b" * 300,
    ],
)
def test_what_is_no_plain_address_is_never_written_to(bench: Bench, address: str) -> None:
    bench.item.fields["email"] = address
    effect = bench.one("send_email", f'{PLAIN}\nto: "{{{{ item.email }}}}"')
    if isinstance(effect, Send):  # a strange word before the @ is no header
        assert effect.to == address.strip()
        assert effect.to.isprintable()
        assert not set(effect.to) & set(' ,;<>"')
    else:
        assert (effect.outcome, effect.code) == ("undeliverable", "bad_address")
        assert effect.because.isprintable()


def test_a_subject_stays_on_one_line(bench: Bench) -> None:
    bench.item.fields["order_no"] = "7\r\nBcc: eve@evil.test\x00"
    assert bench.one("send_email", PLAIN).message["subject"] == "Order 7 Bcc: eve@evil.test"


def test_html_is_escaped_and_has_a_plain_text_beside_it(bench: Bench) -> None:
    bench.contacts[0].first_name = "<b>Ewa & co</b>"
    options = 'from: workspace\nsubject: x\nhtml: "<p>Dear {{ contact.first_name }},</p><p>hello</p>"'
    message = bench.one("send_email", options).message
    assert message["html"] == "<p>Dear &lt;b&gt;Ewa &amp; co&lt;/b&gt;,</p><p>hello</p>"
    assert message["text"] == "Dear <b>Ewa & co</b>,\n\nhello\n"


def test_text_and_html_may_both_be_written(bench: Bench) -> None:
    message = bench.one("send_email", 'from: workspace\nsubject: x\nbody: plain\nhtml: "<i>rich</i>"').message
    assert (message["text"], message["html"]) == ("plain", "<i>rich</i>")


def test_a_template_file_is_html_by_its_name(bench: Bench) -> None:
    message = bench.one("send_email", "from: workspace\nsubject: x\ntemplate: offer.html").message
    assert message["html"] == "<h1>Hello Ewa</h1><p>See <a href='https://acme.test'>us</a>.</p>"
    assert message["text"] == "Hello Ewa\n\nSee us (https://acme.test).\n"
    message = bench.one("send_email", "from: workspace\nsubject: x\ntemplate: offer.txt").message
    assert (message["text"], message["html"]) == ("Hello Ewa", None)


def test_files_are_named_for_the_channel_to_open(bench: Bench) -> None:
    bench.item.fields["offer"] = "files/2026/offer 7.pdf"
    message = bench.one(
        "send_email", f"{PLAIN}\nattach: [{{field: item.offer}}, {{file: files/catalogue.pdf}}]"
    ).message
    assert message["attachments"] == [
        {"kind": "field", "name": "offer 7.pdf", "value": "files/2026/offer 7.pdf"},
        {"kind": "file", "name": "catalogue.pdf", "value": "files/catalogue.pdf"},
    ]


@pytest.mark.parametrize(("attach", "code"), [("{field: offer}", "no_file"), ("{document: latest}", "no_document")])
def test_a_mail_does_not_go_without_what_it_promises(bench: Bench, attach: str, code: str) -> None:
    end = bench.one("send_email", f"{PLAIN}\nattach: [{attach}]")
    assert (end.outcome, end.code) == ("undeliverable", code)


def test_tracking_and_unsubscribing_are_asked_of_the_channel(bench: Bench) -> None:
    message = bench.one("send_email", f"{PLAIN}\ntrack_links: true\nunsubscribe: true").message
    assert (message["track_links"], message["unsubscribe"], "track_opens" in message) == (True, True, False)
    assert message["headers"] == {"List-Unsubscribe": "<mailto:office@acme.test?subject=unsubscribe>"}


@pytest.mark.parametrize(
    "body",
    ["", "body: x\ntemplate: offer.txt", "html: x\ntemplate: offer.txt", "body: x\nhtml: y\ntemplate: offer.txt"],
)
def test_there_is_one_body_and_only_one(body: str) -> None:
    assert faults("send_email", f"from: workspace\nsubject: x\n{body}") == ["choose-one"]


@pytest.mark.parametrize(
    ("to", "customer"),
    [
        ("customer", True),
        ("[responsible, customer]", True),
        ('"{{ item.email }}"', True),
        ("responsible", False),
        ("boss@acme.test", False),
    ],
)
def test_quiet_hours_are_for_what_may_go_to_a_customer(bench: Bench, to: str, customer: bool) -> None:
    assert bench.action("send_email", f"{PLAIN}\nto: {to}").to_customer() is customer
