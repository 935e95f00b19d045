"""Links of mails: opened, clicked, unsubscribed; only to where the mail led."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from stageauto.engine.links import make_token
from stageauto.runner.change import move
from stageauto.web import machines
from tests.web.conftest import Served

SCANNER = {"User-Agent": "Barracuda Sentinel (EE)"}


@pytest.fixture(autouse=True)
def _nobody_is_too_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test follows a link sooner than people do."""
    monkeypatch.setattr(machines, "SOON", 0)


def mail_of(root: Path) -> EmailMessage | None:
    found = sorted((root / ".stageauto" / "outbox").rglob("*.eml"))
    return message_from_bytes(found[0].read_bytes(), policy=policy.default) if found else None


def offered(served: Served) -> tuple[str, EmailMessage]:
    """An item whose customer got the mail, and the mail."""
    item = served.add()
    with served.session() as session:
        session._as_user = "olga"  # as `--as olga`
        move(session, item.id, "offered")
    return item.id, served.until(lambda: mail_of(served.root))


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    return str(found.get_content())


def link_in(text: str, path: str) -> str:
    found = re.search(rf"http://127\.0\.0\.1:\d+(/{path}/[A-Za-z0-9_-]{{43}}(?:\.gif)?)", text)
    assert found is not None, text
    return found[1]


def test_a_click_is_an_event_and_leads_where_the_mail_led(served: Served) -> None:
    item, mail = offered(served)
    got = served.ask("GET", link_in(part(mail, "html"), "l"))
    assert (got.status, got.headers["location"]) == (302, "https://acme.test/prices?a=1&b=2")
    assert served.item(item).stage == "clicked"
    assert served.journal()[-1].data == {
        "rule": "offer-mail", "email": "ewa@home.test", "link": "https://acme.test/prices?a=1&b=2",
    }  # fmt: skip
    in_text = served.ask("GET", link_in(part(mail, "plain"), "l"))
    assert in_text.headers["location"] == "https://acme.test/prices"


def test_a_link_leads_nowhere_else_whatever_is_asked_for(served: Served) -> None:
    _, mail = offered(served)
    path = link_in(part(mail, "html"), "l")
    for more in ("?url=https://evil.test", "?next=//evil.test", "?https://evil.test"):
        assert served.ask("GET", path + more).headers["location"] == "https://acme.test/prices?a=1&b=2"
    for bad in (path + "/https://evil.test", path + "//evil.test", path[:-1], path + "x", "/l/" + make_token("x", "y")):
        got = served.ask("GET", bad)
        assert (got.status, "location" in got.headers) == (404, False)


def test_a_pixel_says_that_the_mail_was_opened(served: Served) -> None:
    item, mail = offered(served)
    path = link_in(part(mail, "html"), "o")
    first = served.ask("GET", path)
    assert (first.status, first.headers["content-type"], first.body[:6]) == (200, "image/gif", b"GIF89a")
    assert served.item(item).stage == "opened"
    unknown = served.ask("GET", "/o/" + make_token("x", "y") + ".gif")
    assert (unknown.status, unknown.body) == (200, first.body)


def test_what_looks_like_a_scanner_is_counted_and_moves_nothing(served: Served) -> None:
    item, mail = offered(served)
    paths = [link_in(part(mail, "html"), "o"), link_in(part(mail, "html"), "l")]
    for path in paths:
        served.ask("GET", path, headers=SCANNER)
    assert served.item(item).stage == "offered"
    assert [one.data["likely_machine"] for one in served.journal()] == [True, True]
    served.ask("GET", paths[0])
    assert served.item(item).stage == "opened"


@pytest.mark.parametrize("agent", ["", "curl/8.1", "python-requests/2.32", "Mozilla/5.0"])
def test_a_tool_is_a_scanner_but_on_this_machine_somebody_who_tries_it(served: Served, agent: str) -> None:
    item, mail = offered(served)
    path = link_in(part(mail, "html"), "l")
    served.ask("GET", path, headers={"User-Agent": agent, "X-Forwarded-For": "203.0.113.9"})
    assert served.item(item).stage == "offered"
    served.ask("GET", path, headers={"User-Agent": agent})
    assert served.item(item).stage == "clicked"


def test_nobody_reads_a_mail_as_soon_as_it_is_written(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "SOON", 1_000_000)
    item, mail = offered(served)
    path = link_in(part(mail, "html"), "l")
    served.ask("GET", path, headers={"X-Forwarded-For": "203.0.113.9"})
    assert served.item(item).stage == "offered"
    served.ask("GET", path)
    assert served.item(item).stage == "clicked"


def test_only_looking_at_the_unsubscribe_page_unsubscribes_nobody(served: Served) -> None:
    _, mail = offered(served)
    path = link_in(str(mail["List-Unsubscribe"]), "u")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "mailto:sales@acme.test" in str(mail["List-Unsubscribe"])
    for method in ("GET", "HEAD"):
        assert served.ask(method, path, headers=SCANNER).status == 200
    assert "ewa@home.test" in served.ask("GET", path).text
    with served.read() as state:
        assert [one.opt_out for one in state.contacts()] == [[]]


def test_one_click_opts_the_customer_out_of_mail(served: Served) -> None:
    item, mail = offered(served)
    path = urlsplit(link_in(str(mail["List-Unsubscribe"]), "u")).path
    for _ in range(2):
        got = served.form(path, {"List-Unsubscribe": "One-Click"})
        assert got.status == 200
    with served.read() as state:
        assert [one.opt_out for one in state.contacts()] == [["mail"]]
    events = [one for one in served.journal() if one.type == "email.unsubscribed"]
    assert [one.data["one_click"] for one in events] == [True]
    assert [one.data for one in served.timeline(item) if one.kind == "opted_out"] == [
        {"contact": events[0].data["contact"], "channel": "mail"}
    ]
    assert "no more mail" in served.ask("GET", path).text


def test_one_click_may_come_as_either_kind_of_form(served: Served) -> None:
    """RFC 8058, 3.1."""
    _, mail = offered(served)
    path = urlsplit(link_in(str(mail["List-Unsubscribe"]), "u")).path
    body = '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
    assert served.ask("POST", path, body, {"Content-Type": "multipart/form-data; boundary=x"}).status == 200
    assert [one.data.get("one_click") for one in served.journal()] == [True]


def test_who_wants_to_leave_leaves_whatever_comes_along(served: Served) -> None:
    _, mail = offered(served)
    path = urlsplit(link_in(str(mail["List-Unsubscribe"]), "u")).path
    assert served.ask("POST", path, b"\xff", {"Content-Type": "text/odd"}).status == 200
    with served.read() as state:
        assert [one.opt_out for one in state.contacts()] == [["mail"]]


def test_a_customer_who_was_subscribed_again_can_leave_again(served: Served) -> None:
    _, mail = offered(served)
    path = link_in(str(mail["List-Unsubscribe"]), "u")
    served.form(path, {})
    with served.session() as session, session.store.transaction() as state:
        from stageauto.engine.ports import Changes

        (contact,) = state.contacts()
        contact.opt_out = []
        state.write(Changes(contacts=[contact]))
    served.form(path, {})
    with served.read() as state:
        assert [one.opt_out for one in state.contacts()] == [["mail"]]


def test_the_token_of_one_kind_of_link_opens_no_other(served: Served) -> None:
    _, mail = offered(served)
    token = link_in(part(mail, "html"), "l").removeprefix("/l/")
    assert served.ask("POST", f"/u/{token}", "").status == 404
    served.ask("GET", f"/o/{token}.gif")
    assert not served.journal()
