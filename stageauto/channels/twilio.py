"""The channel `twilio`: text messages and calls by Twilio's REST API (api.twilio.com, 2010-04-01)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from stageauto.channels._http import Answer, Http, sort_by_status
from stageauto.channels._http_parts import BadRequestError, basic, form_body
from stageauto.channels._phones import COUNTRY, e164, recipient, sender
from stageauto.channels._twiml import twiml
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
from stageauto.engine.model import Channel
from stageauto.engine.options import Plain, option
from stageauto.engine.state import Delivery

ACCOUNT = re.compile(r"AC[0-9a-fA-F]{32}", re.ASCII)
SERVICE = re.compile(r"MG[0-9a-fA-F]{32}", re.ASCII)
LONGEST = 1600  # characters of a text message, however many pieces
SETTLED = 60_000  # ms: a request that broke off is in Twilio's list by then, or never was taken
SEEN = 50  # messages of a page of the list
MOST_OF_LIST = 1024 * 1024
MARGIN = 60_000  # ms between two clocks

# https://www.twilio.com/docs/api/errors. What is in no table is final: only the status speaks.
OPTED_OUT = frozenset([21610])
UNREACHABLE = frozenset(
    [13223, 13224, 13225, 21211, 21214, 21216, 21217, 21265, 21266, 21401, 21407, 21421, 21612, 21614, 21635]
)
BAD_LOGIN = frozenset([20003, 20005, 20008, 20403])
SLOW_DOWN = frozenset([14107, 20429, 21611, 30001])
CREATED, NOT_LET_IN = 201, 401
REFUSED_AT_ONCE = 503
SERVERS_FAULT = 500


@dataclass(frozen=True, slots=True, repr=False)
class TwilioOptions:
    """The options of a `twilio` channel."""

    account: str = option(Plain(), "the account's SID, `AC` and 32 digits, from the console's first page")
    token: str = option(
        Plain(), "the account's auth token, as `${TWILIO_TOKEN}`; what Twilio sends to us is checked by it", default=""
    )
    key: str = option(Plain(), "the SID of an API key, `SK...`, to log in with instead of the token", default="")
    secret: str = option(Plain(), "the secret of `key`, as `${TWILIO_SECRET}`", default="")
    from_: str = option(Plain(), "the sender: a number of yours, or a word of up to 11 letters", default="")
    messaging_service: str = option(
        Plain(), "the SID of a messaging service, `MG...`, that chooses the sender of text messages", default=""
    )
    country: str = option(Plain(), "where numbers without a country code are, as two letters such as PL", default="")
    url: str = option(Plain(), "the API's address; another one for other regions", default="https://api.twilio.com")


class TwilioChannel(ChannelType):
    """Sends text messages, and calls with a voice that reads or a recording that plays.

    A text message goes from `from` or by `messaging_service`, a call from `from` or the rule's own `from`. Where the
    workspace has a `base_url`, Twilio is asked to tell how a call ended, which becomes the event `call.finished`, and
    whether a text message arrived: `message.delivered` or `message.failed`.

    Twilio knows no idempotency keys. What was perhaps sent is looked up where that can be told, else held as unknown.

    Example:
        sms:
          type: twilio
          account: AC0123456789abcdef0123456789abcdef
          token: "${TWILIO_TOKEN}"
          from: "+48 22 100 20 30"
          country: PL
          rate: 60/min
    """

    type: ClassVar[str] = "twilio"
    kinds: ClassVar[tuple[str, ...]] = ("sms", "call")
    options: ClassVar[Any] = TwilioOptions
    answers_after: ClassVar[int | None] = SETTLED

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        super().__init__(channel, context)
        refuse_faults(type(self), channel)
        self._said: TwilioOptions = settings(TwilioOptions, channel)
        self._http = Http(self)
        self._base = f"{self._said.url.rstrip('/')}/2010-04-01/Accounts/{self._said.account}"

    @classmethod
    def faults(cls, options: Mapping[str, Any]) -> Iterator[Fault]:
        """No login, no sender, and SIDs and countries that are none."""
        if not ACCOUNT.fullmatch(str(options.get("account", ""))):
            yield Fault(
                "account", "it is no SID of an account", "it begins with AC and stands on the console's first page"
            )
        if bool(options.get("key")) != bool(options.get("secret")):
            yield Fault("key", "an API key is its SID and its secret", "write both `key` and `secret`")
        elif not options.get("token") and not options.get("key"):
            yield Fault("", "there is no login", "add `token`, or `key` and `secret`")
        if options.get("messaging_service") and not SERVICE.fullmatch(str(options["messaging_service"])):
            yield Fault("messaging_service", "it is no SID of a messaging service", "it begins with MG")
        if options.get("country") and not COUNTRY.fullmatch(str(options["country"])):
            yield Fault("country", "it is no country", "write two capital letters, such as PL")
        elif options.get("from") and not sender(str(options["from"]), str(options.get("country") or "")):
            yield Fault("from", "it is no sender", "write a number such as +48221002030, or a word of up to 11 letters")
        if not options.get("from") and not options.get("messaging_service"):
            yield Fault("", "there is no sender", "add `from`, or `messaging_service` for text messages")

    def send(self, delivery: Delivery, point: Callable[[], None]) -> Outcome:
        """201 is Delivered; a number that cannot be reached undeliverable; what Twilio itself broke is perhaps sent."""
        try:
            calls = delivery.kind == "call"
            fields = self._call(delivery) if calls else self._message(delivery)
        except BadRequestError as error:
            return Rejected(str(error), error.code, undeliverable=True)
        url = f"{self._base}/{'Calls' if calls else 'Messages'}.json"
        got = self._http.request("POST", url, headers=self._login(), body=form_body(fields), point=point)
        return self._outcome(got, delivery.kind) if isinstance(got, Answer) else got

    def ask(self, delivery: Delivery) -> Delivered | Unaskable | None:
        """Looks for a message with this text to this number, written since the try; None where there is none at all.

        Calls have no text to know them by: of those it can be told only that there was none.
        """
        tried, calls = delivery.tried_at, delivery.kind == "call"
        what = "calls" if calls else "messages"
        to = e164(delivery.to, self._said.country)
        url = f"{self._base}/{what.capitalize()}.json?{urlencode({'To': to, 'PageSize': SEEN})}"
        got = self._http.request("GET", url, headers=self._login(), most=MOST_OF_LIST)
        listed = got.document().get(what) if isinstance(got, Answer) and got.status == 200 else None
        if not isinstance(listed, list):
            return Unaskable()
        since = (tried or delivery.decided_at) - MARGIN
        page = [one for one in listed if isinstance(one, dict)]
        recent = [one for one in page if _is_ours(one, since)]
        for one in recent:
            if not calls and one.get("body") == delivery.message.get("text"):
                return Delivered(_kept(one, "sms"))
        young = tried is not None and self.context.now() - tried < SETTLED
        # Another text to the same number may be this one as Twilio rewrote it: then only a person can tell.
        return Unaskable() if recent or young or len(page) >= SEEN else None

    def _login(self) -> dict[str, str]:
        said = self._said
        return {"authorization": basic(said.key, said.secret) if said.key else basic(said.account, said.token)}

    def _message(self, delivery: Delivery) -> dict[str, str]:
        text = str(delivery.message.get("text") or "")
        if not text.strip():
            raise BadRequestError("the text is empty", "no_text")
        if len(text) > LONGEST:
            raise BadRequestError(f"the text has {len(text)} characters; Twilio takes {LONGEST}", "too_long")
        fields = {"To": recipient(delivery.to, self._said.country), "Body": text}
        if self._said.messaging_service:
            fields["MessagingServiceSid"] = self._said.messaging_service
        if self._said.from_:
            fields["From"] = sender(self._said.from_, self._said.country)
        return fields | self._callback(delivery, "message-status")

    def _call(self, delivery: Delivery) -> dict[str, str]:
        said = str(delivery.message.get("from") or "") or self._said.from_
        caller = e164(said, self._said.country)
        if not caller:
            wrong = f"`{said}` is no number to call from" if said else "no number to call from is set"
            raise BadRequestError(
                f"{wrong}; set `from`, of the rule or of the channel `{self.channel.name}`", "no_sender"
            )
        to = recipient(delivery.to, self._said.country)
        fields = {"To": to, "From": caller, "Twiml": twiml(delivery.message)}
        return fields | self._callback(delivery, "status")

    def _callback(self, delivery: Delivery, what: str) -> dict[str, str]:
        base = self.context.base_url
        if not base or not self._said.token:  # what cannot be checked is not asked for
            return {}
        return {"StatusCallback": status_url(base, self.channel.name, delivery.key, what)}

    def _outcome(self, got: Answer, kind: str) -> Outcome:
        found = got.document()
        if got.status == CREATED:
            return Delivered(_kept(found, kind))
        words, code = str(found.get("message") or ""), found.get("code")
        told = f"Twilio: {got.safe(words)[:200]} ({code})" if code else f"{got.place}"
        if code in OPTED_OUT:
            return Rejected(told, "opted_out", undeliverable=True)
        if code in UNREACHABLE:
            return Rejected(told, "bad_address", undeliverable=True)
        if code in BAD_LOGIN or got.status == NOT_LET_IN:
            return Retry(f"{told}; the login of the channel does not fit")  # people mend that
        if code in SLOW_DOWN:
            return Retry(told, after=got.retry_after(self.context.now()))
        # "POST requests are not idempotent. If you get a 500, it is possible that the message is sent" (error 20500).
        if got.status >= SERVERS_FAULT and not (got.status == REFUSED_AT_ONCE and code):
            return self.perhaps(told)
        # A 2xx that is no 201 comes from somebody else on the way.
        return sort_by_status(got, self.context.now(), words) or self.perhaps(told)


def status_url(base_url: str, channel: str, key: str, what: str = "status") -> str:
    """Where Twilio tells how a call or a message ended: the listener's address for this channel, with the key."""
    return f"{base_url.rstrip('/')}/twilio/{quote(channel, safe='')}/{what}?key={quote(key, safe='')}"


def _kept(found: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Of Twilio's long answer what people ask for later; `call` ties the call's events to the item."""
    kept = {name: found[name] for name in ("sid", "status", "num_segments", "price_unit") if found.get(name)}
    if kind == "call" and found.get("sid"):
        kept["call"] = found["sid"]
    return kept


def _is_ours(one: Mapping[str, Any], since: int) -> bool:
    if not str(one.get("direction", "")).startswith("outbound"):
        return False
    try:
        return parsedate_to_datetime(str(one.get("date_created"))).timestamp() * 1000 >= since
    except (TypeError, ValueError):
        return True  # it cannot be told apart, so it may be ours
