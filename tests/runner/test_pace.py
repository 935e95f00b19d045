"""How fast a channel goes: its rate, its concurrency, and the pause that a service asks for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from stageauto.runner import change
from stageauto.runner.session import Session
from tests.channels.support import Web
from tests.runner.support import TurnedClock, activate, deliveries, run_until_idle, serving, states, until, workspace

PIPELINE = """\
pipeline: work
stages:
  - id: new
    rules: [{id: text, do: send_sms, with: {text: "{{ item.title }}"}}]
  - id: call
    rules: [{id: ask, do: webhook, with: {url: "http://127.0.0.1:@PORT@/{{ item.title }}"}}]
"""
SMS = '{type: sms_http, url: "http://127.0.0.1:@PORT@/", form: {to: "{to}", text: "{text}"}@MORE@}'


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.close()


def started(root: Path, web: Web, count: int, more: str = "", stage: str = "new") -> Path:
    sms = SMS.replace("@MORE@", more)
    hook = "{type: webhook" + more + "}"
    settings = f'channels:\n  sms: {sms}\n  webhook: {hook}\nnetwork: {{allow_private: ["127.0.0.1"]}}\n'
    workspace(root, PIPELINE.replace("@PORT@", str(web.port)), settings.replace("@PORT@", str(web.port)))
    activate(root)
    with Session.open(root) as session:
        for number in range(count):
            contact = {"first_name": f"c{number}", "phone": f"+4850111222{number}"}
            change.add(session, "work", stage=stage, values={"title": f"t{number}"}, contact=contact)
    return root


@pytest.mark.parametrize("dated", [False, True])
def test_a_pause_that_the_service_asks_for_holds_all_of_its_messages(tmp_path: Path, web: Web, dated: bool) -> None:
    clock = TurnedClock()
    wish = format_datetime(datetime.fromtimestamp(clock.now() / 1000 + 300, UTC), usegmt=True) if dated else "300"
    web.answers.append((429, {"Retry-After": wish}, b"slow down"))
    root = started(tmp_path / "acme", web, 3, ", concurrency: 1")
    run_until_idle(root, clock)
    assert len(web.got) == 1
    assert states(root) == ["pending"] * 3
    assert {(one.attempts, one.slowed) for one in deliveries(root)} == {(0, 1), (0, 0)}
    with serving(root, clock):
        clock.turned += 302_000
        until(lambda: states(root) == ["done"] * 3)
    assert {one.attempts for one in deliveries(root)} == {1}


def test_a_pause_of_one_server_holds_no_webhooks_to_others(tmp_path: Path, web: Web) -> None:
    web.answers.append((503, {"Retry-After": "300"}, b"closed"))
    root = started(tmp_path / "acme", web, 3, ", concurrency: 1", stage="call")
    run_until_idle(root)
    assert sorted(states(root)) == ["done", "done", "pending"]


def test_never_more_at_once_than_the_channel_says(tmp_path: Path, web: Web) -> None:
    together, most, lock = 0, 0, threading.Lock()
    handle = web.server.RequestHandlerClass.do_POST  # type: ignore[attr-defined]

    def slow(handler: object) -> None:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        threading.Event().wait(0.05)
        handle(handler)
        with lock:
            together -= 1

    web.server.RequestHandlerClass.do_POST = slow  # type: ignore[attr-defined]
    root = started(tmp_path / "acme", web, 9, ", concurrency: 3")
    run_until_idle(root)
    assert states(root) == ["done"] * 9
    assert 1 < most <= 3


def test_no_faster_than_the_channel_says(tmp_path: Path, web: Web) -> None:
    root = started(tmp_path / "acme", web, 5, ", rate: 2/h")
    with serving(root):
        until(lambda: sorted(states(root)) == ["done"] * 2 + ["pending"] * 3)
        threading.Event().wait(0.3)
        assert len(web.got) == 2
