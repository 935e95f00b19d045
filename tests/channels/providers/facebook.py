"""A stand-in for the Marketing API of Meta: adding users to a custom audience and taking them out."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import Any

from tests.channels.providers.stand_in import Reply, Request, StandIn

TOKEN, APP_SECRET, AUDIENCE = "EAAB-t0ken", "app-s3cret", "23842000"
HASH = re.compile(r"[0-9a-f]{64}")
MOST_ROWS = 10_000
CODES = {400: 100, 401: 190, 403: 200, 429: 80003, 500: 2}
WORDS = {
    100: "Invalid parameter",
    190: "Error validating access token: Session has expired on Monday, 02-Mar-26.",
    200: "(#200) Permissions error",
    80003: "There have been too many calls to this ad-account's custom audiences. Wait a bit and try again.",
    2: "An unexpected error has occurred. Please retry your request later.",
    2650: "Failed to update the custom audience",
}


class Facebook(StandIn):
    """`members`: what is in the audience; `log`: every row that came, with the way it went."""

    def __init__(self, *, proof: bool = False) -> None:
        super().__init__()
        self.members: set[str] = set()
        self.log: list[tuple[str, tuple[str, ...]]] = []
        self.bad: set[str] = set()  # hashes that it calls invalid entries
        self.most_rows = MOST_ROWS
        self.code = 0  # answers this error once
        self.answer: Reply | None = None  # or this
        self.sessions: set[int] = set()
        self._proof = proof

    def refuse(self, status: int) -> Reply:
        return self.error(CODES.get(status, 100), status)

    def error(self, code: int, status: int = 400, **more: Any) -> Reply:
        """As the Graph API words an error."""
        said = {
            "message": WORDS.get(code, "Unknown"),
            "type": "OAuthException",
            "code": code,
            "fbtrace_id": "Az",
            **more,
        }
        return Reply(status, {"error": said})

    def serve(self, request: Request) -> Reply:
        form = request.form
        if request.path != f"/v25.0/{AUDIENCE}/users" or request.method not in {"POST", "DELETE"}:
            return self.error(100, 404, error_subcode=33)
        if form.get("access_token") != TOKEN:
            return self.refuse(401)
        proof = hmac.new(APP_SECRET.encode(), TOKEN.encode(), hashlib.sha256).hexdigest()
        if self._proof and form.get("appsecret_proof") != proof:
            return self.error(100, 400, message="API calls from the server require an appsecret_proof argument")
        if self.answer is not None:
            return self.answer
        if self.code:
            code, self.code = self.code, 0
            return self.error(code)
        payload, session = json.loads(form["payload"]), json.loads(form["session"])
        rows = payload["data"]
        if payload["schema"] != ["EMAIL", "PHONE"] or not rows or len(rows) > self.most_rows:
            return self.refuse(400)
        if (
            session["session_id"] in self.sessions
            or session["batch_seq"] != 1
            or session["last_batch_flag"] is not True
        ):
            return self.error(2650, 400, error_subcode=1870145)
        self.sessions.add(session["session_id"])
        return self._take(request.method, rows)

    def _take(self, method: str, rows: list[list[str]]) -> Reply:
        invalid = 0
        for row in rows:
            filled = tuple(value for value in row if value)
            if not filled or self.bad & set(filled) or not all(HASH.fullmatch(value) for value in filled):
                invalid += 1
                continue
            self.log.append(("add" if method == "POST" else "remove", filled))
            (self.members.update if method == "POST" else self.members.difference_update)(filled)
        answer = {"audience_id": AUDIENCE, "session_id": "1", "num_received": len(rows), "num_invalid_entries": invalid}
        return Reply(200, {**answer, "invalid_entry_samples": {}})
