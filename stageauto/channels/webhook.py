"""The channel `webhook`: HTTP requests to other systems, signed, to the public net or where the workspace allows."""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from stageauto.channels._deadline import Deadline
from stageauto.channels._net import ForbiddenError, Ip, parse_allowed, targets
from stageauto.channels._webhook_request import (
    BadRequestError,
    Target,
    body_of,
    headers_of,
    method_of,
    parse_target,
    signature,
    wire_key,
)
from stageauto.channels.base import (
    DAY,
    ChannelContext,
    ChannelError,
    ChannelType,
    Delivered,
    Outcome,
    Rejected,
    Retry,
    reveal,
    settings,
)
from stageauto.engine.model import Channel
from stageauto.engine.options import MapOption, Plain, option
from stageauto.engine.state import Delivery

if TYPE_CHECKING:
    from httpx2 import Response

MOST_OF_BODY = 64 * 1024
KEPT_HEADERS = ("content-type", "location", "etag", "x-request-id", "request-id", "date")
SLOW_DOWN = frozenset([429, 503])
TRY_AGAIN = frozenset([408, 425])
SOONEST = 1_000  # ms: a server that always says "at once" may not keep us in a circle


@dataclass(frozen=True, slots=True, repr=False)
class WebhookOptions:
    """The options of a `webhook` channel."""

    origin: str = option(Plain(), "the server that `headers` are for, such as `https://erp.acme.example`", default="")
    headers: dict[str, str] = option(
        MapOption(Plain()), "headers for requests to `origin`, such as an authorization", default_factory=dict
    )
    ca_file: str = option(Plain(), "a file with the certificates to trust, inside the workspace", default="")


@dataclass(slots=True)
class _Try:
    """One request on its way."""

    target: Target
    method: str
    headers: dict[str, str]
    body: bytes
    point: Callable[[], None]
    passed: bool = False

    def pass_point(self) -> None:
        """After this the server may have the request."""
        self.point()
        self.passed = True

    def content(self) -> Iterator[bytes]:
        """The body, with the point of no return before its last byte."""
        if len(self.body) > 1:
            yield self.body[:-1]
        self.pass_point()
        yield self.body[-1:]


class WebhookChannel(ChannelType):
    """Sends one request per delivery and keeps the answer; the key goes along as `webhook-id` and `Idempotency-Key`."""

    type: ClassVar[str] = "webhook"
    kinds: ClassVar[tuple[str, ...]] = ("webhook",)
    options: ClassVar[Any] = WebhookOptions
    on_unknown: ClassVar[str] = "resend"

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        super().__init__(channel, context)
        self._said: WebhookOptions = settings(WebhookOptions, channel)
        self._allowed = parse_allowed(context.allow_private)
        self._origin = self._own_origin()
        self._tls = _tls_context(self._said, channel.name, context.root)

    def send(self, delivery: Delivery, point: Callable[[], None]) -> Outcome:
        """2xx is Delivered; 429 and 503 Retry when the server wants it; 408, 425 and 5xx Retry; others Rejected."""
        try:
            one = self._request(delivery, point)
            addresses = targets(one.target.host, one.target.port, self._allowed)
        except BadRequestError as error:
            return Rejected(str(error), error.code, undeliverable=True)
        except ForbiddenError as error:
            return Rejected(str(error), "forbidden_address", undeliverable=True)
        except OSError as error:
            return Retry(f"cannot resolve {one.target.host}: {error.strerror}")
        outcome: Outcome = Retry(f"cannot reach {one.target.authority}")
        with Deadline(self.context.timeout) as deadline:
            for address in addresses:
                outcome = self._send_to(address, one, deadline)
                if one.passed or deadline.over or not isinstance(outcome, Retry):
                    break
        return outcome

    def _request(self, delivery: Delivery, point: Callable[[], None]) -> _Try:
        message = delivery.message
        target = parse_target(str(message.get("url") or ""))
        body, content_type = body_of(message)
        headers = self._headers(delivery, target, body, content_type)
        return _Try(target, method_of(message), headers, body, point)

    def _send_to(self, address: Ip, one: _Try, deadline: Deadline) -> Outcome:
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
                return self._answered(response, one.target)

    def _broken(self, error: Exception, one: _Try, deadline: Deadline) -> Outcome:
        import httpx2

        late = deadline.over or isinstance(error, httpx2.TimeoutException)
        why = f"no answer within {deadline.seconds:g} s" if late else str(error) or type(error).__name__
        if one.passed:
            return self.perhaps(f"{one.target.authority} took the request and broke off: {why}")
        return Retry(f"cannot reach {one.target.authority}: {why}")

    def _answered(self, response: Response, target: Target) -> Outcome:
        status = response.status_code
        place = f"{target.authority} answered {status}"
        if 200 <= status <= 299:
            return Delivered(_answer(response))
        if status in SLOW_DOWN:
            wish = _retry_after(response.headers.get("retry-after", ""), self.context.now())
            return Retry(place, after=wish)
        if status in TRY_AGAIN or 500 <= status <= 599:
            return Retry(place)
        if 300 <= status <= 399:
            return Rejected(f"{place}, and redirections are not followed: name the right URL", "redirect")
        words = _short(str(_answer(response).get("body", "")))
        return Rejected(f"{place}: {words}" if words else place, "refused")

    def _headers(self, delivery: Delivery, target: Target, body: bytes, content_type: str) -> dict[str, str]:
        headers = headers_of(delivery.message, content_type)
        if self._origin and target.origin == self._origin:
            headers = {**{name.lower(): str(value) for name, value in self._said.headers.items()}, **headers}
        key = wire_key(delivery.key)
        hook = delivery.message.get("sign_with")
        if hook:
            secret = (self.context.hooks.get(hook) or {}).get("secret")
            if not reveal(secret):
                raise BadRequestError(f"the hook `{hook}` has no secret to sign with", "no_secret")
            headers |= signature(secret, key, self.context.now() // 1000, body)
        headers.setdefault("user-agent", "stageauto")
        headers.setdefault("accept", "*/*")
        return {
            "host": target.authority,
            **headers,
            "webhook-id": key,
            "idempotency-key": key,
            "accept-encoding": "identity",
            "connection": "close",
            **({"content-length": str(len(body))} if body or content_type else {}),
        }

    def _own_origin(self) -> str:
        said, place = self._said, f"channel `{self.channel.name}`"
        if not said.origin:
            if said.headers:
                raise ChannelError(f"{place} has `headers` and no `origin`", "name the server that they are for")
            return ""
        try:
            headers_of({"headers": said.headers}, "")
            return parse_target(said.origin).origin
        except BadRequestError as error:
            raise ChannelError(f"{place}: {error}", "write `origin: https://erp.acme.example`") from error


def _tls_context(said: WebhookOptions, channel: str, root: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if said.ca_file:
        try:
            context.load_verify_locations(root / said.ca_file)
        except OSError as error:
            message = f"channel `{channel}`: `ca_file`: cannot read certificates from {said.ca_file}"
            raise ChannelError(message, "name a PEM file of the workspace") from error
    return context


def _answer(response: Response) -> dict[str, Any]:
    """Status, a few headers and at most 64 KiB of the body, parsed where it is JSON; `truncated` where it was cut."""
    import httpx2

    answer: dict[str, Any] = {"status": response.status_code}
    answer["headers"] = {name: response.headers[name][:500] for name in KEPT_HEADERS if name in response.headers}
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        return answer  # not asked for, and unpacking it could fill the memory
    raw, cut = bytearray(), False
    try:
        for piece in response.iter_raw():
            raw += piece
            if len(raw) > MOST_OF_BODY:
                cut = True
                break
    except httpx2.TransportError:  # the status stands, whatever became of the rest
        cut = True
    answer["body"] = bytes(raw[:MOST_OF_BODY]).decode("utf-8", "replace")
    if cut:
        answer["truncated"] = True
    elif "json" in response.headers.get("content-type", "").lower():
        with contextlib.suppress(ValueError, RecursionError):
            answer["body"] = json.loads(answer["body"])
    return answer


def _short(text: str) -> str:
    return " ".join("".join(ch if ch.isprintable() else " " for ch in text[:400]).split())[:200]


def _retry_after(text: str, now: int) -> int | None:
    """The milliseconds to wait from seconds or an HTTP date, between a second and a day; None where it is neither."""
    value = text.strip()
    if value.isascii() and value.isdigit():
        return min(max(int(value[:9]) * 1000, SOONEST), DAY)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    at = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    return min(max(at - now, SOONEST), DAY)
