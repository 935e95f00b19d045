"""The other side: a real SMTP server and a real HTTP server that write down every message they were given whole.

They know nothing of stageauto. A line of the log is written before the answer goes back, so that what a server has is
known even where the sender never heard of it.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.network import MailServer

SLOW = 0.03
"""Seconds that an answer takes at the most."""


@dataclass(frozen=True)
class Got:
    """One message that a server was given whole."""

    server: str
    key: str
    item: str
    step: str
    visit: str


class Recorder:
    """The log of both servers, one JSON object a line, in the order of arrival; a fresh file for each round."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.trouble = 0.1
        self._lock = threading.Lock()
        self._file: Path | None = None

    def begin(self, file: Path) -> None:
        """From now on writes there."""
        with self._lock:
            self._file = file
            file.touch()

    def add(self, got: Got) -> None:
        with self._lock:
            if self._file is not None:
                with self._file.open("a", encoding="utf-8") as log:
                    log.write(json.dumps(asdict(got)) + "\n")

    def unlucky(self) -> bool:
        return self.chance.random() < self.trouble

    def pause(self) -> float:
        return self.chance.random() * SLOW


def read(file: Path) -> list[Got]:
    """What the servers were given, in the order of arrival."""
    return [Got(**json.loads(line)) for line in file.read_text("utf-8").splitlines()]


class _Mailbox:
    """Takes mail; now and then it is busy, before it has taken anything."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._recorder.unlucky():
            return "451 busy, come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        item, step, visit = str(mail["Subject"]).split()
        key = str(mail["Message-ID"]).strip("<>").partition("@")[0]
        self._recorder.add(Got("mail", key, item, step, visit))
        await asyncio.sleep(self._recorder.pause())
        return "250 taken"


def _handler(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = True  # broken off: such a request was never made
                return
            said: dict[str, Any] = json.loads(body)
            server = self.path.strip("/")
            key = self.headers["idempotency-key"]
            recorder.add(Got(server, key, said["item"], said["step"], str(said["visit"])))
            time.sleep(recorder.pause())
            self.send_response(500 if server == "flaky" and recorder.unlucky() else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the other side was killed
                self.close_connection = True

    return Handler


@dataclass(frozen=True)
class Servers:
    """Where they listen, and what they write to."""

    smtp: int
    http: int
    recorder: Recorder


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that is killed in the middle is what this is for."""


@contextmanager
def serving(seed: int) -> Iterator[Servers]:
    """Both servers, on free ports of this machine."""
    recorder = Recorder(seed)
    mail = MailServer(_Mailbox(recorder))
    mail.start()
    web = _Quiet(("127.0.0.1", 0), _handler(recorder))
    threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield Servers(mail.port, web.server_port, recorder)
    finally:
        mail.stop()
        web.shutdown()
        web.server_close()
