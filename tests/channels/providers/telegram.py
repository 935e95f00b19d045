"""A stand-in for Telegram's Bot API: checks the token, the chat, the text, the files, and words errors as it does."""

from __future__ import annotations

import json
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from tests.channels.providers.stand_in import Reply, Request, StandIn

TOKEN = "123456:AAE-throwaway_token_of_tests"
OPEN, STAFF, BLOCKED, GONE = 555, 556, 666, 777
WORDS = {
    400: "Bad Request: message text is empty",
    401: "Unauthorized",
    403: "Forbidden: bot was blocked by the user",
    404: "Not Found",
    429: "Too Many Requests: retry after 7",
    500: "Internal Server Error",
}


class Telegram(StandIn):
    """`sent` is every message it took: chat, text and files by name."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[dict[str, Any]] = []

    def refuse(self, status: int) -> Reply:
        return self._no(status, WORDS.get(status, "Error"), {"retry_after": 7} if status == 429 else None)

    @staticmethod
    def _no(status: int, words: str, parameters: dict[str, Any] | None = None) -> Reply:
        body: dict[str, Any] = {"ok": False, "error_code": status, "description": words}
        return Reply(status, {**body, "parameters": parameters} if parameters else body)

    def serve(self, request: Request) -> Reply:
        parts = request.path.split("/")
        if request.method != "POST" or len(parts) != 3 or not parts[1].startswith("bot"):
            return self.refuse(404)
        if parts[1] != f"bot{TOKEN}":
            return self.refuse(401)
        fields, files = _read(request)
        takes = {
            "sendMessage": self._text,
            "sendPhoto": self._one,
            "sendDocument": self._one,
            "sendMediaGroup": self._album,
        }
        take = takes.get(parts[2])
        if take is None:
            return self.refuse(404)
        chat = fields.get("chat_id")
        if str(chat) == str(BLOCKED):
            return self.refuse(403)
        if str(chat) not in (str(OPEN), str(STAFF)):
            return self._no(400, "Bad Request: chat not found")
        return take(parts[2], fields, files)

    def _text(self, _: str, fields: dict[str, Any], __: dict[str, bytes]) -> Reply:
        text = fields.get("text", "")
        if not isinstance(fields["chat_id"], int) or not text:
            return self.refuse(400)
        if len(text.encode("utf-16-le")) // 2 > 4096:
            return self._no(400, "Bad Request: message is too long")
        return self._took({"text": text, "files": {}})

    def _one(self, method: str, fields: dict[str, Any], files: dict[str, bytes]) -> Reply:
        name = method.removeprefix("send").lower()
        if name not in files:
            return self._no(400, f"Bad Request: there is no {name} in the request")
        if len(fields.get("caption", "")) > 1024:
            return self._no(400, "Bad Request: message caption is too long")
        return self._took({"text": fields.get("caption", ""), "files": files, "as": name})

    def _album(self, _: str, fields: dict[str, Any], files: dict[str, bytes]) -> Reply:
        media = json.loads(fields["media"])
        wanted = [one["media"].removeprefix("attach://") for one in media]
        if (
            not 2 <= len(media) <= 10
            or sorted(wanted) != sorted(files)
            or {one["type"] for one in media} != {"document"}
        ):
            return self._no(400, "Bad Request: wrong type of the album")
        self._took({"text": media[-1].get("caption", ""), "files": files, "as": "album"})
        numbers = [{"message_id": len(self.sent) + number, "chat": {"id": OPEN}} for number in range(len(media))]
        return Reply(200, {"ok": True, "result": numbers})

    def _took(self, message: dict[str, Any]) -> Reply:
        self.sent.append(message)
        result = {"message_id": len(self.sent), "chat": {"id": OPEN, "type": "private"}, "date": 1_772_438_400}
        return Reply(200, {"ok": True, "result": result})


def _read(request: Request) -> tuple[dict[str, Any], dict[str, bytes]]:
    kind = request.headers.get("content-type", "")
    if kind == "application/json":
        return request.json, {}
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    fields, files = {}, {}
    for part in BytesParser(policy=HTTP).parsebytes(head + request.body).iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if part.get_filename() is None:
            fields[name] = content.decode()
        else:
            files[name] = content
    return fields, files
