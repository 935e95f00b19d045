"""What history says that rules, triggers and intake did, item by item: for comparing two histories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stageauto.engine.state import Entry
from stageauto.runner import observe

if TYPE_CHECKING:
    from stageauto.store.sqlite_state import SqliteReader

RULE, TRIGGER, INTAKE, STAGE = "rule", "trigger", "intake", "stage"
SENT = "sent"
_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done: `word` is an outcome, sent, moved, created or entered; `name` is `pipeline/rule`."""

    kind: str  # rule, trigger, intake or stage
    name: str
    item: str
    word: str


Happened = dict[Deed, list[int]]
"""Each deed with its moments, ms UTC, in order."""


def happened(state: SqliteReader, seq: int, pipelines: Mapping[str, str]) -> Happened:
    """All that the history from line `seq` on says. `pipelines`: which one each item was in before that."""
    reader = _Reader(dict(pipelines))
    for line in lines_from(state, seq):
        reader.read(line)
    return dict(reader.found)


def lines_from(state: SqliteReader, seq: int) -> Iterator[Entry]:
    """The lines of history from that one on, a few at a time."""
    after = seq - 1
    while lines := state.timeline(after_seq=after, limit=_AT_ONCE):
        yield from lines
        after = lines[-1].seq


class _Reader:
    def __init__(self, pipelines: dict[str, str]) -> None:
        self.pipelines = pipelines
        self.found: defaultdict[Deed, list[int]] = defaultdict(list)

    def read(self, line: Entry) -> None:
        data = line.data
        was = self.pipelines.get(line.item, "")
        if line.kind in {"created", "entered"} and "pipeline" in data:
            self.pipelines[line.item] = data["pipeline"]
        if line.kind == "entered":
            self._note(STAGE, line, data["to"], "entered")
            if "trigger" in data:
                self._note(TRIGGER, line, data["trigger"], "moved")
        elif line.kind == "created":
            if "intake" in data:
                self._note(INTAKE, line, data["intake"], "created")
            if "stage" in data:  # imported
                self._note(STAGE, line, data["stage"], "entered")
        elif line.kind == "sent" and data.get("rule"):
            self._note(RULE, line, data["rule"], SENT)
        elif line.kind == "repeated":
            self._note(RULE, line, data["rule"], data["outcome"])
        for one in observe.outcomes([line]):
            name = f"{was or self.pipelines.get(line.item, '')}/{one['rule']}"
            self.found[Deed(RULE, name, line.item, one["outcome"])].append(line.at)

    def _note(self, kind: str, line: Entry, name: str, word: str) -> None:
        self.found[Deed(kind, f"{self.pipelines.get(line.item, '')}/{name}", line.item, word)].append(line.at)
