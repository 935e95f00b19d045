"""`backtest`: the recorded past again under other files, on a real workspace; nothing is sent and nothing changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from stageauto.runner.options import Options
from stageauto.runner.service import Service
from stageauto.runner.session import Session
from stageauto.store.sqlite import SqliteStore
from tests.cli.conftest import Cli


@pytest.fixture
def lived(root: Path, cli: Cli) -> Path:
    """Two deals: one was quoted, its mail sent, and answered; one stands where it began."""
    cli("add", "deals", "--title", "Roof", "--set", "amount=2000", "--contact", "email=ewa@home.test")
    cli("add", "deals", "--title", "Gate", "--set", "amount=500", "--contact", "email=jan@home.test")
    cli("move", "deal-1", "quote")
    run(root)
    return root


def run(root: Path) -> None:
    with Session.open(root) as session:
        Service(session, Options(until_idle=True), lambda _kind, _data: None).run()


def edit(root: Path, was: str, now: str) -> None:
    file = root / "pipelines/deals.yaml"
    text = file.read_text("utf-8")
    assert was in text
    file.write_text(text.replace(was, now), "utf-8")


def everything(root: Path) -> dict[str, list[object]]:
    """All rows of all tables."""
    with SqliteStore.open(root / ".stageauto/state.db", create=False) as store:
        database = store.database()
        return {name: list(database[name].rows) for name in database.table_names()}


def line(cli: Cli, name: str, *more: str) -> dict[str, object]:
    found = [one for one in cli("backtest", "--json", *more).json["lines"] if one["name"] == name]
    assert len(found) == 1, found
    one: dict[str, object] = found[0]
    return one


@pytest.mark.usefixtures("lived")
def test_unchanged_files_would_do_what_was_done(cli):
    done = cli("backtest", "--since", "1d")
    assert done.code == 0
    assert "as it was: nothing would be otherwise" in done.out
    data = cli("backtest", "--json").json
    assert data["differs"] is False
    assert data["sent"] == {"was": 1, "would_be": 1}
    assert data["commands"] == 3


def test_a_new_condition_shows_what_would_not_be_done_and_to_whom(lived, cli):
    edit(lived, "id: big, do: create_task, if: item.amount > 1000", "id: big, do: create_task, if: item.amount > 3000")
    one = line(cli, "deals/big")
    assert one["was"] == {"done": 1, "skipped": 1}
    assert one["would_be"] == {"skipped": 2}
    assert (one["more"], one["fewer"]) == (1, 1)
    assert {example["item"] for example in one["examples"]} == {"deal-1"}  # type: ignore[attr-defined]
    assert "rule deals/big" in cli("backtest").out


def test_a_rule_that_is_added_shows_what_it_would_have_sent(lived, cli):
    more = "      - {id: more, do: send_email, with: {to: customer, from: mail, subject: More, body: Hello}}\n"
    edit(lived, "      - {id: chase", f"{more}      - {{id: chase")
    done = cli("backtest", "--json").json
    assert done["sent"] == {"was": 1, "would_be": 2}
    assert line(cli, "deals/more")["would_be"] == {"sent": 1, "done": 1}


def test_nothing_is_sent_and_the_state_stays_to_the_byte(lived, cli):
    before = everything(lived)
    mails = sorted((lived / ".stageauto/outbox").iterdir())
    edit(lived, "if: item.amount > 1000", "if: item.amount > 1")
    assert cli("backtest").code == 0
    assert everything(lived) == before
    assert sorted((lived / ".stageauto/outbox").iterdir()) == mails


def test_a_move_to_a_stage_that_is_gone_is_named_and_counted(root, cli):
    cli("add", "leads", "--title", "Ask", "--stage", "fresh")
    cli("move", "lead-1", "old")
    cli("move", "lead-1", "fresh")
    file = root / "pipelines/leads.yaml"
    file.write_text(file.read_text("utf-8").replace("  - {id: old, name: Old}\n", ""), "utf-8")
    done = cli("backtest")
    assert done.code == 0, done
    assert "not done again, since these files do not allow it: 1" in done.out
    assert "move lead-1: leads has no stage `old`" in done.out


def test_comments_exceptions_and_answers_by_hand_are_on_record_and_done_again(lived, cli):
    cli("exceptions", "add", "jan@home.test")
    cli("exceptions", "remove", "jan@home.test")
    cli("contact", "set", "contact-1", "language=pl")
    cli("move", "deal-2", "quote")
    run(lived)
    cli("resume", "--all")
    with Session.open(lived) as session, session.store.read() as state:
        types = [row.type for row in state.journal()]
    assert types[-5:] == [
        "command.except", "command.unexcept", "command.contact", "command.move", "command.resume-all",
    ]  # fmt: skip
    data = cli("backtest", "--json").json
    assert data["differs"] is False
    assert data["sent"] == {"was": 2, "would_be": 2}
    assert data["not_repeated"]["count"] == 0


@pytest.mark.usefixtures("lived")
def test_another_pipeline_is_left_out(cli):
    names = {one["name"].partition("/")[0] for one in cli("backtest", "--pipeline", "leads", "--json").json["lines"]}
    assert names <= {"leads"}
    done = cli("backtest", "--pipeline", "leds")
    assert done.code == 2
    assert "did you mean `leads`?" in done.err


def test_broken_files_are_refused_with_their_diagnostics(lived, cli):
    edit(lived, "do: post_to_feed", "do: post_to_fed")
    done = cli("backtest")
    assert done.code == 1
    assert "unknown-action" in done.err


@pytest.mark.usefixtures("lived")
def test_a_beginning_that_is_no_time_is_refused(cli):
    assert cli("backtest", "--since", "soon").code == 2
    assert cli("backtest", "--since", "2999-01-01").code == 2


@pytest.mark.usefixtures("lived")
def test_who_may_not_see_the_automation_may_not_backtest(cli):
    assert cli("backtest", "--as", "peter").code == 5


# -- items that were imported with dates -----------------------------------------------------------------------------

CSV = """\
id,title,stage,meeting_at,delivery_date
d-a,Barn,won,2025-01-10T10:00,2025-02-01
d-b,Shed,quote,2025-01-12T10:00,
d-c,Nothing,new,,
"""


@pytest.fixture
def imported(root: Path, cli: Cli) -> Path:
    (root / "old.csv").write_text(CSV, "utf-8")
    maps = [word for name in ("id", "title", "stage") for word in ("--map", f"{name}={name}")]
    done = cli("import", "--pipeline", "deals", *maps, "old.csv")
    assert done.code == 0, done.err
    return root


@pytest.mark.usefixtures("imported")
def test_dates_of_imported_items_say_when_they_came_where(cli):
    given = ("--pipeline", "deals", "--by-date", "quote=meeting_at", "--by-date", "won=delivery_date")
    data = cli("backtest", *given, "--json").json
    assert data["dates"]["items"] == 2
    assert data["dates"]["left_out"] == {"no date in any of the fields": 1}
    lines = {one["name"]: one["would_be"] for one in data["lines"]}
    assert lines["deals/quote"] == {"entered": 2}
    assert lines["deals/won"] == {"entered": 1}
    assert data["since"] == "2025-01-10T09:00:00Z"
    text = cli("backtest", *given).out
    assert "2 items of deals by quote=meeting_at, won=delivery_date" in text


@pytest.mark.usefixtures("imported")
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("quote", "is not STAGE=FIELD"),
        ("quot=meeting_at", "did you mean `quote`?"),
        ("quote=amount", "has no date field `amount`"),
    ],
)
def test_what_is_no_date_of_a_stage_is_refused(cli, given, said):
    done = cli("backtest", "--pipeline", "deals", "--by-date", given)
    assert done.code == 2
    assert said in done.err


@pytest.mark.usefixtures("imported")
def test_dates_need_to_know_whose(cli):
    done = cli("backtest", "--by-date", "quote=meeting_at")
    assert done.code == 2
    assert "--by-date needs --pipeline" in done.err


@pytest.mark.usefixtures("imported")
def test_of_dated_items_only_what_falls_into_the_window_is_counted(cli):
    given = ("--pipeline", "deals", "--by-date", "quote=meeting_at", "--by-date", "won=delivery_date")
    data = cli("backtest", *given, "--since", "2025-02-01", "--until", "2025-12-31", "--json").json
    assert data["since"] == "2025-01-31T23:00:00Z"
    assert data["until"] == "2025-12-30T23:00:00Z"
    assert [(one["name"], one["would_be"]) for one in data["lines"] if one["kind"] == "stage"] == [
        ("deals/won", {"entered": 1})
    ]
    done = cli("backtest", *given, "--since", "2026-02-01", "--until", "2025-12-31")
    assert done.code == 2
    assert "the beginning lies behind the end" in done.err
    assert "--until is for --by-date" in cli("backtest", "--until", "2025-12-31").err
