"""The real command: `stageauto run --listen` in a process of its own, `token` and `chat` beside it."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.web.conftest import TOO_LONG, write_workspace

COMMAND = [sys.executable, "-c", "import sys; from stageauto.cli import main; sys.exit(main())"]


def stageauto(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "-C", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=TOO_LONG * 2, check=False)


@contextmanager
def daemon(root: Path, listen: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The running daemon and the port that it says it listens at."""
    words = [*COMMAND, "-C", str(root), "run", "--listen", listen, "--log-format", "json"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found: dict[str, Any] = {}
        for line in process.stdout:
            said = json.loads(line)
            found[said["kind"]] = said
            if "listening" in found and "started" in found:
                break
        assert "listening" in found, process.communicate()
        yield process, found["listening"]["port"]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TOO_LONG)


def post(port: int, path: str, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TOO_LONG)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **headers})
        got = connection.getresponse()
        return got.status, json.loads(got.read())
    finally:
        connection.close()


@pytest.mark.parametrize(("listen", "host"), [("0", "127.0.0.1"), ("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "[::1]")])
def test_run_says_where_it_listens_and_where_links_lead_instead(tmp_path: Path, listen: str, host: str) -> None:
    write_workspace(tmp_path, 1)
    words = [*COMMAND, "-C", str(tmp_path), "run", "--listen", listen, "--for", "1s"]
    said = subprocess.run(words, capture_output=True, text=True, timeout=TOO_LONG * 2, check=True).stdout
    pattern = rf"listening at {re.escape(host)}:[1-9]\d*; but links lead to http://127\.0\.0\.1:1, as `base_url` says"
    assert re.search(pattern, said), said


def test_a_token_from_the_command_line_opens_the_running_daemon(tmp_path: Path) -> None:
    write_workspace(tmp_path, 1)
    made = stageauto(tmp_path, "token", "add", "olga", "--note", "shop", "--as", "olga")
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    assert token.startswith("sta_")
    added = json.loads(stageauto(tmp_path, "add", "deals", "--title", "Roof", "--as", "olga", "--json").stdout)
    with daemon(tmp_path, "127.0.0.1:0") as (process, port):
        event = {"type": "invoice.paid", "item": added["id"]}
        status, got = post(port, "/events", event, {"Authorization": f"Bearer {token}"})
        assert (status, got["outcome"], got["moved_to"]) == (200, "moved", "shipped")
        shown = json.loads(stageauto(tmp_path, "show", added["id"], "--json", "--as", "olga").stdout)
        assert shown["stage"] == "shipped"
        listed = stageauto(tmp_path, "token", "list", "--as", "olga")
        assert "shop" in listed.stdout
        assert token not in listed.stdout
        assert stageauto(tmp_path, "token", "remove", "token-1", "--as", "olga").returncode == 0
        assert post(port, "/forms/plain", {"email": "a@b.test"}, {})[0] == 200
    assert process.returncode == 0


def test_staff_answers_in_a_chat_by_a_command(tmp_path: Path) -> None:
    write_workspace(tmp_path, 1)
    with daemon(tmp_path, "127.0.0.1:0") as (_, port):
        assert post(port, "/chat/say", {"text": "Hello?", "name": "Ewa"}, {})[0] == 200
        assert "Hello?" in stageauto(tmp_path, "chat", "list", "--as", "olga").stdout
        done = stageauto(tmp_path, "chat", "reply", "deal-1", "Yes?", "--as", "olga")
        assert done.returncode == 0, done.stderr
        assert "Yes?" not in stageauto(tmp_path, "chat", "show", "deal-1", "--as", "piet").stdout
        assert stageauto(tmp_path, "chat", "reply", "nothing", "x", "--as", "olga").returncode == 2


def test_a_port_that_is_taken_is_said_and_nothing_runs(tmp_path: Path) -> None:
    write_workspace(tmp_path, 1)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        done = stageauto(tmp_path, "run", "--listen", taken)
    assert done.returncode == 4
    assert f"cannot listen at {taken}" in done.stderr
    assert stageauto(tmp_path, "run", "--listen", "nonsense").returncode == 2
