"""Mailboxes that take no password: access tokens of Google and Microsoft, at a real IMAP and a real SMTP server."""

from __future__ import annotations

import base64
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from stageauto.channels.base import ChannelError, Delivered, Retry
from stageauto.channels.imap import ImapChannel
from stageauto.channels.smtp import SmtpChannel
from tests.channels.providers.stand_in import Reply, Request, StandIn
from tests.channels.support import MAIL, Certificate, Clock, Secret, channel, context, delivery, nothing
from tests.channels.test_smtp import Mailbox, serve
from tests.mailbox.acme import mail
from tests.mailbox.dovecot import USER, Dovecot, dovecot

CLIENT, SECRET, REFRESH = "client-1", "GOCSPX-cl1ent-s3cret", "1//r3fresh-t0ken"
SCOPE = "https://outlook.office365.com/.default"
HOUR = 3_600_000


class Accounts(StandIn):
    """Makes tokens, for the user and for the application, and knows whose they are: only the newest counts."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    @property
    def token(self) -> str:
        return f"ya29.t0ken-{self.made}"

    def refuse(self, status: int) -> Reply:
        return Reply(status, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."})

    def serve(self, request: Request) -> Reply:
        if request.path == "/whose":
            good = request.headers.get("authorization") == f"Bearer {self.token}" and self.made
            return Reply(200, {"email": USER, "active": True}) if good else self.refuse(401)
        login = {"client_id": CLIENT, "client_secret": SECRET}
        user = {"grant_type": "refresh_token", "refresh_token": REFRESH, **login}
        if request.path != "/token" or request.form not in (
            user, {"grant_type": "client_credentials", "scope": SCOPE, **login}
        ):  # fmt: skip
            return self.refuse(400)
        self.made += 1
        return Reply(200, {"access_token": self.token, "expires_in": 3599, "token_type": "Bearer"})


class Guarded(Mailbox):
    """An SMTP server that lets tokens in by XOAUTH2 or OAUTHBEARER, and says why not in a challenge."""

    def __init__(self, accounts: Accounts) -> None:
        super().__init__()
        self.accounts = accounts
        self.answers: list[str] = []

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        said = base64.b64decode(args[1]).decode()
        if said == f"user={USER}\1auth=Bearer {self.accounts.token}\1\1":
            return AuthResult(success=True)
        answer = await server.challenge_auth(b'{"status":"400","schemes":"Bearer"}')
        self.answers.append(answer.decode() if isinstance(answer, bytes) else repr(answer))
        return AuthResult(success=False, handled=False)


@pytest.fixture
def accounts() -> Iterator[Accounts]:
    made = Accounts()
    yield made
    made.close()


def oauth(accounts: Accounts, **more: Any) -> dict[str, Any]:
    said = {"client_id": CLIENT, "client_secret": Secret(SECRET), "refresh_token": Secret(REFRESH)}
    return {"token_url": f"{accounts.url}/token", **said, **more}


def imap(root: Path, server: Dovecot, said: dict[str, Any], clock: Clock | None = None) -> ImapChannel:
    options: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "user": USER, "oauth": said}
    lent = {"allow_private": ("127.0.0.1",), "now": clock or Clock()}
    return ImapChannel(channel("imap", "inbox", **options), context(root, **lent))


@pytest.fixture
def server(certificate: Certificate, accounts: Accounts) -> Iterator[Dovecot]:
    with dovecot(certificate, introspection=f"{accounts.url}/whose") as made:
        yield made


@pytest.mark.parametrize("by", ["xoauth2", "oauthbearer"])
def test_a_mailbox_is_read_by_a_token(tmp_path: Path, server: Dovecot, accounts: Accounts, by: str) -> None:
    server.deliver(mail())
    server.stop()
    server.by = by
    server.start()
    one = imap(tmp_path, server, oauth(accounts))
    for _ in range(2):
        found = one.look()
        assert isinstance(found, Delivered), found
        assert found.answer["mails"] == 1
    assert accounts.made == 1  # a token is used as long as it lasts


def test_an_application_reads_a_mailbox_without_a_user_who_agreed(
    tmp_path: Path, server: Dovecot, accounts: Accounts
) -> None:
    said = oauth(accounts, scope=SCOPE)
    del said["refresh_token"]
    assert isinstance(imap(tmp_path, server, said).look(), Delivered)


def test_a_token_that_is_over_or_revoked_is_made_anew(tmp_path: Path, server: Dovecot, accounts: Accounts) -> None:
    clock = Clock()
    one = imap(tmp_path, server, oauth(accounts), clock)
    assert isinstance(one.look(), Delivered)
    clock.now += HOUR
    assert isinstance(one.look(), Delivered)
    assert accounts.made == 2
    accounts.made += 1  # somebody revoked it
    refused = one.look()
    assert isinstance(refused, Retry)
    assert "login" in refused.reason
    assert isinstance(one.look(), Delivered)


def test_what_is_wrong_with_the_access_is_said_and_no_secret_with_it(
    tmp_path: Path, server: Dovecot, accounts: Accounts
) -> None:
    found = imap(tmp_path, server, oauth(accounts, refresh_token=Secret("1//an0ther-one"))).look()
    assert isinstance(found, Retry)
    assert "no access token" in found.reason
    assert "Token has been expired or revoked" in found.reason
    for secret in ("an0ther-one", SECRET):
        assert secret not in repr(found)


@pytest.fixture
def box(accounts: Accounts) -> Guarded:
    return Guarded(accounts)


@pytest.fixture
def port(box: Guarded) -> Iterator[int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it is right: one does not do so outside of a test
        controller = serve(box, auth_required=True, auth_require_tls=False, auth_exclude_mechanism=["LOGIN", "PLAIN"])
        yield controller.port
        controller.stop()


def smtp(port: int, accounts: Accounts, **more: Any) -> SmtpChannel:
    options = {"host": "127.0.0.1", "port": port, "from": USER, "user": USER, "oauth": oauth(accounts), **more}
    return SmtpChannel(channel("smtp", **options), context(Path(), allow_private=("127.0.0.1",)))


def test_a_mail_goes_out_by_a_token(box: Guarded, port: int, accounts: Accounts) -> None:
    one = smtp(port, accounts)
    for key in ("k1", "k2"):
        assert isinstance(one.send(delivery("mail", MAIL, key), nothing), Delivered)
    one.close()
    assert box.keys() == ["k1", "k2"]
    assert accounts.made == 1


def test_a_revoked_token_is_no_end(box: Guarded, port: int, accounts: Accounts) -> None:
    one = smtp(port, accounts)
    assert isinstance(one.send(delivery("mail", MAIL, "k1"), nothing), Delivered)
    one.close()
    accounts.made += 1
    one = smtp(port, accounts)
    one._token._token, one._token._ends = "ya29.revoked", 10**15  # type: ignore[union-attr]
    refused = one.send(delivery("mail", MAIL, "k2"), nothing)
    assert isinstance(refused, Retry)
    assert "login" in refused.reason
    assert "revoked" not in repr(refused)
    assert box.answers == [""]  # the server's reason was asked for
    assert isinstance(one.send(delivery("mail", MAIL, "k2"), nothing), Delivered)
    one.close()


def test_a_server_that_takes_passwords_only_is_told_from_a_wrong_token(accounts: Accounts) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        controller = serve(Mailbox(), auth_required=True, auth_require_tls=False)
        outcome = smtp(controller.port, accounts).send(delivery("mail", MAIL), nothing)
        controller.stop()
    assert isinstance(outcome, Retry)
    assert "XOAUTH2" in outcome.reason


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"password": Secret("x")}, "password"),
        ({"user": ""}, "whose mailbox"),
        ({"oauth": {"token_url": "https://a.test/t", "client_id": "x"}}, "nothing to get a token with"),
        ({"oauth": {"token_url": "nowhere", "client_id": "x", "client_secret": "y"}}, "token_url"),
        ({"oauth": {}}, "no way to log in"),
    ],
)
@pytest.mark.parametrize("kind", [SmtpChannel, ImapChannel])
def test_a_login_that_can_never_work_is_told_at_once(
    kind: type[SmtpChannel | ImapChannel], accounts: Accounts, said: dict[str, Any], wrong: str
) -> None:
    options = {"host": "127.0.0.1", "user": USER, "oauth": oauth(accounts), **said}
    options |= {"from": USER} if kind is SmtpChannel else {}
    with pytest.raises(ChannelError, match=re.escape(wrong)):
        kind(channel(kind.type, **options), context(Path()))
