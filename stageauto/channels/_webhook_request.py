"""What a webhook delivery puts on the wire: method, body, headers and signature (Standard Webhooks)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from stageauto.channels._http_parts import BadRequestError, Body, clean_headers, form_body, json_body
from stageauto.channels.base import reveal

METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
# Beside what the transport writes itself.
RESERVED = frozenset(["idempotency-key", "webhook-id", "webhook-signature", "webhook-timestamp"])
STANDARD_PREFIX = "whsec_"


def method_of(message: Mapping[str, Any]) -> str:
    """The method, POST by default. Raises BadRequestError."""
    method = str(message.get("method") or "POST").upper()
    if method not in METHODS:
        raise BadRequestError(f"{method[:40]!r} is no method", "bad_method")
    return method


def body_of(message: Mapping[str, Any]) -> Body:
    """The body, an empty one where the message has none. Raises BadRequestError."""
    try:
        if message.get("json") is not None:
            return json_body(message["json"])
        if message.get("form") is not None:
            return form_body(message["form"])
        if message.get("body") is not None:
            return Body(str(message["body"]).encode(), "text/plain; charset=utf-8")
    except (TypeError, ValueError) as error:
        raise BadRequestError(f"the body cannot be written: {error}", "bad_body") from error
    return Body()


def headers_of(message: Mapping[str, Any]) -> dict[str, str]:
    """The message's headers, lower-case, each once. Raises BadRequestError for one that is not its to set."""
    return clean_headers(message.get("headers") or {}, RESERVED)


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
