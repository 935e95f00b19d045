"""`backtest` under unchanged files differs in nothing where much goes on beside stages and mails.

Forms that make leads, chats, tracked links, documents that are signed, rooms that are booked, tasks, conversions: a
random life of all of it in two pipelines, of which a random part is played again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from stageauto.engine import commands
from stageauto.engine.answering import reply
from stageauto.engine.commands import By, NewItem
from stageauto.engine.draft import Draft
from stageauto.engine.model import Event, Workspace
from stageauto.errors import StageautoError, UsageError
from stageauto.loader.load import load
from stageauto.runner import past, recorded
from stageauto.runner.backtest import Backtest, Line, backtest
from stageauto.runner.clock import VirtualClock
from stageauto.runner.session import Session
from stageauto.runner.simulate import Failure, Simulation
from stageauto.store.sqlite import SqliteStore

START = 1_772_438_400_000
MINUTE = 60_000
WAITS = (1, 20, 60, 300, 1440, 3000)
FILES = {
    "stageauto.yaml": """\
stageauto: 1
timezone: Europe/Warsaw
base_url: https://acme.test
users: {anna: {name: Anna, email: anna@acme.test, mailbox: mail}, olga: {name: Olga, email: olga@acme.test}}
channels:
  mail: {type: file, from: a@acme.test}
  sms: {type: file}
resources: {room: {name: Room, capacity: 1}}
forms: {site: {fields: [name, email, subject]}}
limits: {messages_per_contact: 6/day}
""",
    "pipelines/leads.yaml": """\
pipeline: leads
entity: lead
fields: {subject: text, code: string}
intake:
  - {id: form, event: form.submitted, where: {form: site}, set: {subject: "{{ event.subject }}"}, unless_open: contact}
  - {id: chat, event: chat.started, set: {title: Chat}}
  - {id: mail, event: email.received, if: "event.subject == 'offer'", stage: talks}
stages:
  - id: new
    rules:
      - {id: code, do: generate_code, with: {field: code, length: 4}}
      - id: thanks
        do: send_email
        after: code
        with:
          {to: customer, from: mail, subject: "{{ item.code }}", body: "https://acme.test/x", track_links: true,
           unsubscribe: true}
      - {id: call, do: create_task, when: {delay: 2h}, with: {title: Call, in: 1d}}
  - id: talks
    triggers:
      - {id: clicked, event: email.link_clicked}
      - {id: wrote, event: chat.message}
      - {id: visited, event: site.visited}
      - {id: called, event: task.completed, where: {rule: call}}
    rules:
      - {id: ask, do: send_chat, with: {text: What may we do?}}
      - {id: give, do: wait, with: {for: 1d}}
      - {id: sms, do: send_sms, after: give, if: "results['give'].ended_by == 'timed_out'", with: {text: Hello}}
      - id: deal
        do: convert
        after: give
        when: {delay: 3h}
        with: {deal: {pipeline: deals, stage: offer}}
  - id: gone
    kind: lost
    triggers: [{id: unsubscribed, event: email.unsubscribed}]
""",
    "pipelines/deals.yaml": """\
pipeline: deals
entity: deal
fields: {paper: file, room: booking, meeting_at: datetime, amount: money}
stages:
  - id: offer
    rules:
      - {id: paper, do: create_document, with: {template: offer.html, name: Offer, field: paper, number: "O-{n:3}"}}
      - id: sign
        do: request_signature
        after: paper
        with: {document: offer, recipient: true, from: mail, subject: Sign, text: "{{ document.link }}"}
      - {id: who, do: change_responsible, with: {to: anna}}
      - id: room
        do: book_resource
        when: {delay: 1h}
        with: {resource: room, start: "{{ item.meeting_at }}", duration: 1h, field: room}
      - {id: more, do: create_item, when: {delay: 1d}, with: {pipeline: leads, title: Again, link: true}}
  - id: meeting
    triggers: [{id: booked, event: resource.booked, where: {resource: room}}]
    rules:
      - {id: free, do: cancel_booking, when: {delay: 5h}, with: {field: room}}
      - {id: meet, do: schedule_meeting, with: {subject: Meet, in: 2d, duration: 1h}}
  - id: won
    kind: won
    triggers:
      - {id: signed, event: document.signed_by_recipient}
      - {id: paid, event: invoice.paid}
    rules:
      - {id: hook, do: webhook, with: {url: "https://erp.test/x"}}
""",
    "templates/offer.html": "<p>An offer for {{ contact.name }}</p>",
}


def workspace_of(files: dict[str, str]) -> Workspace:
    loaded = load(files, env={}, now=START)
    assert loaded.workspace is not None, [(one.code, one.message, one.path) for one in loaded.diagnostics]
    return loaded.workspace


@dataclass
class World:
    """A recorded life."""

    simulation: Simulation
    chance: Random
    done: int = 0
    seen: set[str] = field(default_factory=set)

    def live(self) -> None:
        deeds: list[Callable[[], None]] = [
            self.time, self.time, self.time, self.form, self.form, self.chat, self.chat, self.mail, self.link,
            self.visit,
            self.paper, self.by_hand, self.by_hand, self.by_hand,
        ]  # fmt: skip
        self.done += 1
        self.chance.choice(deeds)()

    def time(self) -> None:
        self.simulation.advance(self.simulation.now + self.chance.choice(WAITS) * MINUTE)

    def happens(self, kind: str, *, item: str | None = None, **data: Any) -> None:
        self.seen.add(kind)
        self.simulation.take(Event(f"e-{self.done}", kind, self.simulation.now, "test", item, data=data))

    def customer(self) -> str:
        return f"c{self.chance.randint(1, 4)}@home.test"

    def form(self) -> None:
        visitor = {"visitor": f"v{self.chance.randint(1, 3)}"} if self.chance.random() < 0.5 else {}
        self.happens("form.submitted", form="site", email=self.customer(), name="Ewa", subject="roof", **visitor)

    def visit(self) -> None:
        self.happens("site.visited", visitor=f"v{self.chance.randint(1, 3)}", page="/")

    def chat(self) -> None:
        # Chats and addresses of customers meet by chance: whom such an event means hangs on who is known when it comes.
        chat = f"chat-{self.chance.randint(1, 3)}"
        self.happens("chat.message", channel="chat", chat=chat, text="hello", email=self.customer())

    def mail(self) -> None:
        subject = self.chance.choice(["offer", "hello"])
        self.happens("email.received", channel="mail", subject=subject, **{"from": self.customer()})

    def some(self, sql: str) -> str | None:
        self.simulation.flush()
        found = [row[0] for row in self.simulation._store.connection.execute(sql).fetchall()]
        return str(self.chance.choice(found)) if found else None

    def link(self) -> None:
        item = self.some("SELECT key FROM items WHERE pipeline = 'leads' ORDER BY id")
        kind = self.chance.choice(["email.link_clicked", "email.link_clicked", "email.opened", "email.unsubscribed"])
        if item:
            self.happens(kind, item=item, rule="thanks", link="https://acme.test/x")

    def paper(self) -> None:
        document = self.some("SELECT key FROM documents ORDER BY id")
        if document:
            kind = self.chance.choice(["document.opened", "document.signed_by_recipient"])
            self.happens(kind, document=document, template="offer")

    def by_hand(self) -> None:
        by = By(f"command-{self.done}", self.simulation.now, "anna")
        deeds = [self.book, self.task, self.meeting, self.answer, self.except_, self.unexcept, self.move, self.add]
        deed = self.chance.choice(deeds)
        self.simulation.flush()
        try:
            self.simulation.do(lambda draft: deed(draft, by))
        except StageautoError:
            return  # taken, over, gone: nothing was done
        self.seen.add(deed.__name__)

    def add(self, draft: Draft, by: By) -> None:
        values = {"meeting_at": f"2026-03-{self.chance.randint(3, 9):02}T10:00"}
        commands.add(draft, by, NewItem("deals", "offer", values, {"email": self.customer(), "first_name": "Ewa"}))

    def move(self, draft: Draft, by: By) -> None:
        item = self.some("SELECT key FROM items WHERE pipeline = 'deals' AND NOT deleted ORDER BY id")
        commands.move(draft, by, item or "", self.chance.choice(["offer", "meeting", "won"]), restart=True)

    def book(self, draft: Draft, by: By) -> None:
        item = self.some("SELECT key FROM items WHERE pipeline = 'deals' AND NOT deleted ORDER BY id")
        start = by.at + self.chance.randint(1, 40) * 60 * MINUTE
        commands.book(draft, by, "room", start, start + 60 * MINUTE, item_id=item, field_name="room" if item else "")

    def task(self, draft: Draft, by: By) -> None:
        commands.task_done(draft, by, self.some("SELECT key FROM tasks ORDER BY id") or "")

    def meeting(self, draft: Draft, by: By) -> None:
        item = self.some("SELECT item FROM activities ORDER BY id") or ""
        open_ones = draft.open_activities(item) if item else []
        commands.activity_done(draft, by, item, open_ones[0].id if open_ones else "")

    def answer(self, draft: Draft, by: By) -> None:
        item = draft.item(self.some("SELECT key FROM items WHERE pipeline = 'leads' ORDER BY id") or "")
        if item is None or item.deleted:
            raise UsageError("nobody")
        reply(draft, by, item, f"chat-{self.chance.randint(1, 4)}", "Good day")

    def except_(self, draft: Draft, by: By) -> None:
        commands.except_address(draft, by, self.customer())

    def unexcept(self, draft: Draft, by: By) -> None:
        draft.flush()
        address = self.customer()
        if self.simulation.state.remove_exemption(address):
            commands.note(draft, by, "unexcept", None, {"address": address})


def lived(number: int, share: float, failures: list[Failure]) -> tuple[Backtest, set[str]]:
    """A life rolled with that number, of which the part after `share` is played again; and what happened in it."""
    workspace = workspace_of(FILES)
    chance = Random(number)
    with SqliteStore.open(":memory:", state_id="test") as store:
        with Simulation(workspace, START, store=store, failures=failures) as simulation:
            world = World(simulation, chance)
            for _ in range(chance.randint(30, 70)):
                world.live()
            simulation.flush()
            end = simulation.now
        since = START + int((end - START) * share) // MINUTE * MINUTE + (7 if share else 0)
        session = Session(Path(), store, VirtualClock(end), None)
        return backtest(session, workspace, since=min(since, end)), world.seen


def differing(found: Backtest) -> list[Line]:
    return [line for line in found.lines if line.differs]


FAILURES: st.SearchStrategy[list[Failure]] = st.sampled_from([[], [], [Failure("mail", times=2)], [Failure("sms")]])
PHASES = (Phase.explicit, Phase.generate)


@settings(max_examples=25, phases=PHASES)
@given(number=st.integers(0, 2**40), share=st.sampled_from([0, 0, 0.2, 0.5, 0.8]), failures=FAILURES)
def test_unchanged_files_differ_in_nothing_whatever_went_on(number, share, failures):
    found, _ = lived(number, share, failures)
    assert differing(found) == []
    assert (found.refused, found.not_repeated) == (0, [])


def test_all_of_it_really_goes_on():
    seen: set[str] = set()
    lines: set[str] = set()
    for number in range(12):
        found, happened = lived(number, 0, [])
        seen |= happened
        lines |= {line.name for line in found.lines}
    assert seen >= {
        "form.submitted", "chat.message", "email.received", "email.link_clicked", "email.unsubscribed",
        "document.opened",
        "document.signed_by_recipient", "book", "task", "meeting", "answer", "except_", "unexcept", "move", "add",
    }  # fmt: skip
    assert lines >= {
        "leads/form", "leads/chat", "leads/mail", "leads/clicked", "leads/wrote", "leads/visited", "leads/called",
        "leads/deal",
        "deals/sign", "deals/booked", "deals/signed", "deals/room", "deals/more", "deals/free", "deals/hook",
    }  # fmt: skip


PLANTED: dict[str, tuple[Any, str, Any]] = {
    "customers who came later are there": (past, "strangers", lambda *_: []),
    "chats that came later are known": (past, "forget_strangers", lambda *_: None),
    "what was given back is free": (past, "_book_again", lambda *_: None),
    "the exceptions list is that of now": (past, "listed_then", lambda *_: []),
    "tasks that were done are done": (past, "_open_again", lambda *_: None),
    "what is made again has another id": (recorded.Ids, "next", lambda *_: None),
    "providers take everything": (recorded.Providers, "answer", lambda *_: None),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_the_property_finds_what_was_planted(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*PLANTED[planted])
    for number in range(80):
        found, _ = lived(number, 0.3 + number % 2 * 0.3, [Failure("mail", times=2)] if number % 4 == 0 else [])
        if differing(found) or found.refused:
            return
    pytest.fail("it is blind")
