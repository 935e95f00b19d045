"""The channel `google_ads` against stand-ins that speak OAuth and the Data Manager API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stageauto.channels._audience import AudienceChannel
from stageauto.channels._audience_rules import GOOGLE, email, hashed, phone
from stageauto.channels.base import ChannelError, Delivered, Rejected, Retry
from stageauto.channels.google_ads import GoogleAdsChannel
from stageauto.testing import ProviderConformance
from tests.channels.audiences import AudienceRig, Points, going, made, people, send
from tests.channels.providers.google_ads import ACCOUNT, CLIENT, LIST, GoogleAds, Tokens
from tests.channels.support import Clock

SPRING = {"channel": "ads", "list": LIST}


def mail_hash(address: str) -> str:
    return hashed(email(address, GOOGLE), GOOGLE)


@pytest.fixture
def google() -> Iterator[GoogleAds]:
    tokens = Tokens(CLIENT)
    stand_in = GoogleAds(tokens)
    yield stand_in
    stand_in.close()
    tokens.close()


class GoogleRig(AudienceRig):
    kind = GoogleAdsChannel
    name = "google_ads"
    secret = CLIENT["refresh_token"]
    audience = SPRING
    stand_in: GoogleAds

    def options(self, url: str, secret: str) -> dict[str, Any]:
        token_url = f"{self.stand_in.tokens.url}/token" if url == self.stand_in.url else url
        return {**CLIENT, "refresh_token": secret, "account": "123-456-7890", "base_url": url, "token_url": token_url}

    def hashes(self) -> list[str]:
        return [value for _, row in self.stand_in.log for value in row]

    def hash_of(self, address: str) -> str:
        return mail_hash(address)


def channel(stand_in: GoogleAds, *, clock: Clock | None = None, **options: Any) -> AudienceChannel:
    urls = {"base_url": stand_in.url, "token_url": f"{stand_in.tokens.url}/token"}
    said = {**CLIENT, "account": ACCOUNT, **urls, **options}
    return made(GoogleAdsChannel, "google_ads", said, audiences={"spring": SPRING}, now=clock or Clock())


class TestConformance(ProviderConformance):
    @pytest.fixture
    def rig(self, google: GoogleAds) -> GoogleRig:
        return GoogleRig(google)


def test_a_customer_is_one_entry_with_all_hashes(google: GoogleAds) -> None:
    one = going("k-1", emails=["Ewa.Lis+shop@Gmail.com", "ewa@work.test"], phones=["+48 501 111 222"])
    (outcome,) = send(channel(google), [one])
    assert outcome == Delivered({"status": 200, "added": 1, "request_id": "r-1"})
    wanted = {hashed(text, GOOGLE) for text in ("ewalis@gmail.com", "ewa@work.test", "+48501111222")}
    assert google.members == wanted
    (request,) = google.got
    for plain in (b"ewa", b"gmail", b"501"):
        assert plain not in request.body.lower()


def test_what_is_taken_out_carries_no_consent(google: GoogleAds) -> None:
    one = channel(google, consent="granted", terms_accepted=True)
    send(one, [going("k-1", emails=["ewa@home.test"])])
    (outcome,) = send(one, [going("k-2", emails=["ewa@home.test"], add=False)])
    assert outcome == Delivered({"status": 200, "removed": 1, "request_id": "r-2"})
    assert google.members == set()
    added, removed = google.bodies
    assert added["consent"] == {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}
    assert added["termsOfService"] == {"customerMatchTermsOfServiceStatus": "ACCEPTED"}
    assert "consent" not in removed


def test_nothing_is_said_of_consent_that_nobody_gave(google: GoogleAds) -> None:
    send(channel(google), people(1))
    assert google.bodies[0].keys() == {"destinations", "audienceMembers", "encoding"}


def test_the_manager_account_and_the_project_go_along(google: GoogleAds) -> None:
    send(channel(google, login_account="111-222-3333", quota_project="acme-1"), people(1))
    (destination,) = google.bodies[0]["destinations"]
    assert destination["loginAccount"] == {"accountType": "GOOGLE_ADS", "accountId": "1112223333"}
    assert google.got[0].headers["x-goog-user-project"] == "acme-1"


def test_an_account_that_is_none_is_told_when_the_channel_is_made(google: GoogleAds) -> None:
    with pytest.raises(ChannelError, match="no Google Ads account"):
        channel(google, account="acme")


def test_a_batch_goes_again_without_those_whom_google_refuses(google: GoogleAds) -> None:
    batch = people(20)
    google.bad = {mail_hash("k4@home.test"), mail_hash("k11@home.test")}
    outcomes = send(channel(google), batch)
    refused = {one.key: outcome for one, outcome in zip(batch, outcomes, strict=True) if isinstance(outcome, Rejected)}
    assert refused.keys() == {"k4", "k11"}
    assert "INVALID_SHA256_FORMAT" in refused["k4"].reason
    assert len(google.members) == 18
    assert len(google.bodies) == 2


def test_when_google_refuses_everybody_nothing_is_asked_again(google: GoogleAds) -> None:
    google.bad = {mail_hash("k0@home.test"), mail_hash("k1@home.test")}
    outcomes = send(channel(google), people(2))
    assert all(isinstance(one, Rejected) and one.code == "invalid_entry" for one in outcomes)
    assert len(google.bodies) == 1


def test_somebody_with_more_than_ten_addresses_makes_two_entries(google: GoogleAds) -> None:
    one = going("k-1", emails=[f"ewa{number}@home.test" for number in range(11)], phones=["+48 501 111 222"])
    (outcome,) = send(channel(google), [one])
    assert isinstance(outcome, Delivered)
    assert len(google.members) == 12
    assert len(google.bodies[0]["audienceMembers"]) == 2


def test_a_token_is_used_as_long_as_it_lasts(google: GoogleAds) -> None:
    clock = Clock()
    one = channel(google, clock=clock)
    for _ in range(3):
        assert isinstance(send(one, people(1))[0], Delivered)
    assert google.tokens.made == 1
    clock.now += 3_540_000
    assert isinstance(send(one, people(1))[0], Delivered)
    assert google.tokens.made == 2


def test_a_token_that_counts_no_longer_is_made_anew(google: GoogleAds) -> None:
    one = channel(google)
    send(one, people(1))
    google.tokens.made += 1  # somebody else made one
    assert isinstance(send(one, people(1))[0], Retry)
    assert isinstance(send(one, people(1))[0], Delivered)


def test_a_refresh_token_that_was_revoked_is_waited_for(google: GoogleAds) -> None:
    google.tokens.client = {**CLIENT, "refresh_token": "another"}
    outcomes = send(channel(google), people(2))
    assert all(isinstance(one, Retry) and "expired or revoked" in one.reason for one in outcomes)
    assert len(google.tokens.got) == 1
    assert google.got == []


@pytest.mark.parametrize(
    ("status", "kind"), [(403, Rejected), (404, Rejected), (429, Retry), (500, Retry), (503, Retry)]
)
def test_errors_are_sorted_by_their_status(google: GoogleAds, status: int, kind: type) -> None:
    google.mishaps.append(str(status))
    (outcome,) = send(channel(google), people(1))
    assert isinstance(outcome, kind)
    assert not isinstance(outcome, Delivered)
    assert "There was a problem" in outcome.reason


def test_the_delay_in_the_answer_is_obeyed(google: GoogleAds) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "33.5s"}]
    google.answer = google.error(429, details)
    (outcome,) = send(channel(google), people(1))
    assert isinstance(outcome, Retry)
    assert outcome.after == 33_000


def test_who_is_called_off_at_the_last_moment_does_not_go(google: GoogleAds) -> None:
    outcomes = send(channel(google), people(3), Points("k1"))
    assert [type(one) for one in outcomes] == [Delivered, Retry, Delivered]
    assert google.members == {mail_hash("k0@home.test"), mail_hash("k2@home.test")}


def test_google_takes_the_plus_sign_into_the_hash() -> None:
    assert phone("+48 501 111 222", GOOGLE) == "+48501111222"
