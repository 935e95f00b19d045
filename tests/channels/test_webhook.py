"""The channel `webhook` against real HTTP servers on loopback."""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from stageauto.channels.base import ChannelError, ChannelType, Delivered, Outcome, Rejected, Retry, Uncertain
from stageauto.channels.webhook import WebhookChannel
from stageauto.engine.state import Delivery
from stageauto.testing import ChannelConformance, Rig
from tests.channels.support import (
    NOW,
    Secret,
    Web,
    channel,
    context,
    delivery,
    drip,
    free_port,
    listening,
    make_certificate,
    nothing,
)

SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.close()


def hook(port: int, *, root: Path = Path(), on_unknown: str = "resend", **options: Any) -> WebhookChannel:
    lent = {name: options.pop(name) for name in ("timeout", "now", "hooks", "allow_private") if name in options}
    lent.setdefault("allow_private", (f"127.0.0.1:{port}",))
    return WebhookChannel(channel("webhook", "webhook", on_unknown=on_unknown, **options), context(root, **lent))


def send(port: int, message: dict[str, Any] | None = None, *, key: str = "k1", **options: Any) -> Outcome:
    whole = {"url": f"http://127.0.0.1:{port}/in", "method": "POST", "json": {"a": 1}, **(message or {})}
    return hook(port, **options).send(delivery("webhook", whole, key), nothing)


class WebRig(Rig):
    def __init__(self, web: Web) -> None:
        self.web = web

    def channel(self) -> ChannelType:
        return hook(self.web.port)

    def delivery(self, key: str) -> Delivery:
        return delivery("webhook", {"url": f"http://127.0.0.1:{self.web.port}/in", "json": {"a": key}}, key)

    def arrived(self) -> list[str]:
        return [one.headers["webhook-id"] for one in self.web.got]

    def broken(self) -> Delivery:
        return delivery("webhook", {"url": "http://169.254.169.254/latest/meta-data", "json": {}}, "k-0")


class TestConformance(ChannelConformance):
    @pytest.fixture
    def rig(self, web: Web) -> Rig:
        return WebRig(web)


def test_a_request_is_received_whole_and_its_answer_kept(web: Web) -> None:
    web.answers.append((201, {"content-type": "application/json", "x-request-id": "r-9"}, b'{"id": 77}'))
    message = {
        "url": f"http://127.0.0.1:{web.port}/in?a=%20b#part",
        "headers": {"X-Kind": "won"},
        "json": {"t": "Zażółć"},
    }
    outcome = send(web.port, message)
    assert isinstance(outcome, Delivered)
    assert outcome.answer["status"] == 201
    assert outcome.answer["body"] == {"id": 77}
    assert outcome.answer["headers"]["x-request-id"] == "r-9"
    (got,) = web.got
    assert (got.method, got.path) == ("POST", "/in?a=%20b")
    assert json.loads(got.body) == {"t": "Zażółć"}
    assert got.headers["content-type"] == "application/json"
    assert got.headers["x-kind"] == "won"
    assert got.headers["host"] == f"127.0.0.1:{web.port}"
    assert got.headers["webhook-id"] == got.headers["idempotency-key"] == "k1"


@pytest.mark.parametrize(
    ("message", "type", "body"),
    [
        (
            {"json": None, "form": {"a": "1 2", "b": ["x", "ż"]}},
            "application/x-www-form-urlencoded",
            b"a=1+2&b=x&b=%C5%BC",
        ),
        ({"json": None, "body": "plain ż"}, "text/plain; charset=utf-8", "plain ż".encode()),
        ({"json": None, "body": "<a/>", "headers": {"Content-Type": "text/xml"}}, "text/xml", b"<a/>"),
        ({"json": []}, "application/json", b"[]"),
        ({"json": "x"}, "application/json", b'"x"'),
    ],
)
def test_each_kind_of_body_has_its_type(web: Web, message: dict[str, Any], type: str, body: bytes) -> None:
    assert isinstance(send(web.port, message), Delivered)
    assert web.got[0].body == body
    assert web.got[0].headers["content-type"] == type


def test_a_request_without_a_body_passes_the_point_before_it_leaves(web: Web) -> None:
    seen: list[int] = []
    one = delivery("webhook", {"url": f"http://127.0.0.1:{web.port}/x", "method": "get"})
    assert isinstance(hook(web.port).send(one, lambda: seen.append(len(web.got))), Delivered)
    assert seen == [0]
    assert (web.got[0].method, web.got[0].body) == ("GET", b"")


@pytest.mark.parametrize("secret", [SIGNING, Secret(SIGNING), "plain words", Secret("plain words")])
def test_a_signature_holds_before_the_standard(web: Web, secret: Any) -> None:
    now = int(time.time() * 1000)
    outcome = send(
        web.port, {"json": {"t": "ż"}, "sign_with": "erp"}, hooks={"erp": {"secret": secret}}, now=lambda: now
    )
    assert isinstance(outcome, Delivered)
    (got,) = web.got
    shown = secret if isinstance(secret, str) else secret.reveal()
    oracle = Webhook(shown if shown.startswith("whsec_") else shown.encode())
    assert oracle.verify(got.body, got.headers) == {"t": "ż"}
    assert got.headers["webhook-timestamp"] == str(now // 1000)


@pytest.mark.parametrize("hooks", [{}, {"erp": {}}, {"erp": {"secret": ""}}, {"erp": {"secret": "whsec_"}}])
def test_what_cannot_be_signed_is_not_sent(web: Web, hooks: dict[str, Any]) -> None:
    outcome = send(web.port, {"sign_with": "erp"}, hooks=hooks)
    assert isinstance(outcome, Rejected)
    assert outcome.undeliverable
    assert web.got == []


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("wish", "after"),
    [
        ("7", 7_000),
        ("0", 1_000),
        ("99999999999999999999", 86_400_000),
        (format_datetime(datetime.fromtimestamp(NOW / 1000 + 90, UTC), usegmt=True), 90_000),
        (format_datetime(datetime.fromtimestamp(NOW / 1000 - 90, UTC), usegmt=True), 1_000),
        ("soon", None),
        ("-5", None),
        (None, None),
    ],
)
def test_slow_down_is_obeyed(web: Web, status: int, wish: str | None, after: int | None) -> None:
    web.answers.append((status, {"retry-after": wish} if wish else {}, b""))
    outcome = send(web.port)
    assert isinstance(outcome, Retry)
    assert outcome.after == after
    assert str(status) in outcome.reason


@pytest.mark.parametrize("status", [408, 425, 500, 502, 504])
def test_what_may_pass_is_tried_again(web: Web, status: int) -> None:
    web.answers.append((status, {}, b"oops"))
    outcome = send(web.port)
    assert isinstance(outcome, Retry)
    assert outcome.after is None


@pytest.mark.parametrize("status", [400, 401, 404, 409, 410, 422])
def test_what_will_not_pass_is_given_up_with_its_words(web: Web, status: int) -> None:
    web.answers.append((status, {}, b"no \x1b[31mitem\nof that name"))
    outcome = send(web.port)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "refused"
    assert "item of that name" in outcome.reason
    assert outcome.reason.isprintable()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["http://169.254.169.254/latest/meta-data", "/elsewhere"])
def test_a_redirection_is_not_followed(web: Web, status: int, to: str) -> None:
    web.answers.append((status, {"location": to}, b""))
    outcome = send(web.port)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "redirect"
    assert len(web.got) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/",
        "http://localhost:{port}/",
        "http://127.0.0.1:{port}/",
        "http://127.1:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f.0.0.1:{port}/",
        "http://①②⑦.0.0.1:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://[64:ff9b::7f00:1]:{port}/",
        "http://0:{port}/",
        "http://user:word@127.0.0.1:{port}/",
        "http://1.1.1.1@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}\\@1.1.1.1/",
        "http:///x",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "127.0.0.1:{port}",
        "http://a b/",
        "http://127.0.0.1:99999/",
        "http://1.1.1.1:0/",
        "http://exa\nmple.test/",
        "",
    ],
)
def test_a_url_into_the_house_is_not_asked(web: Web, url: str) -> None:
    outcome = send(web.port, {"url": url.replace("{port}", str(web.port))}, allow_private=())
    assert isinstance(outcome, Rejected)
    assert outcome.undeliverable
    assert web.got == []


def test_only_the_port_that_the_workspace_names_is_open(web: Web) -> None:
    assert isinstance(send(web.port, allow_private=("127.0.0.1:1",)), Rejected)
    assert isinstance(send(web.port, allow_private=("127.0.0.0/8",)), Delivered)


LOOKED_UP: list[str] = []


def _listen_to_the_resolver(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo":
        LOOKED_UP.append(str(arguments[0]))


sys.addaudithook(_listen_to_the_resolver)


def test_a_name_is_resolved_once_and_stands_in_the_host_header(web: Web) -> None:
    LOOKED_UP.clear()
    assert isinstance(send(web.port, {"url": f"http://localhost:{web.port}/in"}), Delivered)
    assert LOOKED_UP.count("localhost") == 1
    assert web.got[0].headers["host"] == f"localhost:{web.port}"


def test_a_proxy_of_the_environment_is_not_used(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    assert isinstance(send(web.port), Delivered)


def test_a_cookie_is_not_carried_to_the_next_request(web: Web) -> None:
    web.answers.append((200, {"set-cookie": "sid=1; Path=/"}, b""))
    one = hook(web.port)
    for key in ("k-1", "k-2"):
        one.send(delivery("webhook", {"url": f"http://127.0.0.1:{web.port}/"}, key), nothing)
    assert [got.headers.get("cookie") for got in web.got] == [None, None]


def test_headers_of_the_channel_go_to_its_origin_alone(web: Web) -> None:
    other = Web()
    said: dict[str, Any] = {
        "origin": f"http://127.0.0.1:{web.port}",
        "headers": {"Authorization": Secret("Bearer s3cret")},
    }
    one = hook(0, allow_private=("127.0.0.1",), **said)
    for port in (web.port, other.port):
        one.send(delivery("webhook", {"url": f"http://127.0.0.1:{port}/"}), nothing)
    other.close()
    assert web.got[0].headers["authorization"] == "Bearer s3cret"
    assert "authorization" not in other.got[0].headers
    assert "s3cret" not in repr(one) + repr(vars(one))


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.test"},
        {"Content-Length": "0"},
        {"Transfer-Encoding": "chunked"},
        {"webhook-id": "x"},
        {"X-A": "b\r\nX-B: c"},
        {"X-A": "b\nX-B: c"},
        {"X-A": "\x00"},
        {"X-A": "ż"},
        {"X A": "b"},
        {"X-A:": "b"},
        {"X-A": "1", "x-a": "2"},
    ],
)
def test_a_header_that_could_split_the_request_is_refused(web: Web, headers: dict[str, str]) -> None:
    outcome = send(web.port, {"headers": headers})
    assert isinstance(outcome, Rejected)
    assert outcome.code == "bad_header"
    assert web.got == []


@pytest.mark.parametrize(
    "message", [{"method": "GET /x HTTP/1.1\r\nA:"}, {"json": {"x": float("nan")}}, {"json": {1: object()}}]
)
def test_a_message_that_makes_no_request_is_refused(web: Web, message: dict[str, Any]) -> None:
    outcome = send(web.port, message)
    assert isinstance(outcome, Rejected)
    assert outcome.undeliverable
    assert web.got == []


def test_a_key_with_odd_letters_is_one_word_in_headers(web: Web) -> None:
    send(web.port, key="evt.1:2/ż\r\nX: y")
    assert web.got[0].headers["webhook-id"] == "evt%2E1%3A2%2F%C5%BC%0D%0AX%3A%20y"


def test_nobody_listening_is_tried_again_and_was_certainly_not_sent() -> None:
    passed = threading.Event()
    port = free_port()
    outcome = hook(port).send(delivery("webhook", {"url": f"http://127.0.0.1:{port}/", "json": 1}), passed.set)
    assert isinstance(outcome, Retry)
    assert not outcome.sent_maybe
    assert not passed.is_set()


def test_a_name_that_nobody_knows_is_tried_again() -> None:
    outcome = send(0, {"url": "http://no-such-host.invalid/"})
    assert isinstance(outcome, Retry)


def answering(*pieces: bytes, close: bool = True) -> Any:
    def talk(connection: socket.socket) -> None:
        got = b""
        while b"\r\n\r\n" not in got or not got.endswith(b"}"):
            got += connection.recv(65536)
        for piece in pieces:
            connection.sendall(piece)
        while not close and connection.recv(1):
            continue

    return talk


@pytest.mark.parametrize("half", [b"", b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\nContent-Le", b"nonsense\r\n\r\n"])
@pytest.mark.parametrize(("on_unknown", "expected"), [("resend", Retry), ("hold", Uncertain)])
def test_half_an_answer_is_perhaps_sent(half: bytes, on_unknown: str, expected: type) -> None:
    with listening(answering(half)) as port:
        outcome = send(port, on_unknown=on_unknown)
    assert isinstance(outcome, expected)
    assert not isinstance(outcome, Retry) or outcome.sent_maybe


def test_a_body_that_breaks_off_does_not_undo_the_status() -> None:
    with listening(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")) as port:
        outcome = send(port)
    assert isinstance(outcome, Delivered)
    assert outcome.answer["body"] == "half"
    assert outcome.answer["truncated"] is True


def test_a_silent_server_is_left_when_the_time_is_over() -> None:
    with listening(answering(close=False)) as port:
        outcome = send(port, timeout=2)
    assert isinstance(outcome, Retry)
    assert outcome.sent_maybe
    assert "no answer within 2 s" in outcome.reason


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"])
def test_a_server_that_drips_is_left_when_the_time_is_over(start: bytes) -> None:
    stop = threading.Event()

    def answer(connection: socket.socket) -> None:
        answering(start)(connection)
        drip(connection, b"x", stop)

    with listening(answer) as port:
        outcome = send(port, timeout=2)
    stop.set()
    if start.endswith(b"\r\n\r\n"):
        assert isinstance(outcome, Delivered)
        assert len(outcome.answer["body"]) < 100
    else:
        assert isinstance(outcome, Retry)
        assert "no answer within 2 s" in outcome.reason


def test_an_endless_answer_is_cut() -> None:
    def pour(connection: socket.socket) -> None:
        answering(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")(connection)
        while True:
            connection.sendall(b"x" * 65536)

    with listening(pour) as port:
        outcome = send(port)
    assert isinstance(outcome, Delivered)
    assert len(outcome.answer["body"]) == 64 * 1024
    assert outcome.answer["truncated"] is True


def test_endless_headers_are_cut() -> None:
    def pour(connection: socket.socket) -> None:
        answering(b"HTTP/1.1 200 OK\r\n")(connection)
        while True:
            connection.sendall(b"X-A: " + b"x" * 8000 + b"\r\n")

    with listening(pour) as port:
        assert isinstance(send(port), Retry)


def test_a_packed_answer_is_not_unpacked(web: Web) -> None:
    web.answers.append((200, {"content-encoding": "gzip"}, b"\x1f\x8b" + b"x" * 100))
    outcome = send(web.port)
    assert isinstance(outcome, Delivered)
    assert "body" not in outcome.answer


def test_a_certificate_is_asked_for_the_name_and_not_for_the_address(tmp_path: Path) -> None:
    made = make_certificate(tmp_path, "DNS:localhost")
    server = Web()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made.cert, made.key)
    assert isinstance(server.server, ThreadingHTTPServer)
    server.server.socket = tls.wrap_socket(server.server.socket, server_side=True)
    message = {"url": f"https://localhost:{server.port}/in"}
    trusted = send(server.port, message, root=tmp_path, ca_file="cert.pem")
    stranger = send(server.port, message)
    server.close()
    assert isinstance(trusted, Delivered)
    assert isinstance(stranger, Retry)
    assert not stranger.sent_maybe
    assert "certificate" in stranger.reason.lower()
    assert len(server.got) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"Authorization": "x"}},
        {"origin": "ftp://x", "headers": {}},
        {"origin": "https://x.test", "headers": {"Host": "y"}},
        {"ca_file": "missing.pem"},
        {"allow_private": ("intra",)},
    ],
)
def test_a_channel_that_can_never_send_is_told_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(ChannelError):
        hook(1, **options)
