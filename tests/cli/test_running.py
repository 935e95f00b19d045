"""The daemon, simulations and tests as commands."""

from __future__ import annotations

import json

SCENARIO = """\
scenario: A reply moves the deal
start: "2026-03-02T09:00"
given:
  items:
    - {id: d1, pipeline: deals, stage: new, title: Roof, responsible: anna, contact: {emails: [ewa@home.test]}}
steps:
  - emit: email.received
    item: d1
  - expect: {items: {d1: {stage: quote}}}
"""


def add_quote(cli):
    cli("add", "deals", "-t", "Roof", "-s", "quote", "--responsible", "anna", "--contact", "email=ewa@home.test")


def write_scenario(root, text=SCENARIO, name="reply.yaml"):
    (root / "scenarios").mkdir(exist_ok=True)
    (root / "scenarios" / name).write_text(text, "utf-8")


def test_run_until_idle_sends_what_the_commands_decided(cli, root):
    add_quote(cli)
    assert cli("outbox", "--json").json[0]["state"] == "pending"
    ran = cli("run", "--until-idle")
    assert ran.code == 0
    assert "mail sent to ewa@home.test by mail: Your quote" in ran.out
    [delivery] = cli("outbox", "--json").json
    assert (delivery["state"], delivery["attempts"], delivery["error"]) == ("done", 1, None)
    [letter] = (root / ".stageauto" / "outbox" / "mail").iterdir()
    assert f"Message-ID: <{delivery['key']}@acme.test>" in letter.read_text("utf-8")


def test_the_log_can_be_json_lines(cli):
    add_quote(cli)
    lines = [json.loads(line) for line in cli("run", "--until-idle", "--log-format", "json").out.splitlines()]
    assert [lines[0]["kind"], lines[-1]["kind"]] == ["started", "stopped"]
    assert any(line["kind"] == "entry" and line["entry"]["kind"] == "sent" for line in lines)


def test_run_loads_the_files_first_when_nothing_is_loaded(cli, unloaded):
    (unloaded / ".stageauto").rename(unloaded / "put-away")
    assert cli("run", "--until-idle").code == 0
    assert cli("versions", "--json").json[0]["active"] is True


def test_run_says_what_is_wrong_with_files_that_cannot_be_loaded(cli, unloaded):
    (unloaded / ".stageauto").rename(unloaded / "put-away")
    (unloaded / "pipelines" / "leads.yaml").write_text("pipeline: [", "utf-8")
    ran = cli("run", "--until-idle")
    assert ran.code == 1
    assert "pipelines/leads.yaml" in ran.err
    assert "see the diagnostics" not in ran.err  # they are all there is to say
    assert cli("run", "--until-idle", "--json").json["diagnostics"][0]["file"] == "pipelines/leads.yaml"
    assert not (unloaded / ".stageauto").exists()  # files that do not load make no state


def test_run_as_somebody_unknown_is_a_usage_error(cli):
    assert cli("run", "--until-idle", "--as", "nobody").code == 2


def test_words_of_run_that_mean_nothing_are_usage_errors(cli):
    assert cli("run", "--until-idle", "--log-format", "xml").code == 2
    for wrong in ("2wd", "-1s", "soon"):
        assert cli("run", "--for", wrong).code == 2
    assert cli("items", "--stuck", "3x").code == 2
    assert cli("simulate", "--for", "3x").code == 2


def test_a_simulation_of_the_live_items_sends_what_waits_and_changes_nothing(cli):
    add_quote(cli)
    before = cli("timeline", "--json").json
    seen = cli("simulate", "--for", "5d", "--json").json
    assert set(seen) == {"timeline", "sent", "items", "pending"}
    assert [(one["do"], one["to"]) for one in seen["sent"]] == [("send_email", "ewa@home.test")]
    assert any("Chase" in one["text"] for one in seen["timeline"])
    assert cli("timeline", "--json").json == before
    assert cli("outbox", "--json").json[0]["state"] == "pending"


def test_a_simulated_event_moves_the_copy_only(cli):
    cli("add", "deals", "-t", "Roof", "--contact", "email=ewa@home.test", "--responsible", "anna")
    seen = cli("simulate", "--item", "deal-1", "--event", "email.received", "--data", "subject=Re", "--json").json
    assert seen["items"][0]["stage"] == "quote"
    assert cli("items", "--json").json[0]["stage"] == "new"
    assert cli("simulate", "--item", "deal-1").code == 2
    unknown = cli("simulate", "--event", "email.recieved")
    assert unknown.code == 2
    assert "email.received" in unknown.err


def test_a_scenario_is_simulated_as_a_timeline(cli, root):
    write_scenario(root)
    told = cli("simulate", "scenarios/reply.yaml")
    assert told.code == 0
    assert "moved from new to quote" in told.out


def test_test_tells_what_passed_and_what_no_scenario_reached(cli, root):
    write_scenario(root)
    told = cli("test", "--coverage", "--json").json
    assert (told["passed"], told["failed"]) == (1, 0)
    assert told["scenarios"] == [
        {"scenario": "A reply moves the deal", "file": "scenarios/reply.yaml", "outcome": "passed", "failures": []}
    ]
    assert "rule deals/quote/chase" in told["coverage"]["missing"]
    assert "trigger deals/quote/replied" not in told["coverage"]["missing"]


def test_a_broken_scenario_is_an_error_of_its_own(cli, root):
    write_scenario(root)
    write_scenario(root, SCENARIO.replace("pipeline: deals", "pipeline: dealz"), "broken.yaml")
    told = cli("test", "--json")
    assert told.code == 1
    by_file = {one["file"]: one for one in told.json["scenarios"]}
    assert by_file["scenarios/reply.yaml"]["outcome"] == "passed"
    assert by_file["scenarios/broken.yaml"]["outcome"] == "error"
    assert "dealz" in by_file["scenarios/broken.yaml"]["failures"][0]["message"]


def test_a_workspace_that_does_not_validate_is_told_as_validate_tells_it(cli, root):
    write_scenario(root)
    (root / "pipelines" / "leads.yaml").write_text("pipeline: leads\nentitty: lead\n", "utf-8")
    told = cli("test", "--json")
    assert told.code == 1
    assert told.json["ok"] is False
    assert told.json["diagnostics"][0]["file"] == "pipelines/leads.yaml"


def test_a_broken_scenario_keeps_files_from_being_loaded(cli, root):
    write_scenario(root, SCENARIO.replace("stage: new", "stage: neww"))
    (root / "pipelines" / "leads.yaml").write_text(
        "pipeline: leads\nentity: lead\nstages: [{id: fresh}, {id: old}]\n", "utf-8"
    )
    refused = cli("load", "--yes")
    assert refused.code == 1
    assert "neww" in refused.err
    assert [one["version"] for one in cli("versions", "--json").json] == [1]


def test_too_little_coverage_fails_and_says_how_much_there_was(cli, root):
    write_scenario(root)
    short = cli("test", "--fail-under", "99.5")
    assert short.code == 1
    assert "1 passed, 0 failed" in short.out
    assert "pipelines/deals.yaml:" in short.out
    assert "reached, --fail-under asks for 99.5 %" in short.err
    assert cli("test", "--fail-under", "1").code == 0
    assert cli("test", "--fail-under", "101").code == 2


def test_a_word_that_no_scenario_has_and_files_that_cannot_be_read_are_usage_errors(cli, root):
    write_scenario(root)
    nothing = cli("test", "-k", "nothing-like-it")
    assert nothing.code == 2
    assert "no scenario has `nothing-like-it`" in nothing.err
    assert cli("test", "-k", "REPLY").code == 0
    (root / "scenarios" / "gone.yaml").symlink_to(root / "nowhere")
    assert cli("test", str(root / "scenarios")).code == 2


def test_junit_that_cannot_be_written_is_a_usage_error(cli, root):
    write_scenario(root)
    told = cli("test", "--junit", str(root / "nowhere" / "report.xml"))
    assert told.code == 2
    assert "cannot be written" in told.err


def test_what_was_sent_in_a_stage_that_was_left_is_told_as_over(cli):
    add_quote(cli)
    assert cli("run", "--until-idle").code == 0
    [delivery] = cli("outbox", "--json").json
    cli("move", "deal-1", "new")
    run = delivery["id"].rpartition(":")[0]
    for named in (run, delivery["id"]):
        done = cli("retry", named)
        assert done.code == 2
        assert done.err.startswith(f"error: deal-1 has left the stage, or begun it anew: `{run}` is over\n")
