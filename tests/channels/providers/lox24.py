"""A stand-in for LOX24's REST API v2: its checks, its errors, and its lock after three bad logins in a minute."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.channels.providers.stand_in import Reply, Request, StandIn
from tests.channels.support import NOW

TOKEN = "1234567:e3f3a759b6677959b6ebfcaa"
SENDER = re.compile(r"\+?[1-9]\d{0,14}|[a-zA-Z0-9 ]{1,11}")
PHONE = re.compile(r"\+[1-9]\d{1,14}")
WORDS = {
    400: "Bad Request",
    401: "Invalid credentials.",
    402: "There are not enough funds on your account!",
    403: "Account isn't activated.",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
}
BAD_LOGINS = 3


class Lox24(StandIn):
    """Keeps what it took in `messages`."""

    def __init__(self, now: Callable[[], int] = lambda: NOW) -> None:
        super().__init__()
        self.messages: list[dict[str, Any]] = []
        self.linked_data = False
        self._now = now
        self._bad: list[int] = []
        self.locked_until = 0

    def serve(self, request: Request) -> Reply:
        if self._now() < self.locked_until:
            return self.refuse(429)
        if request.headers.get("x-lox24-auth-token") != TOKEN:
            return self._bad_login()
        if request.path != "/sms":
            return self.refuse(404)
        return self._list(request) if request.method == "GET" else self._send(request)

    def refuse(self, status: int) -> Reply:
        if status < 400:
            return Reply(status, b"", {"location": f"{self.url}/elsewhere"})
        said = {"type": "about:blank", "title": "An error occurred", "detail": WORDS.get(status, "?"), "status": status}
        return Reply(status, said, {"x-lox24-request-id": "0" * 32})

    def _bad_login(self) -> Reply:
        self._bad = [one for one in self._bad if one > self._now() - 60_000] + [self._now()]
        if len(self._bad) > BAD_LOGINS:
            self.locked_until = self._now() + 600_000
        return self.refuse(401)

    def _send(self, request: Request) -> Reply:
        if request.headers.get("content-type") != "application/json":
            return self.refuse(400)
        said = request.json
        faults = _faults(said)
        if faults:
            listed = [{"propertyPath": name, "message": why} for name, why in faults]
            detail = "\n".join(f"{name}: {why}" for name, why in faults)
            return Reply(422, {"title": "An error occurred", "detail": detail, "violations": listed})
        number = len(self.messages) + 1
        made = said | {
            "uuid": f"20f39273-0566-11ea-a637-{number:012x}",
            "status_code": 0,
            "price": 0.079,
            "parts_count": 1,
        }
        self.messages.insert(0, made)
        return Reply(201, made)

    def _list(self, request: Request) -> Reply:
        wanted = request.query.get("callback_data", "")
        found = [one for one in self.messages if wanted in one["callback_data"]]  # its filters find parts of words, too
        return Reply(200, {"hydra:member": found, "hydra:totalItems": len(found)} if self.linked_data else found)


def _faults(said: dict[str, Any]) -> list[tuple[str, str]]:
    faults = []
    if not SENDER.fullmatch(said.get("sender_id") or ""):
        faults.append(("sender_id", "This value is not valid."))
    if not PHONE.fullmatch(said.get("phone") or "") or said["phone"] == "+48500000000":
        faults.append(("phone", "This value is not a valid phone number."))
    text = said.get("text") or ""
    if not text:
        faults.append(("text", "This value should not be blank."))
    if len(text) > (670 if said.get("is_unicode") else 1530):
        faults.append(("text", "This value is too long."))
    if said.get("service_code") not in {"direct", "economy"}:
        faults.append(("service_code", "The value you selected is not a valid choice."))
    return faults
