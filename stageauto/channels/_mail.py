"""Builds a mail from a delivery's message, and proves of the finished bytes that nothing crept into its headers.

A message is `{from, to, cc, bcc, subject, text, html, attachments, headers}`, an invitation `{ics, to, subject}`.
The bytes depend only on the delivery, the sender and the moment: a second try is the same mail.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stageauto.channels._attachments import AttachmentError, Files, open_attachments
from stageauto.channels._headers import (
    NAME,
    Address,
    MailError,
    line_of_addresses,
    line_of_text,
    line_of_tokens,
    parse_address,
    plain,
)
from stageauto.channels.base import ChannelError
from stageauto.engine.state import Delivery

__all__ = ["Mail", "MailError", "build_mail", "message_id", "parse_sender"]

OUR_OWN = frozenset(
    ["from", "sender", "to", "cc", "bcc", "subject", "date", "message-id", "mime-version", "auto-submitted", "received"]
)
OUR_OWN_STARTS = ("content-", "resent-", "return-", "dkim-", "arc-")
OF_TOKENS = ("list-", "in-reply-to", "references")
LONGEST_LINE = 900  # of the 998 bytes that mail allows
NOT_IN_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
POLICY = policy.SMTP.clone(cte_type="7bit", raise_on_defect=False)
POLICY_8BIT = policy.SMTP.clone(cte_type="8bit", raise_on_defect=False)


@dataclass(frozen=True, slots=True)
class Mail:
    """A finished mail with its envelope. `recipients[0]` is the one it is for."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    message_id: str
    international: bool


def parse_sender(text: str, channel: str) -> Address:
    """The `from` of a channel: `sales@acme.test` or `Acme <sales@acme.test>`. Raises ChannelError."""
    name, spec = parseaddr(text)
    try:
        return parse_address(spec or text, name)
    except MailError as error:
        hint = "write `from: sales@acme.test` or `from: Acme <sales@acme.test>`"
        raise ChannelError(f"channel `{channel}`: `from`: {error}", hint) from error


def message_id(key: str, sender: Address) -> str:
    """`<KEY@domain of the sender>`: the same at every try. What has no place in a message id is written as %XX."""
    return f"<{quote(key, safe='')}@{sender.domain}>"


def build_mail(
    delivery: Delivery, sender: Address, now: int, root: Path, files: Files | None = None, *, eight_bit: bool = False
) -> Mail:
    """The mail of a delivery of kind mail or calendar, dated `now` (ms UTC).

    Raises MailError for bad addresses and headers, missing files, and bytes that turn out not to be what was built.
    """
    message = delivery.message
    to = parse_address(str(message.get("to") or delivery.to))
    copies = [parse_address(str(one)) for one in message.get("cc") or ()]
    blind = [parse_address(str(one)) for one in message.get("bcc") or ()]
    author = replace(sender, name=plain(str(message["from"]))) if message.get("from") else sender
    own_id = message_id(delivery.key, sender)
    lines = [
        line_of_addresses("From", [author]),
        line_of_addresses("To", [to]),
        *([line_of_addresses("Cc", copies)] if copies else []),
        line_of_text("Subject", str(message.get("subject") or "")),
        line_of_tokens("Date", format_datetime(datetime.fromtimestamp(now // 1000, UTC))),
        line_of_tokens("Message-ID", own_id),
        line_of_tokens("Auto-Submitted", "auto-generated"),
        *_more_headers(message.get("headers") or {}),
    ]
    body = _body(delivery, root, files, eight_bit=eight_bit)
    content = "".join(f"{line}\r\n" for line in lines).encode() + body.as_bytes()
    _prove(content, [line.partition(":")[0] for line in lines] + list(body.keys()))
    everybody = tuple(dict.fromkeys(one.spec for one in (to, *copies, *blind)))
    international = any(one.international for one in (author, to, *copies, *blind))
    return Mail(sender.spec, everybody, content, own_id, international)


def _more_headers(headers: Mapping[str, Any]) -> list[str]:
    """The message's own headers, each name once. Raises MailError for one that is ours to write."""
    lines: dict[str, str] = {}
    for name, value in headers.items():
        lower = name.casefold()
        if not NAME.fullmatch(name) or lower in OUR_OWN or lower.startswith(OUR_OWN_STARTS) or lower in lines:
            raise MailError(f"`{plain(name)[:60]}` is no header that a message may set", "bad_header")
        tokens = lower.startswith(OF_TOKENS)
        lines[lower] = (line_of_tokens if tokens else line_of_text)(name, str(value))
    return list(lines.values())


def _body(delivery: Delivery, root: Path, files: Files | None, *, eight_bit: bool) -> EmailMessage:
    message = delivery.message
    body = EmailMessage(POLICY_8BIT if eight_bit else POLICY)
    if "ics" in message:
        _set_invitation(body, str(message["ics"]), str(message.get("subject") or ""), eight_bit=eight_bit)
    else:
        _set_text(body, message.get("text"), message.get("html"), eight_bit=eight_bit)
    try:
        attached = open_attachments(message.get("attachments") or (), root, files)
    except AttachmentError as error:
        raise MailError(str(error), "no_attachment") from error
    for one in attached:
        body.add_attachment(one.content, maintype=one.maintype, subtype=one.subtype, filename=one.name)
    if "MIME-Version" not in body:
        body["MIME-Version"] = "1.0"
    _set_boundaries(body, delivery.key)
    return body


def _set_text(body: EmailMessage, text: str | None, html: str | None, *, eight_bit: bool) -> None:
    if text is not None or html is None:
        body.set_content(*_text(text or "", eight_bit))
        if html is not None:
            body.add_alternative(*_text(html, eight_bit, "html"))
    else:
        body.set_content(*_text(html, eight_bit, "html"))


def _set_invitation(body: EmailMessage, ics: str, subject: str, *, eight_bit: bool) -> None:
    """An invitation as calendars know it: the text in the mail, the event as its alternative (RFC 6047)."""
    found = re.search(r"(?im)^METHOD:([A-Z]+)\s*$", ics)
    method = found.group(1).upper() if found else "PUBLISH"
    body.set_content(*_text(subject, eight_bit))
    body.add_alternative(*_text(ics, eight_bit, "calendar"), params={"method": method})


def _text(text: str, eight_bit: bool, subtype: str = "plain") -> tuple[str, str, str, str]:
    """What `set_content` takes: text that mail can carry, its subtype, character set and encoding.

    As it stands where that is allowed, so that people can read the source; quoted-printable keeps long lines and
    letters of any script whole.
    """
    whole = text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")
    clean = NOT_IN_TEXT.sub("", whole).removesuffix("\n") + "\n"
    if any(len(line.encode()) > LONGEST_LINE for line in clean.split("\n")):
        return clean, subtype, "utf-8", "quoted-printable"
    if clean.isascii():
        return clean, subtype, "utf-8", "7bit"
    return clean, subtype, "utf-8", "8bit" if eight_bit else "quoted-printable"


def _set_boundaries(body: EmailMessage, key: str) -> None:
    """Boundaries that follow from the key and occur in no part, so that the same mail is the same bytes."""
    whole = b"".join(_payloads(body))
    for number, part in enumerate(one for one in body.walk() if one.is_multipart()):
        tried = 0
        while True:
            mark = hashlib.sha256(f"{key}\0{number}\0{tried}".encode()).hexdigest()[:32]
            if mark.encode() not in whole:
                break
            tried += 1
        part.set_boundary(f"=_{mark}")


def _payloads(body: EmailMessage) -> list[bytes]:
    return [str(part.get_payload()).encode("utf-8", "replace") for part in body.walk() if not part.is_multipart()]


def _prove(content: bytes, names: Sequence[str]) -> None:
    """Raises MailError unless the finished bytes have exactly these headers and no line break of another kind."""
    if re.search(rb"(?<!\r)\n|\r(?!\n)|\x00", content) or any(len(line) > 998 for line in content.split(b"\r\n")):
        raise MailError("the mail would hold a broken line", "bad_message")
    parsed = BytesHeaderParser(policy=policy.compat32).parsebytes(content)
    head, _, _ = content.partition(b"\r\n\r\n")
    started = [line for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    if parsed.keys() != list(names) or len(started) != len(names):
        raise MailError("the mail would have other headers than were meant", "bad_header")
