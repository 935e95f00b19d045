"""What tests need of the network: ports on loopback, and a mail server that starts however busy the machine is."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

PATIENCE = 120.0
"""Seconds after which something that should start or stop is given up."""
_PORTS = range(20_000, 32_000)  # below those that outgoing connections are given, so that none takes it meanwhile
_given: set[int] = set()


def free_port() -> int:
    """A port of loopback that nobody listens on; another one each time."""
    for port in random.SystemRandom().sample(sorted(set(_PORTS) - _given), 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            _given.add(port)
            return port
    raise AssertionError("all ports are taken")


class MailServer(Controller):
    """An SMTP server on loopback; closes its connections when it stops, which aiosmtpd leaves to garbage collection."""

    def __init__(self, mailbox: Any, *, port: int | None = None, **options: Any) -> None:
        self.sessions: list[SMTP] = []
        super().__init__(mailbox, hostname="127.0.0.1", port=port or free_port(), ready_timeout=PATIENCE, **options)

    def factory(self) -> SMTP:
        made: SMTP = super().factory()
        self.sessions.append(made)
        return made

    def stop(self, no_assert: bool = False) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result(PATIENCE)
        super().stop(no_assert)

    async def _hang_up(self) -> None:
        for one in self.sessions:
            if isinstance(one.transport, asyncio.WriteTransport):
                one.transport.abort()
        for _ in range(5):
            await asyncio.sleep(0)
