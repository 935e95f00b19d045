"""The channel `imap`: mail that comes in, read as soon as the server has it."""

from __future__ import annotations

import contextlib
import select
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from imaplib import IMAP4
from typing import Any, ClassVar

from stageauto.channels._imap_wire import LOST, ImapError, Wire
from stageauto.channels._mail_event import mail_events
from stageauto.channels._mail_login import OAUTH, Login, login_faults, token_of
from stageauto.channels._mail_text import addresses, one_line
from stageauto.channels.base import (
    ChannelContext,
    ChannelError,
    ChannelType,
    Delivered,
    Fault,
    Inbox,
    LostError,
    Outcome,
    Received,
    Rejected,
    Retry,
    settings,
)
from stageauto.engine.durations import DurationError, parse_duration
from stageauto.engine.model import Channel
from stageauto.engine.options import Choice, Json, Plain, option
from stageauto.engine.scalars import source_text

TLS_PORT = 993
HERE = frozenset(["localhost", "127.0.0.1", "::1"])
BEGINNING = 1_000_000  # bytes that are read of a mail that is too big
LONGEST_IDLE = 25 * 60  # seconds; after 29 minutes a server may hang up (RFC 2177)
MOST_WAITING = 20_000
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class AfterOption:
    """`keep`, `seen`, or `{move: FOLDER}`."""

    def schema(self) -> Json:
        move = {"type": "object", "required": ["move"], "additionalProperties": False}
        folder = {"type": "string", "minLength": 1, "maxLength": 200}
        return {"anyOf": [{"enum": ["keep", "seen"]}, {**move, "properties": {"move": folder}}]}

    def build(self, raw: Any, builder: Any) -> Any:
        return raw


@dataclass(frozen=True, slots=True, repr=False)
class ImapOptions:
    """The options of an `imap` channel."""

    host: str = option(Plain(), "the mail server's name")
    user: str = option(Plain(), "the name to log in with")
    password: str = option(Plain(), "the password to log in with, as `${NAME}` from the environment", default="")
    oauth: Any = option(
        OAUTH, "instead of a password: how to get an access token, for Google and Microsoft", default_factory=dict
    )
    port: int = option(
        Plain("integer", 1, 65535), "its port: 993 for TLS from the start, 143 for most others", default=993
    )
    tls: str = option(
        Choice(("auto", "tls", "starttls", "none")),
        "auto: TLS from the start on port 993, else STARTTLS, which only this machine itself may do without; "
        "on this machine no certificate is asked for. tls, starttls: needed. none: never",
        default="auto",
    )
    ca_file: str = option(Plain(), "a file with the certificates to trust, inside the workspace", default="")
    folder: str = option(Plain(), "the folder that is read", default="INBOX")
    begin: str = option(
        Choice(("unread", "new", "all")),
        "what is taken when the folder is read for the first time: what nobody has read yet, only what comes from now "
        "on, or all",
        default="unread",
    )
    after: Any = option(
        AfterOption(), "what becomes of a mail that was taken: keep, seen, or {move: FOLDER}", default="keep"
    )
    poll: str = option(
        Plain(), "how often to look where the server cannot say that there is something new; also how soon a dead "
        "connection is noticed", default="1m"
    )  # fmt: skip
    max_size: int = option(
        Plain("integer", 10_000, 100_000_000),
        "bytes of a mail, above which only its beginning is read",
        default=26_214_400,
    )
    address: str = option(Plain(), "the mailbox's address; default: `user`, where that is one", default="")
    plus: bool = option(
        Plain("boolean"),
        "mails sent from that address ask for answers to a plus address of their item (`sales+TOKEN@acme.test`)",
        default=False,
    )


@dataclass(slots=True)
class Place:
    """How far a folder was read. `todo`: older mails still to be taken; `tidy`: taken, not yet moved or marked."""

    of: str
    validity: int = 0
    uid: int = 0
    day: str = ""  # UTC, on which something was taken last
    todo: list[int] = field(default_factory=list)
    tidy: list[int] = field(default_factory=list)

    @classmethod
    def read(cls, data: Mapping[str, Any], of: str) -> Place:
        """The place that was kept, or the beginning where that is of another folder."""
        return cls(**data) if data.get("of") == of else cls(of)

    def written(self) -> dict[str, Any]:
        """As it is kept."""
        return {name: getattr(self, name) for name in ("of", "validity", "uid", "day", "todo", "tidy")}


class ImapChannel(ChannelType):
    """Reads a mailbox; each mail is one event `email.received` or, where a mail of ours came back, `email.bounced`.

    An answer finds its item by the mail that it answers (In-Reply-To, References), else by the plus address it was sent
    to, else by its sender. The files that came with it are kept with the item. A mail is taken exactly once, also over
    crashes, broken connections, and a server that numbers its mails anew; the same mail in two mailboxes counts once.

    Example:
        inbox:
          type: imap
          host: imap.acme.test
          user: sales@acme.test
          password: "${IMAP_PASSWORD}"
          after: {move: Done}
    """

    type: ClassVar[str] = "imap"
    kinds: ClassVar[tuple[str, ...]] = ("incoming",)
    options: ClassVar[Any] = ImapOptions
    incoming: ClassVar[bool] = True

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        super().__init__(channel, context)
        said: ImapOptions = settings(ImapOptions, channel)
        self._said = said
        for fault in self.faults(
            {
                name: getattr(said, name)
                for name in ("poll", "plus", "address", "user", "password", "oauth", "tls", "host")
            }
        ):
            place = f": `{fault.option}`" if fault.option else ""
            raise ChannelError(f"channel `{channel.name}`{place}: {fault.message}", fault.hint)
        self._poll = _seconds(said.poll)
        self._address = said.address or said.user
        self._trust = self._tls_context()
        self._token = token_of(self, said.oauth)

    @classmethod
    def faults(cls, options: Mapping[str, Any]) -> Iterator[Fault]:
        """A span that is none, a plus without an address, a password in the clear."""
        if not 1 <= _seconds(str(options.get("poll") or "1m")) <= LONGEST_IDLE:
            yield Fault("poll", "it is no span between 1s and 25m", "write it like 1m")
        address = str(options.get("address") or options.get("user") or "")
        if (options.get("address") or options.get("plus")) and len(addresses(address)) != 1:
            yield Fault("address", "`plus` needs the mailbox's own address", "write `address: sales@acme.test`")
        yield from login_faults(options, needed=True)
        if options.get("tls") == "none" and options.get("host") not in HERE:
            yield Fault("tls", "without it anybody on the way can read the password", "leave it out, or say starttls")

    # -- the connection -----------------------------------------------------------------------------------------------

    @property
    def _tls(self) -> str:
        if self._said.tls != "auto":
            return self._said.tls
        return "tls" if self._said.port == TLS_PORT else "offered" if self._said.host in HERE else "starttls"

    def _tls_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        said = self._said
        if said.ca_file:
            try:
                context.load_verify_locations(self.context.root / said.ca_file)
            except OSError as error:
                message = f"channel `{self.channel.name}`: `ca_file`: cannot read certificates from {said.ca_file}"
                raise ChannelError(message, "name a PEM file of the workspace") from error
        elif said.tls == "auto" and said.host in HERE:
            # The traffic does not leave the machine, and a server here has no certificate that anybody vouches for.
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _connect(self) -> Wire:
        said, token = self._said, self._fresh_token()
        wire = Wire(
            said.host, said.port, seconds=self.context.timeout, context=self._trust if self._tls == "tls" else None
        )
        try:
            self._secure(wire)
            wire.log_in(Login(said.user, said.password, token))
        except ImapError:
            if self._token is not None:
                self._token.drop(token)  # perhaps it was revoked: the next time there is a new one
            wire.drop()
            raise
        except BaseException:
            wire.drop()
            raise
        return wire

    def _fresh_token(self) -> str:
        found = self._token.get() if self._token is not None else ""
        if isinstance(found, str):
            return found
        raise ImapError(found.reason if isinstance(found, Retry | Rejected) else "no access token")

    def _secure(self, wire: Wire) -> None:
        offered = wire.offers("STARTTLS")
        if self._tls == "starttls" and not offered:
            raise ImapError("it offers no STARTTLS, and without it no password goes out")
        if self._tls in {"starttls", "offered"} and offered:
            wire.secure(self._trust)

    @contextmanager
    def _open(self) -> Iterator[Wire]:
        """A connection for the block; whatever goes wrong is LostError in words."""
        server = f"{self._said.host}:{self._said.port}"
        wire: Wire | None = None
        try:
            wire = self._connect()
            yield wire
        except ImapError as error:
            raise LostError(f"{server}: {error}") from None
        except ssl.SSLCertVerificationError as error:
            why = f"its certificate is not trusted: {error.verify_message} (see `ca_file` and `tls`)"
            raise LostError(f"{server}: {why}") from None
        except (*LOST, IMAP4.error) as error:
            raise LostError(f"{server}: {one_line(str(error)) or type(error).__name__}") from None
        finally:
            if wire is not None:
                wire.leave()

    def look(self) -> Outcome:
        """Logs in and says what is there; nothing is taken or marked."""
        try:
            with self._open() as wire:
                _, _, count = wire.enter(self._said.folder)
                unread = len(wire.find("UNSEEN"))
                idle = "says by itself what is new" if wire.offers("IDLE") else f"is asked every {self._said.poll}"
                answer = {"folder": self._said.folder, "mails": count, "unread": unread, "server": idle}
                return Delivered(answer)
        except LostError as error:
            return Retry(str(error))

    def send(self, delivery: Any, point: Any) -> Outcome:
        """Nothing can be sent by it."""
        return Rejected(f"the channel {self.channel.name} only receives", "incoming_only", undeliverable=True)

    # -- reading ------------------------------------------------------------------------------------------------------

    def receive(self, inbox: Inbox) -> None:
        """Takes what is new, waits for more, until it is to stop."""
        with self._open() as wire:
            place = self._begin(wire, inbox)
            tidy = True
            while not inbox.stopping:
                if self._take_new(wire, inbox, place):
                    continue
                tidy = tidy and self._tidy(wire, inbox, place)
                inbox.caught_up()
                self._wait(wire, inbox)

    def _begin(self, wire: Wire, inbox: Inbox) -> Place:
        said = self._said
        place = Place.read(inbox.place(), f"{said.user}@{said.host}:{said.port}/{said.folder}")
        validity, following, count = wire.enter(said.folder)
        inbox.connected(f"{said.folder}: {count} mails")
        if place.validity == validity:
            return place
        top = following - 1 if following else max(wire.find("ALL"), default=0)
        if place.validity:
            inbox.warn(f"{said.folder} was numbered anew by the server: looking for what was not taken before")
            # Taken is told by what a mail says; the day keeps a whole archive from being looked through.
            older = wire.find("SINCE", _day_before(place.day)) if place.day else wire.find("ALL")
        else:
            older = wire.find("ALL") if said.begin == "all" else wire.find("UNSEEN") if said.begin == "unread" else []
        todo = [one for one in older if one <= top][-MOST_WAITING:]
        place.validity, place.uid, place.todo, place.tidy = validity, top, todo, []
        place.day = place.day or self._today()
        inbox.take([], place.written())
        return place

    def _take_new(self, wire: Wire, inbox: Inbox, place: Place) -> bool:
        """Takes everything that waits; True when there was something."""
        new = [one for one in wire.find("UID", f"{place.uid + 1}:*") if one > place.uid]
        waiting = [*place.todo, *new]
        for uid in waiting:
            if inbox.stopping:
                break
            events = self._read(wire, inbox, uid)
            place.todo = place.todo[1:] if place.todo else []
            place.uid, place.day = max(place.uid, uid), self._today()
            if events is not None and self._said.after != "keep":
                place.tidy = [*place.tidy, uid]
            inbox.take(events or (), place.written())
        return bool(waiting)

    def _read(self, wire: Wire, inbox: Inbox, uid: int) -> list[Received] | None:
        """The events of a mail; None where it is gone, or is such that nothing can be made of it."""
        size = wire.size_of(uid)
        if size is None:
            return None
        cut = size > self._said.max_size
        raw = wire.mail(uid, min(self._said.max_size, BEGINNING) if cut else max(size, 1))
        if raw is None:
            return None
        try:
            return mail_events(raw, self.channel.name, cut=cut, plus=self._address if self._said.plus else "")
        except Exception as error:  # noqa: BLE001 - one mail that nobody foresaw must not stop all that come after it
            inbox.warn(f"mail {uid} cannot be read and stays where it is: {type(error).__name__}: {error}")
            return None

    def _tidy(self, wire: Wire, inbox: Inbox, place: Place) -> bool:
        """Moves or marks what was taken; False where the server does not let us, which is no reason to stop reading."""
        if not place.tidy:
            return True
        try:
            for uid in list(place.tidy):
                if self._said.after == "seen":
                    wire.mark_seen(uid)
                elif isinstance(self._said.after, Mapping):
                    wire.put_into(uid, source_text(self._said.after["move"]))
                place.tidy = [one for one in place.tidy if one != uid]
        except ImapError as error:
            inbox.warn(f"cannot move or mark what was taken: {error}")
            return False
        finally:
            place.tidy = place.tidy[-MOST_WAITING:]
            with contextlib.suppress(OSError):
                inbox.take([], place.written())
        return True

    def _wait(self, wire: Wire, inbox: Inbox) -> None:
        if wire.offers("IDLE"):
            wire.idle(self._poll, inbox.wake)
            return
        select.select([inbox.wake], [], [], self._poll)
        if not inbox.stopping:
            wire.look()

    def _today(self) -> str:
        return datetime.fromtimestamp(self.context.now() // 1000, UTC).date().isoformat()


def _seconds(text: str) -> float:
    """The seconds of a span; 0 for what is none."""
    try:
        span = parse_duration(text)
    except DurationError:
        return 0
    plain = not (span.months or span.working_days or span.working_ms)
    return span.days * 86_400 + span.ms / 1000 if plain else 0


def _day_before(day: str) -> str:
    """The day before the day before, as IMAP writes it: servers count days in zones of their own."""
    found = datetime.fromisoformat(day) - timedelta(days=2)
    return f"{found.day}-{MONTHS[found.month - 1]}-{found.year}"
