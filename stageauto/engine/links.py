"""Personal links: addresses that one customer got, with a token that nobody can guess.

A token is HMAC-SHA256 of the state's own secret over where the link was made (run, occurrence, kind, number), so that a
decision that is made again gives the same one. The state keeps its SHA-256 only: who reads the state cannot follow
anybody's link.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Final

PATHS: Final[Mapping[str, str]] = {
    "open": "/o/{}.gif",
    "unsubscribe": "/u/{}",
    "document": "/d/{}",
}
"""Where the link of each kind leads, below `base_url`."""
OTHER_PATH: Final = "/l/{}"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
HEX_LETTERS: Final = "0123456789abcdef"
HEX_LENGTH: Final = 64


def make_token(secret: str, place: str) -> str:
    """The token of the link made at that place: 256 bit as 43 letters of base64url (RFC 4648, 5), without padding."""
    digest = hmac.new(secret.encode(), place.encode(), hashlib.sha256).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def is_token(text: str) -> bool:
    """True for what can be a token at all: 43 letters of base64url."""
    return _TOKEN.fullmatch(text) is not None


def hash_of(token: str) -> str:
    """What the state knows a token by: its SHA-256 as hex. A token has 256 bit of chance, so no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def url_of(base_url: str, kind: str, token: str) -> str:
    """The address of a link of that kind."""
    return base_url.rstrip("/") + PATHS.get(kind, OTHER_PATH).format(token)
