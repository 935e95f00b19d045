"""The channel `edna`: WhatsApp messages by templates that WhatsApp has approved (edna Pulse API)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, ClassVar

from stageauto.channels._edna_templates import NoTemplateError, Template, fill, pick, templates_of
from stageauto.channels._http import Answer, Http, sort_by_status
from stageauto.channels._http_parts import BadRequestError, json_body, parse_target
from stageauto.channels.base import (
    ChannelContext,
    ChannelError,
    ChannelType,
    Delivered,
    Outcome,
    Rejected,
    Retry,
    Unaskable,
    settings,
)
from stageauto.engine.model import Channel
from stageauto.engine.options import Plain, option
from stageauto.engine.state import Delivery

SCHEDULE, TEMPLATES, HISTORY = "/api/cascade/schedule", "/api/message-matchers/get-by-request", "/api/messages/history"
OK = 200
NOT_LET_IN = frozenset([401, 403])
SETTLED = 60_000  # ms: a message stands in the recipient's history by then
KEPT = 10 * 60_000  # ms for which the list of templates is believed
MOST_OF_LIST = 8 * 1024 * 1024
MOST_MESSAGES = 100
UNDELIVERABLE = ("error-address", "address", "phone")
PASSING = ("error-system", "error-insufficient-balance", "insufficient funds", "too many requests")
DOUBLE = ("error-id-not-unique", "duplicate")
FEWEST_DIGITS, MOST_DIGITS = 7, 15


@dataclass(frozen=True, slots=True, repr=False)
class EdnaOptions:
    """The options of an `edna` channel."""

    api_key: str = option(Plain(), "the API key of edna Pulse (Integration, Settings), as `${NAME}`")
    cascade: int = option(Plain("integer", 1), "the id of the cascade of your WhatsApp channel")
    subject: int = option(Plain("integer", 1), "the id (`subjectId`) of your WhatsApp channel, whose templates count")
    secret: str = option(
        Plain(), "the webhook key of edna Pulse, which its calls to us carry, as `${NAME}`", default=""
    )
    test_template: str = option(Plain(), "the template, without gaps, that `stageauto channels test` sends", default="")
    base_url: str = option(Plain(), "where the API is: `https://app.edna.ru` for some", default="https://app.edna.io")


class EdnaChannel(ChannelType):
    """Sends one template per delivery, looked up by name and language and filled with its values: never free text.

    Our key is edna's `requestId`. It stands in the comment of the message, too, by which edna can be asked for it.

    Example:
        whatsapp:
          type: edna
          api_key: "${EDNA_KEY}"
          cascade: 11
          subject: 145
    """

    type: ClassVar[str] = "edna"
    kinds: ClassVar[tuple[str, ...]] = ("whatsapp",)
    options: ClassVar[Any] = EdnaOptions
    answers_after: ClassVar[int | None] = SETTLED

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        super().__init__(channel, context)
        self._said: EdnaOptions = settings(EdnaOptions, channel)
        if not self._said.api_key.isascii() or not self._said.api_key.isprintable():
            raise ChannelError(f"channel `{channel.name}`: `api_key` is no key", "copy it again from edna Pulse")
        try:
            parse_target(self._said.base_url)
        except BadRequestError as error:
            hint = "write `base_url: https://app.edna.io`, or leave it out"
            raise ChannelError(f"channel `{channel.name}`: `base_url`: {error}", hint) from error
        self._http = Http(self)
        self._lock = Lock()
        self._known: tuple[int, tuple[Template, ...]] | None = None

    def send(self, delivery: Delivery, point: Callable[[], None]) -> Outcome:
        """Delivered once edna has it; what becomes of it on the phone comes as a status of its own."""
        message = delivery.message
        digits = _digits(str(message.get("to") or delivery.to))
        if not digits:
            return Rejected(f"`{delivery.to[:40]!r}` is no phone number", "bad_address", undeliverable=True)
        name = str(message.get("template") or self._said.test_template)
        if not name:
            return self._nameless()
        content = self._content(name, str(message.get("language") or ""), message.get("params") or ())
        if not isinstance(content, dict):
            return content
        request = {
            "requestId": delivery.key,
            "cascadeId": self._said.cascade,
            "subscriberFilter": {"address": digits, "type": "PHONE"},
            "comment": delivery.key,
            "content": {"whatsappContent": content},
        }
        got = self._post(SCHEDULE, request, point)
        return self._sorted(got, delivery.key) if isinstance(got, Answer) else got

    def ask(self, delivery: Delivery) -> Delivered | Unaskable | None:
        """Delivered where the recipient's history has a message with our key. It may be late: its lack says nothing."""
        digits = _digits(str(delivery.message.get("to") or delivery.to))
        asked = {
            "subscriberFilter": {"address": digits, "type": "PHONE"},
            "direction": "OUT",
            "channelTypes": ["WHATSAPP"],
            "offset": 0,
            "limit": MOST_MESSAGES,
            "sort": [{"property": "messageId", "direction": "DESC"}],
        }
        got = self._post(HISTORY, asked, None)
        rows = got.document().get("content") if isinstance(got, Answer) and got.status == OK else None
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and delivery.key in (row.get("comment"), row.get("requestId")):
                return Delivered({"status": OK, "id": str(row.get("messageId") or ""), "request_id": delivery.key})
        return Unaskable()

    def _nameless(self) -> Outcome:
        found = self._templates()
        if not isinstance(found, tuple):
            return found
        known = ", ".join(sorted({one.name for one in found if one.usable})) or "none at all"
        because = f"WhatsApp takes approved templates only, and none is named; there are {known}"
        return Rejected(because, "no_template", undeliverable=True)

    def _content(self, name: str, language: str, params: Any) -> dict[str, Any] | Outcome:
        """The message as the template makes it, or why there is none."""
        found = self._templates()
        if not isinstance(found, tuple):
            return found
        try:
            return fill(pick(found, name, language), params)
        except NoTemplateError as error:
            with self._lock:
                self._known = None  # perhaps it was approved since: the next one looks again
            return Rejected(str(error), error.code, undeliverable=True)

    def _templates(self) -> tuple[Template, ...] | Outcome:
        now = self.context.now()
        with self._lock:
            if self._known is not None and 0 <= now - self._known[0] < KEPT:
                return self._known[1]
        asked = {"subjectId": self._said.subject, "matcherTypes": ["OPERATOR", "USER"]}
        got = self._post(TEMPLATES, asked, None)
        if not isinstance(got, Answer):
            return got
        if got.status != OK:
            return self._refused(got)
        listed = got.json()
        if not isinstance(listed, list):
            return Retry(f"{got.place} in words that nobody understands")
        found = templates_of(listed)
        with self._lock:
            self._known = (now, found)
        return found

    def _post(self, path: str, value: Any, point: Callable[[], None] | None) -> Answer | Outcome:
        url = self._said.base_url.rstrip("/") + path
        headers = {"x-api-key": self._said.api_key, "accept": "application/json"}
        return self._http.request("POST", url, headers=headers, body=json_body(value), point=point, most=MOST_OF_LIST)

    def _sorted(self, got: Answer, key: str) -> Outcome:
        if got.status != OK:
            return self._refused(got)
        said = got.document()
        if said.get("requestId") == key or said.get("code") == "ok":
            return Delivered({"status": OK, "request_id": key})
        if said.get("code"):
            return self._refused(got)
        return self.perhaps(f"{got.place} in words that nobody understands")

    def _refused(self, got: Answer) -> Outcome:
        said = got.document()
        words = ": ".join(str(said[name]) for name in ("code", "title", "detail", "message") if said.get(name))
        place = f"{got.place}: {words}" if words else got.place
        plain = words.lower()
        if got.status in NOT_LET_IN:
            return Retry(f"{place} (see `api_key`)")
        if any(one in plain for one in DOUBLE):
            return Delivered({"status": got.status, "already": True})  # an earlier try of ours made it
        if any(one in plain for one in PASSING):
            return Retry(place, after=got.retry_after(self.context.now()))
        if got.status < 500 and any(one in plain for one in UNDELIVERABLE):
            return Rejected(place, "bad_address", undeliverable=True)
        return sort_by_status(got, self.context.now(), words) or Rejected(place, "refused")


def _digits(text: str) -> str:
    """The number as edna wants it: with its country's code, digits alone. "" where it is none."""
    digits = "".join(ch for ch in text if ch.isascii() and ch.isdigit())
    plain = all(ch.isdigit() or ch in "+ -()./" for ch in text)
    if not plain or not FEWEST_DIGITS <= len(digits.removeprefix("00")) <= MOST_DIGITS:
        return ""
    return digits.removeprefix("00")
