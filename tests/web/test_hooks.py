"""Hooks: signed calls of other systems are taken once; all others are refused and noted."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from tests.web.conftest import SECRET, Served


def signed(body: str, key: str = "msg_1", at: float | None = None) -> dict[str, str]:
    """The headers as the library of Standard Webhooks makes them."""
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    stamp = str(int(moment.timestamp()))
    return {
        "webhook-id": key,
        "webhook-timestamp": stamp,
        "webhook-signature": Webhook(SECRET).sign(key, moment, body),
        "Content-Type": "application/json",
    }


def test_a_signed_call_moves_its_item_and_is_on_disk_when_it_is_answered(served: Served) -> None:
    item = served.add()
    body = '{"status": "shipped", "email": "ewa@home.test"}'
    got = served.ask("POST", "/hooks/erp", body, signed(body))
    assert (got.status, got.json()["outcome"]) == (200, "moved")
    assert served.item(item.id).stage == "shipped"
    row = next(one for one in served.journal() if one.type == "webhook.received")
    assert (row.source, row.data["hook"], row.id) == ("hook:erp", "erp", "hook:erp:msg_1")


def test_a_replayed_call_does_nothing(served: Served) -> None:
    body = '{"status": "shipped"}'
    headers = signed(body)
    assert served.ask("POST", "/hooks/erp", body, headers).json()["outcome"] == "unmatched"
    assert served.ask("POST", "/hooks/erp", body, headers).json()["outcome"] == "duplicate"


@pytest.mark.usefixtures("still")
def test_forged_old_and_unsigned_calls_are_refused_and_noted(served: Served) -> None:
    body = '{"status": "shipped"}'
    hour = timedelta(hours=1).total_seconds()
    tries = {
        "unsigned": {},
        "of another body": signed("{}"),
        "old": signed(body, at=time.time() - hour),
        "ahead": signed(body, at=time.time() + hour),
        "not ascii": signed(body) | {"webhook-signature": "v1,\u00e9\u00e9"},
        "of another version": {
            **signed(body),
            "webhook-signature": signed(body)["webhook-signature"].replace("v1", "v2"),
        },
        "no number": signed(body) | {"webhook-timestamp": "1e9"},
    }
    for name, headers in tries.items():
        encoded = {key: value.encode("latin-1").decode("latin-1") for key, value in headers.items()}
        assert served.ask("POST", "/hooks/erp", body, encoded).status == 401, name
    assert not served.journal()
    served.until(lambda: len(served.audited()) >= 3)
    with served.read() as state:
        noted = [str(one.data["because"]) for one in state.audit() if one.action == "refused: hook"]
    assert sorted(noted) == [  # of one address, for each reason one a minute
        "the signature is missing", "the signature is not ours", "the signature is too old or ahead of time",
    ]  # fmt: skip


def test_a_hook_may_have_its_secret_in_a_header(served: Served) -> None:
    path, good = "/hooks/shop", {"X-Shop-Token": "shop-secret-7f3a"}
    assert served.ask("POST", path, {"status": "new"}, good).status == 200
    assert served.ask("POST", path, {"status": "new"}, {"X-Shop-Token": "shop-secret-7f3b"}).status == 401
    assert served.ask("POST", path, {"status": "new"}).status == 401
    again = good | {"Idempotency-Key": "k-1"}
    assert [served.ask("POST", path, {"a": 1}, again).json()["outcome"] for _ in range(2)] == ["unmatched", "duplicate"]


def test_what_a_hook_sends_is_its_data_whatever_its_form(served: Served) -> None:
    good = {"X-Shop-Token": "shop-secret-7f3a"}
    served.ask("POST", "/hooks/shop", "a=1&b=x%20y", good | {"Content-Type": "application/x-www-form-urlencoded"})
    served.ask("POST", "/hooks/shop", "plain words", good | {"Content-Type": "text/plain"})
    served.ask("POST", "/hooks/shop", [1, 2], good)
    served.ask("POST", "/hooks/shop", {"hook": "erp"}, good)
    assert [one.data for one in served.journal()] == [
        {"a": "1", "b": "x y", "hook": "shop"},
        {"body": "plain words", "hook": "shop"},
        {"body": [1, 2], "hook": "shop"},
        {"hook": "shop"},
    ]


def test_a_hook_may_be_another_event_with_values_from_where_they_stand(served: Served) -> None:
    item = served.add()
    sent = {"number": "FV/7", "payer": {"emails": ["ewa@home.test"]}, "total": {"value": 900}, "iban": "PL00"}
    good = {"X-Shop-Token": "shop-secret-7f3a"}
    assert served.ask("POST", "/hooks/bank", sent, good).json()["outcome"] == "moved"
    assert served.item(item.id).stage == "shipped"
    assert served.ask("POST", "/hooks/bank", "not JSON", good).json()["outcome"] == "unmatched"
    paid = [(one.type, one.data) for one in served.journal() if one.source == "hook:bank"]
    assert paid == [
        ("invoice.paid", {"email": "ewa@home.test", "amount": 900, "invoice": "FV/7", "hook": "bank"}),
        ("invoice.paid", {"hook": "bank"}),
    ]


def test_there_is_no_hook_of_another_name(served: Served) -> None:
    assert served.ask("POST", "/hooks/nothing", {}).status == 404
    assert served.ask("GET", "/hooks/erp").status == 405
