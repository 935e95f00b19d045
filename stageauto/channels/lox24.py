"""The channel `lox24`: text messages by LOX24's REST API, version 2 (doc.lox24.eu)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, ClassVar
from urllib.parse import urlencode

from stageauto.channels._http import Answer, Http, sort_by_status
from stageauto.channels._http_parts import BadRequestError, json_body
from stageauto.channels._phones import COUNTRY, recipient, sender
from stageauto.channels.base import (
    ChannelContext,
    ChannelType,
    Delivered,
    Fault,
    Outcome,
    Rejected,
    Retry,
    Unaskable,
    refuse_faults,
    settings,
)
from stageauto.engine.gsm import GSM, encoding
from stageauto.engine.model import Channel
from stageauto.engine.options import Choice, Plain, option
from stageauto.engine.state import Delivery

TOKEN = re.compile(r"[^\s:]+:[^\s:]+")
LONGEST = {True: 670, False: 1530}  # characters, by whether it is Unicode
LOGIN_PAUSE = 60_000  # ms: more than three bad logins in a minute lock the whole address out ...
LOCK_OUT = 600_000  # ... for ten
BAD_LOGIN = frozenset([401, 403])
CREATED = 201
NO_MONEY = 402
SETTLED = 10_000  # ms: a request that broke off stands in the list by then, or was never taken


@dataclass(frozen=True, slots=True, repr=False)
class Lox24Options:
    """The options of a `lox24` channel."""

    token: str = option(Plain(), "client number and API key with a colon between them, as `${LOX24_TOKEN}`")
    from_: str = option(Plain(), "the sender: a number, or a word of up to 11 letters")
    service: str = option(Choice(("direct", "economy")), "LOX24's service, which sets price and pace", default="direct")
    forget_text: bool = option(Plain("boolean"), "whether LOX24 deletes the text once it is sent", default=False)
    country: str = option(Plain(), "where numbers without a country code are, as two letters such as DE", default="")
    secret: str = option(Plain(), "what its notifications carry, as `${NAME}` from the environment", default="")
    url: str = option(Plain(), "the API's address", default="https://api.lox24.eu")


class Lox24Channel(ChannelType):
    """Sends text messages; the delivery's key goes along as `callback_data`, and is looked up after a crash.

    After a refused login the whole channel waits a minute: LOX24 locks an address out for ten minutes after three bad
    logins within one.

    Example:
        sms:
          type: lox24
          token: "${LOX24_TOKEN}"
          from: Acme
          country: DE
    """

    type: ClassVar[str] = "lox24"
    kinds: ClassVar[tuple[str, ...]] = ("sms",)
    options: ClassVar[Any] = Lox24Options
    answers_after: ClassVar[int | None] = SETTLED

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        super().__init__(channel, context)
        refuse_faults(type(self), channel)
        self._said: Lox24Options = settings(Lox24Options, channel)
        self._http = Http(self)
        self._url = f"{self._said.url.rstrip('/')}/sms"
        self._lock = Lock()
        self._closed_until = 0
        self._because = ""

    @classmethod
    def faults(cls, options: Mapping[str, Any]) -> Iterator[Fault]:
        """A token without its colon, and what is no sender or country."""
        if not TOKEN.fullmatch(str(options.get("token", ""))):
            yield Fault("token", "it is no client number and key", "write both with a colon between: 1234567:e3f3a7...")
        if options.get("country") and not COUNTRY.fullmatch(str(options["country"])):
            yield Fault("country", "it is no country", "write two capital letters, such as DE")
        elif not sender(str(options.get("from", "")), str(options.get("country") or "")):
            yield Fault("from", "it is no sender", "write a number such as +4930123456, or a word of up to 11 letters")

    def send(self, delivery: Delivery, point: Callable[[], None]) -> Outcome:
        """201 is Delivered; a refused login pauses the whole channel: the next ones would lock the address out."""
        try:
            body = json_body(self._fields(delivery))
        except BadRequestError as error:
            return Rejected(str(error), error.code, undeliverable=True)
        closed = self._closed()
        if closed is not None:
            return closed
        got = self._http.request("POST", self._url, headers=self._headers(), body=body, point=point)
        return self._outcome(got) if isinstance(got, Answer) else got

    def ask(self, delivery: Delivery) -> Delivered | Unaskable | None:
        """Looks for a message with the delivery's key."""
        if self._closed() is not None:
            return Unaskable()
        url = f"{self._url}?{urlencode({'callback_data': delivery.key})}"
        got = self._http.request("GET", url, headers=self._headers())
        if not isinstance(got, Answer) or got.status != 200:
            return Unaskable()
        listed = _listed(got)
        if listed is None:
            return Unaskable()
        for one in listed:
            if one.get("callback_data") == delivery.key:
                return Delivered(_kept(one))
        tried = delivery.tried_at
        return Unaskable() if tried is not None and self.context.now() - tried < SETTLED else None

    def _headers(self) -> dict[str, str]:
        return {"x-lox24-auth-token": self._said.token, "accept": "application/json"}

    def _fields(self, delivery: Delivery) -> dict[str, Any]:
        text = str(delivery.message.get("text") or "")
        if not text.strip():
            raise BadRequestError("the text is empty", "no_text")
        unicode = encoding(text) != GSM
        if len(text) > LONGEST[unicode]:
            raise BadRequestError(f"the text has {len(text)} characters; LOX24 takes {LONGEST[unicode]}", "too_long")
        return {
            "sender_id": sender(self._said.from_, self._said.country),
            "phone": recipient(delivery.to, self._said.country),
            "text": text,
            "service_code": self._said.service,
            "is_unicode": unicode,
            "is_text_deleted": self._said.forget_text,
            "callback_data": delivery.key,
        }

    def _outcome(self, got: Answer) -> Outcome:
        if got.status == CREATED:
            return Delivered(_kept(got.document()))
        words = _words(got.document())
        told = f"{got.place}: {got.safe(words)[:200]}" if words else got.place
        if got.status in BAD_LOGIN:
            because = f"{told}; `token` does not fit, or the account is closed"
            self._pause(LOGIN_PAUSE, because)
            return Retry(because)
        if got.status == 429:
            wait = got.retry_after(self.context.now()) or LOCK_OUT
            self._pause(wait, told)
            return Retry(told, after=wait)
        if got.status == NO_MONEY:
            return Retry(f"{told}; there is not enough money on the account")
        if got.status >= 500 and not words:
            return self.perhaps(told)  # somebody in between, who does not know what became of it
        if any(fault.get("propertyPath") == "phone" for fault in _violations(got.document())):
            return Rejected(told, "bad_address", undeliverable=True)
        # A 2xx that is no 201 comes from somebody else on the way.
        return sort_by_status(got, self.context.now(), words) or self.perhaps(told)

    def _pause(self, wait: int, because: str) -> None:
        with self._lock:
            self._closed_until, self._because = self.context.now() + wait, because

    def _closed(self) -> Retry | None:
        with self._lock:
            left = self._closed_until - self.context.now()
            return Retry(f"not asked again yet: {self._because}", after=left) if left > 0 else None


def _kept(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: found[name] for name in ("uuid", "status_code", "parts_count", "price") if found.get(name) is not None
    }


def _listed(got: Answer) -> list[dict[str, Any]] | None:
    """The messages of a list, as plain JSON or JSON-LD."""
    found = got.json()
    if isinstance(found, dict):
        found = found.get("hydra:member", found.get("member"))
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else None


def _words(found: Mapping[str, Any]) -> str:
    """What LOX24 says of an error; it writes JSON-LD, problem documents and plain ones."""
    for name in ("hydra:description", "detail", "message", "error", "title"):
        if found.get(name):
            return str(found[name])
    return "; ".join(str(one.get("message", "")) for one in _violations(found))


def _violations(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = found.get("violations")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
