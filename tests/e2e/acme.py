"""The workspace of the real day, the daemon that runs it, and those who come in from outside."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import hmac
import http.client
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession
from standardwebhooks import Webhook

from stageauto.engine.state import Item
from stageauto.runner.session import Session
from stageauto.store.sqlite_state import SqliteReader
from stageauto.web.machines import SOON
from tests.channels.providers.twilio import ACCOUNT, OWN, TOKEN, Twilio
from tests.mailbox.dovecot import PASSWORD, USER, Dovecot
from tests.network import free_port
from tests.runner.support import TOO_LONG, until

CUSTOMER, ANNA = "ewa@home.test", "+48600100200"
BANK, COURIER = "whsec_YmFuay1zZWNyZXQtb2YtdGhlLXRlc3Q=", "whsec_Y291cmllci1zZWNyZXQtb2YtdGhlLXRlc3Q="
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
COMMAND = [sys.executable, "-c", "import sys; from stageauto.cli import main; sys.exit(main())"]
FILES = Path(__file__).parent / "workspace"


class Letters:
    """Keeps the mails that it got."""

    def __init__(self) -> None:
        self.got: list[EmailMessage] = []

    async def handle_DATA(self, server: SMTP, session: SmtpSession, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.got.append(email.message_from_bytes(envelope.content, EmailMessage, policy=email.policy.default))
        return "250 2.0.0 taken"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. Names of headers are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Acme:
    """The running workspace, and everybody around it."""

    root: Path
    port: int
    letters: Letters
    twilio: Twilio

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # -- by HTTP -----------------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, body: str | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One request of a browser, or of who says otherwise."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TOO_LONG)
        try:
            connection.request(
                method, path, None if body is None else body.encode(), {"User-Agent": BROWSER, **(headers or {})}
            )
            got = connection.getresponse()
            return Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
        finally:
            connection.close()

    def form(self, path: str, values: Mapping[str, str], **headers: str) -> Answer:
        """A form, urlencoded."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode(values), {**kind, **headers})

    def by_twilio(self, path: str, values: Mapping[str, str]) -> Answer:
        """What Twilio calls, signed as Twilio signs."""
        text = self.url + path + "".join(name + values[name] for name in sorted(values))
        mark = base64.b64encode(hmac.new(TOKEN.encode(), text.encode(), hashlib.sha1).digest()).decode()
        return self.form(path, values, **{"X-Twilio-Signature": mark})

    def signed(self, secret: str, path: str, data: Mapping[str, Any], id: str) -> Answer:
        """A hook, signed by the reference implementation of Standard Webhooks."""
        now, body = datetime.now(UTC), json.dumps(data)
        headers = {
            "Content-Type": "application/json", "webhook-id": id, "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(id, now, body),
        }  # fmt: skip
        return self.ask("POST", path, body, headers)

    def sign(self, place: str, name: str, drawing: str = "") -> Answer:
        """Signs a document by somebody's link: reads the page, agrees, sends."""
        page = self.ask("GET", place).text
        (digest,) = re.findall(r'name="sha256" value="([0-9a-f]{64})"', page)
        said = {"name": name, "consent": "yes", "sha256": digest, "drawing": drawing}
        return self.form(f"{place}/sign", said)

    # -- addresses ---------------------------------------------------------------------------------------------------

    def path(self, address: str) -> str:
        """The path of an address that leads here, and only here."""
        parts = urlsplit(address.replace("&amp;", "&"))
        assert f"{parts.scheme}://{parts.netloc}" == self.url
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def document_in(self, text: str) -> str:
        """The path of the personal link in a text."""
        (found,) = re.findall(r"http://\S+/d/[\w-]{43}", text)
        return self.path(found)

    def callback(self) -> str:
        """Where Twilio was asked to tell what became of the text message."""
        (form,) = [one.form for one in self.twilio.got if one.path.endswith("/Messages.json")]
        return form["StatusCallback"]

    # -- the state ---------------------------------------------------------------------------------------------------

    @contextmanager
    def read(self) -> Iterator[SqliteReader]:
        with Session.open(self.root) as session, session.store.read() as state:
            yield state

    def settled(self, item_id: str, stage: str, sent: int = 0) -> Item:
        """Waits until the item is in the stage and everything that was set going is done; gives it.

        `sent`: how many messages its rules have sent by then.
        """
        found: list[Item] = []

        def there() -> bool:
            with self.read() as state:
                item, ours = state.item(item_id), state.deliveries(item=item_id)
                open_ = [one for one in state.deliveries() if one.state != "done"]
            assert not [one for one in open_ if one.state not in ("pending", "running")], open_
            if item is None or item.stage != stage or open_ or len(ours) < sent:
                return False
            found.append(item)
            return not any(run.state in ("pending", "running", "waiting") for run in item.runs.values())

        until(there)
        return found[-1]

    def a_person_would_have_read(self) -> None:
        """Waits until so much time has passed since the newest mail that whoever opens it is taken for a person."""
        with self.read() as state:
            newest = max(one.decided_at for one in state.deliveries())
        until(lambda: time.time() * 1000 > newest + SOON + 500)

    def command(self, *words: str) -> Any:
        """What a command of Anna's says, beside the daemon."""
        line = [*COMMAND, "-C", str(self.root), "--as", "anna", *words, "--json"]
        return json.loads(subprocess.run(line, capture_output=True, text=True, check=True, timeout=TOO_LONG).stdout)

    def told_to_anna(self) -> str:
        """What her inbox says about signing."""
        (notice,) = [one for one in self.command("inbox") if "sign" in one["text"]]
        return str(notice["text"])

    def history(self, item_id: str) -> list[str]:
        """Kind and sentence of every entry, without the ids and moments that differ from day to day."""
        return [f"{one['kind']}: {_plain(one['text'])}" for one in self.command("timeline", item_id, "--all")]

    def broken(self) -> list[str]:
        """What the daemon said that it should not have to say."""
        lines = [json.loads(one) for one in (self.root / "log").read_text("utf-8").splitlines()]
        return [str(one) for one in lines if "broke" in one["kind"] or one["kind"] == "defect"]


def _plain(text: str) -> str:
    text = re.sub(r"\b[0-9a-f]{12,}\b", "ID", text)
    return re.sub(r"\b20\d\d-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?", "WHEN", text)


@contextmanager
def running(root: Path, inbox: Dovecot, twilio: Twilio, smtp: int, letters: Letters) -> Iterator[Acme]:
    """The daemon as `stageauto run --listen`, in its mailbox, until the block ends."""
    port = free_port()
    write(root, {"port": port, "smtp": smtp, "imap": inbox.port, "twilio": twilio.port})
    (root / "log").touch()
    words = [*COMMAND, "-C", str(root), "run", "--listen", f"127.0.0.1:{port}", "--log-format", "json"]
    with (root / "log").open("wb") as log, (root / "errors").open("wb") as errors:
        daemon = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=errors)
    try:
        until(lambda: daemon.poll() is not None or _said(root, "listening", "started", "mailbox"))
        assert daemon.poll() is None, (root / "errors").read_text("utf-8")
        yield Acme(root, port, letters, twilio)
    finally:
        daemon.send_signal(signal.SIGTERM)
        ended = daemon.wait(TOO_LONG)
    assert ended == 0, (root / "errors").read_text("utf-8")


def _said(root: Path, *kinds: str) -> bool:
    lines = (root / "log").read_text("utf-8").split("\n")[:-1]
    return {json.loads(one)["kind"] for one in lines} >= set(kinds)


def write(root: Path, ports: Mapping[str, int]) -> None:
    """The files of the workspace, with the ports of this run."""
    for path in FILES.rglob("*"):
        if path.is_file():
            text = path.read_text("utf-8")
            for name, port in ports.items():
                text = text.replace(f"@{name}@", str(port))
            made = root / path.relative_to(FILES)
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_text(text, "utf-8")
    secrets = {
        "IMAP_PASSWORD": PASSWORD, "TWILIO_ACCOUNT": ACCOUNT, "TWILIO_TOKEN": TOKEN, "BANK_SECRET": BANK,
        "COURIER_SECRET": COURIER, "OWN_NUMBER": OWN, "MAILBOX": USER,
    }  # fmt: skip
    (root / ".env").write_text("".join(f"{name}={value}\n" for name, value in secrets.items()), "utf-8")
