"""The channel `apprise`, by the two of its services that need nobody's account: `json://` and `form://`."""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from stageauto.channels.apprise import AppriseChannel, _library
from stageauto.channels.base import ChannelError, ChannelType, Delivered, Rejected, Retry, Uncertain
from stageauto.engine.state import Delivery
from stageauto.testing import ChannelConformance, Rig
from tests.channels.support import Secret, Web, channel, context, delivery, free_port, listening, nothing


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.close()


def apprise(url: str, *, on_unknown: str = "hold", **lent: Any) -> AppriseChannel:
    return AppriseChannel(channel("apprise", "team", on_unknown=on_unknown, url=Secret(url)), context(Path(), **lent))


def notice(text: str = "Roof waits", key: str = "k1", **message: Any) -> Delivery:
    return delivery("notify", {"text": text, "from": "", "title": "Roof", **message}, key, "anna")


class AppriseRig(Rig):
    def __init__(self, web: Web) -> None:
        self.web = web

    def channel(self) -> ChannelType:
        return apprise(f"json://127.0.0.1:{self.web.port}/hook")

    def delivery(self, key: str) -> Delivery:
        return notice(key, key)

    def arrived(self) -> list[str]:
        return [json.loads(one.body)["message"] for one in self.web.got]

    def broken(self) -> Delivery:
        return notice(" ", "k-0")


class TestConformance(ChannelConformance):
    @pytest.fixture
    def rig(self, web: Web) -> Rig:
        return AppriseRig(web)


def test_a_notification_arrives_with_its_title(web: Web) -> None:
    outcome = apprise(f"json://127.0.0.1:{web.port}/hook").send(notice("Zażółć <b>", **{"from": "Pipeline"}), nothing)
    assert outcome == Delivered({"service": "json"})
    said = json.loads(web.got[0].body)
    assert (said["title"], said["message"], said["type"]) == ("Roof: Pipeline", "Zażółć <b>", "info")


def test_a_form_is_filled_in_too(web: Web) -> None:
    assert isinstance(apprise(f"form://127.0.0.1:{web.port}/hook").send(notice(), nothing), Delivered)
    assert b"message=Roof+waits" in web.got[0].body


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_service_that_says_no_is_asked_again(web: Web, status: int) -> None:
    web.answers.append((status, {}, b"no"))
    outcome = apprise(f"json://127.0.0.1:{web.port}/s3cret-path").send(notice(), nothing)
    assert isinstance(outcome, Retry)
    assert str(status) in outcome.reason
    assert not outcome.sent_maybe
    assert outcome.after == (60_000 if status == 429 else None)  # Apprise does not tell for how long
    assert "s3cret-path" not in outcome.reason


def test_a_service_that_is_away_got_nothing() -> None:
    outcome = apprise(f"json://127.0.0.1:{free_port()}/s3cret-path").send(notice(), nothing)
    assert isinstance(outcome, Retry)
    assert not outcome.sent_maybe
    assert "s3cret-path" not in outcome.reason


def test_an_answer_that_gets_lost_is_perhaps() -> None:
    def swallow(connection: socket.socket) -> None:
        connection.recv(100_000)

    with listening(swallow) as port:
        outcome = apprise(f"json://127.0.0.1:{port}/s3cret-path").send(notice(), nothing)
    assert isinstance(outcome, Uncertain)
    assert "s3cret-path" not in outcome.reason


def test_a_service_that_hangs_is_left_when_the_time_is_over() -> None:
    stop = threading.Event()

    def wait(_: socket.socket) -> None:
        stop.wait(30)

    with listening(wait) as port:
        outcome = apprise(f"json://127.0.0.1:{port}/hook", timeout=1.0).send(notice(), nothing)
        stop.set()
    assert isinstance(outcome, Uncertain)
    assert "no answer within 1 s" in outcome.reason


def test_what_goes_wrong_beside_it_is_no_matter_of_its_own(web: Web) -> None:
    refused = apprise(f"json://127.0.0.1:{web.port}/hook")
    web.answers += [(400, {}, b"no")] * 8
    away = apprise(f"json://127.0.0.1:{free_port()}/hook")
    with ThreadPoolExecutor(8) as pool:
        both = [pool.submit(one.send, notice(), nothing) for one in (refused, away) * 8]
    reasons = [one.result() for one in both]
    assert all("400" in outcome.reason for outcome in reasons[::2] if isinstance(outcome, Retry))
    assert not [outcome for outcome in reasons[1::2] if isinstance(outcome, Retry) and "400" in outcome.reason]
    assert {type(outcome) for outcome in reasons} == {Retry}


class Root(logging.Handler):
    """What the root logger hears."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


def test_addresses_reach_no_log(web: Web) -> None:
    web.answers.append((400, {}, b"no"))
    root = Root()
    logging.getLogger().addHandler(root)
    try:
        outcome = apprise(f"json://127.0.0.1:{web.port}/s3cret-path").send(notice(), nothing)
    finally:
        logging.getLogger().removeHandler(root)
    assert isinstance(outcome, Retry)
    assert not [line for line in root.heard if "s3cret-path" in line]


@pytest.mark.parametrize("url", ["nonsense", "json://", "nosuch://x/y"])
def test_an_address_that_leads_nowhere_is_told_at_once(url: str) -> None:
    with pytest.raises(ChannelError, match="`url` is none that Apprise knows") as caught:
        apprise(url)
    assert "see https" in caught.value.hint


def test_without_apprise_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    _library.cache_clear()
    with pytest.raises(ChannelError) as caught:
        apprise("json://127.0.0.1/")
    assert "stageauto[notify]" in caught.value.hint


def test_nothing_to_say_is_not_sent(web: Web) -> None:
    outcome = apprise(f"json://127.0.0.1:{web.port}/").send(notice("\n"), nothing)
    assert isinstance(outcome, Rejected)
    assert outcome.undeliverable
