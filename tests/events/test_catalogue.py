"""Every event of the catalogue is there, and its example loads."""

from __future__ import annotations

import textwrap

import pytest

from stageauto import registry
from tests.actions.conftest import load_with

KINDS = registry.events()

CATALOGUE = {
    "email.received": ("channel", "from"),
    "email.bounced": ("rule", "permanent"),
    "email.sent": ("channel",),
    "email.opened": ("rule",),
    "email.unsubscribed": ("rule",),
    "email.link_clicked": ("link",),
    "call.received": ("channel", "number"),
    "call.missed": ("channel", "number"),
    "call.finished": ("channel", "number"),
    "sms.received": ("channel",),
    "message.delivered": ("channel", "rule"),
    "message.failed": ("channel", "rule"),
    "form.submitted": ("form",),
    "callback.requested": ("form",),
    "webhook.received": ("hook",),
    "site.visited": ("page",),
    "site.returned": ("page",),
    "chat.started": ("channel",),
    "chat.message": ("channel",),
    "resource.booked": ("resource",),
    "resource.cancelled": ("resource",),
    "document.created": ("template",),
    "document.opened": ("template",),
    "document.signed_by_sender": ("template",),
    "document.signed_by_recipient": ("template",),
    "document.signed_by_all": ("template",),
    "invoice.paid": (),
    "field.changed": ("field", "to"),
    "responsible.changed": ("to",),
    "stage.entered": ("pipeline", "stage"),
    "item.created": ("pipeline", "stage"),
    "item.linked": ("pipeline", "stage"),
    "task.completed": (),
    "task.overdue": (),
    "activity.completed": (),
    "qr.scanned": (),
    "schedule": ("cron",),
    "app.*": (),
}

CUSTOMERS = {
    "email.received", "email.opened", "email.link_clicked", "email.unsubscribed", "call.received", "call.missed",
    "call.finished", "sms.received", "form.submitted", "callback.requested", "site.visited", "site.returned",
    "chat.started", "chat.message", "document.opened", "document.signed_by_recipient", "qr.scanned",
}  # fmt: skip


def test_the_events_are_those_of_the_catalogue() -> None:
    assert set(KINDS) == set(CATALOGUE)


@pytest.mark.parametrize("name", CATALOGUE)
def test_where_may_ask_what_the_catalogue_says(name: str) -> None:
    assert set(CATALOGUE[name]) <= set(KINDS[name].where)


def test_only_what_the_customer_caused_ends_waits() -> None:
    assert {name for name, kind in KINDS.items() if kind.customer} == CUSTOMERS


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_example_of_an_event_loads_without_a_diagnostic(name: str) -> None:
    example = textwrap.dedent(KINDS[name].example)
    assert f"event: {name.removesuffix('*')}" in example
    loaded = load_with(trigger=example)
    assert loaded.diagnostics == ()
    assert loaded.workspace is not None
    triggers = loaded.workspace.pipelines["deals"].stages[1].triggers
    assert [one.event for one in triggers] == [name] or triggers[0].event.startswith("app.")


@pytest.mark.parametrize("name", CATALOGUE)
def test_an_event_says_what_it_is_and_what_it_carries(name: str) -> None:
    kind = KINDS[name]
    assert kind.help.endswith(".")
    assert kind.group
    assert all(kind.data.values())
    carried = {*kind.data, "contact"}
    assert set(kind.where) <= carried or kind.open_data
    assert set(kind.contact_keys) <= carried or kind.open_data
    hidden = {"token", "in_reply_to", "references", "message_id", "document", "booking", "call"}
    assert set(kind.token_keys) <= hidden


def test_only_forms_hooks_and_third_parties_carry_whatever_they_like() -> None:
    opened = {name for name, kind in KINDS.items() if kind.open_data}
    assert opened == {"form.submitted", "callback.requested", "webhook.received", "app.*"}
