"""One SMTP connection, with the moment before the final dot as a step of its own (RFC 5321)."""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
from collections.abc import Callable

from stageauto.channels._mail import Mail
from stageauto.channels._mail_login import OAUTHBEARER, TO_A_REFUSAL, XOAUTH2, Login

READY, DONE, FORWARDED, DATA_FOLLOWS, LAST_CODE = 220, 250, 251, 354, 599
NOT_TAKEN = 421  # the server closes the connection
NOT_LET_IN = frozenset([530, 534, 535, 538])  # it wants a login or TLS: people mend that
MOST_OF_REPLY = 500
NONSENSE = -1
UNDERSTOOD = frozenset([2, 4, 5])
LONGEST_LINE = 8192
MOST_LINES = 200
LINE_START_DOT = re.compile(rb"(?m)^\.")


class RefusedError(Exception):
    """The server said no. `code` is its number; `word` names what makes it undeliverable before anything was asked."""

    def __init__(self, code: int, reply: bytes, step: str = "", word: str = "") -> None:
        said = f"{code} {words_of(reply)}" if code > 0 else words_of(reply)
        super().__init__(
            f"{step}it says what is no answer of a mail server: {said}" if code == NONSENSE else step + said
        )
        self.code = code
        self.word = word

    @property
    def permanent(self) -> bool:
        """True for what no later try will change."""
        return 500 <= self.code <= LAST_CODE and self.code not in NOT_LET_IN

    @property
    def undeliverable(self) -> bool:
        """True where the server can never take such a mail."""
        return bool(self.word)


def words_of(reply: bytes) -> str:
    """A reply as one line of readable text, shortened."""
    text = reply.decode("utf-8", "replace")
    return " ".join("".join(ch if ch.isprintable() else " " for ch in text).split())[:MOST_OF_REPLY]


class Session(smtplib.SMTP):
    """An open connection. What the server says no to is RefusedError; what breaks is OSError or SMTPException."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        timeout: float,
        hello: str,
        context: ssl.SSLContext | None,
        watch: Callable[[socket.socket], None],
    ) -> None:
        self._tls_from_start = context
        self._watch = watch
        self._ended = False
        self._begun = False
        super().__init__(local_hostname=hello, timeout=timeout)
        self._host = host  # what a certificate is asked for
        try:
            code, reply = self.connect(host, port)
        except BaseException:
            self.drop()
            raise
        if code != READY:
            self.drop()
            raise RefusedError(code, reply, "greeting: ")

    @property
    def connection(self) -> socket.socket:
        """The socket under it. Raises OSError where there is none any more."""
        if self.sock is None:
            raise OSError("the connection is closed")
        return self.sock

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = socket.create_connection((host, port), timeout)
        self._watch(plain)
        if self._tls_from_start is None:
            return plain
        try:
            return self._tls_from_start.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def getreply(self) -> tuple[int, bytes]:
        """The code and the words of a whole answer; half an answer is none (the standard library takes it for one)."""
        words: list[bytes] = []
        while True:
            line = self._line()
            words.append(line[4:].strip())
            if line[3:4] != b"-" or len(words) > MOST_LINES:
                break
        if not line[:3].isdigit():
            return NONSENSE, line.strip()
        return int(line[:3]), b"\n".join(words)

    def _line(self) -> bytes:
        if self.file is None:
            self.file = self.connection.makefile("rb")
        try:
            line: bytes = self.file.readline(LONGEST_LINE)
        except OSError as error:
            self.drop()
            raise smtplib.SMTPServerDisconnected(str(error)) from error
        if not line.endswith(b"\n"):
            self.drop()
            raise smtplib.SMTPServerDisconnected(
                "it broke off" if len(line) < LONGEST_LINE else "its answer has no end"
            )
        return line

    def greet(self) -> None:
        """EHLO, or HELO for a server of old."""
        try:
            self.ehlo_or_helo_if_needed()
        except smtplib.SMTPResponseException as error:
            raise RefusedError(error.smtp_code, _bytes(error.smtp_error), "greeting: ") from error

    def offers(self, extension: str) -> bool:
        """True when the server's answer to EHLO names the extension."""
        return bool(self.has_extn(extension))

    def secure(self, context: ssl.SSLContext) -> None:
        """STARTTLS, and greets again."""
        try:
            self.starttls(context=context)
            self.ehlo_or_helo_if_needed()
        except smtplib.SMTPNotSupportedError as error:
            raise RefusedError(0, b"it offers no STARTTLS, and without it neither mail nor password go out") from error
        except smtplib.SMTPResponseException as error:
            raise RefusedError(error.smtp_code, _bytes(error.smtp_error), "STARTTLS: ") from error

    def log_in(self, login: Login) -> None:
        """The login, by what the server offers. The error never holds what was sent."""
        try:
            if login.token:
                self._bear(login)
            else:
                self.login(login.user, login.password)
        except smtplib.SMTPResponseException as error:
            raise RefusedError(error.smtp_code, _bytes(error.smtp_error), "login: ") from None
        except smtplib.SMTPNotSupportedError:
            raise RefusedError(0, b"it offers no login") from None
        except smtplib.SMTPServerDisconnected:
            raise
        except smtplib.SMTPException:
            raise RefusedError(0, b"it offers no way to log in that we know") from None
        except UnicodeError:
            raise RefusedError(0, b"the login holds letters that its ways to log in cannot carry") from None

    def _bear(self, login: Login) -> None:
        offered = self.esmtp_features.get("auth", "").upper().split()
        mechanism = next((one for one in (XOAUTH2, OAUTHBEARER) if one in offered), None)
        if mechanism is None:
            raise RefusedError(0, b"it offers no login by a token (XOAUTH2)")
        first = login.bearer(mechanism, self._host, self.connection.getpeername()[1])
        self.auth(mechanism, lambda challenge=None: first if challenge is None else TO_A_REFUSAL[mechanism])

    def announce(self, mail: Mail) -> dict[str, str]:
        """Sender and recipients; gives back the copies that were refused, with the reason."""
        if mail.international and not self.offers("smtputf8"):
            raise RefusedError(0, b"it takes no address with letters outside ASCII", word="bad_address")
        most = self.esmtp_features.get("size", "")
        if most.isdigit() and 0 < int(most) < len(mail.content):
            reason = f"the mail has {len(mail.content)} bytes, it takes {most}"
            raise RefusedError(0, reason.encode(), word="too_large")
        extras = [f"SIZE={len(mail.content)}"] if self.offers("size") else []
        if mail.international:
            extras += ["SMTPUTF8", "BODY=8BITMIME"]
            self.command_encoding = "utf-8"
        try:
            return self._envelope(mail, extras)
        finally:
            self.command_encoding = "ascii"

    def _envelope(self, mail: Mail, extras: list[str]) -> dict[str, str]:
        if self._begun:  # a mail before this one was refused half-way
            self.rset()
        self._begun = True
        code, reply = self.mail(mail.sender, extras)
        if code != DONE:
            raise self._refused(code, reply, "sender: ")
        copies: dict[str, str] = {}
        for number, recipient in enumerate(mail.recipients):
            code, reply = self.rcpt(recipient)
            if code in {DONE, FORWARDED}:
                continue
            if number == 0 or code == NOT_TAKEN:
                raise self._refused(code, reply, f"{recipient}: ")
            copies[recipient] = f"{code} {words_of(reply)}"
        return copies

    def start_data(self, content: bytes) -> None:
        """DATA and the whole content but the final dot."""
        code, reply = self.docmd("DATA")
        if code != DATA_FOLLOWS:
            raise self._refused(code, reply, "")
        self.send(LINE_START_DOT.sub(b"..", content))

    def finish_data(self) -> tuple[int, bytes]:
        """The final dot, and what the server says to it."""
        self.send(b".\r\n")
        code, reply = self.getreply()
        self._begun = False
        self._ended = code == NOT_TAKEN or code // 100 not in UNDERSTOOD
        return code, reply

    def usable(self) -> bool:
        """True when another mail can go over it."""
        return not self._ended and self.sock is not None

    def leave(self) -> None:
        """Says goodbye; a server that does not answer is left all the same."""
        with contextlib.suppress(OSError, smtplib.SMTPException):
            if self.sock is not None:
                self.sock.settimeout(2)
            self.quit()
        self.drop()

    def drop(self) -> None:
        """Closes it without a word."""
        with contextlib.suppress(OSError):
            self.close()

    def _refused(self, code: int, reply: bytes, step: str) -> RefusedError:
        self._ended = code == NOT_TAKEN or code // 100 not in UNDERSTOOD
        return RefusedError(code, reply, step)


def _bytes(reply: bytes | str) -> bytes:
    return reply if isinstance(reply, bytes) else reply.encode()
