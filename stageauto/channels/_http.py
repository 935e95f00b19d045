"""The one way by which channels speak HTTP.

    self._http = Http(self)                       # in the channel's __init__
    got = self._http.request("POST", url, headers={...}, body=form_body({...}), point=point)
    if not isinstance(got, Answer):
        return got                                # it did not get there, or nobody knows: the outcome to give back
    return sort_by_status(got, self.context.now()) or Delivered(got.record())

Every request has a wall-clock limit (the channel's `timeout`), goes to an address that was resolved once and tested
(public, or named by `network.allow_private`), on a connection of its own, by no proxy, with no cookies, and follows no
redirection. `point` is called just before the last byte of the body, or before the first header where there is none.
"""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from stageauto.channels._deadline import Deadline
from stageauto.channels._http_parts import BadRequestError, Body, Target, clean_headers, parse_target
from stageauto.channels._net import ForbiddenError, Ip, parse_allowed, targets
from stageauto.channels.base import (
    DAY,
    SHORTEST_SECRET,
    ChannelError,
    ChannelType,
    Outcome,
    Rejected,
    Retry,
    secrets_in,
)

if TYPE_CHECKING:
    from httpx2 import Response

MOST_OF_BODY = 64 * 1024
KEPT_HEADERS = ("content-type", "location", "etag", "x-request-id", "request-id", "date")
SLOW_DOWN = frozenset([429, 503])
TRY_AGAIN = frozenset([408, 425])
SOONEST = 1_000  # ms: a server that always says "at once" may not keep us in a circle
NO_BODY = Body()
WITH_A_BODY = frozenset(["POST", "PUT", "PATCH"])


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: status, headers by lower-case name, and the body as far as it was read.

    `truncated`: it broke off, or was longer than was asked for. `packed`: it came compressed and was not read.
    `hidden`: the channel's secrets, which servers like to repeat in what they say about a login.
    """

    status: int
    authority: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    truncated: bool = False
    packed: bool = False
    hidden: tuple[str, ...] = field(default=(), repr=False)

    @property
    def place(self) -> str:
        """The sentence about who answered what."""
        return f"{self.authority} answered {self.status}"

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body read as JSON, whatever its content type; None where it is none, or was cut."""
        if self.truncated:
            return None
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(self.text)
        return None

    def document(self) -> dict[str, Any]:
        """The body where it is a JSON object, else an empty one: providers say everything in objects."""
        found = self.json()
        return found if isinstance(found, dict) else {}

    def safe(self, text: str) -> str:
        """The text without the channel's secrets."""
        for one in self.hidden:
            text = text.replace(one, "***")
        return text

    def record(self) -> dict[str, Any]:
        """JSON for the outbox: status, a few headers, the body (parsed where it says it is JSON)."""
        kept = {name: self.safe(self.headers[name])[:500] for name in KEPT_HEADERS if name in self.headers}
        record: dict[str, Any] = {"status": self.status, "headers": kept}
        if self.packed:
            return record
        text = record["body"] = self.safe(self.text)
        if self.truncated:
            record["truncated"] = True
        elif "json" in self.headers.get("content-type", "").lower():
            with contextlib.suppress(ValueError, RecursionError):
                record["body"] = json.loads(text)
        return record

    def retry_after(self, now: int) -> int | None:
        """The milliseconds that `Retry-After` asks for, between a second and a day; None where it does not."""
        return _retry_after(self.headers.get("retry-after", ""), now)


def sort_by_status(answer: Answer, now: int, words: str = "") -> Outcome | None:
    """What the status alone means (RFC 9110, 15); None for 2xx. `words`: what the provider says, else the body."""
    status, place = answer.status, answer.place
    if 200 <= status <= 299:
        return None
    said = short(answer.safe(words))
    told = f"{place}: {said}" if said else place
    if status in SLOW_DOWN:
        return Retry(told, after=answer.retry_after(now))
    if status in TRY_AGAIN or 500 <= status <= 599:
        return Retry(told)
    if 300 <= status <= 399:
        return Rejected(f"{place}, and redirections are not followed: name the right URL", "redirect")
    said = said or short("" if answer.packed else answer.safe(answer.text))
    return Rejected(f"{place}: {said}" if said else place, "refused")


def short(text: str) -> str:
    """At most 200 characters on one line, nothing unprintable."""
    return " ".join("".join(ch if ch.isprintable() else " " for ch in text[:400]).split())[:200]


@dataclass(slots=True)
class _Try:
    """One request on its way."""

    target: Target
    method: str
    headers: dict[str, str]
    body: bytes
    point: Callable[[], None] | None
    most: int
    hidden: tuple[str, ...]
    passed: bool = False

    def pass_point(self) -> None:
        """After this the server may have the request."""
        if self.point is not None:
            self.point()
            self.passed = True

    def content(self) -> Iterator[bytes]:
        """The body, with the point of no return before its last byte."""
        if len(self.body) > 1:
            yield self.body[:-1]
        self.pass_point()
        yield self.body[-1:]


class Http:
    """A channel's way to HTTP servers; several threads may use it at once. Raises ChannelError when made wrongly."""

    def __init__(self, channel: ChannelType, ca_file: str = "") -> None:
        self._channel = channel
        self._context = channel.context
        self._allowed = parse_allowed(channel.context.allow_private)
        self._tls = _tls_context(ca_file, channel.channel.name, channel.context.root)
        self._hidden = frozenset(secrets_in(channel.channel.options))

    def request(
        self,
        method: str,
        url: str | Target,
        *,
        headers: Mapping[str, Any] | None = None,
        body: Body = NO_BODY,
        point: Callable[[], None] | None = None,
        most: int = MOST_OF_BODY,
    ) -> Answer | Outcome:
        """What the server answered, or the outcome where there is no answer.

        Without `point` the request is one that may be repeated freely (a look-up, a token): it never ends as
        `perhaps`. At most `most` bytes of the answer are read. Raises only what `point` raises.
        """
        try:
            target = url if isinstance(url, Target) else parse_target(url)
            whole = self._headers(target, method, headers or {}, body)
            hidden = _longest_first({*self._hidden, *_login_of(whole)})
            one = _Try(target, method, whole, body.content, point, most, hidden)
            addresses = targets(target.host, target.port, self._allowed)
        except BadRequestError as error:
            return Rejected(str(error), error.code, undeliverable=True)
        except ForbiddenError as error:
            return Rejected(str(error), "forbidden_address", undeliverable=True)
        except OSError as error:
            return Retry(f"cannot resolve {target.host}: {error.strerror}")
        return self._try_each(addresses, one)

    def _headers(self, target: Target, method: str, headers: Mapping[str, Any], body: Body) -> dict[str, str]:
        usual = {"user-agent": "stageauto", "accept": "*/*"}
        if body.type:
            usual["content-type"] = body.type
        with_length = body.content or body.type or method in WITH_A_BODY
        return {
            "host": target.authority,
            **usual,
            **clean_headers(headers),
            "accept-encoding": "identity",
            "connection": "close",
            **({"content-length": str(len(body.content))} if with_length else {}),
        }

    def _try_each(self, addresses: list[Ip], one: _Try) -> Answer | Outcome:
        found: Answer | Outcome = Retry(f"cannot reach {one.target.authority}")
        with Deadline(self._context.timeout) as deadline:
            for address in addresses:
                found = self._send_to(address, one, deadline)
                if one.passed or deadline.over or not isinstance(found, Retry):
                    break
        return found

    def _send_to(self, address: Ip, one: _Try, deadline: Deadline) -> Answer | Outcome:
        import httpx2

        def trace(name: str, info: dict[str, Any]) -> None:
            if name == "connection.connect_tcp.complete":
                deadline.watch(info["return_value"].get_extra_info("socket"))
            elif name == "http11.send_request_headers.started" and not one.body:
                one.pass_point()

        limits = dict.fromkeys(("connect", "read", "write", "pool"), deadline.seconds)
        request = httpx2.Request(
            one.method,
            one.target.url.copy_with(host=str(address)),
            headers=one.headers,
            content=one.content() if one.body else None,
            extensions={"timeout": limits, "sni_hostname": one.target.host, "trace": trace},
        )
        # The bare transport: no proxies, cookies or redirections, and no connection kept for another name's request.
        with httpx2.HTTPTransport(verify=self._tls, trust_env=False, retries=0) as transport:
            try:
                response = transport.handle_request(request)
            except httpx2.LocalProtocolError as error:
                return Rejected(f"no such request can be written: {error}", "bad_header", undeliverable=True)
            except httpx2.TransportError as error:
                return self._broken(error, one, deadline)
            with contextlib.closing(response):
                return self._read(response, one)

    def _broken(self, error: Exception, one: _Try, deadline: Deadline) -> Outcome:
        import httpx2

        late = deadline.over or isinstance(error, httpx2.TimeoutException)
        why = f"no answer within {deadline.seconds:g} s" if late else str(error) or type(error).__name__
        if one.passed:
            return self._channel.perhaps(f"{one.target.authority} took the request and broke off: {why}")
        return Retry(f"cannot reach {one.target.authority}: {why}")

    def _read(self, response: Response, one: _Try) -> Answer:
        import httpx2

        headers = {name.lower(): value for name, value in response.headers.items()}
        known = (response.status_code, one.target.authority, headers)
        if headers.get("content-encoding", "identity").lower() != "identity":
            # Not asked for, and unpacking it could fill the memory.
            return Answer(*known, packed=True, hidden=one.hidden)
        raw, cut = bytearray(), False
        try:
            for piece in response.iter_raw():
                raw += piece
                if len(raw) > one.most:
                    cut = True
                    break
        except httpx2.TransportError:  # the status stands, whatever became of the rest
            cut = True
        # Servers like to repeat a login in what they say of it: what is hidden here cannot be shown by anybody.
        content = _without(bytes(raw[: one.most]), one.hidden)
        return Answer(*known, content=content, truncated=cut, hidden=one.hidden)


def _tls_context(ca_file: str, channel: str, root: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(root / ca_file)
        except OSError as error:
            message = f"channel `{channel}`: `ca_file`: cannot read certificates from {ca_file}"
            raise ChannelError(message, "name a PEM file of the workspace") from error
    return context


def _login_of(headers: Mapping[str, str]) -> Iterator[str]:
    """What the request logs in with beside the options themselves: an access token, a name and password in base64."""
    _, _, word = headers.get("authorization", "").rpartition(" ")
    if len(word) >= SHORTEST_SECRET:
        yield word


def _longest_first(secrets: set[str]) -> tuple[str, ...]:
    return tuple(sorted(secrets, key=lambda one: (-len(one), one)))


def _without(content: bytes, secrets: tuple[str, ...]) -> bytes:
    """The content without the secrets, however it is written: as it is, in JSON, in a form or an address."""
    for one in secrets:
        for written in dict.fromkeys((one, json.dumps(one)[1:-1], quote(one, safe=""), quote_plus(one))):
            content = content.replace(written.encode(), b"***")
    return content


def _retry_after(text: str, now: int) -> int | None:
    """From seconds or an HTTP date; None where it is neither."""
    value = text.strip()
    if value.isascii() and value.isdigit():
        return min(max(int(value[:9]) * 1000, SOONEST), DAY)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    at = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    return min(max(at - now, SOONEST), DAY)
