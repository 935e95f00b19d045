"""The channel `telegram` against a stand-in that checks what Telegram checks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stageauto.channels.base import ChannelError, ChannelType, Delivered, Outcome, Rejected, Retry, Uncertain
from stageauto.channels.telegram import TelegramChannel
from stageauto.engine.state import Delivery
from stageauto.testing import ProviderConformance, ProviderRig
from tests.channels.providers.telegram import BLOCKED, GONE, OPEN, TOKEN, Telegram
from tests.channels.support import Secret, channel, context, delivery, nothing

PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)


@pytest.fixture
def server() -> Iterator[Telegram]:
    made = Telegram()
    yield made
    made.close()


def telegram(
    url: str, root: Path = Path(), *, token: str = TOKEN, on_unknown: str = "hold", **lent: Any
) -> TelegramChannel:
    said = {"token": Secret(token), "bot": "acme_bot", "base_url": url}
    lent = {"allow_private": ("127.0.0.1",), **lent}
    return TelegramChannel(channel("telegram", "chat", on_unknown=on_unknown, **said), context(root, **lent))


def chat(text: str = "Hello Ewa", key: str = "k1", to: Any = f"telegram:{OPEN}", **message: Any) -> Delivery:
    return delivery("chat", {"to": str(to), "text": text, "attachments": [], **message}, key, str(to))


def send(server: Telegram, *said: Any, root: Path = Path(), **message: Any) -> Outcome:
    return telegram(server.url, root).send(chat(*said, **message), nothing)


class TelegramRig(ProviderRig):
    secret = TOKEN

    def __init__(self, server: Telegram) -> None:
        self.server = server

    def channel_with(
        self, *, timeout: float = 10.0, secret: str | None = None, on_unknown: str | None = None,
        url: str | None = None, allow_private: tuple[str, ...] = ("127.0.0.1",),
    ) -> ChannelType:  # fmt: skip
        token = TOKEN if secret is None else f"123456:{secret}-and-so-on-and-on"
        lent: dict[str, Any] = {"timeout": timeout, "allow_private": allow_private}
        return telegram(url or self.server.url, token=token, on_unknown=on_unknown or "hold", **lent)

    def misbehave(self, mishap: str) -> None:
        self.server.mishaps.append(mishap)

    def delivery(self, key: str) -> Delivery:
        return chat(f"text {key}", key)

    def arrived(self) -> list[str]:
        return [one["text"].removeprefix("text ") for one in self.server.sent]

    def broken(self) -> Delivery:
        return chat("text", "k-0", "new-chat\r\n")


class TestConformance(ProviderConformance):
    @pytest.fixture
    def rig(self, server: Telegram) -> ProviderRig:
        return TelegramRig(server)


def test_a_text_is_one_message(server: Telegram) -> None:
    assert send(server, "Zażółć <b>&amp; *x*") == Delivered({"status": 200, "id": "555/1"})
    assert server.sent == [{"text": "Zażółć <b>&amp; *x*", "files": {}}]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "templates" / "files"
    folder.mkdir(parents=True)
    (folder / "roof.png").write_bytes(PNG)
    (folder / "offer.pdf").write_bytes(b"%PDF-1.7 \x00\xff")
    (folder / 'o"d\u00e4.txt').write_bytes(b"x")
    return tmp_path


def file(name: str) -> dict[str, str]:
    return {"kind": "file", "name": name, "value": f"files/{name}"}


@pytest.mark.parametrize(
    ("name", "way"), [("roof.png", "photo"), ("offer.pdf", "document"), ('o"d\u00e4.txt', "document")]
)
def test_a_file_goes_with_its_text(server: Telegram, root: Path, name: str, way: str) -> None:
    assert isinstance(send(server, root=root, attachments=[file(name)]), Delivered)
    content = (root / "templates" / "files" / name).read_bytes()
    assert server.sent == [{"text": "Hello Ewa", "files": {way: content}, "as": way}]


def test_several_files_are_one_album(server: Telegram, root: Path) -> None:
    outcome = send(server, root=root, attachments=[file("roof.png"), file("offer.pdf")])
    assert isinstance(outcome, Delivered)
    (sent,) = server.sent
    assert (sent["as"], sent["text"], len(sent["files"])) == ("album", "Hello Ewa", 2)
    assert len(server.got) == 1


@pytest.mark.parametrize(
    ("text", "files", "code"),
    [
        ("x" * 4097, 0, "too_long"),
        ("\U0001f600" * 2049, 0, "too_long"),
        ("x" * 1025, 1, "too_long"),
        ("", 0, "no_text"),
        ("x", 11, "too_many_files"),
    ],
)
def test_what_telegram_does_not_take_is_not_sent(
    server: Telegram, root: Path, text: str, files: int, code: str
) -> None:
    outcome = send(server, text, root=root, attachments=[file("offer.pdf")] * files)
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.undeliverable) == (code, True)
    assert server.got == []


def test_the_longest_text_goes_out(server: Telegram) -> None:
    assert isinstance(send(server, "\U0001f600" * 2048), Delivered)


def test_a_file_that_is_not_there_is_undeliverable(server: Telegram, root: Path) -> None:
    outcome = send(server, root=root, attachments=[file("../../.env")])
    assert isinstance(outcome, Rejected)
    assert outcome.code == "no_attachment"


@pytest.mark.parametrize(("to", "code"), [(BLOCKED, "blocked"), (GONE, "no_chat"), ("chat-1", "bad_address")])
def test_who_cannot_be_written_to_is_undeliverable(server: Telegram, to: Any, code: str) -> None:
    outcome = send(server, to=to)
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.undeliverable) == (code, True)


def test_the_seconds_to_wait_are_telegrams_own(server: Telegram) -> None:
    server.mishaps.append("429")
    outcome = send(server)
    assert isinstance(outcome, Retry)
    assert (outcome.after, "retry after 7" in outcome.reason) == (7000, True)


def test_a_token_that_is_taken_back_is_mended_by_people(server: Telegram) -> None:
    outcome = telegram(server.url, token="999:" + "x" * 30).send(chat(), nothing)
    assert isinstance(outcome, Retry)
    assert "see `token`" in outcome.reason


@pytest.mark.parametrize("mishap", ["half", "gateway"])
def test_half_an_answer_holds_the_message(server: Telegram, mishap: str) -> None:
    server.mishaps.append(mishap)
    assert isinstance(send(server), Uncertain)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"token": "abc"}, "token"),
        ({"bot": "a b"}, "bot"),
        ({"secret": "a b"}, "secret"),
        ({"base_url": "x"}, "base_url"),
    ],
)
def test_a_bot_that_can_never_write_is_told_at_once(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ChannelError, match=word) as caught:
        TelegramChannel(channel("telegram", **{"token": TOKEN, **options}), context(Path()))
    assert TOKEN not in str(caught.value)
