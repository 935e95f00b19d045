"""What the tests of `explain` share: a workspace on the virtual clock that can be asked why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stageauto.engine import commands
from stageauto.engine.commands import By, NewItem
from stageauto.engine.gates import Gate
from stageauto.engine.model import Event, Workspace
from stageauto.engine.state import Journal, item_of
from stageauto.loader.load import load
from stageauto.runner.explain import named
from stageauto.runner.explain_event import EventAnswer, explain_event
from stageauto.runner.explained import Answer, Case
from stageauto.runner.simulate import Failure, Simulation

MONDAY = 1_772_442_000_000  # 2026-03-02 10:00 in Warsaw
HOUR = 3_600_000
HEAD = """\
stageauto: 1
timezone: Europe/Warsaw
calendars: {working: {mon-fri: "09:00-17:00"}}
"""
FIELDS = "pipeline: deals\nfields: {amount: money, day: date, at: datetime, text: string, flag: boolean}\n"
EWA = {"id": "ewa", "first_name": "Ewa", "email": "ewa@home.test", "phone": "+48600100200"}
NOTE = "do: add_comment, with: {text: x}"
MAIL = "do: send_email, with: {to: customer, from: mail, subject: s, body: b}"
SMS = "do: send_sms, with: {to: customer, text: t}"


def compiled(pipeline: str, more: str = "") -> Workspace:
    loaded = load({"stageauto.yaml": HEAD + more, "pipelines/deals.yaml": pipeline}, env={}, now=MONDAY)
    assert loaded.workspace is not None, [f"{one.line}: {one.message}" for one in loaded.diagnostics]
    return loaded.workspace


def two_stages(*rules: str, triggers: Sequence[str] = (), more: str = "") -> str:
    """Stages a, b and won; the rules stand in a, the triggers lead into b."""
    listed = "".join(f"      - {{{one}}}\n" for one in rules)
    leading = "".join(f"      - {{{one}}}\n" for one in triggers)
    return (
        f"{FIELDS}stages:\n  - id: a\n    rules:{chr(10) + listed if rules else ' []' + chr(10)}"
        f"  - id: b\n    triggers:{chr(10) + leading if triggers else ' []' + chr(10)}{more}"
        "  - id: won\n    kind: won\n"
    )


class World:
    """A workspace on the virtual clock."""

    def __init__(self, pipeline: str, more: str = "", failures: Sequence[Failure] = ()) -> None:
        self.workspace = compiled(pipeline, more)
        self.simulation = Simulation(self.workspace, MONDAY, failures=failures)
        self._count = 0

    def by(self) -> By:
        self._count += 1
        return By(f"command-{self._count}", self.simulation.now, "tester")

    def do(self, deed: Callable[..., Any], *given: Any, **options: Any) -> Any:
        return self.simulation.do(lambda draft: deed(draft, self.by(), *given, **options))

    def add(self, stage: str = "a", name: str = "i", contact: Mapping[str, Any] | None = EWA, **values: Any) -> None:
        self.do(commands.add, NewItem("deals", stage, values, dict(contact or {}), item_id=name))

    def emit(
        self, kind: str, name: str = "e1", item: str | None = "i", contact: str | None = None, **data: Any
    ) -> Journal:
        return self.simulation.take(Event(name, kind, self.simulation.now, "test", item, contact, data))

    def wait(self, hours: float) -> None:
        self.simulation.advance(self.simulation.now + int(hours * HOUR))

    def case(self, item: str = "i", workspace: Workspace | None = None) -> Case:
        self.simulation.flush()
        found = self.simulation.state.item(item)
        assert found is not None
        return Case(self.simulation.state, workspace or self.workspace, found, self.simulation.now)

    def why(self, name: str = "r", item: str = "i", workspace: Workspace | None = None) -> Answer:
        [answer] = named(self.case(item, workspace), name)
        return answer

    def event(self, name: str = "e1", *items: str) -> EventAnswer:
        self.simulation.flush()
        row = self.simulation.state.event(name)
        assert row is not None
        nothing = Case(self.simulation.state, self.workspace, item_of("", "", "", "", 0, 0), self.simulation.now)
        return explain_event({one: self.case(one) for one in row.items}, row, nothing)


def stands(answer: Answer, gate: Gate | None, verdict: str, *words: str) -> None:
    """The answer's gate, verdict and words; the gate is the first with a cross, and those before it have none."""
    assert (answer.gate, answer.verdict) == (gate, verdict), answer.sentence
    for word in words:
        assert word in answer.sentence
    crossed = [check.gate for check in answer.checks if check.passed is False]
    if gate not in {None, Gate.NOT_RECORDED, Gate.CLOCK}:
        assert crossed[:1] == [gate], answer.checks
    if gate is None:
        assert not crossed
    assert answer.place.file == "" or answer.place.line > 0
