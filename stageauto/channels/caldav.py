"""The channel `caldav`: appointments written straight into calendars (RFC 4791)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from stageauto.channels._http import Answer, Http, sort_by_status
from stageauto.channels._http_parts import BadRequestError, Body, Target, basic, parse_target
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

FOLD = re.compile(r"\r?\n[ \t]")  # RFC 5545, 3.1
METHOD = re.compile(r"(?im)^METHOD[;:][^\r\n]*\r?\n")
OK, NOT_FOUND, EXISTS = 200, (404, 410), 412
NO_CALENDAR = (404, 405, 409, 410)
NOT_LET_IN = (401, 407)
SAME_UID = "no-uid-conflict"
MOST_OF_EVENT = 1024 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class CaldavOptions:
    """The options of a `caldav` channel."""

    url: str = option(
        Plain(),
        "the calendar, such as `https://dav.acme.test/{user}/work/`; `{user}` and `{email}` are the attendee's. "
        "A user's own `calendar_url` goes before it",
        default="",
    )
    user: str = option(Plain(), "the name to log in with", default="")
    password: str = option(Plain(), "the password to log in with, as `${NAME}` from the environment", default="")
    ca_file: str = option(Plain(), "a file with the certificates to trust, inside the workspace", default="")


class CaldavChannel(ChannelType):
    """Puts one event per delivery into a calendar, its file named by the event's UID: a second try changes nothing.

    An event with a higher SEQUENCE than the one that is there takes its place.

    Example:
        calendar:
          type: caldav
          url: "https://dav.acme.test/calendars/{user}/work/"
          user: stageauto
          password: "${DAV_PASSWORD}"
    """

    type: ClassVar[str] = "caldav"
    kinds: ClassVar[tuple[str, ...]] = ("calendar",)
    options: ClassVar[Any] = CaldavOptions
    on_unknown: ClassVar[str] = "resend"
    one_service: ClassVar[bool] = False

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        super().__init__(channel, context)
        self._said: CaldavOptions = settings(CaldavOptions, channel)
        self._http = Http(self, self._said.ca_file)
        if self._said.user and not self._said.password:
            raise ChannelError(f"channel `{channel.name}` has a `user` and no `password`", "write `password: ${NAME}`")
        try:
            if self._said.url:
                self._origin = parse_target(_filled(self._said.url, {})).origin
        except BadRequestError as error:
            hint = "write it like https://dav.acme.test/{user}/work/"
            raise ChannelError(f"channel `{channel.name}`: `url`: {error}", hint) from error

    def send(self, delivery: Delivery, point: Callable[[], None]) -> Outcome:
        """2xx is Delivered, and so is what is there already; a refused login is Retry: people mend it."""
        try:
            target, text = self._target(delivery), _stored(delivery)
            known = self._known(target, text)
        except BadRequestError as error:
            return Rejected(str(error), error.code, undeliverable=True)
        if not isinstance(known, Mapping):
            return known
        body = Body(text.encode(), "text/calendar; charset=utf-8")
        got = self._http.request("PUT", target, headers={**self._login(target), **known}, body=body, point=point)
        if isinstance(got, Answer) and got.status == EXISTS:
            return self._there_already(got, target, _sequence(text))
        return self._sorted(got, target) if isinstance(got, Answer) else got

    def ask(self, delivery: Delivery) -> Delivered | Unaskable | None:
        """Delivered where the event is in the calendar, None where it is not."""
        try:
            target = self._target(delivery)
            got = self._get(target)
        except BadRequestError:
            return None
        if isinstance(got, Answer) and got.status == OK:
            wanted, there = _sequence(str(delivery.message.get("ics"))), _sequence(got.text)
            return _delivered(got, target) if there >= wanted else None
        return None if isinstance(got, Answer) and got.status in NOT_FOUND else Unaskable()

    def _known(self, target: Target, text: str) -> Mapping[str, str] | Outcome:
        """The header that keeps a second event from being made, or the outcome where a change is there already."""
        wanted = _sequence(text)
        if wanted == 0:
            return {"if-none-match": "*"}
        got = self._get(target)
        if not isinstance(got, Answer):
            return got
        if got.status in NOT_FOUND:
            return {"if-none-match": "*"}
        if got.status == OK and _sequence(got.text) >= wanted:
            return _delivered(got, target)
        etag = got.headers.get("etag", "")
        return {"if-match": etag} if got.status == OK and etag else self._sorted(got, target, reading=True)

    def _get(self, target: Target) -> Answer | Outcome:
        return self._http.request("GET", target, headers=self._login(target), most=MOST_OF_EVENT)

    def _sorted(self, got: Answer, target: Target, *, reading: bool = False) -> Outcome:
        if got.status == 403 and SAME_UID in got.text:
            return _delivered(got, target, already=True)  # the same appointment under another name (RFC 4791, 5.3.2.1)
        if got.status in NOT_LET_IN:
            return Retry(f"{got.authority} does not let us in: it answered {got.status}")
        if got.status in NO_CALENDAR:
            return Rejected(f"{got.place}: there is no such calendar", "no_calendar")
        if 200 <= got.status <= 299 and reading:
            return Retry(f"{got.authority} gave the event without an ETag")
        return sort_by_status(got, self.context.now()) or _delivered(got, target)

    def _there_already(self, got: Answer, target: Target, wanted: int) -> Outcome:
        """412: an earlier try of ours, or that of another attendee, made it; or somebody changed it meanwhile."""
        there = self._get(target)
        if isinstance(there, Answer) and there.status == OK and _sequence(there.text) >= wanted:
            return _delivered(there, target, already=True)
        return Retry(f"{got.place}: the event was changed meanwhile")

    def _target(self, delivery: Delivery) -> Target:
        """The address of the event's own file. Raises BadRequestError."""
        message = delivery.message
        named = str(message.get("calendar") or "")
        calendar = named or _filled(self._said.url, {"user": message.get("user") or "", "email": delivery.to})
        if not calendar:
            raise BadRequestError(f"nobody says which calendar is {delivery.to}'s", "no_calendar")
        uid = _uid(str(message.get("ics") or ""))
        if not uid:
            raise BadRequestError("the invitation has no UID", "bad_message")
        return parse_target(f"{calendar.rstrip('/')}/{quote(uid, safe='@')}.ics")

    def _login(self, target: Target) -> dict[str, str]:
        """The login, for the server it is meant for and no other: a user's calendar may lie elsewhere."""
        said = self._said
        if not said.user or (said.url and target.origin != self._origin):
            return {}
        return {"authorization": basic(said.user, said.password)}


def _filled(url: str, values: Mapping[str, Any]) -> str:
    """The URL with `{user}` and `{email}` filled in; "" where one of them is not known."""
    for name in ("user", "email"):
        if f"{{{name}}}" in url:
            value = quote(str(values.get(name, "x")), safe="@")
            if not value or value in {".", ".."}:
                return ""
            url = url.replace(f"{{{name}}}", value)
    return url


def _stored(delivery: Delivery) -> str:
    """The event as a calendar keeps it: without METHOD, which is for mails (RFC 4791, 4.1)."""
    return METHOD.sub("", str(delivery.message["ics"]))


def _property(text: str, name: str) -> str:
    found = re.search(rf"(?im)^{name}(?:;[^:\r\n]*)?:([^\r\n]*)", FOLD.sub("", text))
    return found[1].strip() if found else ""


def _uid(text: str) -> str:
    return _property(text, "UID")


def _sequence(text: str) -> int:
    found = _property(text, "SEQUENCE")
    return int(found[:9]) if found.isascii() and found.isdigit() else 0


def _delivered(got: Answer, target: Target, *, already: bool = False) -> Delivered:
    answer: dict[str, Any] = {"status": got.status, "event": str(target.url)}
    if got.headers.get("etag"):
        answer["etag"] = got.headers["etag"][:200]
    return Delivered({**answer, "already": True} if already else answer)
