"""The channel `webhook`: HTTP requests to other systems, signed, to the public net or where the workspace allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from stageauto.channels._http import Answer, Http, sort_by_status
from stageauto.channels._http_parts import BadRequestError, Body, Target, parse_target
from stageauto.channels._webhook_request import body_of, headers_of, method_of, signature, wire_key
from stageauto.channels.base import (
    ChannelContext,
    ChannelError,
    ChannelType,
    Delivered,
    Outcome,
    Rejected,
    reveal,
    settings,
)
from stageauto.engine.model import Channel
from stageauto.engine.options import MapOption, Plain, option
from stageauto.engine.state import Delivery


@dataclass(frozen=True, slots=True, repr=False)
class WebhookOptions:
    """The options of a `webhook` channel."""

    origin: str = option(Plain(), "the server that `headers` are for, such as `https://erp.acme.example`", default="")
    headers: dict[str, str] = option(
        MapOption(Plain()), "headers for requests to `origin`, such as an authorization", default_factory=dict
    )
    ca_file: str = option(Plain(), "a file with the certificates to trust, inside the workspace", default="")


class WebhookChannel(ChannelType):
    """Sends one request per delivery and keeps the answer; the key goes along as `webhook-id` and `Idempotency-Key`.

    Example:
        webhook:
          type: webhook
          origin: https://erp.acme.example
          headers: {Authorization: "Bearer ${ERP_TOKEN}"}
          timeout: 20s
    """

    type: ClassVar[str] = "webhook"
    kinds: ClassVar[tuple[str, ...]] = ("webhook",)
    options: ClassVar[Any] = WebhookOptions
    on_unknown: ClassVar[str] = "resend"
    one_service: ClassVar[bool] = False

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        super().__init__(channel, context)
        self._said: WebhookOptions = settings(WebhookOptions, channel)
        self._http = Http(self, self._said.ca_file)
        self._origin = self._own_origin()

    def send(self, delivery: Delivery, point: Callable[[], None]) -> Outcome:
        """2xx is Delivered; 429 and 503 Retry when the server wants it; 408, 425 and 5xx Retry; others Rejected."""
        message = delivery.message
        try:
            target = parse_target(str(message.get("url") or ""))
            body = body_of(message)
            headers = self._headers(delivery, target, body)
            method = method_of(message)
        except BadRequestError as error:
            return Rejected(str(error), error.code, undeliverable=True)
        got = self._http.request(method, target, headers=headers, body=body, point=point)
        if not isinstance(got, Answer):
            return got
        return sort_by_status(got, self.context.now()) or Delivered(got.record())

    def _headers(self, delivery: Delivery, target: Target, body: Body) -> dict[str, str]:
        headers = {**({"content-type": body.type} if body.type else {}), **headers_of(delivery.message)}
        if self._origin and target.origin == self._origin:
            headers = {**{name.lower(): str(value) for name, value in self._said.headers.items()}, **headers}
        key = wire_key(delivery.key)
        hook = delivery.message.get("sign_with")
        if hook:
            secret = (self.context.hooks.get(hook) or {}).get("secret")
            if not reveal(secret):
                raise BadRequestError(f"the hook `{hook}` has no secret to sign with", "no_secret")
            headers |= signature(secret, key, self.context.now() // 1000, body.content)
        return {**headers, "webhook-id": key, "idempotency-key": key}

    def _own_origin(self) -> str:
        said, place = self._said, f"channel `{self.channel.name}`"
        if not said.origin:
            if said.headers:
                raise ChannelError(f"{place} has `headers` and no `origin`", "name the server that they are for")
            return ""
        try:
            headers_of({"headers": said.headers})
            return parse_target(said.origin).origin
        except BadRequestError as error:
            raise ChannelError(f"{place}: {error}", "write `origin: https://erp.acme.example`") from error
