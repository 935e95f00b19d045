"""A real Dovecot on loopback, as an instance of its own: own folder, own ports, own users, gone with the test."""

from __future__ import annotations

import contextlib
import grp
import imaplib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.channels.support import Certificate, free_port

BINARY = shutil.which("dovecot") or next((one for one in ("/usr/sbin/dovecot",) if os.access(one, os.X_OK)), "")
USER, PASSWORD = "sales@acme.test", "correct horse ż"
TOO_LONG = 30.0
CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{cert}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain login{mechanisms}
imap_capability = {capability}
imap_idle_notify_interval = 10 s
default_internal_user = {login}
default_internal_group = {group}
default_login_user = {login}
first_valid_uid = 0
mail_location = maildir:{folder}/mail/%u
mail_max_userip_connections = 100
{oauth}
passdb {{
  driver = passwd-file
  args = scheme=plain {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
namespace inbox {{
  inbox = yes
}}
"""
BY_TOKEN = """\
passdb {{
  driver = oauth2
  mechanisms = {by}
  args = {folder}/oauth2.conf
}}
"""
ASKED = """\
introspection_mode = auth
introspection_url = {url}
username_attribute = email
"""


@dataclass
class Dovecot:
    """The server. `start` and `stop` may follow one another; the mails stay."""

    folder: Path
    certificate: Certificate
    capability: str = ""  # replaces what it says it can
    introspection: str = ""  # where it asks whose a token is
    by: str = "xoauth2 oauthbearer"
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Comes back when it answers."""
        uid, gid, login, group = _who()
        self.folder.chmod(0o755)
        for name in ("mail", "home", "run", "state"):
            made = self.folder / name
            made.mkdir(exist_ok=True)
            if os.getuid() == 0 and name in {"mail", "home"}:
                os.chown(made, uid, gid)
        (self.folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\nanna@acme.test:{{PLAIN}}{PASSWORD}\n", "utf-8")
        (self.folder / "oauth2.conf").write_text(ASKED.format(url=self.introspection), "utf-8")
        config = CONFIG.format(
            oauth=BY_TOKEN.format(folder=self.folder, by=self.by) if self.introspection else "",
            mechanisms=f" {self.by}" if self.introspection else "",
            folder=self.folder, cert=self.certificate.cert, key=self.certificate.key, capability=self.capability,
            login=login, group=group, uid=uid, gid=gid, port=self.port, tls_port=self.tls_port,
        )  # fmt: skip
        (self.folder / "dovecot.conf").write_text(config, "utf-8")
        with (self.folder / "out").open("ab") as out:
            self.process = subprocess.Popen(
                [BINARY, "-F", "-c", str(self.folder / "dovecot.conf")], stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        ends = time.monotonic() + TOO_LONG
        while not self._answers():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < ends, self.said()
            threading.Event().wait(0.05)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 2) as found:
            return found.recv(10).startswith(b"* OK")
        return False

    def said(self) -> str:
        """Its log."""
        files = (self.folder / "log", self.folder / "out")
        return "\n".join(one.read_text("utf-8", "replace") for one in files if one.exists())

    def stop(self, *, hard: bool = False) -> None:
        """Ends it; `hard`: all of its processes at once, as a crash would."""
        if self.process is None:
            return
        children = _children(self.process.pid)
        if hard:
            for one in (self.process.pid, *children):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)
        else:
            self.process.terminate()
        self.process.wait(TOO_LONG)
        for one in children:  # an imap process outlives its master for a while
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        self.process = None

    @contextlib.contextmanager
    def client(self, user: str = USER) -> Iterator[imaplib.IMAP4]:
        """Somebody else who is logged in: the standard library's client, not ours."""
        found = imaplib.IMAP4("127.0.0.1", self.port, TOO_LONG)
        try:
            found.authenticate("PLAIN", lambda _: f"\0{user}\0{PASSWORD}".encode())
            yield found
        finally:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                found.logout()

    def deliver(self, mail: bytes, folder: str = "INBOX", *, user: str = USER, flags: str = "") -> None:
        """Puts a mail into a folder, as it is."""
        with self.client(user) as client:
            typ, data = client.append(folder, flags, "", mail.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
            assert typ == "OK", data

    def deliver_raw(self, mail: bytes) -> None:
        """Puts bytes into the mailbox that no server would take, as a broken delivery agent does."""
        new = self.folder / "mail" / USER / "new"
        if not new.exists():
            with self.client() as client:
                client.select()
        name = f"{time.time_ns()}.raw{len(list(new.iterdir()))}.test"
        file = new.parent / "tmp" / name
        file.write_bytes(mail)
        if os.getuid() == 0:
            uid, gid, _, _ = _who()
            os.chown(file, uid, gid)
        file.rename(new / name)

    def count(self, folder: str = "INBOX", *, which: str = "ALL") -> int:
        """How many mails are in a folder; 0 where there is none of the name."""
        with self.client() as client:
            typ, _ = client.select(folder, readonly=True)
            if typ != "OK":
                return 0
            _, data = client.search(None, which)
            return len(data[0].split())


def _who() -> tuple[int, int, str, str]:
    """As whom it runs: root gives its rights away, anybody else keeps their own."""
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        return nobody.pw_uid, nobody.pw_gid, "nobody", grp.getgrgid(nobody.pw_gid).gr_name
    me = pwd.getpwuid(os.getuid())
    return me.pw_uid, me.pw_gid, me.pw_name, grp.getgrgid(me.pw_gid).gr_name


def _children(pid: int) -> list[int]:
    found = []
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                parent = int((one / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1])
                if parent == pid:
                    found += [int(one.name), *_children(int(one.name))]
    return found


@contextlib.contextmanager
def dovecot(certificate: Certificate, capability: str = "", introspection: str = "") -> Iterator[Dovecot]:
    """A running server in a folder that the user it gives its rights to can reach."""
    if not BINARY:
        lacking = pytest.fail if os.environ.get("CI") or os.getuid() == 0 else pytest.skip
        lacking("Dovecot is not installed: `make needs` as root installs dovecot-imapd")
    folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
    made = Dovecot(folder, certificate, capability, introspection)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)
