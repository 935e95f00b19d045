"""The daemon in this process, over a real state: what it does after a downtime, a turned clock, a crash, a defect."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stageauto.actions.add_comment import AddComment
from stageauto.channels.base import ChannelType, Delivered, Outcome
from stageauto.channels.file import FileChannel
from stageauto.engine.action import Context
from stageauto.engine.effects import Effect
from stageauto.engine.ports import Changes
from stageauto.engine.state import RUNNING, Delivery, Journal
from stageauto.errors import StateError
from stageauto.loader.files import read_files
from stageauto.runner import change, service, telling
from stageauto.runner.intake import Raw
from stageauto.runner.service import Options, Service
from stageauto.runner.session import Session
from stageauto.runner.versions import load
from stageauto.store.syncer import Syncer, sync_file
from tests.runner.support import (
    TOO_LONG,
    Told,
    TurnedClock,
    activate,
    deliveries,
    outcomes,
    run_until_idle,
    serving,
    states,
    until,
    workspace,
)

HOUR = 3_600_000
ROOM = {"started": 1, "disk_full": 1 << 30}
"""How many pages the state may have from then on; less than there are means: no more than there are."""
OUT = "channels:\n  out: {type: file, on_unknown: hold}\n  again: {type: file, on_unknown: resend}\n"
PIPELINE = """\
pipeline: work
entity: deal
fields: {seen: {type: integer, default: 0}}
stages:
  - id: new
    rules:
      - {id: timer, do: webhook, when: {delay: 1h}, with: {url: "https://nobody.test/", channel: out}}
      - {id: inner, do: update_item, when: {delay: 1h}, with: {set: {seen: "{{ item.seen + 1 }}"}}}
      - {id: skips, do: add_comment, when: {delay: 1h, if_late: skip}, with: {text: late}}
      - {id: soon, do: add_comment, when: {delay: 1h, if_late: {within: 2h}}, with: {text: soon}}
  - id: now
    rules:
      - {id: held, do: webhook, with: {url: "https://nobody.test/", channel: out}}
      - {id: resent, do: webhook, with: {url: "https://nobody.test/", channel: again}}
      - {id: next, do: add_comment, after: held, with: {text: next}}
  - id: done
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = workspace(tmp_path / "acme", PIPELINE, OUT)
    activate(made)
    return made


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


def add(root: Path, count: int = 1, *, stage: str = "new", clock: TurnedClock | None = None) -> list[str]:
    with Session.open(root, clock=clock or TurnedClock()) as session:
        return [change.add(session, "work", stage=stage, values={"title": "x"}, contact={}) for _ in range(count)]


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


class TestTheLog:
    def test_what_another_process_wrote_is_told_though_nothing_else_happens(self, root: Path) -> None:
        with serving(root, follow=True) as daemon:
            add(root, stage="done")  # a stage without rules: nothing becomes due, nothing is sent
            told = daemon.told.wait_for("entry", 2)
        assert [one["entry"].kind for one in told] == ["created", "entered"]

    def test_all_of_it_is_told_also_where_it_is_much(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(telling, "FOLLOWED", 3)
        with serving(root, follow=True) as daemon:
            add(root, 5, stage="done")
            told = daemon.told.wait_for("entry", 10)
        seqs = [one["entry"].seq for one in told]
        assert seqs == sorted(set(seqs))


class TestAFullDisk:
    def test_the_daemon_waits_for_room_and_goes_on(self, tmp_path: Path) -> None:
        rule = "{id: note, do: add_comment, when: {delay: 1s}, with: {text: '{{ item.title }}'}}"
        stage = f"stages: [{{id: new, rules: [{rule}]}}]"
        root = workspace(tmp_path / "acme", f"pipeline: work\nentity: deal\n{stage}\n")
        activate(root)
        with Session.open(root) as session:
            item = change.add(session, "work", stage="new", values={"title": "long " * 40_000}, contact={})
            told = Told()

            def tell(kind: str, data: dict[str, Any]) -> None:
                told(kind, data)
                if kind in ROOM:
                    session.store.connection.execute(f"PRAGMA max_page_count = {ROOM[kind]}")
                if kind == "disk_has_room":
                    daemon.stop()

            daemon = Service(session, Options(for_ms=int(TOO_LONG * 1000)), tell)
            daemon.run()
        assert [kind for kind, _ in told.lines] == ["started", "disk_full", "disk_has_room", "stopped"]
        assert outcomes(root, item)["note"] == "done"
        assert daemon.counts.decided == 1


class TestADiskThatRefuses:
    def test_whoever_waits_is_told_and_the_daemon_ends(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        refuses = threading.Event()

        def sync(fd: int) -> None:
            if refuses.is_set():
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            sync_file(fd)

        monkeypatch.setattr(service, "Syncer", partial(Syncer, sync=sync))
        answers: list[Future[Journal]] = []
        with Session.open(root) as session:
            daemon: Service

            def tell(kind: str, _: dict[str, Any]) -> None:
                if kind == "started":
                    refuses.set()
                    answers.append(daemon.intake.offer(Raw("app.tick", {}, source="test")))

            daemon = Service(session, Options(for_ms=int(TOO_LONG * 1000)), tell)
            with pytest.raises(StateError, match="the disk did not take what was written"):
                daemon.run()
        with pytest.raises(StateError, match="the disk did not take what was written"):
            answers[0].result(TOO_LONG)


class TestDowntime:
    def test_more_than_fifty_overdue_outer_actions_wait_for_catch_up(self, root: Path, clock: TurnedClock) -> None:
        items = add(root, 51, clock=clock)
        clock.turned = 4 * HOUR
        told = run_until_idle(root, clock)
        assert told.of("held")[0]["count"] == 51
        assert states(root) == []
        assert outcomes(root, items[0])["inner"] == "done"  # inner ones always run
        told = run_until_idle(root, clock, catch_up=True)
        assert told.of("released")[0]["count"] == 51
        assert states(root) == ["done"] * 51

    def test_up_to_fifty_go_by_themselves(self, root: Path, clock: TurnedClock) -> None:
        add(root, 50, clock=clock)
        clock.turned = 4 * HOUR
        assert run_until_idle(root, clock).of("held") == []
        assert states(root) == ["done"] * 50

    def test_what_a_command_just_put_into_the_outbox_is_no_flood(self, root: Path) -> None:
        add(root, 60, stage="now")
        assert run_until_idle(root).of("held") == []
        assert states(root) == ["done"] * 120

    def test_a_stale_outbox_is_one(self, root: Path, clock: TurnedClock) -> None:
        add(root, 60, stage="now", clock=clock)
        clock.turned = 2 * HOUR
        assert run_until_idle(root, clock).of("held")[0]["count"] == 120
        assert set(states(root)) == {"pending"}
        run_until_idle(root, clock, catch_up=True)
        assert set(states(root)) == {"done"}

    @pytest.mark.parametrize(
        ("late", "skips", "soon"), [(0, "done", "done"), (1, "skipped", "done"), (3, "skipped", "skipped")]
    )
    def test_if_late_says_what_becomes_of_a_missed_moment(
        self, root: Path, clock: TurnedClock, late: int, skips: str, soon: str
    ) -> None:
        (item,) = add(root, clock=clock)
        if late:
            clock.turned = (1 + late) * HOUR
            run_until_idle(root, clock)
        else:
            with serving(root, clock) as running:
                clock.turned = HOUR
                running.service.wake()
                until(lambda: outcomes(root, item)["inner"] == "done")
        found = outcomes(root, item)
        assert (found["inner"], found["skips"], found["soon"]) == ("done", skips, soon)


class TestTurnedClock:
    def test_a_clock_that_goes_back_runs_nothing_twice(self, root: Path, clock: TurnedClock) -> None:
        (item,) = add(root, clock=clock)
        with serving(root, clock) as running:
            clock.turned = HOUR + 1000
            running.service.wake()
            running.told.wait_for("clock_jumped")
            until(lambda: outcomes(root, item)["inner"] == "done")
            clock.turned = 0
            running.service.wake()
            add(root, stage="now", clock=clock)
            until(lambda: states(root).count("done") == 2)
        with Session.open(root) as session, session.store.read() as state:
            found = state.item(item)
            assert found is not None
            assert found.fields["seen"] == 1

    def test_a_clock_that_goes_ahead_holds_what_goes_outside_for_a_look(self, root: Path, clock: TurnedClock) -> None:
        (item,) = add(root, clock=clock)
        with serving(root, clock) as running:
            clock.turned = 2 * HOUR
            running.service.wake()
            assert running.told.wait_for("clock_jumped")[0]["held"] == 1
            until(lambda: outcomes(root, item)["inner"] == "done")
            assert outcomes(root, item)["timer"] == "pending"
            with Session.open(root, clock=clock) as session:
                assert change.resume_all(session).released == 1
            until(lambda: states(root) == ["done"])


def die_while_sending(root: Path, *, marked: bool) -> None:
    """Leaves the deliveries as a daemon does that was killed while they were on their way."""
    with Session.open(root) as session, session.store.transaction() as state:
        found = state.deliveries()
        for one in found:
            one.state, one.marked, one.attempts = RUNNING, marked, 1
        state.write(Changes(deliveries=found))


@pytest.mark.usefixtures("unaskable")
class TestInterrupted:
    @pytest.fixture
    def unaskable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A provider that cannot say whether it has a message."""
        monkeypatch.setattr(FileChannel, "ask", ChannelType.ask)

    def test_past_the_point_one_is_held_as_unknown_and_the_other_sent_again(self, root: Path) -> None:
        (item,) = add(root, stage="now")
        die_while_sending(root, marked=True)
        run_until_idle(root)
        assert states(root) == ["unknown", "done"]
        assert outcomes(root, item) == {"held": "unknown", "resent": "done", "next": "waiting"}

    def test_before_the_point_both_are_sent_and_the_try_does_not_count(self, root: Path) -> None:
        add(root, stage="now")
        die_while_sending(root, marked=False)
        run_until_idle(root)
        assert [(one.state, one.attempts) for one in deliveries(root)] == [("done", 1), ("done", 1)]

    @pytest.mark.parametrize("sent", [True, False])
    def test_somebody_settles_what_is_unknown(self, root: Path, sent: bool) -> None:
        (item,) = add(root, stage="now")
        key = deliveries(root)[0].key
        die_while_sending(root, marked=True)
        run_until_idle(root)
        with Session.open(root) as session:
            change.resolve(session, "held", sent=sent)
        run_until_idle(root)
        assert outcomes(root, item) == {"held": "done", "resent": "done", "next": "done"}
        settled = deliveries(root)[0]
        assert (settled.state, settled.key) == ("done", key)
        assert settled.attempts == 1


class Gate(FileChannel):
    """A channel that waits until it is let go, and knows how many were there at once."""

    opened = threading.Event()
    inside: Sequence[str] = ()
    most = 0
    _lock = threading.Lock()

    def send(self, delivery: Delivery, point: Any) -> Outcome:
        with Gate._lock:
            Gate.inside = (*Gate.inside, delivery.id)
            Gate.most = max(Gate.most, len(Gate.inside))
        Gate.opened.wait(TOO_LONG)
        point()
        with Gate._lock:
            Gate.inside = tuple(one for one in Gate.inside if one != delivery.id)
        return Delivered({})


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Gate]]:
    """The channel `out` of these tests waits at a gate."""
    Gate.opened, Gate.inside, Gate.most = threading.Event(), (), 0
    made = FileChannel.send

    def send(self: FileChannel, delivery: Delivery, point: Any) -> Outcome:
        return Gate.send(self, delivery, point) if delivery.channel == "out" else made(self, delivery, point)  # type: ignore[arg-type]

    monkeypatch.setattr(FileChannel, "send", send)
    yield Gate
    Gate.opened.set()


class TestSending:
    def test_a_channel_that_hangs_does_not_hold_up_another(self, root: Path, gate: type[Gate]) -> None:
        add(root, 3, stage="now")
        with serving(root):
            until(lambda: (states(root).count("done"), states(root).count("running")) == (3, 3))
            gate.opened.set()
            until(lambda: states(root).count("done") == 6)

    def test_no_more_go_at_once_than_the_channel_says(self, root: Path, gate: type[Gate]) -> None:
        edit(root / "stageauto.yaml", "hold}", "hold, concurrency: 2}")
        activate(root)
        add(root, 5, stage="now")
        with serving(root):
            until(lambda: len(gate.inside) == 2)
            assert [one.state for one in deliveries(root) if one.channel == "out"].count("running") == 2
            gate.opened.set()
            until(lambda: states(root).count("done") == 10)
        assert gate.most == 2

    def test_what_only_waits_for_the_rate_is_sent_before_the_daemon_is_idle(self, root: Path) -> None:
        edit(root / "stageauto.yaml", "hold}", "hold, rate: 2/s}")
        activate(root)
        add(root, 5, stage="now")
        run_until_idle(root)
        sent = sorted(one.sent_at or 0 for one in deliveries(root) if one.channel == "out")
        assert len(sent) == 5
        assert sent[-1] - sent[0] > 1000  # two a second, so the fifth goes in the third second

    def test_a_stop_lets_finish_what_is_being_sent(self, root: Path, gate: type[Gate]) -> None:
        add(root, stage="now")
        with serving(root) as running:
            until(lambda: states(root) == ["running", "done"] and len(gate.inside) == 1)
            running.service.stop()
            gate.opened.set()
            running.thread.join(TOO_LONG)
        assert states(root) == ["done", "done"]

    def test_what_does_not_finish_in_time_is_pending_again(self, root: Path, gate: type[Gate]) -> None:
        add(root, stage="now")
        with serving(root, grace=100) as running:
            until(lambda: states(root) == ["running", "done"] and len(gate.inside) == 1)
            running.service.stop()
            running.thread.join(TOO_LONG)
            assert not running.thread.is_alive()
        assert states(root) == ["pending", "done"]
        gate.opened.set()  # too late: it never passes the point
        run_until_idle(root)
        assert [one.attempts for one in deliveries(root)] == [1, 1]

    def test_a_channel_that_cannot_be_made_waits_to_be_mended(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = FileChannel.__init__

        def broken(self: ChannelType, channel: Any, context: Any) -> None:
            if channel.name == "out":
                raise OSError("no such certificate")
            made(self, channel, context)  # type: ignore[arg-type]

        monkeypatch.setattr(FileChannel, "__init__", broken)
        add(root, stage="now")
        run_until_idle(root)
        assert states(root) == ["pending", "done"]
        assert "no such certificate" in deliveries(root)[0].error

    def test_a_channel_that_breaks_after_the_point_has_perhaps_sent(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def send(_self: ChannelType, _delivery: Delivery, point: Any) -> Outcome:
            point()
            raise RuntimeError("broke")

        monkeypatch.setattr(FileChannel, "send", send)
        add(root, stage="now")
        run_until_idle(root)
        assert states(root) == ["unknown", "pending"]


class TestVersions:
    def test_a_new_version_is_taken_up_without_a_restart(self, root: Path) -> None:
        with serving(root) as running:
            told = "- {id: done, rules: [{id: told, do: add_comment, with: {text: x}}]}"
            edit(root / "pipelines/work.yaml", "- id: done", told)
            with Session.open(root) as session:
                load(session, read_files(root))
            assert running.told.wait_for("version")[0]["version"] == 2
            (item,) = add(root, stage="done")
            assert outcomes(root, item) == {"told": "done"}

    def test_what_is_being_sent_meanwhile_is_recorded_all_the_same(self, root: Path, gate: type[Gate]) -> None:
        add(root, stage="now")
        with serving(root) as running:
            until(lambda: len(gate.inside) == 1)
            edit(root / "stageauto.yaml", "hold}", "hold, concurrency: 1}")
            with Session.open(root) as session:
                load(session, read_files(root))
            running.told.wait_for("version")
            gate.opened.set()
            until(lambda: states(root) == ["done", "done"])

    def test_a_message_for_a_channel_that_is_gone_is_not_put_into_a_file(self, root: Path) -> None:
        add(root, stage="now")
        edit(root / "stageauto.yaml", "  out:", "  other:")
        edit(root / "pipelines/work.yaml", "channel: out", "channel: other")
        activate(root)
        run_until_idle(root)
        assert states(root) == ["pending", "done"]
        assert "gone" in deliveries(root)[0].error


class TestDefects:
    def test_a_run_that_breaks_holds_its_item_and_no_other(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = TurnedClock()
        bad, good = add(root, 2, clock=clock)
        plan = AddComment.plan

        def broken(self: AddComment, context: Context) -> Sequence[Effect]:
            if context.item.id == bad:
                raise RuntimeError("a defect of a plugin")
            return plan(self, context)

        monkeypatch.setattr(AddComment, "plan", broken)
        with serving(root, clock) as running:
            clock.turned = HOUR - 100
            running.service.wake()
            assert running.told.wait_for("item_broke")[0]["item"] == bad
            until(lambda: outcomes(root, good)["soon"] == "done")
        with Session.open(root) as session, session.store.read() as state:
            items = {one.id: one for one in state.items()}
        assert items[bad].on_hold
        assert "a defect of a plugin" in items[bad].hold_reason
        assert not items[good].on_hold


RECIPIENTS = """\
pipeline: work
entity: deal
stages:
  - id: now
    rules:
      - {id: both, do: send_email, with: {to: [a@home.test, b@home.test], from: out, subject: x, body: x}}
      - {id: next, do: add_comment, after: both, with: {text: next}}
"""


def test_a_chain_waits_until_the_last_recipient_that_is_unknown_is_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileChannel, "ask", ChannelType.ask)
    channels = OUT.replace("hold}", 'hold, from: "sales@acme.test"}')
    root = workspace(tmp_path / "acme", RECIPIENTS, channels)
    activate(root)
    (item,) = add(root, stage="now")
    die_while_sending(root, marked=True)
    run_until_idle(root)
    assert states(root) == ["unknown", "unknown"]
    with Session.open(root) as session:
        change.resolve(session, ":1", sent=True)
        assert outcomes(root, item) == {"both": "unknown", "next": "waiting"}
        change.resolve(session, ":2", sent=True)
    assert outcomes(root, item)["both"] == "done"
    run_until_idle(root)
    assert outcomes(root, item)["next"] == "done"
