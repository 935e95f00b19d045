"""What the outbox has that somebody should look at: perhaps sent, failed, or tried in vain so far."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from stageauto.engine.state import DONE, FAILED, PENDING, UNKNOWN

if TYPE_CHECKING:
    from stageauto.engine.state import Delivery
    from stageauto.store.sqlite_state import SqliteReader

OK, WARN, BAD = "ok", "warn", "bad"
_MOST = 10_000


def said(state: SqliteReader, now: int, *, alive: bool) -> Iterator[tuple[str, str, str]]:
    """(level, text, what to do) for each; `alive`: a daemon runs that sends."""
    counts: dict[str, int] = {}
    for (_, kind), count in state.outbox_counts().items():
        counts[kind] = counts.get(kind, 0) + count
    good = True
    if counts.get(UNKNOWN):
        good = False
        text = f"{_deliveries(counts[UNKNOWN])} {_was(counts[UNKNOWN])} perhaps sent"
        yield BAD, text, "`stageauto outbox --unknown`, then `stageauto resolve ID sent|not-sent`"
    if counts.get(FAILED):
        good = False
        yield WARN, f"{_deliveries(counts[FAILED])} failed", "see `stageauto outbox --failed`"
    waiting = state.deliveries(state=PENDING, limit=_MOST)
    for channel, tried in _in_vain(waiting).items():
        good = False
        text = f"`{channel}`: {_deliveries(len(tried))} tried in vain so far: {tried[-1].error}"
        yield WARN, text, f"`stageauto channels test {channel}`; each is tried again by itself, or with `retry`"
    unsent = sum(1 for one in waiting if one.due <= now and not one.attempts)
    if unsent and not alive:
        good = False
        yield WARN, f"{_deliveries(unsent)} {_was(unsent, 'waits', 'wait')} to be sent", "start `stageauto run`"
    if good:
        yield OK, f"{counts.get(PENDING, 0):,} waiting, {counts.get(DONE, 0):,} sent", ""


def _in_vain(waiting: list[Delivery]) -> dict[str, list[Delivery]]:
    """Channel -> what it could not send yet."""
    found: dict[str, list[Delivery]] = {}
    for one in waiting:
        if one.attempts and one.error:
            found.setdefault(one.channel, []).append(one)
    return found


def _deliveries(count: int) -> str:
    return f"{count:,} {_was(count, 'delivery', 'deliveries')}"


def _was(count: int, one: str = "was", many: str = "were") -> str:
    return one if count == 1 else many
