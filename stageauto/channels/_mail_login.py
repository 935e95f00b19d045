"""How mailboxes are logged in to: a password, or an access token of Google or Microsoft (XOAUTH2, RFC 7628)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stageauto.channels._http import Http
from stageauto.channels._http_parts import BadRequestError, parse_target
from stageauto.channels._oauth import AccessToken
from stageauto.channels.base import ChannelType, Fault
from stageauto.engine.options import GroupOption, Plain, option

XOAUTH2, OAUTHBEARER = "XOAUTH2", "OAUTHBEARER"
TO_A_REFUSAL = {XOAUTH2: "", OAUTHBEARER: "\1"}
"""A server that refuses a token says why in a challenge first, and wants this for an answer (RFC 7628, 3.2.3)."""


@dataclass(frozen=True, slots=True, repr=False)
class Oauth:
    """Where access tokens come from: by a `refresh_token` of the user, else for the application itself."""

    token_url: str = option(Plain(), "Where access tokens are made, such as `https://oauth2.googleapis.com/token`.")
    client_id: str = option(Plain(), "The application's id.")
    client_secret: str = option(Plain(), "The application's secret, as `${NAME}` from the environment.", "")
    refresh_token: str = option(Plain(), "The user's refresh token, as `${NAME}` from the environment.", "")
    scope: str = option(Plain(), "What the token is for, such as `https://outlook.office365.com/.default`.", "")


OAUTH = GroupOption(Oauth)


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """Who logs in, and by what: exactly one of `password` and `token` says something."""

    user: str
    password: str = ""
    token: str = ""

    @property
    def plain(self) -> bytes:
        """What AUTH PLAIN carries (RFC 4616)."""
        return f"\0{self.user}\0{self.password}".encode()

    def bearer(self, mechanism: str, host: str, port: int) -> str:
        """What the mechanism carries to that server."""
        if mechanism == XOAUTH2:
            return f"user={self.user}\1auth=Bearer {self.token}\1\1"
        user = self.user.replace("=", "=3D").replace(",", "=2C")
        return f"n,a={user},\1host={host}\1port={port}\1auth=Bearer {self.token}\1\1"


def login_faults(options: Mapping[str, Any], *, needed: bool) -> Iterator[Fault]:
    """Two ways to log in at once, none where one is `needed`, and ways that cannot lead anywhere."""
    oauth = options.get("oauth")
    if not isinstance(oauth, Mapping) or not oauth:
        if not options.get("password") and (needed or options.get("user")):
            yield Fault("", "there is a `user` and no way to log in", "add `password: ${NAME}`, or `oauth`")
        return
    if options.get("password"):
        yield Fault("oauth", "a mailbox is logged in to by one thing, and `password` is there too", "keep one of them")
    if not options.get("user"):
        yield Fault("oauth", "nobody says whose mailbox it is", "add `user`, its address")
    if not oauth.get("refresh_token") and not oauth.get("client_secret"):
        yield Fault("oauth", "there is nothing to get a token with", "add `refresh_token`, `client_secret`, or both")
    try:
        parse_target(str(oauth.get("token_url") or ""))
    except BadRequestError:
        yield Fault("oauth", "`token_url` is no http or https address", "see docs/connect for your provider's")


def token_of(channel: ChannelType, said: Mapping[str, Any]) -> AccessToken | None:
    """What makes the access tokens of a channel's `oauth`; None where it has none."""
    if not said:
        return None
    names = ("client_id", "client_secret", "refresh_token", "scope")
    fields = {name: str(said[name]) for name in names if said.get(name)}
    if "refresh_token" not in fields:
        fields["grant_type"] = "client_credentials"
    return AccessToken(Http(channel), channel.context, str(said["token_url"]), fields)
