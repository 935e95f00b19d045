"""Audiences from rules to the networks' stand-ins, by the real daemon: batches, collecting, who is left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stageauto.channels._audience_rules import FACEBOOK, email, hashed
from stageauto.engine.ports import Changes
from stageauto.runner import change
from stageauto.runner.probe import probe
from stageauto.runner.session import Session
from tests.channels.providers.facebook import AUDIENCE, TOKEN, Facebook
from tests.channels.providers.yandex import SEGMENT, Yandex
from tests.channels.providers.yandex import TOKEN as YANDEX_TOKEN
from tests.runner.support import (
    TurnedClock,
    activate,
    deliveries,
    item_of,
    outcomes,
    run_until_idle,
    serving,
    states,
    until,
    workspace,
)

HOUR = 3_600_000
PIPELINE = """\
pipeline: work
entity: deal
stages:
  - id: new
  - id: lead
    rules:
      - {id: enter, do: add_to_audience, on_leave: keep, with: {audience: spring}}
  - id: bought
    rules:
      - {id: leave, do: remove_from_audience, on_leave: keep, with: {audience: spring}}
  - {id: gone, kind: lost}
"""


def mail_hash(address: str) -> str:
    return hashed(email(address, FACEBOOK), FACEBOOK)


@pytest.fixture
def facebook() -> Iterator[Facebook]:
    stand_in = Facebook()
    yield stand_in
    stand_in.close()


@pytest.fixture
def yandex() -> Iterator[Yandex]:
    stand_in = Yandex()
    yield stand_in
    stand_in.close()


def made(root: Path, channel: str, where: str, *, port: int, more: str = "") -> Path:
    text = f"channels:\n  ads: {{{channel}}}\naudiences:\n  spring: {{channel: ads, {where}}}\n"
    network = f'network: {{allow_private: ["127.0.0.1:{port}"]}}\n'
    workspace(root, PIPELINE, text + network + more)
    activate(root)
    return root


def with_facebook(root: Path, stand_in: Facebook, more: str = "") -> Path:
    channel = f'type: facebook, token: "${{T:-{TOKEN}}}", base_url: "{stand_in.url}"'
    return made(root, channel, f'list: "{AUDIENCE}"', port=stand_in.port, more=more)


def with_yandex(root: Path, stand_in: Yandex) -> Path:
    channel = f'type: yandex, token: "${{T:-{YANDEX_TOKEN}}}", base_url: "{stand_in.url}"'
    return made(root, channel, f'list: "{SEGMENT}"', port=stand_in.port)


def add(root: Path, *names: str, stage: str = "lead", **contact: Any) -> list[str]:
    with Session.open(root) as session:
        return [
            change.add(
                session, "work", stage=stage, values={"title": name},
                contact={"first_name": name, "email": f"{name}@home.test", **contact},
            )
            for name in names
        ]  # fmt: skip


def test_many_customers_share_a_request(tmp_path: Path, facebook: Facebook) -> None:
    root = with_facebook(tmp_path / "acme", facebook)
    items = add(root, *[f"k{number}" for number in range(60)])
    run_until_idle(root)
    assert len(facebook.got) == 1
    assert facebook.members == {mail_hash(f"k{number}@home.test") for number in range(60)}
    assert {outcomes(root, item)["enter"] for item in items} == {"done"}


def test_of_one_request_each_customer_has_an_outcome(tmp_path: Path, facebook: Facebook) -> None:
    root = with_facebook(tmp_path / "acme", facebook)
    facebook.bad = {mail_hash("ben@home.test")}
    anna, ben, cleo = add(root, "anna", "ben", "cleo")
    run_until_idle(root)
    assert [outcomes(root, item)["enter"] for item in (anna, ben, cleo)] == ["done", "failed", "done"]


def test_who_opted_out_is_not_added_and_no_cap_counts(tmp_path: Path, facebook: Facebook) -> None:
    root = with_facebook(tmp_path / "acme", facebook, "limits: {messages_per_contact: 1/day}\n")
    (ewa,) = add(root, "ewa", opt_out=["audience"])
    (jan,) = add(root, "jan")
    (again,) = add(root, "jan")
    run_until_idle(root)
    assert outcomes(root, ewa) == {"enter": "suppressed"}
    assert outcomes(root, jan) == outcomes(root, again) == {"enter": "done"}
    assert facebook.members == {mail_hash("jan@home.test")}


def test_who_opts_out_later_can_still_be_taken_out(tmp_path: Path, facebook: Facebook) -> None:
    root = with_facebook(tmp_path / "acme", facebook)
    (ewa,) = add(root, "ewa")
    run_until_idle(root)
    assert facebook.members
    with Session.open(root) as session, session.store.transaction() as state:
        contact = state.contact(item_of(root, ewa).contacts[0])
        assert contact is not None
        contact.opt_out = ["*"]
        state.write(Changes(contacts=[contact]))
    with Session.open(root) as session:
        change.move(session, ewa, "bought")
    run_until_idle(root)
    assert outcomes(root, ewa) == {"leave": "done"}
    assert facebook.members == set()


def test_slow_down_holds_all_of_a_batch_up_and_is_not_counted(tmp_path: Path, facebook: Facebook) -> None:
    root = with_facebook(tmp_path / "acme", facebook)
    facebook.mishaps.append("429")
    add(root, "anna", "ben")
    clock = TurnedClock()
    run_until_idle(root, clock)
    assert states(root) == ["pending", "pending"]
    assert {(one.attempts, one.slowed) for one in deliveries(root)} == {(0, 1)}
    clock.turned += 10_000
    run_until_idle(root, clock)
    assert states(root) == ["done", "done"]


def test_an_answer_that_broke_off_is_asked_for_again(tmp_path: Path, facebook: Facebook) -> None:
    root = with_facebook(tmp_path / "acme", facebook)
    facebook.mishaps.append("half")
    add(root, "anna", "ben")
    clock = TurnedClock()
    run_until_idle(root, clock)
    assert states(root) == ["pending", "pending"]
    clock.turned += 300_000
    run_until_idle(root, clock)
    assert states(root) == ["done", "done"]
    assert len(facebook.members) == 2


def test_a_removal_is_not_undone_by_an_earlier_addition_that_is_tried_again(tmp_path: Path, facebook: Facebook) -> None:
    root = with_facebook(tmp_path / "acme", facebook)
    facebook.mishaps.append("500")
    clock = TurnedClock()
    item, other = add(root, "ewa", "jan")
    run_until_idle(root, clock)
    assert states(root) == ["pending", "pending"]
    with Session.open(root) as session:
        change.move(session, item, "bought")
    clock.turned += 1_000  # long before the additions are due again
    run_until_idle(root, clock)
    assert outcomes(root, item) == {"enter": "done", "leave": "done"}
    assert outcomes(root, other) == {"enter": "pending"}  # of nobody else's concern
    clock.turned += 600_000
    run_until_idle(root, clock)
    assert facebook.members == {mail_hash("jan@home.test")}


def test_an_addition_that_was_on_hold_does_not_undo_a_removal_that_came_meanwhile(
    tmp_path: Path, facebook: Facebook
) -> None:
    root = with_facebook(tmp_path / "acme", facebook)
    clock = TurnedClock()
    held, other = add(root, "ewa", "jan")
    with Session.open(root) as session:
        change.hold(session, held, "look first")
        change.hold(session, other, "look first")
    run_until_idle(root, clock)
    assert facebook.members == set()
    (gone,) = add(root, "ewa", stage="bought")
    run_until_idle(root, clock)
    assert outcomes(root, gone) == {"leave": "done"}
    clock.turned += 120_000
    with Session.open(root) as session:
        change.resume(session, held)
        change.resume(session, other)
    run_until_idle(root, clock)
    assert outcomes(root, held) == outcomes(root, other) == {"enter": "done"}
    assert facebook.members == {mail_hash("jan@home.test")}
    (overtaken,) = [one for one in deliveries(root) if "overtaken_by" in one.answer]
    assert (overtaken.item, overtaken.sent_at is not None) == (held, True)


def test_customers_are_collected_until_a_hundred_have_come(tmp_path: Path, yandex: Yandex) -> None:
    root = with_yandex(tmp_path / "acme", yandex)
    clock = TurnedClock()
    add(root, *[f"a{number}" for number in range(60)])
    run_until_idle(root, clock)
    waiting = deliveries(root)
    assert {(one.state, one.error, one.code) for one in waiting} == {
        ("pending", "collected on the way to `spring`: 60 of 100", "collected")
    }
    assert len({one.due for one in waiting}) == 1
    add(root, *[f"b{number}" for number in range(40)])  # long before those who wait are due
    run_until_idle(root, clock)
    assert set(states(root)) == {"done"}
    assert len(yandex.rows) == 100
    assert len(yandex.files) == 1


def test_of_what_is_collected_for_one_customer_the_later_counts(tmp_path: Path, yandex: Yandex) -> None:
    root = with_yandex(tmp_path / "acme", yandex)
    clock = TurnedClock()
    (old,) = add(root, "ewa", stage="bought")
    run_until_idle(root, clock)
    add(root, *[f"a{number}" for number in range(99)], "ewa")
    run_until_idle(root, clock)
    assert outcomes(root, old) == {"leave": "done"}  # overtaken while it waited
    assert set(states(root)) == {"done"}
    assert f",{mail_hash('ewa@home.test')}" in yandex.rows
    assert len(yandex.rows) == 100


def test_collecting_takes_as_long_as_it_takes(tmp_path: Path, yandex: Yandex) -> None:
    root = with_yandex(tmp_path / "acme", yandex)
    (ewa,) = add(root, "ewa")
    clock = TurnedClock()
    for _ in range(60):  # more than the times that a provider may put something off
        run_until_idle(root, clock)
        clock.turned += 2 * HOUR
    (one,) = deliveries(root)
    assert (one.state, one.attempts, one.slowed) == ("pending", 0, 0)
    with Session.open(root) as session, session.store.read() as state:
        assert [line.kind for line in state.timeline(item=ewa)].count("retry") == 1
    assert outcomes(root, ewa) == {"enter": "pending"}


def test_many_who_are_collected_over_a_downtime_need_nobody(tmp_path: Path, yandex: Yandex) -> None:
    root = with_yandex(tmp_path / "acme", yandex)
    add(root, *[f"a{number}" for number in range(70)])
    clock = TurnedClock()
    run_until_idle(root, clock)
    clock.turned += 12 * HOUR
    told = run_until_idle(root, clock)
    assert told.of("held") == []
    assert not any(one.held for one in deliveries(root))


def test_leaving_the_stage_ends_the_wait_of_a_rule_that_does_not_keep(tmp_path: Path, yandex: Yandex) -> None:
    channel = f'type: yandex, token: "${{T:-{YANDEX_TOKEN}}}", base_url: "{yandex.url}"'
    root = made(tmp_path / "acme", channel, f'list: "{SEGMENT}"', port=yandex.port)
    pipeline = PIPELINE.replace("do: add_to_audience, on_leave: keep,", "do: add_to_audience,")
    (root / "pipelines/work.yaml").write_text(pipeline, "utf-8")
    activate(root)
    (ewa,) = add(root, "ewa")
    run_until_idle(root)
    with Session.open(root) as session:
        change.move(session, ewa, "gone")
    clock = TurnedClock()
    clock.turned += 2 * HOUR
    run_until_idle(root, clock)
    assert states(root) == ["cancelled"]


def test_a_probe_takes_an_address_out_and_adds_nobody(tmp_path: Path, facebook: Facebook) -> None:
    root = with_facebook(tmp_path / "acme", facebook)
    with Session.open(root) as session, session.store.read() as state:
        found = session.workspace(state)
    assert probe(root, found, "ads", to="ewa@home.test", as_user=None).ok
    assert facebook.log == [("remove", (mail_hash("ewa@home.test"),))]


def test_more_than_a_batch_goes_in_two(tmp_path: Path, facebook: Facebook) -> None:
    root = with_facebook(tmp_path / "acme", facebook)
    add(root, *[f"k{number}" for number in range(230)])
    run_until_idle(root)
    assert set(states(root)) == {"done"}
    assert len(facebook.members) == 230
    assert len(facebook.got) == 2


def test_a_batch_that_was_on_its_way_when_the_daemon_died_goes_again(tmp_path: Path, facebook: Facebook) -> None:
    root = with_facebook(tmp_path / "acme", facebook)
    facebook.mishaps.append("silent")
    items = add(root, "anna", "ben")
    with serving(root, grace=0):
        until(lambda: len(facebook.got) == 1)
    assert {(one.state, one.marked) for one in deliveries(root)} == {("running", True)}
    run_until_idle(root)
    assert [outcomes(root, item) for item in items] == [{"enter": "done"}, {"enter": "done"}]
    assert len(facebook.members) == 2


def test_who_is_cancelled_while_the_batch_is_made_does_not_go(tmp_path: Path, facebook: Facebook) -> None:
    root = with_facebook(tmp_path / "acme", facebook)
    facebook.mishaps.append("503")
    _, ben = add(root, "anna", "ben")
    clock = TurnedClock()
    run_until_idle(root, clock)
    with Session.open(root) as session:
        change.delete(session, ben)
    clock.turned += 300_000
    run_until_idle(root, clock)
    assert sorted(states(root)) == ["cancelled", "done"]
    assert facebook.members == {mail_hash("anna@home.test")}
