"""The channel `telegram`: messages and files from a bot into chats that people have opened with it (Bot API)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from stageauto.channels._attachments import Attached, AttachmentError, open_attachments
from stageauto.channels._http import Answer, Http, sort_by_status
from stageauto.channels._http_parts import BadRequestError, Body, Part, json_body, multipart_body, parse_target
from stageauto.channels.base import (
    DAY,
    ChannelContext,
    ChannelError,
    ChannelType,
    Delivered,
    Outcome,
    Rejected,
    Retry,
    settings,
)
from stageauto.engine.model import Channel
from stageauto.engine.options import Plain, option
from stageauto.engine.state import Delivery

TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{20,100}", re.ASCII)
BOT = re.compile(r"@?[A-Za-z][A-Za-z0-9_]{3,31}", re.ASCII)
CHAT = re.compile(r"-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31}", re.ASCII)
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)
PREFIX = "telegram:"
MOST_OF_TEXT, MOST_OF_CAPTION, MOST_FILES = 4096, 1024, 10
MOST_OF_PHOTO = 10 * 1024 * 1024
PHOTOS = frozenset(["jpeg", "png"])
OK, BAD_REQUEST, FORBIDDEN, SLOW_DOWN = 200, 400, 403, 429
NOT_LET_IN = frozenset([401, 404])  # a token that is not one is answered 404
GATEWAY = frozenset([502, 504])
NO_CHAT = ("chat not found", "user not found", "peer_id_invalid", "user is deactivated", "group chat was upgraded")


@dataclass(frozen=True, slots=True, repr=False)
class TelegramOptions:
    """The options of a `telegram` channel."""

    token: str = option(Plain(), "the bot's token from @BotFather, as `${NAME}` from the environment")
    bot: str = option(Plain(), "the bot's user name, such as `acme_bot`: for links into a chat with it", default="")
    secret: str = option(
        Plain(), "what Telegram says with every update it delivers to us, as `${NAME}`; see `secret_token`", default=""
    )
    base_url: str = option(
        Plain(), "where the API is, if you run a server of it yourselves", default="https://api.telegram.org"
    )


class TelegramChannel(ChannelType):
    """Sends one message per delivery: a text, a photo, a file, or an album of files with a text beside them.

    Telegram knows no key by which a second message would be recognised, and tells nobody what was sent: what may have
    arrived is held.

    Example:
        chat:
          type: telegram
          token: "${TELEGRAM_TOKEN}"
          bot: acme_bot
          secret: "${TELEGRAM_SECRET}"
          rate: 25/s
    """

    type: ClassVar[str] = "telegram"
    kinds: ClassVar[tuple[str, ...]] = ("chat",)
    options: ClassVar[Any] = TelegramOptions

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        super().__init__(channel, context)
        said: TelegramOptions = settings(TelegramOptions, channel)
        place = f"channel `{channel.name}`"
        if not TOKEN.fullmatch(said.token):
            raise ChannelError(
                f"{place}: `token` is no token of a bot", "it looks like 123456:AAE-x1..., see @BotFather"
            )
        if said.bot and not BOT.fullmatch(said.bot):
            raise ChannelError(f"{place}: `bot` is no user name", "write it like acme_bot")
        if said.secret and not SECRET.fullmatch(said.secret):
            raise ChannelError(f"{place}: `secret` has other characters than A-Z, a-z, 0-9, _ and -", "make a new one")
        try:
            parse_target(said.base_url)
        except BadRequestError as error:
            raise ChannelError(f"{place}: `base_url`: {error}", "leave it out for Telegram's own server") from error
        self._said = said
        self._http = Http(self)

    def send(self, delivery: Delivery, point: Callable[[], None]) -> Outcome:
        """Delivered with the message's id; blocked and unknown chats are undeliverable; `retry_after` is obeyed."""
        message = delivery.message
        chat = str(message.get("to") or delivery.to).removeprefix(PREFIX)
        if not CHAT.fullmatch(chat):
            return Rejected(f"{chat[:40]!r} is no chat of Telegram", "bad_address", undeliverable=True)
        try:
            files = open_attachments(message.get("attachments") or (), self.context.root, self.context.files)
        except AttachmentError as error:
            return Rejected(str(error), "no_attachment", undeliverable=True)
        text = str(message.get("text") or "").strip()
        unfit = _unfit(text, files)
        if unfit is not None:
            return unfit
        method, body = _request(chat, text, files)
        got = self._http.request(
            "POST", f"{self._said.base_url.rstrip('/')}/bot{self._said.token}/{method}", body=body, point=point
        )
        return self._sorted(got, chat) if isinstance(got, Answer) else got

    def _sorted(self, got: Answer, chat: str) -> Outcome:
        said = got.document()
        if got.status == OK and said.get("ok") is True:
            return Delivered({"status": OK, "id": _id_of(said.get("result"), chat)})
        if got.status == OK or (got.status in GATEWAY and "ok" not in said):
            return self.perhaps(f"{got.place} in words that nobody understands")
        words = str(said.get("description") or "")
        place = f"{got.place}: {words}" if words else got.place
        if got.status == SLOW_DOWN:
            return Retry(place, after=_wish(said, got, self.context.now()))
        if got.status in NOT_LET_IN:
            return Retry(f"{got.authority} does not know the bot: it answered {got.status} (see `token`)")
        if got.status == FORBIDDEN:
            return Rejected(place, "blocked", undeliverable=True)
        if got.status == BAD_REQUEST and any(one in words.lower() for one in NO_CHAT):
            return Rejected(place, "no_chat", undeliverable=True)
        return sort_by_status(got, self.context.now(), words) or Retry(place)


def _unfit(text: str, files: list[Attached]) -> Rejected | None:
    """Why such a message cannot be sent at all. Telegram counts UTF-16 units."""
    length = len(text.encode("utf-16-le", "replace")) // 2
    most = MOST_OF_CAPTION if files else MOST_OF_TEXT
    if not text and not files:
        return Rejected("the message has neither text nor files", "no_text", undeliverable=True)
    if length > most:
        beside = " beside a file" if files else ""
        because = f"the text has {length} characters, Telegram takes {most}{beside}"
        return Rejected(because, "too_long", undeliverable=True)
    if len(files) > MOST_FILES:
        return Rejected(
            f"{len(files)} files are too many: Telegram takes {MOST_FILES}", "too_many_files", undeliverable=True
        )
    return None


def _request(chat: str, text: str, files: list[Attached]) -> tuple[str, Body]:
    """The method and the body: always one request, so that a message is there whole or not at all."""
    if not files:
        return "sendMessage", json_body({"chat_id": _chat_id(chat), "text": text})
    if len(files) == 1:
        (one,) = files
        photo = one.maintype == "image" and one.subtype in PHOTOS and len(one.content) <= MOST_OF_PHOTO
        name = "photo" if photo else "document"
        fields = {"chat_id": chat, **({"caption": text} if text else {})}
        return f"send{name.capitalize()}", multipart_body(fields, [_part(name, one)])
    media: list[dict[str, Any]] = [{"type": "document", "media": f"attach://file{n}"} for n in range(len(files))]
    if text:
        media[-1]["caption"] = text  # shown below the whole album
    parts = [_part(f"file{number}", one) for number, one in enumerate(files)]
    return "sendMediaGroup", multipart_body({"chat_id": chat, "media": json_body(media).content.decode()}, parts)


def _chat_id(chat: str) -> int | str:
    return chat if chat.startswith("@") else int(chat)


def _part(name: str, one: Attached) -> Part:
    return Part(name, one.name, one.content, f"{one.maintype}/{one.subtype}")


def _id_of(result: Any, chat: str) -> str:
    """Chat and number of the (last) message."""
    last = result[-1] if isinstance(result, list) and result else result
    number = last.get("message_id") if isinstance(last, Mapping) else None
    return f"{chat}/{number}"


def _wish(said: Mapping[str, Any], got: Answer, now: int) -> int | None:
    parameters = said.get("parameters")
    seconds = parameters.get("retry_after") if isinstance(parameters, Mapping) else None
    if isinstance(seconds, int) and not isinstance(seconds, bool):
        return min(max(seconds, 1) * 1000, DAY)
    return got.retry_after(now)
