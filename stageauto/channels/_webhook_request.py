"""What a webhook delivery puts on the wire: checked URL, headers, body and signature (Standard Webhooks)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from stageauto.channels.base import reveal

if TYPE_CHECKING:
    from httpx2 import URL

METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
VALUE = re.compile(r"[\x20-\x7e\x80-\xff\t]*")
OURS = frozenset(
    [
        "connection",
        "content-length",
        "expect",
        "host",
        "idempotency-key",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    ]
)
STANDARD_PREFIX = "whsec_"


class BadRequestError(Exception):
    """A request that cannot be sent as it stands: a sentence, and a code."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes."""

    url: URL
    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The Host header (RFC 9110, 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"http": 80, "https": 443}[self.scheme]
        return host if self.port == usual else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: what may share credentials."""
        return f"{self.scheme}://{self.authority}"


def parse_target(text: str) -> Target:
    """Raises BadRequestError for what is no plain http or https URL."""
    from httpx2 import URL, InvalidURL

    try:
        url = URL(text.strip())
    except (InvalidURL, TypeError, UnicodeError) as error:
        raise BadRequestError(f"{text.strip()[:200]!r} is no URL: {error}", "bad_url") from error
    if url.scheme not in {"http", "https"} or not url.raw_host:
        raise BadRequestError(f"{text.strip()[:200]!r} is no http or https URL", "bad_url")
    if url.userinfo:
        raise BadRequestError("a URL with a password in it would be seen in every timeline", "bad_url")
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    return Target(url.copy_with(fragment=None), url.scheme, url.raw_host.decode("ascii"), port)


def method_of(message: Mapping[str, Any]) -> str:
    """The method, POST by default. Raises BadRequestError."""
    method = str(message.get("method") or "POST").upper()
    if method not in METHODS:
        raise BadRequestError(f"{method[:40]!r} is no method", "bad_method")
    return method


def body_of(message: Mapping[str, Any]) -> tuple[bytes, str]:
    """The body and its content type; no body and "" where the message has none. Raises BadRequestError."""
    try:
        if message.get("json") is not None:
            text = json.dumps(message["json"], ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            return text.encode(), "application/json"
        if message.get("form") is not None:
            return urlencode(message["form"], doseq=True).encode(), "application/x-www-form-urlencoded"
        if message.get("body") is not None:
            return str(message["body"]).encode(), "text/plain; charset=utf-8"
    except (TypeError, ValueError) as error:
        raise BadRequestError(f"the body cannot be written: {error}", "bad_body") from error
    return b"", ""


def headers_of(message: Mapping[str, Any], content_type: str) -> dict[str, str]:
    """The message's headers, lower-case, each once. Raises BadRequestError for one that is not its to set."""
    headers = {"content-type": content_type} if content_type else {}
    seen: set[str] = set()
    for name, value in (message.get("headers") or {}).items():
        lower = str(name).lower()
        text = str(value).strip()
        if not TOKEN.fullmatch(lower) or lower in OURS or lower in seen or not VALUE.fullmatch(text):
            raise BadRequestError(f"the header {str(name)[:60]!r} cannot be set so", "bad_header")
        seen.add(lower)
        headers[lower] = text
    return headers


def wire_key(key: str) -> str:
    """The key as it stands in headers: what is no letter, digit, `-` or `_` as %XX, so that no `.` is in it."""
    return quote(key, safe="").replace(".", "%2E").replace("~", "%7E")


def signature(secret: Any, key: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of Standard Webhooks. `secret`: `whsec_` and base64, or any text. Raises BadRequestError."""
    text = str(reveal(secret) or "")
    if text.startswith(STANDARD_PREFIX):
        try:
            shared = base64.b64decode(text.removeprefix(STANDARD_PREFIX) + "==")
        except binascii.Error:
            raise BadRequestError("the hook's secret is no base64 after `whsec_`", "bad_secret") from None
    else:
        shared = text.encode()
    if not shared:
        raise BadRequestError("the hook has an empty secret", "bad_secret")
    mark = hmac.new(shared, f"{key}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": key,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": "v1," + base64.b64encode(mark).decode(),
    }
