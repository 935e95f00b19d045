"""How networks want addresses to look: the vectors of their documentation, and what always holds."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stageauto.channels._audience_rules import FACEBOOK, GOOGLE, YANDEX, Rules, email, hashed, phone
from stageauto.channels._phones import e164

MD5 = Rules(digest="md5")
MAILS = st.from_regex(r"\s{0,2}[A-Za-z0-9.+_-]{1,20}@[A-Za-z0-9-]{1,12}\.[A-Za-z]{2,6}\s{0,2}", fullmatch=True)
GMAILS = st.from_regex(r"[a-zA-Z0-9.+]{1,20}@(gmail|GMAIL|googlemail)\.com", fullmatch=True)
RULES = st.sampled_from([FACEBOOK, GOOGLE, YANDEX, MD5])


@pytest.mark.parametrize(
    ("text", "rules", "wanted"),
    [
        ("cloudy.sanfrancisco+shopping@gmail.com", GOOGLE, "cloudysanfrancisco@gmail.com"),
        ("user.name+NYC@Example.com", GOOGLE, "user.name+nyc@example.com"),
        ("Some.One@GoogleMail.com ", GOOGLE, "someone@googlemail.com"),
        (" John_Smith@gmail.com", FACEBOOK, "john_smith@gmail.com"),
        ("a.b+c@gmail.com", FACEBOOK, "a.b+c@gmail.com"),
        ("Mail@yandex.ru", YANDEX, "mail@yandex.ru"),
        ("no address", GOOGLE, ""),
        ("@home.test", FACEBOOK, ""),
        ("ewa@", FACEBOOK, ""),
        ("a@b@c", FACEBOOK, ""),
        ("+shop@gmail.com", GOOGLE, ""),
        ("", FACEBOOK, ""),
    ],
)
def test_mails_look_as_the_network_says(text: str, rules: Rules, wanted: str) -> None:
    assert email(text, rules) == wanted


@pytest.mark.parametrize(
    ("text", "country", "wanted"),
    [
        ("(800)555-0100", "US", "+18005550100"),
        ("+1 (800) 555-0100", "", "+18005550100"),
        ("7 (999) 555-11-11", "RU", "+79995551111"),
        ("8 999 555 11 11", "RU", "+79995551111"),
        ("0048 501 111 222", "", "+48501111222"),
        ("0048 501 111 222", "PL", "+48501111222"),
        ("+49 (0) 1512 3456789", "", "+4915123456789"),
        ("01512 3456789", "DE", "+4915123456789"),
        ("+48 501 111 222 ext. 5", "", "+48501111222"),
        ("501 111 222", "", ""),
        ("112", "PL", ""),
        ("no number", "PL", ""),
        ("", "PL", ""),
    ],
)
def test_phones_have_their_country_code(text: str, country: str, wanted: str) -> None:
    assert e164(text, country) == wanted


def test_google_keeps_the_plus_sign_and_the_others_do_not() -> None:
    assert phone("(800)555-0100", GOOGLE, "US") == "+18005550100"
    assert phone("(800)555-0100", FACEBOOK, "US") == "18005550100"
    assert phone("501 111 222", FACEBOOK) == ""


@pytest.mark.parametrize(
    ("text", "rules", "wanted"),
    [
        # Meta, "Customer Information Parameters"
        ("John_Smith@gmail.com", FACEBOOK, "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"),
        # Yandex Metrica, "Customer data format": the values to test one's own MD5 with
        ("mail@yandex.ru", MD5, "3c56ff8fef0f6c65b36b2d25720fe276"),
    ],
)
def test_hashes_are_those_of_the_documentation(text: str, rules: Rules, wanted: str) -> None:
    assert hashed(email(text, rules), rules) == wanted


@pytest.mark.parametrize(
    ("text", "country", "rules", "wanted"),
    [
        ("(650)555-1212", "US", FACEBOOK, "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"),
        ("7 (999) 555-11-11", "RU", MD5, "f09f2c3d48f31e2a802944ade2e5aec5"),
    ],
)
def test_hashes_of_phones_are_those_of_the_documentation(text: str, country: str, rules: Rules, wanted: str) -> None:
    assert hashed(phone(text, rules, country), rules) == wanted


@given(st.one_of(MAILS, GMAILS, st.text(max_size=40)), RULES)
def test_a_mail_that_was_brought_into_form_stays_as_it_is(text: str, rules: Rules) -> None:
    once = email(text, rules)
    assert email(once, rules) == once
    assert once == once.strip()


@given(MAILS, RULES)
def test_how_a_mail_is_written_does_not_matter(text: str, rules: Rules) -> None:
    assert email(text.upper(), rules) == email(text.lower(), rules) == email(f"\t{text} ", rules)


@given(st.one_of(st.from_regex(r"\+?[0-9][0-9 ()./-]{2,18}", fullmatch=True), st.text(max_size=25)))
def test_a_number_that_was_brought_into_form_stays_as_it_is(text: str) -> None:
    for country in ("", "PL", "DE"):
        once = e164(text, country)
        assert re.fullmatch(r"|\+[0-9]{4,17}", once)
        assert e164(once, country) == once
        assert e164(once) == once


@given(st.text(min_size=1, max_size=60), RULES)
def test_a_hash_is_hexadecimal_and_says_nothing_of_the_address(text: str, rules: Rules) -> None:
    found = hashed(text, rules)
    assert re.fullmatch(r"[0-9a-f]+", found)
    assert len(found) == (32 if rules.digest == "md5" else 64)
    assert found == hashed(text, rules)
