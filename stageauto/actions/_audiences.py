"""Which of a customer's addresses an advertising audience is given."""

from __future__ import annotations

from collections.abc import Sequence

from stageauto.actions._recipients import MAIL, PHONE, Way, who
from stageauto.engine.action import Context
from stageauto.engine.addresses import normal
from stageauto.engine.effects import Effect, NotSent, Send
from stageauto.engine.state import Company, Contact

ADD, REMOVE = "add", "remove"


def change(context: Context, audience: str, operation: str, kind: str, pick: str) -> Sequence[Effect]:
    """The delivery that adds the customer to the audience or takes them out, or why there is none."""
    customer: Contact | Company | None = context.contact() or context.company()
    if customer is None:
        return [NotSent("undeliverable", "no_address", "the item has neither contact nor company")]
    emails, phones = _chosen(customer.emails, kind, pick), _chosen(customer.phones, kind, pick)
    if not emails and not phones:
        of_type = "" if kind == "auto" else f" of type {kind}"
        because = f"neither e-mail nor phone number{of_type} for {who(customer)}"
        return [NotSent("undeliverable", "no_address", because, who(customer))]
    good_emails, good_phones = _good(emails, MAIL), _good(phones, PHONE)
    found = [*good_emails, *good_phones]
    if not found:
        because = f"no address of {who(customer)} is an e-mail or a phone number"
        return [NotSent("undeliverable", "bad_address", because, who(customer))]
    message = {"audience": audience, "operation": operation, "emails": good_emails, "phones": good_phones}
    channel = str(context.workspace.audiences[audience]["channel"])
    if operation == REMOVE:
        # Whoever wants to be left alone must be able to get out, so nothing holds a removal back.
        return [Send("audience", channel, found[0], message)]
    contact = customer.id if isinstance(customer, Contact) else None
    return [Send("audience", channel, found[0], message, contact, tuple(found))]


def _chosen(addresses: Sequence[dict[str, str]], kind: str, pick: str) -> list[str]:
    """The addresses of the type, each once, in the order they were added; `pick` leaves the first or the last."""
    found = {
        normal(one["value"]): one["value"].strip()
        for one in addresses
        if one.get("value", "").strip() and kind in ("auto", one.get("type", ""))
    }
    values = list(found.values())
    return values if pick == "all" else values[:1] if pick == "first" else values[-1:]


def _good(addresses: Sequence[str], way: Way) -> list[str]:
    return [one for one in addresses if way.valid(one)]
