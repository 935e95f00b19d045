"""`plan`, `load` with it, and `rollback`, by the real command line."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def edit(root: Path, *edits: tuple[str, str], file: str = "pipelines/deals.yaml") -> None:
    path = root / file
    text = path.read_text("utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


@pytest.fixture
def deals(cli) -> list[str]:
    """Three deals that wait for their second task."""
    return [cli("add", "deals", "--title", f"Roof {number}", "--json").json["id"] for number in range(3)]


def test_plan_shows_what_changes_and_changes_nothing(cli, root, deals):
    edit(root, ("when: {delay: 2d}", "when: {delay: 1d}"))
    before = cli("pending", "--json").json
    done = cli("plan")
    assert done.code == 0
    assert "  ~ rule deals/new/later\n      when.delay: 2d -> 1d\n" in done.out
    assert "pending runs: 3 kept, 3 moved, 0 cancelled, 0 added\n" in done.out
    assert f"      {deals[0]}: " in done.out
    assert cli("pending", "--json").json == before
    assert [one["version"] for one in cli("versions", "--json").json] == [1]


@pytest.mark.usefixtures("deals")
def test_plan_as_json_is_what_load_then_did(cli, root):
    edit(root, ("when: {delay: 2d}", "when: {delay: 1d}"), ("id: soon\n", "id: shortly\n"))
    plan = cli("plan", "--json").json
    assert plan["pending"] == {"kept": 0, "moved": 3, "cancelled": 3, "added": 0, "due": 0}
    done = cli("load", "--json").json
    assert (done["version"], done["rescheduled"], done["cancelled"]) == (2, 3, 3)
    pending = {one["item"]: one["due"] for one in cli("pending", "--json").json}
    assert {one["item"]: one["will"] for one in plan["examples"]["moved"]} == pending


def test_plan_of_the_first_version_needs_no_state(anywhere, unloaded):
    done = anywhere("-C", str(unloaded), "plan")
    assert (done.code, done.out) == (0, "first version: deals, leads, 7 rules\n")
    assert not (unloaded / ".stageauto").exists()


def test_plan_needs_the_right_to_see_the_automation(cli, root):
    edit(root, ("when: {delay: 2d}", "when: {delay: 1d}"))
    assert cli("plan", "--as", "anna").code == 0
    assert cli("plan", "--as", "peter").code == 5


def test_plan_of_broken_files_says_what_is_wrong(cli, root):
    edit(root, ("do: notify", "do: notifi"))
    done = cli("plan")
    assert (done.code, done.out) == (1, "")
    assert "notifi" in done.err


@pytest.mark.usefixtures("deals")
def test_a_stage_that_is_gone_stops_the_plan_and_says_the_way_out(cli, root):
    edit(root, ("- id: new\n", "- id: fresh\n"))
    done = cli("plan")
    assert done.code != 0
    assert "`moved: [{from: new, to: STAGE}]`" in done.err


@pytest.mark.usefixtures("deals")
def test_a_rule_that_is_new_is_set_going_where_it_is_asked_for(cli, root):
    edit(
        root,
        (
            "      - {id: welcome,",
            "      - {id: extra, do: create_task, when: {delay: 5d}, with: {title: X}}\n      - {id: welcome,",
        ),
    )
    assert "get no new rules of it (extra) without --catch-up RULE" in cli("plan").out
    assert "added deals/new/extra: 3" in cli("plan", "--catch-up", "extra").out
    assert cli("load", "--catch-up", "extra", "--json").json["caught_up"] == 3


def test_many_sends_at_once_are_warned_of(cli, root):
    edit(
        root,
        (
            "{id: tell,",
            "{id: hook, do: webhook, when: {delay: 5d}, with: {url: 'http://127.0.0.1:9/'}}\n      - {id: tell,",
        ),
    )
    cli("load")
    for number in range(20):
        cli("add", "deals", "--title", f"R {number}", "--stage", "quote")
    edit(root, ("when: {delay: 5d}", "when: {delay: 30m}"))
    assert "warning: within the hour this sends 20 webhook by webhook\n" in cli("plan").out
    assert cli("plan", "--json").json["burst"] is None


def test_many_sends_at_one_moment_to_come_are_warned_of(cli, root):
    hook = "{id: hook, do: webhook, when: {delay: 5d}, with: {url: 'http://127.0.0.1:9/'}}\n      - {id: tell,"
    edit(root, ("{id: tell,", hook))
    cli("load")
    for number in range(20):
        cli("add", "deals", "--title", f"R {number}", "--stage", "quote")
    edit(root, ("when: {delay: 5d}", "name: New, when: {delay: 5d}"))
    assert "within one hour" not in cli("plan").out
    edit(root, ("when: {delay: 5d}", "when: {delay: 5d, time: '09:00'}, hours: working"))
    done = cli("plan")
    assert "warning: " not in done.out, "as many go out in one hour as before"
    edit(root, ("when: {delay: 5d, time: '09:00'}, hours: working", "when: {at: '2030-01-07T09:00'}"))
    assert "within one hour" not in cli("plan").out
    edit(root, ("id: hook", "id: hook2"))
    done = cli("plan", "--catch-up", "hook2")
    assert "warning: 20 messages will go out within one hour, from 2030-01-07 09:00\n" in done.out
    assert cli("plan", "--catch-up", "hook2", "--json").json["burst"] == {
        "from": "2030-01-07T08:00:00.000Z",
        "count": 20,
    }


@pytest.mark.usefixtures("deals")
def test_rollback_loads_the_older_files_as_a_new_version(cli, root):
    edit(root, ("when: {delay: 2d}", "when: {delay: 1d}"))
    cli("load")
    due = {one["due"] for one in cli("pending", "--json").json} - {None}
    done = cli("rollback", "1")
    assert done.code == 0
    assert "when.delay: 1d -> 2d" in done.err
    assert done.out == "version 3 is active: 3 pending runs have a new moment\n"
    assert due.isdisjoint({one["due"] for one in cli("pending", "--json").json})
    assert [(one["version"], one["active"]) for one in cli("versions", "--json").json] == [
        (1, False), (2, False), (3, True),
    ]  # fmt: skip
    assert "delay: 1d" in (root / "pipelines/deals.yaml").read_text("utf-8")


def test_rollback_takes_items_back_to_the_stage_that_they_were_moved_from(cli, root):
    cli("add", "deals", "-t", "Roof", "-s", "quote", "--responsible", "anna", "--contact", "email=ewa@home.test")
    file = root / "pipelines/deals.yaml"
    text = file.read_text("utf-8").replace("id: quote", "id: offer")
    file.write_text(text.replace("stages:", "moved: [{from: quote, to: offer}]\nstages:"), "utf-8")
    assert cli("load", "--yes").code == 0
    assert cli("items", "--json").json[0]["stage"] == "offer"
    done = cli("rollback", "1")
    assert done.code == 0
    assert "deals/offer -> deals/quote: 1 (deal-1)" in done.err
    assert cli("items", "--json").json[0]["stage"] == "quote"


def test_rollback_to_what_there_is_not_says_so(cli):
    done = cli("rollback", "9")
    assert done.code == 2
    assert "there is no version 9" in done.err


def test_hundreds_of_changes_are_cut_with_counts(cli, root):
    more = "".join(f"      - {{id: r{number}, do: post_to_feed, with: {{text: x}}}}\n" for number in range(200))
    edit(root, ("      - {id: tell,", more + "      - {id: tell,"))
    done = cli("plan")
    assert "  and 160 changes more, which --json lists:\n  + 160 rules added\n" in done.out
    assert len(done.out.splitlines()) < 60
    assert len(cli("plan", "--json").json["changes"]) == 200


@pytest.mark.usefixtures("deals")
def test_what_files_hold_is_harmless_on_a_terminal(cli, root):
    edit(root, ("title: Later", 'title: "L\\e[2Jater"'))
    done = cli("plan")
    assert "\\x1b[2J" in done.out
    assert "\x1b" not in done.out


def ask(root: Path, answer: bytes) -> tuple[int, str]:
    """`load` on a terminal, where somebody answers."""
    reader, writer = pty.openpty()
    call = "import sys; from stageauto.cli import main; sys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", call, "-C", str(root), "load"], stdin=writer, stdout=writer, stderr=writer,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TERM": "xterm"},
    ) as process:  # fmt: skip
        os.close(writer)
        shown = b""
        while b"Load? [" not in shown:
            shown += os.read(reader, 4096)
        os.write(reader, answer)
        try:
            while piece := os.read(reader, 4096):
                shown += piece
        except OSError:  # the terminal is closed when the command has ended
            pass
    os.close(reader)
    return process.returncode, shown.decode()


def test_load_asks_on_a_terminal_and_a_no_changes_nothing(plain_root, anywhere):
    edit(plain_root, ("when: {delay: 2d}", "when: {delay: 1d}"))
    code, shown = ask(plain_root, b"n\n")
    assert code == 1
    assert "\x1b[33m  ~ rule deals/new/later\x1b[0m" in shown
    assert "nothing was changed" in shown
    assert len(anywhere("-C", str(plain_root), "versions", "--json").json) == 1
    code, shown = ask(plain_root, b"y\n")
    assert (code, "version 2 is active" in shown) == (0, True)


def test_enter_alone_loads_what_is_harmless_and_not_what_is_warned_of(plain_root, anywhere):
    for number in range(3):
        anywhere("-C", str(plain_root), "add", "deals", "--title", f"Roof {number}")
    edit(plain_root, ("{id: later,", "{id: much-later,"))
    code, shown = ask(plain_root, b"\n")
    assert "warning: much-later has all words of later" in shown
    assert (code, "Load? [y/N]" in shown, "nothing was changed" in shown) == (1, True, True)
    edit(plain_root, ("{id: much-later,", "{id: later,"), ("when: {delay: 2d}", "when: {delay: 1d}"))
    code, shown = ask(plain_root, b"\n")
    assert (code, "Load? [Y/n]" in shown, "version 2 is active" in shown) == (0, True, True)


@pytest.mark.usefixtures("deals")
def test_a_rule_that_got_another_id_and_does_not_say_so_is_warned_of_where_runs_are_lost(cli, root):
    edit(root, ("{id: later,", "{id: much-later,"))
    plan = cli("plan")
    assert (
        "warning: much-later has all words of later: `renamed: [{from: later, to: much-later}]` would keep 3 runs\n"
        in plan.out
    )
    data = cli("plan", "--json").json
    assert data["looks_renamed"] == [{"from": "deals/new/later", "to": "deals/new/much-later"}]
    edit(root, ("name: Deals\n", "name: Deals\nrenamed: [{from: later, to: much-later}]\n"))
    plan = cli("plan")
    assert "warning" not in plan.out
    assert cli("plan", "--json").json["looks_renamed"] == []
    edit(root, ("renamed: [{from: later, to: much-later}]\n", ""), ("title: Later", "title: Latest"))
    assert "has all words" not in cli("plan").out, "it is another rule"


def test_a_state_that_was_only_begun_when_its_maker_was_killed_is_none(root, cli):
    file = root / ".stageauto" / "state.db"
    for one in file.parent.glob("state.db*"):
        one.unlink()
    file.touch(0o600)
    assert cli("items").err.startswith("error: nothing is loaded yet")
    assert cli("plan").code == 0
    done = cli("load", "--yes")
    assert done.code == 0, done.err
    assert cli("items").code == 0
