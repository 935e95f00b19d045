"""Who was not to be written to at a moment: for a copy of a state that is taken back to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from stageauto.engine.addresses import normal
from stageauto.engine.ports import Changes
from stageauto.engine.state import Entry, Exemption

if TYPE_CHECKING:
    from stageauto.store.sqlite_state import SqliteState

CONSENT = frozenset({"opted_out", "bounced", "excepted"})
EXCEPT, UNEXCEPT = "command.except", "command.unexcept"


def forget_consent(state: SqliteState, lines: Sequence[Entry]) -> None:
    """Customers who opted out later, or whose address turned out bad later, had not yet.

    `lines`: the history since the moment (ms UTC), those of CONSENT.
    """
    for line in lines:
        if line.kind == "opted_out":
            contact = state.contact(str(line.data["contact"]))
            if contact is not None:
                contact.opt_out = [one for one in contact.opt_out if one != line.data["channel"]]
                state.write(Changes(contacts=[contact]))
        elif line.kind == "bounced":
            _forget_bounce(state, str(line.data["address"]))


def _forget_bounce(state: SqliteState, address: str) -> None:
    for contact_id in state.find_contacts(address):
        contact = state.contact(contact_id)
        if contact is not None:
            contact.emails = [_without_bounce(one) if one["value"] == address else one for one in contact.emails]
            state.write(Changes(contacts=[contact]))


def _without_bounce(one: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in one.items() if key not in {"bounced", "because"}}


def listed_then(state: SqliteState, lines: Sequence[Entry], at: int) -> list[Exemption]:
    """What stood on the exceptions list and was taken off later, or was put there once more."""
    listed: dict[str, Exemption] = {}
    since = [(line.at, str(one), True) for line in lines if line.kind == "excepted" for one in line.data["addresses"]]
    for row in state.journal():
        if row.type not in {EXCEPT, UNEXCEPT}:
            continue
        value = str(row.data["address"]).strip()
        if row.at >= at:
            since.append((row.at, value, row.type == EXCEPT))
        elif row.type == EXCEPT:
            listed[normal(value)] = _exemption(value, row.at, row.author)
        else:
            listed.pop(normal(value), None)
    first: dict[str, bool] = {}
    for _, value, put in sorted(since, key=lambda one: one[0]):
        if not first.setdefault(normal(value), put) and normal(value) not in listed:
            listed[normal(value)] = _exemption(value, at - 1)  # who was taken off it was on it
    return list(listed.values())


def _exemption(value: str, at: int, author: str = "") -> Exemption:
    return Exemption("email" if "@" in value else "phone", value, at, author)
