"""A real workspace in a folder of its own, loaded into a real state, and the real command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stageauto.cli import main
from stageauto.loader.files import read_files
from stageauto.runner.session import Session
from stageauto.runner.versions import load

WORKSPACE = """\
stageauto: 1
timezone: Europe/Warsaw
calendars:
  working: {mon-fri: "09:00-18:00"}
channels:
  mail: {type: file, from: "Acme <sales@acme.test>"}
resources: {room: {name: Meeting room, capacity: 1}}
"""
USERS = """\
users:
  anna: {name: Anna Nowak, email: anna@acme.test, mailbox: mail, roles: [sales], manager: olga}
  olga: {name: Olga Zielinska, email: olga@acme.test, mailbox: mail, roles: [admin]}
  peter: {name: Peter Outside, email: peter@acme.test}
roles:
  admin: {"*": [automation.read, automation.update, items.read, items.update]}
  sales: {deals: [automation.read, items.read, items.update]}
"""
DEALS = """\
pipeline: deals
name: Deals
entity: deal
fields:
  amount: money
  delivery_date: date
  meeting_at: datetime
  tracking_no: string
  urgent: boolean
  room: booking
  interests: {type: choice, options: [roof, facade], multiple: true}
stages:
  - id: new
    name: New
    rules:
      - {id: welcome, do: post_to_feed, with: {text: "New: {{ item.title }}"}}
      - {id: big, do: create_task, if: item.amount > 1000, with: {title: Call them, assignee: anna}}
      - {id: later, do: create_task, when: {delay: 2d}, after: welcome, with: {title: Later}}
      - id: soon
        do: notify
        when: {before: delivery_date, by: 1d}
        with: {to: responsible, text: "Soon: {{ item.title }}"}
  - id: quote
    name: Quote
    triggers:
      - {id: replied, event: email.received}
    rules:
      - {id: mail, do: send_email, with: {to: customer, from: mail, subject: "Your quote", body: "Hello"}}
      - {id: chase, do: create_task, when: {delay: 3d}, after: mail, with: {title: Chase}}
      - {id: tell, do: notify, with: {to: responsible, text: "Quote sent"}}
  - {id: won, name: Won, kind: won}
"""
LEADS = """\
pipeline: leads
name: Leads
entity: lead
intake:
  - {id: website, event: form.submitted, set: {title: "Web: {{ event.subject }}"}}
stages:
  - {id: fresh, name: Fresh}
  - {id: old, name: Old}
"""


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Cli = Callable[..., Result]


def make_workspace(root: Path, *, users: bool = False) -> Path:
    (root / "pipelines").mkdir(parents=True)
    (root / "stageauto.yaml").write_text(WORKSPACE + (USERS if users else ""), "utf-8")
    deals = DEALS if users else DEALS.replace(", assignee: anna", "")
    (root / "pipelines/deals.yaml").write_text(deals, "utf-8")
    (root / "pipelines/leads.yaml").write_text(LEADS, "utf-8")
    return root


def load_workspace(root: Path) -> None:
    with Session.open(root, create=True) as session:
        load(session, read_files(root))


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STAGEAUTO_WORKSPACE", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def unloaded(tmp_path: Path) -> Path:
    return make_workspace(tmp_path / "acme", users=True)


@pytest.fixture
def root(unloaded: Path) -> Path:
    """A workspace with users and roles, loaded."""
    load_workspace(unloaded)
    return unloaded


@pytest.fixture
def plain_root(tmp_path: Path) -> Path:
    """A workspace without users, loaded: it asks nobody for rights."""
    made = make_workspace(tmp_path / "plain")
    load_workspace(made)
    return made


@pytest.fixture
def cli(root: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs a command in the workspace as olga, who may everything, unless `--as` is given."""
    monkeypatch.chdir(root)

    def run(*arguments: str) -> Result:
        named = any(one == "--as" or one.startswith("--as=") for one in arguments)
        given = arguments if named else ("--as", "olga", *arguments)
        capfd.readouterr()
        code = main(list(given))
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return run


@pytest.fixture
def anywhere(capfd: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command with exactly these arguments, wherever one stands."""

    def run(*arguments: str) -> Result:
        capfd.readouterr()
        code = main(list(arguments))
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return run
