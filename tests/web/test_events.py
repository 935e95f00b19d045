"""`POST /events`: a user's token lets in what the user may do, and nothing more."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from stageauto.engine.links import hash_of
from stageauto.errors import NotAllowedError, UsageError
from stageauto.runner import tokens
from stageauto.runner.session import Session
from tests.web.conftest import Answer, Served


def token(served: Served, user: str = "olga") -> str:
    with Session.open(served.root, as_user="olga") as session:
        return tokens.add(session, user, "a test")[1]


def post(served: Served, body: object, key: str) -> Answer:
    return served.ask("POST", "/events", body, {"Authorization": f"Bearer {key}"})


def test_an_event_is_decided_before_it_is_answered(served: Served) -> None:
    item = served.add()
    got = post(served, {"type": "invoice.paid", "item": item.id, "data": {"amount": 5}}, token(served))
    assert got.status == 200
    assert got.json() == {**got.json(), "outcome": "moved", "items": [item.id], "moved_to": "shipped"}
    assert served.item(item.id).stage == "shipped"
    assert served.journal()[-1].author == "olga"


def test_a_list_of_events_is_answered_one_by_one(served: Served) -> None:
    item = served.add()
    given = [{"type": "app.told", "id": "a-1", "item": item.id}, {"type": "app.told", "id": "a-1", "item": item.id}]
    assert [one["outcome"] for one in post(served, given, token(served)).json()] == ["no_effect", "duplicate"]


def test_without_a_token_of_ours_nobody_gets_in(served: Served) -> None:
    good = token(served)
    for given in ("", "x", good[:-1] + ("a" if good[-1] != "a" else "b"), good + "a", "sta_" + "\u00e9" * 43):
        headers = {"Authorization": f"Bearer {given}"} if given else {}
        encoded = {name: value.encode().decode("latin-1") for name, value in headers.items()}
        assert served.ask("POST", "/events", {"type": "app.told"}, encoded).status == 401
    assert not served.journal()
    served.until(lambda: ("refused: events", "/events") in served.audited())


def test_a_token_has_the_rights_of_its_owner(served: Served) -> None:
    item = served.add()
    assert post(served, {"type": "invoice.paid", "item": item.id}, token(served, "piet")).status == 403
    assert post(served, {"type": "invoice.paid", "contact": "ewa@home.test"}, token(served, "anna")).status == 403
    assert served.item(item.id).stage == "new"
    served.until(lambda: len([one for one in served.audited() if one[0] == "refused: events"]) == 2)
    with served.read() as state:
        noted = [(one.author, one.target) for one in state.audit() if one.action == "refused: events"]
    assert sorted(noted) == [("anna", "orders"), ("piet", "deals")]
    assert (
        post(served, {"type": "invoice.paid", "item": item.id}, token(served, "anna")).json()["moved_to"] == "shipped"
    )


def test_a_token_that_was_taken_away_opens_nothing(served: Served) -> None:
    key = token(served)
    with Session.open(served.root, as_user="olga") as session:
        (kept,) = tokens.listed(session)
        assert (kept.hash, kept.user) == (hash_of(key), "olga")
        tokens.remove(session, kept.id)
        with pytest.raises(UsageError):
            tokens.remove(session, kept.id)
    assert post(served, {"type": "app.told"}, key).status == 401


def test_only_who_may_change_the_automation_makes_tokens(served: Served) -> None:
    with Session.open(served.root, as_user="anna") as session, pytest.raises(NotAllowedError):
        tokens.add(session, "anna")
    with Session.open(served.root, as_user="olga") as session, pytest.raises(UsageError):
        tokens.add(session, "nobody")


@pytest.mark.parametrize(
    "body",
    [[], {}, 1, {"type": 5}, {"type": "no.such"}, {"type": "app.x", "more": 1}, {"type": "app.x", "item": 7},
     {"type": "app.x", "item": "deal-99"}, {"type": "app.x", "data": [1]}, [{"type": "app.x"}] * 101],
)  # fmt: skip
def test_what_is_no_event_is_refused(served: Served, body: object) -> None:
    assert post(served, body, token(served)).status == 422
    assert not served.journal()


@pytest.mark.parametrize("key", ["id", "item", "contact", "type"])
def test_half_a_letter_stops_neither_the_event_after_it_nor_the_daemon(served: Served, key: str) -> None:
    """JSON can say half a surrogate pair, which no state can keep."""
    owner = {"Authorization": f"Bearer {token(served)}"}
    body = {"type": "app.told", "id": "a", key: "@", "data": {"text": "@"}}
    broken = json.dumps(body).replace("@", "\\ud800")
    assert served.ask("POST", "/events", broken, owner).status == 422
    told = served.ask("POST", "/events", '{"type": "app.told", "data": {"text": "a\\ud800"}}', owner)
    assert (told.status, told.json()["outcome"]) == (200, "unmatched")
    assert [one.data for one in served.journal()] == [{"text": "a\ufffd"}]


def test_of_a_list_all_events_are_taken_or_none(served: Served) -> None:
    key = token(served)
    assert post(served, [{"type": "app.told", "id": "first"}, {"type": "no.such"}], key).status == 422
    assert not served.journal()
    assert post(served, {"type": "app.told", "id": "first"}, key).json()["outcome"] == "unmatched"


def test_who_may_change_nothing_is_not_told_which_items_there_are(served: Served) -> None:
    served.add()
    key = token(served, "piet")
    for item in ("deal-1", "deal-99"):
        assert post(served, {"type": "app.told", "item": item}, key).status == (403 if item == "deal-1" else 422)
    with Session.open(served.root, as_user="olga") as session:
        none = tokens.add(session, "rita")[1]
    for item in ("deal-1", "deal-99"):
        assert post(served, {"type": "app.told", "item": item}, none).status == 403


def test_many_at_once_share_their_commits(served: Served) -> None:
    """Each is answered; the daemon needed far fewer transactions than there were events."""
    item, key, count = served.add(), token(served), 120
    gate = threading.Barrier(24)

    def go(number: int) -> int:
        if number < 24:
            gate.wait(60)
        return post(served, {"type": "app.told", "id": f"n-{number}", "item": item.id}, key).status

    with ThreadPoolExecutor(24) as pool:
        assert set(pool.map(go, range(count))) == {200}
    assert len([one for one in served.journal() if one.type == "app.told"]) == count
