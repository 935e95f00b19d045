"""Calls an address on the web."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from stageauto.actions import _values
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, Send
from stageauto.engine.options import (
    Builder,
    Choice,
    MapOption,
    NameOption,
    TextOption,
    ValueOption,
    option,
)

if TYPE_CHECKING:
    from stageauto.engine.templates import Text, Value

_BODIES = ("json", "form", "body")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, 5.6.2
_OURS = frozenset(
    ("connection", "content-length", "host", "idempotency-key", "te", "trailer", "transfer-encoding", "upgrade",
     "webhook-id", "webhook-signature", "webhook-timestamp")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Webhook(Action):
    """Calls an address on the web with what another system wants to know, and keeps its answer.

    The body is `json` (any data), `form` (fields as a browser would send them) or `body` (text as it is); without one
    nothing is sent along. `sign_with` names a hook of stageauto.yaml with whose secret the call is signed, as Standard
    Webhooks has it. It may arrive twice, always with the same `webhook-id`. Addresses of private networks must be
    allowed under `network` in stageauto.yaml. Later rules read the answer as `results['rule-id'].status` and `.body`.

    A passing trouble (no connection, 429, 5xx) is tried again as `retry` says; another refusal is `failed` at once.
    `failed`: the address is no http(s) address (`bad_url`), or a header or the body cannot be sent (`bad_value`).

    Example:
        id: tell-erp
        do: webhook
        with:
          url: "https://erp.acme.test/orders/{{ item.order_no }}"
          method: PUT
          headers: {X-Source: stageauto}
          json: {amount: "{{ item.amount }}", customer: "{{ contact.name }}"}
          sign_with: erp
    """

    kind: ClassVar[str] = "webhook"
    group: ClassVar[str] = "own"
    outer: ClassVar[bool] = True

    url: Text = option(TextOption(), "The address.")
    method: str = option(Choice(("GET", "POST", "PUT", "PATCH", "DELETE")), "How it is called.", "POST")
    headers: dict[str, Text] = option(MapOption(TextOption()), "Headers to send along.", default_factory=dict)
    json: Value | None = option(ValueOption(), "The body as JSON: any data.", None)
    form: dict[str, Text] | None = option(MapOption(TextOption()), "The body as form fields.", None)
    body: Text | None = option(TextOption(), "The body as text.", None)
    sign_with: str | None = option(NameOption("hook"), "The hook of stageauto.yaml whose secret signs it.", None)
    channel: str = option(NameOption("channel", kind="webhook"), "The channel it goes by.", "webhook")

    def check(self, builder: Builder) -> None:
        given = [name for name in _BODIES if getattr(self, name) is not None]
        if len(given) > 1:
            both = f"`{given[0]}` and `{given[1]}` are both given"
            builder.fault("choose-one", both, (given[1],), hint="leave one of them out")
        elif given and self.method == "GET":
            builder.fault("choose-one", f"a GET has no body, but `{given[0]}` is given", (given[0],), hint="use POST")
        if self.url.constant and not _is_web(self.url.fixed.strip()):
            builder.fault("bad-url", f"`{self.url.fixed}` is no http or https address", ("url",))
        for name in self.headers:
            if not _TOKEN.fullmatch(name):
                hint = "use letters, digits and `-`"
                builder.fault("bad-header", f"`{name}` is no name of a header", ("headers", name), hint=hint)
            elif name.casefold() in _OURS:
                message = f"the header `{name}` is set by stageauto itself"
                builder.fault("bad-header", message, ("headers", name), hint="leave it out")

    def plan(self, context: Context) -> Sequence[Effect]:
        url = context.words(self.url).strip()
        if not _is_web(url):
            return [_values.failed(f"`url` is no http or https address: `{url}`", "bad_url")]
        headers = {name: context.words(value).strip() for name, value in self.headers.items()}
        for name, value in headers.items():
            if not value.isprintable():
                return [_values.failed(f"the header `{name}` has characters that no header may have")]
        try:
            body = self._body(context)
        except ValueError as error:
            return [_values.failed(f"`json` cannot be sent: {error}")]
        message = {"url": url, "method": self.method, "headers": headers, **body, "sign_with": self.sign_with}
        return [Send("webhook", self.channel, url, message)]

    def _body(self, context: Context) -> dict[str, Any]:
        if self.json is not None:
            return {"json": _values.as_json(context.render(self.json))}
        if self.form is not None:
            return {"form": {name: context.words(value) for name, value in self.form.items()}}
        return {} if self.body is None else {"body": context.words(self.body)}


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port  # raises for what is no number
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and url.isprintable() and " " not in url
