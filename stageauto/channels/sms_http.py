"""The channel `sms_http`: text messages by any gateway that speaks HTTP, by a request that the admin describes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from stageauto.channels._http import NO_BODY, Answer, Http, short, sort_by_status
from stageauto.channels._http_parts import (
    BadRequestError,
    Body,
    Target,
    clean_headers,
    form_body,
    json_body,
    parse_target,
)
from stageauto.channels._phones import COUNTRY, recipient
from stageauto.channels._sms_template import (
    NAMES,
    answer_of,
    at_path,
    filled,
    filled_xml,
    unknown,
    uses,
    values_of,
    words,
)
from stageauto.channels.base import (
    ChannelContext,
    ChannelType,
    Delivered,
    Fault,
    Outcome,
    Rejected,
    Retry,
    refuse_faults,
    settings,
)
from stageauto.engine.model import Channel
from stageauto.engine.options import Choice, GroupOption, ListOption, MapOption, Plain, option
from stageauto.engine.state import Delivery

PARTS = ("query", "form", "json", "xml")
BODIES = ("form", "json", "xml")
NOT_LET_IN = 401


@dataclass(frozen=True, slots=True)
class Data:
    """Any YAML data, kept as it is."""

    def schema(self) -> dict[str, Any]:
        """The JSON Schema: an object of anything."""
        return {"type": "object"}

    def build(self, raw: Any, builder: Any) -> Any:
        """The data itself: placeholders are filled in when something is sent."""
        return raw


SCALAR = Plain()
WORDS = ListOption(SCALAR, or_one=True)


@dataclass(frozen=True, slots=True)
class Success:
    """How an answer says that the message was taken."""

    status: Any = option(ListOption(Plain("integer", 100, 599), or_one=True), "Which statuses; default: 2xx.", ())
    field: str = option(SCALAR, "Where in a JSON or XML answer it stands, such as `messages.0.status`.", "")
    is_: Any = option(WORDS, "The words there that mean success.", ())
    body: str = option(SCALAR, "What a plain answer begins with.", "")


@dataclass(frozen=True, slots=True)
class Errors:
    """What a gateway's own error codes mean; those in no list are final."""

    field: str = option(SCALAR, "Where in a JSON or XML answer the code is; default: the answer's whole text.", "")
    undeliverable: Any = option(WORDS, "Codes of numbers that cannot be written to.", ())
    opted_out: Any = option(WORDS, "Codes of people who want no messages.", ())
    retry: Any = option(WORDS, "Codes of faults that pass.", ())


@dataclass(frozen=True, slots=True)
class Reports:
    """How the gateway tells what became of a message, when it calls us."""

    key: str = option(SCALAR, "Where our `{key}` stands in what it sends, such as `message.reference`.")
    status: str = option(SCALAR, "Where the word stands that says what became of the message.")
    delivered: Any = option(WORDS, "The words there that mean that it arrived.", ())
    failed: Any = option(WORDS, "The words there that mean that it did not.", ())


@dataclass(frozen=True, slots=True, repr=False)
class SmsHttpOptions:
    """The options of an `sms_http` channel."""

    url: str = option(Plain(), "where the request goes")
    method: str = option(Choice(("POST", "GET", "PUT")), "how", default="POST")
    headers: dict[str, str] = option(
        MapOption(Plain()), "headers, such as `Authorization: Bearer ${SMS_TOKEN}`", default_factory=dict
    )
    query: dict[str, Any] = option(
        Data(), "what is put behind the `?`: names to texts with placeholders", default_factory=dict
    )
    form: dict[str, Any] = option(
        Data(), "a body as forms send it: names to texts with placeholders", default_factory=dict
    )
    json: dict[str, Any] = option(Data(), "a JSON body: any data, placeholders in its texts", default_factory=dict)
    xml: str = option(Plain(), "an XML body: its text, placeholders in elements and attributes", default="")
    from_: str = option(Plain(), "what `{from}` stands for", default="")
    country: str = option(Plain(), "where numbers without a country code are, as two letters such as PL", default="")
    success: Any = option(GroupOption(Success), "how an answer says that the message was taken", default_factory=dict)
    id: str = option(Plain(), "where in the answer the gateway's id stands, such as `messages.0.id`", default="")
    errors: Any = option(GroupOption(Errors), "what the gateway's error codes mean", default_factory=dict)
    report: Any = option(GroupOption(Reports), "how it tells later whether a message arrived", default_factory=dict)
    secret: str = option(Plain(), "what its reports carry, as `${NAME}` from the environment", default="")
    ca_file: str = option(Plain(), "a file with the certificates to trust, inside the workspace", default="")


class SmsHttpChannel(ChannelType):
    """Sends text messages by the request that its options describe.

    In `query`, `form`, `json`, `xml` and `headers` may stand `{to}` (as +48501111222), `{digits}` (without the +),
    `{text}`, `{from}`, `{key}` (the same for every try: for gateways that know doubles by it), `{encoding}`,
    `{unicode}` and `{segments}`. Values are written as the place asks: nothing in a text can end a field or begin
    another.

    Example:
        sms:
          type: sms_http
          url: https://api.gateway.example/v1/messages
          headers: {Authorization: "Bearer ${SMS_TOKEN}"}
          json: {to: "{to}", body: "{text}", reference: "{key}"}
          success: {field: status, is: [queued, sent]}
          id: message.id
          errors: {field: error.code, undeliverable: [invalid_number], retry: [busy]}
    """

    type: ClassVar[str] = "sms_http"
    kinds: ClassVar[tuple[str, ...]] = ("sms",)
    options: ClassVar[Any] = SmsHttpOptions

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        super().__init__(channel, context)
        refuse_faults(type(self), channel)
        self._said: SmsHttpOptions = settings(SmsHttpOptions, channel)
        self._success = _group(Success, self._said.success)
        self._errors = _group(Errors, self._said.errors)
        self._target = parse_target(self._said.url)
        self._http = Http(self, self._said.ca_file)

    @classmethod
    def faults(cls, options: Mapping[str, Any]) -> Iterator[Fault]:
        """A URL that is none, placeholders that mean nothing, no place for number or text, two bodies."""
        try:
            parse_target(str(options.get("url") or ""))
        except BadRequestError:
            yield Fault("url", "it is no http or https address without a password in it", "keep secrets in `headers`")
        for name in ("headers", *PARTS):
            for wrong in unknown(options.get(name)):
                yield Fault(
                    name, f"`{{{wrong}}}` means nothing here", "there are " + ", ".join(f"{{{one}}}" for one in NAMES)
                )
        written = [options.get(name) for name in PARTS]
        if not uses(written, "to", "digits") or not uses(written, "text"):
            yield Fault(
                "",
                "the request has no place for the number or the text",
                "write {to} and {text} into `query`, `form`, `json` or `xml`",
            )
        bodies = [name for name in BODIES if options.get(name)]
        if len(bodies) > 1:
            yield Fault(bodies[1], f"a request has one body, and `{bodies[0]}` is there too", "keep one of them")
        elif options.get("method") == "GET" and bodies:
            yield Fault("method", "a GET has no body", "write the values under `query`, or leave `method` out")
        if options.get("xml") and answer_of(str(options["xml"])) is None:
            yield Fault("xml", "it is no XML", "begin it with an element, and leave out document types and entities")
        if options.get("country") and not COUNTRY.fullmatch(str(options["country"])):
            yield Fault("country", "it is no country", "write two capital letters, such as PL")

    def send(self, delivery: Delivery, point: Callable[[], None]) -> Outcome:
        """Delivered as `success` says, else as `errors` says, else as the status does; a 5xx is perhaps sent."""
        try:
            target, headers, body = self._request(delivery)
        except BadRequestError as error:
            return Rejected(str(error), error.code, undeliverable=True)
        got = self._http.request(self._said.method, target, headers=headers, body=body, point=point)
        return self._outcome(got) if isinstance(got, Answer) else got

    def _request(self, delivery: Delivery) -> tuple[Target, dict[str, str], Body]:
        if not str(delivery.message.get("text") or "").strip():
            raise BadRequestError("the text is empty", "no_text")
        said = self._said
        values = values_of(delivery, recipient(delivery.to, said.country), said.from_)
        target = self._target
        if said.query:
            # Joined to what stands in the URL; the library escapes names and values.
            query = {name: words(one) for name, one in filled(said.query, values).items()}
            url = target.url.copy_merge_params(query)
            target = Target(url, target.scheme, target.host, target.port)
        headers = clean_headers(filled(said.headers, values))
        if said.xml:
            return target, headers, Body(filled_xml(said.xml, values).encode(), "text/xml; charset=utf-8")
        if said.json:
            return target, headers, json_body(filled(said.json, values))
        if said.form:
            pairs = {name: words(one) for name, one in filled(said.form, values).items()}
            return target, headers, form_body(pairs)
        return target, headers, NO_BODY

    def _outcome(self, got: Answer) -> Outcome:
        if self._taken(got):
            found = at_path(_read(got), self._said.id) if self._said.id else None
            return Delivered({**got.record(), **({"id": str(found)} if found is not None else {})})
        if got.truncated and 200 <= got.status <= 299:
            return self.perhaps(f"{got.place}, and broke off before it said what became of the message")
        code = self._code(got)
        told = f"{got.place}: {short(got.safe(got.text))}" if got.text.strip() else got.place
        if code in _words(self._errors.undeliverable):
            return Rejected(told, "bad_address", undeliverable=True)
        if code in _words(self._errors.opted_out):
            return Rejected(told, "opted_out", undeliverable=True)
        if code in _words(self._errors.retry):
            return Retry(told, after=got.retry_after(self.context.now()))
        if got.status == NOT_LET_IN:
            return Retry(f"{told}; the login of the channel does not fit")  # people mend that
        if got.status >= 500 and got.status != 503:
            return self.perhaps(told)
        return sort_by_status(got, self.context.now()) or Rejected(told, "refused")

    def _taken(self, got: Answer) -> bool:
        wanted = self._success
        statuses = wanted.status if isinstance(wanted.status, list | tuple) else (wanted.status,)
        if got.status not in statuses if statuses else not 200 <= got.status <= 299:
            return False
        if wanted.body:
            return got.text.lstrip().startswith(wanted.body)
        if not wanted.field:
            return True
        found = at_path(_read(got), wanted.field)
        good = _words(wanted.is_)
        return words(found) in good if good else found not in (None, False, "", 0)

    def _code(self, got: Answer) -> str:
        return words(at_path(_read(got), self._errors.field)) if self._errors.field else got.text.strip()


def _read(got: Answer) -> Any:
    """An answer's data, in JSON or XML; None where it is neither, or was cut."""
    if got.truncated:
        return None
    found = got.json()
    return answer_of(got.text) if found is None else found


def _words(said: Any) -> frozenset[str]:
    return frozenset(words(one) for one in (said if isinstance(said, list | tuple) else (said,)))


def _group(cls: type[Any], said: Mapping[str, Any]) -> Any:
    names = {one.name.rstrip("_"): one.name for one in fields(cls)}
    return cls(**{names[key]: value for key, value in said.items()})
