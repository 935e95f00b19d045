"""The channel `caldav` against a real Radicale, and against servers that answer what no good one would."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import icalendar
import pytest

from stageauto.actions._ical import Appointment
from stageauto.actions._ical import icalendar as written
from stageauto.channels.base import ChannelError, ChannelType, Delivered, Rejected, Retry, Unaskable
from stageauto.channels.caldav import CaldavChannel
from stageauto.engine.state import Delivery
from stageauto.testing import ChannelConformance, Rig
from tests.channels.radicale_server import USERS, Radicale, radicale
from tests.channels.support import NOW, Secret, Web, channel, context, delivery, free_port, listening, nothing

LOCAL = ("127.0.0.0/8",)


def event(uid: str = "k-1", sequence: int = 0, subject: str = "Measure the roof, Zażółć; 1") -> str:
    text = written(
        Appointment(
            uid,
            subject,
            NOW,
            NOW + 3_600_000,
            NOW,
            "Bring\na ladder",
            "At home",
            "anna@acme.test",
            "Anna",
            ["ewa@home.test"],
        ),
        stored=True,
    )
    return text.replace("SEQUENCE:0", f"SEQUENCE:{sequence}")


def caldav(
    url: str, user: str = "anna", root: Path = Path(), *, on_unknown: str = "resend", **options: Any
) -> CaldavChannel:
    lent = {name: options.pop(name) for name in ("timeout",) if name in options}
    said = {"url": url, "user": user, "password": Secret(USERS.get(user, "x")), **options}
    return CaldavChannel(
        channel("caldav", "calendar", on_unknown=on_unknown, **said), context(root, allow_private=LOCAL, **lent)
    )


def invite(ics: str, key: str = "k1", **message: Any) -> Delivery:
    return delivery("calendar", {"ics": ics, "to": "anna@acme.test", "subject": "x", **message}, key, "anna@acme.test")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Radicale]:
    with radicale(tmp_path_factory.mktemp("radicale")) as server:
        yield server


@pytest.fixture
def server(shared: Radicale) -> Radicale:
    """The server with an empty calendar for everybody."""
    for user in USERS:
        shared.request("DELETE", f"/{user}/work/", user=user)
        assert shared.request("MKCALENDAR", f"/{user}/work/", user=user)[0] == 201
    return shared


class CaldavRig(Rig):
    def __init__(self, server: Radicale) -> None:
        self.server = server

    def channel(self) -> ChannelType:
        return caldav(self.server.calendar("anna"))

    def delivery(self, key: str) -> Delivery:
        return invite(event(key), key)

    def arrived(self) -> list[str]:
        return [re.findall(r"(?m)^UID:(\S+)", text)[0] for text in self.server.events()]

    def broken(self) -> Delivery:
        return invite("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "k-0")


class TestConformance(ChannelConformance):
    @pytest.fixture
    def rig(self, server: Radicale) -> Rig:
        return CaldavRig(server)


def test_an_event_stands_in_the_calendar_as_it_was_meant(server: Radicale) -> None:
    outcome = caldav(server.calendar("anna")).send(invite(event()), nothing)
    assert isinstance(outcome, Delivered)
    assert outcome.answer["status"] == 201
    (kept,) = server.events()
    (found,) = icalendar.Calendar.from_ical(kept).walk("VEVENT")
    assert (str(found["UID"]), str(found["SUMMARY"])) == ("k-1", "Measure the roof, Zażółć; 1")
    assert str(found["DESCRIPTION"]) == "Bring\na ladder"
    assert found.decoded("DTSTART").timestamp() * 1000 == NOW
    assert found["ATTENDEE"].params["SCHEDULE-AGENT"] == "CLIENT"
    assert "METHOD" not in kept


def test_the_method_of_a_mail_is_taken_out(server: Radicale) -> None:
    ics = event().replace("BEGIN:VEVENT", "METHOD:REQUEST\r\nBEGIN:VEVENT", 1)
    assert isinstance(caldav(server.calendar("anna")).send(invite(ics), nothing), Delivered)
    assert "METHOD" not in server.events()[0]


def test_a_second_try_makes_no_second_event(server: Radicale) -> None:
    one = caldav(server.calendar("anna"))
    one.send(invite(event()), nothing)
    again = one.send(invite(event(subject="Another text")), nothing)
    assert isinstance(again, Delivered)
    assert again.answer["already"] is True
    (kept,) = server.events()
    assert "Another text" not in kept


def test_a_change_takes_the_place_of_what_was_there(server: Radicale) -> None:
    one = caldav(server.calendar("anna"))
    for sequence, subject in ((0, "first"), (2, "third"), (1, "second")):
        assert isinstance(one.send(invite(event(sequence=sequence, subject=subject)), nothing), Delivered)
    (kept,) = server.events()
    assert "SUMMARY:third" in kept


def test_a_change_of_what_was_never_there_makes_it(server: Radicale) -> None:
    assert isinstance(caldav(server.calendar("anna")).send(invite(event(sequence=3)), nothing), Delivered)
    assert len(server.events()) == 1


def test_what_somebody_changed_meanwhile_is_not_written_over() -> None:
    web = Web()
    there = event(sequence=1).encode()
    web.answers += [(200, {"etag": '"v1"'}, there), (412, {}, b""), (200, {"etag": '"v2"'}, there)]
    outcome = caldav(f"http://127.0.0.1:{web.port}/cal/").send(invite(event(sequence=2)), nothing)
    web.close()
    assert isinstance(outcome, Retry)
    assert [one.method for one in web.got] == ["GET", "PUT", "GET"]
    assert web.got[1].headers["if-match"] == '"v1"'


def test_it_can_be_asked_for_an_event_and_for_a_change_of_it(server: Radicale) -> None:
    one = caldav(server.calendar("anna"))
    assert one.ask(invite(event())) is None
    one.send(invite(event()), nothing)
    assert isinstance(one.ask(invite(event())), Delivered)
    assert one.ask(invite(event(sequence=1))) is None


def test_a_server_that_is_away_cannot_be_asked() -> None:
    assert isinstance(caldav(f"http://127.0.0.1:{free_port()}/x/").ask(invite(event())), Unaskable)


def test_each_user_has_a_calendar_of_their_own(server: Radicale) -> None:
    url = f"http://127.0.0.1:{server.port}/{{user}}/work/"
    assert isinstance(caldav(url, "olga").send(invite(event(), user="olga"), nothing), Delivered)
    own = caldav("", "anna")
    assert isinstance(own.send(invite(event("k-2"), user="x", calendar=server.calendar("anna")), nothing), Delivered)
    assert [len(server.events(user)) for user in ("anna", "olga")] == [1, 1]


def test_nobodys_calendar_is_undeliverable() -> None:
    for url in ("", "http://127.0.0.1:1/{user}/"):
        outcome = caldav(url).send(invite(event()), nothing)
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.undeliverable) == ("no_calendar", True)


def test_a_name_cannot_lead_out_of_its_place() -> None:
    web = Web()
    one = caldav(f"http://127.0.0.1:{web.port}/cal/{{user}}/")
    one.send(invite(event("../../x?y#z"), user="../olga/.."), nothing)
    one.send(invite(event(), user=".."), nothing)
    web.close()
    assert [request.path for request in web.got] == ["/cal/..%2Folga%2F../..%2F..%2Fx%3Fy%23z.ics"]


def test_the_login_goes_to_its_own_server_only() -> None:
    own, other = Web(), Web()
    one = caldav(f"http://127.0.0.1:{own.port}/cal/")
    one.send(invite(event()), nothing)
    one.send(invite(event(), calendar=f"http://127.0.0.1:{other.port}/cal/"), nothing)
    own.close()
    other.close()
    assert "authorization" in own.got[0].headers
    assert "authorization" not in other.got[0].headers


def test_a_wrong_password_is_tried_again_and_never_shown(server: Radicale) -> None:
    one = caldav(server.calendar("anna"), password=Secret("wr0ng-word"))
    outcome = one.send(invite(event()), nothing)
    assert isinstance(outcome, Retry)
    assert "does not let us in" in outcome.reason
    assert "wr0ng-word" not in repr(outcome) + repr(vars(one))


def test_somebody_elses_calendar_is_refused(server: Radicale) -> None:
    outcome = caldav(server.calendar("olga")).send(invite(event()), nothing)
    assert isinstance(outcome, Rejected)
    assert server.events("olga") == []


def test_a_calendar_that_is_not_there_is_final(server: Radicale) -> None:
    outcome = caldav(f"http://127.0.0.1:{server.port}/anna/nowhere/").send(invite(event()), nothing)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "no_calendar"


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [(429, {"retry-after": "7"}, 7000), (503, {}, None), (500, {}, None), (507, {}, None), (401, {}, None)],
)
def test_a_server_in_trouble_is_tried_again(status: int, headers: dict[str, str], expected: int | None) -> None:
    web = Web()
    web.answers.append((status, headers, b"not now"))
    outcome = caldav(f"http://127.0.0.1:{web.port}/cal/").send(invite(event()), nothing)
    web.close()
    assert isinstance(outcome, Retry)
    assert outcome.after == expected


@pytest.mark.parametrize(("status", "body"), [(400, b"bad"), (403, b"no"), (413, b"big"), (302, b"")])
def test_a_refusal_is_final(status: int, body: bytes) -> None:
    web = Web()
    web.answers.append((status, {}, body))
    outcome = caldav(f"http://127.0.0.1:{web.port}/cal/").send(invite(event()), nothing)
    web.close()
    assert isinstance(outcome, Rejected)


def test_an_appointment_that_is_there_under_another_name_is_there() -> None:
    web = Web()
    web.answers.append(
        (403, {}, b"<error xmlns='DAV:'><C:no-uid-conflict xmlns:C='urn:ietf:params:xml:ns:caldav'/></error>")
    )
    outcome = caldav(f"http://127.0.0.1:{web.port}/cal/").send(invite(event()), nothing)
    web.close()
    assert isinstance(outcome, Delivered)


def test_a_server_that_breaks_off_is_sent_the_event_again() -> None:
    def swallow(connection: socket.socket) -> None:
        connection.recv(100_000)

    with listening(swallow) as port:
        outcome = caldav(f"http://127.0.0.1:{port}/cal/").send(invite(event()), nothing)
    assert isinstance(outcome, Retry)
    assert outcome.sent_maybe


def test_a_private_server_must_be_allowed(server: Radicale) -> None:
    said = {"url": server.calendar("anna"), "user": "anna", "password": USERS["anna"]}
    outcome = CaldavChannel(channel("caldav", **said), context(Path())).send(invite(event()), nothing)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "forbidden_address"


@pytest.mark.parametrize(
    ("options", "word"),
    [({"url": "ftp://x/"}, "url"), ({"url": "https://a:b@dav.test/"}, "url"), ({"user": "anna"}, "password")],
)
def test_a_channel_that_can_never_write_is_told_at_once(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ChannelError, match=word):
        CaldavChannel(channel("caldav", **options), context(Path()))
