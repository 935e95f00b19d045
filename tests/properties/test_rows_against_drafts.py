"""After every transaction the rows say what the draft had in mind: each item as it is, and when it is due next.

A draft writes what was touched whenever it looks something up, and works out when an item is due before it writes it.
What was changed after either, and not touched again, would be lost with the draft.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from stageauto.channels.base import Delivered, Outcome, Rejected, Retry, Uncertain
from stageauto.engine import commands, step
from stageauto.engine.commands import By, NewItem
from stageauto.engine.draft import Draft
from stageauto.engine.model import Event, Workspace
from stageauto.engine.state import PENDING, RUNNING, UNKNOWN
from stageauto.errors import UsageError
from stageauto.loader.load import load
from stageauto.runner import record
from stageauto.runner.adoption import adopt_all
from stageauto.runner.clock import VirtualClock
from stageauto.runner.concern import Concern
from stageauto.runner.overdue import hold_flood, hold_runs, release_held
from stageauto.store.sqlite import SqliteStore
from stageauto.store.sqlite_state import SqliteState

START = 1_772_438_400_000
MINUTE = 60_000
EVER = 2**62
WORKSPACE = """\
stageauto: 1
timezone: UTC
limits:
  messages_per_contact: 3/day
  automatic_moves: 5
  retry: {attempts: 3, first: 10m}
  quiet_hours: {between: ["20:00", "08:00"]}
users:
  anna: {name: Anna, phone: "+48 600 100 200", email: anna@acme.test, roles: [seller], notify: [mail]}
  ben: {name: Ben, phone: "+48 600 100 300", email: ben@acme.test, roles: [seller], manager: anna}
channels:
  mail: {type: smtp, host: 127.0.0.1, port: 9, tls: none, from: "a@acme.test"}
  sms: {type: file, kind: sms, on_unknown: hold}
roles:
  seller: {"*": [items.read]}
resources:
  van: {name: Van}
"""
PIPELINE = """\
pipeline: deals
entity: deal
fields:
  amount: {type: money, default: 1}
  meeting: datetime
  code: string
  van: booking
stages:
  - id: new
    rules:
      - {id: tell, do: send_sms, with: {to: ["user:anna", "user:ben"], text: x}}
      - {id: told, do: add_comment, after: tell, on_leave: keep, with: {text: told}}
      - {id: mail, do: send_email, on_leave: keep, with: {from: workspace, subject: s, body: b}}
      - {id: task, do: create_task, with: {title: t, in: 90m}}
      - {id: soon, do: create_task, when: {delay: 30m}, with: {title: s, in: 30m}}
      - {id: again, do: add_comment, repeat: {every: 45m, times: 3}, with: {text: r}}
      - {id: rest, do: wait, with: {for: 2h, until: [email.received]}}
      - {id: rested, do: send_sms, after: rest, with: {text: x}}
      - {id: remind, do: send_sms, on_leave: keep, when: {before: meeting, by: 1h}, with: {text: x}}
      - {id: act, do: create_activity, with: {subject: a, complete_on_stage_change: true}}
  - id: offer
    triggers:
      - {id: forth, event: email.received}
      - {id: overdue, event: task.overdue}
      - {id: there, event: app.go, allow_back: true, set: {code: "{{ event.data.code }}"}}
    rules:
      - {id: code, do: generate_code, once: item, with: {field: code}}
      - {id: note, do: notify, with: {to: [anna, ben], text: x}}
      - {id: who, do: change_responsible, with: {role: seller, by: least_open}}
      - {id: back, do: change_stage, when: {delay: 3h}, if: item.amount > 5, with: {to: new}}
      - {id: more, do: create_item, with: {pipeline: deals, stage: won}}
      - {id: many, do: send_email, repeat: {every: 1h, times: 2}, with: {from: workspace, to: ["user:anna", "user:ben"], subject: s, body: b}}
      - {id: stop, do: stop_rules, when: {delay: 4h}, with: {rules: [many, back]}}
      - {id: start, do: start_rules, when: {delay: 5h}, with: {rules: [note]}}
      - {id: done, do: complete_tasks, when: {delay: 2h}}
  - id: won
    kind: won
    rules:
      - {id: late, do: send_sms, when: {delay: 1h, if_late: skip}, with: {to: "user:anna", text: x}}
      - {id: thanks, do: send_sms, after: late, with: {text: x}}
"""  # noqa: E501 - YAML on one line
OTHERS = (
    PIPELINE.replace("id: remind,", "id: recall,").replace(
        "entity: deal", "entity: deal\nrenamed: [{from: remind, to: recall}]"
    ),
    PIPELINE.replace("every: 45m, times: 3", "every: 20m, times: 5").replace("when: {delay: 3h}", "when: {delay: 1h}"),
    PIPELINE.replace("      - {id: soon, do", "      - {id: soon, enabled: false, do").replace("by: 1h}", "by: 3h}"),
    PIPELINE.replace("      - {id: overdue, event: task.overdue}\n", ""),
)
ANSWERS: tuple[Outcome, ...] = (
    Delivered({}),
    Delivered({"message_id": "<one@acme.test>"}),
    Rejected("no such number", "no_address", undeliverable=True),
    Rejected("no", "refused"),
    Retry("busy", None),
    Retry("slow", 5 * MINUTE),
    Uncertain("who knows"),
)
NUMBERS = st.integers(0, 50)
STAGES = st.sampled_from(["new", "offer", "won"])


def workspace_of(pipeline: str) -> Workspace:
    loaded = load({"stageauto.yaml": WORKSPACE, "pipelines/deals.yaml": pipeline}, env={}, now=START)
    assert loaded.workspace is not None, [one.message for one in loaded.diagnostics]
    return loaded.workspace


WORKSPACES = [workspace_of(one) for one in (PIPELINE, *OTHERS)]
Deed = Callable[[Draft, By], object]


class Rows(RuleBasedStateMachine):
    """What can be done to a state, alone or several in one transaction, as the daemon does."""

    def __init__(self) -> None:
        super().__init__()
        self.store = SqliteStore.open(":memory:")
        self.clock = VirtualClock(START)
        self.workspace = WORKSPACES[0]
        self.number = 0
        self.together: list[Deed] = []

    def teardown(self) -> None:
        self.store.close()

    # -- transactions

    def by(self) -> By:
        self.number += 1
        return By(f"by-{self.number}", self.clock.at, "anna")

    def draft_of(self, state: SqliteState) -> Draft:
        late = self.clock.at - 30 * MINUTE
        return Draft(state, self.workspace, draw=self.clock.draw, state_id="rows", late_before=late)

    def do(self, *deeds: Deed) -> None:
        """The deeds, each with what it makes due at once, in one transaction and one draft; a bad one undoes all."""
        try:
            with self.store.transaction() as state:
                draft = self.draft_of(state)
                for deed in (*self.together, *deeds):
                    deed(draft, self.by())
                    self.settle(draft)
                draft.flush()
                seen = {item.id: draft.item(item.id) for item in state.items(include_deleted=True)}
        except UsageError:
            seen = {}
        self.together = []
        self.compare(seen)

    def settle(self, draft: Draft) -> None:
        while (first := draft.pop_due(self.clock.at)) is not None:
            step.tick(draft, *first, self.clock.at)

    def compare(self, seen: dict[str, Any]) -> None:
        with self.store.read() as state:
            items = {item.id: item for item in state.items(include_deleted=True)}
            due = sorted(tuple(row) for row in state.due_items(EVER, 10_000))
            open_counts, by_stage = state.open_counts(["anna", "ben"]), state.counts_by_stage()
            of_contact = {one: state.items_of_contact(one) for item in items.values() for one in item.contacts}
        for name, item in seen.items():
            assert items[name] == item, name
        living = [item for item in items.values() if not item.deleted]
        for contact, names in of_contact.items():
            assert names == [item.id for item in living if contact in item.contacts]
        assert by_stage == Counter((item.pipeline, item.stage) for item in living)
        responsible = Counter(item.responsible for item in living if not item.closed)
        assert open_counts == {user: responsible[user] for user in ("anna", "ben")}
        assert due == sorted((*first, item.id) for item in items.values() if (first := item.next_due()) is not None)

    def in_steps(self, steps: int) -> str:
        at = datetime.fromtimestamp(self.clock.at / 1000, UTC) + timedelta(minutes=10 * steps)
        return at.strftime("%Y-%m-%dT%H:%M")

    # -- what is there

    def items(self) -> list[str]:
        with self.store.read() as state:
            return [item.id for item in state.items(include_deleted=True)]

    def some_item(self, number: int) -> str:
        names = self.items()
        return names[number % len(names)] if names else "none"

    def some_run(self, number: int) -> tuple[str, str]:
        with self.store.read() as state:
            runs = [(item.id, run_id) for item in state.items() for run_id in item.runs]
        return runs[number % len(runs)] if runs else ("none", "none")

    def some_delivery(self, number: int, state_of_it: str) -> str:
        with self.store.read() as state:
            found = [one.id for one in state.deliveries(state=state_of_it, limit=-1)]
        return found[number % len(found)] if found else ""

    # -- deeds of people

    @initialize()
    def begin(self) -> None:
        for contact in ("a", "b"):
            self.add("new", 9, 20, contact)

    @rule(stage=STAGES, amount=st.integers(0, 9), meeting=st.integers(-5, 40), contact=st.sampled_from(["a", "b", ""]))
    def add(self, stage: str, amount: int, meeting: int, contact: str) -> None:
        values = {"amount": amount, "meeting": self.in_steps(meeting), "responsible": "ben"}
        known = {"email": f"{contact}@home.test", "phone": f"+4860010090{ord(contact)}"} if contact else {}
        self.do(lambda draft, by: commands.add(draft, by, NewItem("deals", stage, values, known)))

    @rule(number=NUMBERS, stage=STAGES, restart=st.booleans())
    def move(self, number: int, stage: str, restart: bool) -> None:
        item = self.some_item(number)
        self.do(lambda draft, by: commands.move(draft, by, item, stage, restart=restart))

    @rule(
        number=NUMBERS,
        meeting=st.integers(-5, 40),
        amount=st.integers(0, 9),
        user=st.sampled_from(["anna", "ben", None]),
    )
    def change(self, number: int, meeting: int, amount: int, user: str | None) -> None:
        item = self.some_item(number)
        values = {"meeting": self.in_steps(meeting), "amount": amount, "responsible": user}
        self.do(lambda draft, by: commands.set_fields(draft, by, item, values))

    @rule(number=NUMBERS)
    def hold(self, number: int) -> None:
        item = self.some_item(number)
        self.do(lambda draft, by: commands.hold_item(draft, by, item))

    @rule(number=NUMBERS)
    def resume(self, number: int) -> None:
        item = self.some_item(number)
        self.do(lambda draft, by: commands.resume_item(draft, by, item))

    @rule(number=NUMBERS, sure=st.integers(0, 3))
    def delete(self, number: int, sure: int) -> None:
        if sure == 0:
            item = self.some_item(number)
            self.do(lambda draft, by: commands.delete(draft, by, item))

    @rule(number=NUMBERS, deed=st.sampled_from([commands.cancel, commands.retry, commands.run_now]))
    def run(self, number: int, deed: Callable[[Draft, By, str, str], object]) -> None:
        item, run = self.some_run(number)
        self.do(lambda draft, by: deed(draft, by, item, run))

    @rule(number=NUMBERS, sent=st.booleans())
    def resolve(self, number: int, sent: bool) -> None:
        delivery = self.some_delivery(number, UNKNOWN)
        self.do(lambda draft, by: commands.resolve(draft, by, delivery, sent=sent))

    @rule(number=NUMBERS)
    def task_done(self, number: int) -> None:
        with self.store.read() as state:
            tasks = [task.id for item in state.items() for task in state.open_tasks(item.id)]
        task = tasks[number % len(tasks)] if tasks else "none"
        self.do(lambda draft, by: commands.task_done(draft, by, task))

    @rule(number=NUMBERS)
    def activity_done(self, number: int) -> None:
        item = self.some_item(number)
        with self.store.read() as state:
            found = [one.id for one in state.open_activities(item)]
        self.do(lambda draft, by: commands.activity_done(draft, by, item, found[0] if found else "none"))

    @rule(number=NUMBERS, length=st.integers(1, 3))
    def book(self, number: int, length: int) -> None:
        item, start = self.some_item(number), self.clock.at
        end = start + length * MINUTE
        self.do(lambda draft, by: commands.book(draft, by, "van", start, end, item_id=item, field_name="van"))

    # -- from outside

    @rule(number=NUMBERS, kind=st.sampled_from(["email.received", "app.go"]), named=st.booleans())
    def event(self, number: int, kind: str, named: bool) -> None:
        item = self.some_item(number) if named else None
        contact = None if named else "a@home.test"
        data = {"code": "x"} if kind == "app.go" else {"from": "a@home.test"}

        def come(draft: Draft, by: By) -> None:
            step.take(draft, Event(by.id, kind, by.at, "test", item=item, contact=contact, data=data))

        self.do(come)

    @rule(number=NUMBERS)
    def claim(self, number: int) -> None:
        delivery_id = self.some_delivery(number, PENDING)

        def take(draft: Draft, by: By) -> None:
            delivery = draft.delivery(delivery_id)
            if delivery is not None and delivery.due <= by.at:
                record.claim(draft, delivery, by.at)

        self.do(take)

    @rule(number=NUMBERS, answer=st.sampled_from(ANSWERS))
    def answer(self, number: int, answer: Outcome) -> None:
        self.hear(self.some_delivery(number, RUNNING), answer)

    def hear(self, delivery_id: str, answer: Outcome) -> None:
        def note(draft: Draft, by: By) -> None:
            delivery = draft.delivery(delivery_id)
            if delivery is not None and delivery.state == RUNNING:
                record.record(draft, delivery, answer, by.at, self.clock)

        self.do(note)

    @rule(answers=st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=4))
    def everything_is_tried(self, answers: list[Outcome]) -> None:
        with self.store.read() as state:
            waiting = [one.id for one in state.deliveries(state=PENDING, limit=-1) if one.due <= self.clock.at]

        def take(draft: Draft, by: By) -> None:
            for delivery_id in waiting:
                delivery = draft.delivery(delivery_id)
                if delivery is not None:
                    record.claim(draft, delivery, by.at)

        self.do(take)
        for number, delivery_id in enumerate(waiting):
            self.hear(delivery_id, answers[number % len(answers)])

    # -- the clock and the files

    @rule(minutes=st.sampled_from([1, 10, 30, 60, 180, 600]), limit=st.sampled_from([1, 3, 100, 1000]))
    def time_passes(self, minutes: int, limit: int) -> None:
        self.clock.at += minutes * MINUTE
        self.do(lambda draft, by: draft.look_ahead(by.at, limit))
        self.do(lambda draft, by: draft.look_ahead(by.at, 100))
        with self.store.read() as state:
            assert state.due_items(self.clock.at, 1) == []

    @rule(minutes=st.sampled_from([10, 60, 180]))
    def nothing_runs_for(self, minutes: int) -> None:
        self.clock.at += minutes * MINUTE

    @rule(how=st.sampled_from(["flood", "runs", "release"]))
    def look_after_a_downtime(self, how: str) -> None:
        with self.store.transaction() as state:
            draft = self.draft_of(state)
            if how == "flood":
                hold_flood(draft, state, self.clock.at, 0)
            elif how == "runs":
                hold_runs(draft, state, self.clock.at)
            else:
                release_held(draft, state, self.clock.at)
            draft.flush()
            seen = {item.id: draft.item(item.id) for item in state.items(include_deleted=True)}
        self.compare(seen)

    @rule(which=st.integers(0, len(WORKSPACES) - 1))
    def load(self, which: int) -> None:
        self.workspace = WORKSPACES[which]
        drafts: list[Draft] = []

        with self.store.transaction() as state:

            def fresh() -> Draft:
                drafts.append(self.draft_of(state))
                return drafts[-1]

            adopt_all(state, fresh, self.by(), Concern(everywhere=True))
        self.compare({})

    # -- several at once

    @precondition(lambda self: not self.together)
    @rule(number=NUMBERS, more=NUMBERS, stage=STAGES, answer=st.sampled_from(ANSWERS))
    def the_next_comes_together_with_others(self, number: int, more: int, stage: str, answer: Outcome) -> None:
        item, delivery_id = self.some_item(number), self.some_delivery(more, RUNNING)

        def ahead(draft: Draft, by: By) -> None:
            draft.look_ahead(by.at, 10)

        def note(draft: Draft, by: By) -> None:
            delivery = draft.delivery(delivery_id)
            if delivery is not None and delivery.state == RUNNING:
                record.record(draft, delivery, answer, by.at, self.clock)

        def come(draft: Draft, by: By) -> None:
            step.take(draft, Event(by.id, "email.received", by.at, "test", item=item, data={}))

        self.together = [ahead, note, come]


TestRows = Rows.TestCase
TestRows.settings = settings(
    max_examples=100,
    stateful_step_count=30,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
