"""Personal links: tokens that nobody can guess, of which the state knows the hash only."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from stageauto.engine.links import hash_of, is_token, make_token, url_of
from stageauto.engine.ports import Changes
from stageauto.engine.state import Link
from stageauto.store.sqlite import SqliteStore


def test_a_token_is_256_bit_and_the_same_for_the_same_place() -> None:
    token = make_token("secret", "deal-1.1.offer:0:0:link:0")
    assert is_token(token)
    assert token == make_token("secret", "deal-1.1.offer:0:0:link:0")
    assert len({token, make_token("secret", "deal-1.1.offer:0:0:link:1"), make_token("other", "x")}) == 3


@given(st.text(max_size=60))
def test_no_text_of_other_letters_is_a_token(text: str) -> None:
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
    assert is_token(text) == (len(text) == 43 and set(text) <= allowed)


def test_each_kind_of_link_has_its_own_path() -> None:
    assert url_of("https://acme.test/crm/", "open", "T") == "https://acme.test/crm/o/T.gif"
    assert url_of("https://acme.test", "unsubscribe", "T") == "https://acme.test/u/T"
    assert url_of("https://acme.test", "qr", "T") == "https://acme.test/l/T"


def test_the_state_keeps_the_hash_of_a_token_and_finds_the_link_by_it() -> None:
    token = make_token("secret", "place")
    link = Link(hash_of(token), "link", "https://acme.test/prices", "deal-1", "deal-1.1.mail", 5, {"rule": "mail"})
    with SqliteStore.open(":memory:") as store:
        with store.transaction() as state:
            state.write(Changes(links=[link]))
        with store.read() as seen:
            assert seen.link(hashlib.sha256(token.encode()).hexdigest()) == link
            assert seen.link(token) is None
        rows = store.connection.execute("SELECT * FROM links").fetchall()
        assert len(rows) == 1
        assert token not in str(rows)


def test_the_secret_of_a_state_is_made_once() -> None:
    with SqliteStore.open(":memory:") as store:
        with store.transaction() as state:
            assert state.link_secret(lambda: "first") == "first"
        with store.transaction() as state:
            assert state.link_secret(lambda: "second") == "first"
