"""What all routes share: the configuration in force, the way into the daemon, the state to read, limits, counters."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from stageauto.channels._attachments import AttachmentError, read_inside
from stageauto.channels.base import reveal
from stageauto.engine.links import hash_of, is_token
from stageauto.engine.state import Item, Journal, Link
from stageauto.errors import StageautoError, StateError, UsageError
from stageauto.runner.clock import Clock, monotonic_ms
from stageauto.runner.intake import Raw
from stageauto.runner.session import Session
from stageauto.web.limits import Allowance, network_of
from stageauto.web.look import Look, look_of
from stageauto.web.metrics import Metrics
from stageauto.web.routing import HttpError

if TYPE_CHECKING:
    from stageauto.engine.model import Workspace
    from stageauto.runner.service import Service
    from stageauto.store.sqlite_state import SqliteReader

T = TypeVar("T")
Tell = Callable[[str, dict[str, Any]], None]

MOST_WAITING = 5_000
"""Events that may wait for the daemon at once; more are asked to come again."""
MINUTE = 60_000
AUDITED = 60
"""Entries about refused requests that the audit log takes in a minute: nobody from outside may fill it."""


class Site:
    """The listener's side of one running daemon. It lives in the listener's thread, but for `decide` and `note`."""

    def __init__(self, service: Service, root: Path, clock: Clock, tell: Tell) -> None:
        self.service = service
        self.clock = clock
        self.metrics = Metrics()
        self.tell = tell
        self._root = root
        self._session: Session | None = None
        self._clerk = ThreadPoolExecutor(1, thread_name_prefix="web-clerk")
        self._clerks: Session | None = None
        self._waiting = 0
        self._held: dict[str, int] = {}
        self._noted = Allowance(1, MINUTE)
        self._notes = Allowance(AUDITED, MINUTE)
        self._allowances: dict[str, Allowance] = {}
        self._logo: tuple[str, int, bytes | None] = ("", 0, None)
        self._nets: tuple[object, list[ipaddress.IPv4Network | ipaddress.IPv6Network]] = (None, [])

    # -- the configuration -------------------------------------------------------------------------------------------

    @property
    def workspace(self) -> Workspace:
        """The configuration in force. Raises HttpError 503 before the daemon has one."""
        found = self.service.workspace
        if found is None:
            raise HttpError(503, "not ready yet", {"Retry-After": "2"})
        return found

    @property
    def settings(self) -> Mapping[str, Any]:
        """What stands under `web:` in stageauto.yaml."""
        return self.workspace.web

    @property
    def base(self) -> str:
        """The path of `base_url`, before every path in a page; "" where it has none."""
        rest = self.workspace.base_url.partition("://")[2]
        return "/" + rest.partition("/")[2] if "/" in rest else ""

    def look(self, *wanted: str) -> Look:
        """How pages look; `wanted`: the languages of whom they are for, the best first."""
        return look_of(self.workspace, *wanted, base=self.base, logo=self.logo() is not None)

    def logo(self) -> bytes | None:
        """The logo's bytes, looked at again once a minute; None where there is none that can be read."""
        name, now = str(self.settings.get("logo") or ""), self.monotonic()
        if not name:
            return None
        if self._logo[0] != name or now >= self._logo[1]:
            content: bytes | None = None
            with suppress(AttachmentError):
                content = read_inside(name, self._root / "templates", self._root)
            self._logo = (name, now + MINUTE, content)
        return self._logo[2]

    @property
    def ready(self) -> bool:
        """True while the daemon takes events."""
        return self.service.workspace is not None and self.service.accepting

    def secret(self, value: Any) -> str:
        """The plain text of a setting that may be a Secret."""
        return str(reveal(value) or "")

    def now(self) -> int:
        """Milliseconds UTC."""
        return self.clock.now()

    def monotonic(self) -> int:
        """Monotonic milliseconds, for limits."""
        return monotonic_ms()

    def allowance(self, name: str, per_minute: int) -> Allowance:
        """The allowance of that name, made at its first use."""
        return self._allowances.setdefault(name, Allowance(per_minute, MINUTE))

    def trusts(self, peer: str) -> bool:
        """Whether `web.forwarded` names the peer: a proxy whose word on the customer's address is taken."""
        return self._service_has_proxies() and _is_in(peer, self._proxies())

    def _service_has_proxies(self) -> bool:
        workspace = self.service.workspace
        return workspace is not None and bool(workspace.web.get("forwarded"))

    def _proxies(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        listed = self.settings.get("forwarded", ())
        if self._nets[0] is not listed:
            self._nets = (listed, [ipaddress.ip_network(str(one), strict=False) for one in listed])
        return self._nets[1]

    def address_of(self, peer: str, headers: Mapping[str, str]) -> str:
        """The customer's address: the peer's or, behind proxies that are trusted, the last one that is not theirs."""
        if not self.trusts(peer):
            return peer
        address = peer
        for one in reversed(headers.get("x-forwarded-for", "").split(",")):
            found = one.strip().strip("[]")
            if not _is_address(found):
                break
            address = found
            if not self.trusts(found):
                break
        return address

    # -- events ------------------------------------------------------------------------------------------------------

    async def offer(self, raw: Raw) -> Journal:
        """What became of the event; it is on disk when this returns. Raises HttpError for what cannot be taken."""
        return (await self.offer_all([raw]))[0]

    async def offer_all(self, raws: Sequence[Raw]) -> list[Journal]:
        """What became of each event; all are on disk when this returns. Where one cannot be taken, none is."""
        if self._waiting + len(raws) > MOST_WAITING:
            raise HttpError(503, "too much at once", {"Retry-After": "5"})
        try:
            futures = self.service.intake.offer_all(raws)
        except UsageError as error:
            raise HttpError(422, error.message) from None
        except StateError:
            raise HttpError(503, "the daemon is ending", {"Retry-After": "5"}) from None
        self._waiting += len(raws)
        try:
            # Shielded: whoever hangs up must not take an event back out of the transaction that it is in.
            return await asyncio.shield(asyncio.gather(*map(asyncio.wrap_future, futures)))
        except StageautoError:
            raise HttpError(503, "the state cannot be written to", {"Retry-After": "5"}) from None
        finally:
            self._waiting -= len(raws)

    # -- the state ---------------------------------------------------------------------------------------------------

    @contextmanager
    def read(self) -> Iterator[SqliteReader]:
        """One snapshot of the state, for a short look."""
        if self._session is None:
            self._session = Session.open(self._root, clock=self.clock)
        with self._session.store.read() as state:
            yield state

    def data_version(self) -> int:
        """A number that is another one as soon as somebody wrote to the state."""
        with self.read():
            pass
        assert self._session is not None
        return self._session.store.data_version()

    @property
    def stopping(self) -> bool:
        """True once nobody should be kept waiting any more."""
        return not self.service.accepting

    @contextmanager
    def waiting(self, net: str, most_here: int, most: int) -> Iterator[None]:
        """Counts a request that is held back. Raises HttpError 503 where there are too many."""
        here = self._held.get(net, 0)
        if here >= most_here or sum(self._held.values()) >= most:
            raise HttpError(503, "too many wait already", {"Retry-After": "5"})
        self._held[net] = here + 1
        try:
            yield
        finally:
            self._held[net] -= 1
            if not self._held[net]:
                del self._held[net]

    def link(self, token: str, *kinds: str) -> tuple[Link, Item]:
        """The personal link of one of these kinds behind a token, with its item. Raises HttpError 404."""
        if is_token(token):
            with self.read() as state:
                link = state.link(hash_of(token))
                item = state.item(link.item) if link is not None and link.kind in kinds else None
            if link is not None and item is not None and not item.deleted:
                return link, item
        raise HttpError(404, "this link leads nowhere (any more)")

    async def decide(self, deed: Callable[[Session], T]) -> T:
        """What the deed gives, done in a thread of its own with a session of its own: it may write and wait.

        Raises HttpError 503 where the state is busy, otherwise what the deed raises.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._clerk, self._do, deed)
        except StateError:
            raise HttpError(503, "the state cannot be written to", {"Retry-After": "5"}) from None

    def _do(self, deed: Callable[[Session], T]) -> T:
        if self._clerks is None:
            self._clerks = Session.open(self._root, clock=self.clock)
        return deed(self._clerks)

    def note(self, action: str, target: str, address: str, *, user: str = "", **data: Any) -> None:
        """Writes a refused request to the audit log: of one address, kind and reason one a minute, of all no flood.

        `user`: whose request it was, where that is known.
        """
        now = self.monotonic()
        key = f"{user}/{action}/{target}/{network_of(address)}/{data.get('because', '')}"
        if self._noted.take(key, now) or self._notes.take("", now):
            return

        def write() -> None:
            def deed(session: Session) -> None:
                with session.store.transaction() as state:
                    state.audit_add(self.now(), user or f"http:{address}"[:80], action, target[:80], data)

            try:
                self._do(deed)
            except StageautoError as error:
                self.tell("audit_missed", {"because": error.message})

        self._clerk.submit(write)

    def close(self) -> None:
        """Lets go of the state; to be called in the listener's thread."""

        def leave() -> None:
            if self._clerks is not None:
                self._clerks.store.close()

        self._clerk.submit(leave).result()
        self._clerk.shutdown()
        if self._session is not None:
            self._session.store.close()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_in(address: str, nets: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in net for net in nets)
