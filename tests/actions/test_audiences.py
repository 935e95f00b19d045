"""Adding customers to audiences and taking them out."""

from __future__ import annotations

import pytest

from stageauto.engine.effects import NotSent, Send
from stageauto.engine.state import Company
from tests.actions.conftest import Bench, faults

MAILS = ["ewa@home.test", "ewa@work.test", "ewa2@home.test"]
PHONE = "+48 501 111 222"


def test_all_addresses_of_the_customer_are_given(bench: Bench) -> None:
    message = {"audience": "spring", "operation": "add", "emails": MAILS, "phones": [PHONE]}
    wanted = Send("audience", "ads", "ewa@home.test", message, "ewa", (*MAILS, PHONE))
    assert bench.one("add_to_audience", "audience: spring") == wanted


def test_nothing_but_addresses_is_given(bench: Bench) -> None:
    sent = bench.one("add_to_audience", "audience: spring")
    assert sent.message.keys() == {"audience", "operation", "emails", "phones"}


def test_a_removal_is_held_back_by_nothing(bench: Bench) -> None:
    message = {"audience": "spring", "operation": "remove", "emails": MAILS, "phones": [PHONE]}
    sent = bench.one("remove_from_audience", "audience: spring")
    assert sent == Send("audience", "ads", "ewa@home.test", message)


@pytest.mark.parametrize(
    ("options", "emails", "phones"),
    [
        ("type: private", ["ewa@home.test", "ewa2@home.test"], []),
        ("type: private\npick: last", ["ewa2@home.test"], []),
        ("pick: first", ["ewa@home.test"], [PHONE]),
        ("pick: last", ["ewa2@home.test"], [PHONE]),
        ("type: mobile", [], [PHONE]),
    ],
)
def test_type_and_pick_choose_among_them(bench: Bench, options: str, emails: list[str], phones: list[str]) -> None:
    sent = bench.one("add_to_audience", f"audience: spring\n{options}")
    assert (sent.message["emails"], sent.message["phones"]) == (emails, phones)


def test_the_same_address_is_given_once(bench: Bench) -> None:
    bench.contacts[0].emails = [{"value": "ewa@home.test", "type": "a"}, {"value": " Ewa@home.test ", "type": "b"}]
    assert len(bench.one("add_to_audience", "audience: spring").message["emails"]) == 1


def test_without_a_contact_it_is_the_company(bench: Bench) -> None:
    bench.item.contacts, bench.item.company = [], "lis"
    bench.companies = [Company("lis", "Lis", emails=[{"value": "office@lis.test", "type": "work"}])]
    sent = bench.one("add_to_audience", "audience: spring")
    assert (sent.message["emails"], sent.contact, sent.addresses) == (["office@lis.test"], None, ("office@lis.test",))


def test_without_an_address_of_the_type_it_is_undeliverable(bench: Bench) -> None:
    end = bench.one("add_to_audience", "audience: spring\ntype: fax")
    because = "neither e-mail nor phone number of type fax for Ewa Lis"
    assert end == NotSent("undeliverable", "no_address", because, "Ewa Lis")
    bench.item.contacts = []
    assert bench.one("remove_from_audience", "audience: spring").code == "no_address"


def test_what_is_no_address_is_left_out(bench: Bench) -> None:
    bench.contacts[0].emails = [{"value": "ewa", "type": "x"}, {"value": "ewa@home.test\nBcc: x@y.test", "type": "x"}]
    assert bench.one("add_to_audience", "audience: spring").message["emails"] == []
    bench.contacts[0].phones = [{"value": "call me", "type": "x"}]
    assert bench.one("add_to_audience", "audience: spring").code == "bad_address"


def test_an_audience_has_to_be_there() -> None:
    assert faults("add_to_audience", "audience: sprng") == ["unknown-audience"]
    assert faults("remove_from_audience", "pick: first") == ["missing-key"]
