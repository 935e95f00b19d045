"""A run with several recipients: what became of each is in the state, whichever of them is heard of first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from stageauto.engine import commands, outgoing, step
from stageauto.engine.commands import By, NewItem
from stageauto.engine.draft import Draft
from stageauto.engine.model import Workspace
from stageauto.engine.state import (
    CANCELLED,
    DONE,
    FAILED,
    PENDING,
    RUNNING,
    SUPPRESSED,
    UNDELIVERABLE,
    UNKNOWN,
    Contact,
    Delivery,
    Exemption,
    Run,
)
from stageauto.loader.load import load
from stageauto.report.timeline import sentence
from stageauto.store.sqlite import SqliteStore

START = 1_772_438_400_000
FILES = {
    "stageauto.yaml": """\
stageauto: 1
timezone: UTC
users:
  anna: {name: Anna, email: anna@acme.test, phone: "+48 600 100 200"}
  ben: {name: Ben, phone: "+48 600 100 300"}
""",
    "pipelines/deals.yaml": """\
pipeline: deals
entity: deal
stages:
  - id: new
    rules:
      - {id: tell, do: send_sms, with: {to: ["user:anna", "user:ben"], text: x}}
  - {id: later}
""",
}
MAILED = {
    "stageauto.yaml": FILES["stageauto.yaml"],
    "pipelines/deals.yaml": """\
pipeline: deals
entity: deal
stages:
  - id: new
    rules:
      - id: tell
        do: send_email
        with: {from: workspace, to: customer, cc: jan@home.test, bcc: [ola@home.test, "user:anna"], subject: S, body: B}
""",
}


class Told:
    """One item whose rule tells two people; each deed is a transaction of its own."""

    def __init__(self, store: SqliteStore, workspace: Workspace) -> None:
        self.store, self.workspace = store, workspace

    def __enter__(self) -> Draft:
        self.open = self.store.transaction()
        state = self.open.__enter__()
        self.draft = Draft(state, self.workspace, draw=lambda alphabet, length: alphabet[0] * length)
        return self.draft

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self.draft.flush()
        self.open.__exit__(*error)  # type: ignore[arg-type]

    def run(self) -> Run:
        """The run as it stands in the state."""
        with self.store.read() as state:
            (item,) = state.items()
        (run,) = item.runs.values()
        return run

    def deliveries(self) -> list[Delivery]:
        """Both, as they stand in the state."""
        with self.store.read() as state:
            return state.deliveries()


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    workspace = load(FILES, env={}, now=START).workspace
    assert workspace is not None
    with SqliteStore.open(tmp_path / "state.db") as store:
        told = Told(store, workspace)
        with told as draft:
            commands.add(draft, By("one", START, "anna"), NewItem("deals"))
            while (first := draft.pop_due(START)) is not None:
                step.tick(draft, *first, START)
        assert [one.state for one in told.deliveries()] == [PENDING, PENDING]
        yield told


def test_a_run_is_due_with_the_next_try_when_another_recipient_was_reached(told: Told) -> None:
    first, second = told.deliveries()
    with told as draft:
        outgoing.retry_later(draft, first, START, START + 60_000, "busy")
    with told as draft:
        outgoing.settle(draft, second, START + 1, DONE)
    run = told.run()
    assert (run.state, run.due, run.open_deliveries) == (PENDING, START + 60_000, 1)


def test_what_did_not_reach_one_counts_after_the_other_was_resolved(told: Told) -> None:
    first, second = told.deliveries()
    with told as draft:
        outgoing.settle(draft, first, START + 1, UNDELIVERABLE, code="no_address", because="no such number")
        outgoing.settle(draft, second, START + 2, UNKNOWN)
    assert told.run().state == UNKNOWN
    with told as draft:
        commands.resolve(draft, By("two", START + 3, "anna"), second.id, sent=False)
    assert (told.run().state, told.run().worst) == (RUNNING, UNDELIVERABLE)
    _, second = told.deliveries()
    with told as draft:
        outgoing.settle(draft, second, START + 4, DONE)
    assert (told.run().state, told.run().because) == (UNDELIVERABLE, "no such number")


@pytest.fixture
def mailed(tmp_path: Path) -> Iterator[Told]:
    """A mail to Ewa that waits, with copies to two other customers and one of the staff."""
    loaded = load(MAILED, env={}, now=START)
    assert loaded.workspace is not None, loaded.diagnostics
    with SqliteStore.open(tmp_path / "state.db") as store:
        mailed = Told(store, loaded.workspace)
        with mailed as draft:
            for name in ("jan", "ola"):
                draft.put_contact(Contact(name, first_name=name, emails=[{"value": f"{name}@home.test"}]))
        with mailed as draft:
            commands.add(draft, By("one", START, "anna"), NewItem("deals", contact={"email": "ewa@home.test"}))
            while (first := draft.pop_due(START)) is not None:
                step.tick(draft, *first, START)
        (mail,) = mailed.deliveries()
        assert mail.message["cc"] == ["jan@home.test"]
        assert mail.message["bcc"] == ["ola@home.test", "anna@acme.test"]
        yield mailed


def opt_out(mailed: Told, contact_id: str) -> None:
    with mailed as draft:
        contact = draft.contact(contact_id)
        assert contact is not None
        contact.opt_out = ["mail"]
        draft.put_contact(contact)


def asked_again(mailed: Told) -> tuple[str, Delivery]:
    """What the gate says of the mail a day later, and the mail as it then stands in the state."""
    (mail,) = mailed.deliveries()
    with mailed as draft:
        found = draft.delivery(mail.id)
        assert found is not None
        verdict = outgoing.gate(draft, found, START + 86_400_000).verdict
    (mail,) = mailed.deliveries()
    return verdict, mail


@pytest.mark.parametrize(("who", "cc", "bcc"), [
    ("jan", [], ["ola@home.test", "anna@acme.test"]),
    ("ola", ["jan@home.test"], ["anna@acme.test"]),
])  # fmt: skip
def test_who_opts_out_while_a_mail_waits_gets_no_copy_of_it(
    mailed: Told, who: str, cc: list[str], bcc: list[str]
) -> None:
    opt_out(mailed, who)
    verdict, mail = asked_again(mailed)
    assert (verdict, mail.message["cc"], mail.message["bcc"]) == ("go", cc, bcc)
    assert f"{who}@home.test" not in mail.addresses
    assert "ewa@home.test" in mail.addresses
    with mailed as draft:
        outgoing.settle(draft, mail, START + 86_400_001, DONE)
    assert (mailed.run().state, mailed.run().because) == (SUPPRESSED, f"{who} opted out of mail")


def test_a_copy_for_an_address_that_was_listed_meanwhile_does_not_hold_up_the_mail(mailed: Told) -> None:
    with mailed as draft:
        draft.put_exemption(Exemption("email", "jan@home.test", START))
    verdict, mail = asked_again(mailed)
    assert (verdict, mail.message["cc"]) == ("go", [])


def test_a_mail_whose_copies_all_still_may_go_stays_as_it_was(mailed: Told) -> None:
    (before,) = mailed.deliveries()
    assert asked_again(mailed) == ("go", before)


def test_the_customer_it_is_for_still_decides_about_the_whole_mail(mailed: Told) -> None:
    with mailed.store.read() as state:
        (item,) = state.items()
    opt_out(mailed, item.contacts[0])
    assert asked_again(mailed)[0] == SUPPRESSED


def refused_and_unknown(told: Told) -> list[Delivery]:
    """Both deliveries, after the first one was refused and nobody knows of the second."""
    first, second = told.deliveries()
    with told as draft:
        outgoing.settle(draft, first, START + 1, FAILED, because="refused")
        outgoing.settle(draft, second, START + 2, UNKNOWN, because="no answer")
    return told.deliveries()


def test_a_retry_of_one_does_not_forget_that_nobody_knows_of_the_other(told: Told) -> None:
    refused_and_unknown(told)
    run = told.run()
    assert run.state == FAILED
    with told as draft:
        commands.retry(draft, By("two", START + 3, "anna"), draft.deliveries_of_run(run.id)[0].item, run.id)
    first, _ = told.deliveries()
    with told as draft:
        outgoing.settle(draft, first, START + 4, DONE)
    assert (told.run().state, told.run().because) == (UNKNOWN, "no answer")


def test_what_was_not_sent_to_one_goes_out_again_though_another_refused(told: Told) -> None:
    _, second = refused_and_unknown(told)
    with told as draft:
        commands.resolve(draft, By("two", START + 3, "anna"), second.id, sent=False)
    _, second = told.deliveries()
    assert (told.run().state, second.state) == (RUNNING, PENDING)
    with told as draft:
        assert outgoing.gate(draft, second, START + 4).verdict == "go"
        outgoing.settle(draft, second, START + 4, DONE)
    assert (told.run().state, told.run().because) == (FAILED, "refused")


def test_what_was_sent_to_one_changes_nothing_where_another_refused(told: Told) -> None:
    _, second = refused_and_unknown(told)
    with told as draft:
        commands.resolve(draft, By("two", START + 3, "anna"), second.id, sent=True)
    assert told.run().state == FAILED
    assert [one.state for one in told.deliveries()] == [FAILED, DONE]


def test_what_was_not_sent_is_cancelled_where_the_stage_was_left_and_said_to_be(told: Told) -> None:
    first, second = told.deliveries()
    with told as draft:
        outgoing.settle(draft, first, START + 1, DONE)
        outgoing.settle(draft, second, START + 2, UNKNOWN, because="no answer")
        commands.move(draft, By("two", START + 3, "anna"), second.item, "later")
    with told as draft:
        commands.resolve(draft, By("three", START + 4, "anna"), second.id, sent=False)
    _, second = told.deliveries()
    assert (second.state, second.error) == (CANCELLED, "left the stage")
    with told.store.read() as state:
        lines = [sentence(one, ZoneInfo("UTC")) for one in state.timeline(second.item) if one.kind == "resolved"]
    assert lines == [f"tell: somebody says that {second.id} was not sent, and is not any more: left the stage"]
