"""Items from files: what `import` takes, what it refuses, and what it sets going."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
EXCERPT = Path(__file__).parent / "data" / "crm_excerpt.csv"
PAGE = (ROOT / "docs" / "import.md").read_text("utf-8")
PIPELINE, MAPPING = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
HEAD = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n"


@pytest.fixture
def crm(tmp_path: Path, anywhere, monkeypatch: pytest.MonkeyPatch):
    """The workspace of docs/import.md with the agents of the excerpt, loaded; runs commands in it as the boss."""
    root = tmp_path / "crm"
    (root / "pipelines").mkdir(parents=True)
    rows = list(csv.DictReader(EXCERPT.read_text("utf-8").splitlines()))
    lines = ["stageauto: 1", "timezone: America/New_York", "users:", "  boss: {name: The Boss, roles: [manager]}"]
    for agent in sorted({row["sales_agent"] for row in rows}):
        name = agent.lower().replace(" ", "-")
        lines.append(f"  {name}: {{name: {agent}, email: {name}@crm.test, roles: [agent]}}")
    lines += ["roles:", '  manager: {"*": [automation.read, automation.update, items.read, items.update]}']
    lines += ["  agent: {sales: [automation.read, items.read]}"]
    (root / "stageauto.yaml").write_text("\n".join(lines) + "\n", "utf-8")
    (root / "pipelines" / "sales.yaml").write_text(PIPELINE, "utf-8")
    (root / "mapping.yaml").write_text(MAPPING, "utf-8")
    monkeypatch.chdir(root)
    assert anywhere("load", "--quiet").code == 0

    def run(*arguments: str):
        return anywhere(*arguments, *(() if "--as" in arguments else ("--as", "boss")))

    return run


def take(crm, file: Path | str, *more: str):
    return crm("import", str(file), "--pipeline", "sales", "--mapping", "mapping.yaml", *more)


def test_the_real_excerpt_comes_in_whole_as_the_docs_say(crm):
    done = take(crm, EXCERPT, "--json")
    assert done.code == 0
    assert done.json["items"] == 19
    assert done.json["by_stage"] == {"prospecting": 3, "engaging": 3, "won": 8, "lost": 5}
    assert done.json["rules"] == 0
    by_id = {one["id"]: one for one in crm("items", "--json").json}
    won = by_id["1C1I7A6R"]
    assert won["stage"] == "won"
    assert won["responsible"] == "moses-frase"
    assert won["title"] == "Cancity: GTX Plus Basic"
    assert won["fields"] == {
        "product": "GTX Plus Basic", "engage_date": "2016-10-20", "close_date": "2017-03-01", "close_value": 1054,
    }  # fmt: skip
    assert won["created_at"].startswith("2016-10-20T04:00:00")
    assert won["stage_entered_at"].startswith("2017-03-01T05:00:00")
    assert by_id["Z063OYW0"]["fields"]["product"] == "GTX Pro"


def test_an_empty_account_is_an_item_without_a_company(crm):
    take(crm, EXCERPT)
    titles = [one["title"] for one in crm("items", "--json").json]
    assert sum(title.startswith("No account: ") for title in titles) == 5


def test_nothing_is_set_going_until_it_is_asked_for(crm):
    take(crm, EXCERPT)
    assert crm("pending", "--json").json == []
    assert crm("tasks", "--json").json == []
    assert crm("load", "--yes", "--catch-up", "nudge", "--json").json["caught_up"] == 3
    assert {one["rule"] for one in crm("pending", "--json").json} == {"nudge"}


def test_rules_begin_as_for_new_items_when_it_is_asked_for(crm):
    assert take(crm, EXCERPT, "--start-rules", "--json").json["rules"] == 6
    assert len(crm("tasks", "--json").json) == 3
    assert len(crm("pending", "--json").json) == 3


def test_the_same_file_a_second_time_is_refused(crm):
    take(crm, EXCERPT)
    again = take(crm, EXCERPT)
    assert again.code == 1
    assert "there is an item `1C1I7A6R` already" in again.err
    assert len(crm("items", "--json").json) == 19


def test_every_fault_is_named_by_line_and_column_and_nothing_comes_in(crm, tmp_path):
    broken = tmp_path / "broken.csv"
    broken.write_text(
        HEAD
        + "Q1,Moses Frase,GTX Basic,Cancity,Won,10/20/2016,3/1/2017,1054\n"
        + "Q2,Moses Frase,GTX Basic,Cancity,Won,13/45/2016,3/1/2017,1054\n"
        + "Q3,Moses Frase,GTX Basic,Cancity,Wonn,10/20/2016,3/1/2017,many\n"
        + "Q4,Moses Frase,GTX Basic,Cancity,Won,10/20/2016,3/1/2017\n"
        + "Q1,Moses Frase,GTX Basic,Cancity,Won,10/20/2016,3/1/2017,1054\n",
        "utf-8",
    )
    done = take(crm, broken, "--json")
    assert done.code == 1
    assert [(one["line"], one["column"]) for one in done.json["faults"]] == [
        (3, "engage_date"), (4, "deal_stage"), (4, "close_value"), (5, ""), (6, "id"),
    ]  # fmt: skip
    assert "broken.csv:4: deal_stage: there is no stage `Wonn` (did you mean `won`?)" in done.err
    assert crm("items", "--json").json == []


def test_a_fault_on_a_later_line_counts_the_lines_of_quoted_breaks(crm, tmp_path):
    file = tmp_path / "breaks.csv"
    file.write_text('title,deal_stage\n"two\nlines",won\nx,nowhere\n', "utf-8")
    done = crm("import", str(file), "-p", "sales", "-m", "stage=deal_stage")
    assert "breaks.csv:4: deal_stage: " in done.err


def test_only_fifty_faults_are_shown_and_all_are_counted(crm, tmp_path):
    file = tmp_path / "many.csv"
    file.write_text("title,close_value\n" + "x,many\n" * 80, "utf-8")
    done = crm("import", str(file), "-p", "sales", "--json")
    assert len(done.json["faults"]) == 50
    assert done.json["count"] == 80


@pytest.mark.parametrize(
    ("pair", "message", "hint"),
    [
        ("stage=deal_stag", "the file has no column `deal_stag` (for `stage`)", "did you mean `deal_stage`?"),
        ("close_valu=close_value", "sales has no field `close_valu`", "did you mean `close_value`?"),
        ("close_value", "`--map close_value` is not understood", "write it like --map amount=close_value"),
    ],
)
def test_an_unknown_name_in_the_mapping_says_what_was_meant(crm, pair, message, hint):
    done = crm("import", str(EXCERPT), "-p", "sales", "--map", pair, "--json")
    assert done.code == 2
    assert done.json["error"]["message"] == message
    assert done.json["error"]["hint"] == hint


def test_a_mapping_file_is_checked_with_its_line(crm):
    Path("mapping.yaml").write_text("stage: deal_stage\nfeilds:\n  product: product\n", "utf-8")
    assert "mapping.yaml:2: `feilds` is not known here" in take(crm, EXCERPT).err


def test_columns_called_like_fields_go_there_by_themselves(crm, tmp_path):
    file = tmp_path / "plain.csv"
    file.write_text("Title;Stage;Close Value;Other\nRoof;Engaging;12.5;x\n", "utf-8-sig")
    done = crm("import", str(file), "-p", "sales", "--json")
    assert done.json["not_taken"] == ["Other"]
    [item] = crm("items", "--json").json
    assert (item["id"], item["title"], item["stage"]) == ("deal-1", "Roof", "engaging")
    assert item["fields"]["close_value"] == 12.5


def test_json_lines_keep_their_types_and_bring_contacts(crm, tmp_path):
    file = tmp_path / "items.jsonl"
    rows = [
        {"title": "A", "close_value": 7, "contact": {"first_name": "Ewa", "email": "ewa@home.test"}, "tags": ["x"]},
        {"title": "B", "stage": "won", "contact": "EWA@home.test"},
    ]
    file.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n", "utf-8")
    assert crm("import", str(file), "-p", "sales").code == 0
    first, second = crm("items", "--json").json
    assert first["contact"]["name"] == "Ewa"
    assert second["contact"]["id"] == first["contact"]["id"]
    assert second["stage"] == "won"


def test_a_dry_run_checks_everything_and_changes_nothing(crm):
    done = take(crm, EXCERPT, "--dry-run")
    assert "19 items would be imported into sales" in done.out
    assert crm("items", "--json").json == []
    assert not [one for one in crm("audit", "--json").json if one["action"] == "import"]


def test_who_may_not_change_items_may_not_import(crm):
    done = take(crm, EXCERPT, "--as", "moses-frase")
    assert done.code == 5
    assert crm("items", "--json").json == []


def test_an_import_stands_in_the_audit_log_and_in_the_journal(crm):
    take(crm, EXCERPT)
    assert [one["author"] for one in crm("audit", "--json").json if one["action"] == "import"] == ["boss"]
    [entry] = crm("timeline", "1C1I7A6R", "--json").json
    assert entry["kind"] == "created"
    assert entry["data"]["imported"] == "crm_excerpt.csv:2"


def test_dates_in_the_future_and_backwards_are_refused(crm, tmp_path):
    file = tmp_path / "dates.csv"
    file.write_text("title,created_at,stage_entered_at\na,2999-01-01,\nb,2020-02-01,2020-01-01\n", "utf-8")
    faults = crm("import", str(file), "-p", "sales", "--json").json["faults"]
    assert [(one["line"], one["column"]) for one in faults] == [(2, "created_at"), (3, "stage_entered_at")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"title\n", "has no rows to import"),
        (b"title,title\na,b\n", "two columns are called `title`"),
        (b"title\n\xff\xfe\n", "is no UTF-8 text (line 2)"),
        (b"title\na\0b\n", "line 2 holds a NUL byte"),
        (b"\x4f\x52\n1\n", "no column of odd.csv goes anywhere in sales"),
    ],
)
def test_what_is_no_such_file_is_refused_in_words(crm, tmp_path, content, message):
    file = tmp_path / "odd.csv"
    file.write_bytes(content)
    done = crm("import", str(file), "-p", "sales")
    assert done.code == 2
    assert message in done.err
