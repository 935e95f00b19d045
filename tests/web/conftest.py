"""A real daemon with its listener, in threads of the test, and a plain HTTP client; a mailbox of files."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stageauto.engine.state import Entry, Item, Journal
from stageauto.runner.change import add
from stageauto.runner.clock import SystemClock
from stageauto.runner.service import Options, Service
from stageauto.runner.session import Session, load_files, save_rights
from stageauto.store.sqlite_state import SqliteReader
from stageauto.web.groups import all_routes
from stageauto.web.server import Listener, bind
from stageauto.web.site import Site

TOO_LONG = 60.0
"""Seconds after which a test gives up; nothing is expected to take them."""
SECRET = "whsec_c3RhZ2VhdXRvLXRlc3Qtc2VjcmV0"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"

STAGEAUTO = """
stageauto: 1
timezone: Europe/Warsaw
base_url: "http://127.0.0.1:@PORT@"
users:
  anna: {name: Anna Nowak, email: anna@acme.test, phone: "+48 600 999 888", roles: [sales], mailbox: mail}
  olga: {name: Olga Zielinska, email: olga@acme.test, roles: [admin]}
  piet: {name: Piet, roles: [other]}
  rita: {name: Rita, roles: [reader]}
roles:
  admin: {"*": [automation.read, automation.update, items.read, items.update]}
  sales: {deals: [items.read, items.update]}
  other: {orders: [items.read, items.update]}
  reader: {"*": [items.read]}
channels:
  mail: {type: file, from: "sales@acme.test"}
  live: {type: live_chat}
  tg: {type: telegram, token: "${TG_TOKEN:-123:abc}", bot: acme_bot, secret: "${TG_SECRET}"}
  twilio: {type: twilio, account: AC00000000000000000000000000000000, token: "${TWILIO_TOKEN}", from: "+15005550006"}
  wa: {type: edna, api_key: "${EDNA_KEY}", cascade: 7, subject: 9, secret: "${EDNA_SECRET}"}
  lox: {type: lox24, token: "${LOX_TOKEN:-1:2}", from: Acme, secret: "${GATEWAY_SECRET}"}
  gw:
    type: sms_http
    url: https://sms.test
    form: {to: "{to}", text: "{text}", ref: "{key}"}
    secret: "${GATEWAY_SECRET}"
    report: {key: msg.ref, status: msg.state, delivered: [DELIVRD, 1], failed: [UNDELIV, EXPIRED]}
  gets:
    type: sms_http
    url: https://sms.test
    form: {to: "{to}", text: "{text}", ref: "{key}"}
    secret: "${GATEWAY_SECRET}"
    report: {key: ref, status: dlr, delivered: 1, failed: [2, 16]}
  silent: {type: sms_http, url: "https://sms.test", form: {to: "{to}", text: "{text}"}}
forms:
  website:
    fields: [name, email, phone, subject, message]
    required: [name, email]
    title: Ask for an offer
    redirect: "https://acme.test/thanks"
    origins: ["https://acme.test"]
  plain: {fields: [email]}
  framed: {fields: [email], origins: ["https://acme.test"]}
  measure:
    fields: [email, interest, agreed]
    required: [email, agreed]
    choices: {interest: [Roof, "Facade & more"]}
    ticks: [agreed]
    labels: {agreed: You may keep what I wrote}
  german: {fields: [email, message], required: [email], language: de}
  back: {kind: callback, fields: [name, phone], required: [phone]}
hooks:
  erp: {secret: "${HOOK_SECRET}"}
  shop: {secret: "${SHOP_SECRET}", header: X-Shop-Token}
  bank:
    secret: "${SHOP_SECRET}"
    header: X-Shop-Token
    event: invoice.paid
    data: {email: payer.emails.0, amount: total.value, invoice: number, note: nowhere.at.all}
web:
  name: Acme Roofing
  metrics_token: "${METRICS_TOKEN}"
  origins: ["https://acme.test"@ORIGIN@]
@WEB@
"""
ENV = f"""
HOOK_SECRET={SECRET}
SHOP_SECRET=shop-secret-7f3a
METRICS_TOKEN=metrics-9c1d
TG_SECRET=telegram-secret-51
TWILIO_TOKEN=twilio-token-88
EDNA_KEY=edna-key-12
EDNA_SECRET=edna-hook-3c
GATEWAY_SECRET=gateway-word-4d
"""
DEALS = """
pipeline: deals
name: Deals
fields:
  note: text
intake:
  - {id: website, event: form.submitted, where: {form: website}, set: {title: "Web: {{ event.subject }}"}, stage: new}
  - {id: german, event: form.submitted, where: {form: german}, stage: new}
  - {id: called-back, event: callback.requested, stage: new}
  - {id: missed, event: call.missed, stage: new, unless_open: contact}
  - {id: texted, event: sms.received, stage: new, unless_open: contact}
  - {id: chatted, event: chat.started, stage: new, unless_open: contact}
stages:
  - id: new
  - id: offered
    rules:
      - id: offer-mail
        do: send_email
        with:
          from: workspace
          subject: Your offer
          body: "See https://acme.test/prices."
          html: '<p>See <a href="https://acme.test/prices?a=1&amp;b=2">prices</a></p>'
          track_links: true
          track_opens: true
          unsubscribe: true
  - id: opened
    triggers: [{id: was-opened, event: email.opened, where: {rule: offer-mail}}]
  - id: clicked
    triggers: [{id: was-clicked, event: email.link_clicked}]
  - id: shipped
    triggers:
      - {id: erp-shipped, event: webhook.received, where: {hook: [erp, shop], status: shipped}}
      - {id: told, event: invoice.paid}
"""
ORDERS = "pipeline: orders\nname: Orders\nstages: [{id: open}, {id: done}]\n"


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
class Served:
    """The running listener."""

    root: Path
    port: int
    service: Service
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own; what is neither bytes nor text goes as JSON."""
        sent = {"User-Agent": BROWSER, **(headers or {})}
        if body is not None and not isinstance(body, bytes | str):
            sent.setdefault("Content-Type", "application/json")
            body = json.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TOO_LONG)
        try:
            content = body if isinstance(body, bytes) else None if body is None else str(body).encode()
            connection.request(method, path, content, sent)
            got = connection.getresponse()
            return Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
        finally:
            connection.close()

    def form(self, path: str, values: Mapping[str, str], **headers: str) -> Answer:
        """A form as a browser sends it."""
        from urllib.parse import urlencode

        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode(values), {**kind, **headers})

    @contextmanager
    def session(self) -> Iterator[Session]:
        with Session.open(self.root) as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[SqliteReader]:
        with self.session() as session, session.store.read() as state:
            yield state

    def item(self, item_id: str) -> Item:
        with self.read() as state:
            found = state.item(item_id)
        assert found is not None
        return found

    def items(self) -> list[Item]:
        with self.read() as state:
            return state.items()

    def journal(self) -> list[Journal]:
        with self.read() as state:
            return [one for one in state.journal() if one.source != "command"]

    def timeline(self, item_id: str) -> list[Entry]:
        with self.read() as state:
            return state.timeline(item_id)

    def audited(self) -> list[tuple[str, str]]:
        with self.read() as state:
            return [(one.action, one.target) for one in state.audit()]

    def add(self, **more: Any) -> Item:
        """A deal of Ewa, who has an e-mail address."""
        contact = {"first_name": "Ewa", "email": "ewa@home.test", **more.pop("contact", {})}
        with Session.open(self.root, as_user="olga") as session:
            made = add(session, "deals", stage=more.get("stage"), values={"title": "Roof"}, contact=contact)
        return self.item(made)

    def until(self, there: Callable[[], Any]) -> Any:
        """What `there` gives once it is true."""
        return wait_for(there)


def wait_for(there: Callable[[], Any]) -> Any:
    """What `there` gives once it is true."""
    ends = time.monotonic() + TOO_LONG
    while not (found := there()):
        assert time.monotonic() < ends, "it never came"
        threading.Event().wait(0.02)
    return found


def write_workspace(root: Path, port: int, web: str = "", origin: str = "") -> None:
    """The files of the workspace, loaded. `web` stands under `web:`, `origin` is one more site with the beacon."""
    more = f', "{origin}"' if origin else ""
    texts = {
        "stageauto.yaml": STAGEAUTO.replace("@PORT@", str(port)).replace("@WEB@", web).replace("@ORIGIN@", more),
        "pipelines/deals.yaml": DEALS,
        "pipelines/orders.yaml": ORDERS,
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    (root / ".env").write_text(ENV, encoding="utf-8")
    now = SystemClock().now()
    loaded = load_files(root, texts, now)
    assert loaded.workspace is not None, loaded.diagnostics
    with Session.open(root, create=True) as session, session.store.transaction() as state:
        state.set_active(state.add_version(texts, "test", now))
        save_rights(state, loaded.workspace)


@contextmanager
def serving(root: Path, web: str = "", origin: str = "") -> Iterator[Served]:
    """The daemon and its listener on threads of their own, until the block ends."""
    made = bind("127.0.0.1", 0)
    port = made.getsockname()[1]
    write_workspace(root, port, web, origin)
    ready = threading.Event()
    served: list[Served] = []
    failed: list[BaseException] = []

    def work() -> None:
        told: list[tuple[str, dict[str, Any]]] = []

        def tell(kind: str, data: dict[str, Any]) -> None:
            told.append((kind, data))
            if kind == "started":
                ready.set()

        try:
            with Session.open(root) as session:
                service = Service(session, Options(grace=0), tell)
                listener = Listener(Site(service, root, session.clock, tell), made, all_routes())
                served.append(Served(root, port, service, told))
                listener.start()
                try:
                    service.run()
                finally:
                    listener.stop()
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ready.wait(TOO_LONG)
        assert not failed, failed
        yield served[0]
    finally:
        if served:
            served[0].service.stop()
        thread.join(TOO_LONG)
        assert not thread.is_alive()
        assert not failed, failed
        broken = [one for one in served[0].told if one[0] in ("http_broke", "batch_broke", "listener_broke")]
        assert not broken, broken


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A running listener with a workspace of its own."""
    with serving(tmp_path) as made:
        yield made


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No allowance fills up again, however long the test takes."""
    monkeypatch.setattr(Site, "monotonic", lambda _: 0)
