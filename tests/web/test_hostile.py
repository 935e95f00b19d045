"""Five hundred hostile requests: they change nothing, learn nothing, and the daemon keeps deciding meanwhile."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from stageauto.engine.links import make_token
from stageauto.runner.change import set_fields
from stageauto.web import connections, server
from tests.web.conftest import ENV, Served, serving

SCRIPT = '"><script>alert(1)</script>'
JUNK = (SCRIPT, "' OR 1=1 --", "{{ 7*7 }}", "${jndi:ldap://x}", "\x00", "\u202e", "=cmd()", "../../etc/x", "A" * 5000,
        "%0d%0aSet-Cookie: a=b", "\ud7ff", "javascript:alert(1)")  # fmt: skip
INSIDE = re.compile(rb"Traceback|File \"|stageauto/|aiohttp|\.py|sqlite|whsec|/tmp/|Error:", re.IGNORECASE)
SECRETS = [line.partition("=")[2].encode() for line in ENV.split() if "=" in line]


def plain(method: str, path: str, headers: str = "", body: bytes = b"") -> bytes:
    """A request as it goes over the wire, right or wrong."""
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode("utf-8", "surrogateescape") + body


def with_length(method: str, path: str, body: bytes, headers: str = "") -> bytes:
    return plain(method, path, f"{headers}Content-Length: {len(body)}\r\n", body)


def malformed() -> Iterator[bytes]:
    """What is no HTTP, or two things at once."""
    yield b"\r\n" * 50
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200  # TLS
    yield b"GET\r\n\r\n"
    yield b"GET / HTTP/9.9\r\n\r\n"
    yield b"GET / HTTP/1.1\nHost: x\n\n"
    yield plain("GET", "/" + "a" * 20_000)
    yield plain("GET", "/healthz", "X: " + "a" * 20_000 + "\r\n")
    yield plain("GET", "/healthz", "".join(f"X-{n}: 1\r\n" for n in range(300)))
    yield plain("POST", "/hooks/erp", "Content-Length: 5\r\nContent-Length: 6\r\n", b"abcdef")
    yield plain(
        "POST", "/hooks/erp", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n"
    )
    yield plain("POST", "/hooks/erp", "Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n")
    yield plain("POST", "/hooks/erp", "Transfer-Encoding: chunked\r\n", b"zz\r\nabc\r\n0\r\n\r\n")
    yield plain("POST", "/hooks/erp", "Content-Length: -1\r\n", b"x")
    yield plain("POST", "/hooks/erp", "Content-Length: 1e3\r\n", b"x")
    yield plain("POST", "/hooks/erp", "Content-Length: 99999999999999999999\r\n", b"x")
    yield plain("GET", "/healthz", "X: a\x00b\r\n")
    yield plain("GET", "/healthz", " folded: x\r\n\tmore\r\n")
    yield plain("GET", "/healthz", "Bad Name: x\r\n")
    yield plain("GET", "http://169.254.169.254/latest/meta-data")
    yield plain("CONNECT", "169.254.169.254:80")
    yield plain("TRACE", "/healthz")
    yield plain("PROPFIND", "/")
    yield plain("GET", "/healthz", "Upgrade: websocket\r\nConnection: Upgrade\r\n")
    yield plain("PRI", "*")


def paths() -> Iterator[bytes]:
    """Ways out of our paths, and tokens that were guessed."""
    outs = (
        "..",
        "%2e%2e",
        "..%2f..",
        "%252e%252e",
        "..%5c",
        "%00",
        "%ff%fe",
        ";",
        "%0d%0aX:1",
        "\u00e9",
        "*",
        "~root",
        ".git",
    )
    for base in ("/", "/assets/", "/forms/", "/hooks/", "/l/", "/o/", "/u/", "/chat/", "/twilio/", "/edna/"):
        for out in outs:
            yield plain("GET", f"{base}{out}/etc/passwd".replace("\u00e9", "%C3%A9"))
    for number in range(60):
        token = make_token("guess", str(number))
        yield plain("GET", f"/l/{token}")
        yield plain("GET", f"/u/{token}")
        yield with_length("POST", f"/u/{token}", b"List-Unsubscribe=One-Click")


def bodies() -> Iterator[bytes]:
    """Bodies of all sorts at every door."""
    doors = (
        "/hooks/erp",
        "/hooks/shop",
        "/events",
        "/twilio/twilio/message",
        "/telegram/tg",
        "/edna/wa",
        "/v",
        "/chat/say",
    )
    kinds = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/xml")
    for door in doors:
        for kind in kinds:
            head = f"Content-Type: {kind}\r\n"
            yield with_length("POST", door, b"\xff\xfe\x00" * 100, head)
            yield with_length("POST", door, b"[" * 60_000, head)
        yield plain("POST", door, f"Content-Length: {1 << 40}\r\n", b"x" * 1000)
        yield with_length("POST", door, b"x" * 2_000_000)
        yield with_length("POST", door, b"\x1f\x8b" + b"\x00" * 100, "Content-Encoding: gzip\r\n")
    for junk in JUNK:
        yield with_length(
            "POST",
            "/hooks/erp",
            b"{}",
            f"webhook-id: {junk[:100]}\r\nwebhook-timestamp: 1\r\nwebhook-signature: v1,x\r\n",
        )
        yield with_length("POST", "/events", b'{"type": "invoice.paid"}', f"Authorization: Bearer {junk[:200]}\r\n")
        yield with_length("POST", "/twilio/twilio/status", b"CallSid=1", f"X-Twilio-Signature: {junk[:200]}\r\n")
        yield with_length("POST", "/telegram/tg", b"{}", f"X-Telegram-Bot-Api-Secret-Token: {junk[:200]}\r\n")
        yield plain("GET", "/metrics", f"X-Forwarded-For: {junk[:100]}\r\nAuthorization: {junk[:100]}\r\n")
        yield plain(
            "GET",
            f"/forms/website?next={SCRIPT[:10].encode().hex()}",
            f"Cookie: {junk[:100]}\r\nReferer: {junk[:100]}\r\n",
        )
        body = f'{{"name": "", "email": "x", "subject": "{junk.encode().hex()}"}}'.encode()
        yield with_length("POST", "/forms/website", body, "Content-Type: application/json\r\n")


CORPUS = [*malformed(), *paths(), *bodies()]


def asked(port: int, sent: bytes) -> bytes:
    """What comes back, or nothing where the connection is cut."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
        wire.settimeout(30)
        try:
            wire.sendall(sent)
            wire.shutdown(socket.SHUT_WR)
            parts = []
            while part := wire.recv(65_536):
                parts.append(part)
        except OSError:
            return b""
        return b"".join(parts)


@pytest.fixture
def tough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A listener whose allowance a corpus does not use up, so that every request gets as far as it can."""
    monkeypatch.setattr(server, "REQUESTS", (10**9, 60_000))
    with serving(tmp_path) as made:
        yield made


def test_five_hundred_hostile_requests_change_and_learn_nothing(tough: Served) -> None:
    assert len(CORPUS) >= 500
    item = tough.add()
    before = (tough.items(), tough.journal(), tough.timeline(item.id))
    over = threading.Event()
    decided: list[int] = []

    def decide() -> None:
        """Somebody works beside it: the daemon and its state keep their pace."""
        while not over.is_set():
            with tough.session() as session:
                session._as_user = "olga"
                set_fields(session, item.id, {"note": str(len(decided))})
            decided.append(1)

    beside = threading.Thread(target=decide)
    beside.start()
    try:
        for number, sent in enumerate(CORPUS):
            got = asked(tough.port, sent)
            status = got[9:12]
            assert not got or status in (
                b"200",
                b"400",
                b"401",
                b"403",
                b"404",
                b"405",
                b"408",
                b"413",
                b"415",
                b"422",
                b"429",
                b"501",
                b"431",
            ), (number, sent[:200], got[:300])
            assert not INSIDE.search(got), (number, sent[:200], got)
            assert not any(secret in got for secret in SECRETS), number
            assert b"<script>alert" not in got, number
            assert b"Set-Cookie" not in got, number
            if status == b"200":
                assert re.match(rb"GET /(healthz|o/|forms/website|chat)|HEAD", sent), (number, sent[:200], got[:300])
    finally:
        over.set()
        beside.join(60)
    assert len(decided) > 3
    noted = [one for one in tough.timeline(item.id) if one.kind != "changed"]
    assert (tough.journal(), noted) == (before[1], before[2])
    assert [one.stage for one in tough.items()] == [one.stage for one in before[0]]
    assert tough.ask("GET", "/readyz").status == 200
    assert not [one for one in tough.told if one[0] in ("http_broke", "http_failed")]


def test_who_sends_slowly_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line, half of the headers, half a body, and nothing at all."""
    monkeypatch.setattr(connections, "DEADLINE", 0.4)
    with serving(tmp_path) as served:
        halves = [
            b"",
            b"GET /heal",
            b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ",
            plain("POST", "/events", "Content-Length: 10\r\n", b"12"),
        ]
        wires = [socket.create_connection(("127.0.0.1", served.port), timeout=60) for _ in halves for _ in range(5)]
        for place, wire in enumerate(wires):
            wire.sendall(halves[place % len(halves)])
        drip = threading.Thread(target=_drip, args=(served.port,))
        drip.start()
        for place, wire in enumerate(wires):
            with wire:
                try:
                    got = wire.recv(1000)
                except ConnectionError:
                    got = b""
                assert not got or got.startswith(b"HTTP/1.1 408"), (place, got)
        drip.join(60)
        assert not drip.is_alive()
        assert served.ask("GET", "/healthz").status == 200


def _drip(port: int) -> None:
    """Sends a header letter by letter until the connection is cut."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as wire, suppress(ConnectionError):
        wire.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        while True:
            wire.sendall(b"a")
            time.sleep(0.02)


def test_who_holds_connections_open_keeps_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a header, half a body, or nothing after an answer: the longest waiting makes room for the next."""
    monkeypatch.setattr(connections, "MOST_OF_ADDRESS", 10)
    halves = [b"GET /heal", plain("POST", "/events", "Content-Length: 10\r\n", b"12"), plain("GET", "/healthz")]
    with serving(tmp_path) as served, ExitStack() as open_ones:
        for place in range(60):
            wire = open_ones.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=60))
            wire.sendall(halves[place % 3])
        served.until(lambda: 10 >= _count(served, "stageauto_http_connections ") > 1)
        assert _count(served, 'stageauto_http_refused_total{what="waiting"}') >= 50
        assert served.ask("GET", "/forms/website").status == 200


def test_one_address_has_so_many_requests_under_way_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is being answered is not cut, and so there is a bound."""
    monkeypatch.setattr(connections, "MOST_OF_ADDRESS", 3)
    with serving(tmp_path) as served:
        with ExitStack() as open_ones:

            def refused() -> bool:
                """Asks for the lines of another chat, which are not there yet."""
                wire = open_ones.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=0.2))
                wire.sendall(plain("GET", "/chat/lines", f"X-Chat-Token: {make_token('chat', str(id(wire)))}\r\n"))
                try:
                    return wire.recv(10) == b""
                except TimeoutError:
                    return False
                except ConnectionError:
                    return True

            served.until(refused)
            assert not _answers(served)
        served.until(lambda: _answers(served))


def _count(served: Served, name: str) -> float:
    lines = served.ask("GET", "/metrics").text.splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def _answers(served: Served) -> bool:
    try:
        return served.ask("GET", "/healthz").status == 200
    except (ConnectionError, OSError):
        return False


@pytest.mark.usefixtures("still")
def test_who_asks_too_often_has_to_wait(served: Served) -> None:
    statuses = [served.ask("GET", "/u/" + make_token("x", str(n))).status for n in range(200)]
    assert set(statuses) == {404, 429}
    assert statuses[-1] == 429


@pytest.mark.usefixtures("still")
def test_a_stranger_at_the_same_address_does_not_keep_out_who_proves_himself(served: Served) -> None:
    """As behind a proxy that nobody has named: everybody has one address."""
    for _ in range(200):
        served.ask("GET", "/wp-login.php")
    assert served.ask("GET", "/forms/website").status == 429
    good = {"X-Shop-Token": "shop-secret-7f3a"}
    assert served.ask("POST", "/hooks/shop", {"a": 1}, good).status == 200
    assert served.ask("POST", "/hooks/shop", {"a": 1}, {"X-Shop-Token": "no"}).status == 401


def test_who_asks_before_the_body_is_sent_is_told_to_go_on(served: Served) -> None:
    """RFC 9110, 10.1.1: as curl does before more than a kilobyte."""
    head = "X-Shop-Token: shop-secret-7f3a\r\nContent-Length: 8\r\nExpect: 100-continue\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as wire:
        wire.sendall(plain("POST", "/hooks/shop", head, b""))
        assert wire.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(b'{"a": 1}')
        assert wire.recv(1000).startswith(b"HTTP/1.1 200")
    for head, status in (
        ("Content-Length: 99999999\r\nExpect: 100-continue\r\n", b"413"),
        ("Content-Length: 8\r\nExpect: a-miracle\r\n", b"417"),
    ):
        with socket.create_connection(("127.0.0.1", served.port), timeout=60) as wire:
            wire.sendall(plain("POST", "/hooks/shop", head, b""))
            assert wire.recv(1000).split()[1] == status


def test_a_proxy_is_believed_only_where_it_is_named(tmp_path: Path) -> None:
    with serving(tmp_path, web="  forwarded: [127.0.0.1]") as served:
        wrong = {"Authorization": "Bearer x", "X-Forwarded-For": "6.6.6.6, 203.0.113.9"}
        assert served.ask("POST", "/events", {"type": "app.x"}, wrong).status == 401
        served.until(served.audited)
        with served.read() as state:
            assert [one.author for one in state.audit() if one.action == "refused: events"] == ["http:203.0.113.9"]
    with serving(tmp_path / "second") as served:
        assert served.ask("POST", "/events", {"type": "app.x"}, wrong).status == 401
        served.until(lambda: [one for one in served.audited() if one[0] == "refused: events"])
        with served.read() as state:
            assert [one.author for one in state.audit() if one.action == "refused: events"] == ["http:127.0.0.1"]


def test_a_proxy_may_keep_its_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sends a request once only: a connection that is cut at that moment would lose it."""
    monkeypatch.setattr(connections, "DEADLINE", 0.2)
    proxy = serving(tmp_path, web="  forwarded: [127.0.0.1]")
    with proxy as served, socket.create_connection(("127.0.0.1", served.port), timeout=60) as wire:
        for _ in range(2):
            wire.sendall(plain("GET", "/healthz", "X-Forwarded-For: 203.0.113.9\r\n"))
            assert wire.recv(2000).startswith(b"HTTP/1.1 200")
            threading.Event().wait(0.6)
    with serving(tmp_path / "second") as served, socket.create_connection(("127.0.0.1", served.port), 60) as wire:
        wire.sendall(plain("GET", "/healthz"))
        assert wire.recv(2000).startswith(b"HTTP/1.1 200")
        with suppress(ConnectionError):
            assert wire.recv(2000) == b""


def test_a_body_that_comes_in_pieces_is_taken(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as wire:
        wire.sendall(plain("POST", "/hooks/shop", "X-Shop-Token: shop-secret-7f3a\r\nContent-Length: 8\r\n", b'{"a"'))
        time.sleep(0.05)
        wire.sendall(b": 1}")
        assert wire.recv(1000).startswith(b"HTTP/1.1 200")
    assert served.journal()[0].data == {"a": 1, "hook": "shop"}
