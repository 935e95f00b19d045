"""A stand-in for the API of VK Ads: lists of users, and the tokens for it."""

from __future__ import annotations

import re
from typing import Any

from tests.channels.providers.multipart import parts
from tests.channels.providers.stand_in import Reply, Request, StandIn

CLIENT = {"client_id": "vk-client", "client_secret": "vk-s3cret", "refresh_token": "vk-r3fresh"}
LISTS = {"emails": 700, "phones": 701}
FEWEST = 25
CODES = {400: "validation_failed", 401: "expired_token", 403: "forbidden", 429: "rate_limit_exceeded"}


class Vk(StandIn):
    """`members`: what is in each list; `log`: every hash that came, with the way it went."""

    def __init__(self, *, digits: int = 32, fewest: int = FEWEST) -> None:
        super().__init__()
        self.members: dict[int, set[str]] = {700: set(), 701: set()}
        self.log: list[tuple[str, str, str]] = []
        self.made = 0
        self.refused_type = ""
        self._hash = re.compile(rf"[0-9a-f]{{{digits}}}")
        self._fewest = fewest

    def refuse(self, status: int) -> Reply:
        code = CODES.get(status, "internal_error")
        if status == 401:
            return Reply(401, {"code": code, "message": "Access token is expired"})
        return Reply(status, {"error": {"code": code, "message": "Sorry", "fields": {}}})

    def serve(self, request: Request) -> Reply:
        if request.path == "/api/v2/oauth2/token.json":
            return self._token(request)
        if request.headers.get("authorization") != f"Bearer vk-access-{self.made}":
            return self.refuse(401)
        if (request.method, request.path) != ("POST", "/api/v3/remarketing/users_lists.json"):
            return self.refuse(404)
        fields = parts(request)
        kind, base = fields["type"], int(fields["base"])
        values = fields["file"].split()
        if LISTS.get(kind) != abs(base) or not fields["name"] or kind == self.refused_type:
            return self.refuse(400)
        if len(set(values)) < self._fewest or not all(self._hash.fullmatch(value) for value in values):
            return self.refuse(400)
        members = self.members[abs(base)]
        (members.update if base > 0 else members.difference_update)(values)
        self.log += [("add" if base > 0 else "remove", kind, value) for value in values]
        said: dict[str, Any] = {"id": 2500000 + len(self.log), "status": "receiving", "base": base, "type": kind}
        return Reply(201, {**said, "name": fields["name"], "entries_count": len(values), "ids_count": len(values)})

    def _token(self, request: Request) -> Reply:
        if request.form != {"grant_type": "refresh_token", **CLIENT}:
            return Reply(401, {"code": "invalid_client", "message": "Invalid client id or secret provided"})
        self.made += 1
        token = {"access_token": f"vk-access-{self.made}", "expires_in": "86400", "token_type": "bearer"}
        return Reply(200, {**token, "refresh_token": CLIENT["refresh_token"]})
