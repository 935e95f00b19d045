"""Chats: the first message in one, the invitation it came by, and whose it is from then on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stageauto.engine import step
from stageauto.engine.draft import Draft
from stageauto.engine.model import Event
from stageauto.engine.ports import Changes
from stageauto.engine.state import Contact, Item, Journal, Link, item_of
from stageauto.loader.load import load
from stageauto.store.sqlite import SqliteStore

NOW = 1_772_438_400_000
STAGEAUTO = "stageauto: 1\ntimezone: Europe/Warsaw\nusers: {anna: {name: Anna, telegram: telegram:999}}\n"
DEALS = """
pipeline: deals
fields: {note: string}
stages:
  - {id: new}
  - id: talking
    triggers:
      - {id: opened, event: chat.started, where: {channel: messenger}}
  - id: answered
    triggers:
      - {id: wrote, event: chat.message, if: "'price' in event.text"}
"""
LEADS = """
pipeline: leads
intake:
  - {id: chat, event: chat.message, set: {title: "Chat: {{ event.text }}"}, unless_open: contact}
stages: [{id: new}]
"""


class Bench:
    """A state with two deals of two customers, to which events come."""

    def __init__(self, store: SqliteStore, leads: bool) -> None:
        files = {"stageauto.yaml": STAGEAUTO, "pipelines/deals.yaml": DEALS}
        loaded = load({**files, **({"pipelines/leads.yaml": LEADS} if leads else {})}, env={}, now=NOW)
        assert loaded.workspace is not None, loaded.diagnostics
        self.workspace, self.store, self.number = loaded.workspace, store, 0
        items = [item_of(f"d-{name}", "deals", "new", name, NOW, NOW, contacts=[name]) for name in ("ewa", "jan")]
        items.append(item_of("d-nobody", "deals", "new", "nobody", NOW, NOW))
        contacts = [Contact("ewa", "Ewa", order=1), Contact("jan", "Jan", order=2)]
        links = [
            Link("hash-ewa", "invitation", "ewa", "d-ewa", "r", NOW),
            Link("hash-link", "link", "ewa", "d-ewa", "r", NOW),
        ]
        links.append(Link("hash-nobody", "invitation", "gone", "d-nobody", "r", NOW))
        with store.transaction() as state:
            state.write(Changes(items=items, contacts=contacts, links=links))

    def emit(self, type: str, chat: str = "telegram:555", item: str | None = None, **data: Any) -> Journal:
        self.number += 1
        data = {"channel": "messenger", "chat": chat, **data}
        with self.store.transaction() as state:
            draft = Draft(state, self.workspace, draw=lambda letters, length: letters[0] * length)
            row = step.take(
                draft, Event(f"e-{self.number}", type, NOW + self.number, "channel:messenger", item, data=data)
            )
            draft.flush()
            return row

    def item(self, item_id: str) -> Item:
        with self.store.read() as state:
            found = state.item(item_id)
            assert found is not None
            return found

    def chats(self, contact: str) -> list[str]:
        with self.store.read() as state:
            found = state.contact(contact)
            assert found is not None
            return [one["value"] for one in found.chats]

    def events(self, item: str) -> list[str]:
        with self.store.read() as state:
            return [one.data["type"] for one in state.timeline(item) if one.kind == "event"]


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    with SqliteStore.open(":memory:", state_id="test") as made:
        yield made


@pytest.fixture
def bench(store: SqliteStore) -> Bench:
    return Bench(store, leads=False)


def test_an_invitation_ties_the_chat_to_its_item_and_contact(bench: Bench) -> None:
    row = bench.emit("chat.started", invitation="hash-ewa")
    assert (row.outcome, row.items, row.moved_to) == ("moved", ["d-ewa"], "talking")
    assert bench.chats("ewa") == ["telegram:555"]
    assert bench.emit("chat.message", text="what is the price").moved_to == "answered"
    assert bench.events("d-ewa") == ["chat.started", "chat.message"]


def test_an_invitation_opens_one_chat_only(bench: Bench) -> None:
    bench.emit("chat.started", invitation="hash-ewa")
    assert bench.emit("chat.started", "telegram:777", invitation="hash-ewa").outcome == "unmatched"
    assert bench.chats("ewa") == ["telegram:555"]
    assert bench.emit("chat.started", invitation="hash-ewa").items == ["d-ewa"]


@pytest.mark.parametrize("token", ["hash-link", "nonsense", "", 7, None, ["hash-ewa"]])
def test_what_is_no_invitation_opens_nothing(bench: Bench, token: Any) -> None:
    assert bench.emit("chat.started", invitation=token).outcome == "unmatched"
    assert bench.chats("ewa") == []


def test_a_chat_is_one_contacts_only_the_one_invited_last(bench: Bench) -> None:
    bench.emit("chat.message", item="d-jan", text="hi")
    assert bench.chats("jan") == ["telegram:555"]
    bench.emit("chat.started", invitation="hash-ewa")
    assert (bench.chats("ewa"), bench.chats("jan")) == (["telegram:555"], [])
    assert bench.emit("chat.message", text="hi").items == ["d-ewa"]


def test_an_invitation_to_a_customer_who_is_gone_makes_one(bench: Bench) -> None:
    bench.emit("chat.started", invitation="hash-nobody", name="Ola Lis")
    (contact,) = bench.item("d-nobody").contacts
    assert bench.chats(contact) == ["telegram:555"]
    with bench.store.read() as state:
        found = state.contact(contact)
    assert found is not None
    assert (found.first_name, found.last_name) == ("Ola", "Lis")


def test_the_chat_that_was_opened_again_is_the_newest(bench: Bench) -> None:
    for chat in ("a:1", "b:2", "a:1"):
        bench.emit("chat.started", chat, item="d-ewa")
    assert bench.chats("ewa") == ["b:2", "a:1"]


def test_the_first_message_opens_the_chat_too(store: SqliteStore) -> None:
    bench = Bench(store, leads=True)
    row = bench.emit("chat.message", text="hello")
    assert row.outcome == "created"
    (made,) = row.items
    assert bench.item(made).title == "Chat: hello"
    again = bench.emit("chat.message", text="are you there")
    assert (again.outcome, again.items) == ("no_effect", [made])
    assert bench.events(made) == ["chat.message"]


def test_only_the_first_message_of_a_known_item_opens_it(bench: Bench) -> None:
    for _ in range(2):
        bench.emit("chat.message", item="d-jan", text="hi")
    assert bench.events("d-jan") == ["chat.started", "chat.message", "chat.message"]
    assert bench.item("d-jan").stage == "talking"


def test_a_chat_id_is_never_taken_for_a_phone(bench: Bench) -> None:
    with bench.store.transaction() as state:
        state.write(Changes(contacts=[Contact("ola", phones=[{"value": "555 555 555", "type": "x"}], order=3)]))
    assert bench.emit("chat.message", "telegram:555555555", text="hi").outcome == "unmatched"


def test_what_staff_writes_to_the_bot_is_no_customers(store: SqliteStore) -> None:
    bench = Bench(store, leads=True)
    for kind in ("chat.started", "chat.message"):
        row = bench.emit(kind, "telegram:999", text="hello", invitation="hash-ewa")
        assert (row.outcome, row.items) == ("no_effect", [])
    assert bench.chats("ewa") == []


def test_a_deleted_item_is_opened_by_nobody(bench: Bench) -> None:
    item = bench.item("d-ewa")
    item.deleted = True
    with bench.store.transaction() as state:
        state.write(Changes(items=[item]))
    assert bench.emit("chat.started", invitation="hash-ewa").outcome == "unmatched"
