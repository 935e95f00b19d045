"""The way by which channels speak HTTP: what it takes, what it hides, what an answer is worth."""

from __future__ import annotations

import email
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stageauto.channels._http import Answer, Http, sort_by_status
from stageauto.channels._http_parts import BadRequestError, Part, clean_headers, form_body, json_body, multipart_body
from stageauto.channels.base import ChannelType, Outcome, Rejected, Retry
from tests.channels.support import NOW, Secret, Web, channel, context, listening


class Plain(ChannelType):
    type = "plain"
    kinds = ("*",)


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.close()


def http(**options: Any) -> Http:
    lent = context(Path(), allow_private=("127.0.0.1",), timeout=10.0)
    return Http(Plain(channel("plain", "plain", **options), lent))


def answered(got: Answer | Outcome) -> Answer:
    assert isinstance(got, Answer)
    return got


def test_an_answer_has_status_headers_and_document(web: Web) -> None:
    web.answers.append((418, {"Content-Type": "application/json", "X-Request-Id": "r"}, b'{"a": 1}'))
    got = answered(http().request("GET", f"http://127.0.0.1:{web.port}/x"))
    assert (got.status, got.headers["x-request-id"], got.document()) == (418, "r", {"a": 1})
    assert got.place == f"127.0.0.1:{web.port} answered 418"


def test_a_post_without_a_body_says_so(web: Web) -> None:
    answered(http().request("POST", f"http://127.0.0.1:{web.port}/x"))
    assert web.got[0].headers["content-length"] == "0"


def test_a_request_without_a_point_is_never_perhaps_sent() -> None:
    def hang_up(connection: socket.socket) -> None:
        connection.recv(65536)

    with listening(hang_up) as port:
        got = http().request("POST", f"http://127.0.0.1:{port}/token", body=form_body({"a": 1}))
    assert isinstance(got, Retry)
    assert not got.sent_maybe


def test_no_more_is_read_than_was_asked_for(web: Web) -> None:
    web.answers.append((200, {}, b"[" + b"1," * 100 + b"1]"))
    got = answered(http().request("GET", f"http://127.0.0.1:{web.port}/", most=20))
    assert (len(got.content), got.truncated, got.json()) == (20, True, None)


@pytest.mark.parametrize(
    ("options", "hidden", "shown"),
    [
        ({"token": Secret("s3cret-token")}, "s3cret-token", ""),
        ({"headers": {"authorization": Secret("Bearer s3cret-token")}}, "s3cret-token", ""),
        ({"json": {"login": [{"key": Secret("12345678:s3cret-token")}]}}, "s3cret-token", ""),
        ({"host": Secret("test")}, "", "test"),
    ],
)
def test_what_a_server_repeats_of_a_secret_is_hidden(
    web: Web, options: dict[str, object], hidden: str, shown: str
) -> None:
    web.answers.append((400, {"location": "/s3cret-token"}, b"no test for 12345678:s3cret-token"))
    got = answered(http(**options).request("GET", f"http://127.0.0.1:{web.port}/"))
    told = repr(got.record()) + repr(sort_by_status(got, NOW)) + repr(sort_by_status(got, NOW, got.text))
    if hidden:
        assert hidden not in told
    assert shown in told


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, None),
        (204, None),
        (301, Rejected),
        (400, Rejected),
        (408, Retry),
        (429, Retry),
        (500, Retry),
        (503, Retry),
    ],
)
def test_a_status_is_worth_what_the_standard_says(status: int, outcome: type | None) -> None:
    found = sort_by_status(Answer(status, "acme.test", {"retry-after": "9"}), NOW)
    assert found is None if outcome is None else isinstance(found, outcome)
    if status in {429, 503}:
        assert isinstance(found, Retry)
        assert found.after == 9_000


@pytest.mark.parametrize("body", [b"", b"null", b"[1]", b'"x"', b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_document_is_an_empty_one(body: bytes) -> None:
    assert Answer(200, "acme.test", content=body).document() == {}


def test_files_go_beside_fields() -> None:
    body = multipart_body(
        {"chat_id": 7, "a": "ż\r\n--x"}, [Part("doc", 'a"\r\nX: y.pdf', b"\x00\r\n--b", "application/pdf")]
    )
    whole = email.message_from_bytes(b"Content-Type: " + body.type.encode() + b"\r\n\r\n" + body.content)
    first, second, file = [part for part in whole.walk() if not part.is_multipart()]
    assert first.get_payload(decode=True) == b"7"
    assert second.get_payload(decode=True) == "ż\r\n--x".encode()
    assert file.get_payload(decode=True) == b"\x00\r\n--b"
    assert file.get_content_type() == "application/pdf"
    assert file.get("X") is None
    assert multipart_body({"a": 1}, []).content == multipart_body({"a": 1}, []).content


def test_json_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError):
        json_body({"a": float("inf")})


@pytest.mark.parametrize("name", ["Host", "Content-Length", "connection", "a b", "a:", "reserved"])
def test_headers_that_are_not_the_callers_to_set_are_refused(name: str) -> None:
    with pytest.raises(BadRequestError):
        clean_headers({name: "x"}, ["reserved"])
