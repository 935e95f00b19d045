"""What `doctor` says of the listener, and which addresses a workspace may name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stageauto.engine.model import Channel, Workspace
from stageauto.loader.workspace import wrong_base_url
from stageauto.runner.reachable import said
from tests.web.conftest import Served


def workspace(served: Served) -> Workspace:
    found = served.service.workspace
    assert found is not None
    return found


def test_doctor_says_that_the_listener_answers(served: Served) -> None:
    (first, *_) = said(workspace(served))
    assert first[0] == "ok"
    assert first[1].startswith(f"{served.url} answers for 6 forms, 3 hooks, live chat, Telegram, Twilio, edna, LOX24, ")


def test_doctor_says_what_would_be_refused(served: Served) -> None:
    channels = {
        "t": Channel("t", "telegram", "chat"),
        "e": Channel("e", "edna", "whatsapp"),
        "w": Channel("w", "twilio", "sms", {"key": "SK1", "token": "x"}),
    }
    mute = replace(workspace(served), base_url="http://127.0.0.1:1", channels=channels, hooks={"erp": {}})
    told = [(level, text) for level, text, _ in said(mute)]
    assert told[0] == ("warn", "http://127.0.0.1:1 does not answer for 6 forms, 1 hook, Telegram, Twilio, edna")
    assert [text for _, text in told[1:]] == [
        "the hook `erp` has no secret: every call is refused",
        "the channel `t` has no `secret`: what telegram tells us is refused",
        "the channel `e` has no `secret`: what edna tells us is refused",
        "the channel `w` logs in by `key`: Twilio signs its calls to us with the account's token",
    ]


def test_without_an_address_there_is_nothing_to_reach(served: Served) -> None:
    (only,) = said(replace(workspace(served), base_url=""))
    assert "nobody outside reaches" in only[1]
    assert not list(said(replace(workspace(served), base_url="", forms={}, hooks={}, channels={})))


@pytest.mark.parametrize(
    "url",
    ["https://crm.acme.test", "https://crm.acme.test:8443/x/", "http://localhost:8765", "http://127.0.0.1", "http://[::1]:80",
     "http://10.0.5.7:8080", "http://[fd00::1]"],
)  # fmt: skip
def test_a_good_address_is_taken(url: str) -> None:
    assert wrong_base_url(url, ["10.0.5.0/24:8080", "fd00::/8"]) == ""


@pytest.mark.parametrize(
    "url",
    ["", "crm.acme.test", "ftp://x", "https://", "https://a b", "https://x?y", "https://x#", "https://u:p@x", "https://x:99999",
     "http://crm.acme.test", "http://10.0.6.7", "http://169.254.169.254", "https://[::1", "https://x\n",
     "javascript:alert(1)"],
)  # fmt: skip
def test_a_bad_address_is_none(url: str) -> None:
    assert wrong_base_url(url, ["10.0.5.0/24:8080"])
