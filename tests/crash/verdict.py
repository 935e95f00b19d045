"""What went wrong in a round, found with plain SQLite and JSON: nothing here is shared with stageauto."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.plan import CHAIN, RULES
from tests.crash.servers import Got

OVER = {"done", "failed", "unknown", "suppressed", "undeliverable", "cancelled"}
LIVING = {"pending", "waiting", "running"}
ONCE = {"mail", "sure"}
"""The servers of channels that hold what is unknown: they may not see a key twice."""


@dataclass
class State:
    """What the file says."""

    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    entries: list[tuple[int, str, str, dict[str, Any]]] = field(default_factory=list)  # seq, item, kind, data
    events: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)  # id, outcome, doc
    outbox: list[dict[str, Any]] = field(default_factory=list)
    tasks: Counter[str] = field(default_factory=Counter)
    codes: set[str] = field(default_factory=set)
    comments: Counter[str] = field(default_factory=Counter)
    excluded: dict[str, int] = field(default_factory=dict)


def look(path: Path) -> State:
    """Reads the whole state."""
    found = State()
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        names = dict(connection.execute("SELECT id, key FROM items"))
        for key, stage, deleted, doc in connection.execute("SELECT key, stage, deleted, doc FROM items"):
            found.items[key] = {"stage": stage, "deleted": deleted, "doc": json.loads(doc)}
        for seq, item, kind, data in connection.execute("SELECT seq, item, kind, data FROM lines ORDER BY seq"):
            found.entries.append((seq, names.get(item, ""), kind, json.loads(data)))
        for key, outcome, doc in connection.execute("SELECT key, outcome, doc FROM events"):
            found.events.append((key, outcome, json.loads(doc)))
        for key, item, run, channel, state, doc in connection.execute(
            "SELECT key, item, run, channel, state, doc FROM outbox"
        ):
            found.outbox.append(
                {"id": key, "item": item, "run": run, "channel": channel, "state": state, **json.loads(doc)}
            )
        found.tasks.update(row[0] for row in connection.execute("SELECT item FROM tasks"))
        found.codes = {row[0] for row in connection.execute("SELECT code FROM codes")}
        found.comments.update(row[0] for row in connection.execute("SELECT item FROM posts"))
        found.excluded = dict(connection.execute("SELECT written, added_at FROM exemptions"))
    finally:
        connection.close()
    return found


def open_work(path: Path) -> int:
    """How many deliveries are not over and runs have a moment that is still to come."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return int(
            connection.execute(
                "SELECT (SELECT count(*) FROM outbox WHERE state IN ('pending', 'running'))"
                " + (SELECT count(*) FROM items WHERE next_due IS NOT NULL)"
                " + (SELECT count(*) FROM events WHERE outcome = 'queued')"
            ).fetchone()[0]
        )
    finally:
        connection.close()


def faults(path: Path, acknowledged: list[dict[str, Any]], got: list[Got]) -> list[str]:
    """Every promise that was broken, in words; none is what is hoped for."""
    state = look(path)
    return [
        *_events(state, acknowledged),
        *_items(state),
        *_outcomes(state),
        *_inner(state),
        *_deliveries(state, got),
        *_order(state, got),
    ]


def _events(state: State, acknowledged: list[dict[str, Any]]) -> Iterator[str]:
    known = {key: outcome for key, outcome, _ in state.events}
    for said in acknowledged:
        if said["what"] == "event" and said["id"] not in known:
            yield f"the event {said['id']} was accepted and is lost"
        if said["what"] == "added" and said["item"] not in state.items:
            yield f"the item {said['item']} was added and is lost"
        if said["what"] == "excluded" and said["address"] not in state.excluded:
            yield f"the exception {said['address']} was added and is lost"
    yield from (f"the event {key} was never handled" for key, outcome in known.items() if outcome == "queued")
    titles = Counter(one["doc"]["title"] for one in state.items.values())
    yield from (f"there are {count} items {title}" for title, count in titles.items() if count > 1)


def _items(state: State) -> Iterator[str]:
    entered: dict[str, list[dict[str, Any]]] = defaultdict(list)
    moved: Counter[str] = Counter()
    by_hand: Counter[str] = Counter()
    for _, item, kind, data in state.entries:
        if kind in {"entered", "created"} and "to" in data:
            entered[item].append(data)
    for _, outcome, doc in state.events:
        if doc["type"] == "app.swap" and outcome == "moved":
            moved[doc["item"]] += 1
        if doc["type"] == "command.move":
            by_hand[doc["item"]] += 1
    for key, one in state.items.items():
        fields = one["doc"].get("fields", {})
        visits = entered[key]
        if not visits or visits[-1]["to"] != one["stage"]:
            yield f"{key} is in {one['stage']}, its history ends in {visits[-1]['to'] if visits else 'nothing'}"
        if fields.get("swaps", 0) != moved[key]:
            yield f"{key} was moved by {moved[key]} events and counted {fields.get('swaps', 0)}"
        if len(visits) != 1 + moved[key] + by_hand[key]:
            yield f"{key} has {len(visits)} visits for {moved[key]} events and {by_hand[key]} moves by hand"
        if [data["visit"] for data in visits] != list(range(1, len(visits) + 1)):
            yield f"{key} has the visits {[data['visit'] for data in visits]}"
        if fields.get("visits", 0) != len(visits):
            yield f"{key} counted {fields.get('visits', 0)} of {len(visits)} visits"


def _step(rule: str) -> str:
    """The rule without the stage that its id begins with."""
    return rule.partition("-")[2]


def _runs(one: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(step, state, what it waits for) of the runs of the item's present visit."""
    for run in one["doc"].get("runs", ()):
        if "elsewhere" not in run:
            yield _step(run["r"]), run.get("s", "pending"), run.get("waiting_for", "")


def _outcomes(state: State) -> Iterator[str]:
    outcomes = [data for _, _, kind, data in state.entries if kind == "outcome"]
    ended = Counter(data["run"] for data in outcomes if data["outcome"] != "unknown")
    yield from (f"the run {run} ended {count} times" for run, count in ended.items() if count > 1)
    for key, one in state.items.items():
        runs = list(_runs(one))
        unknown = {rule for rule, now, _ in runs if now == "unknown"}
        held = _behind(unknown)
        for rule, now, waits in runs:
            if now in LIVING and rule not in held:
                yield f"the run {rule} of {key} is left {now} {waits}".rstrip()
        missing = set(RULES) - {rule for rule, _, _ in runs}
        if missing:
            yield f"{key} has no run of {', '.join(sorted(missing))} in its last visit"


def _behind(unknown: set[str]) -> set[str]:
    """What waits for somebody to settle one of these."""
    return {rule for place, rule in enumerate(CHAIN) if unknown & set(CHAIN[:place])}


def _inner(state: State) -> Iterator[str]:
    done: Counter[tuple[str, str]] = Counter()
    for _, item, kind, data in state.entries:
        if kind == "outcome" and data["outcome"] == "done":
            done[item, _step(data["rule"])] += 1
    if len(state.codes) != sum(count for (_, rule), count in done.items() if rule == "code"):
        yield f"{len(state.codes)} codes were made, {sum(n for (_, r), n in done.items() if r == 'code')} are told of"
    commented = Counter(item for _, item, kind, _ in state.entries if kind == "comment")
    for key, one in state.items.items():
        fields = one["doc"].get("fields", {})
        for what, found, rules in (
            ("late", fields.get("late", 0), ("later",)),
            ("visits", fields.get("visits", 0), ("count",)),
            ("tasks", state.tasks[key], ("task",)),
            ("comments", state.comments[key] or commented[key], ("note", "last")),
        ):
            told = sum(done[key, rule] for rule in rules)
            if found != told:
                yield f"{what} of {key}: {found} stand, {told} are told of"


def _deliveries(state: State, got: list[Got]) -> Iterator[str]:
    seen = Counter(one.key for one in got)
    keys = {one["key"] for one in state.outbox}
    strict = {one.key for one in got if one.server in ONCE}
    yield from (f"the key {key} came from nowhere" for key in seen.keys() - keys)
    yield from (f"the key {key} reached a server {seen[key]} times" for key in strict if seen[key] > 1)
    content = defaultdict(set)
    for one in got:
        content[one.item, one.step, one.visit].add(one.key)
    yield from (f"{' '.join(what)} went out under {len(keys)} keys" for what, keys in content.items() if len(keys) > 1)
    for row in state.outbox:
        count, name = seen[row["key"]], f"the delivery {row['id']} ({row['channel']})"
        if row["state"] not in OVER:
            yield f"{name} is left {row['state']}"
        elif row["state"] == "done" and count == 0:
            yield f"{name} is done, but never came"
        elif row["channel"] != "again" and row["state"] not in {"done", "unknown"} and count:
            yield f"{name} is {row['state']}, but came"
        address = row["to"]
        if row.get("tried_at", 0) > state.excluded.get(address, 1 << 60) and row["state"] in {"done", "unknown"}:
            yield f"{name} was sent to {address} after it was put on the exceptions list"


def _order(state: State, got: list[Got]) -> Iterator[str]:
    ended: dict[tuple[str, str], int] = {}
    for seq, _item, kind, data in state.entries:
        if kind == "outcome":
            visit, _, rule = str(data["run"]).rpartition(".")
            ended.setdefault((visit, rule), seq)
    for (visit, rule), seq in ended.items():
        step = _step(rule)
        if step in CHAIN[1:]:
            stage = rule.removesuffix(step)
            before = ended.get((visit, stage + CHAIN[CHAIN.index(step) - 1]))
            if before is not None and before > seq:
                yield f"{rule} of {visit} ended before what it is chained to"
    arrived: set[tuple[str, str, str]] = set()
    refused = {of for _, of, kind, data in state.entries if kind == "outcome" and data["outcome"] == "suppressed"}
    for one in got:
        arrived.add((one.item, one.visit, one.step))
        if one.step in {"tell", "order"}:
            first = CHAIN[CHAIN.index(one.step) - 1]
            if (one.item, one.visit, first) not in arrived and not (first == "hello" and one.item in refused):
                yield f"{one.step} of {one.item} in visit {one.visit} came before {first}"
