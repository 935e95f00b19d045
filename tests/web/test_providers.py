"""Callbacks of providers: taken once with a good proof, refused and noted without."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import pytest

from stageauto.engine.links import hash_of, make_token
from stageauto.engine.ports import Changes
from stageauto.engine.state import DONE, UNKNOWN, Delivery, Link
from tests.web.conftest import Answer, Served

PHONE = "+48600100200"


def twilio(served: Served, path: str, fields: Mapping[str, str], token: str = "twilio-token-88") -> Answer:
    """A request as Twilio signs it: HMAC-SHA1 of the address and the sorted fields."""
    text = f"{served.url}/twilio/twilio/{path}" + "".join(name + fields[name] for name in sorted(fields))
    mark = base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
    return served.form(f"/twilio/twilio/{path}", fields, **{"X-Twilio-Signature": mark})


def kinds(served: Served) -> list[str]:
    return [one.type for one in served.journal()]


# -- Twilio ----------------------------------------------------------------------------------------------------------


def test_a_text_message_comes_in_once(served: Served) -> None:
    fields = {"From": PHONE, "To": "+15005550006", "Body": "Yes, ąę & <b>", "MessageSid": "SM1", "NumMedia": "0"}
    for _ in range(2):
        got = twilio(served, "message", fields)
        assert (got.status, got.headers["content-type"]) == (200, "text/xml; charset=utf-8")
        assert "<Response></Response>" in got.text
    (row,) = [one for one in served.journal() if one.outcome != "duplicate"]
    assert (row.type, row.data["text"], row.data["from"], row.source) == (
        "sms.received", "Yes, ąę & <b>", PHONE, "channel:twilio",
    )  # fmt: skip
    assert len(served.items()) == 1


def test_what_twilio_did_not_sign_is_refused_and_noted(served: Served) -> None:
    fields = {"From": PHONE, "Body": "x", "MessageSid": "SM1"}
    assert twilio(served, "message", fields, token="another").status == 401
    assert served.form("/twilio/twilio/message", fields).status == 401
    assert served.form("/twilio/mail/message", fields).status == 404
    assert not served.journal()
    served.until(lambda: ("refused: twilio", "twilio") in served.audited())


def test_a_call_that_nobody_can_take_is_missed(served: Served) -> None:
    served.add(contact={"phone": PHONE})
    got = twilio(served, "call", {"From": PHONE, "To": "+15005550006", "CallSid": "CA1", "CallStatus": "ringing"})
    assert "<Hangup/>" in got.text
    assert twilio(served, "status", {"From": PHONE, "CallSid": "CA1", "CallStatus": "completed"}).status == 200
    assert kinds(served) == ["call.missed"]


@pytest.mark.parametrize(
    ("language", "said"),
    [("pl", '<Say language="pl-PL">Przepraszamy, nikt'), ("uk", '<Say language="en-GB">Sorry, nobody'),
     ("", '<Say language="en-GB">Sorry, nobody')],
)  # fmt: skip
def test_a_caller_whom_nobody_answers_is_spoken_to_in_their_language(served: Served, language: str, said: str) -> None:
    served.add(contact={"phone": PHONE, "language": language})
    assert said in twilio(served, "call", {"From": PHONE, "To": "+15005550006", "CallSid": "CA1"}).text


@pytest.mark.parametrize("number", ["anonymous", "+266696687", ""])
def test_those_who_hide_their_number_are_not_all_one_customer(served: Served, number: str) -> None:
    for sid in ("CA1", "CA2"):
        fields = {"From": number, "To": "+15005550006", "CallSid": sid, "CallStatus": "ringing"}
        assert "<Hangup/>" in twilio(served, "call", fields).text
    assert [(one.type, one.data.get("phone"), one.data.get("from")) for one in served.journal()] == [
        ("call.missed", None, None)
    ] * 2
    assert [one.contacts for one in served.items()] == [[], []]


def test_a_call_is_passed_on_to_who_is_responsible(served: Served) -> None:
    item = served.add(contact={"phone": PHONE})
    with served.session() as session, session.store.transaction() as state:
        found = state.item(item.id)
        assert found is not None
        found.responsible = "anna"
        state.write(Changes(items=[found]))
    call = {"From": PHONE, "To": "+15005550006", "CallSid": "CA2", "CallStatus": "ringing"}
    got = twilio(served, "call", call)
    assert ">+48600999888</Dial>" in got.text
    twilio(served, "dialed", {**call, "DialCallStatus": "completed", "DialCallDuration": "61"})
    twilio(served, "status", {**call, "CallStatus": "completed", "CallDuration": "75"})
    assert kinds(served) == ["call.received", "call.finished"]
    assert served.journal()[-1].data["duration"] == 61


def test_the_end_of_our_own_call_finds_its_item_by_our_key(served: Served) -> None:
    item = served.add()
    with served.session() as session, session.store.transaction() as state:
        state.write(Changes(tokens=[("call", "key-1", item.id)]))
    fields = {"To": PHONE, "From": "+15005550006", "CallSid": "CA3", "CallStatus": "busy", "Direction": "outbound-api"}
    path = "status?key=key-1"
    assert twilio(served, path, fields).status == 200
    (row,) = served.journal()
    assert (row.type, row.items, row.data["result"], row.data["direction"]) == (
        "call.finished",
        [item.id],
        "busy",
        "out",
    )
    assert twilio(served, path, {**fields, "CallStatus": "ringing"}).status == 200
    assert len(served.journal()) == 1


def sent_by(served: Served, kind: str, channel: str, key: str, outcome: str = DONE) -> str:
    """An item to whose customer a message went out under that key; its id."""
    item = served.add()
    delivery = Delivery(
        "r:1", item.id, "r", "remind", "deals", "send_sms", channel, kind, PHONE, key, {}, state=outcome
    )
    token = "call" if kind == "call" else "message_id"
    with served.session() as session, session.store.transaction() as state:
        state.write(Changes(tokens=[(token, key, item.id)], deliveries=[delivery]))
    return item.id


def test_whether_a_text_message_arrived_is_told_once_and_only_of_ours(served: Served) -> None:
    item = sent_by(served, "sms", "twilio", "key-7")
    fields = {"To": PHONE, "From": "+15005550006", "MessageSid": "SM7"}
    for status in ("queued", "sent"):
        assert twilio(served, "message-status?key=key-7", {**fields, "MessageStatus": status}).status == 200
    assert not served.journal()
    lost = {**fields, "MessageStatus": "undelivered", "ErrorCode": "30003"}
    for query in ("?key=key-7", "?key=key-7", "?key=another", ""):
        assert twilio(served, f"message-status{query}", lost).status == 200
    assert twilio(served, "message-status?key=key-7", lost, token="another").status == 401
    (row,) = served.journal()
    assert (row.type, row.items, row.source) == ("message.failed", [item], "channel:twilio")
    assert row.data == {
        "to": PHONE, "channel": "twilio", "rule": "remind", "delivery": "r:1", "message_id": "key-7", "code": "30003",
        "reason": "Twilio: undelivered (30003)",
    }  # fmt: skip


# -- Telegram --------------------------------------------------------------------------------------------------------


def telegram(served: Served, update: object, secret: str = "telegram-secret-51") -> Answer:
    return served.ask("POST", "/telegram/tg", update, {"X-Telegram-Bot-Api-Secret-Token": secret})


def update(number: int, text: str) -> dict[str, Any]:
    person = {"id": 5, "is_bot": False, "first_name": "Ewa", "last_name": "Lis"}
    chat = {"id": 5, "type": "private", "first_name": "Ewa"}
    return {"update_id": number, "message": {"message_id": 1, "date": 1, "from": person, "chat": chat, "text": text}}


def test_a_message_to_the_bot_is_a_chat_message_once(served: Served) -> None:
    for _ in range(2):
        assert telegram(served, update(1, "Hello")).status == 200
    messages = [one for one in served.journal() if one.type == "chat.message"]
    assert [one.data["text"] for one in messages] == ["Hello"]
    assert len(served.items()) == 1


def test_an_invitation_ties_the_chat_to_its_item(served: Served) -> None:
    item = served.add()
    token = make_token("s", "p")
    link = Link(hash_of(token), "invitation", item.contacts[0], item.id, "", 0)
    with served.session() as session, session.store.transaction() as state:
        state.write(Changes(links=[link]))
    assert telegram(served, update(2, f"/start {token}")).status == 200
    with served.read() as state:
        contact = state.contact(item.contacts[0])
    assert contact is not None
    assert [one["value"] for one in contact.chats] == ["telegram:5"]


def test_without_the_secret_of_the_bot_nothing_comes_in(served: Served) -> None:
    assert telegram(served, update(3, "x"), secret="guess").status == 401
    assert served.ask("POST", "/telegram/tg", update(3, "x")).status == 401
    assert served.ask("POST", "/telegram/mail", update(3, "x")).status == 404
    assert telegram(served, b"{").status == 400
    assert telegram(served, {"update_id": 4, "edited_message": {}}).status == 200
    assert not served.journal()


# -- edna ------------------------------------------------------------------------------------------------------------

INCOMING = {
    "id": 101, "subject": "wa", "subjectId": 9, "subscriber": {"id": 202, "identifier": "48600100200"},
    "userInfo": {"userName": "ewa", "firstName": None, "lastName": None},
    "messageContent": {"type": "TEXT", "attachment": None, "text": "Thank you", "payload": None},
    "receivedAt": "2026-03-02T15:30:08Z",
}  # fmt: skip


def test_a_whatsapp_message_finds_its_customer(served: Served) -> None:
    item = served.add(contact={"phone": PHONE})
    key = {"X-API-KEY": "edna-hook-3c"}
    assert served.ask("HEAD", "/edna/wa").status == 200
    for _ in range(2):
        assert served.ask("POST", "/edna/wa", INCOMING, key).status == 200
    (row,) = [one for one in served.journal() if one.type == "chat.message"]
    assert (row.data["chat"], row.data["text"], row.items) == ("whatsapp:48600100200", "Thank you", [item.id])
    status = {"requestId": "r", "status": "DELIVERED", "subjectId": 9}
    assert served.ask("POST", "/edna/wa", status, key).status == 200
    assert not [one for one in served.journal() if one.type.startswith("message.")]  # no message of ours


@pytest.mark.parametrize(("status", "kind"), [("DELIVERED", "message.delivered"), ("UNDELIVERED", "message.failed")])
def test_whether_a_whatsapp_message_arrived_is_told(served: Served, status: str, kind: str) -> None:
    item = sent_by(served, "whatsapp", "wa", "key-8")
    word = {"requestId": "key-8", "status": status, "error": "no such user", "subjectId": 9}
    assert served.ask("POST", "/edna/wa", word, {"X-API-KEY": "edna-hook-3c"}).status == 200
    (row,) = served.journal()
    assert (row.type, row.items, row.data.get("reason")) == (
        kind, [item], "edna: no such user" if kind == "message.failed" else None,
    )  # fmt: skip


@pytest.mark.parametrize("headers", [{}, {"X-API-KEY": "guess"}, {"Authorization": "Bearer guess"}])
def test_without_the_webhook_key_nothing_comes_in(served: Served, headers: dict[str, str]) -> None:
    assert served.ask("POST", "/edna/wa", INCOMING, headers).status == 401
    assert not served.journal()


# -- SMS gateways ----------------------------------------------------------------------------------------------------


def lox(code: object, key: str = "key-9", name: str = "sms.delivery") -> dict[str, object]:
    data = {"id": "d6c12ac4", "key_id": 8207, "dlr_code": code, "status_code": 100, "callback_data": key}
    return {"id": "a3cd6e19", "api_version": "2022-05-25", "name": name, "attempt_number": 1, "data": data}


@pytest.mark.parametrize(("code", "kind"), [(1, "message.delivered"), (8, "message.failed"), (16, "message.failed")])
def test_lox24_tells_what_became_of_a_message(served: Served, code: int, kind: str) -> None:
    item = sent_by(served, "sms", "lox", "key-9")
    path = "/lox24/lox?secret=gateway-word-4d"
    words: list[object] = [lox(2), lox(4), lox(code, "another"), lox(code, name="sms.inbound"), lox("1"), []]
    for word in (*words, lox(code), lox(code)):
        assert served.ask("POST", path, word).status == 200
    (row,) = served.journal()
    assert (row.type, row.items, row.data["message_id"]) == (kind, [item], "key-9")
    assert ("reason" in row.data) == (kind == "message.failed")


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("POST", "/sms_http/gw?secret=gateway-word-4d", {"msg": {"ref": "key-9", "state": "UNDELIV"}}, {}),
        ("POST", "/sms_http/gw", {"msg": {"ref": "key-9", "state": "UNDELIV"}},
         {"Authorization": "Bearer gateway-word-4d"}),
        ("POST", "/sms_http/gw?secret=gateway-word-4d", b"<msg ref2='x'><ref>key-9</ref><state>EXPIRED</state></msg>",
         {"Content-Type": "application/xml"}),
    ],
)  # fmt: skip
def test_a_gateway_tells_what_became_of_a_message_in_its_own_words(
    served: Served, method: str, path: str, body: object, headers: dict[str, str]
) -> None:
    item = sent_by(served, "sms", "gw", "key-9")
    assert served.ask(method, path, body, headers).status == 200
    (row,) = served.journal()
    assert (row.type, row.items, row.source) == ("message.failed", [item], "channel:gw")


def test_a_gateway_that_only_knows_addresses_tells_by_get(served: Served) -> None:
    item = sent_by(served, "sms", "gets", "key-9")
    path = "/sms_http/gets?secret=gateway-word-4d&ref=key-9&dlr="
    for state in ("BUFFERED", "", "1"):
        assert served.ask("GET", path + state).status == 200
    (row,) = served.journal()
    assert (row.type, row.items) == ("message.delivered", [item])


@pytest.mark.parametrize("path", ["/lox24/lox", "/sms_http/gw", "/sms_http/silent"])
@pytest.mark.parametrize("query", ["", "?secret=", "?secret=guess"])
def test_without_the_secret_no_gateway_is_believed(served: Served, path: str, query: str) -> None:
    sent_by(served, "sms", "lox", "key-9")
    assert served.ask("POST", path + query, lox(1)).status == 401
    assert served.ask("POST", "/lox24/gw?secret=gateway-word-4d", lox(1)).status == 404
    assert not served.journal()


@pytest.mark.parametrize("state", ["UNDELIV", "DELIVRD"])
def test_whoever_reports_of_a_message_without_an_answer_has_had_it(served: Served, state: str) -> None:
    item = sent_by(served, "sms", "gw", "key-9", UNKNOWN)
    word = {"msg": {"ref": "key-9", "state": state}}
    assert served.ask("POST", "/sms_http/gw?secret=gateway-word-4d", word).status == 200
    served.until(lambda: deliveries(served)[0].state == DONE)
    with served.read() as found:
        (resolved,) = [one for one in found.timeline(item) if one.kind == "resolved"]
    assert (resolved.author, resolved.data["sent"]) == ("channel:gw", True)
    assert len(served.journal()) == 1


def test_a_call_that_ended_was_made_whatever_twilio_answered(served: Served) -> None:
    sent_by(served, "call", "twilio", "key-9", UNKNOWN)
    fields = {"CallSid": "CA1", "CallStatus": "completed", "From": "+15005550006", "To": PHONE,
              "Direction": "outbound-api", "CallDuration": "12"}  # fmt: skip
    assert twilio(served, "status?key=key-9", fields).status == 200
    served.until(lambda: deliveries(served)[0].state == DONE)
    assert deliveries(served)[0].answer == {"sid": "CA1", "call": "CA1"}


def deliveries(served: Served) -> list[Delivery]:
    with served.read() as state:
        return state.deliveries()
