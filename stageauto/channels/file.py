"""The channel `file`: what would go out is written into the outbox folder, readable by people and by mail programs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from stageauto.channels._mail import MailError, build_mail, message_id, parse_sender
from stageauto.channels.base import ChannelContext, ChannelType, Delivered, Outcome, Rejected, Retry, settings
from stageauto.engine.model import Channel
from stageauto.engine.options import Plain, option
from stageauto.engine.state import Delivery

UNSAFE = re.compile(r"[^A-Za-z0-9@+_.-]+|\.(?=\.)|^\.")
MOST_OF_TO = 60
ENDINGS = {"mail": "eml", "calendar": "ics"}


@dataclass(frozen=True, slots=True)
class FileOptions:
    """The options of a `file` channel."""

    kind: str | None = option(Plain(), "the kind of message it stands for, such as mail or sms", default=None)
    from_: str = option(Plain(), "the sender of mails, such as `Acme <sales@acme.test>`", default="")


class FileChannel(ChannelType):
    """Writes a `.eml` for a mail, a `.ics` for an invitation and a readable `.json` for anything else.

    The name is made of what never changes (the moment of the decision, the recipient, the key), so that the same
    delivery a second time is the same file.

    Example:
        mail: {type: file, from: "Acme <sales@acme.test>"}
    """

    type: ClassVar[str] = "file"
    kinds: ClassVar[tuple[str, ...]] = ("*",)
    options: ClassVar[Any] = FileOptions
    on_unknown: ClassVar[str] = "resend"

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        super().__init__(channel, context)
        said = settings(FileOptions, channel)
        self._sender = parse_sender(said.from_ or f"{channel.name}@localhost", channel.name)
        self._folder = context.outbox / (_safe(channel.name) or "channel")

    def send(self, delivery: Delivery, point: Callable[[], None]) -> Outcome:
        """Delivered with the file's name; a message that cannot be written as it stands is undeliverable."""
        try:
            content = self._content(delivery)
        except MailError as error:
            return Rejected(str(error), error.code, undeliverable=True)
        except (TypeError, ValueError) as error:
            return Rejected(f"the message is no plain data: {error}", "bad_message", undeliverable=True)
        target = self._target(delivery)
        try:
            waiting = self._write(target, content)
        except OSError as error:
            return Retry(f"cannot write {target}: {error.strerror}")
        point()
        try:
            waiting.replace(target)
            _sync_folder(target.parent)
        except OSError as error:
            return self.perhaps(f"cannot name {target}: {error.strerror}")
        return self._delivered(delivery, target)

    def ask(self, delivery: Delivery) -> Delivered | None:
        """Delivered where the file is there, None where it is not."""
        target = self._target(delivery)
        return self._delivered(delivery, target) if target.is_file() else None

    def _delivered(self, delivery: Delivery, target: Path) -> Delivered:
        answer = {"file": _shown(target, self.context.root)}
        if delivery.kind == "mail":
            answer["message_id"] = message_id(delivery.key, self._sender)
        return Delivered(answer)

    def _target(self, delivery: Delivery) -> Path:
        moment = datetime.fromtimestamp(delivery.decided_at / 1000, UTC)
        mark = hashlib.sha256(delivery.key.encode()).hexdigest()[:8]
        to = _safe(delivery.to) or "nobody"
        ending = ENDINGS.get(delivery.kind, "json")
        return self._folder / f"{moment:%Y%m%d-%H%M%S}-{to}-{mark}.{ending}"

    def _content(self, delivery: Delivery) -> bytes:
        if delivery.kind == "mail":
            return build_mail(
                delivery, self._sender, delivery.decided_at, self.context.root, self.context.files, eight_bit=True
            ).content
        if delivery.kind == "calendar":
            return _crlf(str(delivery.message["ics"])).encode()
        document = {
            "channel": delivery.channel,
            "kind": delivery.kind,
            "to": delivery.to,
            "do": delivery.do,
            "rule": delivery.rule,
            "item": delivery.item,
            "key": delivery.key,
            "message": delivery.message,
        }
        return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "replace")

    def _write(self, target: Path, content: bytes) -> Path:
        """The file beside the target, whole and on the disk, that only needs its name."""
        _own_folder(self._folder, self.context.root)
        waiting = target.with_name(f".{target.name}.part")
        with contextlib.suppress(FileNotFoundError):
            waiting.unlink()
        descriptor = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(descriptor, 0o600)
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        return waiting


def _safe(name: str) -> str:
    return UNSAFE.sub("_", name.replace("/", "_"))[:MOST_OF_TO].strip("_")


def _crlf(text: str) -> str:
    return "\r\n".join(text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")) + "\r\n"


def _shown(target: Path, root: Path) -> str:
    return target.relative_to(root).as_posix() if target.is_relative_to(root) else str(target)


def _own_folder(folder: Path, root: Path) -> None:
    """Makes the folder, and those above it up to the root, for the owner alone whatever the umask."""
    if folder.is_dir() or folder == root:
        return
    _own_folder(folder.parent, root)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(0o700)
        folder.chmod(0o700)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
