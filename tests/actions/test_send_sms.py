"""Sending text messages: length, segments, numbers."""

from __future__ import annotations

import pytest

from stageauto.engine.effects import NotSent, Result, Send
from stageauto.engine.gsm import encoding, segments
from tests.actions.conftest import Bench, faults


def test_a_text_message_goes_to_the_first_phone_of_the_customer(bench: Bench) -> None:
    sent, result = bench.plan("send_sms", 'text: "Hello {{ contact.first_name }}"')
    number = "+48 501 111 222"
    assert sent == Send("sms", "sms", number, {"to": number, "text": "Hello Ewa"}, "ewa", (number,))
    assert result == Result({"segments": 1, "encoding": "GSM-7"})


def test_the_line_end_of_a_block_is_no_part_of_the_message(bench: Bench) -> None:
    text = "x" * 160
    sent, result = bench.plan("send_sms", f"text: |\n  {text}\n")
    assert sent.message["text"] == text
    assert result.data["segments"] == 1
    assert faults("send_sms", f"text: |\n  {'x' * 200}\n") == []
    assert faults("send_sms", f"text: |\n  {'x' * 201}\n") == ["text-too-long"]


def test_staff_is_reached_by_the_phone_in_the_workspace(bench: Bench) -> None:
    sent, missing, _ = bench.plan("send_sms", "text: x\nto: [responsible, {user: ben}]")
    assert (sent.to, sent.contact, sent.addresses) == ("+48 600 100 200", None, ())
    assert missing == NotSent("undeliverable", "no_address", "no phone number for Ben Kot", "Ben Kot")


def test_a_role_that_nobody_has_reaches_nobody(bench: Bench) -> None:
    missing, _ = bench.plan("send_sms", "text: x\nto: {role: nobody}")
    assert missing == NotSent("undeliverable", "no_recipient", "nobody has the role nobody")


@pytest.mark.parametrize("number", ["0048 (501) 111-222", "501.111.222", "112"])
def test_numbers_are_taken_as_people_write_them(bench: Bench, number: str) -> None:
    assert bench.plan("send_sms", f'text: x\nto: "{number}"')[0].to == number


@pytest.mark.parametrize("number", ["abc", "1", "+48 501 111 222 333 444 555", "+48;501111222", "501\n111222"])
def test_what_is_no_number_is_undeliverable(bench: Bench, number: str) -> None:
    bench.item.fields["phone"] = number
    assert bench.plan("send_sms", 'text: x\nto: "{{ item.phone }}"')[0].code == "bad_address"


def test_a_text_that_came_out_too_long_is_undeliverable(bench: Bench) -> None:
    bench.item.fields["note"] = "x" * 195
    end = bench.one("send_sms", 'text: "Note: {{ item.note }}"')
    assert (end.outcome, end.code) == ("undeliverable", "too_long")
    assert "201 characters" in end.because
    bench.item.fields["note"] = "x" * 194
    assert isinstance(bench.plan("send_sms", 'text: "Note: {{ item.note }}"')[0], Send)


def test_a_text_that_came_out_empty_is_undeliverable(bench: Bench) -> None:
    assert bench.one("send_sms", 'text: "{{ item.note }} "').code == "no_text"


def test_what_stands_there_for_sure_is_measured_before() -> None:
    fixed = "x" * 201
    assert faults("send_sms", f'text: "{fixed}"') == ["text-too-long"]
    assert faults("send_sms", f'text: "{fixed}"\nmax_length: 201') == []
    assert faults("send_sms", f'text: "{"x" * 190}{{{{ item.note }}}}"') == []
    assert faults("send_sms", 'text: "too long"\nmax_length: 7') == ["text-too-long"]


@pytest.mark.parametrize(
    ("text", "coded", "count"),
    [
        ("x" * 160, "GSM-7", 1),
        ("x" * 161, "GSM-7", 2),
        ("x" * 306, "GSM-7", 2),
        ("x" * 307, "GSM-7", 3),
        ("€" * 80, "GSM-7", 1),
        ("€" * 81, "GSM-7", 2),
        ("x" * 152 + "€" + "x" * 152, "GSM-7", 3),  # the sign of two places is not cut in half
        ("ą" * 70, "UCS-2", 1),
        ("ą" * 71, "UCS-2", 2),
        ("😀" * 35, "UCS-2", 1),
        ("😀" * 36, "UCS-2", 2),
        ("Ą", "UCS-2", 1),
        ("èéùìòÇ", "GSM-7", 1),
    ],
)
def test_segments_are_counted_as_networks_count_them(text: str, coded: str, count: int) -> None:
    assert (encoding(text), segments(text)) == (coded, count)
