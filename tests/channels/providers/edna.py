"""A stand-in for edna Pulse: checks the key, the cascade, the number and that the text is an approved template's."""

from __future__ import annotations

import re
from typing import Any

from tests.channels.providers.stand_in import Reply, Request, StandIn

KEY = "0a1b2c3d-throwaway-key-of-tests"
CASCADE, SUBJECT = 11, 145
TITLES = {400: "Bad Request", 401: "Unauthorized", 429: "Too Many Requests", 500: "Internal Server Error"}


def template(number: int, name: str, language: str, text: str, **more: Any) -> dict[str, Any]:
    content = {
        "text": text,
        "header": None,
        "footer": None,
        "keyboard": None,
        "attachment": None,
        **more.pop("content", {}),
    }
    said = {"id": number, "name": name, "channelType": "WHATSAPP", "language": language, "contentType": "TEXT"}
    return {**said, "status": "APPROVED", "locked": False, "content": content, **more}


BUTTON = {"rows": [{"buttons": [{"text": "Track", "buttonType": "URL", "url": "https://acme.test/t"}]}]}
LISTED = [
    template(
        1, "shipped", "PL", "Zamówienie {{1}} jedzie: {{2}}", content={"footer": {"text": "Acme"}, "keyboard": BUTTON}
    ),
    template(2, "shipped", "EN", "Order {{1}} is on its way: {{2}}"),
    template(3, "welcome", "EN", "Welcome!", content={"header": {"headerType": "TEXT", "text": "Hi {{1}}"}}),
    template(4, "fresh", "EN", "New", status="PENDING"),
    template(5, "closed", "EN", "Locked", locked=True),
    template(6, "named", "EN", "Dear {{who}}, see you"),
    {"id": 7, "content": None},
]


class Edna(StandIn):
    """`sent` is every message it took; the same `requestId` is taken once."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[dict[str, Any]] = []

    def refuse(self, status: int) -> Reply:
        return self._no(status, f"error-{status}", TITLES.get(status, "Error"))

    @staticmethod
    def _no(status: int, code: str, words: str) -> Reply:
        return Reply(status, {"title": words, "status": status, "detail": code, "code": code})

    def serve(self, request: Request) -> Reply:
        if request.headers.get("x-api-key") != KEY:
            return self.refuse(401)
        if request.method != "POST" or request.headers.get("content-type") != "application/json":
            return self._no(400, "error-syntax", "Bad Request")
        takes = {
            "/api/cascade/schedule": self._schedule,
            "/api/message-matchers/get-by-request": self._listed,
            "/api/messages/history": self._history,
        }
        take = takes.get(request.path)
        return take(request.json) if take else self._no(404, "error-path", "Not Found")

    def _listed(self, asked: dict[str, Any]) -> Reply:
        if asked.get("subjectId") != SUBJECT:
            return self._no(400, "error-subject-unknown", "Bad Request")
        return Reply(200, LISTED)

    def _schedule(self, asked: dict[str, Any]) -> Reply:
        to, content = asked["subscriberFilter"], asked["content"]["whatsappContent"]
        if asked.get("cascadeId") != CASCADE:
            return self._no(400, "error-cascade", "Cascade template not found")
        if to["type"] != "PHONE" or not re.fullmatch(r"[1-9][0-9]{6,14}", to["address"]):
            return self._no(400, "error-address-format", "Bad Request")
        if not _is_a_templates(content):
            return self._no(400, "error-content-do-not-match-hsm-template", "Bad Request")
        if to["address"].startswith("999"):
            return self._no(400, "error-insufficient-balance", "insufficient funds")
        if any(one["requestId"] == asked["requestId"] for one in self.sent):
            return self._no(400, "error-id-not-unique", "Bad Request")
        self.sent.append(asked)
        return Reply(200, {"requestId": asked["requestId"]})

    def _history(self, asked: dict[str, Any]) -> Reply:
        address = asked["subscriberFilter"]["address"]
        rows = [
            {"messageId": number, "comment": one["comment"], "direction": "OUT", "channelType": "WHATSAPP"}
            for number, one in enumerate(self.sent, 900)
            if one["subscriberFilter"]["address"] == address
        ]
        return Reply(200, {"content": rows[::-1], "hasNext": False})


def _is_a_templates(content: dict[str, Any]) -> bool:
    """WhatsApp takes no other text than that of an approved template with its gaps filled."""
    for one in LISTED:
        said = one.get("content") or {}
        if one["id"] == content.get("messageMatcherId") and one.get("status") == "APPROVED" and not one["locked"]:
            pattern = re.sub(r"\\\{\\\{\w+\\\}\\\}", "[^\n\t]+", re.escape(said["text"]))
            same = all(content.get(name) == said[name] for name in ("footer", "keyboard") if said[name])
            return same and re.fullmatch(pattern, content["text"]) is not None
    return False
