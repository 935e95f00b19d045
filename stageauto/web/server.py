"""The listener itself: a thread with an event loop of its own, in which requests are read and routes asked."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiohttp import web

from stageauto.errors import StageautoError, StateError, UsageError
from stageauto.web import connections
from stageauto.web.answers import error_reply
from stageauto.web.connections import Connection, Guard, Server, response
from stageauto.web.limits import Allowance, network_of
from stageauto.web.routing import FREE, HttpError, Reply, Request, Route, Router, text
from stageauto.web.site import Site

if TYPE_CHECKING:
    from collections.abc import Sequence

KEPT = 3_600.0
"""What the library is told; our own deadline comes first."""
LONGEST = 30.0
"""Seconds that an answer may take, but for long polling."""
REQUESTS = (600, 60_000)
"""Requests of one address: so many in so many ms. Those with a good signature or token are not counted."""
FINED = frozenset((401, 404))
FINE = 4
"""What a wrong token or signature costs beside: who guesses soon has to wait."""
_BACKLOG = 512
_PLAIN_HEADERS = 8_190
_CONTINUE = "100-continue"
_log = logging.getLogger("stageauto.web")
_log.addHandler(logging.NullHandler())
_log.propagate = False


def address_of(listen: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, `[::1]:PORT` or `PORT` (this machine only). Raises UsageError."""
    host, _, port = listen.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65_535 or (":" in host and not host.startswith("[")):
        raise UsageError(f"`{listen}` is no address to listen at", "write 127.0.0.1:8765 or [::1]:8765")
    return host.strip("[]") or "127.0.0.1", int(port)


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises StateError where that is not possible, for instance since it is taken."""
    try:
        family, kind, number, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, number)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(where)
            made.listen(_BACKLOG)
        except BaseException:
            made.close()
            raise
    except OSError as error:
        hint = "another program has it; name another with --listen" if error.errno == 98 else "name another address"
        raise StateError(f"cannot listen at {host}:{port}: {error.strerror or error}", hint) from error
    return made


class Listener:
    """Listens at a socket until stopped. `routes` are asked in no order: each path has one."""

    def __init__(self, site: Site, made: socket.socket, routes: Sequence[Route]) -> None:
        self._site = site
        self._socket = made
        self._routes = routes
        self._router: tuple[str, Router] | None = None
        self._allowance = Allowance(*REQUESTS)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._up = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens at."""
        return int(self._socket.getsockname()[1])

    @property
    def host(self) -> str:
        """The address it listens at."""
        return str(self._socket.getsockname()[0])

    def start(self) -> None:
        """Begins to take requests. Raises what keeps it from that."""
        self._thread.start()
        self._up.wait()
        if self._failed is not None:
            raise self._failed

    def stop(self) -> None:
        """Takes no more requests, lets those under way finish for a moment, and ends the thread."""
        loop, over = self._loop, self._over
        if loop is not None and over is not None and self._thread.is_alive():
            with suppress(RuntimeError):  # it ended by itself meanwhile
                loop.call_soon_threadsafe(over.set)
        self._thread.join(timeout=connections.DEADLINE)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - told to who waits for the start, or to the log
            self._failed = error
            if self._up.is_set():
                self._site.tell("listener_broke", {"because": f"{type(error).__name__}: {error}"})
        finally:
            self._up.set()

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(self._hear)
        server = Server(
            Guard(self._site), self._handle, logger=_log, access_log=None, keepalive_timeout=KEPT,
            lingering_time=0.0, auto_decompress=False, max_line_size=_PLAIN_HEADERS, max_field_size=_PLAIN_HEADERS,
            max_headers=64,
        )  # fmt: skip
        listening = await self._loop.create_server(server, sock=self._socket, backlog=_BACKLOG)
        self._up.set()
        await self._over.wait()
        listening.close()
        server.pre_shutdown()
        await server.shutdown(2.0)
        await self._loop.run_in_executor(None, lambda: None)
        self._site.close()

    def _hear(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What goes wrong beside the requests: of connections that break nothing is said."""
        error = context.get("exception")
        if not isinstance(error, ConnectionError):
            self._site.tell("listener_trouble", {"because": f"{context.get('message')}: {error!r}"[:300]})

    # -- one request -------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, Connection)
        connection.busy()
        started, size = self._site.monotonic(), 0
        try:
            route, reply = await self._answer(request)
            size = len(reply.body)
            made = response(reply)
            if reply.status in (400, 408, 411, 413, 415, 417):
                made.force_close()  # what is left of its body is not read
            name = route.path if route is not None else "none"
            self._site.metrics.answered(name, reply.status, self._site.monotonic() - started)
            return made
        finally:
            connection.expect(size)

    async def _answer(self, request: web.BaseRequest) -> tuple[Route | None, Reply]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        peer = request.transport.get_extra_info("peername") if request.transport else None
        address = self._site.address_of(peer[0] if peer else "", headers)
        raw_path, _, raw_query = request.raw_path.partition("?")
        route: Route | None = None
        try:
            route, path, arguments = self._routes_now().find(request.method, raw_path)
            self._admit(address, route.cost)
            body = await self._body(request, route.most, headers)
            asked = Request(request.method, path, dict(request.query), headers, address, body, arguments, raw_query)
            return route, await self._ask(route, asked)
        except HttpError as error:
            if error.status in FINED:
                self._allowance.charge(network_of(address), self._site.monotonic(), FINE)
            html = "text/html" in headers.get("accept", "") and self._site.ready
            return route, error_reply(error, look=self._site.look() if html else None)

    async def _body(self, request: web.BaseRequest, most: int, headers: dict[str, str]) -> bytes:
        connection = request.protocol
        assert isinstance(connection, Connection)
        connection.reading()
        try:
            return await _read(request, most, headers)
        finally:
            connection.busy()

    def _admit(self, address: str, cost: int) -> None:
        """Raises HttpError 429 where the address has asked for too much.

        What has to prove itself is always let in: who fails has only asked in vain, and a stranger behind the same
        address must not keep out a good token.
        """
        if cost == FREE:
            return
        wait = self._allowance.take(network_of(address), self._site.monotonic(), cost)
        if wait:
            self._site.metrics.refused.labels("request").inc()
            raise HttpError(429, "too many requests", {"Retry-After": str(wait // 1000 + 1)})

    async def _ask(self, route: Route, asked: Request) -> Reply:
        try:
            async with asyncio.timeout(None if route.slow else LONGEST):
                return await route.handler(self._site, asked)
        except HttpError:
            raise
        except TimeoutError:
            raise HttpError(503, "this takes too long", {"Retry-After": "5"}) from None
        except StageautoError as error:
            self._site.tell("http_failed", {"route": route.path, "because": error.message})
            return text("this cannot be done now", 503)
        except Exception as error:  # noqa: BLE001 - one request that breaks must not stop the others, nor tell why
            self._site.tell("http_broke", {"route": route.path, "because": f"{type(error).__name__}: {error}"})
            return text("something went wrong here", 500)

    def _routes_now(self) -> Router:
        workspace = self._site.service.workspace
        base = workspace.base_url if workspace is not None else ""
        if self._router is None or self._router[0] != base:
            self._router = (base, Router(self._routes, self._site.base if workspace is not None else ""))
        return self._router[1]


async def _read(request: web.BaseRequest, most: int, headers: dict[str, str]) -> bytes:
    """The body, within its limits of size and time. Raises HttpError."""
    expected = headers.get("expect", "").lower()
    if expected and expected != _CONTINUE:
        raise HttpError(417, "only 100-continue can be expected")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise HttpError(415, "send the body as it is, not packed")
    if request.content_length is not None and request.content_length > most:
        raise HttpError(413, f"the body is over {most} bytes")
    if not request.body_exists:
        return b""
    parts, size = [], 0
    if expected and request.version >= (1, 1):
        # Many programs wait for a second before they send more than a kilobyte unasked.
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # this was no answer yet
    try:
        async with asyncio.timeout(connections.DEADLINE):
            async for part in request.content.iter_any():
                size += len(part)
                if size > most:
                    raise HttpError(413, f"the body is over {most} bytes")
                parts.append(part)
    except TimeoutError:
        raise HttpError(408, "the body took too long") from None
    except (ConnectionError, ValueError, web.HTTPException):
        raise HttpError(400, "the body cannot be read") from None
    return b"".join(parts)
