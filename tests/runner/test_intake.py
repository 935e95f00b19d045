"""Events that are handed in: what is one, once by its id, and what the daemon makes of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stageauto.engine import triggers
from stageauto.errors import StateError, UsageError
from stageauto.runner.change import add
from stageauto.runner.intake import MAX_DATA, Raw, accept
from stageauto.runner.service import Options, Service
from stageauto.runner.session import Session, load_files, save_rights
from tests.runner.support import TOO_LONG, until

START = 1_800_000_000_000
FILES = {
    "stageauto.yaml": "stageauto: 1\ntimezone: Europe/Warsaw\n",
    "pipelines/deals.yaml": """\
pipeline: deals
name: Deals
stages:
  - id: new
  - id: called
    triggers: [{id: to-called, event: call.finished}]
    rules: [{id: note, do: add_comment, with: {text: "called"}}]
  - id: won
    triggers: [{id: to-won, event: app.paid}]
""",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with one item, d1."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    loaded = load_files(tmp_path, FILES, START)
    assert loaded.workspace is not None
    with Session.open(tmp_path, create=True) as session:
        with session.store.transaction() as state:
            state.set_active(state.add_version(FILES, "test", START))
            save_rights(state, loaded.workspace)
        add(session, "deals", stage=None, values={"title": "Roof"}, contact={})
    return tmp_path


@contextmanager
def running(root: Path) -> Iterator[Service]:
    """The daemon on a thread of its own, until the block ends."""
    started = threading.Event()
    made: list[Service] = []

    def work() -> None:
        with Session.open(root) as session:
            made.append(Service(session, Options(), lambda kind, _: started.set() if kind == "started" else None))
            made[0].run()

    thread = threading.Thread(target=work)
    thread.start()
    assert started.wait(TOO_LONG)
    try:
        yield made[0]
    finally:
        made[0].stop()
        thread.join(TOO_LONG)
        assert not thread.is_alive()


def stage_of(root: Path) -> str:
    with Session.open(root) as session, session.store.read() as state:
        return state.items()[0].stage


def item_of(root: Path) -> str:
    with Session.open(root) as session, session.store.read() as state:
        return state.items()[0].id


def outcome_of(session: Session, event_id: str) -> str:
    with session.store.read() as state:
        row = state.event(event_id)
    assert row is not None
    return row.outcome


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (Raw("call.finishd"), "there is no event `call.finishd`"),
        (Raw("app."), "there is no event `app.`"),
        (Raw("app.paid", data=[1]), "a JSON object"),
        (Raw("app.paid", data={1: 2}), "a JSON object"),
        (Raw("app.paid", data={"a": float("nan")}), "not JSON"),
        (Raw("app.paid", data={"a": object()}), "not JSON"),
        (Raw("app.paid", data={"a": "x" * MAX_DATA}), "too big"),
        (Raw("app.paid", id="x" * 201), "201 characters"),
        (Raw("app.paid", id="\ud800"), "the id of an event is no text"),
        (Raw("app.paid", item="\udfff"), "the item of an event is no text"),
        (Raw("app.paid", contact="ewa\ud800"), "the contact of an event is no text"),
        (Raw("app.\ud800"), "the type of an event is no text"),
    ],
)
def test_what_is_no_event_is_refused_and_nothing_is_kept(root: Path, raw: Raw, said: str):
    with Session.open(root) as session:
        before = session.store.data_version()
        with pytest.raises(UsageError, match=said):
            accept(session, [Raw("app.paid", id="good"), raw])
        with session.store.read() as state:
            assert not state.event_known("good")
        assert session.store.data_version() == before


def test_data_is_measured_in_utf_8_and_not_as_it_is_escaped(root: Path):
    with Session.open(root) as session:
        assert accept(session, [Raw("app.paid", data={"a": "ł" * 30_000})])[0].outcome == "queued"


def test_half_a_letter_in_the_data_costs_that_letter_only(root: Path):
    data = {"text": "a\ud800b 😀 \\ud800", "\udfff": ["\udc00", {"deep": "ł\udfff"}], "n": 1}
    with Session.open(root) as session:
        row = accept(session, [Raw("app.paid", data=data)])[0]
    assert row.data == {"text": "a\ufffdb 😀 \\ud800", "\ufffd": ["\ufffd", {"deep": "ł\ufffd"}], "n": 1}


def test_an_id_is_taken_once_also_within_one_batch(root: Path):
    with Session.open(root) as session:
        first = accept(session, [Raw("app.paid", id="one"), Raw("app.paid", id="one"), Raw("app.paid")])
        again = accept(session, [Raw("app.paid", id="one")])
        with session.store.read() as state:
            queued = state.queued_events()
    assert [one.outcome for one in [*first, *again]] == ["queued", "duplicate", "queued", "duplicate"]
    assert len({one.id for one in queued}) == len(queued) == 2


def test_an_event_handed_to_the_daemon_is_settled_when_it_and_what_is_due_at_once_are_kept(root: Path):
    item = item_of(root)
    with running(root) as service:
        row = service.intake.offer(Raw("call.finished", id="c1", item=item)).result(TOO_LONG)
        again = service.intake.offer(Raw("call.finished", id="c1", item=item)).result(TOO_LONG)
        with Session.open(root) as session, session.store.read() as state:
            kinds = [entry.kind for entry in state.timeline(item)]
    assert (row.outcome, row.moved_to, again.outcome) == ("moved", "called", "duplicate")
    assert "comment" in kinds


def test_two_events_of_an_item_that_share_a_transaction_do_what_they_would_do_apart(root: Path):
    item = item_of(root)
    with Session.open(root) as session:
        accept(session, [Raw("call.finished", item=item), Raw("app.paid", item=item)])
        Service(session, Options(until_idle=True), lambda *_: None).run()
        with session.store.read() as state:
            assert state.items()[0].stage == "won"
            assert [entry.data.get("text") for entry in state.timeline(item) if entry.kind == "comment"] == ["called"]


def test_events_queued_by_another_process_are_handled_by_the_sleeping_daemon(root: Path):
    with running(root), Session.open(root) as other:
        item = item_of(root)
        accept(other, [Raw("app.paid", id="p1", item=item)])
        until(lambda: outcome_of(other, "p1") != "queued")
    assert stage_of(root) == "won"


def test_what_was_handed_in_and_not_decided_waits_in_the_state_when_the_daemon_ends(root: Path):
    item = item_of(root)
    with Session.open(root) as session:
        service = Service(session, Options(), lambda *_: None)
        service.intake.known = {"app.paid"}
        settled = service.intake.offer(Raw("app.paid", id="p1", item=item))
        service.stop()
        service.run()
        assert settled.result(0).outcome == "queued"
        with pytest.raises(StateError, match="ending"):
            service.intake.offer(Raw("app.paid"))
        Service(session, Options(until_idle=True), lambda *_: None).run()
    assert stage_of(root) == "won"


def test_an_event_that_breaks_is_set_aside_and_the_others_go_on(root: Path, monkeypatch: pytest.MonkeyPatch):
    item = item_of(root)
    whole = triggers.handle

    def handle(draft, event):
        if event.id == "bad":
            raise ZeroDivisionError
        return whole(draft, event)

    monkeypatch.setattr(triggers, "handle", handle)
    with running(root) as service:
        offered = [service.intake.offer(Raw("app.paid", id=name, item=item)) for name in ("bad", "good")]
        assert [one.result(TOO_LONG).outcome for one in offered] == ["broke", "moved"]
    assert stage_of(root) == "won"
