"""A real Radicale on loopback, in a process of its own, with a login and a calendar for each user."""

from __future__ import annotations

import base64
import contextlib
import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.channels.support import free_port

USERS = {"anna": "s3cret-word", "olga": "0ther-word"}
CONFIG = """
[server]
hosts = 127.0.0.1:{port}
[auth]
type = htpasswd
htpasswd_filename = {folder}/users
htpasswd_encryption = plain
delay = 0
[rights]
type = {rights}
[storage]
filesystem_folder = {folder}/collections
[logging]
level = error
"""


@dataclass(frozen=True)
class Radicale:
    """Where it listens, and where it keeps its files."""

    port: int
    folder: Path

    def calendar(self, user: str) -> str:
        return f"http://127.0.0.1:{self.port}/{user}/work/"

    def request(self, method: str, path: str, body: str = "", user: str = "anna") -> tuple[int, str]:
        """Status and body of a request made by that user."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        login = base64.b64encode(f"{user}:{USERS[user]}".encode()).decode()
        with contextlib.closing(connection):
            headers = {"authorization": f"Basic {login}", "content-type": "text/calendar"}
            connection.request(method, path, body.encode(), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def events(self, user: str = "anna") -> list[str]:
        """The events in the user's calendar, as the server keeps them."""
        folder = self.folder / "collections" / "collection-root" / user / "work"
        return [
            path.read_text("utf-8") for path in sorted(folder.glob("*.ics"), key=lambda one: one.stat().st_mtime_ns)
        ]


@contextlib.contextmanager
def radicale(folder: Path, rights: str = "owner_only") -> Iterator[Radicale]:
    """Starts the server and makes the calendars; ends it in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Radicale(free_port(), folder)
    (folder / "users").write_text("".join(f"{name}:{word}\n" for name, word in USERS.items()))
    (folder / "config").write_text(CONFIG.format(port=server.port, folder=folder, rights=rights))
    process = subprocess.Popen([sys.executable, "-m", "radicale", "--config", str(folder / "config")])
    try:
        _wait_for(server, process)
        for user in USERS:
            status, said = server.request("MKCALENDAR", f"/{user}/work/", user=user)
            assert status == 201, said
        yield server
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(server: Radicale, process: subprocess.Popen[bytes]) -> None:
    for _ in range(2400):
        assert process.poll() is None, "Radicale ended at once"
        with contextlib.suppress(OSError):
            server.request("OPTIONS", "/")
            return
        time.sleep(0.05)
    raise AssertionError("Radicale does not listen")
