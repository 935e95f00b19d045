"""What Telegram delivers to a bot's webhook, as an event: who wrote what in which chat (Bot API, Update)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from stageauto.engine.links import hash_of, is_token

START: Final = re.compile(r"/start(?:@[A-Za-z0-9_]+)?(?:[ \n]+(\S{1,64}))?\s*", re.ASCII)
FILES: Final = ("document", "photo", "video", "audio", "voice", "animation", "video_note", "sticker")
HIGHEST: Final = 2**63
MOST_OF_TEXT: Final = 4096
MOST_OF_NAME: Final = 200


def telegram_event(update: object, channel: str) -> dict[str, Any] | None:
    """`{type, id, source, data}` of a message that somebody wrote to the bot, or None for any other update.

    `/start` is `chat.started`; a token behind it stands as its SHA-256 in `data.invitation`, since the token itself
    would let others into the chat. All else is `chat.message`. Of groups, channels, other bots and changed messages
    nothing is taken. The id is the same each time Telegram delivers the update.
    """
    found = _mapping(update)
    number, message = found.get("update_id"), _mapping(found.get("message"))
    chat, sender = _mapping(message.get("chat")), _mapping(message.get("from"))
    if not _is_id(number) or chat.get("type") != "private" or not _is_id(chat.get("id")) or sender.get("is_bot"):
        return None
    text = _text(message.get("text") or message.get("caption"), MOST_OF_TEXT)
    start = START.fullmatch(text)
    data = {"channel": channel, "chat": f"telegram:{chat['id']}", **_who(sender, message), **_files(message)}
    if start is None:
        if not text and "attachments" not in data and "phone" not in data:
            return None
        data["text"] = text
    elif start[1] and is_token(start[1]):
        data["invitation"] = hash_of(start[1])
    kind = "chat.message" if start is None else "chat.started"
    return {"type": kind, "id": f"telegram:{channel}:{number}", "source": f"channel:{channel}", "data": data}


def _who(sender: Mapping[str, Any], message: Mapping[str, Any]) -> dict[str, str]:
    """Name, language, and the phone where people shared their own."""
    names = [_text(sender.get(key), MOST_OF_NAME) for key in ("first_name", "last_name")]
    found = {"name": " ".join(one for one in names if one), "language": _text(sender.get("language_code"), 20)}
    shared = _mapping(message.get("contact"))
    if _is_id(shared.get("user_id")) and shared.get("user_id") == sender.get("id"):
        found["phone"] = _text(shared.get("phone_number"), 30)
    return {key: value for key, value in found.items() if value}


def _files(message: Mapping[str, Any]) -> dict[str, Any]:
    """Files by Telegram's own id, by which the bot can fetch them; of a photo the largest size."""
    files = []
    for kind in FILES:
        value = message.get(kind)
        one = _mapping(value[-1] if isinstance(value, list) and value else value)
        if isinstance(one.get("file_id"), str):
            said = {"kind": kind, "file_id": _text(one["file_id"], 300), "name": _text(one.get("file_name"), 200)}
            size = one.get("file_size")
            files.append({**said, **({"size": size} if _is_id(size) else {})})
            break  # an animation stands as a document, too
    return {"attachments": files} if files else {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < HIGHEST


def _text(value: object, most: int) -> str:
    return value.encode("utf-8", "replace").decode()[:most].strip() if isinstance(value, str) else ""
