"""What the looking commands show, as text and as JSON."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
ITEM_KEYS = {
    "id", "pipeline", "stage", "title", "responsible", "fields", "contact", "created_at", "stage_entered_at", "on_hold",
}  # fmt: skip


def test_items_have_exactly_the_promised_keys(cli):
    cli(
        "add",
        "deals",
        "--title",
        "Roof",
        "--set",
        "amount=9000.50",
        "--contact",
        "email=ewa@home.test",
        "--contact",
        "name=Ewa Kos",
    )
    [item] = cli("items", "--json").json
    assert set(item) == ITEM_KEYS
    assert item["id"] == "deal-1"
    assert item["fields"] == {"amount": 9000.5}
    assert item["contact"] == {"id": "contact-1", "name": "Ewa Kos", "email": "ewa@home.test", "phone": None}
    assert item["on_hold"] is False
    assert UTC.fullmatch(item["created_at"])
    assert UTC.fullmatch(item["stage_entered_at"])


def test_items_are_chosen_by_pipeline_and_stage(cli):
    cli("add", "deals", "--title", "A")
    cli("add", "deals", "--title", "B", "--stage", "quote")
    cli("add", "leads", "--title", "C")
    assert [one["title"] for one in cli("items", "--json", "-p", "deals").json] == ["A", "B"]
    assert [one["title"] for one in cli("items", "--json", "--stage", "quote").json] == ["B"]
    assert cli("items", "--stage", "fresh", "-p", "leads", "--json").json[0]["title"] == "C"


def test_only_open_items_that_stand_long_enough_are_stuck(cli):
    cli("add", "deals", "--title", "A")
    cli("add", "deals", "--title", "B", "--stage", "won")
    assert cli("items", "--stuck", "3d", "--json").json == []
    assert [one["title"] for one in cli("items", "--stuck", "0s", "--json").json] == ["A"]
    bad = cli("items", "--stuck", "3")
    assert bad.code == 2
    assert "no unit" in bad.err


def test_a_list_without_a_terminal_has_one_line_for_each_item_and_no_colours(cli):
    cli("add", "deals", "--title", "price [/] x\x1b[31m\nnext", "--responsible", "anna")
    lines = cli("items").out.splitlines()
    assert len(lines) == 2
    assert lines[0].split() == ["ITEM", "PIPELINE", "STAGE", "TITLE", "RESPONSIBLE", "CUSTOMER", "IN", "STAGE"]
    assert "price [/] x\\x1b[31m next" in lines[1]
    assert "\x1b" not in lines[1]


def test_an_empty_list_says_so_on_stderr_only(cli):
    found = cli("items")
    assert (found.code, found.out, found.err) == (0, "", "no items\n")
    assert cli("items", "--quiet").err == ""
    assert cli("items", "--json").json == []


def test_an_item_is_named_by_any_unambiguous_part_of_its_id(cli):
    cli("add", "deals", "--title", "A")
    cli("add", "deals", "--title", "B")
    assert cli("show", "2", "--json").json["title"] == "B"
    ambiguous = cli("show", "deal")
    assert ambiguous.code == 2
    assert "deal-1, deal-2" in ambiguous.err
    assert cli("show", "nothing").code == 2


def test_show_lists_the_rules_of_the_stage_in_file_order(cli):
    cli("add", "deals", "--title", "A", "--set", "amount=10")
    shown = cli("show", "1", "--json").json
    assert set(shown) - ITEM_KEYS == {"rules", "kept", "documents"}
    assert [one["rule"] for one in shown["rules"]] == ["welcome", "big", "later", "soon"]
    welcome, big, later, soon = shown["rules"]
    assert welcome["outcome"] == "done"
    assert UTC.fullmatch(welcome["finished_at"])
    assert big["outcome"] == "skipped"
    assert "amount" in big["reason"]
    assert later["state"] == "pending"
    assert UTC.fullmatch(later["due"])
    assert later["reason"] == "2 d after welcome"
    assert soon == {
        "rule": "soon",
        "state": "waiting",
        "due": None,
        "finished_at": None,
        "reason": "waits for delivery_date",
    }


def test_show_marks_what_is_done_what_waits_and_what_never_ran(cli, root: Path):
    cli("add", "deals", "--title", "A")
    deals = root / "pipelines/deals.yaml"
    extra = "      - {id: new-one, do: create_task, with: {title: New}}\n  - id: quote\n"
    deals.write_text(deals.read_text("utf-8").replace("  - id: quote\n", extra), "utf-8")
    load(root)
    text = cli("show", "1").out
    assert re.search(r"^✓ +welcome", text, re.MULTILINE)
    assert re.search(r"^○ +later .*pending", text, re.MULTILINE)
    assert re.search(r"^– +new-one .*not run", text, re.MULTILINE)  # noqa: RUF001
    assert cli("show", "1", "--json").json["rules"][-1] == {
        "rule": "new-one", "state": "not_run", "due": None, "finished_at": None, "reason": "",
    }  # fmt: skip


def load(root: Path) -> None:
    from stageauto.loader.files import read_files
    from stageauto.runner import versions
    from stageauto.runner.session import Session

    with Session.open(root, as_user="olga") as session:
        versions.load(session, read_files(root))


def test_pending_is_sorted_by_due_with_what_has_no_time_last(cli):
    cli("add", "deals", "--title", "A", "--set", "delivery_date=2030-01-10")
    cli("add", "deals", "--title", "B")
    found = cli("pending", "--json").json
    assert {"id", "item", "pipeline", "stage", "rule", "do", "due", "state", "reason"} == set(found[0])
    dues = [one["due"] for one in found]
    assert dues == [*sorted(due for due in dues if due), None]
    assert [(one["item"], one["rule"]) for one in found][-2:] == [("deal-1", "soon"), ("deal-2", "soon")]
    before_the_date = next(one for one in found if one["rule"] == "soon")
    assert before_the_date["due"] == "2030-01-08T23:00:00Z"
    assert before_the_date["reason"] == "1 d before delivery_date"
    assert before_the_date["do"] == "notify"


def test_pending_is_narrowed_by_item_pipeline_and_time(cli):
    cli("add", "deals", "--title", "A", "--set", "delivery_date=2030-01-10")
    cli("add", "deals", "--title", "B")
    assert {one["item"] for one in cli("pending", "--item", "2", "--json").json} == {"deal-2"}
    assert cli("pending", "--pipeline", "leads", "--json").json == []
    assert {one["rule"] for one in cli("pending", "--before", "7d", "--json").json} == {"later"}
    assert cli("pending", "--before", "1d", "--json").json == []
    assert cli("pending", "--before", "soon").code == 2


def test_pending_on_hold_says_that_it_is(cli):
    cli("add", "deals", "--title", "A")
    cli("hold", "1", "--reason", "on holiday")
    assert "the item is on hold: on holiday" in cli("pending", "--json").json[0]["reason"]


def test_the_timeline_has_a_sentence_for_every_line(cli):
    cli("add", "deals", "--title", "A", "--set", "amount=5")
    cli("set", "1", "amount=6", "delivery_date=2030-01-10")
    cli("move", "1", "won", "--reason", "by phone")
    lines = cli("timeline", "1", "--json").json
    assert set(lines[0]) == {"seq", "at", "kind", "item", "author", "text", "data"}
    assert [one["seq"] for one in lines] == sorted(one["seq"] for one in lines)
    texts = {one["kind"]: one["text"] for one in lines if one["kind"] != "entered"}
    assert texts["created"] == "created in deals: A"
    assert texts["changed"] == "set amount from 5 to 6, delivery_date to 2030-01-10"
    assert "soon is due 2030-01-09 00:00, was without a time: delivery_date changed" in texts["rescheduled"]
    moved = next(one for one in lines if one["kind"] == "entered" and one["data"]["to"] == "won")
    assert moved["text"] == "moved from new to won by hand: by phone; cancelled later, soon"
    assert moved["author"] == "olga"
    assert "moved from new to won" in cli("timeline", "1").out


def test_the_timeline_of_everything_names_the_items_and_can_be_cut(cli):
    cli("add", "deals", "--title", "A")
    cli("add", "leads", "--title", "B")
    assert {one["item"] for one in cli("timeline", "--json").json} == {"deal-1", "lead-1"}
    assert len(cli("timeline", "--last", "2", "--json").json) == 2


def test_following_the_timeline_gives_one_object_a_line(cli, root: Path):
    cli("add", "deals", "--title", "A")
    code = "from stageauto.cli import main; import sys; sys.exit(main())"
    following = [sys.executable, "-c", code, "timeline", "1", "--follow", "--json", "--as", "olga", "-C", str(root)]
    with subprocess.Popen(following, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        there = len(cli("timeline", "1", "--json").json)
        first = [process.stdout.readline() for _ in range(there)]
        assert '"kind": "created"' in first[0]
        cli("move", "1", "won")
        assert '"to": "won"' in process.stdout.readline()
        process.send_signal(2)
        assert process.wait(120) == 130


def test_the_board_shows_each_stage_with_its_items(cli):
    cli("add", "deals", "--title", "A")
    cli("add", "deals", "--title", "B", "--stage", "won")
    [board] = cli("board", "deals", "--json").json
    assert [(one["id"], one["count"]) for one in board["stages"]] == [("new", 1), ("quote", 0), ("won", 1)]
    assert len(cli("board", "--json").json) == 2
    text = cli("board", "deals").out
    assert "NEW (1)" in text
    assert "deal-2 B" in text


def test_the_outbox_shows_what_is_to_be_sent(cli):
    cli("add", "deals", "--title", "A", "--stage", "quote", "--contact", "email=ewa@home.test")
    [mail] = cli("outbox", "--json").json
    assert set(mail) == {
        "id", "item", "rule", "do", "channel", "to", "state", "attempts", "key", "sent_at", "error",
    }  # fmt: skip
    assert (mail["rule"], mail["do"], mail["to"], mail["state"]) == ("mail", "send_email", "ewa@home.test", "pending")
    assert mail["error"] is None
    assert cli("outbox", "--failed", "--json").json == []
    assert "waits to be sent" in str(cli("pending", "--json").json)
    assert "ewa@home.test" in cli("outbox").out


def test_unknown_names_get_a_suggestion(cli):
    for arguments, meant in (
        (("items", "-p", "deal"), "did you mean `deals`?"),
        (("items", "-s", "qote"), "did you mean `quote`?"),
        (("board", "lead"), "did you mean `leads`?"),
        (("add", "dels", "-t", "x"), "did you mean `deals`?"),
        (("add", "deals", "-t", "x", "-s", "nwe"), "did you mean `new`?"),
        (("tasks", "-a", "ana"), "did you mean `anna`?"),
        (("items", "--as", "ana"), "did you mean `anna`?"),
    ):
        found = cli(*arguments)
        assert found.code == 2, arguments
        assert meant in found.err, arguments
