"""One IMAP connection: the standard library's commands over a reading side of our own (RFC 3501, 2177, 6851).

The reading side is ours because of IDLE: a socket file of the standard library is of no use any more after one
time-out, and half a line is lost with it. Here bytes wait in a buffer until their line is whole, an end of the
connection is always an error, and nothing that a server announces makes us take more into memory than was asked for.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import select
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from stageauto.channels._deadline import Deadline
from stageauto.channels._mail_login import OAUTHBEARER, TO_A_REFUSAL, XOAUTH2, Login

LONGEST_LINE = 1_000_000
PIECE = 65_536
SLACK = 65_536  # what an answer may hold beside the mail that was asked for
LOST = (OSError, imaplib.IMAP4.abort)
_SIZE = re.compile(rb"RFC822\.SIZE (\d{1,15})")
_UID = re.compile(rb"UID (\d{1,10})")

imaplib.Commands.setdefault("IDLE", ("SELECTED",))
imaplib.Commands.setdefault("MOVE", ("SELECTED",))


class ImapError(Exception):
    """The server said no, in its own words."""


def words_of(data: object) -> str:
    """What the server said, as one line of readable text, shortened."""
    pieces = data if isinstance(data, list | tuple) else [data]
    text = " ".join(one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one or "") for one in pieces)
    return " ".join("".join(ch if ch.isprintable() else " " for ch in text).split())[:300]


def quoted(folder: str) -> str:
    """A folder's name as commands take it: modified UTF-7 (RFC 3501, 5.1.3) between quotes."""
    out: list[str] = []
    run = ""
    for ch in folder + "\0":
        if ch != "\0" and not " " <= ch <= "~":
            run += ch
            continue
        if run:
            import base64

            packed = base64.b64encode(run.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
            out.append(f"&{packed}-")
            run = ""
        out.append({"&": "&-", "\\": "\\\\", '"': '\\"', "\0": ""}.get(ch, ch))
    return f'"{"".join(out)}"'


class Wire(imaplib.IMAP4):
    """An open connection. What breaks is OSError or `imaplib.IMAP4.abort`, what is refused ImapError."""

    def __init__(self, host: str, port: int, *, seconds: float, context: ssl.SSLContext | None) -> None:
        self._tls_from_start = context
        self._seconds = seconds
        self._buffer = bytearray()
        self._most = SLACK
        try:
            with self.within(seconds):
                super().__init__(host, port)
        except BaseException:
            self.drop()
            raise

    # -- the socket ---------------------------------------------------------------------------------------------------

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        """Connects, with TLS from the start where that is wanted."""
        self.host, self.port = host, port
        plain = socket.create_connection((host, port), self._seconds)
        self.sock = plain
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._deadline.watch(plain)
        if self._tls_from_start is not None:
            self.sock = self._tls_from_start.wrap_socket(plain, server_hostname=host)

    def secure(self, context: ssl.SSLContext) -> None:
        """STARTTLS. What came in the clear after the server's yes is not taken for its encrypted word."""
        self._ask("STARTTLS", lambda: self._simple_command("STARTTLS"))
        if self._buffer:
            raise self.abort("it sent something between STARTTLS and TLS")
        with self.within(self._seconds):
            self._deadline.watch(self.sock)
            self.sock = context.wrap_socket(self.sock, server_hostname=self.host)
            self._tls_established = True
            self._get_capabilities()

    def read(self, size: int) -> bytes:
        """A literal of that many bytes; one that is longer than what was asked for ends the connection."""
        if size > self._most:
            raise self.abort(f"it sends {size} bytes where {self._most} were asked for")
        while len(self._buffer) < size:
            self._fill()
        found = bytes(self._buffer[:size])
        del self._buffer[:size]
        return found

    def readline(self) -> bytes:
        """A whole line."""
        start = 0
        while (end := self._buffer.find(b"\n", start)) < 0:
            start = len(self._buffer)
            if start > LONGEST_LINE:
                raise self.abort("its line has no end")
            self._fill()
        found = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        return found

    def _fill(self) -> None:
        piece = self.sock.recv(PIECE)
        if not piece:
            raise self.abort("the connection was closed")
        self._buffer += piece

    def send(self, data: Any) -> None:
        self.sock.sendall(data)

    def shutdown(self) -> None:
        """Closes it without a word."""
        self.drop()

    def drop(self) -> None:
        """Closes it without a word."""
        found = getattr(self, "sock", None)
        if found is not None:
            with contextlib.suppress(OSError):
                found.close()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """A wall-clock limit for what happens in the block; past it the connection is cut."""
        with Deadline(seconds) as deadline:
            self._deadline = deadline
            if getattr(self, "sock", None) is not None:
                deadline.watch(self.sock)
            try:
                yield
            except (*LOST, ValueError) as error:
                if deadline.over:
                    raise TimeoutError(f"no answer within {seconds:g} s") from error
                raise

    # -- commands -----------------------------------------------------------------------------------------------------

    def _ask(self, name: str, command: Callable[[], tuple[str, list[Any]]], seconds: float | None = None) -> list[Any]:
        """The data of an answer that is OK. Raises ImapError for NO and BAD."""
        try:
            with self.within(seconds or self._seconds):
                status, data = command()
        except self.abort:
            raise
        except self.error as error:
            raise ImapError(f"{name}: {words_of(str(error))}") from None
        if status != "OK":
            raise ImapError(f"{name}: {words_of(data)}")
        return data

    def offers(self, capability: str) -> bool:
        """True when the server names it among what it can."""
        return capability in self.capabilities

    def log_in(self, login: Login) -> None:
        """The login, by AUTHENTICATE PLAIN where it is offered, since LOGIN carries ASCII only. No error repeats it."""
        user, password = login.user, login.password

        def go() -> tuple[str, list[Any]]:
            if login.token:
                return self._bear(login)
            if self.offers("AUTH=PLAIN"):
                found: Any = self.authenticate("PLAIN", lambda _: login.plain)
                return str(found[0]), list(found[1])
            if not (user.isascii() and password.isascii()) or re.search(r"[\r\n\0]", user + password):
                raise self.error("the login holds letters that LOGIN cannot carry")
            found = self.login(user, password)
            return str(found[0]), list(found[1])

        try:
            self._ask("login", go)
        except ImapError as error:
            secret = password or login.token
            raise ImapError(str(error).replace(secret, "***") if secret else str(error)) from None
        with self.within(self._seconds):
            self._get_capabilities()  # some servers tell all they can only to those who are in

    def _bear(self, login: Login) -> tuple[str, list[Any]]:
        mechanism = next((one for one in (XOAUTH2, OAUTHBEARER) if self.offers(f"AUTH={one}")), None)
        if mechanism is None:
            raise self.error("it offers no login by a token (XOAUTH2)")
        answers = iter([login.bearer(mechanism, self.host, self.port).encode()])
        found: Any = self.authenticate(mechanism, lambda _: next(answers, TO_A_REFUSAL[mechanism].encode()))
        return str(found[0]), list(found[1])

    def enter(self, folder: str) -> tuple[int, int, int]:
        """Opens a folder to read and change: (UIDVALIDITY, UIDNEXT or 0, how many mails are there)."""
        data = self._ask(f"folder {folder}", lambda: self.select(quoted(folder)))
        validity = self._number("UIDVALIDITY")
        if not validity:
            raise ImapError(f"folder {folder}: the server keeps no UIDs")
        count = data[0] or b"0"
        return validity, self._number("UIDNEXT"), int(count) if count.isdigit() else 0

    def _number(self, name: str) -> int:
        _, data = self.response(name)
        found = data[0] if data else None
        return int(found) if isinstance(found, bytes) and found.isdigit() else 0

    def find(self, *criteria: str) -> list[int]:
        """UIDs in ascending order."""
        self.untagged_responses.clear()  # what the server said meanwhile, unasked, would be kept for good
        data = self._ask("search", lambda: self.uid("SEARCH", *criteria))
        found = b" ".join(one for one in data if isinstance(one, bytes)).split()
        return sorted({int(one) for one in found if one.isdigit()})

    def size_of(self, uid: int) -> int | None:
        """The bytes of a mail, None where it is gone."""
        for one in self._fetched(uid, "(UID RFC822.SIZE)", 0):
            line = one[0] if isinstance(one, tuple) else one
            size, number = _SIZE.search(line or b""), _UID.search(line or b"")
            if size and number and int(number[1]) == uid:
                return int(size[1])
        return None

    def mail(self, uid: int, most: int) -> bytes | None:
        """The first `most` bytes of a mail, without marking it as read; None where it is gone."""
        for one in self._fetched(uid, f"(UID BODY.PEEK[]<0.{most}>)", most):
            if isinstance(one, tuple) and b"BODY[]" in one[0].upper():
                return bytes(one[1])
        return None

    def _fetched(self, uid: int, what: str, most: int) -> list[Any]:
        self._most = most + SLACK
        patience = self._seconds + most / 50_000  # half a megabit: a large mail over a slow line is no fault
        try:
            return self._ask("fetch", lambda: self.uid("FETCH", str(uid), what), patience)
        finally:
            self._most = SLACK

    def mark_seen(self, uid: int) -> None:
        """Marks a mail as read."""
        self._ask("store", lambda: self.uid("STORE", str(uid), "+FLAGS.SILENT", r"(\Seen)"))

    def put_into(self, uid: int, folder: str) -> None:
        """Moves a mail; makes the folder where there is none."""
        try:
            self._move(uid, folder)
        except ImapError as error:
            if "TRYCREATE" not in str(error) and "NONEXISTENT" not in str(error):
                raise
            self._ask(f"folder {folder}", lambda: self.create(quoted(folder)))
            self._move(uid, folder)

    def _move(self, uid: int, folder: str) -> None:
        if self.offers("MOVE"):
            self._ask("move", lambda: self.uid("MOVE", str(uid), quoted(folder)))
            return
        self._ask("copy", lambda: self.uid("COPY", str(uid), quoted(folder)))
        self._ask("store", lambda: self.uid("STORE", str(uid), "+FLAGS.SILENT", r"(\Deleted \Seen)"))
        if self.offers("UIDPLUS"):  # a plain EXPUNGE would delete what others marked, too
            self._ask("expunge", lambda: self.uid("EXPUNGE", str(uid)))

    def look(self) -> None:
        """Lets the server say what is new."""
        self._ask("noop", self.noop)

    # -- IDLE ---------------------------------------------------------------------------------------------------------

    def idle(self, seconds: float, wake: socket.socket) -> bool:
        """Waits until the server says something, `wake` has something to read, or the time is over.

        True when the server said something. Raises when it does not take the end of it any more: so a connection that
        is only open on our side is noticed at least every `seconds`.
        """
        tag = self._idle_begin()
        heard = self._heard(seconds, wake)
        with self.within(self._seconds):
            self.send(b"DONE\r\n")
            typ, data = self._command_complete("IDLE", tag)
        if typ != "OK":
            raise ImapError(f"idle: {words_of(data)}")
        return heard

    def _idle_begin(self) -> bytes:
        with self.within(self._seconds):
            tag: bytes = self._command("IDLE")
            while self._get_response() is not None:  # the continuation is answered by None
                refused: Any = self.tagged_commands[tag]
                if refused:
                    raise ImapError(f"idle: {words_of(self.tagged_commands.pop(tag))}")
        return tag

    def _heard(self, seconds: float, wake: socket.socket) -> bool:
        if self._buffer or (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
            return True
        poller = select.poll()
        poller.register(self.sock, select.POLLIN)
        poller.register(wake, select.POLLIN)
        found = {number for number, _ in poller.poll(seconds * 1000)}
        return self.sock.fileno() in found

    def leave(self) -> None:
        """Says goodbye; a server that does not answer is left all the same."""
        with contextlib.suppress(OSError, imaplib.IMAP4.error, ImapError), self.within(2):
            self.logout()
        self.drop()
