"""The channel `yandex`: segments of Yandex Audience."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from stageauto.channels._audience import AudienceChannel, Group, Outcomes
from stageauto.channels._audience_rules import YANDEX, Rules
from stageauto.channels._http import Answer, short, sort_by_status
from stageauto.channels._http_parts import Body, Part, multipart_body
from stageauto.channels.base import (
    ChannelContext,
    ChannelError,
    Delivered,
    Outcome,
    Points,
    Rejected,
    Retry,
)
from stageauto.engine.model import Channel
from stageauto.engine.options import Plain, option

LARGE = 4_000_000
"""Bytes of the list of segments that are read."""
COLUMNS = ("phone,email", "email,phone", "phone", "email")
NO_ACCESS = frozenset(["unauthorized", "invalid_token"])
BUSY = frozenset(["conflict", "backend_error", "timeout"])


@dataclass(frozen=True, slots=True, repr=False)
class YandexOptions:
    """The options of a `yandex` channel."""

    token: str = option(Plain(), "an OAuth token that may change segments of Yandex Audience")
    columns: str = option(
        Plain(), "the columns of the file by which the segment was made: phone,email or email,phone or one of them",
        default="phone,email",
    )  # fmt: skip
    collect: int = option(Plain("integer", 1, 10_000), "so many customers go together", default=100)
    collect_every: str = option(Plain(), "how often it is asked how large the segment is", default="1h")
    country: str = option(Plain(), "the country of phone numbers without a country code, such as RU", default="")
    api_version: str = option(Plain(), "the version of the API", default="v1")
    base_url: str = option(Plain(), "where the API is", default="https://api-audience.yandex.ru")


class YandexChannel(AudienceChannel):
    """Adds customers to a segment (`list` of the audience is its id) and takes them out, many at once.

    Yandex takes 100 customers and more, so they are collected; only where the segment has as many already, fewer go.
    The segment is one of CRM data with SHA-256 hashes: of the e-mail in small letters, of the phone's digits.

    Example:
        yandex:
          type: yandex
          token: "${YANDEX_TOKEN}"
          country: RU
          rate: 10/min
    """

    type: ClassVar[str] = "yandex"
    options: ClassVar[Any] = YandexOptions
    rules: Rules = YANDEX

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        super().__init__(channel, context)
        self._columns = "".join(self.said.columns.split()).lower()
        if self._columns not in COLUMNS:
            message = f"channel `{channel.name}`: `columns` cannot be `{self.said.columns}`"
            raise ChannelError(message, f"write one of {'; '.join(COLUMNS)}")
        self._sizes: dict[str, tuple[int, int]] = {}  # list -> (records, until when that is believed)

    def change(self, group: Group, points: Points) -> Outcomes:
        """An outcome for each; too few of them wait."""
        with_row = [one for one in group.members if self._lines(group.only([one]))]
        outcomes = group.all(
            Rejected(f"the segment has no column for it, only {self._columns}", "no_column", undeliverable=True)
        )
        group = group.only(with_row)
        if not with_row:
            return outcomes
        count = len(self._lines(group))
        few = count < self.said.collect
        if few:
            size = self._size(group)
            if not isinstance(size, int):
                return outcomes | group.all(size)
            if size < self.said.collect:
                return outcomes | group.all(self.waits(group, count, self.said.collect))
        asked = group
        group, got = self._ask(group, points, few=few)
        outcomes |= asked.all(Retry("called off before it was sent"))
        return outcomes | group.all(self._sorted(got, group) if isinstance(got, Answer) else got)

    @property
    def _headers(self) -> dict[str, str]:
        return {"authorization": f"OAuth {self.said.token}"}

    def _url(self, path: str) -> str:
        return f"{self.said.base_url.rstrip('/')}/{self.said.api_version}/management/{path}"

    def _size(self, group: Group) -> int | Outcome:
        """How many records the segment has, asked once in `collect_every`; 0 where that is not said."""
        name, now = str(group.entry["list"]), self.context.now()
        known, until = self._sizes.get(name, (0, 0))
        if now < until:
            return known
        got = self.get(self._url("segments"), headers=self._headers, most=LARGE)
        if not isinstance(got, Answer):
            return got
        if got.status != 200:
            return self._sorted(got, group)
        segments = got.document().get("segments")
        mine = [
            one for one in segments if isinstance(one, dict) and str(one.get("id")) == name
        ] if isinstance(segments, list) else []  # fmt: skip
        found = mine[0].get("item_quantity") if mine else 0
        size = found if isinstance(found, int) else 0
        self._sizes[name] = (size, now + self.every)
        return size

    def _ask(self, group: Group, points: Points, *, few: bool) -> tuple[Group, Answer | Outcome]:
        way = "addition" if group.add else "subtraction"
        segment = quote(str(group.entry["list"]), safe="")
        url = self._url(f"segment/{segment}/modify_data?modification_type={way}" + ("&check_size=false" if few else ""))
        return self.post(group, points, "POST", url, headers=self._headers, body=self._body)

    def _lines(self, group: Group) -> list[str]:
        lines = []
        for email, phone in group.rows:
            cells = [{"email": email, "phone": phone}[name] for name in self._columns.split(",")]
            if any(cells):
                lines.append(",".join(cells))
        return list(dict.fromkeys(lines))

    def _body(self, group: Group) -> Body:
        content = "\n".join([self._columns, *self._lines(group)]) + "\n"
        return multipart_body({}, [Part("file", "data.csv", content.encode(), "text/csv")])

    def _sorted(self, answer: Answer, group: Group) -> Outcome:
        document = answer.document()
        errors = document.get("errors")
        first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
        kind = str(first.get("error_type", ""))
        words = short(f"{kind} {document.get('message') or first.get('message') or ''}")
        count = len(self._lines(group))
        if kind == "no_changes":  # the very file came before: what a try that nobody answered has sent
            return Delivered({"status": answer.status, group.word(): count, "again": True})
        outcome = sort_by_status(answer, self.context.now(), words)
        if outcome is None:
            if not isinstance(document.get("segment"), dict):
                return self.perhaps(f"{answer.place} and broke off")
            return Delivered({"status": answer.status, group.word(): count, "segment": document["segment"].get("id")})
        if answer.status == 401 or kind in NO_ACCESS:
            return Retry(f"{answer.place}: {words} (the token has to be renewed)")
        if answer.status == 409 or (answer.status >= 400 and kind in BUSY):
            return Retry(f"{answer.place}: {words}", after=answer.retry_after(self.context.now()))
        return outcome
