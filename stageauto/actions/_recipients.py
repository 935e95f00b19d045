"""Who a message goes to: from the words of `to:` to addresses, and why somebody cannot be reached."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stageauto.engine.action import Context
from stageauto.engine.addresses import choose, normal
from stageauto.engine.effects import NotSent
from stageauto.engine.model import User
from stageauto.engine.options import Recipient
from stageauto.engine.state import Company, Contact

CUSTOMER = (Recipient("customer"),)
RESPONSIBLE = (Recipient("responsible"),)
MANAGER = (Recipient("manager"),)

# Narrower than RFC 5322 on purpose: no quotes, no comments, nothing that could end a header or start another address.
_MAIL = re.compile(
    r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*@(?:[^\W_](?:[\w-]*[^\W_])?\.)*[^\W_](?:[\w-]*[^\W_])?"
)
_LONGEST_MAIL, _LONGEST_LOCAL = 254, 64
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]*", re.ASCII)
_FEWEST_DIGITS, _MOST_DIGITS = 3, 15


def is_mail(text: str) -> bool:
    """True for a plain e-mail address that can stand in a header as it is."""
    return len(text) <= _LONGEST_MAIL and text.find("@") <= _LONGEST_LOCAL and _MAIL.fullmatch(text) is not None


def is_phone(text: str) -> bool:
    """True for a phone number: 3 to 15 digits with the usual signs between them (E.164 allows no more)."""
    return _PHONE.fullmatch(text) is not None and _FEWEST_DIGITS <= sum(ch.isdigit() for ch in text) <= _MOST_DIGITS


@dataclass(frozen=True, slots=True)
class Way:
    """One kind of address: its name, where contacts and users keep it, and how one looks."""

    noun: str
    kept_in: str
    staff: str
    valid: Callable[[str], bool]


MAIL = Way("e-mail", "emails", "email", is_mail)
PHONE = Way("phone number", "phones", "phone", is_phone)


@dataclass(frozen=True, slots=True)
class Reached:
    """Somebody with an address. `contact` and `addresses` are set for customers, `user` for staff."""

    to: str
    contact: str | None = None
    addresses: tuple[str, ...] = ()
    user: str | None = None


def reach(
    context: Context, recipients: Sequence[Recipient], way: Way, kind: str = "auto", pick: str = "first"
) -> list[Reached | NotSent]:
    """Each recipient's address, or why there is none, in order; the same address only once."""
    found: dict[str, Reached | NotSent] = {}
    for recipient in recipients:
        for one in _reach_one(context, recipient, way, kind, pick):
            key = normal(one.to) if isinstance(one, Reached) else f"{one.code} {one.because}"
            found.setdefault(key, one)
    return list(found.values())


def has_customer(recipients: Sequence[Recipient]) -> bool:
    """True when a customer is among them: by name, or perhaps behind an address that a template makes."""
    return any(
        one.kind == "customer" or (one.kind == "address" and not getattr(one.name, "constant", False))
        for one in recipients
    )


def who(customer: Contact | Company) -> str:
    """What people call a customer."""
    if isinstance(customer, Contact):
        return f"{customer.first_name} {customer.last_name}".strip() or customer.id
    return customer.name or customer.id


def nobody(recipients: Sequence[Recipient]) -> str:
    """The sentence for staff recipients of whom none was found."""
    words = {"responsible": "nobody is responsible for the item", "manager": "the responsible has no manager"}
    return "; ".join(dict.fromkeys(words.get(one.kind) or _nobody_named(one) for one in recipients))


def _nobody_named(recipient: Recipient) -> str:
    return (
        f"nobody has the role {recipient.name}" if recipient.kind == "role" else f"no {recipient.kind} {recipient.name}"
    )


def _reach_one(context: Context, recipient: Recipient, way: Way, kind: str, pick: str) -> Sequence[Reached | NotSent]:
    if recipient.kind == "customer":
        return [_customer(context, way, kind, pick)]
    if recipient.kind == "address":
        return [_address(context, context.words(recipient.name).strip(), way)]
    users = context.users([recipient])
    if not users:
        return [NotSent("undeliverable", "no_recipient", nobody([recipient]))]
    return [_staff(context, user, way) for user in users]


def _customer(context: Context, way: Way, kind: str, pick: str) -> Reached | NotSent:
    customer: Contact | Company | None = context.contact() or context.company()
    if customer is None:
        return NotSent("undeliverable", "no_address", f"no {way.noun}: the item has neither contact nor company")
    address = choose(getattr(customer, way.kept_in), kind, pick)
    if address is None or not address.strip():
        of_type = "" if kind == "auto" else f" of type {kind}"
        return NotSent("undeliverable", "no_address", f"no {way.noun}{of_type} for {who(customer)}", who(customer))
    address = address.strip()
    if not way.valid(address):
        return _bad(address, way)
    return Reached(address, customer.id if isinstance(customer, Contact) else None, (address,))


def _staff(context: Context, user: User, way: Way) -> Reached | NotSent:
    address = str(getattr(user, way.staff)).strip()
    if not address and way is MAIL and user.mailbox:
        address = mailbox_address(context, user.mailbox)
    if not address:
        return NotSent("undeliverable", "no_address", f"no {way.noun} for {user.name}", user.name)
    return Reached(address, user=user.id) if way.valid(address) else _bad(address, way)


def mailbox_address(context: Context, channel: str) -> str:
    """The address from which a mail channel sends, "" where it names none."""
    address = context.workspace.channel(channel).options.get("from")
    return address.strip() if isinstance(address, str) else ""


def _address(context: Context, address: str, way: Way) -> Reached | NotSent:
    if not address:
        return NotSent("undeliverable", "no_address", f"the {way.noun} in `to` is empty")
    if not way.valid(address):
        return _bad(address, way)
    form = normal(address)
    for user in context.workspace.users.values():
        if normal(str(getattr(user, way.staff))) == form:
            return Reached(address, user=user.id)
    return Reached(address, _owner(context, form, way), (address,))


def _owner(context: Context, form: str, way: Way) -> str | None:
    """The contact behind a written-out address, so that exceptions and opt-outs hold there too."""
    for contact in context.contacts():
        if any(normal(one.get("value", "")) == form for one in getattr(contact, way.kept_in)):
            return contact.id
    return next(iter(context.state.find_contacts(form)), None)


def _bad(address: str, way: Way) -> NotSent:
    shown = "".join(ch if ch.isprintable() else "?" for ch in address[:80])
    return NotSent("undeliverable", "bad_address", f"`{shown}` is no {way.noun}", shown)
