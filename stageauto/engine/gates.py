"""The gates that stand between an item and a rule, a trigger or an event: each with its word, sentence and way out.

`explain` names the first that said no; the tables of docs/explain.md are made from this.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from stageauto.engine import refusals
from stageauto.engine.state import CANCELLED, DONE, FAILED, SUPPRESSED, UNDELIVERABLE, UNKNOWN


class Gate(Enum):
    """`asks`: what is asked; `no`: the answer that keeps it, with {was} for was or will be; `way_out`: what to do."""

    IN_FILES = (
        "is it in the files",
        "it {was} gone from the files",
        "put it back, or say `renamed:` where it has a new id",
    )
    ENABLED = ("is it enabled", "it {was} disabled", "take `enabled: false` out and load the files")
    STAGE = ("has the item come into its stage", "the item {was} not in its stage", "`stageauto move` brings it there")
    ADDED_LATER = (
        "was it there already when the item came",
        "it came into the files after that",
        "for a rule: `stageauto load --catch-up RULE`",
    )
    CHAIN = (
        "are the rules it comes after finished",
        "a rule before it {was} not through",
        "look at that rule: `stageauto explain ITEM RULE`; `on_failure: continue` lets the chain go on",
    )
    DATE = ("has the field it hangs on a value", "the field it hangs on {was} empty", "fill the field: `stageauto set`")
    PAST = ("is its moment still to come", "its moment {was} past already", "`if_past: run` runs it all the same")
    HOURS = (
        "is there an open moment for it",
        "no moment that its calendar allows {was} left",
        "look at `hours`, the calendar and the date",
    )
    DUE = ("has its moment come", "it {was} not due yet", "`stageauto run-now` does not wait")
    LEFT = (
        "is the item still in the stage",
        "the item left the stage before it {was} through",
        "`on_leave: keep` keeps it pending",
    )
    STOPPED = (
        "has nobody cancelled it",
        "it {was} cancelled",
        "`stageauto move ITEM STAGE --restart` begins the stage anew",
    )
    DELETED = ("is the item there", "the item {was} deleted", "")
    HOLD = ("may the item go on", "the item {was} on hold", "`stageauto resume ITEM` lets it go on")
    LATE = (
        "is it in time",
        "it {was} late: the runner was down, or the item on hold, at its moment",
        "`if_late: run`, or `within`, allows more",
    )
    QUIET_HOURS = (
        "is it outside the customer's quiet hours",
        "it {was} the customer's quiet hours",
        "it goes when they end",
    )
    ONCE = (
        "is it the first time for the item",
        "it runs once in the item's life",
        "`once: visit` runs it at each visit",
    )
    CONDITION = ("does its `if` hold", "its condition {was} false", "change the values, or the condition")
    ADDRESS = (
        "can it be addressed",
        "there {was} no way to reach them",
        "add an address of that type, a mailbox, or choose another `to`",
    )
    OPT_OUT = ("does the customer want such messages", "the customer opted out", "only the customer can take that back")
    EXCEPTIONS = (
        "is the customer not on the exceptions list",
        "the customer {was} on the exceptions list",
        "`stageauto exceptions remove` takes an address off it",
    )
    CAP = (
        "has the customer not had too many messages that day",
        "the customer had enough messages that day",
        "raise `limits.messages_per_contact`",
    )
    VALUES = ("do its values fit", "its values did not fit", "mend the rule's `with`, or the item's values")
    LOOP_GUARD = (
        "is the item not going round in circles",
        "the loop guard stopped it",
        "break the circle, then `stageauto resume ITEM`; or raise `limits`",
    )
    WAITING = ("is its wait over", "its wait {was} not over", "it ends by time, or by an event that it waits for")
    SENDING = ("has the message gone out", "its message {was} not sent yet", "see `stageauto outbox --item ITEM`")
    PROVIDER = ("did the provider take it", "the provider did not take it", "mend the cause, then `stageauto retry`")
    SETTLED = (
        "is it known that it went out",
        "it {was} perhaps sent: nobody knows",
        "look whether it arrived, then `stageauto resolve`",
    )
    # -- triggers
    EVENT = (
        "has such an event come",
        "no such event came to the item",
        "`stageauto emit` tries it; `explain event` looks at one",
    )
    HERE = ("does it lead elsewhere", "the item stood in its stage already", "")
    BEHIND = ("does it lead forward", "it leads back, and the item {was} past its stage", "`allow_back: true` lets it")
    CLOSED = ("is the item open", "the item {was} closed (won or lost)", "`allow_back: true` opens it again")
    OLDER = (
        "is the item the customer's newest here",
        "the event went to a newer item of the customer",
        "`route: all` gives it to all open items",
    )
    WHERE = ("does `where` match", "its `where` did not match", "change `where`, or what the event carries")
    MACHINE = (
        "was it a person",
        "a machine did it, not the customer (an automatic answer, a scanner)",
        "name that key in `where` to take those",
    )
    FROM = (
        "does the item stand in one of `from`",
        "the item {was} not in one of its `from` stages",
        "add the stage to `from`",
    )
    OTHER_WON = (
        "did no other trigger win",
        "another trigger moved the item first",
        "an event moves an item once: nearest later stage first, then the order of the file",
    )
    CLOCK = (
        "did the clock move it",
        "what a schedule asked and did not move is not recorded",
        "below is what it would say now",
    )
    # -- events
    HANDLED = ("is it handled", "it waits to be handled", "`stageauto run` handles it")
    UNMATCHED = (
        "does it belong to an item",
        "it belonged to no item, and no intake took it",
        "name the item or the contact, or add an intake",
    )
    LET_IN = (
        "was it let in",
        "it concerned no item: from an address on the exceptions list, from staff, or a mail of our own",
        "see `stageauto exceptions`",
    )
    NOT_RECORDED = (
        "is it recorded",
        "what was asked is not recorded: it was pruned, or is from before that was kept",
        "keep more: `stageauto prune --before` a longer time",
    )

    def __init__(self, asks: str, no: str, way_out: str) -> None:
        self.asks = asks
        self.no = no
        self.way_out = way_out

    @property
    def word(self) -> str:
        """The gate's name in JSON and in the handbook."""
        return self.name.lower()


RULE_GATES: Final = (
    Gate.IN_FILES, Gate.ENABLED, Gate.STAGE, Gate.ADDED_LATER, Gate.CHAIN, Gate.DATE, Gate.PAST, Gate.HOURS, Gate.DUE,
    Gate.LEFT, Gate.STOPPED, Gate.DELETED, Gate.HOLD, Gate.LATE, Gate.QUIET_HOURS, Gate.ONCE, Gate.CONDITION,
    Gate.VALUES, Gate.ADDRESS, Gate.OPT_OUT, Gate.EXCEPTIONS, Gate.CAP, Gate.LOOP_GUARD, Gate.WAITING, Gate.SENDING,
    Gate.PROVIDER, Gate.SETTLED, Gate.NOT_RECORDED,
)  # fmt: skip
"""What a rule passes on its way, in order."""
TRIGGER_GATES: Final = (
    Gate.IN_FILES, Gate.ENABLED, Gate.EVENT, Gate.ADDED_LATER, Gate.HERE, Gate.BEHIND, Gate.CLOSED, Gate.OTHER_WON,
    Gate.OLDER, Gate.WHERE, Gate.MACHINE, Gate.FROM, Gate.CONDITION, Gate.LOOP_GUARD, Gate.CLOCK, Gate.NOT_RECORDED,
)  # fmt: skip
"""What a trigger passes on its way, in order."""
EVENT_GATES: Final = (Gate.HANDLED, Gate.LET_IN, Gate.UNMATCHED)
"""What an event passes on its way, in order."""

_BY_CODE: Final = MappingProxyType({
    "chain_stopped": Gate.CHAIN, "missing": Gate.DATE, "past": Gate.PAST, "too_late": Gate.HOURS,
    "no_open_time": Gate.HOURS, "left_stage": Gate.LEFT, "item_deleted": Gate.DELETED, "rule_removed": Gate.IN_FILES,
    "rule_disabled": Gate.ENABLED, "by_hand": Gate.STOPPED, "stopped": Gate.STOPPED, "late": Gate.LATE,
    "once": Gate.ONCE, "condition": Gate.CONDITION, "opted_out": Gate.OPT_OUT, "exceptions_list": Gate.EXCEPTIONS,
    "cap": Gate.CAP, "loop_guard": Gate.LOOP_GUARD, "refused": Gate.PROVIDER, "retries_used_up": Gate.PROVIDER,
})  # fmt: skip
_BY_OUTCOME: Final = MappingProxyType({
    SUPPRESSED: Gate.EXCEPTIONS, UNDELIVERABLE: Gate.ADDRESS, FAILED: Gate.VALUES, CANCELLED: Gate.STOPPED,
    UNKNOWN: Gate.SETTLED,
})  # fmt: skip
_BY_WORD: Final = MappingProxyType({
    refusals.HERE: Gate.HERE, refusals.BEHIND: Gate.BEHIND, refusals.CLOSED: Gate.CLOSED, refusals.OLDER: Gate.OLDER,
    refusals.WHERE: Gate.WHERE, refusals.MACHINE: Gate.MACHINE, refusals.FROM: Gate.FROM,
    refusals.CONDITION: Gate.CONDITION, refusals.GUARD: Gate.LOOP_GUARD,
})  # fmt: skip


def gate_of(outcome: str, code: str, *, sent: bool = False) -> Gate | None:
    """The gate that ended a run so; None where it was done. `sent`: a message was on its way when it failed."""
    if outcome == DONE:
        return None
    if outcome == FAILED and sent:
        return _BY_CODE.get(code, Gate.PROVIDER)
    return _BY_CODE.get(code) or _BY_OUTCOME.get(outcome, Gate.NOT_RECORDED)


def refusal_gate(refusal: Sequence[Any]) -> Gate:
    """The gate that a recorded refusal [trigger, word, what decided] stands for."""
    return _BY_WORD.get(refusal[1], Gate.NOT_RECORDED) if len(refusal) > 1 else Gate.NOT_RECORDED


def refusal_detail(refusal: Sequence[Any]) -> str:
    """What decided, as a sentence's end; "" where the gate says all."""
    if len(refusal) < 3:
        return ""
    word, what = refusal[1], refusal[2]
    if word == refusals.WHERE:
        return f"{what[0]} was {'missing' if what[1] is None else repr_of(what[1])}"
    if word == refusals.FROM:
        return f"it was in {what}"
    return refusals.because(what) if word == refusals.CONDITION else str(what)


def repr_of(value: Any) -> str:
    """A value of an event as YAML would have it, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


def table(gates: Sequence[Gate]) -> str:
    """The gates as a Markdown table: the word, what is asked, the answer that keeps it, what to do."""
    lines = ["| gate | asks | says no | what to do |", "| --- | --- | --- | --- |"]
    lines += [f"| `{one.word}` | {one.asks} | {one.no.format(was='was')} | {one.way_out} |" for one in gates]
    return "\n".join(lines)
