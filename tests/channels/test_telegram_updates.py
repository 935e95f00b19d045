"""Updates as Telegram really delivers them, as events; and anything else, as nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stageauto.channels._telegram_updates import telegram_event
from stageauto.engine.links import hash_of
from stageauto.runner.intake import Raw, shaped

SENDER = {
    "id": 555,
    "is_bot": False,
    "first_name": "Ewa",
    "last_name": "Lis",
    "username": "ewa_l",
    "language_code": "pl",
}
CHAT = {"id": 555, "first_name": "Ewa", "last_name": "Lis", "username": "ewa_l", "type": "private"}
TOKEN = "Ab-_" * 10 + "xyz"


def update(number: int = 10, sender: dict[str, Any] = SENDER, **message: Any) -> dict[str, Any]:
    return {
        "update_id": number,
        "message": {"message_id": 7, "from": sender, "chat": CHAT, "date": 1_772_438_400, **message},
    }


START = update(
    text=f"/start {TOKEN}", entities=[{"offset": 0, "length": 6, "type": "bot_command"}]
)  # fmt: skip


def test_a_text_is_a_message() -> None:
    assert telegram_event(update(text="Where is it?"), "messenger") == {
        "type": "chat.message",
        "id": "telegram:messenger:10",
        "source": "channel:messenger",
        "data": {
            "channel": "messenger",
            "chat": "telegram:555",
            "name": "Ewa Lis",
            "language": "pl",
            "text": "Where is it?",
        },
    }


def test_pressing_start_opens_the_chat_and_the_token_stays_unseen() -> None:
    found = telegram_event(START, "messenger")
    assert found is not None
    assert found["type"] == "chat.started"
    assert found["data"]["invitation"] == hash_of(TOKEN)
    assert TOKEN not in json.dumps(found)


@pytest.mark.parametrize("text", ["/start", "/start@acme_bot", "/start abc", "/start " + "x" * 64])
def test_start_without_a_token_of_ours_opens_it_too(text: str) -> None:
    found = telegram_event(update(text=text), "messenger")
    assert found is not None
    assert (found["type"], found["data"].get("invitation"), found["data"].get("text")) == ("chat.started", None, None)


def test_start_in_the_middle_is_a_text() -> None:
    found = telegram_event(update(text=f"please /start {TOKEN}"), "messenger")
    assert found is not None
    assert found["type"] == "chat.message"


def test_files_come_with_their_ids() -> None:
    photo = [
        {"file_id": f"p{size}", "file_unique_id": "u", "width": size, "height": size, "file_size": size}
        for size in (90, 800)
    ]
    found = telegram_event(update(photo=photo, caption="The roof"), "messenger")
    assert found is not None
    assert found["data"]["text"] == "The roof"
    assert found["data"]["attachments"] == [{"kind": "photo", "file_id": "p800", "name": "", "size": 800}]
    document = {
        "file_id": "d1",
        "file_unique_id": "u",
        "file_name": "plan.pdf",
        "mime_type": "application/pdf",
        "file_size": 9,
    }
    found = telegram_event(update(document=document), "messenger")
    assert found is not None
    assert found["data"]["attachments"][0]["name"] == "plan.pdf"


def test_ones_own_phone_is_taken_and_nobody_elses() -> None:
    shared = {"phone_number": "+48501111222", "first_name": "Ewa", "user_id": 555}
    found = telegram_event(update(contact=shared), "messenger")
    assert found is not None
    assert found["data"]["phone"] == "+48501111222"
    assert telegram_event(update(contact={**shared, "user_id": 777}), "messenger") is None
    assert telegram_event(update(contact={"phone_number": "+1", "first_name": "x"}), "messenger") is None


@pytest.mark.parametrize(
    "other",
    [
        {"update_id": 1, "edited_message": update(text="x")["message"]},
        {"update_id": 1, "channel_post": {"message_id": 1, "chat": {"id": -100, "type": "channel"}, "text": "x"}},
        {"update_id": 1, "my_chat_member": {"chat": CHAT, "new_chat_member": {"status": "kicked"}}},
        {"update_id": 1, "callback_query": {"id": "1", "from": SENDER, "data": "x"}},
        update(text="x", chat={"id": -1001, "type": "supergroup", "title": "x"}),
        update(text="x", sender={**SENDER, "is_bot": True}),
        update(new_chat_title="x"),
        {**update(text="x"), "update_id": "10"},
        {"update_id": 1},
        [],
        None,
        "x",
    ],
)
def test_whatever_is_no_message_of_a_customer_is_nothing(other: object) -> None:
    assert telegram_event(other, "messenger") is None


def test_the_same_update_is_the_same_event() -> None:
    first, again, next_one = (telegram_event(update(n, text="x"), "messenger") for n in (10, 10, 11))
    assert first is not None
    assert again is not None
    assert next_one is not None
    assert first["id"] == again["id"] != next_one["id"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KEYS = ["from", "chat", "text", "caption", "photo", "document", "contact", "sticker"]


@given(JSON, st.dictionaries(st.sampled_from(KEYS), JSON), st.booleans())
def test_nothing_that_comes_breaks_it(anything: object, message: dict[str, Any], good: bool) -> None:
    start = update()["message"] if good else {}
    for one in (anything, {"update_id": 1, "message": anything}, {"update_id": 1, "message": {**start, **message}}):
        found = telegram_event(one, "messenger")
        if found is not None:
            shaped(Raw(**found), {"chat.message", "chat.started"}, 0, lambda: "x")


@given(st.text(max_size=6000))
def test_any_text_is_one_event_at_most(text: str) -> None:
    found = telegram_event(update(text=text), "messenger")
    assert found is None or len(found["data"].get("text", "")) <= 4096
