"""Messages on their way out: who may get them, the outbox rows, what a try did to the run (SEMANTICS 14, 21, 23)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from stageauto.engine import visits
from stageauto.engine.doing import Doing
from stageauto.engine.draft import Draft
from stageauto.engine.effects import NotSent, Send
from stageauto.engine.gsm import size_of
from stageauto.engine.incoming import bounced, plus_address, plus_token
from stageauto.engine.model import Retry
from stageauto.engine.schedule import Quiet, from_local, to_local
from stageauto.engine.state import (
    CANCELLED,
    DONE,
    FAILED,
    PENDING,
    RUNNING,
    SUPPRESSED,
    UNDELIVERABLE,
    UNKNOWN,
    ChatLine,
    Contact,
    Delivery,
    Item,
    Run,
)
from stageauto.engine.zones import zone_of

WORST = {"": -1, DONE: 0, SUPPRESSED: 1, CANCELLED: 2, UNDELIVERABLE: 3, UNKNOWN: 4, FAILED: 5}
"""A list of recipients ends with the worst of its deliveries: the higher, the worse."""
REPORTED = {"call": "call", "sms": "message_id", "whatsapp": "message_id"}
"""Kinds of deliveries of which the provider tells later what became of them, by our key, and what the token is then."""
COLLECTED = "collected"
"""The code of a delivery that waits for others to go along with."""
NO_MESSAGES = frozenset(["audience"])
"""Kinds of deliveries that reach nobody: no cap counts them."""
BY_MAIL = frozenset(["mail", "calendar"])
"""Kinds of deliveries that an address's bounces say something about."""


# -- deciding a message ----------------------------------------------------------------------------------------------


def send(doing: Doing, effect: Send | NotSent) -> None:
    """Writes one delivery to the outbox, or notes why there is none."""
    draft, item, run, now = doing.draft, doing.item, doing.run, doing.now
    if isinstance(effect, NotSent):
        note_worst(run, effect.outcome, effect.code, effect.because)
        return
    if effect.contact is not None or effect.addresses:
        capped = effect.kind not in NO_MESSAGES
        refused = suppression(draft, effect.contact, effect.kind, effect.addresses, now, capped=capped)
        if refused is not None:
            note_worst(run, SUPPRESSED, *refused)
            return
        dead = bounced(draft, item, effect.contact, effect.to) if effect.kind in BY_MAIL else None
        if dead is not None:
            note_worst(run, UNDELIVERABLE, "bounced", dead)
            return
    if effect.contact is not None and effect.kind not in NO_MESSAGES:
        draft.count_message(effect.contact, now)
    if effect.copies:
        effect = _with_copies(doing, effect)
    run.deliveries += 1
    run.open_deliveries += 1
    delivery_id = f"{run.id}:{run.deliveries}"
    draft.put_delivery(
        Delivery(
            id=delivery_id,
            item=item.id,
            run=run.id,
            rule=run.rule,
            pipeline=run.pipeline,
            do=doing.rule.do,
            channel=effect.channel,
            kind=effect.kind,
            to=effect.to,
            key=key_of(draft, delivery_id),
            message=_message(draft, item, effect),
            contact=effect.contact,
            addresses=tuple(effect.addresses),
            copies=[{"to": to, "contact": contact, "addresses": list(theirs)} for to, contact, theirs in effect.copies],
            due=now,
            decided_at=now,
            cascade=run.cascade,
        )
    )
    if effect.kind in REPORTED:  # the provider's word on how it went may come sooner than its answer
        draft.put_token(REPORTED[effect.kind], key_of(draft, delivery_id), item.id)
    draft.touch(item)


def _with_copies(doing: Doing, effect: Send) -> Send:
    """The mail with the copies that may go along; who must not get one is left out, and the mail goes all the same."""
    draft, run, now = doing.draft, doing.run, doing.now
    kept: list[tuple[str, str | None, Sequence[str]]] = []
    for to, contact, theirs in effect.copies:
        again = contact is not None and contact == effect.contact  # the mail is theirs anyway, and counted
        if _copy_refused(draft, doing.item, run, (to, contact, theirs), effect.kind, now, capped=not again):
            continue
        kept.append((to, contact, theirs))
        if contact is not None and not again:
            draft.count_message(contact, now)
    gone = {to for to, _, _ in effect.copies} - {to for to, _, _ in kept}
    addresses = [*effect.addresses, *(address for _, _, theirs in kept for address in theirs)]
    message = _without(effect.message, gone)
    return replace(effect, message=message, addresses=tuple(dict.fromkeys(addresses)), copies=kept)


def _copy_refused(  # noqa: PLR0913 - a copy, its mail, and what is asked of it
    draft: Draft,
    item: Item,
    run: Run | None,
    copy: tuple[str, str | None, Sequence[str]],
    kind: str,
    now: int,
    *,
    capped: bool,
) -> bool:
    to, contact, addresses = copy
    refused = suppression(draft, contact, kind, addresses, now, capped=capped)
    dead = bounced(draft, item, contact, to)
    if run is not None and refused is not None:
        note_worst(run, SUPPRESSED, *refused)
    elif run is not None and dead is not None:
        note_worst(run, UNDELIVERABLE, "bounced", dead)
    return refused is not None or dead is not None


def _without(message: Mapping[str, Any], gone: set[str]) -> dict[str, Any]:
    kept = {name: [one for one in message.get(name) or () if one not in gone] for name in ("cc", "bcc")}
    return {**message, **kept}


def _drop_copies(draft: Draft, item: Item, delivery: Delivery, now: int) -> None:
    """Leaves out of a mail that waited who must not get a copy of it any more; the mail goes all the same."""
    run = item.runs.get(delivery.run)
    copies = [(one["to"], one["contact"], one["addresses"]) for one in delivery.copies]
    gone = [one for one in copies if _copy_refused(draft, item, run, one, delivery.kind, now, capped=False)]
    if not gone:
        return
    names = {to for to, _, _ in gone}
    delivery.copies = [one for one in delivery.copies if one["to"] not in names]
    theirs = {address for _, _, addresses in gone for address in addresses}
    others = {address for one in delivery.copies for address in one["addresses"]}
    delivery.addresses = tuple(one for one in delivery.addresses if one not in theirs or one in others)
    delivery.message = _without(delivery.message, names)
    draft.put_delivery(delivery)
    draft.touch(item)


def _message(draft: Draft, item: Item, effect: Send) -> dict[str, Any]:
    """The message as it is frozen: answers of customers go to the item's plus address, where the mailbox has one."""
    message = dict(effect.message)
    address = plus_address(draft.workspace, effect.channel) if effect.kind == "mail" and effect.addresses else ""
    headers = message.get("headers") or {}
    if address and not any(name.lower() == "reply-to" for name in headers):
        token = plus_token(draft.link_secret(), item.id)
        draft.put_token("token", token, item.id)
        local, _, domain = address.rpartition("@")
        message["headers"] = {**headers, "Reply-To": f"{local}+{token}@{domain}"}
    return message


def key_of(draft: Draft, delivery_id: str) -> str:
    """The idempotency key: the same for every try and for a decision that is made again, unique to this state."""
    return sha256(f"{draft.state_id}/{delivery_id}".encode()).hexdigest()[:32]


def note_worst(run: Run, outcome: str, code: str, because: str) -> None:
    """Keeps the worst outcome of the run's recipients, with its reason."""
    if WORST[outcome] > WORST[run.worst]:
        run.worst, run.code, run.because = outcome, code, because


def suppression(
    draft: Draft, contact_id: str | None, kind: str, addresses: Sequence[str], now: int, *, capped: bool
) -> tuple[str, str] | None:
    """(code, sentence) when this customer must not get this message, else None."""
    kind = "mail" if kind in BY_MAIL else kind  # an invitation is a mail, too
    contact = draft.contact(contact_id) if contact_id else None
    name = contact_name(contact) if contact else contact_id or "the recipient"
    if contact and (kind in contact.opt_out or "*" in contact.opt_out):
        return "opted_out", f"{name} opted out of {kind if kind in contact.opt_out else 'all messages'}"
    listed = draft.exempt(known_addresses(contact, addresses))
    if listed is not None:
        return "exceptions_list", f"{listed} is on the exceptions list"
    cap = draft.workspace.limits.messages_per_contact
    if capped and cap is not None and contact_id is not None:
        start, end = _day_bounds(now, draft.workspace.zone)
        sent = draft.messages_between(contact_id, start, end)
        if sent >= cap:
            had = f"{sent} message" + ("" if sent == 1 else "s")
            return "cap", f"{name} has had {had} today; the cap is {cap} (limits.messages_per_contact)"
    return None


def _day_bounds(now: int, zone: ZoneInfo) -> tuple[int, int]:
    start = to_local(now, zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return from_local(start, zone), from_local(start + timedelta(days=1), zone)


def known_addresses(contact: Contact | None, addresses: Sequence[str]) -> list[str]:
    """All addresses by which the contact may be on the exceptions list."""
    own = [one["value"] for one in (*contact.emails, *contact.phones)] if contact else []
    return list(dict.fromkeys([*addresses, *own]))


def contact_name(contact: Contact) -> str:
    """What people call the contact."""
    return f"{contact.first_name} {contact.last_name}".strip() or contact.id


# -- before a try ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gate:
    """What stands before a try: `go` (nothing), `wait` (on hold), `later` (at `at`), or an outcome."""

    verdict: str
    code: str = ""
    because: str = ""
    at: int = 0


GO = Gate("go")
ITEM_GONE = Gate(CANCELLED, "item_deleted", "the item was deleted")


def gate(draft: Draft, delivery: Delivery, now: int) -> Gate:
    """Asks again, before every try, what may have changed since the decision; leaves out copies that must not go."""
    item = draft.item(delivery.item)
    gone = over(draft, delivery)
    if item is None or gone is not None:
        return gone or ITEM_GONE
    if item.on_hold:
        return Gate("wait", "on_hold", "the item is on hold")
    if delivery.copies:
        _drop_copies(draft, item, delivery, now)
    if delivery.contact is not None or delivery.addresses:
        refused = suppression(draft, delivery.contact, delivery.kind, delivery.addresses, now, capped=False)
        if refused is not None:
            return Gate(SUPPRESSED, *refused)
        dead = bounced(draft, item, delivery.contact, delivery.to) if delivery.kind in BY_MAIL else None
        if dead is not None:
            return Gate(UNDELIVERABLE, "bounced", dead)
        quiet_end = _quiet_end(draft, delivery, now)
        if quiet_end is not None:
            return Gate("later", "quiet_hours", "quiet hours", quiet_end)
    return GO


def over(draft: Draft, delivery: Delivery) -> Gate | None:
    """Why the delivery is not sent any more, whatever else: its item left the stage, say. None where it may be."""
    item = draft.item(delivery.item)
    if item is None or item.deleted:
        return ITEM_GONE
    if delivery.forward:
        return None
    run = item.runs.get(delivery.run)
    if run is None or not run.living:
        return Gate(CANCELLED, run.code if run else "left_stage", run.because if run else "left the stage")
    if run.visit != item.visit and not _outlives_its_visit(draft, delivery, run):
        return Gate(CANCELLED, "left_stage", "left the stage")
    return None


def _outlives_its_visit(draft: Draft, delivery: Delivery, run: Run) -> bool:
    """A kept rule's does; what was decided in the moment of the move goes out too, but is not tried again."""
    rule = draft.rule_of(run)
    first_try = delivery.attempts == 0 and delivery.slowed == 0
    return run.keep and (first_try or rule is None or rule.keep)


def _quiet_end(draft: Draft, delivery: Delivery, now: int) -> int | None:
    limits = draft.workspace.limits
    kind = "mail" if delivery.kind in BY_MAIL else delivery.kind
    if limits.quiet is None or kind not in limits.quiet_channels:
        return None
    contact = draft.contact(delivery.contact or "")
    zone = zone_of(contact.timezone if contact else "", draft.workspace.zone)
    quiet = Quiet(limits.quiet[0], limits.quiet[1], zone)
    if delivery.attempts == 0 and quiet.end_of(delivery.decided_at) is not None:
        return None  # decided in the quiet hours: somebody said `run-now`
    return quiet.end_of(now)


def retry_of(draft: Draft, delivery: Delivery) -> Retry:
    """The retry rule of a delivery: its rule's own, else the workspace's."""
    pipeline = draft.workspace.pipelines.get(delivery.pipeline)
    rule = pipeline.rule(delivery.rule) if pipeline else None
    return rule.retry if rule is not None and rule.retry is not None else draft.workspace.limits.retry


# -- after a try -----------------------------------------------------------------------------------------------------


def retry_later(draft: Draft, delivery: Delivery, now: int, at: int, error: str) -> None:
    """Puts a delivery back for another try; its run shows as pending until then."""
    delivery.state, delivery.due, delivery.error, delivery.marked = PENDING, at, error, False
    draft.put_delivery(delivery)
    item, run = _run(draft, delivery)
    if item is not None and run is not None and run.living:
        _show_next_try(draft, run)
        draft.touch(item)
        data = {"rule": run.rule, "run": run.id, "delivery": delivery.id, "error": error, "due": at}
        draft.record(now, "retry", item.id, f"rule:{run.rule}", data)


def collect(draft: Draft, delivery: Delivery, now: int, at: int, reason: str) -> None:
    """Puts a delivery back to wait for others that it goes along with; the history says so once."""
    known = delivery.code == COLLECTED
    delivery.state, delivery.due, delivery.error, delivery.code = PENDING, at, reason, COLLECTED
    delivery.marked = False
    draft.put_delivery(delivery)
    item, run = _run(draft, delivery)
    if item is not None and run is not None and run.living:
        _show_next_try(draft, run)
        draft.touch(item)
        if not known:
            data = {"rule": run.rule, "run": run.id, "delivery": delivery.id, "error": reason, "due": at}
            draft.record(now, "retry", item.id, f"rule:{run.rule}", data)


def try_now(draft: Draft, item: Item, run: Run, now: int) -> bool:
    """Lets the run's deliveries that wait for a try, or for a look, go now; False where none does."""
    waiting = [one for one in draft.deliveries_of_run(run.id) if one.state == PENDING]
    for delivery in waiting:
        delivery.due, delivery.held = now, False
        draft.put_delivery(delivery)
    if waiting:
        _show_next_try(draft, run)
        draft.touch(item)
    return bool(waiting)


def _show_next_try(draft: Draft, run: Run) -> None:
    """A run is pending while a delivery of its waits for another try, and due with the first of them."""
    tries = [one.due for one in draft.deliveries_of_run(run.id) if one.state == PENDING]
    run.state, run.due = (PENDING, min(tries)) if tries else (RUNNING, None)


def settle(  # noqa: PLR0913 - an outcome has that many parts, all by name
    draft: Draft,
    delivery: Delivery,
    now: int,
    outcome: str,
    *,
    code: str = "",
    because: str = "",
    answer: Mapping[str, Any] | None = None,
) -> None:
    """Records how a delivery ended; the run ends with the last of its deliveries."""
    delivery.state, delivery.code, delivery.error = outcome, code, because
    delivery.marked = False
    if outcome == DONE:
        delivery.sent_at = now
        delivery.answer = dict(answer or {})
        _sent(draft, delivery, now)
    draft.put_delivery(delivery)
    item, run = _run(draft, delivery)
    if item is None or run is None or not run.living:
        return
    note_worst(run, outcome, code, because)
    if answer:
        run.result.update({name: value for name, value in answer.items() if name != "message_id"})
    run.open_deliveries -= 1
    run.due = None
    if run.open_deliveries > 0:
        _show_next_try(draft, run)
        draft.touch(item)
        return
    run.open_deliveries = 0
    visits.finish(draft, item, run, draft.rule_of(run), now, run.worst, run.code, run.because)


def _sent(draft: Draft, delivery: Delivery, now: int) -> None:
    item = draft.item(delivery.item)
    if item is None:
        return
    data = {"delivery": delivery.id, "rule": delivery.rule, "channel": delivery.channel, "to": delivery.to}
    if delivery.message.get("subject"):
        data["subject"] = delivery.message["subject"]
    data |= size_of(delivery.kind, delivery.message)
    author = f"rule:{delivery.rule}" if delivery.rule else str(delivery.message.get("author") or "stageauto")
    draft.record(now, "sent", item.id, author, data)
    if delivery.kind == "chat":
        text = str(delivery.message.get("text") or "")
        draft.put_chat_line(ChatLine(delivery.to, now, author, text, delivery.channel))
    message_id = str(delivery.answer.get("message_id") or "")
    if message_id:
        draft.put_token("message_id", message_id, item.id)
    call = str(delivery.answer.get("call") or "")
    if call:  # its result comes later, by the provider's id
        draft.put_token("call", call, item.id)
    if delivery.kind == "mail" and delivery.contact is not None and not item.deleted:
        visits.emit(draft, item, "email.sent", data, now, delivery.cascade)


def _run(draft: Draft, delivery: Delivery) -> tuple[Item | None, Run | None]:
    item = draft.item(delivery.item)
    return item, item.runs.get(delivery.run) if item is not None and not delivery.forward else None
