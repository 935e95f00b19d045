"""What a try of a delivery did, written into a draft: the one place where a channel's answer becomes an outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stageauto.channels.base import DAY, Delivered, Outcome, Rejected, Retry, Uncertain
from stageauto.engine import outgoing, triggers
from stageauto.engine.draft import Draft
from stageauto.engine.state import DONE, FAILED, PENDING, RUNNING, UNDELIVERABLE, UNKNOWN, Delivery
from stageauto.loader.secret import redact
from stageauto.runner.clock import Clock
from stageauto.runner.deliver import PostOffice
from stageauto.store.sqlite_state import SqliteReader

MOST_WAITING = 10_000
"""Deliveries that wait for another try, of which those are found that a later one would overtake."""
HELD_UP = 60_000
"""Milliseconds after its decision from which an addition to an audience is held against later removals."""
SLOWED_MOST = 50
"""Tries that a provider put off with a Retry-After, after which they count all the same."""


def claim_due(draft: Draft, state: SqliteReader, office: PostOffice, now: int) -> list[Delivery]:
    """What is tried now: of each channel as much as it has room for and as the gates let through."""
    claimed = []
    for name, due in state.due_by_channel().items():
        for found in _ready(state, office, name, now) if due <= now else ():
            delivery = draft.delivery(found.id)
            if delivery is None or _overtaken(draft, state, delivery, now):
                continue
            if claim(draft, delivery, now):
                claimed.append(delivery)
    return claimed


def _ready(state: SqliteReader, office: PostOffice, name: str, now: int) -> list[Delivery]:
    """What the channel can take now, the longest due first: as many as it has room for.

    Where one thing is due for a channel that takes many at once, what waits there to go along with others comes too.
    """
    room = office.room(name)
    if room <= 0 or not office.together(name):
        return state.due_deliveries(name, now, room) if room > 0 else []
    found = state.due_deliveries(name, now + DAY, room)
    going = [one for one in found if one.due <= now or one.code == outgoing.COLLECTED]
    return going + _before_them(state, name, going, now)


def _before_them(state: SqliteReader, name: str, going: list[Delivery], now: int) -> list[Delivery]:
    """What was decided earlier about the same addresses, and waits for another try: it goes along with the later one.

    Else it would be tried after it, and put a customer back into an audience that he was taken out of meanwhile.
    """
    known = {one.id for one in going}
    latest: dict[tuple[str, str], int] = {}
    for one in going:
        for key in _subjects(one):
            latest[key] = max(latest.get(key, 0), one.decided_at)
    waiting = state.later_deliveries(name, now, MOST_WAITING) if latest else []
    return [
        one
        for one in waiting
        if one.id not in known and any(one.decided_at < latest.get(key, 0) for key in _subjects(one))
    ]


def _overtaken(draft: Draft, state: SqliteReader, delivery: Delivery, now: int) -> bool:
    """Settles an addition that was held up for so long that the customer was taken out of the audience meanwhile.

    It is done without being sent, as where both meet on their way: who was taken out stays out.
    """
    if delivery.kind != "audience" or delivery.state != PENDING or now - delivery.decided_at < HELD_UP:
        return False
    if delivery.message.get("operation") != "add":
        return False
    about = set(_subjects(delivery))
    for other in reversed(state.tried_since(delivery.channel, delivery.decided_at)):
        removal = other.decided_at > delivery.decided_at and other.message.get("operation") == "remove"
        if removal and not about.isdisjoint(_subjects(other)):
            outgoing.settle(draft, delivery, now, DONE, answer={"overtaken_by": other.id})
            triggers.settle(draft)
            return True
    return False


def _subjects(delivery: Delivery) -> list[tuple[str, str]]:
    """(audience, address) of everything that the delivery is about."""
    message = delivery.message
    addresses = [*(message.get("emails") or ()), *(message.get("phones") or ())]
    return [(str(message.get("audience") or ""), str(one).casefold()) for one in addresses]


def claim(draft: Draft, delivery: Delivery, now: int) -> bool:
    """Asks the gates and takes the delivery for a try. False when it must not go now: what became of it is written."""
    if delivery.state != PENDING:
        return False
    gate = outgoing.gate(draft, delivery, now)
    if gate.verdict == "go":
        delivery.state, delivery.tried_at, delivery.marked = RUNNING, now, False
        delivery.attempts += 1
        draft.put_delivery(delivery)
        return True
    if gate.verdict == "wait":
        delivery.held = True
        draft.put_delivery(delivery)
    elif gate.verdict == "later":
        outgoing.retry_later(draft, delivery, now, gate.at, gate.because)
    else:
        outgoing.settle(draft, delivery, now, gate.verdict, code=gate.code, because=gate.because)
        triggers.settle(draft)
    return False


def record(
    draft: Draft, delivery: Delivery, outcome: Outcome, now: int, clock: Clock, secrets: frozenset[str] = frozenset()
) -> None:
    """Writes down how a try ended, and all that follows from it at once.

    What a provider says may repeat `secrets`: they are taken out before it is kept.
    """
    if secrets:
        outcome = redacted(outcome, secrets)
    if isinstance(outcome, Delivered):
        outgoing.settle(draft, delivery, now, DONE, answer=outcome.answer)
    elif isinstance(outcome, Rejected):
        state = UNDELIVERABLE if outcome.undeliverable else FAILED
        outgoing.settle(draft, delivery, now, state, code=outcome.code or "refused", because=outcome.reason)
    elif isinstance(outcome, Uncertain):
        uncertain(draft, delivery, outcome.reason, now)
    else:
        _again(draft, delivery, outcome, now, clock)
    triggers.settle(draft)


def redacted(outcome: Outcome, secrets: frozenset[str]) -> Outcome:
    """The outcome without the secrets, in its reason as in its answer."""
    if isinstance(outcome, Delivered):
        return replace(outcome, answer={name: _without(value, secrets) for name, value in outcome.answer.items()})
    return replace(outcome, reason=redact(outcome.reason, secrets))


def _without(value: Any, secrets: frozenset[str]) -> Any:
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, Mapping):
        return {name: _without(one, secrets) for name, one in value.items()}
    return [_without(one, secrets) for one in value] if isinstance(value, list) else value


def uncertain(draft: Draft, delivery: Delivery, reason: str, now: int) -> None:
    """Perhaps it was sent: sent again where the channel says so, else held as unknown for a person to settle."""
    if draft.workspace.channel(delivery.channel).on_unknown == "resend":
        outgoing.retry_later(draft, delivery, now, now, f"{reason}; sent again, the key is the same")
    else:
        outgoing.settle(draft, delivery, now, UNKNOWN, code="maybe_sent", because=reason)


def _again(draft: Draft, delivery: Delivery, outcome: Retry, now: int, clock: Clock) -> None:
    if outcome.until is not None:
        delivery.attempts -= 1
        outgoing.collect(draft, delivery, now, outcome.until, outcome.reason)
        return
    if outcome.after is not None and delivery.slowed < SLOWED_MOST:
        delivery.attempts -= 1  # the provider said when: that try is not counted
        delivery.slowed += 1
        outgoing.retry_later(draft, delivery, now, now + outcome.after, outcome.reason)
        return
    retry = outgoing.retry_of(draft, delivery)
    if delivery.attempts >= retry.attempts:
        because = f"{outcome.reason} (after {delivery.attempts} tries)"
        outgoing.settle(draft, delivery, now, FAILED, code="retries_used_up", because=because)
        return
    pause = retry.pause(delivery.attempts)
    outgoing.retry_later(draft, delivery, now, now + pause + clock.jitter(pause), outcome.reason)
