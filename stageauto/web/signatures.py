"""Proofs that a request comes from whom it says: Standard Webhooks, a secret in a header, Twilio's own way.

Everything is compared as bytes in constant time: `compare_digest` of texts raises for letters outside ASCII.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from enum import Enum

WINDOW = 300_000
"""Milliseconds that a signed request may be old or ahead: what Standard Webhooks recommends."""
_PREFIX = "whsec_"
_LONGEST_ID = 150


class Verdict(Enum):
    """What became of a proof."""

    GOOD = "good"
    MISSING = "the signature is missing"
    FORGED = "the signature is not ours"
    OLD = "the signature is too old or ahead of time"


def same(given: str, wanted: str) -> bool:
    """Whether two texts are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode("utf-8", "surrogateescape"))


def shared_key(secret: str) -> bytes:
    """The key of a hook's secret: `whsec_` and base64, or any text. b"" where it is none."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX) + "==")
        except binascii.Error:
            return b""
    return secret.encode()


def standard_webhook(secret: str, headers: Mapping[str, str], body: bytes, now: int) -> tuple[Verdict, str]:
    """The verdict and the id of a Standard Webhooks request; `now` in ms UTC.

    https://www.standardwebhooks.com: HMAC-SHA256 of `id.timestamp.body`; several signatures may stand in one header.
    """
    key = shared_key(secret)
    given_id, stamp, signatures = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not given_id or not stamp or not signatures:
        return Verdict.MISSING, ""
    if not key or len(given_id) > _LONGEST_ID or not given_id.isascii() or not given_id.isprintable():
        return Verdict.FORGED, ""
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        return Verdict.FORGED, ""
    mark = hmac.new(key, f"{given_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    wanted = base64.b64encode(mark).decode("ascii")
    good = False
    for one in signatures.split()[:10]:
        version, _, value = one.partition(",")
        good |= version == "v1" and same(value, wanted)
    if not good:
        return Verdict.FORGED, ""
    return (Verdict.GOOD, given_id) if abs(now - int(stamp) * 1000) <= WINDOW else (Verdict.OLD, given_id)


def twilio(token: str, url: str, pairs: Sequence[tuple[str, str]], given: str) -> Verdict:
    """The verdict on Twilio's `X-Twilio-Signature`: HMAC-SHA1 of the URL and the sorted form fields, base64.

    https://www.twilio.com/docs/usage/security: each name and value behind the URL, without anything between; the same
    pair only once.
    """
    if not given:
        return Verdict.MISSING
    text = url + "".join(f"{name}{value}" for name, value in sorted(set(pairs)))
    mark = hmac.new(token.encode(), text.encode("utf-8", "surrogateescape"), hashlib.sha1).digest()
    return Verdict.GOOD if same(given, base64.b64encode(mark).decode("ascii")) else Verdict.FORGED
