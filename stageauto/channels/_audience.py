"""What the channels to advertising audiences share: whom to give away, in which order, in which batches.

A network gets nothing but hashes. To add or take out the same hash twice is harmless there, so whatever is in doubt is
sent again.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, ClassVar

from stageauto.channels._audience_rules import Rules, email, hashed, phone
from stageauto.channels._http import NO_BODY, Answer, Http
from stageauto.channels._http_parts import Body
from stageauto.channels.base import (
    ChannelContext,
    ChannelError,
    ChannelType,
    Delivered,
    Outcome,
    Points,
    Rejected,
    Retry,
    reveal,
    settings,
)
from stageauto.engine.durations import DurationError, parse_duration
from stageauto.engine.model import Channel
from stageauto.engine.state import Delivery

BATCH = 200
"""Customers in one claim: as many decisions share a transaction, and others wait for it."""
SPREAD = 60_000
"""Milliseconds over which audiences that are collected spread their moments."""
ADD, REMOVE = "add", "remove"

Outcomes = dict[str, Outcome]


@dataclass(frozen=True, slots=True)
class Member:
    """A customer on the way into an audience or out of it: hashes only."""

    delivery: Delivery
    audience: str
    add: bool
    emails: tuple[str, ...]
    phones: tuple[str, ...]

    @property
    def rows(self) -> list[tuple[str, str]]:
        """(e-mail, phone) pairs that hold each hash once; "" where there is none."""
        return list(zip_longest(self.emails, self.phones, fillvalue=""))


@dataclass(frozen=True, slots=True)
class Group:
    """Members of one audience that go the same way."""

    audience: str
    entry: Mapping[str, Any]  # of stageauto.yaml, secrets revealed
    add: bool
    members: tuple[Member, ...]

    @property
    def rows(self) -> list[tuple[str, str]]:
        """All rows, each once."""
        return list(dict.fromkeys(row for one in self.members for row in one.rows))

    def all(self, outcome: Outcome) -> Outcomes:
        """The same outcome for everybody."""
        return {one.delivery.id: outcome for one in self.members}

    def only(self, members: Sequence[Member]) -> Group:
        """The group with these members alone."""
        return replace(self, members=tuple(members))

    def word(self) -> str:
        """For the answer that is kept."""
        return "added" if self.add else "removed"


class CalledOffError(Exception):
    """Some were called off just before the request would have gone: it has to be made without them."""

    def __init__(self, allowed: Sequence[Delivery]) -> None:
        super().__init__("called off")
        self.ids = {one.id for one in allowed}


class AudienceChannel(ChannelType, ABC):
    """The base: `change` gives a group to the network; all else is the same for every network."""

    kinds: ClassVar[tuple[str, ...]] = ("audience",)
    on_unknown: ClassVar[str] = "resend"
    batch: ClassVar[int] = BATCH
    audience_keys: ClassVar[tuple[str, ...]] = ("list",)  # of an entry of `audiences`; one of them at least
    rules: Rules

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        super().__init__(channel, context)
        self.said = settings(self.options, channel)
        self.http = Http(self)
        self.country = _country(str(getattr(self.said, "country", "")), channel.name)
        self.every = span(str(getattr(self.said, "collect_every", "1h")), channel.name)

    # -- what a network does its own way -------------------------------------------------------------------------

    def ready(self) -> Outcome | None:
        """What every try would come to (no token, ...); None where it can begin."""
        return None

    @abstractmethod
    def change(self, group: Group, points: Points) -> Outcomes:
        """Adds the group to the audience or takes it out; an outcome for each delivery's id."""

    # -- what is the same for all --------------------------------------------------------------------------------

    def send(self, delivery: Delivery, point: Callable[[], None]) -> Outcome:
        """A batch of one."""

        def points(some: Sequence[Delivery]) -> Sequence[Delivery]:
            point()
            return some

        return self.send_many([delivery], points)[0]

    def send_many(self, deliveries: Sequence[Delivery], points: Points) -> Sequence[Outcome]:
        """Each its own outcome; of adding and taking out the same hash in one batch the later counts."""
        outcomes: Outcomes = {}
        members = []
        for delivery in sorted(deliveries, key=lambda one: one.decided_at):
            found = self._member(delivery)
            if isinstance(found, Member):
                members.append(found)
            else:
                outcomes[delivery.id] = found
        valid, overtaken = latest(members)
        for one, by in overtaken:
            outcomes[one.delivery.id] = Delivered({"overtaken_by": by.delivery.id})
        stopped = self.ready() if valid else None
        for group in self._groups(valid):
            outcomes.update(group.all(stopped) if stopped is not None else self.change(group, points))
        return [outcomes[one.id] for one in deliveries]

    def _member(self, delivery: Delivery) -> Member | Outcome:
        message = delivery.message
        name, operation = str(message.get("audience") or ""), message.get("operation")
        if name not in self.context.audiences:
            return Rejected(f"there is no audience `{name}` in stageauto.yaml", "unknown_audience", undeliverable=True)
        if operation not in {ADD, REMOVE}:
            return Rejected(f"the message neither adds nor removes: {operation!r}", "bad_message", undeliverable=True)
        emails = self._hashes(message.get("emails"), lambda text: email(text, self.rules))
        phones = self._hashes(message.get("phones"), lambda text: phone(text, self.rules, self.country))
        if not emails and not phones:
            because = "no e-mail, and no phone number with a country code"
            hint = "" if self.country else "; `country` of the channel says where numbers without one belong"
            return Rejected(because + hint, "bad_address", undeliverable=True)
        return Member(delivery, name, operation == ADD, emails, phones)

    def _hashes(self, addresses: Any, form: Callable[[str], str]) -> tuple[str, ...]:
        formed = [form(str(one)) for one in addresses or ()]
        return tuple(dict.fromkeys(hashed(one, self.rules) for one in formed if one))

    def _groups(self, members: Sequence[Member]) -> list[Group]:
        found: dict[tuple[str, bool], list[Member]] = {}
        for one in members:
            found.setdefault((one.audience, one.add), []).append(one)
        return [
            Group(name, {key: reveal(value) for key, value in self.context.audiences[name].items()}, add, tuple(some))
            for (name, add), some in found.items()
        ]

    def post(
        self,
        group: Group,
        points: Points,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: Callable[[Group], Body],
    ) -> tuple[Group, Answer | Outcome]:
        """The answer to one request about the group, and the group without those who were called off meanwhile."""
        while group.members:
            current = group

            def point(asked: Group = current) -> None:
                deliveries = [one.delivery for one in asked.members]
                allowed = points(deliveries)
                if len(allowed) < len(deliveries):
                    raise CalledOffError(allowed)

            try:
                return group, self.http.request(method, url, headers=headers, body=body(group), point=point)
            except CalledOffError as off:
                group = group.only([one for one in group.members if one.delivery.id in off.ids])
        return group, Retry("called off before it was sent")

    def get(self, url: str, *, headers: Mapping[str, str], most: int) -> Answer | Outcome:
        """The answer to a question that changes nothing."""
        return self.http.request("GET", url, headers=headers, body=NO_BODY, most=most)

    def waits(self, group: Group, count: int, enough: int) -> Outcome:
        """They stay until enough have come: everybody of an audience to the same moment, so that they meet.

        Who is to be added and who is to be taken out meet as well, so that of both for one address the later counts.
        """
        every, now = self.every, self.context.now()
        spread = zlib.crc32(f"{self.channel.name}/{group.audience}".encode()) % min(SPREAD, every)
        until = (now // every + 1) * every + spread
        way = "to" if group.add else "out of"
        return Retry(f"collected on the way {way} `{group.audience}`: {count} of {enough}", until=until)


def latest(members: Sequence[Member]) -> tuple[list[Member], list[tuple[Member, Member]]]:
    """The members with what still counts, and those of whom nothing does, each with the one that overtook it.

    Members are in the order in which they were decided. A hash that is added and taken out goes the later way only.
    """
    last: dict[tuple[str, str], Member] = {}
    for one in members:
        last.update({(one.audience, value): one for value in (*one.emails, *one.phones)})
    valid, overtaken = [], []
    for one in members:

        def counts(value: str, member: Member = one) -> bool:
            return last[member.audience, value].add == member.add

        emails = tuple(value for value in one.emails if counts(value))
        phones = tuple(value for value in one.phones if counts(value))
        if emails or phones:
            valid.append(replace(one, emails=emails, phones=phones))
        else:
            overtaken.append((one, last[one.audience, (*one.emails, *one.phones)[0]]))
    return valid, overtaken


def chunks(group: Group, most: int) -> Iterator[Group]:
    """The group in parts of at most so many rows (a customer with more makes a part alone)."""
    part: list[Member] = []
    count = 0
    for one in group.members:
        if part and count + len(one.rows) > most:
            yield group.only(part)
            part, count = [], 0
        part.append(one)
        count += len(one.rows)
    if part:
        yield group.only(part)


def span(text: str, channel: str) -> int:
    """The milliseconds of a channel's option that is a duration of at least a minute. Raises ChannelError."""
    try:
        found = parse_duration(str(text))
    except DurationError as error:
        raise ChannelError(f"channel `{channel}`: {error}", "write it like 30m or 2h") from error
    if found.months or found.days or found.working_days or found.working_ms or found.ms < 60_000:
        raise ChannelError(f"channel `{channel}`: `{text}` is no span of minutes or hours", "write it like 30m or 2h")
    return found.ms


def _country(code: str, channel: str) -> str:
    import phonenumbers

    if code and code.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise ChannelError(f"channel `{channel}`: `{code}` is no country", "write two letters such as PL or DE")
    return code.upper()
