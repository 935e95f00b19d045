"""Connections kept within bounds: so many of one address, so many of all, and none that only waits.

Slow clients cost nothing: a request's headers and its body have ten seconds each, then the connection is cut. Where
there are too many connections, the one that has waited longest for its client makes room for the new one: whoever holds
connections open without a word keeps nobody out.
"""

from __future__ import annotations

import asyncio
import resource
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from stageauto.web.answers import error_reply, headers_for
from stageauto.web.limits import network_of
from stageauto.web.routing import HttpError, Reply

if TYPE_CHECKING:
    from stageauto.web.site import Site

DEADLINE = 10.0
"""Seconds for the headers of a request, and again for its body."""
KEPT_FOR_PROXY = 150.0
"""The same between the requests of a proxy that `web.forwarded` names.

Longer than proxies keep a connection (Caddy: two minutes), so that none sends a request, which it may not send twice,
just as the connection is cut.
"""
SLOWEST = 20_000
"""Bytes a second at which an answer has to be read at the least."""
MOST_CONNECTIONS = 2_000
MOST_OF_ADDRESS = 100
PROXY = "proxy"
"""The name under which the connections of all proxies are counted."""


def response(reply: Reply) -> web.Response:
    """The answer with the headers that every answer has."""
    return web.Response(status=reply.status, body=reply.body, headers=headers_for(reply))


class Guard:
    """Counts connections: of all, and of each address; knows which of them wait for their client."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._by_address: dict[str, int] = {}
        self._waiting: dict[str, dict[Connection, None]] = {}
        """Of each address, the longest waiting first."""
        self._idle: dict[Connection, str] = {}
        """The same of all."""
        self._most = min(
            MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
        )  # the rest is the daemon's
        self.count = 0

    def enter(self, peer: str) -> str | None:
        """The name under which the connection is counted; None where there are too many that are busy."""
        name = PROXY if self._site.trusts(peer) else network_of(peer)
        most = self._most if name == PROXY else MOST_OF_ADDRESS
        if (self._by_address.get(name, 0) >= most and not self._make_room(self._waiting.get(name, {}))) or (
            self.count >= self._most and not self._make_room(self._idle)
        ):
            self.refused("connection")
            return None
        self.count += 1
        self._by_address[name] = self._by_address.get(name, 0) + 1
        self._site.metrics.connections.set(self.count)
        return name

    def _make_room(self, waiting: dict[Connection, Any]) -> bool:
        """Cuts the connection that has waited longest; False where all are busy."""
        longest = next(iter(waiting), None)
        if longest is None:
            return False
        self.refused("waiting")
        longest.cut()
        return True

    def leave(self, connection: Connection, name: str) -> None:
        """A connection is over."""
        self.busy(connection, name)
        self.count -= 1
        self._by_address[name] -= 1
        if not self._by_address[name]:
            del self._by_address[name]
        self._site.metrics.connections.set(self.count)

    def waits(self, connection: Connection, name: str) -> None:
        """The connection waits for its client from now on."""
        self.busy(connection, name)
        self._waiting.setdefault(name, {})[connection] = None
        self._idle[connection] = name

    def busy(self, connection: Connection, name: str) -> None:
        """The connection waits for its client no more."""
        if self._idle.pop(connection, None) is not None:
            here = self._waiting[name]
            del here[connection]
            if not here:
                del self._waiting[name]

    def refused(self, what: str) -> None:
        """Counts what was over a limit."""
        self._site.metrics.refused.labels(what).inc()

    def malformed(self, status: int) -> None:
        """Counts what was no request."""
        self._site.metrics.answered("malformed", status, 0)


class Connection(RequestHandler):
    """One connection: cut where nothing whole comes within the deadline."""

    __slots__ = ("_guard", "_name", "_timer")

    def __init__(self, guard: Guard, manager: web.Server, **more: Any) -> None:
        super().__init__(manager, **more)
        self._guard = guard
        self._name: str | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._name = self._guard.enter(peer[0] if peer else "")
        if self._name is None:
            assert isinstance(transport, asyncio.Transport)
            transport.abort()
            return
        self.expect()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.busy()
        self._go()
        super().connection_lost(exc)

    def _go(self) -> None:
        if self._name is not None:
            self._guard.leave(self, self._name)
            self._name = None

    def expect(self, answer: int = 0) -> None:
        """From now on an answer of so many bytes may be read, and the next request has to come with all headers."""
        self.busy()
        if self.transport is not None and self._name is not None:
            patience = KEPT_FOR_PROXY if self._name == PROXY else DEADLINE
            self._timer = self._loop.call_later(patience + answer / SLOWEST, self._late)
            self._guard.waits(self, self._name)

    def reading(self) -> None:
        """The body of a request has to come now; it has a deadline of its own."""
        if self._name is not None:
            self._guard.waits(self, self._name)

    def busy(self) -> None:
        """A request has come and is being answered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._name is not None:
            self._guard.busy(self, self._name)

    def _late(self) -> None:
        self._guard.refused("slow")
        self.cut()

    def cut(self) -> None:
        """Ends the connection at once."""
        self.busy()
        self._go()  # it counts no more, even before the loop has told that it is gone
        self.force_close()
        if self.transport is not None:
            self.transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,  # nothing of it goes outside
        message: str | None = None,  # it quotes the request
    ) -> web.StreamResponse:
        """The answer to what is no HTTP, or breaks: no word of what it was."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        self._guard.malformed(status)
        made = response(error_reply(HttpError(status, "that is no request")))
        made.force_close()
        return made


class Server(web.Server):
    """Makes guarded connections."""

    def __init__(self, guard: Guard, handler: Any, **options: Any) -> None:
        super().__init__(handler, **options)
        self._guard = guard
        self._options = options

    def __call__(self) -> RequestHandler:
        return Connection(self._guard, self, loop=asyncio.get_running_loop(), **self._options)
