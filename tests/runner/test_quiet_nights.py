"""A message that was decided by day and did not get out until night waits for the morning."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from stageauto.report.timeline import sentence
from stageauto.runner import change, look
from stageauto.runner.session import Session
from tests.runner.support import TurnedClock, activate, run_until_idle, states, workspace

ZONE = ZoneInfo("Europe/Warsaw")
PIPELINE = """\
pipeline: work
entity: deal
stages:
  - id: new
    rules:
      - {id: text, do: send_sms, with: {text: Hello}}
"""
THERE = {"phone": "+48 501 111 222"}
QUIET = 'limits: {quiet_hours: {between: ["21:00", "08:00"], channels: [sms]}}\n'


def at(clock: TurnedClock, hour: int, minute: int, days: int) -> None:
    """Turns the clock to that local time, so many days from today."""
    day = datetime.fromtimestamp(TurnedClock().now() / 1000, ZONE).date() + timedelta(days=days)
    wanted = datetime.combine(day, time(hour, minute), ZONE).timestamp() * 1000
    clock.turned = round(wanted) - TurnedClock().now()


def test_a_message_that_was_held_up_until_night_waits_for_the_morning(tmp_path: Path) -> None:
    root, clock = workspace(tmp_path / "acme", PIPELINE, QUIET), TurnedClock()
    activate(root)
    at(clock, 20, 59, days=1)
    with Session.open(root, clock=clock) as session:
        change.add(session, "work", stage=None, values={"title": "Roof"}, contact={"phone": "+48 501 111 222"})
    assert states(root) == ["pending"]
    at(clock, 23, 0, days=1)
    run_until_idle(root, clock)
    assert states(root) == ["pending"]
    at(clock, 8, 1, days=2)
    run_until_idle(root, clock)
    assert states(root) == ["done"]


def test_what_waits_for_the_morning_says_so(tmp_path: Path) -> None:
    root, clock = workspace(tmp_path / "acme", PIPELINE, QUIET), TurnedClock()
    activate(root)
    at(clock, 22, 0, days=1)
    with Session.open(root, clock=clock) as session:
        item = change.add(session, "work", stage=None, values={"title": "Roof"}, contact=THERE)
        (shown,) = look.show(session, item).rules
        (listed,) = look.pending(session).runs
        assert shown.reason == listed.reason == "at stage entry, when the customer's quiet hours end"


def test_what_goes_by_day_says_nothing_of_the_night(tmp_path: Path) -> None:
    later = PIPELINE.replace("with:", "when: {delay: 30m}, with:")
    root, clock = workspace(tmp_path / "acme", later, QUIET), TurnedClock()
    activate(root)
    at(clock, 12, 0, days=1)
    with Session.open(root, clock=clock) as session:
        change.add(session, "work", stage=None, values={"title": "Roof"}, contact=THERE)
        assert [one.reason for one in look.pending(session).runs] == ["30 m after stage entry"]


def test_the_history_says_what_quiet_hours_put_off(tmp_path: Path) -> None:
    chained = PIPELINE + "      - {id: again, do: send_sms, after: note, with: {text: Again}}\n"
    chained = chained.replace("rules:\n", "rules:\n      - {id: note, do: add_comment, with: {text: Noted}}\n")
    root, clock = workspace(tmp_path / "acme", chained, QUIET), TurnedClock()
    activate(root)
    at(clock, 22, 0, days=1)
    with Session.open(root, clock=clock) as session:
        item = change.add(session, "work", stage=None, values={"title": "Roof"}, contact=THERE)
        with session.store.read() as state:
            lines = [sentence(one, ZONE) for one in state.timeline(item)]
    (entered,) = [line for line in lines if "set going" in line]
    assert "after quiet hours" in entered.partition("text (")[2]
    (put_off,) = [line for line in lines if line.startswith("again is due")]
    assert put_off.endswith("the customer's quiet hours")
