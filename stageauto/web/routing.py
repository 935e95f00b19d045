"""Requests and answers as the routes see them, and which route answers what. Nothing here knows the HTTP library."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from stageauto.web.bodies import NoBodyError, fields_of

if TYPE_CHECKING:
    from stageauto.web.site import Site

HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
_SEGMENT = re.compile(r"[A-Za-z0-9._~@+-]{1,200}")
_KB = 1024
FREE = 0
"""The cost of what is answered however much its address asked for: it has to prove itself, or is next to nothing."""


class HttpError(Exception):
    """A request that is answered with an error: its status, and a sentence that tells nothing of the inside."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class Request:
    """One request, its body read. Names of headers are lower case; `address` is the customer's, behind proxies too.

    `arguments` are what the route's `{name}`s stand for.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    address: str
    body: bytes = b""
    arguments: Mapping[str, str] = field(default_factory=dict)
    raw_query: str = ""

    @property
    def content_type(self) -> str:
        """The media type alone, lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """The body as JSON. Raises HttpError 400 for what is none."""
        try:
            return json.loads(self.body.decode("utf-8"))
        except (ValueError, RecursionError):
            raise HttpError(400, "the body is no JSON") from None

    def fields(self) -> dict[str, str]:
        """The body of a form: urlencoded, multipart (files left out) or a flat JSON object. Raises HttpError 400."""
        try:
            return fields_of(self.body, self.headers.get("content-type", ""))
        except NoBodyError as error:
            raise HttpError(400, str(error)) from None

    def wants_html(self) -> bool:
        """True for a browser, which shows what it gets to a person."""
        return "text/html" in self.headers.get("accept", "")

    def wants_json(self) -> bool:
        """True for a script that says so."""
        return "application/json" in self.headers.get("accept", "") and not self.wants_html()


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    status: int = 200
    body: bytes = b""
    kind: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[["Site", Request], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Route:
    """What answers a path. In `path` a segment `{name}`, or `{name}` with an ending such as `{token}.gif`, is any one.

    `most`: bytes of the body at the most. `cost`: what it takes from its address's allowance. `slow`: it may hold its
    answer back (long polling).
    """

    method: str
    path: str
    handler: Handler
    most: int = 64 * _KB
    cost: int = 1
    slow: bool = False


def text(sentence: str, status: int = 200, **headers: str) -> Reply:
    """A line of plain text."""
    return Reply(status, f"{sentence}\n".encode("utf-8", "backslashreplace"), TEXT, headers)


def data(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A JSON document."""
    encoded = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    return Reply(status, encoded + b"\n", JSON, headers or {})


def redirect(target: str, status: int = 303, headers: Mapping[str, str] | None = None) -> Reply:
    """Sends the browser on. `target` never comes from the request."""
    safe = "".join(ch if ch.isascii() and ch.isprintable() and ch not in '<>"\\ ' else "" for ch in target)
    return Reply(status, b"", TEXT, {**(headers or {}), "Location": safe, "Cache-Control": "no-store"})


class Router:
    """Finds the route of a request. `base`: the path of `base_url`, which a proxy may have left in place."""

    def __init__(self, routes: Iterable[Route], base: str = "") -> None:
        self._base = base.rstrip("/")
        self._exact: dict[str, dict[str, Route]] = {}
        self._shaped: list[tuple[re.Pattern[str], dict[str, Route]]] = []
        shapes: dict[str, dict[str, Route]] = {}
        for one in routes:
            table = self._exact if "{" not in one.path else shapes
            methods = table.setdefault(one.path, {})
            assert one.method not in methods, f"two routes answer {one.method} {one.path}"
            methods[one.method] = one
        self._shaped = [(_pattern(path), methods) for path, methods in shapes.items()]

    def find(self, method: str, raw_path: str) -> tuple[Route, str, dict[str, str]]:
        """The route, the path below the base, and what its names stand for. Raises HttpError 404 or 405."""
        path = self._plain(raw_path)
        methods = self._exact.get(path)
        arguments: dict[str, str] = {}
        if methods is None:
            methods, arguments = self._by_shape(path)
        if methods is None:
            raise HttpError(404, "there is nothing here")
        wanted = "GET" if method == "HEAD" and "HEAD" not in methods else method
        if wanted not in methods:
            raise HttpError(405, "not in this way", {"Allow": ", ".join(sorted(methods))})
        return methods[wanted], path, arguments

    def _plain(self, raw_path: str) -> str:
        """The path decoded once; only letters of names are taken, so that no decoded `..` or `/` means a thing."""
        path = raw_path
        if self._base and (path == self._base or path.startswith(f"{self._base}/")):
            path = path[len(self._base) :] or "/"
        segments = path.split("/")
        if segments[0] or len(segments) > 8:
            raise HttpError(404, "there is nothing here")
        found = [_segment(one) for one in segments[1:]]
        return "/" + "/".join(found)

    def _by_shape(self, path: str) -> tuple[dict[str, Route] | None, dict[str, str]]:
        for pattern, methods in self._shaped:
            match = pattern.fullmatch(path)
            if match is not None:
                return methods, match.groupdict()
        return None, {}


def _segment(raw: str) -> str:
    try:
        one = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise HttpError(404, "there is nothing here") from None
    if one and (not _SEGMENT.fullmatch(one) or one in (".", "..")):
        raise HttpError(404, "there is nothing here")
    return one


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", path)
    return re.compile("".join(re.escape(one) if not at % 2 else f"(?P<{one}>[^/]+?)" for at, one in enumerate(parts)))
