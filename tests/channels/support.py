"""What the tests of channels share: deliveries, contexts, servers on loopback, certificates."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from stageauto import testing
from stageauto.channels.base import ChannelContext
from tests import network

free_port = network.free_port
NOW, nothing = testing.NOW, testing.nothing
channel, delivery = testing.make_channel, testing.make_delivery
MAIL = {"from": "Anna Nowak", "to": "ewa@home.test", "subject": "Order 77", "text": "Dear Ewa,\nit is on its way.\n"}


@dataclass
class Clock:
    """A time that only tests turn."""

    now: int = NOW

    def __call__(self) -> int:
        return self.now


@dataclass
class Secret:
    """As the loader's: shows itself to nobody who does not ask."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        return self._value


def context(root: Path, **changes: Any) -> ChannelContext:
    return testing.make_context(root, **{"now": Clock(), **changes})


@contextlib.contextmanager
def listening(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server on loopback that talks with each connection as told; gives its port."""
    server = socket.create_server(("127.0.0.1", 0))
    opened: list[socket.socket] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                opened.append(connection)
                threading.Thread(target=_talk, args=(talk, connection), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        for one in [server, *opened]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def _talk(talk: Callable[[socket.socket], None], connection: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError), connection:
        talk(connection)


def drip(connection: socket.socket, piece: bytes, stop: threading.Event) -> None:
    """Sends a little all the time, so that no time-out of a single read is ever reached; gives up after 10 s."""
    for _ in range(200):
        if stop.wait(0.05):
            break
        connection.sendall(piece)


@dataclass
class Request:
    """One request as the web server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = tuple[int, dict[str, str], bytes]


class Web:
    """A real HTTP server that keeps what it got and answers what it was told, 200 in the end."""

    def __init__(self) -> None:
        self.got: list[Request] = []
        self.answers: list[Answer] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("content-length", 0))
                body = self.rfile.read(length)
                if len(body) < length:  # broken off: such a request was never made
                    self.close_connection = True
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                web.got.append(Request(self.command, self.path, headers, body))
                status, more, content = web.answers.pop(0) if web.answers else (200, {}, b"ok")
                self.send_response(status)
                for name, value in {"content-length": str(len(content)), **more}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@dataclass(frozen=True)
class Certificate:
    """A throwaway certificate and its key."""

    cert: Path
    key: Path


def make_certificate(folder: Path, names: str = "DNS:localhost,IP:127.0.0.1") -> Certificate:
    if shutil.which("openssl") is None:
        lacking = pytest.fail if os.environ.get("CI") else pytest.skip
        lacking("openssl is not installed: nothing makes the throwaway certificate")
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3", "-subj", "/CN=localhost"]
    command += ["-addext", f"subjectAltName={names}", "-keyout", str(made.key), "-out", str(made.cert)]
    subprocess.run(command, check=True, capture_output=True)
    return made
