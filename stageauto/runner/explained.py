"""What `explain` says, as data, and what it is worked out from: one item with its history and the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from stageauto.engine.draft import Draft
from stageauto.engine.gates import Gate
from stageauto.engine.local import to_local
from stageauto.engine.model import Place
from stageauto.engine.scope import Scope
from stageauto.runner.traces import Traces

if TYPE_CHECKING:
    from stageauto.engine.conditions import Condition, Verdict
    from stageauto.engine.model import Pipeline, Workspace
    from stageauto.engine.ports import State
    from stageauto.engine.state import Item
    from stageauto.store.sqlite_state import SqliteReader

DID, DID_NOT, WILL, WILL_NOT, WAITS = "did", "did_not", "will", "will_not", "waits"
PERHAPS, NOT_RECORDED = "unknown", "not_recorded"
RULE, TRIGGER = "rule", "trigger"
NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class Check:
    """A gate and its answer: `passed` None where it was not asked (yet), or what it said is not recorded."""

    gate: Gate
    passed: bool | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a rule ran for an item, or a trigger moved it, and the first gate that said no.

    `verdict` is one of the words above, `gate` None where none said no, `at` (ms UTC) when it was decided or is due.
    """

    kind: str
    name: str
    verdict: str
    sentence: str
    gate: Gate | None = None
    at: int | None = None
    detail: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    place: Place = NOWHERE
    stage: str = ""
    pipeline: str = ""
    title: str = ""
    event: str = ""
    notes: tuple[str, ...] = ()
    over: bool = False  # the visit is: what a provider did not take then cannot be tried again

    @property
    def way_out(self) -> str:
        """What to do about it."""
        if self.over and self.gate is Gate.PROVIDER:
            return "nothing: the item has left the stage, and what failed there is not tried again"
        return self.gate.way_out if self.gate is not None else ""


class Case:
    """One item, its history and the configuration, at a moment (ms UTC).

    `foreseen`: the number of the last line that was really written; what comes after it was simulated.
    """

    def __init__(
        self, state: SqliteReader, workspace: Workspace, item: Item, now: int, *, foreseen: int | None = None
    ) -> None:
        self.state = state
        self.workspace = workspace
        self.item = item
        self.now = now
        self.foreseen = foreseen
        self.traces = Traces(item, state.timeline(item.id))
        # It reads only: nothing is ever changed in it.
        self.draft = Draft(cast("State", state), workspace, draw=lambda _alphabet, _length: "")
        version = state.active_version() if state.active_number() else None
        self.loaded_at = version.loaded_at if version else 0

    @property
    def pipeline(self) -> Pipeline | None:
        """The item's pipeline, None where the configuration has it no longer."""
        return self.workspace.pipelines.get(self.item.pipeline)

    def local(self, at: int | None) -> str:
        """A moment for people, on the workspace's clock."""
        return "" if at is None else to_local(at, self.workspace.zone).strftime("%Y-%m-%d %H:%M")

    def simulated(self, seq: int) -> bool:
        """True for a line that is only foreseen."""
        return self.foreseen is not None and seq > self.foreseen

    def asked_now(self, condition: Condition, *, event: Mapping[str, Any] | None = None, visit: int = 0) -> Verdict:
        """What a condition says with the values of now."""
        scope = Scope(self.draft, self.now, self.item, event=event, visit=visit or self.item.visit)
        return condition.evaluate(scope)


def said(gate: Gate, *, foreseen: bool) -> str:
    """The gate's answer as a sentence's end."""
    return gate.no.format(was="will be" if foreseen else "was")
