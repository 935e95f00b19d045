"""What is planned to be sent, of a state on a clock that the test sets; calendars read by icalendar, tables by csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from stageauto.engine.state import DONE
from stageauto.errors import NotAllowedError, UsageError
from stageauto.loader.files import read_files
from stageauto.report.outlook import outlook_csv, outlook_data, outlook_ics, outlook_text
from stageauto.runner import change
from stageauto.runner.clock import VirtualClock
from stageauto.runner.outlook import FOLLOWS, OUTBOX, PLANNED, Outlook, Planned, outlook
from stageauto.runner.session import Session
from stageauto.runner.simulate import Simulation
from stageauto.runner.versions import load
from tests.runner.support import workspace

ZONE = ZoneInfo("Europe/Warsaw")
MORE = """\
calendars: {working: {mon-fri: "09:00-17:00"}}
channels: {mail: {type: file, from: sales@acme.test}}
limits: {quiet_hours: {between: ["21:00", "08:00"], channels: [sms]}}
users:
  anna: {name: Anna, roles: [all]}
  peter: {name: Peter, roles: [some]}
  eve: {name: Eve}
roles:
  all: {"*": [automation.read, automation.update, items.read, items.update]}
  some: {other: [automation.read, items.read]}
"""
PIPELINE = """\
pipeline: deals
fields: {amount: {type: money, default: 10}}
stages:
  - id: new
    rules:
      - id: hello
        do: send_email
        when: {delay: 1d}
        with: {to: customer, from: mail, subject: hello, body: Hello}
      - id: again
        do: send_email
        when: {delay: 1d}
        after: hello
        with: {to: customer, from: mail, subject: again, body: Hello}
      - id: big
        do: send_email
        when: {delay: 2d}
        if: item.amount > 100
        with: {to: customer, from: mail, subject: big, body: Hello}
      - {id: night, do: send_sms, when: {delay: 13h}, with: {text: Good night}}
      - id: weekly
        do: send_email
        when: {delay: 3d}
        repeat: {every: 7d, times: 3}
        hours: working
        with: {to: customer, from: mail, subject: weekly, body: Hello}
      - {id: inner, do: add_log_entry, when: {delay: 1d}, with: {text: not outer}}
  - {id: won, kind: won}
"""


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    root = workspace(tmp_path, PIPELINE, MORE)
    (root / "pipelines/other.yaml").write_text("pipeline: other\nstages: [{id: first}]\n", "utf-8")
    with Session.open(root, create=True, clock=VirtualClock(at("2026-03-02T09:00")), as_user="anna") as made:
        load(made, read_files(root))
        contact = {"email": "ewa@home.test", "phone": "+48 600 100 200"}
        change.add(made, "deals", stage=None, values={"title": "Roof"}, contact=contact)
        yield made


def listed(found: Outlook) -> list[tuple[str, str, str]]:
    return [
        (one.how, one.rule, datetime.fromtimestamp(one.at / 1000, ZONE).strftime("%m-%d %H:%M"))
        for one in found.planned
    ]


def test_without_following_what_is_pending_is_listed_with_quiet_hours_and_calendars(session):
    found = outlook(session)
    assert listed(found) == [
        (PLANNED, "night", "03-03 08:00"), (PLANNED, "hello", "03-03 09:00"), (PLANNED, "big", "03-04 09:00"),
        (PLANNED, "weekly", "03-05 09:00"),
    ]  # fmt: skip


def test_following_asks_conditions_and_goes_on_with_chains_and_repetitions(session):
    assert listed(outlook(session, follow=True, days=12)) == [
        (PLANNED, "night", "03-03 08:00"), (PLANNED, "hello", "03-03 09:00"), (FOLLOWS, "again", "03-04 09:00"),
        (PLANNED, "weekly", "03-05 09:00"), (FOLLOWS, "weekly", "03-12 09:00"),
    ]  # fmt: skip


def test_what_following_foretells_is_what_then_happens(session):
    foretold = {(one.rule, one.at, one.to) for one in outlook(session, follow=True).planned}
    with session.store.read() as state:
        made = session.workspace(state)
    with Simulation(made, session.clock.now(), store=session.store) as real:
        real.advance(at("2026-03-16T09:00"))
        real.flush()
        assert {(one.rule, one.sent_at, one.to) for one in real.state.deliveries(state=DONE)} == foretold
    assert len(foretold) == 5


def everything(session: Session) -> object:
    with session.store.read() as state:
        return state.items(), state.timeline(), state.deliveries(), state.journal(), state.audit(), state.contacts()


def test_looking_ahead_changes_nothing(session):
    before = everything(session)
    outlook(session, follow=True)
    assert everything(session) == before


def test_only_as_many_days_as_asked_for_are_looked_ahead(session):
    assert [one.rule for one in outlook(session, days=1).planned] == ["night", "hello"]
    for days in (0, 367, -1):
        with pytest.raises(UsageError, match="cannot be looked ahead"):
            outlook(session, days=days)


def test_what_is_on_hold_is_counted_and_not_planned(session):
    change.hold(session, "deal-1", "wait")
    found = outlook(session)
    assert (found.planned, found.held) == ([], 4)
    assert list(outlook_text(found))[-1] == "4 more wait for somebody: see `stageauto pending`"


def test_what_waits_in_the_outbox_is_planned_for_now(session):
    assert isinstance(session.clock, VirtualClock)
    session.clock.at = at("2026-03-03T10:00")
    change.set_fields(session, "deal-1", {"title": "Roofs"})
    decide_due(session)
    for follow in (False, True):
        first = [one for one in outlook(session, follow=follow).planned if one.how == OUTBOX]
        assert [(one.rule, one.at, one.to, one.channel) for one in first] == [
            ("hello", session.clock.now(), "ewa@home.test", "mail"),
            ("night", session.clock.now(), "+48 600 100 200", "sms"),
        ]  # fmt: skip


def decide_due(session: Session) -> None:
    """What a command does beside its own deed: whatever is due is decided, and stays in the outbox."""
    session.decide(lambda _draft, _by: None, permission="items.update", pipeline_of=lambda _: "deals")


def test_only_pipelines_that_one_may_see_are_looked_at(session, tmp_path):
    with Session.open(tmp_path, clock=session.clock, as_user="peter") as other:
        assert outlook(other).planned == []
        assert outlook(other, follow=True).planned == []
        assert (outlook(other).held, outlook(other, pipeline="other").planned) == (0, [])
        with pytest.raises(NotAllowedError):
            outlook(other, pipeline="deals")
    with Session.open(tmp_path, clock=session.clock, as_user="eve") as other, pytest.raises(NotAllowedError):
        outlook(other)


# -- how it is written -----------------------------------------------------------------------------------------------

NASTY = '=cmd|"/C calc"!A0, \n@x;\u202e ü'


def written(session: Session, *titles: str) -> Outlook:
    found = outlook(session)
    ones = [Planned(at("2026-03-29T01:30"), PLANNED, "d-1", one, "deals", "new", "r", "send_email") for one in titles]
    return Outlook(ones, found.facts, found.now, found.until, follow=False)


def test_a_table_has_a_line_for_each_hour(session):
    table = next(iter(outlook_text(outlook(session))))
    assert not isinstance(table, str)
    assert [tuple(row)[:3] for row in table.rows] == [
        ("Tue 2026-03-03", "08:00", "1"), ("", "09:00", "1"), ("Wed 2026-03-04", "09:00", "1"),
        ("Thu 2026-03-05", "09:00", "1"),
    ]  # fmt: skip


@pytest.mark.parametrize("title", [NASTY, "=1+1", "+48 600", "-1", "@SUM(A1)", "\t=1", " =1", "plain", 'a, "b"'])
def test_csv_can_be_read_back_and_holds_no_formula(session, title):
    rows = list(csv.DictReader(io.StringIO(outlook_csv(written(session, title)))))
    assert rows[0]["at"] == "2026-03-29T01:30:00+01:00"
    assert rows[0]["title"].lstrip()[0] not in "=+-@"
    assert title.strip()[:3].strip() in rows[0]["title"]


def test_the_calendar_is_valid_and_tells_what_is_sent(session):
    from icalendar import Calendar

    text = outlook_ics(written(session, NASTY, *(f"deal {n}" for n in range(40))))
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    [event] = Calendar.from_ical(text).walk("VEVENT")
    assert event.decoded("DTSTART") == datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    assert str(event["SUMMARY"]) == "41 × r (send_email), deals"  # noqa: RUF001
    described = str(event["DESCRIPTION"]).split("\n")
    assert described[0].startswith('=cmd|"/C calc"!A0,')
    assert described[-1] == "and 11 more"


def test_what_is_sent_at_another_moment_is_another_entry_with_an_id_that_stays(session):
    from icalendar import Calendar

    ids = []
    for _ in range(2):
        events = Calendar.from_ical(outlook_ics(outlook(session))).walk("VEVENT")
        ids.append([str(one["UID"]) for one in events])
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 4


def test_json_counts_by_hour_too(session):
    data = outlook_data(outlook(session))
    assert data["hours"][0] == {"day": "2026-03-03", "hour": 8, "number": 1}
    assert data["planned"][0]["at"] == "2026-03-03T07:00:00Z"
    assert (data["follow"], data["until"]) == (False, "2026-03-16T08:00:00Z")


def test_nothing_to_send_is_a_calendar_and_a_table_too(session):
    from icalendar import Calendar

    nothing = written(session)
    assert Calendar.from_ical(outlook_ics(nothing)).walk("VEVENT") == []
    assert len(outlook_csv(nothing).splitlines()) == 1
