"""What every store must do, whatever it is made of: items, history, outbox; the rest is in conformance_more.py.

A store's own test module subclasses these and gives `store`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from stageauto.engine.ports import Changes
from stageauto.engine.state import (
    CANCELLED,
    DONE,
    PENDING,
    RUNNING,
    UNKNOWN,
    Contact,
    Delivery,
    Entry,
    Item,
    Journal,
    Run,
    item_of,
    run_of,
)
from stageauto.errors import StateError
from stageauto.store import Store

DAY = 86_400_000


def item(item_id: str = "deal-1", *, stage: str = "new", pipeline: str = "sales", **more: object) -> Item:
    """An item with what every item has."""
    return item_of(item_id, pipeline, stage, f"Title of {item_id}", 1000, 2000, **more)  # type: ignore[arg-type]


def run(of: Item, rule: str, seq: int, due: int | None = None, **more: object) -> Run:
    """A run in the item's current visit, put into it."""
    run_id = f"{of.id}.{of.visit}.{rule}"
    made = run_of(run_id, rule, of.pipeline, of.stage, of.visit, seq, 2000, due=due, **more)
    of.runs[made.id] = made
    return made


def delivery(delivery_id: str, *, channel: str = "mail", due: int = 0, **more: object) -> Delivery:
    """A delivery of deal-1."""
    return Delivery(
        id=delivery_id, item="deal-1", run="deal-1.1.mail", rule="mail", pipeline="sales", do="send_email",
        channel=channel, kind="mail", to="ewa@example.com", key=f"key-{delivery_id}", message={"text": "Dzień dobry"},
        due=due, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def put(store: Store, **changes: Sequence[object]) -> None:
    """Writes these in one transaction."""
    with store.transaction() as state:
        state.write(Changes(**changes))  # type: ignore[arg-type]


class Items:
    """Items and their runs."""

    def test_an_item_comes_back_as_it_was_written(self, store: Store) -> None:
        written = item(
            fields={"amount": 12.5, "note": "zażółć \u0000 \ud800", "list": [1, None]}, tags=["vip"],
            responsible="anna", contacts=["contact-2", "contact-1"], used=["b", "a"], deadlines={"task-1": 5},
            entry_event={"id": "e"},
        )  # fmt: skip
        run(written, "welcome", 1, due=3000, cascade=("a", "b"), until=("*",), result={"x": 1})
        run(written, "remind", 2, state=DONE, finished_at=2500)
        old = run_of("deal-1.0.kept.2", "kept", "leads", "old", 0, 3, 10, keep=True, state=RUNNING)
        written.runs[old.id] = old
        put(store, items=[written])
        with store.read() as state:
            assert state.item("deal-1") == written
            assert list(state.item("deal-1").runs) == list(written.runs)  # type: ignore[union-attr]

    def test_an_item_that_is_not_there_is_none(self, store: Store) -> None:
        with store.read() as state:
            assert state.item("deal-1") is None

    def test_many_items_are_read_in_one_go(self, store: Store) -> None:
        first, second = item(fields={"note": "zażółć \ud800"}), item("deal-2", tags=["vip"])
        run(first, "welcome", 1, due=3000)
        put(store, items=[first, second, item("deal-3")])
        with store.transaction() as state:
            found = {one.id: one for one in state.items_by_id(["deal-2", "deal-1", "deal-9"])}
            assert found == {"deal-1": first, "deal-2": second}
            found["deal-2"].stage = "won"
            state.write(Changes(items=[found["deal-2"]]))
            assert state.items_in("sales", ["won"]) == ["deal-2"]
            assert not state.items_by_id([])

    def test_each_reading_gives_a_fresh_item(self, store: Store) -> None:
        put(store, items=[item()])
        with store.transaction() as state:
            first = state.item("deal-1")
            assert first is not None
            first.fields["changed"] = True
            second = state.item("deal-1")
            assert second is not None
            assert second.fields == {}

    def test_what_was_written_is_read_in_the_same_transaction(self, store: Store) -> None:
        with store.transaction() as state:
            made = item()
            state.write(Changes(items=[made]))
            made.stage, made.contacts = "won", ["contact-1"]
            state.write(Changes(items=[made]))
            assert state.item("deal-1") == made
            assert list(state.items_in("sales", ["won"])) == ["deal-1"]
            assert list(state.items_of_contact("contact-1")) == ["deal-1"]

    def test_items_are_numbered_in_order_of_creation(self, store: Store) -> None:
        first, second = item("deal-9"), item("deal-1")
        put(store, items=[first, second])
        put(store, items=[item("deal-5")])
        assert 0 < first.order < second.order
        with store.read() as state:
            assert [one.id for one in state.items()] == ["deal-9", "deal-1", "deal-5"]
            assert list(state.items_in("sales")) == ["deal-9", "deal-1", "deal-5"]

    def test_an_object_with_the_same_id_replaces_the_item_and_keeps_its_place(self, store: Store) -> None:
        put(store, items=[item("deal-1", contacts=["a"]), item("deal-2")])
        put(store, items=[item("deal-1", stage="won", contacts=["b"])])
        with store.read() as state:
            assert [(one.id, one.stage) for one in state.items()] == [("deal-1", "won"), ("deal-2", "new")]
            assert list(state.items_of_contact("a")) == []
            assert list(state.items_of_contact("b")) == ["deal-1"]

    def test_deleted_items_are_found_by_id_only(self, store: Store) -> None:
        put(store, items=[item(deleted=True, contacts=["contact-1"], responsible="anna")])
        with store.read() as state:
            assert state.item("deal-1") is not None
            assert list(state.items_in("sales")) == []
            assert list(state.items_of_contact("contact-1")) == []
            assert state.items() == []
            assert [one.id for one in state.items(include_deleted=True)] == ["deal-1"]
            assert state.counts_by_stage() == {}

    def test_items_are_listed_by_what_is_asked(self, store: Store) -> None:
        put(store, items=[item("a"), item("b", stage="won"), item("c", pipeline="leads", responsible="jan")])
        with store.read() as state:
            assert [one.id for one in state.items("sales")] == ["a", "b"]
            assert [one.id for one in state.items("sales", "won")] == ["b"]
            assert [one.id for one in state.items(responsible="jan")] == ["c"]
            assert [one.id for one in state.items(entered_before=2000)] == []
            assert [one.id for one in state.items(entered_before=2001, limit=2)] == ["a", "b"]
            assert list(state.items_in("sales", [])) == []
            assert list(state.items_in("sales", ["won", "lost"])) == ["b"]
            assert state.counts_by_stage() == {("leads", "new"): 1, ("sales", "new"): 1, ("sales", "won"): 1}

    def test_what_is_due_comes_in_order_of_due_and_scheduling(self, store: Store) -> None:
        first, second, third, held = item("a"), item("b"), item("c"), item("d", on_hold=True)
        run(first, "r", 3, due=5000)
        run(second, "r", 2, due=5000)
        run(third, "r", 1, due=6000)
        run(held, "r", 4, due=1)
        put(store, items=[first, second, third, held])
        with store.read() as state:
            assert [tuple(one) for one in state.due_items(5000, 10)] == [(5000, 2, "b"), (5000, 3, "a")]
            assert [tuple(one) for one in state.due_items(9000, 1)] == [(5000, 2, "b")]
            assert list(state.due_items(4999, 10)) == []
            assert state.next_item_due() == 5000

    def test_an_item_with_nothing_left_to_do_is_not_due(self, store: Store) -> None:
        one = item()
        made = run(one, "r", 1, due=5000)
        put(store, items=[one])
        with store.transaction() as state:
            read = state.item("deal-1")
            assert read is not None
            read.runs[made.id].state = CANCELLED
            state.write(Changes(items=[read]))
        with store.read() as state:
            assert state.next_item_due() is None
            assert list(state.due_items(9000, 9)) == []

    def test_open_items_are_counted_by_responsible(self, store: Store) -> None:
        put(
            store,
            items=[
                item("a", responsible="anna"), item("b", responsible="anna", closed=True),
                item("c", responsible="anna", deleted=True), item("d", responsible="jan"), item("e"),
            ],
        )  # fmt: skip
        with store.transaction() as state:
            assert state.open_counts(["anna", "jan", "ola"]) == {"anna": 1, "jan": 1, "ola": 0}
            assert state.open_counts([]) == {}

    def test_a_part_of_an_id_names_the_item(self, store: Store) -> None:
        ids = ["deal-1", "deal-11", "deal-21", "lead-1", "Café_x"]
        put(store, items=[item(one) for one in ids])
        with store.read() as state:
            assert state.resolve_item("deal-1") == ["deal-1"]
            assert state.resolve_item("DEAL-1") == ["deal-1"]
            assert state.resolve_item("21") == ["deal-21"]
            assert state.resolve_item("1") == ["deal-1", "lead-1"]
            assert state.resolve_item("ead") == ["lead-1"]
            assert state.resolve_item("eal-") == ["deal-1", "deal-11", "deal-21"]
            assert state.resolve_item("caf") == ["Café_x"]
            assert state.resolve_item("é_x") == ["Café_x"]
            assert state.resolve_item("f_x") == []
            assert state.resolve_item("%") == []
            assert state.resolve_item("") == []

    def test_a_part_of_an_id_names_the_run(self, store: Store) -> None:
        first, second = item("deal-1"), item("my.deal", visit=3)
        for rule in ("mail", "call"):
            run(first, rule, 1)
            run(second, rule, 2)
        first.runs["deal-1.1.later.2"] = run_of("deal-1.1.later.2", "later", "sales", "new", 1, 3, 2000)
        put(store, items=[first, second])
        with store.read() as state:
            assert state.find_run("deal-1.1.mail") == [("deal-1", "deal-1.1.mail")]
            assert state.find_run("my.deal.3.call") == [("my.deal", "my.deal.3.call")]
            assert state.find_run("1.call") == [("deal-1", "deal-1.1.call")]
            assert state.find_run("call") == [("deal-1", "deal-1.1.call"), ("my.deal", "my.deal.3.call")]
            assert state.find_run("later.2") == [("deal-1", "deal-1.1.later.2")]
            assert state.find_run("nothing") == []
            assert state.find_run("") == []


class History:
    """Timeline, journal, audit log, and what is kept or undone together."""

    def test_lines_get_numbers_that_grow(self, store: Store) -> None:
        lines = [Entry(1, "created", "deal-1", "anna", {"a": 1}), Entry(1, "entered", "deal-1", "anna")]
        put(store, items=[item(), item("deal-2")], entries=lines)
        later = Entry(2, "comment", "deal-2", "rule:x")
        put(store, entries=[later])
        assert lines[0].seq < lines[1].seq < later.seq
        with store.read() as state:
            assert state.timeline() == [*lines, later]
            assert state.timeline("deal-1") == lines
            assert state.timeline(after_seq=lines[1].seq) == [later]
            assert state.timeline(limit=1) == lines[:1]
            assert state.timeline("deal-3") == []

    def test_lines_that_come_together_are_read_one_by_one(self, store: Store) -> None:
        lines = [
            Entry(5, "comment", "deal-1", "rule:a", {"text": "half \ud83d", "n": None}),
            Entry(5, "outcome", "deal-1", "rule:a", {"outcome": "done"}),
            Entry(5, "event", "deal-1", "hook", {"event": "e-1"}),
            Entry(5, "comment", "deal-1", "rule:b", {"text": "x"}),
            Entry(5, "comment", "deal-1", "rule:c", {"text": "y"}),
            Entry(5, "comment", "deal-2", "rule:c", {"text": "another item"}),
            Entry(6, "outcome", "deal-2", "rule:c", {"outcome": "another moment"}),
            Entry(6, "event", "deal-2", "hook", {"event": "the last one"}),
        ]
        put(store, items=[item(), item("deal-2")], entries=lines)
        numbers = [line.seq for line in lines]
        assert numbers == list(range(numbers[0], numbers[0] + len(lines)))
        with store.read() as state:
            assert state.timeline() == lines
            assert state.timeline("deal-1") == lines[:5]
            for first in range(len(lines)):
                assert state.timeline(after_seq=numbers[first]) == lines[first + 1 :]
                for limit in range(len(lines)):
                    assert state.timeline(after_seq=numbers[first], limit=limit) == lines[first + 1 :][:limit]

    def test_lines_that_come_together_are_counted_one_by_one(self, store: Store) -> None:
        lines = [
            Entry(5, kind, "deal-1", "a") for kind in ("event", "entered", "event", "comment", "comment", "outcome")
        ]
        put(store, items=[item(closed=True), item("deal-2")], entries=[*lines, Entry(9, "entered", "deal-2", "a")])
        with store.transaction() as state:
            assert state.beat(["event", "entered"], 0, ["sales"]) == [(0, 4)]
            assert state.beat(["comment"], 0, ["sales"]) == [(0, 2)]
            assert state.prune(8)["timeline"] == 6

    def test_a_line_of_the_workspace_names_no_item(self, store: Store) -> None:
        line = Entry(1, "loaded", "", "anna")
        put(store, entries=[line])
        with store.read() as state:
            assert state.timeline() == [line]

    def test_a_line_for_an_item_that_is_not_there_is_refused(self, store: Store) -> None:
        with pytest.raises(StateError, match="deal-7"):
            put(store, entries=[Entry(1, "entered", "deal-7", "anna")])

    def test_the_order_of_scheduling_is_above_all_before(self, store: Store) -> None:
        put(store, items=[item()])
        bases = []
        for _ in range(3):
            with store.transaction() as state:
                bases.append(state.order_base())
                state.write(Changes(entries=[Entry(1, "entered", "deal-1", "a")]))
        assert bases[0] > 0
        assert bases[0] + 1_000_000 < bases[1]
        assert bases[1] + 1_000_000 < bases[2]

    def test_many_events_are_asked_for_in_one_go(self, store: Store) -> None:
        put(store, journal=[Journal(key, "app.x", 1, "", "", None, None, {}) for key in ("a", "ä")])
        with store.read() as state:
            assert state.events_known(["b", "ä", "a", "c"]) == {"a", "ä"}

    def test_an_event_is_known_from_when_it_was_accepted(self, store: Store) -> None:
        event = Journal("e-1", "form.submitted", 5, "hook", "", None, "ewa@example.com", {"x": [1]})
        with store.transaction() as state:
            assert not state.event_known("e-1")
            state.write(Changes(journal=[event]))
            assert state.event_known("e-1")
            assert state.queued_events() == [event]
        event.outcome, event.items, event.moved_to = "moved", ["deal-1"], "won"
        put(store, journal=[event])
        with store.read() as state:
            assert state.event("e-1") == event
            assert state.journal() == [event]
            assert state.queued_events() == []
            assert state.event("e-2") is None

    def test_the_same_event_written_again_keeps_its_number(self, store: Store) -> None:
        first, other, again = (Journal(key, "app.x", 5, "cli", "", None, None, {}) for key in ("e-1", "e-2", "e-1"))
        again.outcome = "no_effect"
        put(store, journal=[first, other])
        put(store, journal=[again])
        assert again.seq == first.seq < other.seq
        with store.read() as state:
            assert [(one.id, one.outcome) for one in state.journal()] == [("e-1", "no_effect"), ("e-2", "queued")]
            assert [one.id for one in state.journal(after_seq=first.seq)] == ["e-2"]

    def test_of_events_that_come_together_those_that_were_known_keep_their_number(self, store: Store) -> None:
        def event(key: str, outcome: str = "queued") -> Journal:
            return Journal(key, "app.x", 5, "cli", "", None, None, {}, outcome)

        first = event("e-1")
        put(store, journal=[first])
        again, twice, new, known = event("e-3", "moved"), event("e-3"), event("e-2"), event("e-1", "no_effect")
        put(store, journal=[twice, known, new, again])
        assert known.seq == first.seq < twice.seq == again.seq
        with store.read() as state:
            outcomes = {one.id: (one.seq, one.outcome) for one in state.journal()}
        assert outcomes == {
            "e-1": (first.seq, "no_effect"), "e-2": (new.seq, "queued"), "e-3": (again.seq, "moved"),
        }  # fmt: skip
        newest = event("e-4")
        put(store, journal=[newest])
        assert newest.seq > max(seq for seq, _ in outcomes.values())

    def test_nothing_is_kept_of_a_transaction_that_raises(self, store: Store) -> None:
        put(store, items=[item()])
        with pytest.raises(RuntimeError), store.transaction() as state:  # noqa: PT012
            state.write(
                Changes(
                    items=[item("deal-2"), item("deal-1", stage="won")],
                    entries=[Entry(1, "entered", "deal-2", "a")],
                    journal=[Journal("e", "app.x", 1, "", "", None, None, {})],
                    contacts=[Contact("c", emails=[{"value": "a@b.example"}])],
                    deliveries=[delivery("d")],
                )
            )
            state.next_number("deal")
            raise RuntimeError
        with store.transaction() as state:
            assert [(one.id, one.stage) for one in state.items()] == [("deal-1", "new")]
            assert state.timeline() == []
            assert not state.event_known("e")
            assert list(state.find_contacts("a@b.example")) == []
            assert state.delivery("d") is None
            assert state.next_number("deal") == 1

    def test_the_audit_log_says_who_did_what(self, store: Store) -> None:
        with store.transaction() as state:
            state.audit_add(5, "anna", "load", "version 1", {"files": 2})
            state.audit_add(6, "jan", "refused", "deal-1")
        with store.read() as state:
            first, second = state.audit()
            assert (first.at, first.author, first.action, first.target, first.data) == (
                5, "anna", "load", "version 1", {"files": 2},
            )  # fmt: skip
            assert state.audit(after_seq=first.seq) == [second]


class Outbox:
    """Deliveries."""

    def test_a_delivery_comes_back_as_it_was_written(self, store: Store) -> None:
        written = delivery("d-1", addresses=("a", "b"), cascade=("x",), contact="c", held=True, due=7)
        put(store, deliveries=[written])
        with store.read() as state:
            assert state.delivery("d-1") == written
            assert state.delivery("d-2") is None

    def test_a_try_changes_its_state_and_leaves_the_message(self, store: Store) -> None:
        put(store, deliveries=[delivery("d-1")])
        with store.transaction() as state:
            one = state.delivery("d-1")
            assert one is not None
            one.state, one.attempts, one.sent_at, one.answer = DONE, 1, 9, {"id": "x"}
            state.write(Changes(deliveries=[one]))
            assert state.delivery("d-1") == one
            assert one.message == {"text": "Dzień dobry"}

    def test_whatever_changes_in_a_delivery_is_written(self, store: Store) -> None:
        put(store, deliveries=[delivery("d-1")])
        changed = replace(delivery("d-1", channel="sms"), run="r", item="i", message={"text": "other"}, key="k")
        put(store, deliveries=[changed])
        with store.transaction() as state:
            assert state.delivery("d-1") == changed
            assert list(state.deliveries_of_run("r")) == [changed]
            assert list(state.deliveries_of_run("deal-1.1.mail")) == []

    def test_what_is_due_comes_by_channel_the_longest_due_first(self, store: Store) -> None:
        late, early, sms, held, sent = (
            delivery("late", due=20), delivery("early", due=10), delivery("sms", channel="sms", due=5),
            delivery("held", due=1, held=True), delivery("sent", due=1, state=DONE),
        )  # fmt: skip
        put(store, deliveries=[late, early, sms, held, sent])
        with store.read() as state:
            assert state.due_deliveries("mail", 20, 9) == [early, late]
            assert state.due_deliveries("mail", 19, 9) == [early]
            assert state.due_deliveries("mail", 20, 1) == [early]
            assert state.due_deliveries(None, 20, 9) == [sms, early, late]
            assert state.due_by_channel() == {"mail": 10, "sms": 5}
            assert state.next_delivery_due() == 5
            assert state.outbox_counts() == {("mail", PENDING): 3, ("mail", DONE): 1, ("sms", PENDING): 1}

    def test_nothing_is_due_in_an_empty_outbox(self, store: Store) -> None:
        with store.read() as state:
            assert state.due_by_channel() == {}
            assert state.next_delivery_due() is None

    def test_deliveries_are_listed_by_state_and_item(self, store: Store) -> None:
        running, unknown, pending = (
            delivery("a", state=RUNNING), delivery("b", state=UNKNOWN), replace(delivery("c"), item="deal-2"),
        )  # fmt: skip
        put(store, deliveries=[running, unknown, pending])
        with store.read() as state:
            assert state.running_deliveries() == [running]
            assert state.deliveries(state=UNKNOWN) == [unknown]
            assert state.deliveries(state=PENDING) == [pending]
            assert state.deliveries(item="deal-2") == [pending]
            assert state.deliveries(limit=2) == [unknown, pending]
            assert state.deliveries() == [running, unknown, pending]
