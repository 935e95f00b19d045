"""What the state recorded that a replay needs: what providers answered, and which ids were given to whom."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from stageauto.channels.base import Delivered, Outcome, Rejected, Retry, Uncertain
from stageauto.engine.state import DONE, FAILED, PENDING, RUNNING, UNDELIVERABLE, UNKNOWN, Delivery, Entry

if TYPE_CHECKING:
    from stageauto.store.sqlite_state import SqliteReader

_AT_ONCE = 5_000
FAR = 2**53
"""A moment (ms UTC) that never comes."""
BY_NO_TRY = frozenset({"quiet hours"})
"""Why a delivery may wait that nobody tried to send."""


class Providers:
    """The virtual provider: it answers each delivery as the real one did, a new one as it did for that rule and item.

    What was never sent to anybody is taken.
    """

    def __init__(self) -> None:
        self._tries: defaultdict[str, list[Outcome]] = defaultdict(list)
        self._of_rule: dict[tuple[str, str], str] = {}
        self._settled: set[str] = set()
        self._runs: defaultdict[str, list[str]] = defaultdict(list)
        self._failed: set[str] = set()  # runs that failed in these lines, and were not tried again yet
        self._used: dict[str, int] = {}

    def read(self, state: SqliteReader, lines: Iterable[Entry]) -> Iterable[Entry]:
        """Reads the outbox, and the tries in these lines of history while they go by."""
        deliveries: dict[str, Delivery] = {}
        for one in _all_deliveries(state):
            deliveries[one.id] = one
            self._runs[one.run].append(one.id)
            self._of_rule.setdefault((one.item, one.rule), one.id)
        for line in lines:
            self._line(line, deliveries)
            yield line
        for one in deliveries.values():
            if one.id not in self._settled:
                self._tries[one.id].append(_last_answer(one))

    def _line(self, line: Entry, deliveries: dict[str, Delivery]) -> None:
        data = line.data
        one = deliveries.get(data.get("delivery", ""))
        if line.kind == "retry" and one is not None and data["error"] not in BY_NO_TRY:
            after = data["due"] - line.at if one.slowed else None
            self._tries[one.id].append(Retry(data["error"], after=after))
        elif line.kind == "sent" and one is not None:
            self._settled.add(one.id)
            unsure = one.code == "resolved"  # somebody said so: the provider did not
            self._tries[one.id].append(Uncertain("no answer came") if unsure else Delivered(one.answer))
        elif line.kind in {"outcome", "repeated"} and data["outcome"] in {FAILED, UNDELIVERABLE}:
            self._failed.add(data["run"])
        elif line.kind == "retried" and data["run"] in self._failed:
            self._failed.remove(data["run"])
            for name in self._runs[data["run"]]:
                if name not in self._settled:
                    self._tries[name].append(Rejected("it failed", "refused"))

    def answer(self, delivery: Delivery) -> Outcome | None:
        """What became of this try; None where nothing is recorded for the rule and the item."""
        name = delivery.id if delivery.id in self._tries else self._of_rule.get((delivery.item, delivery.rule), "")
        tries = self._tries.get(name)
        if not tries:
            return None
        place = self._used.get(delivery.id, 0)
        self._used[delivery.id] = place + 1
        return tries[min(place, len(tries) - 1)]


def _all_deliveries(state: SqliteReader) -> Iterable[Delivery]:
    return state.deliveries(limit=-1)


def _last_answer(one: Delivery) -> Outcome:
    if one.state == DONE:
        return Delivered(one.answer)
    if one.state in {FAILED, UNDELIVERABLE}:
        if one.code == "retries_used_up":
            return Retry(one.error)
        return Rejected(one.error, one.code, undeliverable=one.state == UNDELIVERABLE)
    if one.state == UNKNOWN:
        return Uncertain(one.error)
    if one.state in {PENDING, RUNNING} and one.attempts <= 1:
        return Retry("it was not sent yet", until=FAR)
    return Retry(one.error or "it was not sent")


class Ids:
    """Ids as they were given: what is made again by the same event or rule gets the id it had."""

    def __init__(self) -> None:
        self._known: defaultdict[tuple[str, str, str], deque[str]] = defaultdict(deque)
        self._strangers: set[str] = set()

    def read(
        self, state: SqliteReader, lines: Iterable[Entry], entities: Mapping[str, str], since: int,
        strangers: Iterable[str] = (),
    ) -> Iterable[Entry]:  # fmt: skip
        """Reads what was made since that moment (ms UTC).

        `entities`: pipeline -> what its items' ids begin with; `strangers`: contacts that were made since.
        """
        self._strangers = set(strangers)
        for row in state.journal() if self._strangers else ():
            if row.type == "command.add" and row.at >= since and row.item:
                self._contact_of(state, row.id, row.item)
        for one in state.tasks():
            self._note(one.item, one.rule, "task", one.id, made=one.created_at >= since)
        for two in state.activities():
            self._note(two.item, two.rule, two.kind, two.id, made=two.created_at >= since)
        for line in lines:
            self._line(state, line, entities)
            yield line

    def _line(self, state: SqliteReader, line: Entry, entities: Mapping[str, str]) -> None:
        data = line.data
        if line.kind in {"document", "booking"} and line.author.startswith("rule:"):
            name = str(data.get(line.kind, ""))
            self._note(line.item, line.author.removeprefix("rule:"), line.kind, name, made=True)
        elif line.kind == "contact" and data.get("created"):
            self._made(line.item, line.author.removeprefix("rule:"), str(data["contact"]))
        elif line.kind != "created":
            return
        entity = entities.get(str(data.get("pipeline", "")), "")
        if "intake" in data:
            self._note(str(data["event"]), "", entity, line.item, made=True)
            self._contact_of(state, str(data["event"]), line.item)
        elif "rule" in data:
            item = state.item(line.item)
            parent = item.source.removeprefix("item:") if item else ""
            self._note(parent, str(data["rule"]), entity, line.item, made=True)

    def _contact_of(self, state: SqliteReader, cause: str, item_id: str) -> None:
        item = state.item(item_id)
        if item is not None and item.contacts:
            self._made(cause, "", item.contacts[0])

    def _made(self, cause: str, rule: str, contact: str) -> None:
        """A contact is made once, by what is on record first."""
        if contact in self._strangers:
            self._strangers.remove(contact)
            self._note(cause, rule, "contact", contact, made=True)

    def _note(self, cause: str, rule: str, kind: str, name: str, *, made: bool) -> None:
        if made and name:
            self._known[cause, rule, kind].append(name)

    def next(self, cause: str, rule: str, kind: str) -> str | None:
        """The next id that was given for that cause (an item or an event), rule and kind; None where there is none."""
        known = self._known.get((cause, rule, kind))
        return known.popleft() if known else None
