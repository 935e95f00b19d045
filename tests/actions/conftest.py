"""A small workspace, loaded for real, in which each kind is planned over a real state in memory."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from stageauto.engine.action import Action, Context
from stageauto.engine.draft import Draft
from stageauto.engine.model import Rule, Workspace
from stageauto.engine.ports import Changes
from stageauto.engine.schedule import parse_local
from stageauto.engine.scope import Scope
from stageauto.engine.state import Company, Contact, Item, item_of, run_of
from stageauto.loader.load import Loaded, load
from stageauto.store.sqlite import SqliteStore

STAGEAUTO = """
stageauto: 1
timezone: Europe/Warsaw
calendars: {working: {mon-fri: "09:00-17:00"}}
users:
  anna: {name: Anna Nowak, email: anna@acme.test, phone: "+48 600 100 200", roles: [sales], manager: olga,
         mailbox: anna-mail}
  olga: {name: Olga Zielinska, email: olga@acme.test, roles: [admin, sales]}
  ben: {name: Ben Kot, manager: olga, roles: [drivers]}
roles:
  admin: {"*": [items.read]}
  sales: {deals: [items.read]}
  drivers: {deals: [items.read]}
  nobody: {deals: [items.read]}
channels:
  mail: {type: smtp, host: localhost, port: 1025, from: "office@acme.test"}
  anna-mail: {type: smtp, host: localhost, port: 1025, from: "anna@acme.test"}
  hooks-out: {type: webhook}
  ads: {type: file, kind: audience}
  messenger: {type: telegram, token: "${BOT_TOKEN}", bot: acme_bot}
audiences: {spring: {channel: ads, list: "2384"}}
resources: {meeting-room: {name: Meeting room, capacity: 1}}
forms: {website: {fields: [name, email, subject], redirect: "https://acme.test/thanks"}}
hooks: {erp: {secret: "${ERP_SECRET}"}}
vars: {company: Acme}
"""

DEALS = """
pipeline: deals
name: Deals
entity: deal
fields:
  order_no: string
  tracking_no: string
  note: text
  amount: {type: money, default: 0}
  delivery_date: date
  meeting_at: datetime
  signed_at: datetime
  first_name: string
  name: string
  company_name: string
  email: email
  phone: phone
  voucher: string
  room: booking
  offer: file
  owner: user
  interests: {type: choice, options: [roof, facade], multiple: true}
stages:
  - id: new
    name: New
    rules:
      - {id: call-back, do: create_task, with: {title: Call back}}
  - id: quote
    name: Quote
    triggers: [@TRIGGERS@]
    rules:
      - {id: offer-mail, do: add_comment, with: {text: x}}
@RULE@
  - {id: won, name: Won, kind: won}
  - {id: lost, name: Lost, kind: lost}
"""

ORDERS = """
pipeline: orders
name: Orders
entity: deal
fields: {amount: money}
stages: [{id: received, name: Received}, {id: sent, name: Sent}]
"""

TEMPLATES = {
    "templates/offer.html": "<h1>Hello {{ contact.first_name }}</h1><p>See <a href='https://acme.test'>us</a>.</p>",
    "templates/offer.txt": "Hello {{ contact.first_name }}",
}

NOW = 1_772_438_400_000  # 2026-03-02T09:00 in Warsaw, a Monday


def load_with(rule: str = "", trigger: str = "", scenario: str = "", *, reachable: bool = False) -> Loaded:
    """The workspace with one more rule in the stage `quote`, or one more trigger into it, and perhaps a scenario.

    `reachable`: it has a `base_url`.
    """
    deals = DEALS.replace("@RULE@", _entry(rule) if rule else "")
    block = f"\n{_entry(trigger)}\n" if trigger else ""
    deals = deals.replace(" [@TRIGGERS@]", block or " []")
    main = STAGEAUTO + ("base_url: https://crm.acme.test\n" if reachable else "")
    files = {"stageauto.yaml": main, "pipelines/deals.yaml": deals, "pipelines/orders.yaml": ORDERS, **TEMPLATES}
    present = {"templates/files/catalogue.pdf", "files/catalogue.pdf"}
    scenarios = {"scenarios/it.yaml": scenario} if scenario else {}
    return load(
        files,
        env={"ERP_SECRET": "whsec_c3RhZ2VhdXRv", "BOT_TOKEN": "123456:AAE-throwaway_token_of_tests"},
        now=NOW,
        scenarios=scenarios,
        files_present=present.__contains__,
    )


def _entry(block: str) -> str:
    lines = textwrap.dedent(block).strip("\n").splitlines()
    return "\n".join(f"      {'- ' if number == 0 else '  '}{line}" for number, line in enumerate(lines))


@dataclass
class Bench:
    """Plans one rule's action for one item of the loaded workspace."""

    store: SqliteStore
    item: Item = field(
        default_factory=lambda: item_of(
            "deal-1", "deals", "quote", "Roof", NOW, NOW, responsible="anna", contacts=["ewa"]
        )
    )
    contacts: list[Contact] = field(
        default_factory=lambda: [
            Contact(
                "ewa",
                "Ewa",
                "Lis",
                emails=[
                    {"value": "ewa@home.test", "type": "private"},
                    {"value": "ewa@work.test", "type": "work"},
                    {"value": "ewa2@home.test", "type": "private"},
                ],
                phones=[{"value": "+48 501 111 222", "type": "mobile"}],
                chats=[{"value": "old-chat", "type": "chat"}, {"value": "new-chat", "type": "chat"}],
                language="pl",
            ),
            Contact("jan", "Jan", emails=[{"value": "jan@home.test", "type": "private"}]),
        ]
    )
    companies: list[Company] = field(default_factory=list)

    def rule(self, do: str, options: str = "", more: str = "") -> tuple[Workspace, Rule]:
        """The loaded rule: `options` is the YAML under `with:`."""
        block = f"id: it\ndo: {do}\n{more}"
        if options:
            block += "with:\n" + textwrap.indent(textwrap.dedent(options).strip("\n"), "  ")
        loaded = load_with(block)
        assert loaded.workspace is not None, loaded.diagnostics
        found = loaded.workspace.pipelines["deals"].rule("it")
        assert found is not None
        return loaded.workspace, found

    def action(self, do: str, options: str = "", more: str = "") -> Action:
        """The loaded action."""
        return self.rule(do, options, more)[1].action

    def plan(self, do: str, options: str = "", more: str = "") -> Sequence[Any]:
        """What the rule's action asks for."""
        workspace, rule = self.rule(do, options, more)
        with self.store.transaction() as state:
            state.write(Changes(items=[self.item], contacts=self.contacts, companies=self.companies))
            draft = Draft(state, workspace, draw=lambda alphabet, length: alphabet[0] * length)
            run = run_of("deal-1:7", "it", "deals", "quote", 1, 7, NOW)
            context = Context(draft, self.item, run, rule, Scope(draft, NOW, self.item), NOW)
            return [*rule.action.plan(context), *context.made]

    def one(self, do: str, options: str = "", more: str = "") -> Any:
        """The only effect."""
        effects = self.plan(do, options, more)
        assert len(effects) == 1, effects
        return effects[0]


def faults(do: str, options: str) -> list[str]:
    """The codes of all diagnostics, warnings too, that loading a rule with these options gives."""
    block = f"id: it\ndo: {do}\nwith:\n" + textwrap.indent(textwrap.dedent(options).strip("\n"), "  ")
    return [one.code for one in load_with(block).diagnostics]


def local(text: str) -> int:
    """The instant of a local time, ms UTC."""
    loaded = load_with()
    assert loaded.workspace is not None, loaded.diagnostics
    return parse_local(text, loaded.workspace.zone)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with SqliteStore.open(":memory:", state_id="test") as store:
        yield Bench(store)
