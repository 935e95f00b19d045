"""What HTTP requests are made of: checked URLs, headers, and bodies with their content types."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from httpx2 import URL

TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
VALUE = re.compile(r"[\x20-\x7e\x80-\xff\t]*")
# Written by the transport alone: with any of these a request could be made to look like two.
OURS = frozenset(
    [
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)


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
    port = {"http": 80, "https": 443}[url.scheme] if url.port is None else url.port
    return Target(url.copy_with(fragment=None), url.scheme, url.raw_host.decode("ascii"), port)


def clean_headers(headers: Mapping[str, Any], reserved: Iterable[str] = ()) -> dict[str, str]:
    """The headers with lower-case names, each once. Raises BadRequestError for one that is not the caller's to set."""
    clean: dict[str, str] = {}
    for name, value in headers.items():
        lower, text = str(name).lower(), str(value).strip()
        ours = lower in OURS or lower in reserved
        if ours or lower in clean or not TOKEN.fullmatch(lower) or not VALUE.fullmatch(text):
            raise BadRequestError(f"the header {str(name)[:60]!r} cannot be set so", "bad_header")
        clean[lower] = text
    return clean


@dataclass(frozen=True, slots=True, repr=False)
class Body:
    """The bytes of a body and their content type; none and "" for a request without one."""

    content: bytes = b""
    type: str = ""


def json_body(value: Any) -> Body:
    """The value as JSON in UTF-8. Raises TypeError and ValueError for what JSON does not know (NaN too)."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Body(text.encode(), "application/json")


def form_body(fields: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> Body:
    """The fields as an HTML form sends them; a list gives its name once for each value."""
    pairs = fields if isinstance(fields, Mapping) else list(fields)
    return Body(urlencode(pairs, doseq=True).encode(), "application/x-www-form-urlencoded")


@dataclass(frozen=True, slots=True)
class Part:
    """A file in a multipart body."""

    name: str
    filename: str
    content: bytes
    type: str = "application/octet-stream"


def multipart_body(fields: Mapping[str, Any], files: Iterable[Part]) -> Body:
    """Fields and files as multipart/form-data (RFC 7578); the same input gives the same bytes."""
    parts = [(_disposition(name), str(value).encode()) for name, value in fields.items()]
    parts += [
        (f'{_disposition(one.name)}; filename="{_quoted(one.filename)}"\r\nContent-Type: {one.type}', one.content)
        for one in files
    ]
    # A boundary made of the content itself cannot stand in it.
    mark = hashlib.sha256(b"\0".join(head.encode() + b"\0" + content for head, content in parts)).hexdigest()[:40]
    pieces = [f"--{mark}\r\n{head}\r\n\r\n".encode() + content + b"\r\n" for head, content in parts]
    return Body(b"".join(pieces) + f"--{mark}--\r\n".encode(), f"multipart/form-data; boundary={mark}")


def _disposition(name: str) -> str:
    return f'Content-Disposition: form-data; name="{_quoted(name)}"'


def _quoted(text: str) -> str:
    """As browsers write names (the multipart algorithm of the HTML standard), without other control characters."""
    plain = text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    return "".join(ch for ch in plain if ch.isprintable())


def basic(user: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
