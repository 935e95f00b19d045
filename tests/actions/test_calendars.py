"""Calls and meetings where a channel writes into calendars: staff there, everybody else by mail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from stageauto.engine.effects import Send
from stageauto.engine.model import Channel, Rule, Workspace
from stageauto.store.sqlite import SqliteStore
from tests.actions.conftest import Bench

MEETING = "subject: Roof\nin: 1d\nattendees: [responsible, manager, customer]"
OWN = "https://dav.acme.test/anna/work/"


@dataclass
class Calendars(Bench):
    """The workspace with a channel `calendar` of that type and options, in which Anna has a calendar of her own."""

    type: str = "caldav"
    kind: str = "calendar"
    options: Mapping[str, Any] | None = None

    def rule(self, do: str, options: str = "", more: str = "") -> tuple[Workspace, Rule]:
        workspace, rule = super().rule(do, options, more)
        calendar = Channel("calendar", self.type, self.kind, self.options or {})
        anna = replace(workspace.users["anna"], calendar_url=OWN)
        channels = {**workspace.channels, "calendar": calendar}
        return replace(workspace, channels=channels, users={**workspace.users, "anna": anna}), rule

    def sent(self) -> list[Send]:
        return [one for one in self.plan("schedule_meeting", MEETING) if isinstance(one, Send)]


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    with SqliteStore.open(":memory:", state_id="test") as made:
        yield made


def test_who_has_a_calendar_gets_it_there_and_the_others_by_mail(store: SqliteStore) -> None:
    anna, olga, ewa = Calendars(store).sent()
    assert (anna.kind, anna.channel, anna.message["calendar"], anna.message["user"]) == (
        "calendar",
        "calendar",
        OWN,
        "anna",
    )
    assert "METHOD" not in anna.message["ics"]
    assert "ORGANIZER;SCHEDULE-AGENT=CLIENT" in anna.message["ics"].replace("\r\n ", "")
    for one in (olga, ewa):
        assert (one.kind, one.channel) == ("calendar", "mail")
        assert "METHOD:REQUEST" in one.message["ics"]
        assert "SCHEDULE-AGENT" not in one.message["ics"]
    assert (ewa.contact, ewa.addresses) == ("ewa", ("ewa@home.test",))


def test_the_channels_own_address_is_for_all_of_the_staff(store: SqliteStore) -> None:
    options = {"url": "https://dav.acme.test/{user}/work/"}
    anna, olga, ewa = Calendars(store, options=options).sent()
    assert [one.channel for one in (anna, olga, ewa)] == ["calendar", "calendar", "mail"]
    assert (olga.message["calendar"], olga.message["user"]) == ("", "olga")


@pytest.mark.parametrize(("type", "kind"), [("file", "calendar"), ("smtp", "mail")])
def test_elsewhere_everybody_has_an_invitation_by_that_channel(store: SqliteStore, type: str, kind: str) -> None:
    sent = Calendars(store, type=type, kind=kind).sent()
    assert [one.channel for one in sent] == ["calendar"] * 3
    assert all("METHOD:REQUEST" in one.message["ics"] for one in sent)


def test_it_is_one_appointment_for_all(store: SqliteStore) -> None:
    uids = {
        line for one in Calendars(store).sent() for line in one.message["ics"].split("\r\n") if line.startswith("UID:")
    }
    assert len(uids) == 1


@pytest.mark.parametrize(("mail", "by"), [("smtp", "mail"), ("file", "calendar")])
def test_without_a_channel_for_calendars_invitations_go_by_mail(store: SqliteStore, mail: str, by: str) -> None:
    bench = Bench(store)
    workspace, rule = bench.rule("schedule_meeting", MEETING)
    channels = {name: one for name, one in workspace.channels.items() if name != "calendar"}
    workspace = replace(workspace, channels={**channels, "mail": Channel("mail", mail, "mail")})
    bench.rule = lambda *_: (workspace, rule)  # type: ignore[method-assign]
    sent = [one for one in bench.plan("schedule_meeting", MEETING) if isinstance(one, Send)]
    assert {(one.kind, one.channel) for one in sent} == {("calendar", by)}
    assert all("METHOD:REQUEST" in one.message["ics"] for one in sent)
