"""The channel `facebook`: custom audiences of the Meta Marketing API."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from threading import Lock
from typing import Any, ClassVar

from stageauto.channels._audience import AudienceChannel, Group, Outcomes, chunks
from stageauto.channels._audience_rules import FACEBOOK, Rules
from stageauto.channels._http import Answer, short, sort_by_status
from stageauto.channels._http_parts import Body, form_body
from stageauto.channels.base import ChannelContext, Delivered, Outcome, Points, Rejected, Retry
from stageauto.engine.model import Channel
from stageauto.engine.options import Plain, option

MOST_ROWS = 10_000
MOST_HALVES = 40
"""Requests at the most to find out which entries of one batch were refused."""
MINUTE = 60_000
# https://developers.facebook.com/docs/graph-api/guides/error-handling and .../overview/rate-limiting
NO_ACCESS = frozenset([102, 190, 463, 467])
SLOW_DOWN = frozenset([4, 17, 32, 341, 613, *range(80_000, 80_015)])
PASSING = frozenset([1, 2])


@dataclass(frozen=True, slots=True, repr=False)
class FacebookOptions:
    """The options of a `facebook` channel."""

    token: str = option(Plain(), "an access token with the permission `ads_management`, best of a system user")
    app_secret: str = option(Plain(), "the app's secret, where the app asks for proof of it", default="")
    country: str = option(Plain(), "the country of phone numbers without a country code, such as PL", default="")
    api_version: str = option(Plain(), "the version of the Graph API", default="v25.0")
    base_url: str = option(Plain(), "where the API is", default="https://graph.facebook.com")


class FacebookChannel(AudienceChannel):
    """Adds customers to a custom audience (`list` of the audience is its id) and takes them out; up to 200 a call.

    Meta gets SHA-256 of the e-mail in small letters and of the phone's digits with the country code.

    Example:
        meta:
          type: facebook
          token: "${META_TOKEN}"
          country: PL
    """

    type: ClassVar[str] = "facebook"
    options: ClassVar[Any] = FacebookOptions
    rules: Rules = FACEBOOK

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        super().__init__(channel, context)
        self._lock = Lock()
        self._asked = 0

    def change(self, group: Group, points: Points) -> Outcomes:
        """An outcome for each; where Meta says how many were refused but not which, halves find out."""
        outcomes: Outcomes = {}
        waiting, asked = list(chunks(group, MOST_ROWS)), 0
        while waiting:
            part = waiting.pop(0)
            if asked > MOST_HALVES:
                outcomes |= part.all(Retry("facebook did not say which entries it refused", sent_maybe=True))
                continue
            asked += 1
            sent, got = self._ask(part, points)
            outcome = got if not isinstance(got, Answer) else self._sorted(got, sent)
            outcomes |= part.all(Retry("called off before it was sent"))
            if outcome is None:
                middle = len(sent.members) // 2
                waiting += [sent.only(sent.members[:middle]), sent.only(sent.members[middle:])]
            else:
                outcomes |= sent.all(outcome)
        return outcomes

    def _ask(self, group: Group, points: Points) -> tuple[Group, Answer | Outcome]:
        url = f"{self.said.base_url.rstrip('/')}/{self.said.api_version}/{group.entry['list']}/users"
        method = "POST" if group.add else "DELETE"
        return self.post(group, points, method, url, headers={}, body=self._body)

    def _body(self, group: Group) -> Body:
        fields = {
            "access_token": self.said.token,
            "payload": json.dumps({"schema": ["EMAIL", "PHONE"], "data": [list(row) for row in group.rows]}),
            "session": json.dumps({"session_id": self._session(group), "batch_seq": 1, "last_batch_flag": True}),
        }
        if self.said.app_secret:
            proof = hmac.new(self.said.app_secret.encode(), self.said.token.encode(), hashlib.sha256)
            fields["appsecret_proof"] = proof.hexdigest()
        return form_body(fields)

    def _session(self, group: Group) -> int:
        """A number of its own for each request: a session that has ended takes nothing more."""
        with self._lock:
            self._asked += 1
            parts = [str(self._asked), str(self.context.now()), *(one.delivery.key for one in group.members)]
        return int(hashlib.sha256("/".join(parts).encode()).hexdigest()[:13], 16)

    def _sorted(self, answer: Answer, group: Group) -> Outcome | None:
        """The outcome for all of them; None where some were refused and some were not."""
        document = answer.document()
        if isinstance(document.get("error"), dict):
            return self._refused(answer, document["error"])
        outcome = sort_by_status(answer, self.context.now())
        if outcome is not None:
            return outcome
        if "num_received" not in document:
            return self.perhaps(f"{answer.place} and broke off")
        invalid, rows = _count(document.get("num_invalid_entries")), len(group.rows)
        if not invalid:
            return Delivered({"status": answer.status, group.word(): rows, "audience_id": document.get("audience_id")})
        if len(group.members) > 1 and invalid < rows:
            return None
        if invalid < rows:
            return Delivered({"status": answer.status, group.word(): rows - invalid, "refused": invalid})
        return Rejected(f"{answer.place}: it takes none of the addresses", "invalid_entry")

    def _refused(self, answer: Answer, error: dict[str, Any]) -> Outcome:
        code, words = error.get("code"), short(str(error.get("error_user_msg") or error.get("message") or ""))
        reason = f"{answer.place}, error {code}: {words}"
        if code in NO_ACCESS:
            return Retry(f"{reason} (the access token has to be renewed)")
        if code in SLOW_DOWN:
            return Retry(reason, after=_regained(answer) or answer.retry_after(self.context.now()))
        if code in PASSING or error.get("is_transient") is True or answer.status >= 500:
            return Retry(reason, after=answer.retry_after(self.context.now()))
        if answer.status == 429:
            return Retry(reason, after=answer.retry_after(self.context.now()))
        return Rejected(reason, "refused")


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _regained(answer: Answer) -> int | None:
    """The milliseconds after which the account may call again, from the header about its use; None where unsaid."""
    try:
        usage = json.loads(answer.headers.get("x-business-use-case-usage", ""))
        minutes = [one["estimated_time_to_regain_access"] for many in usage.values() for one in many]
        longest = max(int(one) for one in minutes)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return min(longest, 1_440) * MINUTE or None
