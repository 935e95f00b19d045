"""An access token that is made from a refresh token and kept as long as it lasts (RFC 6749, 6)."""

from __future__ import annotations

from threading import Lock

from stageauto.channels._http import Answer, Http, short, sort_by_status
from stageauto.channels._http_parts import form_body
from stageauto.channels.base import ChannelContext, Outcome, Retry

EARLY = 60_000
"""Milliseconds before its end at which a token is no longer used."""
USUAL = 3_600


class AccessToken:
    """Several threads may use it at once; only one of them asks for a new one."""

    def __init__(self, http: Http, context: ChannelContext, url: str, fields: dict[str, str]) -> None:
        self._http = http
        self._context = context
        self._url = url
        self._fields = {"grant_type": "refresh_token", **fields}
        self._lock = Lock()
        self._token = ""
        self._ends = 0

    def get(self) -> str | Outcome:
        """The token, or the outcome of every try without one: it is asked for again when they are tried again."""
        with self._lock:
            if self._token and self._context.now() < self._ends - EARLY:
                return self._token
            return self._new()

    def drop(self, token: str) -> None:
        """The service knows this token no longer."""
        with self._lock:
            if token == self._token:
                self._token = ""

    def _new(self) -> str | Outcome:
        got = self._http.request("POST", self._url, body=form_body(self._fields))
        if not isinstance(got, Answer):
            return got
        document = got.document()
        token = document.get("access_token")
        if got.status == 200 and isinstance(token, str) and token:
            self._token = token
            self._ends = self._context.now() + _seconds(document.get("expires_in")) * 1000
            return token
        words = short(str(document.get("error_description") or document.get("message") or document.get("error") or ""))
        refused = sort_by_status(got, self._context.now(), words)
        if isinstance(refused, Retry):
            return refused
        # Somebody has to mend the access; until then its messages wait, as `retry` says.
        return Retry(f"no access token: {got.place}" + (f": {words}" if words else ""))


def _seconds(value: object) -> int:
    text = str(value)
    return min(int(text), 86_400) if text.isascii() and text.isdigit() and len(text) < 10 else USUAL
