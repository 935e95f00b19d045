"""The commands that count and look ahead."""

from __future__ import annotations


def test_stats_are_a_table_with_bars_and_a_document(cli):
    cli("add", "deals", "--title", "A", "--set", "amount=100")
    cli("add", "deals", "--title", "B")
    cli("move", "deal-2", "won")
    shown = cli("stats", "-p", "deals")
    assert shown.code == 0
    assert "Deals: 2 created, 1 open (amount 100), 1 won (100 % of those that ended)" in shown.out
    rows = [line.split()[1] for line in shown.out.splitlines() if line.startswith(("new  ", "quote  "))]
    assert "welcome" in rows
    assert "tell" not in rows, "what nothing came of is counted, and not listed"
    assert "that nothing came of yet" in shown.out
    told = cli("stats", "-p", "deals", "--json").json
    [one] = told["pipelines"]
    assert (one["created"], one["won"], one["won_share"]) == (2, 1, 1.0)
    assert [stage["reached"] for stage in one["stages"]] == [2, 1, 1]
    assert one["stages"][0]["to_next"] == 0.5
    assert told["busiest_hours"].keys() == {"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
    assert {rule["rule"]: rule["outcomes"] for rule in one["rules"]}["welcome"] == {"done": 2}


def test_stats_write_a_page_and_say_where(cli, tmp_path):
    cli("add", "deals", "--title", "A")
    page = tmp_path / "stats.html"
    told = cli("stats", "--html", str(page))
    assert (told.code, told.out, told.err) == (0, "", f"written to {page}\n")
    text = page.read_text("utf-8")
    assert "<h1>Deals</h1>" in text
    assert "<h1>Leads</h1>" in text
    wrong = cli("stats", "--html", str(tmp_path / "nowhere" / "stats.html"))
    assert wrong.code == 2
    assert "cannot be written: No such file" in wrong.err


def test_stats_show_only_pipelines_that_one_may_see(cli):
    cli("add", "leads", "--title", "A")
    assert [one["pipeline"] for one in cli("stats", "--json", "--as", "anna").json["pipelines"]] == ["deals"]
    assert cli("stats", "-p", "leads", "--as", "anna").code == 5


def test_stats_count_messages_by_channel(cli):
    cli("add", "deals", "-t", "A", "-s", "quote", "--responsible", "anna", "--contact", "email=ewa@home.test")
    cli("run", "--until-idle")
    assert cli("stats", "--json").json["channels"] == [{"channel": "mail", "sent": 1}]


def test_a_time_that_is_none_is_a_usage_error(cli):
    wrong = cli("stats", "--since", "yesterday")
    assert wrong.code == 2
    assert "yesterday" in wrong.err


def test_the_graph_counts_the_items_where_there_is_a_state(cli):
    cli("add", "deals", "--title", "A")
    assert "1. new  New  (1 item)" in cli("graph", "deals").out
    assert "(1 item)" not in cli("graph", "deals", "--no-counts").out
    assert "1 item here now" in cli("graph", "deals", "--format", "svg").out
    assert r"3 rules\n0 items" in cli("graph", "deals", "--format", "dot").out
    assert cli("graph", "deals", "--json").json["stages"][0]["items"] == 1


def test_the_graph_counts_nothing_that_one_may_not_see(cli):
    cli("add", "leads", "--title", "A")
    assert cli("graph", "leads", "--json", "--as", "anna").json["stages"][0]["items"] is None


def test_an_outlook_is_a_table_a_file_or_a_document(cli):
    cli("add", "deals", "-t", "A", "-s", "quote", "--responsible", "anna", "--contact", "email=ewa@home.test")
    shown = cli("outlook")
    assert "1 send_email" in shown.out
    assert "1 planned until" in shown.out
    assert cli("outlook", "--format", "csv").out.count("\n") == 2
    assert cli("outlook", "--format", "ics").out.startswith("BEGIN:VCALENDAR")
    [one] = cli("outlook", "--follow", "--json").json["planned"]
    assert (one["rule"], one["to"], one["how"]) == ("mail", "ewa@home.test", "outbox")
    assert cli("outlook", "--days", "0").code == 2
