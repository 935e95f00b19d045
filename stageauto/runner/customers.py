"""Customers, changed by hand: a new address, another language, what they want to hear no more of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from stageauto.actions._people import CHANNEL_KINDS
from stageauto.actions._recipients import MAIL, PHONE
from stageauto.engine.permissions import ITEMS_UPDATE
from stageauto.errors import UsageError
from stageauto.loader.diagnostics import suggest
from stageauto.runner.change import MANY, any_pipeline

if TYPE_CHECKING:
    from stageauto.engine.commands import By
    from stageauto.engine.draft import Draft
    from stageauto.engine.state import Contact
    from stageauto.runner.session import Session
    from stageauto.store.sqlite_state import SqliteReader

TEXTS: Final = ("first_name", "last_name", "name", "language", "timezone")
ADDRESSES: Final = {"email": MAIL, "emails": MAIL, "phone": PHONE, "phones": PHONE}
WORDS: Final = (*TEXTS, *ADDRESSES, "opt_out")
ALL: Final = frozenset(("all", "true", "*"))


def set_contact(session: Session, part: str, given: Mapping[str, Any]) -> Contact:
    """The customer with these values written. Raises UsageError, NotAllowedError.

    `part`: an id, an address, or a part of an id or a name. `email` and `phone` add an address, and one that bounced is
    tried again; `emails`, `phones` and `opt_out` take the place of what was there.
    """
    from stageauto.engine import commands

    values = {name: _value(name, value) for name, value in given.items()}
    with session.store.read() as state:
        contact_id = contact_named(state, part)

    def pipeline_of(state: SqliteReader) -> str | None:
        """Where the customer is and who acts may change items: who works there knows them."""
        items = (state.item(one) for one in reversed(state.items_of_contact(contact_id)))
        theirs = [one.pipeline for one in items if one is not None and not one.deleted]
        user, rights = session.actor(state), session.rights(state)
        allowed = (one for one in theirs if rights.may(user, ITEMS_UPDATE, one))
        return next(allowed, None) or (theirs[0] if theirs else any_pipeline(session, state))

    def deed(draft: Draft, by: By) -> Contact:
        return commands.change_contact(draft, by, contact_id, values)

    return session.decide(
        deed, permission=ITEMS_UPDATE, pipeline_of=pipeline_of, action="contact set", target=contact_id,
        noted={"changed": ", ".join(values)},
    )  # fmt: skip


def contact_named(state: SqliteReader, part: str) -> str:
    """The id of the one customer that it names. Raises UsageError."""
    if state.contact(part) is not None:
        return part
    found = list(state.find_contacts(part)) or [one.id for one in state.contacts(part)]
    if not part.strip() or not found:
        raise UsageError(f"there is no contact `{part}`", "see `stageauto contacts`")
    if len(found) > 1:
        raise UsageError(f"`{part}` may be any of {', '.join(found[:MANY])}", "write the id")
    return found[0]


def _value(name: str, value: Any) -> Any:
    if name not in WORDS:
        raise UsageError(f"a contact has no `{name}`", suggest(name, WORDS) or f"it has {', '.join(WORDS)}")
    if name == "opt_out":
        return _opt_out(value)
    if name in ADDRESSES:
        many = _many(value)
        way: Any = ADDRESSES[name]
        for one in many:
            if not way.valid(str(one.get("value")) if isinstance(one, Mapping) else str(one)):
                raise UsageError(f"`{one}` is no {way.noun}")
        if not many and name in ("email", "phone"):
            raise UsageError(f"`{name}` adds an address", f"write {name}s= to take them all away")
        return many
    text = "" if value is None else str(value).strip()
    if name == "timezone" and text:
        try:
            ZoneInfo(text)
        except (KeyError, ValueError, OSError):
            raise UsageError(f"`{text}` is no time zone", "write an IANA name such as Europe/Warsaw") from None
    return text


def _opt_out(value: Any) -> bool | list[str]:
    if isinstance(value, bool):
        return value
    many = [str(one) for one in _many(value)]
    if len(many) == 1 and many[0] in ALL:
        return True
    for one in many:
        if one not in CHANNEL_KINDS:
            hint = suggest(one, CHANNEL_KINDS) or f"there is {', '.join(CHANNEL_KINDS)}, or all"
            raise UsageError(f"nobody can opt out of `{one}`", hint)
    return many


def _many(value: Any) -> Sequence[Any]:
    """A list as JSON gives it, or a text with commas."""
    if isinstance(value, list):
        return value
    return [one.strip() for one in str(value or "").split(",") if one.strip()]
