"""Invitations to a messenger: the text message, the link in it, and why there is none."""

from __future__ import annotations

import re

import pytest

from stageauto.engine.effects import End, Invited, MakeLink, NotSent, Send
from stageauto.engine.links import hash_of
from tests.actions.conftest import Bench, faults

OPTIONS = 'messenger: messenger\ntext: "{{ contact.first_name }}, write to us:"'
NUMBER = "+48 501 111 222"


def test_an_invitation_is_a_text_message_with_a_link_of_ones_own(bench: Bench) -> None:
    sent, invited, result, link = bench.plan("invite_to_messenger", OPTIONS)
    assert isinstance(sent, Send)
    found = re.fullmatch(r"Ewa, write to us: https://t\.me/acme_bot\?start=([A-Za-z0-9_-]{43})", sent.message["text"])
    assert found is not None
    assert (sent.kind, sent.channel, sent.to, sent.contact, sent.addresses) == ("sms", "sms", NUMBER, "ewa", (NUMBER,))
    assert link == MakeLink(hash_of(found[1]), "invitation", "ewa", {"channel": "messenger"})
    assert invited == Invited(NUMBER, "acme_bot")
    assert found[1] not in repr((invited, result, link))


def test_the_same_decision_makes_the_same_link(bench: Bench) -> None:
    assert bench.plan("invite_to_messenger", OPTIONS) == bench.plan("invite_to_messenger", OPTIONS)


def test_a_messenger_without_a_bot_is_told(bench: Bench) -> None:
    end = bench.one("invite_to_messenger", "messenger: chat\ntext: x")
    assert (end.outcome, end.code) == ("undeliverable", "no_bot")
    assert faults("invite_to_messenger", "messenger: mail\ntext: x") == ["channel-kind"]


def test_who_has_no_phone_is_not_invited(bench: Bench) -> None:
    bench.item.contacts = ["jan"]
    end = bench.one("invite_to_messenger", OPTIONS)
    assert isinstance(end, NotSent)
    assert end.code == "no_address"
    bench.item.contacts = []
    end = bench.one("invite_to_messenger", OPTIONS)
    assert isinstance(end, End)
    assert end.code == "no_address"


def test_text_and_link_together_fit_one_message(bench: Bench) -> None:
    bench.item.fields["note"] = "x" * 150
    effects = bench.plan("invite_to_messenger", 'messenger: messenger\ntext: "{{ item.note }}"')
    assert effects[0].code == "too_long"
    assert not any(isinstance(one, Send) for one in effects)


def test_a_text_that_never_fits_is_found_by_validate() -> None:
    assert faults("invite_to_messenger", f"messenger: messenger\ntext: {'x' * 140}") == ["text-too-long"]
    assert faults("invite_to_messenger", f"messenger: messenger\ntext: {'x' * 100}") == []


@pytest.mark.parametrize("options", ["messenger: nobody\ntext: x", "text: x\nchannel: nobody"])
def test_the_channels_are_those_of_the_workspace(options: str) -> None:
    assert faults("invite_to_messenger", options) == ["unknown-channel"]
