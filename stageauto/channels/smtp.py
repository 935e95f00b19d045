"""The channel `smtp`: mail through a server, with TLS, login, and connections that are used again."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from smtplib import SMTPException
from threading import Lock
from typing import Any, ClassVar

from stageauto.channels._deadline import Deadline
from stageauto.channels._mail import Mail, MailError, build_mail, parse_sender
from stageauto.channels._mail_login import OAUTH, Login, login_faults, token_of
from stageauto.channels._smtp_wire import NOT_TAKEN, RefusedError, Session, words_of
from stageauto.channels.base import (
    ChannelContext,
    ChannelError,
    ChannelType,
    Delivered,
    Fault,
    Outcome,
    Rejected,
    Retry,
    refuse_faults,
    settings,
)
from stageauto.engine.model import Channel
from stageauto.engine.options import Choice, Plain, option
from stageauto.engine.state import Delivery

IDLE = 60_000  # ms after which an unused connection is not trusted any more
TLS_PORT = 465
HERE = frozenset(["localhost", "127.0.0.1", "::1"])
LOST = (OSError, SMTPException)
GOOD, BAD = 2, (4, 5)


@dataclass(frozen=True, slots=True, repr=False)
class SmtpOptions:
    """The options of an `smtp` channel."""

    from_: str = option(Plain(), "the sender, such as `sales@acme.test` or `Acme <sales@acme.test>`")
    host: str = option(Plain(), "the mail server's name", default="localhost")
    port: int = option(Plain("integer", 1, 65535), "its port: 587 for most, 465 for TLS from the start", default=587)
    user: str = option(Plain(), "the name to log in with", default="")
    password: str = option(Plain(), "the password to log in with, as `${NAME}` from the environment", default="")
    oauth: Any = option(
        OAUTH, "instead of a password: how to get an access token, for Google and Microsoft", default_factory=dict
    )
    tls: str = option(
        Choice(("auto", "starttls", "tls", "none")),
        "auto: TLS from the start on port 465, else STARTTLS: needed where there is a login, else where it is offered; "
        "on this machine itself no certificate is asked for. starttls, tls: needed. none: never",
        default="auto",
    )
    ca_file: str = option(Plain(), "a file with the certificates to trust, inside the workspace", default="")
    hello: str = option(Plain(), "the name this machine greets with", default="")


class StaleError(Exception):
    """A connection from before is closed by now, which says nothing about this mail."""


class SmtpChannel(ChannelType):
    """Sends one mail per delivery, its `Message-ID` made of the delivery's key.

    Example:
        mail:
          type: smtp
          host: smtp.acme.test
          port: 587
          user: sales@acme.test
          password: "${MAIL_PASSWORD}"
          from: "Acme <sales@acme.test>"
          rate: 60/min
    """

    type: ClassVar[str] = "smtp"
    kinds: ClassVar[tuple[str, ...]] = ("mail", "calendar")
    options: ClassVar[Any] = SmtpOptions

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        super().__init__(channel, context)
        self._said: SmtpOptions = settings(SmtpOptions, channel)
        self._sender = parse_sender(self._said.from_, channel.name)
        self._idle: list[tuple[int, Session]] = []
        self._lock = Lock()
        self._closed = False
        refuse_faults(type(self), channel)
        self._token = token_of(self, self._said.oauth)
        self._tls = _tls_context(self._said, channel.name, context.root)

    @classmethod
    def faults(cls, options: Mapping[str, Any]) -> Iterator[Fault]:
        """A user without a way to log in, or with two."""
        yield from login_faults(options, needed=False)

    def send(self, delivery: Delivery, point: Callable[[], None]) -> Outcome:
        """4xx of the server is Retry, 5xx about this mail Rejected; a refused login is Retry: people mend it."""
        try:
            mail = build_mail(delivery, self._sender, self.context.now(), self.context.root, self.context.files)
        except MailError as error:
            return Rejected(str(error), error.code, undeliverable=True)
        with Deadline(self.context.timeout) as deadline:
            used = self._take()
            if used is not None:
                with contextlib.suppress(StaleError):
                    return self._over(used, mail, point, deadline, used=True)
            return self._send_fresh(mail, point, deadline)

    def close(self) -> None:
        """Says goodbye to the server on every connection that is not at work."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for _, session in idle:
            session.leave()

    def _send_fresh(self, mail: Mail, point: Callable[[], None], deadline: Deadline) -> Outcome:
        token = self._token.get() if self._token is not None else ""
        if not isinstance(token, str):
            return token
        try:
            session = self._connect(deadline, Login(self._said.user, self._said.password, token))
        except LOST as error:
            return Retry(f"cannot reach {self._server}: {self._why(error, deadline)}")
        except RefusedError as error:
            if self._token is not None:
                self._token.drop(token)  # perhaps it was revoked: the next try has a new one
            return Retry(f"{self._server} does not let us in: {error}")
        return self._over(session, mail, point, deadline)

    def _over(
        self, session: Session, mail: Mail, point: Callable[[], None], deadline: Deadline, *, used: bool = False
    ) -> Outcome:
        """The outcome over this connection. Raises StaleError where a `used` one turns out to be closed."""
        try:
            if used:
                deadline.watch(session.connection)
            refused = session.announce(mail)
            session.start_data(mail.content)
        except RefusedError as error:
            self._put_back(session)
            if used and error.code == NOT_TAKEN:
                raise StaleError from error
            return self._no(error)
        except LOST as error:
            session.drop()
            if used and not _late(error, deadline):
                raise StaleError from error
            return Retry(f"{self._server} broke off before the mail was whole: {self._why(error, deadline)}")
        try:
            point()
        except BaseException:
            session.drop()  # without the final dot the server has to forget it (RFC 5321, 4.1.1.4)
            raise
        return self._finish(session, mail, refused, deadline)

    def _finish(self, session: Session, mail: Mail, refused: dict[str, str], deadline: Deadline) -> Outcome:
        try:
            code, reply = session.finish_data()
        except LOST as error:
            session.drop()
            return self.perhaps(f"{self._server} gave no answer to the whole mail: {self._why(error, deadline)}")
        self._put_back(session)
        if code // 100 == GOOD:
            answer: dict[str, Any] = {"message_id": mail.message_id, "status": code, "body": words_of(reply)}
            return Delivered({**answer, "refused": refused} if refused else answer)
        if code // 100 in BAD:
            return self._no(RefusedError(code, reply))
        return self.perhaps(f"{self._server} answered what nobody understands: {RefusedError(code, reply)}")

    def _no(self, error: RefusedError) -> Outcome:
        if error.undeliverable:
            return Rejected(f"{self._server}: {error}", error.word, undeliverable=True)
        if error.permanent:
            return Rejected(f"{self._server} refused it: {error}", "refused")
        return Retry(f"{self._server}: {error}")

    @cached_property
    def _server(self) -> str:
        return f"{self._said.host}:{self._said.port}"

    def _why(self, error: Exception, deadline: Deadline) -> str:
        if _late(error, deadline):
            return f"no answer within {deadline.seconds:g} s"
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {error.verify_message} (see `ca_file` and `tls`)"
        return str(error) or type(error).__name__

    def _connect(self, deadline: Deadline, login: Login) -> Session:
        said = self._said
        session = Session(
            said.host,
            said.port,
            timeout=self.context.timeout,
            hello=said.hello or _own_name(),
            context=self._tls if self._tls_from_start else None,
            watch=deadline.watch,
        )
        try:
            session.greet()
            if self._wants_starttls(session):
                session.secure(self._tls)
            if login.user:
                session.log_in(login)
        except BaseException:
            session.drop()
            raise
        return session

    @property
    def _tls_from_start(self) -> bool:
        return self._said.tls == "tls" or (self._said.tls == "auto" and self._said.port == TLS_PORT)

    def _wants_starttls(self, session: Session) -> bool:
        said = self._said
        if said.tls != "auto" or self._tls_from_start:
            return said.tls == "starttls"
        # A password never leaves the machine in the clear: then STARTTLS is wanted even where it is not offered.
        return session.offers("starttls") or bool(said.user and said.host not in HERE)

    def _take(self) -> Session | None:
        """An idle connection that is fresh enough, if there is one; old ones are left."""
        now = self.context.now()
        old: list[Session] = []
        found = None
        with self._lock:
            while self._idle and found is None:
                since, session = self._idle.pop()
                if 0 <= now - since <= IDLE:
                    found = session
                else:
                    old.append(session)
        for session in old:
            session.drop()
        return found

    def _put_back(self, session: Session) -> None:
        if not session.usable():
            session.drop()
            return
        with self._lock:
            if not self._closed and len(self._idle) < self.channel.concurrency:
                self._idle.append((self.context.now(), session))
                return
        session.leave()


def _own_name() -> str:
    """The machine's name where it is a whole one; asking the DNS for it may hang for many seconds."""
    name = ""
    with contextlib.suppress(OSError):
        name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"


def _tls_context(said: SmtpOptions, channel: str, root: Path) -> ssl.SSLContext:
    """What a server's certificate is tested with. Raises ChannelError for a bad `ca_file`."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if said.ca_file:
        try:
            context.load_verify_locations(root / said.ca_file)
        except OSError as error:
            message = f"channel `{channel}`: `ca_file`: cannot read certificates from {said.ca_file}"
            raise ChannelError(message, "name a PEM file of the workspace") from error
    elif said.tls == "auto" and said.host in HERE:
        # The traffic does not leave the machine, and a server here has no certificate that anybody vouches for.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _late(error: Exception, deadline: Deadline) -> bool:
    """True when time was over: the socket's own time-out may be noticed before the deadline's."""
    return deadline.over or isinstance(error, TimeoutError) or isinstance(error.__cause__, TimeoutError)
