"""The base of the local stand-ins for providers: a real HTTP server that checks what the provider checks.

A stand-in says what it does with a good request (`serve`) and how the provider words an error (`refuse`). A test puts
the names of mishaps into `mishaps`; each is used up by one request: "400", "401", "429" (with Retry-After: 7), "500",
any other status, "silent" (took it, never answers), "half" (took it, breaks off inside the body of the answer), "cut"
(took it, breaks off inside the status line), "gateway" (502 in HTML, by a server in between that does not know).
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PATIENCE = 30  # seconds that a silent stand-in holds a connection, unless it is closed before


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return _single(urlsplit(self.target).query)

    @property
    def form(self) -> dict[str, str]:
        return _single(self.body.decode("utf-8"))

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def basic(self) -> tuple[str, str]:
        """The user and password of Basic authentication; empty where there is none."""
        scheme, _, code = self.headers.get("authorization", "").partition(" ")
        if scheme != "Basic":
            return "", ""
        user, _, password = base64.b64decode(code).decode().partition(":")
        return user, password


@dataclass(frozen=True)
class Reply:
    """What a stand-in answers; a dict or a list goes out as JSON."""

    status: int
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    @property
    def type(self) -> str:
        return "text/plain" if isinstance(self.body, bytes) else "application/json"


class StandIn(ABC):
    """A provider on loopback. `got` is every request; what a provider took is the subclass's to keep."""

    def __init__(self) -> None:
        self.got: list[Request] = []
        self.mishaps: list[str] = []
        self.lock = threading.Lock()
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        turn = {"poll_interval": 0.02}
        threading.Thread(target=self._server.serve_forever, kwargs=turn, daemon=True).start()

    @abstractmethod
    def serve(self, request: Request) -> Reply:
        """Checks the request as the provider does, and takes it or refuses it."""

    @abstractmethod
    def refuse(self, status: int) -> Reply:
        """An error of this status in the provider's own words."""

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def talk(self, handler: BaseHTTPRequestHandler) -> None:
        """Answers one request, or mishandles it as told."""
        length = int(handler.headers.get("content-length") or 0)
        body = handler.rfile.read(length)
        handler.close_connection = True
        if len(body) < length:  # broken off: such a request was never made
            return
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Request(handler.command, handler.path, headers, body)
        with self.lock:
            self.got.append(request)
            mishap = self.mishaps.pop(0) if self.mishaps else ""
            reply = self._reply(request, mishap)
        if mishap == "silent":
            self._closing.wait(PATIENCE)
        elif mishap == "cut":
            handler.wfile.write(b"HTTP/1.1 20")
        else:
            _write(handler, reply, half=mishap == "half")

    def _reply(self, request: Request, mishap: str) -> Reply:
        if mishap == "gateway":
            return Reply(502, b"<html><h1>502 Bad Gateway</h1></html>", {"content-type": "text/html"})
        if mishap == "429":
            refused = self.refuse(429)
            return Reply(429, refused.body, {"retry-after": "7", **refused.headers})
        return self.refuse(int(mishap)) if mishap.isdigit() else self.serve(request)


def _write(handler: BaseHTTPRequestHandler, reply: Reply, *, half: bool) -> None:
    content = reply.content
    handler.send_response(reply.status)
    for name, value in {"content-type": reply.type, "content-length": str(len(content)), **reply.headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2] if half else content)


def _single(text: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True, errors="strict").items()}


def _handler_of(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            with contextlib.suppress(OSError):
                stand_in.talk(self)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    return Handler
