"""Providers that repeat all they get, the login too: none of it is in the state, the log, or what commands show."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_plus

import pytest

from stageauto.cli import main
from stageauto.loader.files import read_files
from stageauto.runner import change
from stageauto.runner.session import Session
from stageauto.runner.versions import load
from tests.channels.providers.stand_in import Reply, Request, StandIn
from tests.runner.support import deliveries, run_until_idle, workspace

SECRETS = {
    name: f"canary-{name.lower()}+of/it=0"
    for name in ("TWILIO", "GATEWAY", "EDNA", "META", "GOOGLE", "GOOGLE_ID", "REFRESH", "VK", "VK_REFRESH", "YANDEX",
                 "HOOK", "DAV")
}  # fmt: skip
SECRETS |= {
    "LOX": "1234567:canary-lox-of-it-0",
    "TELEGRAM": "123456:canary-telegram-of-it-0",
    "ACCESS": "canary-access-of-it",
}
ACCOUNT = "AC0123456789abcdef0123456789abcdef"
SETTINGS = f"""\
users: {{anna: {{name: Anna, email: anna@acme.test, mailbox: mail, roles: [all]}}}}
roles: {{all: {{"*": [items.read, items.update, automation.read, automation.update]}}}}
channels:
  tw: {{type: twilio, account: {ACCOUNT}, token: "${{TWILIO}}", from: "+48221002030", url: "@URL@"}}
  lx: {{type: lox24, token: "${{LOX}}", from: Acme, url: "@URL@"}}
  gw: {{type: sms_http, url: "@URL@/x", headers: {{X-Key: "${{GATEWAY}}"}},
       form: {{to: "{{to}}", t: "{{text}}", pw: "${{GATEWAY}}"}}}}
  ed: {{type: edna, api_key: "${{EDNA}}", cascade: 1, subject: 1, base_url: "@URL@"}}
  tg: {{type: telegram, token: "${{TELEGRAM}}", base_url: "@URL@"}}
  fb: {{type: facebook, token: "${{META}}", base_url: "@URL@"}}
  ga: {{type: google_ads, client_id: "${{GOOGLE_ID}}", client_secret: "${{GOOGLE}}", refresh_token: "${{REFRESH}}",
       account: 123-456-7890, base_url: "@URL@", token_url: "@URL@/token"}}
  vk: {{type: vk, client_id: x, client_secret: "${{VK}}", refresh_token: "${{VK_REFRESH}}", collect: 1,
       base_url: "@URL@"}}
  ya: {{type: yandex, token: "${{YANDEX}}", collect: 1, base_url: "@URL@"}}
  webhook: {{type: webhook, origin: "@URL@", headers: {{Authorization: "Bearer ${{HOOK}}"}}}}
  calendar: {{type: caldav, url: "@URL@/{{user}}/", user: u, password: "${{DAV}}"}}
audiences:
  a1: {{channel: fb, list: "1"}}
  a2: {{channel: ga, list: "2"}}
  a3: {{channel: vk, emails: "3"}}
  a4: {{channel: ya, list: "4"}}
network: {{allow_private: ["127.0.0.1"]}}
limits: {{retry: {{attempts: 1}}}}
"""
PIPELINE = """\
pipeline: work
stages:
  - id: new
    rules:
      - {id: s1, do: send_sms, with: {text: t, channel: tw}}
      - {id: s2, do: send_sms, with: {text: t, channel: lx}}
      - {id: s3, do: send_sms, with: {text: t, channel: gw}}
      - {id: call, do: make_call, with: {say: {text: t}, channel: tw}}
      - {id: wa, do: send_whatsapp, with: {template: x, channel: ed}}
      - {id: chat, do: send_chat, with: {text: x, channel: tg}}
      - {id: a1, do: add_to_audience, with: {audience: a1}}
      - {id: a2, do: add_to_audience, with: {audience: a2}}
      - {id: a3, do: add_to_audience, with: {audience: a3}}
      - {id: a4, do: add_to_audience, with: {audience: a4}}
      - {id: hook, do: webhook, with: {url: "@URL@/call", json: {a: 1}}}
      - {id: meet, do: schedule_meeting, with: {subject: m, in: 1d, attendees: [{user: anna}]}}
"""


class Parrot(StandIn):
    """Makes access tokens, and to everything else answers what it was asked, in every place where words may stand."""

    status = 400

    def serve(self, request: Request) -> Reply:
        if request.path == "/token" or "oauth" in request.path:
            return Reply(200, {"access_token": SECRETS["ACCESS"], "expires_in": 3600})
        body = request.body.decode("utf-8", "replace")
        echo = json.dumps([request.target, dict(request.headers), body, unquote_plus(body), *request.basic])
        one = {"code": 999, "message": echo, "error_type": "x"}
        words = dict.fromkeys(("message", "description", "detail", "title", "hydra:description"), echo)
        told = {**words, "error": one, "errors": [one], "violations": [one], "ok": False}
        return Reply(self.status, told, {"x-request-id": request.headers.get("authorization", "none")[:200]})

    def refuse(self, status: int) -> Reply:
        raise AssertionError(status)


@pytest.fixture
def parrot() -> Iterator[Parrot]:
    made = Parrot()
    yield made
    made.close()


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_what_providers_repeat_of_a_login_is_kept_and_shown_nowhere(
    tmp_path: Path, parrot: Parrot, status: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parrot.status = status
    root = workspace(tmp_path / "acme", PIPELINE.replace("@URL@", parrot.url), SETTINGS.replace("@URL@", parrot.url))
    (root / ".env").write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()), "utf-8")
    with Session.open(root, as_user="anna", create=True) as session:
        load(session, read_files(root))
        contact = {"first_name": "Ewa", "email": "w@home.test", "phone": "+48501111222",
                   "chats": [{"value": "telegram:5", "type": "tg"}]}  # fmt: skip
        item = change.add(session, "work", stage=None, values={"title": "x"}, contact=contact)
    shown = [repr(run_until_idle(root).lines)]
    assert len(parrot.got) >= len(deliveries(root)) >= 11
    capsys.readouterr()
    probes = [("channels", "test", name, "--to", to) for name, to in PROBES.items()]
    for words in (("outbox", "--json"), ("timeline", item, "--json"), ("show", item), ("doctor",), *probes):
        monkeypatch.setattr(sys, "argv", ["stageauto", "-C", str(root), "--as", "anna", *words])
        main()
    captured = capsys.readouterr()
    shown += [captured.out, captured.err]
    kept = b"".join(path.read_bytes() for path in (root / ".stageauto").rglob("*") if path.is_file())
    for secret in _written():
        assert secret not in "".join(shown)
        assert secret.encode() not in kept


PROBES = {
    "tw": "+48501111222", "lx": "+48501111222", "gw": "+48501111222", "ed": "+48501111222", "tg": "5",
    "fb": "w@home.test", "ga": "w@home.test", "vk": "w@home.test", "ya": "w@home.test", "calendar": "anna@acme.test",
}  # fmt: skip


def _written() -> Iterator[str]:
    """Every secret as it is, and where it is part of a login as that is written."""
    for value in SECRETS.values():
        yield value.rpartition(":")[2]
    for user, name in ((ACCOUNT, "TWILIO"), ("u", "DAV")):
        yield base64.b64encode(f"{user}:{SECRETS[name]}".encode()).decode()
