"""Live chat: the customer writes, staff answers, nobody else reads along."""

from __future__ import annotations

import threading

import pytest

from stageauto.engine.links import make_token
from stageauto.runner import talking
from stageauto.runner.session import Session
from tests.web.conftest import Answer, Served


def say(served: Served, text: str, token: str = "", **more: str) -> Answer:
    return served.ask("POST", "/chat/say", {"text": text, **more}, {"X-Chat-Token": token} if token else {})


def lines(served: Served, token: str, after: int = 0) -> list[tuple[bool, str]]:
    got = served.ask("GET", f"/chat/lines?after={after}", headers={"X-Chat-Token": token})
    assert got.status == 200
    return [(one["ours"], one["text"]) for one in got.json()]


def answer(served: Served, named: str, text: str) -> None:
    with Session.open(served.root, as_user="olga") as session:
        talking.reply(session, named, text)


def test_a_customer_writes_and_staff_answers(served: Served) -> None:
    token = say(served, "Do you do roofs?", name="Ewa").json()["token"]
    (item,) = served.items()
    assert (item.stage, item.title) == ("new", "Ewa")
    assert lines(served, token) == [(True, "Do you do roofs?")]
    answer(served, item.id, "Yes, <b>all</b> of them")
    served.until(lambda: len(lines(served, token)) == 2)
    assert lines(served, token) == [(True, "Do you do roofs?"), (False, "Yes, <b>all</b> of them")]
    say(served, "Good", token)
    with Session.open(served.root, as_user="olga") as session:
        said = talking.lines(session, item.id).rows
        assert [(one.author, one.text) for one in said] == [
            ("", "Do you do roofs?"), ("olga", "Yes, <b>all</b> of them"), ("", "Good"),
        ]  # fmt: skip
        assert [one.text for one in talking.chats(session).rows] == ["Good"]
    assert [one.type for one in served.journal() if one.source == "channel:live"] == ["chat.message"] * 2
    assert len(served.items()) == 1


def test_who_waits_is_told_as_soon_as_there_is_an_answer(served: Served) -> None:
    token = say(served, "Hello?").json()["token"]
    got: list[list[tuple[bool, str]]] = []
    waiting = threading.Thread(target=lambda: got.append(lines(served, token, after=1)))
    waiting.start()
    answer(served, served.items()[0].id, "Yes?")
    waiting.join(60)
    assert got == [[(False, "Yes?")]]


def test_a_chat_is_read_with_its_own_token_only(served: Served) -> None:
    say(served, "secret words")
    other = say(served, "other").json()["token"]
    assert lines(served, other) == [(True, "other")]
    for token in ("", "x", other[:-1]):
        headers = {"X-Chat-Token": token} if token else {}
        assert served.ask("GET", "/chat/lines?after=0", headers=headers).status == 401


def test_a_chat_cannot_claim_to_be_a_customer(served: Served) -> None:
    known = served.add(contact={"phone": "+48600100200"})
    more = {"phone": "+48600100200", "email": "ewa@home.test", "contact": known.contacts[0], "chat": "telegram:5"}
    say(served, "I am Ewa", name="Ewa", **more)
    with served.read() as state:
        contact = state.contact(known.contacts[0])
    assert contact is not None
    assert contact.chats == []
    row = next(one for one in served.journal() if one.type == "chat.message")
    assert set(row.data) == {"channel", "chat", "text", "name"}


@pytest.mark.usefixtures("still")
def test_what_is_too_much_or_nothing_is_refused(served: Served) -> None:
    assert [say(served, text).status for text in ("", "  \n", "x" * 2_001)] == [422] * 3
    assert served.ask("POST", "/chat/say", [1]).status == 400
    assert served.ask("GET", "/chat/lines?after=-1", headers={"X-Chat-Token": "x" * 43}).status == 400
    assert served.ask("GET", "/chat/mail").status == 404
    answers = [say(served, f"n {number}").status for number in range(8)]
    assert answers.count(200) == 5
    assert set(answers) == {200, 429}


@pytest.mark.usefixtures("still")
def test_a_token_of_ones_own_making_begins_a_chat_like_any_other(served: Served) -> None:
    answers = [say(served, "x", make_token("own", str(number))).status for number in range(8)]
    assert answers == [200] * 5 + [429] * 3


def test_the_page_may_be_shown_by_named_sites_only(served: Served) -> None:
    got = served.ask("GET", "/chat")
    assert got.status == 200
    assert "frame-ancestors https://acme.test" in got.headers["content-security-policy"]
    assert "x-frame-options" not in got.headers
