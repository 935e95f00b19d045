"""Changes by hand, events from outside, and what becomes of runs and deliveries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stageauto.engine.ports import Changes
from stageauto.runner.session import Session


def test_a_new_item_is_given_back_and_its_rules_have_begun(cli):
    made = cli("add", "deals", "-t", "Roof", "--set", "amount=2000", "--responsible", "anna", "--json").json
    assert (made["id"], made["stage"], made["responsible"], made["fields"]) == (
        "deal-1",
        "new",
        "anna",
        {"amount": 2000},
    )
    assert cli("tasks", "--json").json[0]["title"] == "Call them"


def test_an_item_may_begin_in_another_stage_with_the_contact_that_is_there(cli):
    cli("add", "deals", "-t", "A", "--contact", "email=ewa@home.test")
    second = cli("add", "deals", "-t", "B", "-s", "won", "--contact", "email=EWA@home.test", "--json").json
    assert second["stage"] == "won"
    assert second["contact"]["id"] == "contact-1"


@pytest.mark.parametrize("wrong", ["email=ewa", "email=ewa kos@home.test", "email=@home.test", "phone=none"])
def test_an_address_written_wrong_is_found_before_anything_is_made(cli, wrong: str):
    refused = cli("add", "deals", "-t", "A", "--contact", wrong)
    assert refused.code == 2
    assert cli("items", "--json").json == []
    assert cli("contacts", "--json").json == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("amount=12.30", 12.3),
        ("urgent=yes", True),
        ("tracking_no=0012", "0012"),
        ("tracking_no=a=b", "a=b"),
        ("delivery_date=2030-01-05", "2030-01-05"),
        ('interests:=["roof", "facade"]', ["roof", "facade"]),
        ("meeting_at=2030-01-05T09:00", "2030-01-05T09:00:00+01:00"),
    ],
)
def test_a_value_becomes_what_its_field_wants(cli, given: str, kept: object):
    cli("add", "deals", "-t", "A")
    assert list(cli("set", "1", given, "--json").json["fields"].values()) == [kept]


def test_an_empty_value_empties_a_field(cli):
    cli("add", "deals", "-t", "A", "--set", "amount=5")
    assert cli("set", "1", "amount=", "--json").json["fields"] == {}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["amount=5", "amout=6"], "did you mean `amount`?"),
        (["tracking_no=x", "amount=much"], "it wants a number"),
        (["amount"], "is not NAME=VALUE"),
        (["amount:=[1"], "is no JSON"),
        (["amount:=1e400"], "is no JSON"),
        (["amount:=NaN"], "is no JSON"),
        (["stage=won"], "move the item instead"),
        (["responsible=nobody"], "is not a user"),
    ],
)
def test_where_one_value_does_not_fit_nothing_is_changed(cli, values: list[str], said: str):
    cli("add", "deals", "-t", "A")
    refused = cli("set", "1", *values)
    assert refused.code == 2
    assert said in refused.err
    assert cli("items", "--json").json[0]["fields"] == {}


def test_moving_gives_the_item_and_in_its_own_stage_does_nothing(cli):
    cli("add", "deals", "-t", "A")
    assert cli("move", "1", "won", "--json").json["stage"] == "won"
    before = len(cli("timeline", "1", "--json").json)
    again = cli("move", "1", "won")
    assert again.code == 0
    assert "is there already" in again.out
    assert len(cli("timeline", "1", "--json").json) == before
    cli("move", "1", "won", "--restart")
    assert "began won anew" in cli("timeline", "1").out


def test_a_deleted_item_leaves_the_lists_and_keeps_its_timeline(cli):
    cli("add", "deals", "-t", "A")
    assert cli("delete", "1").code == 0
    assert cli("items", "--json").json == []
    assert cli("pending", "--json").json == []
    assert "deleted; cancelled later, soon" in cli("timeline", "1").out
    assert cli("move", "1", "won").code == 2


def test_on_hold_and_resumed(cli):
    cli("add", "deals", "-t", "A")
    assert cli("hold", "1", "--json").json["on_hold"] is True
    assert "(on hold)" in cli("items").out
    assert "put on hold: by hand" in cli("timeline", "1").out
    assert "on hold already" in cli("hold", "1").out
    assert cli("resume", "1", "--json").json["on_hold"] is False
    assert "was not on hold" in cli("resume", "1").out
    assert cli("resume").code == 2


def test_resume_all_lets_go_what_is_held_and_a_restored_state_send(cli, root: Path):
    cli("add", "deals", "-t", "A")
    with Session.open(root) as session, session.store.transaction() as state:
        item = state.item("deal-1")
        assert item is not None
        item.runs["deal-1.1.later"].held = True
        state.write(Changes(items=[item]))
        state.meta_set("restored", "copied")
    assert "resume --all" in cli("pending").out
    assert cli("resume", "--all", "--json").json == {"released": 1, "sending": True}
    with Session.open(root) as session:
        assert not session.store.restored
    assert cli("resume", "--all", "--json").json == {"released": 0, "sending": False}
    assert "nothing waited" in cli("resume", "--all").out


def test_with_quiet_a_change_says_nothing(cli):
    done = cli("--quiet", "add", "deals", "-t", "A")
    assert (done.code, done.out, done.err) == (0, "", "")


# -- events -----------------------------------------------------------------------------------------------------------


def test_an_event_moves_an_item_once_and_the_same_id_does_nothing(cli):
    cli("add", "deals", "-t", "A")
    moved = cli("emit", "email.received", "--item", "1", "--id", "m-1", "--data", "subject=Re", "--json").json
    assert moved == {"event": "m-1", "outcome": "moved", "items": ["deal-1"], "moved_to": "quote"}
    again = cli("emit", "email.received", "--item", "1", "--id", "m-1", "--json").json
    assert (again["outcome"], again["moved_to"]) == ("duplicate", None)
    other = cli("emit", "email.received", "--item", "1", "--json").json
    assert (other["outcome"], other["items"]) == ("no_effect", ["deal-1"])


def test_an_event_finds_the_item_by_its_contact(cli):
    cli("add", "deals", "-t", "A", "--contact", "email=ewa@home.test")
    moved = cli("emit", "email.received", "--contact", "Ewa@home.test", "--json").json
    assert (moved["outcome"], moved["items"]) == ("moved", ["deal-1"])


def test_an_event_that_concerns_nobody_is_kept_as_unmatched(cli):
    kept = cli("emit", "email.received", "--contact", "who@home.test", "--json")
    assert kept.code == 0
    assert kept.json["outcome"] == "unmatched"
    assert kept.json["items"] == []


def test_an_event_may_create_an_item(cli):
    made = cli("emit", "form.submitted", "--data", "form=website", "--data", "subject=Hello", "--json").json
    assert (made["outcome"], made["items"]) == ("created", ["lead-1"])
    assert cli("items", "-p", "leads", "--json").json[0]["title"] == "Web: Hello"


def test_an_unknown_event_is_refused_with_a_suggestion_and_those_of_apps_are_let_in(cli):
    refused = cli("emit", "email.recieved")
    assert refused.code == 2
    assert "did you mean `email.received`?" in refused.err
    assert cli("emit", "app.shop.paid", "--json").json["outcome"] == "unmatched"
    assert cli("emit", "app.").code == 2
    assert cli("emit", "email.received", "--item", "1", "--contact", "x").code == 2


def test_data_of_an_event_keep_their_types(cli):
    cli("add", "deals", "-t", "A")
    given = ["count=3", "rate=1.5", "paid=true", "phone=+48600100200", "code=0012", "tags:=[1]", "text=no", "empty="]
    cli("emit", "app.shop.paid", "-i", "1", *(word for one in given for word in ("--data", one)))
    line = next(one for one in cli("timeline", "1", "--json").json if one["kind"] == "event")
    assert line["data"]["data"] == {
        "count": 3, "rate": 1.5, "paid": True, "phone": "+48600100200", "code": "0012", "tags": [1], "text": "no",
        "empty": "",
    }  # fmt: skip


# -- runs and deliveries ----------------------------------------------------------------------------------------------


def test_a_run_is_cancelled_by_part_of_its_id(cli):
    cli("add", "deals", "-t", "A")
    cancelled = cli("cancel", "later", "--json").json
    assert (cancelled["id"], cancelled["state"], cancelled["due"]) == ("deal-1.1.later", "cancelled", None)
    assert cli("cancel", "deal-1.1.later").code == 2
    assert cli("cancel", "no-such-run").code == 2


def test_a_part_that_names_several_runs_is_refused(cli):
    cli("add", "deals", "-t", "A")
    cli("add", "deals", "-t", "B")
    refused = cli("cancel", "later")
    assert refused.code == 2
    assert "deal-1.1.later, deal-2.1.later" in refused.err
    cli("cancel", "deal-1.1.later")
    assert cli("cancel", "later", "--json").json["id"] == "deal-2.1.later"


def test_a_pending_run_is_run_now(cli):
    cli("add", "deals", "-t", "A")
    assert cli("run-now", "deal-1.1.later", "--json").json["state"] == "done"
    assert cli("tasks", "--json").json[0]["title"] == "Later"


def _set_delivery(root: Path, state_name: str, error: str) -> str:
    """What the daemon writes when a try ended like that."""
    with Session.open(root) as session, session.store.transaction() as state:
        [mail] = state.deliveries()
        item = state.item(mail.item)
        assert item is not None
        run = item.runs[mail.run]
        run.state, run.open_deliveries, run.because = state_name, 0, error
        state.write(Changes(items=[item], deliveries=[replace(mail, state=state_name, error=error, attempts=1)]))
        return str(mail.id)


def test_a_failed_run_is_tried_again(cli, root: Path):
    cli("add", "deals", "-t", "A", "-s", "quote", "--contact", "email=ewa@home.test")
    _set_delivery(root, "failed", "550 no")
    assert cli("outbox", "--failed", "--json").json[0]["error"] == "550 no"
    again = cli("retry", "deal-1.1.mail", "--json").json
    assert again["state"] == "running"
    assert cli("outbox", "--json").json[0]["state"] == "pending"
    assert cli("retry", "deal-1.1.mail").code == 2


@pytest.mark.parametrize(("answer", "state"), [("sent", "done"), ("not-sent", "pending")])
def test_an_unknown_delivery_is_settled_by_hand(cli, root: Path, answer: str, state: str):
    cli("add", "deals", "-t", "A", "-s", "quote", "--contact", "email=ewa@home.test")
    delivery = _set_delivery(root, "unknown", "the process ended")
    key = cli("outbox", "--unknown", "--json").json[0]["key"]
    assert cli("resolve", delivery, "perhaps").code == 2
    settled = cli("resolve", delivery, answer, "--json").json
    assert (settled["state"], settled["key"]) == (state, key)
    assert cli("outbox", "--unknown", "--json").json == []
    assert cli("resolve", delivery, answer).code == 2


@pytest.mark.parametrize("word", ["run-now", "retry"])
def test_what_waits_for_its_next_try_is_tried_now_on_demand(cli, root: Path, word: str):
    settings = root / "stageauto.yaml"
    good = settings.read_text("utf-8")
    settings.write_text(good.replace("type: file", "type: smtp, host: 127.0.0.1, port: 1"), "utf-8")  # nobody listens
    cli("load", "--yes")
    cli("add", "deals", "-t", "Roof", "-s", "quote", "--contact", "email=ewa@home.test", "--responsible", "anna")
    cli("run", "--until-idle")
    [tried] = cli("outbox", "--json").json
    assert (tried["state"], tried["attempts"]) == ("pending", 1)
    settings.write_text(good, "utf-8")
    cli("load", "--yes")
    cli("run", "--until-idle")
    assert cli("outbox", "--json").json[0]["state"] == "pending"  # its next try is later
    assert cli(word, "deal-1.1.mail").code == 0
    cli("run", "--until-idle")
    [sent] = cli("outbox", "--json").json
    assert (sent["state"], sent["key"]) == ("done", tried["key"])
    assert cli(word, "deal-1.1.mail").code == 2
