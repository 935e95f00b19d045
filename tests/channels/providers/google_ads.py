"""Stand-ins for Google: the OAuth server, and the Data Manager API for Customer Match lists."""

from __future__ import annotations

import re
from typing import Any

from tests.channels.providers.stand_in import Reply, Request, StandIn

CLIENT = {"client_id": "id.apps.googleusercontent.com", "client_secret": "GOCSPX-s3cret", "refresh_token": "1//r3fresh"}
ACCOUNT, LIST = "1234567890", "9001"
HASH = re.compile(r"[0-9a-f]{64}")
MOST_MEMBERS, MOST_IDENTIFIERS = 10_000, 10
STATUS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE",
}  # fmt: skip


class Tokens(StandIn):
    """Makes access tokens; each is worth an hour."""

    def __init__(self, client: dict[str, str]) -> None:
        super().__init__()
        self.client = client
        self.made = 0
        self.path = "/token"

    @property
    def token(self) -> str:
        """The one that counts."""
        return f"ya29.access-{self.made}"

    def refuse(self, status: int) -> Reply:
        return Reply(status, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."})

    def serve(self, request: Request) -> Reply:
        if request.path != self.path or request.form != {"grant_type": "refresh_token", **self.client}:
            return self.refuse(400)
        self.made += 1
        return Reply(
            200, {"access_token": self.token, "expires_in": 3599, "token_type": "Bearer", "scope": "datamanager"}
        )


class GoogleAds(StandIn):
    """`members`: what is in the list; `log`: every entry that was taken, with the way it went."""

    def __init__(self, tokens: Tokens) -> None:
        super().__init__()
        self.tokens = tokens
        self.members: set[str] = set()
        self.log: list[tuple[str, tuple[str, ...]]] = []
        self.bodies: list[dict[str, Any]] = []
        self.bad: set[str] = set()  # hashes that it says are malformed
        self.answer: Reply | None = None  # whatever comes

    def refuse(self, status: int) -> Reply:
        return self.error(status, [])

    def error(self, status: int, details: list[dict[str, Any]], headers: dict[str, str] | None = None) -> Reply:
        """google.rpc.Status as JSON."""
        told = {"code": status, "message": f"There was a problem {status}.", "status": STATUS.get(status, "UNKNOWN")}
        return Reply(status, {"error": {**told, "details": details}}, headers or {})

    def serve(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {self.tokens.token}":
            return self.refuse(401)
        if self.answer is not None:
            return self.answer
        way = {"/v1/audienceMembers:ingest": "add", "/v1/audienceMembers:remove": "remove"}.get(request.path)
        if way is None or request.method != "POST":
            return self.refuse(404)
        body = request.json
        self.bodies.append(body)
        (destination,) = body["destinations"]
        if destination["operatingAccount"] != {"accountType": "GOOGLE_ADS", "accountId": ACCOUNT}:
            return self.refuse(403)
        if destination["productDestinationId"] != LIST or body["encoding"] != "HEX":
            return self.refuse(400)
        if way == "remove" and body.keys() - {"destinations", "audienceMembers", "validateOnly", "encoding"}:
            return self.refuse(400)
        violations = list(self._violations(body["audienceMembers"]))
        if violations:
            return self.error(
                400, [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}]
            )
        for one in body["audienceMembers"]:
            values = tuple(value for found in one["userData"]["userIdentifiers"] for value in found.values())
            self.log.append((way, values))
            (self.members.update if way == "add" else self.members.difference_update)(values)
        return Reply(200, {"requestId": f"r-{len(self.bodies)}"})

    def _violations(self, people: list[dict[str, Any]]) -> Any:
        if not people or len(people) > MOST_MEMBERS:
            yield {"field": "audience_members", "reason": "TOO_MANY_AUDIENCE_MEMBERS", "description": "Too many."}
        for index, one in enumerate(people):
            identifiers = one["userData"]["userIdentifiers"]
            if not 0 < len(identifiers) <= MOST_IDENTIFIERS:
                field = f"audience_members[{index}].user_data.user_identifiers"
                yield {"field": field, "reason": "TOO_MANY_USER_IDENTIFIERS", "description": "Too many."}
            for place, found in enumerate(identifiers):
                ((name, value),) = found.items()
                if name not in {"emailAddress", "phoneNumber"} or not HASH.fullmatch(value) or value in self.bad:
                    field = f"audience_members[{index}].user_data.user_identifiers[{place}]"
                    yield {"field": field, "reason": "INVALID_SHA256_FORMAT", "description": "It is malformed."}
