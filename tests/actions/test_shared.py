"""What several kinds share: addresses, iCalendar text, the text of HTML, JSON."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stageauto.actions._html_text import html_to_text
from stageauto.actions._ical import Appointment, icalendar
from stageauto.actions._recipients import is_mail, is_phone
from stageauto.actions._values import as_json, one_line
from tests.actions.conftest import NOW


@pytest.mark.parametrize(
    "address",
    ["a@b.test", "a.b+c_d@sub.b-c.test", "o'neil@b.test", "zażółć@żółw.test", "anna@localhost", "x" * 64 + "@b.test"],
)
def test_plain_addresses_are_taken(address: str) -> None:
    assert is_mail(address)


@pytest.mark.parametrize(
    "address",
    ["", "@", "a@", "@b", "a b@c.test", "a@b.test ", ".a@b.test", "a.@b.test", "a@b_c.test.", "a@b-.test", "a@b\n.test",
     "a,b@c.test", "a;b@c.test", "a:b@c.test", "(a)@b.test", "a@[127.0.0.1]", "x" * 65 + "@b.test", "a\u2028@b.test"],
)  # fmt: skip
def test_whatever_else_is_refused(address: str) -> None:
    assert not is_mail(address)


@given(st.text(max_size=300))
def test_no_address_holds_what_could_end_a_header(text: str) -> None:
    if is_mail(text):
        assert text.isprintable()
        assert not set(text) & set(' ,;:<>()[]"\\')


def test_long_nonsense_is_refused_at_once() -> None:
    assert not is_mail("a@" + "a-" * 120 + "!")
    assert not is_mail("a." * 120 + "!")


def test_phones_have_between_three_and_fifteen_digits() -> None:
    assert [is_phone(one) for one in ("112", "+48 (22) 100-20.30", "11", "1" * 15, "1" * 16, "++48 22", "٣٣٣")] == [
        True, True, False, True, False, False, False,
    ]  # fmt: skip


def _unfolded(text: str) -> list[str]:
    return text.replace("\r\n ", "").split("\r\n")


def test_lines_of_a_calendar_are_folded_between_characters() -> None:
    subject = "Zażółć gęślą jaźń " * 12
    text = icalendar(Appointment("u@x", subject, NOW, NOW + 60_000, NOW))
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert f"SUMMARY:{subject}" in _unfolded(text)
    assert text.endswith("END:VCALENDAR\r\n")
    assert "\n" not in text.replace("\r\n", "")


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=30))
def test_no_text_adds_a_line_to_a_calendar(subject: str, description: str, name: str) -> None:
    empty = icalendar(Appointment("u@x", "s", NOW, NOW, NOW, "d", "p", "o@x.test", "n", ["a@x.test"]))
    full = icalendar(
        Appointment("u@x", subject, NOW, NOW, NOW, description or "d", "p", "o@x.test", name, ["a@x.test"])
    )
    names = [line.split(":")[0].split(";")[0] for line in _unfolded(empty)]
    assert [line.split(":")[0].split(";")[0] for line in _unfolded(full)] == names


def test_line_ends_of_a_description_are_kept() -> None:
    text = icalendar(Appointment("u@x", "s", NOW, NOW, NOW, "one\r\ntwo\\three"))
    assert "DESCRIPTION:one\\ntwo\\\\three\r\n" in text


def test_an_invitation_is_a_request_and_a_note_is_published() -> None:
    assert "METHOD:PUBLISH\r\n" in icalendar(Appointment("u@x", "s", NOW, NOW, NOW))
    asked = icalendar(Appointment("u@x", "s", NOW, NOW, NOW, organizer="o@x.test", attendees=["a@x.test"]))
    assert "METHOD:REQUEST\r\n" in asked
    assert "ORGANIZER:mailto:o@x.test\r\n" in asked
    assert "ATTENDEE;ROLE=REQ-PARTICIPANT;RSVP=TRUE:mailto:a@x.test\r\n" in asked


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("plain", "plain\n"),
        ("<p>one</p><p>two</p>", "one\n\ntwo\n"),
        ("one<br>two<br/>three", "one\ntwo\nthree\n"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b\n"),
        ("<a href='https://x.test'>here</a>", "here (https://x.test)\n"),
        ("<a href='https://x.test'>https://x.test</a>", "https://x.test\n"),
        ("<a href='mailto:a@x.test'>a@x.test</a>", "a@x.test\n"),
        ("<a href='https://x.test'></a>", "https://x.test\n"),
        ("<style>p {}</style><script>x()</script><p>a &amp; b</p>", "a & b\n"),
        ("<title>t</title><p>  many \n  spaces </p>", "many spaces\n"),
        ("<img src=x alt='a roof'>", "a roof\n"),
        ("<tr><td>a</td><td>b</td></tr>", "a b\n"),
        ("<p>never closed <b>ever", "never closed ever\n"),
    ],
)
def test_html_is_told_in_plain_text(html: str, text: str) -> None:
    assert html_to_text(html) == text


@given(st.text(alphabet="<>/ap&;\"'=! -", max_size=60))
def test_no_html_is_too_broken_to_be_told(html: str) -> None:
    assert isinstance(html_to_text(html), str)


def test_moments_become_iso_text_and_groups_are_kept() -> None:
    moment = datetime(2026, 3, 2, 9, tzinfo=UTC)
    value = {"a": (1, 2.5, True, None), "b": date(2026, 3, 2), 3: moment}
    assert as_json(value) == {"a": [1, 2.5, True, None], "b": "2026-03-02", "3": "2026-03-02T09:00:00+00:00"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_has_no_json_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        as_json({"a": [value]})


def test_what_is_nested_without_end_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="nested"):
        as_json(endless)


def test_one_line_has_no_controls() -> None:
    assert one_line(" a\r\n b\tc\x00\x1b[31m \u2028 d ") == "a b c [31m d"
