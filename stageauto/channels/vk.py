"""The channel `vk`: lists of users of VK Ads (ads.vk.com)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from stageauto.channels._audience import AudienceChannel, Group, Member, Outcomes
from stageauto.channels._audience_rules import Rules
from stageauto.channels._http import Answer, short, sort_by_status
from stageauto.channels._http_parts import Body, Part, multipart_body
from stageauto.channels._oauth import AccessToken
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
from stageauto.engine.options import Choice, Plain, option

LISTS = ("emails", "phones")


@dataclass(frozen=True, slots=True, repr=False)
class VkOptions:
    """The options of a `vk` channel."""

    client_id: str = option(Plain(), "the API client's id")
    client_secret: str = option(Plain(), "the API client's secret")
    refresh_token: str = option(Plain(), "the refresh token of the account that has the lists")
    hash: str = option(Choice(("md5", "sha256")), "the hash that the lists were made with", default="md5")
    collect: int = option(Plain("integer", 1, 10_000), "so many addresses go together", default=25)
    collect_every: str = option(Plain(), "how often those who wait are looked at", default="1h")
    country: str = option(Plain(), "the country of phone numbers without a country code, such as RU", default="")
    api_version: str = option(Plain(), "the version of the API", default="v3")
    base_url: str = option(Plain(), "where the API is", default="https://ads.vk.com")


class VkChannel(AudienceChannel):
    """Adds customers to lists of users and takes them out, many at once.

    VK keeps e-mails and phones apart: `emails` and `phones` of the audience are the ids of its lists, both or one. It
    takes 25 addresses and more, so they are collected. The hash is of the e-mail in small letters, and of the phone's
    digits with the country code.

    Example:
        vk-ads:
          type: vk
          client_id: "${VK_CLIENT_ID}"
          client_secret: "${VK_CLIENT_SECRET}"
          refresh_token: "${VK_REFRESH_TOKEN}"
          country: RU
    """

    type: ClassVar[str] = "vk"
    options: ClassVar[Any] = VkOptions
    audience_keys: ClassVar[tuple[str, ...]] = LISTS

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        super().__init__(channel, context)
        if self.said.hash not in {"md5", "sha256"}:
            raise ChannelError(f"channel `{channel.name}`: `hash` cannot be `{self.said.hash}`", "write md5 or sha256")
        self.rules = Rules(digest=self.said.hash)
        self._token = AccessToken(
            self.http,
            context,
            f"{self.said.base_url.rstrip('/')}/api/v2/oauth2/token.json",
            {
                "client_id": self.said.client_id,
                "client_secret": self.said.client_secret,
                "refresh_token": self.said.refresh_token,
            },
        )

    def change(self, group: Group, points: Points) -> Outcomes:
        """An outcome for each; those of whom a list would get too few wait."""
        lists = [name for name in LISTS if group.entry.get(name)]
        outcomes: Outcomes = {}
        listed = [one for one in group.members if _lists_of(one, lists)]
        because = f"the audience has a list of {' and '.join(lists)} only, and there is no such address"
        outcomes |= group.all(Rejected(because, "no_list", undeliverable=True))
        going = enough(listed, lists, self.said.collect)
        staying = group.only([one for one in listed if one not in going])
        outcomes |= staying.all(self._staying(staying, lists))
        if not going:
            return outcomes
        group = group.only(going)
        token = self._token.get()
        outcomes |= group.all(token if not isinstance(token, str) else Retry("called off before it was sent"))
        for name in lists if isinstance(token, str) else ():
            group = self._upload(group, name, str(token), points, outcomes)
        return outcomes

    def _staying(self, group: Group, lists: Sequence[str]) -> Outcome:
        counts = [len(_values(group.members, name)) for name in lists]
        return self.waits(group, min((one for one in counts if one), default=0), self.said.collect)

    def _upload(self, group: Group, name: str, token: str, points: Points, outcomes: Outcomes) -> Group:
        """Gives one list what it is to get. Those with whom that went well go on to the next list."""
        part = group.only([one for one in group.members if getattr(one, name)])
        if not part.members:
            return group
        sign = "" if group.add else "-"
        base = f"{sign}{group.entry[name]}"

        def body(some: Group) -> Body:
            content = "\n".join(_values(some.members, name)) + "\n"
            fields = {"name": f"stageauto {group.audience}", "type": name, "base": base}
            return multipart_body(fields, [Part("file", "list.txt", content.encode(), "text/plain")])

        url = f"{self.said.base_url.rstrip('/')}/api/{self.said.api_version}/remarketing/users_lists.json"
        headers = {"authorization": f"Bearer {token}"}
        sent, got = self.post(part, points, "POST", url, headers=headers, body=body)
        count = len(_values(sent.members, name))
        outcome = self._sorted(got, group, count, token) if isinstance(got, Answer) else got
        outcomes |= sent.all(outcome)
        asked, gone = {one.delivery.id for one in part.members}, {one.delivery.id for one in sent.members}
        done = gone if isinstance(outcome, Delivered) else set()
        return group.only([one for one in group.members if one.delivery.id not in asked or one.delivery.id in done])

    def _sorted(self, answer: Answer, group: Group, count: int, token: str) -> Outcome:
        document = answer.document()
        inner = document.get("error")
        error = inner if isinstance(inner, dict) else document
        words = short(f"{error.get('code', '')} {error.get('message') or error.get('fields') or ''}")
        if answer.status == 401:
            self._token.drop(token)
            return Retry(f"{answer.place}: {words}")
        outcome = sort_by_status(answer, self.context.now(), words)
        if outcome is not None:
            return outcome
        if not isinstance(document.get("id"), int):
            return self.perhaps(f"{answer.place} and broke off")
        return Delivered({"status": answer.status, group.word(): count, "list_id": document["id"]})


def _lists_of(member: Member, lists: Sequence[str]) -> list[str]:
    return [name for name in lists if getattr(member, name)]


def _values(members: Sequence[Member], name: str) -> list[str]:
    """The hashes that the list gets, each once."""
    return list(dict.fromkeys(value for one in members for value in getattr(one, name)))


def enough(members: Sequence[Member], lists: Sequence[str], fewest: int) -> list[Member]:
    """The most members that can go so that no list gets fewer than that, and some list gets something."""
    going = list(members)
    while going:
        short_of = [name for name in lists if 0 < len(_values(going, name)) < fewest]
        if not short_of:
            return going
        going = [one for one in going if not any(getattr(one, name) for name in short_of)]
    return going
