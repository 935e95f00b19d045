"""`simulate --load`: made-up items by a profile or like the recorded ones; the same again with the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest

PROFILE = """\
profile: A usual spring
pipeline: deals
start: "2026-03-02T09:00"
arrive:
  hours: working
  set: {amount: [500, 5000], responsible: anna}
happens:
  - {in: new, move: quote, chance: 0.5, between: [1h, 2d]}
  - {in: quote, emit: email.received, chance: 1, between: [1d, 2d]}
  - {in: quote, move: won, between: [3d, 5d]}
tasks: {chance: 0.9, between: [1h, 1d]}
"""


@pytest.fixture
def profile(root: Path) -> Path:
    file = root / "spring.yaml"
    file.write_text(PROFILE, "utf-8")
    return file


def test_a_profile_says_what_goes_out_and_where_items_pile_up(profile, cli):
    done = cli("simulate", "--load", "200", "--profile", str(profile), "--for", "30d", "--json")
    assert done.code == 0, done.err
    data = done.json
    stages = data["stages"]
    assert data["items"] == stages["new"]["entered"] == 200
    assert 60 < stages["quote"]["entered"] < 140
    assert stages["quote"]["entered"] == data["sent"]["mail"]["total"] == sum(data["sent"]["mail"]["by_day"])
    assert sum(one["at_the_end"] for one in stages.values()) == 200
    assert 0 < stages["quote"]["mean"] <= stages["quote"]["most"]
    assert len(data["days"]) == len(data["sent"]["mail"]["by_day"]) == len(stages["new"]["by_day"])
    assert 0 < data["tasks"]["done"] <= data["tasks"]["made"]


def test_the_same_seed_is_the_same_to_the_byte_and_another_is_not(profile, cli):
    ask = ("simulate", "--load", "50", "--profile", str(profile), "--for", "20d", "--json")
    first = cli(*ask, "--seed", "a").out
    assert cli(*ask, "--seed", "a").out == first
    assert cli(*ask, "--seed", "b").json["sent"] != cli(*ask, "--seed", "a").json["sent"]


def test_the_charts_are_for_people(profile, cli):
    done = cli("simulate", "--load", "50", "--profile", str(profile), "--for", "20d")
    assert done.code == 0
    assert "A usual spring: 50 items of deals from 2026-03-02 09:00 to 2026-03-22 09:00, seed 1" in done.out
    assert "mail: " in done.out
    assert "open at most" in done.out


def test_providers_fail_as_often_as_the_profile_says(profile, cli):
    profile.write_text(f"{PROFILE}fail: {{mail: 1}}\n", "utf-8")
    data = cli("simulate", "--load", "50", "--profile", str(profile), "--for", "30d", "--json").json
    assert data["sent"] == {}
    assert data["rules"]["mail"]["failed"] > 0


def test_the_state_need_not_be_there(unloaded, profile, anywhere):
    done = anywhere("-C", str(unloaded), "simulate", "--load", "5", "--profile", str(profile), "--for", "5d")
    assert done.code == 0, done.err


def test_rates_are_taken_from_what_was_recorded(cli):
    for number in range(4):
        cli("add", "deals", "--title", f"Roof {number}", "--contact", f"email=c{number}@home.test")
    cli("move", "deal-1", "quote")
    cli("move", "deal-2", "quote")
    cli("emit", "email.received", "--item", "deal-3")
    done = cli("simulate", "--load", "400", "--like", "history", "--pipeline", "deals", "--for", "30d", "--json")
    assert done.code == 0, done.err
    happens = done.json["profile"]["happens"]
    assert [(one.get("emit"), one.get("move"), one["chance"]) for one in happens] == [
        (None, "quote", 0.5),
        ("email.received", None, 0.25),
    ]
    assert done.json["stages"]["quote"]["entered"] > 150


def test_where_nothing_was_recorded_there_is_nothing_to_be_like(cli):
    done = cli("simulate", "--load", "10", "--like", "history", "--pipeline", "deals")
    assert done.code == 2
    assert "no item came into deals" in done.err


@pytest.mark.parametrize(
    "given",
    [
        ("--load", "0", "--like", "history", "--pipeline", "deals"),
        ("--load", "10"),
        ("--load", "10", "--like", "weather", "--pipeline", "deals"),
        ("--load", "10", "--like", "history"),
        ("--load", "10", "--profile", "nowhere.yaml"),
    ],
)
def test_what_cannot_be_simulated_is_a_usage_error(cli, given):
    assert cli("simulate", *given).code == 2


def test_a_broken_profile_is_refused_with_its_diagnostics(profile, cli):
    profile.write_text(PROFILE.replace("move: quote", "move: quot"), "utf-8")
    done = cli("simulate", "--load", "10", "--profile", str(profile))
    assert done.code == 1
    assert "error[unknown-stage]: there is no stage `quot`" in done.err
    assert "did you mean `quote`?" in done.err


@pytest.mark.parametrize("line", ["state: other.db", "'state': other.db  # here", "state : 'other.db'"])
def test_the_state_is_where_the_files_say_however_they_write_it(anywhere, unloaded, line: str):
    settings = unloaded / "stageauto.yaml"
    settings.write_text(f"{line}\n{settings.read_text('utf-8')}", "utf-8")
    assert anywhere("-C", str(unloaded), "load", "--quiet").code == 0
    assert (unloaded / "other.db").is_file()
    assert not (unloaded / ".stageauto/state.db").exists()
