"""Forms: anybody may send one in, and it sets its own fields only."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from stageauto.report.timeline import sentence
from stageauto.runner import look
from stageauto.web.bodies import NoBodyError, clean, fields_of
from tests.web.conftest import Served

GOOD = {"name": "Ewa Lis", "email": "ewa@home.test", "subject": "Roof", "message": "Two\r\nlines"}


def test_a_form_makes_an_item_and_leads_on(served: Served) -> None:
    got = served.form("/forms/website", GOOD, Referer="https://acme.test/contact")
    assert (got.status, got.headers["location"]) == (303, "https://acme.test/thanks")
    (item,) = served.items()
    assert (item.title, item.stage) == ("Web: Roof", "new")
    row = served.journal()[0]
    assert row.data == {
        "form": "website", "name": "Ewa Lis", "email": "ewa@home.test", "subject": "Roof", "message": "Two\nlines",
        "page": "https://acme.test/contact",
    }  # fmt: skip


def test_the_history_says_what_was_filled_in(served: Served) -> None:
    """Intake may copy none of it into fields, and no other line of the item has it."""
    served.form("/forms/website", GOOD)
    with served.session() as session:
        session._as_user = "olga"
        (created, *_) = look.timeline(session, "deal-1").entries
    assert created.data["data"]["message"] == "Two\nlines"
    assert sentence(created, ZoneInfo("UTC")) == (
        "created in deals by the intake `website`: Web: Roof; "
        "form.submitted came: name=Ewa Lis, email=ewa@home.test, subject=Roof, message=Two lines, form=website"
    )


def test_fields_that_are_not_the_forms_own_are_left_out(served: Served) -> None:
    more = {"contact": "contact-1", "stage": "shipped", "id": "x", "item": "deal-1", "form": "plain", "visitor": "v-1"}
    assert served.form("/forms/website", {**GOOD, **more}).status == 303
    assert set(served.journal()[0].data) == {"form", "name", "email", "subject", "message"}
    assert served.journal()[0].data["form"] == "website"


def test_a_callback_form_asks_for_a_call(served: Served) -> None:
    got = served.form("/forms/back", {"name": "Jan", "phone": "+48 600 100 200"})
    assert got.status == 200
    assert "Thank you" in got.text
    assert [(one.type, one.data["form"]) for one in served.journal()] == [("callback.requested", "back")]


def test_json_and_multipart_are_taken_as_well(served: Served) -> None:
    assert served.ask("POST", "/forms/website", GOOD).json() == {"ok": True, "redirect": "https://acme.test/thanks"}
    parts = "".join(
        f'--xx\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in GOOD.items()
    )
    file = '--xx\r\nContent-Disposition: form-data; name="phone"; filename="a.exe"\r\n\r\nMZ\r\n--xx--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=xx"}
    assert served.ask("POST", "/forms/website", parts + file, kind).status == 303
    assert [set(one.data) - {"form"} for one in served.journal()] == [set(GOOD)] * 2


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "", "email": "ewa@home.test"}, "Name: please fill this in"),
        ({"name": "Ewa", "email": "no address"}, "E-mail: this is no e-mail address"),
        ({"name": "Ewa", "email": "ewa@home.test", "phone": "call me"}, "Phone: this is no phone number"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_written_stays(served: Served, values: dict[str, str], words: str) -> None:
    given = {**values, "subject": '"><script>alert(1)</script>'}
    got = served.form("/forms/website", given, Accept="text/html,*/*")
    assert got.status == 200  # a page for a person, and browsers complain of others
    assert served.form("/forms/website", given).status == 422
    assert words in got.text
    assert "<script>alert" not in got.text
    assert "&lt;script&gt;alert" in got.text
    refused = served.ask("POST", "/forms/website", values)
    assert (refused.status, refused.json()["ok"]) == (422, False)
    assert not served.journal()


def test_who_fills_in_the_hidden_field_is_thanked_and_forgotten(served: Served) -> None:
    assert served.form("/forms/website", {**GOOD, "leave-this-empty": "buy"}).status == 303
    assert not served.journal()


@pytest.mark.usefixtures("still")
def test_one_address_sends_ten_a_minute(served: Served) -> None:
    answers = [served.form("/forms/plain", {"email": f"a{n}@b.test"}) for n in range(14)]
    assert [one.status for one in answers] == [200] * 10 + [429] * 4
    assert int(answers[-1].headers["retry-after"]) > 0
    assert len(served.journal()) == 10


def test_scripts_of_named_sites_may_send_it(served: Served) -> None:
    ours, theirs = {"Origin": "https://acme.test"}, {"Origin": "https://evil.test"}
    asked = served.ask("OPTIONS", "/forms/website", headers=ours)
    assert (asked.status, asked.headers["access-control-allow-origin"]) == (204, "https://acme.test")
    assert served.ask("OPTIONS", "/forms/website", headers=theirs).status == 403
    assert (
        served.ask("POST", "/forms/website", GOOD, ours).headers["access-control-allow-origin"] == "https://acme.test"
    )
    assert "access-control-allow-origin" not in served.ask("POST", "/forms/website", GOOD, theirs).headers


@pytest.mark.usefixtures("still")
def test_a_script_of_a_named_site_is_told_what_became_of_its_form(served: Served) -> None:
    """`fetch(url, {method: "POST", body: new FormData(form)})` is no JSON, and no page wants to see one."""
    script = {"Origin": "https://acme.test", "Accept": "application/json, text/plain, */*"}
    sent = served.form("/forms/website", GOOD, **script)
    assert (sent.status, sent.json()["ok"]) == (200, True)
    wrong = served.form("/forms/website", {"name": "Ewa"}, **script)
    assert (wrong.status, list(wrong.json()["errors"])) == (422, ["email"])
    none = served.ask("POST", "/forms/website", "{", {**script, "Content-Type": "application/json"})
    assert (none.status, none.json()["ok"]) == (400, False)
    for _ in range(10):
        last = served.form("/forms/website", GOOD, **script)
    assert (last.status, last.json()["error"]) == (429, "too many at once; please come again in a minute")
    page = served.form("/forms/website", GOOD, Origin="https://acme.test")
    for one in (sent, wrong, none, last, page):
        assert one.headers["access-control-allow-origin"] == "https://acme.test"


def test_only_boxes_of_many_lines_give_many_lines(served: Served) -> None:
    values = {"name": "Ewa\r\nBcc: evil@home.test", "email": "ewa@home.test", "message": "a\r\nb"}
    assert served.form("/forms/website", values).status == 303
    (row,) = served.journal()
    assert (row.data["name"], row.data["message"]) == ("Ewa Bcc: evil@home.test", "a\nb")


def test_the_sites_that_may_show_the_form_may_show_its_thanks_as_well(served: Served) -> None:
    for got in (
        served.ask("GET", "/forms/framed"),
        served.form("/forms/framed", {"email": "nothing"}),
        served.form("/forms/framed", {"email": "ewa@home.test"}),
    ):
        assert "frame-ancestors https://acme.test" in got.headers["content-security-policy"]
        assert "x-frame-options" not in got.headers
    plain = served.ask("GET", "/forms/plain")
    assert "frame-ancestors 'none'" in plain.headers["content-security-policy"]
    assert plain.headers["x-frame-options"] == "DENY"


def test_the_page_has_its_fields_and_the_headers_of_a_page(served: Served) -> None:
    got = served.ask("GET", "/forms/website")
    assert got.status == 200
    for part in ('name="email" type="email"', 'name="phone" type="tel"', "<textarea", "Ask for an offer"):
        assert part in got.text
    policy = got.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' https://acme.test" in policy
    assert "unsafe" not in policy
    assert (got.headers["x-content-type-options"], got.headers["referrer-policy"]) == ("nosniff", "no-referrer")
    assert served.ask("GET", "/forms/nothing").status == 404


def test_some_fields_are_chosen_or_ticked(served: Served) -> None:
    page = served.ask("GET", "/forms/measure").text
    assert '<option value=""></option><option>Roof</option><option>Facade &amp; more</option></select>' in page
    assert '<input id="f-agreed" name="agreed" type="checkbox" value="yes" required>' in page
    good = {"email": "ewa@home.test", "interest": "Facade & more", "agreed": "yes"}
    assert served.form("/forms/measure", good).status == 200
    assert served.ask("POST", "/forms/measure", {**good, "agreed": True}).status == 200
    assert [one.data for one in served.journal()] == [{"form": "measure", **good}] * 2


def test_nothing_else_is_chosen_and_what_must_be_ticked_is(served: Served) -> None:
    given = {"email": "ewa@home.test", "interest": "<b>Castle", "agreed": "no"}
    got = served.ask("POST", "/forms/measure", given)
    assert got.json()["errors"] == {
        "interest": "Interest: choose one of the list", "agreed": "Please tick: You may keep what I wrote",
    }  # fmt: skip
    again = served.form("/forms/measure", {**given, "interest": "Roof"}, Accept="text/html").text
    assert "<option selected>Roof</option>" in again
    assert 'value="yes" required aria-invalid="true">' in again
    assert not served.journal()


def test_control_characters_and_long_values_do_not_come_in() -> None:
    assert clean("a\x00b\x1b[31mc\r\nd\x85e\ud800") == "ab[31mc\nde?"
    assert len(clean("x" * 30_000)) == 20_000


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"a=%ff", "application/x-www-form-urlencoded"), (b"\xff", "application/x-www-form-urlencoded"),
     (b"&".join(b"a=1" for _ in range(300)), "application/x-www-form-urlencoded"), (b"{", "application/json"),
     (b"[1]", "application/json"), (b'{"a": {"b": 1}}', "application/json"), (b"x", "multipart/form-data"),
     (b"x", "multipart/form-data; boundary=y"), (b"a=1", "text/plain"), (b"[" * 100_000, "application/json")],
)  # fmt: skip
def test_what_is_no_form_is_refused(body: bytes, kind: str) -> None:
    with pytest.raises(NoBodyError):
        fields_of(body, kind)
