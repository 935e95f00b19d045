"""`stageauto explain`: what people and programs are shown, rights, moments to come, events, the shell's completion."""

from __future__ import annotations

from pathlib import Path

from stageauto.engine import gates
from stageauto.runner import completion

DOCS = Path(__file__).parents[2] / "docs" / "explain.md"


def test_a_condition_that_was_false_is_told_in_the_first_line_then_its_gates_and_its_place(cli):
    cli("add", "deals", "--title", "A", "--set", "amount=900")
    found = cli("explain", "1", "big")
    assert found.code == 0
    lines = found.out.splitlines()
    assert lines[0].startswith("`big` did not run: its condition was false at ")
    assert lines[0].endswith("item.amount > 1000 is false (item.amount = 900)")
    marks = [line.split()[:2] for line in lines if line[:1] in {"✓", "✗", "–"}]  # noqa: RUF001
    assert marks == [["✓", "enabled"], ["✓", "stage"], ["✓", "due"], ["✗", "condition"]]
    assert "rule big: pipelines/deals.yaml:17 of version 1" in lines
    assert lines[-1].startswith("what to do: change the values")


def test_json_has_the_verdict_the_gate_its_values_and_the_place(cli):
    cli("add", "deals", "--title", "A", "--set", "amount=900")
    found = cli("explain", "1", "big", "--json").json
    assert {key: found[key] for key in ("item", "kind", "name", "verdict", "gate", "values")} == {
        "item": "deal-1", "kind": "rule", "name": "big", "verdict": "did_not", "gate": "condition",
        "values": {"item.amount": 900},
    }  # fmt: skip
    assert found["place"] == {"file": "pipelines/deals.yaml", "line": 17}
    assert [one["gate"] for one in found["gates"] if one["passed"] is False] == ["condition"]


def test_without_a_name_each_rule_and_trigger_has_a_line(cli):
    cli("add", "deals", "--title", "A")
    found = cli("explain", "1", "--json").json
    assert [(one["name"], one["verdict"]) for one in found["rules"]] == [
        ("welcome", "did"), ("big", "did_not"), ("later", "waits"), ("soon", "waits"),
    ]  # fmt: skip
    assert [(one["name"], one["gate"]) for one in found["triggers"]] == [("replied", "event")]
    text = cli("explain", "1").out.splitlines()
    assert sum(line[:1] in {"✓", "✗", "○"} for line in text) == 5


def test_at_a_moment_to_come_it_says_what_will_be_and_changes_nothing(cli):
    cli("add", "deals", "--title", "A")
    before = cli("timeline", "1", "--json").json
    found = cli("explain", "1", "later", "--at", "3d", "--json").json
    assert found["verdict"] == "will"
    assert found["asked_at"] is not None
    assert "`later` will run at" in found["sentence"]
    assert cli("explain", "1", "later", "--json").json["verdict"] == "waits"
    assert cli("timeline", "1", "--json").json == before
    past = cli("explain", "1", "later", "--at", "2001-01-01")
    assert past.code == 2
    assert "is past" in past.err


def test_an_unknown_name_is_met_with_the_nearest_one(cli):
    cli("add", "deals", "--title", "A")
    found = cli("explain", "1", "welcom")
    assert found.code == 2
    assert "did you mean `welcome`" in found.err


def test_an_event_says_whom_it_moved_and_who_was_asked(cli):
    cli("add", "deals", "--title", "A", "--contact", "email=ewa@home.test")
    cli("emit", "email.received", "--item", "1", "--id", "mail-1", "--data", "subject=Re")
    found = cli("explain", "event", "mail-1", "--json").json
    assert (found["event"], found["outcome"], found["moved_to"]) == ("mail-1", "moved", "quote")
    assert found["items"][0]["triggers"] == [
        {"trigger": "replied", "moved": True, "gate": None, "because": "to `quote`",
         "place": {"file": "pipelines/deals.yaml", "line": 26}},
    ]  # fmt: skip
    assert "`mail-1` (email.received) moved deal-1 to `quote`" in cli("explain", "event", "mail-1").out
    assert cli("explain", "event", "mail-2").code == 2
    assert cli("explain", "event", "mail-1", "--at", "2d").code == 2


def test_an_event_that_nobody_took_shows_what_the_intake_wanted(cli):
    cli("emit", "call.received", "--id", "call-1", "--data", "phone=+48600999888")
    found = cli("explain", "event", "call-1", "--json").json
    assert (found["outcome"], found["gate"]) == ("unmatched", "unmatched")


def test_who_may_not_see_the_automation_is_refused(cli):
    cli("add", "deals", "--title", "A")
    assert cli("explain", "1", "big", "--as", "peter").code == 5
    cli("add", "leads", "--title", "B")
    assert cli("explain", "lead-1", "--as", "anna").code == 5
    cli("emit", "email.received", "--item", "lead-1", "--id", "e1")
    hidden = cli("explain", "event", "e1", "--as", "anna", "--json").json
    assert hidden["items"] == []


def test_what_a_customer_wrote_reaches_no_terminal_as_it_is(cli):
    cli("add", "deals", "--title", "A\x1b[31m")
    cli("emit", "app.x\x1b[31m", "--item", "1", "--id", "e\x1b[2J1")
    for shown in (cli("explain", "1"), cli("explain", "event", "e\x1b[2J1")):
        assert "\x1b" not in shown.out + shown.err


def test_lines_that_say_why_nothing_happened_are_shown_only_with_all(cli, root: Path):
    deals = root / "pipelines/deals.yaml"
    trigger = "      - {id: flagged, event: field.changed, where: {field: urgent}}\n"
    mark = "      - {id: replied, event: email.received}\n"
    deals.write_text(deals.read_text("utf-8").replace(mark, mark + trigger), "utf-8")
    assert cli("load", "--yes").code == 0
    cli("add", "deals", "--title", "A")
    cli("set", "1", "amount=5")
    kinds = [one["kind"] for one in cli("timeline", "1", "--json").json]
    assert "refused" not in kinds
    everything = cli("timeline", "1", "--all", "--json").json
    assert [one["text"] for one in everything if one["kind"] == "refused"] == [
        'field.changed moved nothing: flagged (where: field was "amount")',
    ]
    assert "moved nothing" not in cli("timeline", "1").out
    assert "moved nothing" not in cli("simulate", "--item", "1", "--event", "call.received", "--for", "1d").out


def test_show_points_to_explain_where_a_rule_did_not_run(cli, root: Path):
    cli("add", "deals", "--title", "A")
    assert "stageauto explain" not in cli("show", "1").out
    deals = root / "pipelines/deals.yaml"
    extra = "      - {id: new-one, do: create_task, with: {title: New}}\n  - id: quote\n"
    deals.write_text(deals.read_text("utf-8").replace("  - id: quote\n", extra), "utf-8")
    cli("load", "--yes")
    assert "`stageauto explain deal-1 new-one` says why it did not run" in cli("show", "1").out
    assert cli("explain", "1", "new-one", "--json").json["gate"] == "added_later"


def test_the_shell_completes_rules_and_triggers_of_the_items_pipeline(cli, root: Path):
    cli("add", "deals", "--title", "A")
    assert [name for name, _ in completion.rules(root, "olga", "", "deal-1")] == [
        "welcome", "big", "later", "soon", "mail", "chase", "tell", "replied",
    ]  # fmt: skip
    assert completion.rules(root, "olga", "re", "deal-1") == [("replied", "trigger into quote")]


def test_the_handbook_has_every_gate_as_the_program_has_it():
    page = DOCS.read_text("utf-8")
    for ones in (gates.RULE_GATES, gates.TRIGGER_GATES, gates.EVENT_GATES):
        assert gates.table(ones) in page, f"put this into {DOCS.name}:\n{gates.table(ones)}"
    listed = {*gates.RULE_GATES, *gates.TRIGGER_GATES, *gates.EVENT_GATES}
    assert listed == set(gates.Gate)
