"""The channel `google_ads`: Customer Match lists of Google Ads, by the Data Manager API."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from stageauto.channels._audience import AudienceChannel, Group, Outcomes, chunks
from stageauto.channels._audience_rules import GOOGLE, Rules
from stageauto.channels._http import Answer, short, sort_by_status
from stageauto.channels._http_parts import Body, json_body
from stageauto.channels._oauth import AccessToken
from stageauto.channels.base import (
    DAY,
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

MOST_MEMBERS = 10_000
MOST_IDENTIFIERS = 10
MOST_ROUNDS = 5
"""Requests at the most for one batch: each is made without those whom the one before refused."""
CONSENT = {"granted": "CONSENT_GRANTED", "denied": "CONSENT_DENIED"}
MEMBER = re.compile(r"audience_?members\[(\d{1,6})\]", re.IGNORECASE)
DELAY = re.compile(r"(\d{1,6})(?:\.\d+)?s")


@dataclass(frozen=True, slots=True, repr=False)
class GoogleAdsOptions:
    """The options of a `google_ads` channel."""

    client_id: str = option(Plain(), "the OAuth client's id")
    client_secret: str = option(Plain(), "the OAuth client's secret")
    refresh_token: str = option(Plain(), "a refresh token with the scope `https://www.googleapis.com/auth/datamanager`")
    account: str = option(Plain(), "the Google Ads account that has the list, such as 123-456-7890")
    login_account: str = option(Plain(), "the manager account by which it is reached", default="")
    quota_project: str = option(Plain(), "the Google Cloud project whose quota counts", default="")
    consent: str | None = option(
        Choice(("granted", "denied")), "what your customers said to ads and their data; unsaid by default", default=None
    )
    terms_accepted: bool = option(Plain("boolean"), "you accepted the terms of Customer Match", default=False)
    country: str = option(Plain(), "the country of phone numbers without a country code, such as PL", default="")
    api_version: str = option(Plain(), "the version of the Data Manager API", default="v1")
    base_url: str = option(Plain(), "where the API is", default="https://datamanager.googleapis.com")
    token_url: str = option(Plain(), "where access tokens are made", default="https://oauth2.googleapis.com/token")


class GoogleAdsChannel(AudienceChannel):
    """Adds customers to a Customer Match list (`list` of the audience is its id) and takes them out; up to 200 a call.

    Google gets SHA-256 of the e-mail in small letters (without dots and +suffix in Gmail addresses) and of the phone
    in E.164 with its plus sign.

    Example:
        google:
          type: google_ads
          client_id: "${GOOGLE_CLIENT_ID}"
          client_secret: "${GOOGLE_CLIENT_SECRET}"
          refresh_token: "${GOOGLE_REFRESH_TOKEN}"
          account: 123-456-7890
          country: PL
    """

    type: ClassVar[str] = "google_ads"
    options: ClassVar[Any] = GoogleAdsOptions
    rules: Rules = GOOGLE

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        super().__init__(channel, context)
        self._account = _account(self.said.account, channel.name)
        self._login = _account(self.said.login_account, channel.name) if self.said.login_account else ""
        self._token = AccessToken(
            self.http,
            context,
            self.said.token_url,
            {
                "client_id": self.said.client_id,
                "client_secret": self.said.client_secret,
                "refresh_token": self.said.refresh_token,
            },
        )

    def ready(self) -> Outcome | None:
        """Nothing can be sent without an access token."""
        token = self._token.get()
        return None if isinstance(token, str) else token

    def change(self, group: Group, points: Points) -> Outcomes:
        """An outcome for each: a batch with a bad entry is refused whole, so it goes again without those."""
        outcomes: Outcomes = {}
        for part in chunks(group, MOST_MEMBERS):
            outcomes |= self._change(part, points)
        return outcomes

    def _change(self, group: Group, points: Points) -> Outcomes:
        outcomes = group.all(Retry("called off before it was sent"))
        for _ in range(MOST_ROUNDS):
            token = self._token.get()
            if not isinstance(token, str):
                return outcomes | group.all(token)
            group, got = self._ask(group, points, token)
            if not isinstance(got, Answer):
                return outcomes | group.all(got)
            bad = _bad_members(got, len(_people(group)))
            if not bad:
                return outcomes | group.all(self._sorted(got, group, token))
            owners = [member for member, _ in _people(group)]
            refused = {owners[index].delivery.id: words for index, words in bad.items()}
            outcomes |= {one: Rejected(f"{got.place}: {words}", "invalid_entry") for one, words in refused.items()}
            group = group.only([one for one in group.members if one.delivery.id not in refused])
            if not group.members:
                return outcomes
        return outcomes | group.all(Retry("google refused one entry after the other"))

    def _ask(self, group: Group, points: Points, token: str) -> tuple[Group, Answer | Outcome]:
        verb = "ingest" if group.add else "remove"
        url = f"{self.said.base_url.rstrip('/')}/{self.said.api_version}/audienceMembers:{verb}"
        headers = {"authorization": f"Bearer {token}"}
        if self.said.quota_project:
            headers["x-goog-user-project"] = self.said.quota_project
        return self.post(group, points, "POST", url, headers=headers, body=self._body)

    def _body(self, group: Group) -> Body:
        destination: dict[str, Any] = {
            "operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": self._account},
            "productDestinationId": str(group.entry["list"]),
        }
        if self._login:
            destination["loginAccount"] = {"accountType": "GOOGLE_ADS", "accountId": self._login}
        people = [{"userData": {"userIdentifiers": identifiers}} for _, identifiers in _people(group)]
        document: dict[str, Any] = {"destinations": [destination], "audienceMembers": people, "encoding": "HEX"}
        if group.add and self.said.consent:
            word = CONSENT[self.said.consent]
            document["consent"] = {"adUserData": word, "adPersonalization": word}
        if group.add and self.said.terms_accepted:
            document["termsOfService"] = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}
        return json_body(document)

    def _sorted(self, answer: Answer, group: Group, token: str) -> Outcome:
        document = answer.document()
        error = document.get("error")
        said = error if isinstance(error, dict) else {}
        words = short(f"{said.get('status', '')} {said.get('message', '')}")
        if answer.status == 401:
            self._token.drop(token)
            return Retry(f"{answer.place}: {words}")
        outcome = sort_by_status(answer, self.context.now(), words)
        if outcome is None:
            if not document.get("requestId"):
                return self.perhaps(f"{answer.place} and broke off")
            count = len(group.members)
            return Delivered({"status": answer.status, group.word(): count, "request_id": document["requestId"]})
        if isinstance(outcome, Retry) and outcome.after is None:
            return Retry(outcome.reason, after=_delay(said))
        return outcome


def _people(group: Group) -> list[tuple[Any, list[dict[str, str]]]]:
    """(member, identifiers) for each entry of the request; somebody with more than ten addresses makes several."""
    found = []
    for one in group.members:
        all_of = [{"emailAddress": value} for value in one.emails] + [{"phoneNumber": value} for value in one.phones]
        found += [(one, all_of[at : at + MOST_IDENTIFIERS]) for at in range(0, len(all_of), MOST_IDENTIFIERS)]
    return found


def _details(error: Any) -> list[dict[str, Any]]:
    details = error.get("details") if isinstance(error, dict) else None
    return [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []


def _bad_members(answer: Answer, count: int) -> dict[int, str]:
    """Entries by their index in the request, each with what is wrong with it (google.rpc.BadRequest)."""
    if answer.status != 400:
        return {}
    found: dict[int, str] = {}
    for detail in _details(answer.document().get("error")):
        for violation in detail.get("fieldViolations") or ():
            match = MEMBER.search(str(violation.get("field", "")))
            if match and int(match[1]) < count:
                found[int(match[1])] = short(f"{violation.get('reason', '')} {violation.get('description', '')}")
    return found


def _delay(error: dict[str, Any]) -> int | None:
    """The milliseconds of google.rpc.RetryInfo; None where unsaid."""
    for detail in _details(error):
        match = DELAY.fullmatch(str(detail.get("retryDelay", "")))
        if match:
            return min(max(int(match[1]) * 1000, 1000), DAY)
    return None


def _account(text: str, channel: str) -> str:
    digits = text.replace("-", "").strip()
    if not digits.isascii() or not digits.isdigit():
        raise ChannelError(f"channel `{channel}`: `{text}` is no Google Ads account", "write it like 123-456-7890")
    return digits
