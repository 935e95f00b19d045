"""Who may do what from the command line (SEMANTICS 32)."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    "command",
    [
        ["add", "leads", "-t", "x"],
        ["hold", "1"],
        ["resume", "1"],
        ["cancel", "later"],
        ["run-now", "later"],
        ["exceptions", "add", "ewa@home.test"],
        ["audit"],
        ["items", "-p", "leads"],
        ["board", "leads"],
        ["emit", "form.submitted", "--data", "subject=x"],
        ["resume", "--all"],
    ],
)
def test_what_the_role_does_not_give_is_refused_and_noted(cli, command: list[str]):
    cli("add", "deals", "-t", "A")
    before = cli("items", "--json").json, cli("pending", "--json").json
    refused = cli(*command, "--as", "anna")
    assert refused.code == 5, refused
    assert "`anna` may not do this" in refused.err
    assert refused.out == ""
    assert (cli("items", "--json").json, cli("pending", "--json").json) == before
    last = cli("audit", "--json").json[-1]
    assert last["author"] == "anna"
    assert last["action"].startswith("refused")


def test_lists_leave_out_what_may_not_be_seen(cli):
    cli("add", "deals", "-t", "A")
    cli("add", "leads", "-t", "B")
    for command in ("items", "pending", "feed", "tasks", "outbox"):
        assert cli(command, "--as", "anna").code == 0
    assert [one["pipeline"] for one in cli("items", "--as", "anna", "--json").json] == ["deals"]
    assert [one["pipeline"] for one in cli("board", "--as", "anna", "--json").json] == ["deals"]
    assert {one["item"] for one in cli("timeline", "--as", "anna", "--json").json} == {"deal-1"}
    assert cli("show", "lead-1", "--as", "anna").code == 5
    assert cli("timeline", "lead-1", "--as", "anna").code == 5


def test_whoever_has_no_role_sees_nothing_but_their_own_inbox(cli):
    cli("add", "deals", "-t", "A")
    for command in (
        ["items"],
        ["board"],
        ["pending"],
        ["outbox"],
        ["contacts"],
        ["show", "1"],
        ["tasks"],
        ["bookings"],
    ):
        assert cli(*command, "--as", "peter").code == 5, command
    assert cli("inbox", "--as", "peter").code == 0


def test_an_event_for_a_contact_needs_the_right_for_the_items_that_it_touches(cli):
    cli("add", "deals", "-t", "A", "--contact", "email=ewa@home.test")
    moved = cli("emit", "email.received", "--contact", "ewa@home.test", "--as", "anna", "--json").json
    assert moved["outcome"] == "moved"
    cli("add", "leads", "-t", "B", "--contact", "email=jan@home.test")
    assert cli("emit", "email.received", "--contact", "jan@home.test", "--as", "anna").code == 5


def test_nobody_in_particular_may_nothing_where_there_are_users(root, anywhere):
    refused = anywhere("items", "-C", str(root))
    assert refused.code == 5
    assert "--as USER" in refused.err


def test_a_workspace_without_users_asks_for_nothing(plain_root, anywhere):
    assert anywhere("add", "deals", "-t", "A", "-C", str(plain_root)).code == 0
    assert anywhere("-C", str(plain_root), "hold", "1").code == 0
    lines = anywhere("timeline", "1", "--json", "-C", str(plain_root)).json
    assert all(one["author"] for one in lines)


def test_who_may_see_items_only_sees_no_rules_and_no_traces(cli, root):
    settings = root / "stageauto.yaml"
    text = settings.read_text("utf-8").replace("email: peter@acme.test}", "email: peter@acme.test, roles: [reader]}")
    settings.write_text(text.replace("  sales: {", "  reader: {deals: [items.read]}\n  sales: {"), "utf-8")
    cli("load", "--yes")
    cli("add", "deals", "-t", "Roof")
    seen = cli("show", "1", "--as", "peter", "--json").json
    assert (seen["title"], seen["rules"], seen["kept"]) == ("Roof", [], [])
    assert "automation.read" in cli("show", "1", "--as", "peter").out
    assert cli("timeline", "1", "--as", "peter").code == 0
    assert cli("timeline", "1", "--all", "--as", "peter").code == 5
    assert cli("explain", "1", "--as", "peter").code == 5
    assert cli("show", "1", "--as", "anna", "--json").json["rules"]
