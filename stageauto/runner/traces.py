"""An item's written history, sorted: its visits, the run of each rule in each of them, the events that came to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stageauto.engine.state import CANCELLED, Entry, Item


@dataclass(slots=True)
class Visit:
    """A stay in a stage; `at`, `until` are ms UTC, `why` what the line of the move says."""

    number: int
    pipeline: str
    stage: str
    at: int
    why: Mapping[str, Any]
    author: str
    until: int | None = None


@dataclass(slots=True)
class RunTrace:
    """What is written of one run. `at` is when it ended; `seq` that of the line which says so, 0 where none does."""

    id: str
    rule: str
    visit: int
    stage: str = ""
    began: bool = False  # there is a line that set it going
    due: int | None = None
    outcome: str = ""
    code: str = ""
    because: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    at: int | None = None
    seq: int = 0
    moves: list[Entry] = field(default_factory=list)  # of its moment
    tries: list[Entry] = field(default_factory=list)
    sent: list[Entry] = field(default_factory=list)
    repeats: list[Entry] = field(default_factory=list)  # occurrences of a repetition that are over


@dataclass(slots=True)
class Arrival:
    """An event as it came to the item. `refused`: what kept triggers from moving it; None: not recorded."""

    event: str
    type: str
    at: int
    seq: int
    pipeline: str
    stage: str
    refused: list[Sequence[Any]] | None = None
    winner: str = ""  # the trigger that moved the item
    to: str = ""

    def refusal(self, names: Iterable[str]) -> Sequence[Any] | None:
        """What kept the trigger of these names from it, as recorded."""
        wanted = set(names)
        return next((one for one in self.refused or () if one and one[0] in wanted), None)


class Traces:
    """The history of one item, read from its lines, oldest first."""

    def __init__(self, item: Item, lines: Sequence[Entry]) -> None:
        self.item = item
        self.visits: list[Visit] = []
        self.runs: dict[str, RunTrace] = {}
        self.arrivals: list[Arrival] = []
        self.complete = False  # from its first moment on
        self.deleted_at: int | None = None
        self._pipeline = _first_pipeline(item, lines)
        for line in lines:
            read = _READERS.get(line.kind)
            if read is not None:
                read(self, line)
        for run in item.runs.values():
            trace = self._run(run.id)
            trace.rule, trace.stage = run.rule, run.stage

    @property
    def stage(self) -> str:
        """The stage the item is in at this point of its history."""
        return self.visits[-1].stage if self.visits else ""

    def visits_of(self, pipeline: str, stage: str) -> list[Visit]:
        """The stays in that stage, oldest first."""
        return [one for one in self.visits if (one.pipeline, one.stage) == (pipeline, stage)]

    def visit(self, number: int) -> Visit | None:
        """The visit of that number."""
        return next((one for one in self.visits if one.number == number), None)

    def runs_of(self, names: Iterable[str], pipeline: str) -> list[RunTrace]:
        """The runs of a rule under any of its names, oldest first."""
        wanted = set(names)
        found = [run for run in self.runs.values() if run.rule in wanted and self._is_in(run, pipeline)]
        return sorted(found, key=lambda run: run.visit)

    def _is_in(self, run: RunTrace, pipeline: str) -> bool:
        live = self.item.runs.get(run.id)
        visit = self.visit(run.visit)
        return (live.pipeline if live else visit.pipeline if visit else self.item.pipeline) == pipeline

    # -- one line after another --------------------------------------------------------------------------------------

    def _run(self, run_id: str) -> RunTrace:
        found = self.runs.get(run_id)
        if found is None:
            number, _, rest = run_id.removeprefix(f"{self.item.id}.").partition(".")
            found = RunTrace(run_id, rest, int(number) if number.isdigit() else 0)
            self.runs[run_id] = found
        return found

    def created(self, line: Entry) -> None:
        """The item's first line."""
        self._pipeline = str(line.data.get("pipeline") or self._pipeline)

    def entered(self, line: Entry) -> None:
        """A move, with what it cancelled and set going."""
        data = line.data
        if not self.visits:
            self.complete = data.get("from") is None
        else:
            self.visits[-1].until = line.at
        arrival = self._arrival(line) if data.get("trigger") else None
        self._cancelled(line, "left_stage", f"left the stage {data.get('from')}")
        self._pipeline = str(data.get("pipeline") or self._pipeline)
        number, stage = int(data.get("visit") or 0), str(data.get("to"))
        self.visits.append(Visit(number, self._pipeline, stage, line.at, data, line.author))
        self._scheduled(data.get("scheduled", ()), number, stage)
        if arrival is not None:
            arrival.winner, arrival.to = str(data["trigger"]), stage

    def _cancelled(self, line: Entry, code: str, because: str) -> None:
        for run_id, rule, stage in line.data.get("cancelled", ()):
            run = self._run(run_id)
            run.rule, run.stage, run.outcome, run.code, run.because = rule, stage, CANCELLED, code, because
            run.at, run.seq, run.values = line.at, line.seq, {}

    def _scheduled(self, listed: Iterable[Sequence[Any]], visit: int, stage: str) -> None:
        for rule, due in listed:
            base = run_id = f"{self.item.id}.{visit}.{rule}"
            again = 1
            while run_id in self.runs and self.runs[run_id].began:
                again += 1
                run_id = f"{base}.{again}"
            run = self._run(run_id)
            run.rule, run.stage, run.began = str(rule), stage, True
            run.due = run.due if due is None else due

    def rules_started(self, line: Entry) -> None:
        """Rules that were set going anew, or caught up."""
        if self.visits:
            listed = line.data.get("scheduled") or ([[line.data["rule"], None]] if line.data.get("rule") else [])
            self._scheduled(listed, self.visits[-1].number, str(line.data.get("stage")))

    def outcome(self, line: Entry) -> None:
        """How a run, or one time of a repetition, ended."""
        data = line.data
        run = self._run(str(data.get("run")))
        run.rule, run.stage = str(data.get("rule")), str(data.get("stage"))
        if line.kind == "repeated":
            run.repeats.append(line)
            return
        run.outcome, run.code = str(data.get("outcome")), str(data.get("code") or "")
        run.because, run.values = str(data.get("because") or ""), data.get("values") or {}
        run.at, run.seq = line.at, line.seq

    def rescheduled(self, line: Entry) -> None:
        """Its moment is another."""
        run = self._run(str(line.data.get("run")))
        run.due = line.data.get("due")
        run.moves.append(line)

    def tried(self, line: Entry) -> None:
        """A try of a message that failed, and is made again."""
        self._run(str(line.data.get("run"))).tries.append(line)

    def sent(self, line: Entry) -> None:
        """A message that went out."""
        run_id = str(line.data.get("delivery") or "").rpartition(":")[0]
        if run_id:
            self._run(run_id).sent.append(line)

    def deleted(self, line: Entry) -> None:
        """The end of it."""
        self.deleted_at = line.at
        self._cancelled(line, "item_deleted", "the item was deleted")

    def event(self, line: Entry) -> None:
        """An event that came, or one of the engine's own that moved nothing."""
        arrival = self._arrival(line)
        refused = line.data.get("refused")
        if refused is not None:
            arrival.refused = [*(arrival.refused or ()), *refused]

    def _arrival(self, line: Entry) -> Arrival:
        """The arrival that the line belongs to: the same event at the same moment."""
        name, kind = str(line.data.get("event") or ""), str(line.data.get("type") or "")
        name = "" if name == kind else name  # an event of the engine's own has no id
        for one in reversed(self.arrivals):
            if one.at != line.at:
                break
            joins = name or (line.kind == "entered" and not one.winner)
            if (one.event, one.type) == (name, kind) and joins:
                return one
        made = Arrival(name, kind, line.at, line.seq, self._pipeline, self.stage)
        self.arrivals.append(made)
        return made


def _first_pipeline(item: Item, lines: Sequence[Entry]) -> str:
    """The pipeline it was in before the first line that names one."""
    for line in lines:
        if line.kind == "entered" and line.data.get("from_pipeline"):
            return str(line.data["from_pipeline"])
    return item.pipeline


_READERS = {
    "created": Traces.created, "entered": Traces.entered, "rules_started": Traces.rules_started,
    "outcome": Traces.outcome, "repeated": Traces.outcome, "rescheduled": Traces.rescheduled, "retry": Traces.tried,
    "sent": Traces.sent, "deleted": Traces.deleted, "event": Traces.event, "refused": Traces.event,
}  # fmt: skip
