"""What no scenario reached: stages, rules with their outcomes, triggers, intake, and each answer of a condition.

Counted is what is enabled. An outcome counts where the rule can end so: `skipped` with a condition, `once: item` or a
word that skips; `failed` for what goes outside; `suppressed` and `undeliverable` for messages to customers. `cancelled`
and `unknown` say nothing of the rule, and do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from stageauto.engine.conditions import Condition, Leaf
from stageauto.engine.model import Intake, Pipeline, Place, Rule, Stage, Trigger, Workspace
from stageauto.engine.state import CANCELLED, DONE, FAILED, SKIPPED, SUPPRESSED, UNDELIVERABLE

if TYPE_CHECKING:
    from stageauto.engine.conditions import Scope
    from stageauto.engine.state import Entry
    from stageauto.runner.simulate import Simulation

STAGE, RULE, OUTCOME, TRIGGER, INTAKE, CONDITION = "stage", "rule", "outcome", "trigger", "intake", "condition"
KINDS = (STAGE, RULE, OUTCOME, TRIGGER, INTAKE, CONDITION)

T = TypeVar("T", Rule, Trigger, Intake)
Key = tuple[str, ...]


@dataclass(slots=True)
class Point:
    """Something to be reached. `name` is `pipeline/stage/id`; `detail` is an outcome, or a question and its answer."""

    kind: str
    pipeline: str
    name: str
    place: Place
    detail: str = ""
    count: int = 0


class Coverage:
    """Counts what the scenarios reach. They have to run in its `workspace`, whose conditions listen."""

    def __init__(self, workspace: Workspace) -> None:
        self.points: dict[Key, Point] = {}
        pipelines = {name: self._pipeline(one) for name, one in workspace.pipelines.items()}
        self.workspace = replace(workspace, pipelines=MappingProxyType(pipelines))

    def reached(self, pipeline: str | None = None, kind: str | None = None) -> tuple[int, int]:
        """(how many points were reached, how many there are), of one pipeline or kind or of all."""
        ones = [one for one in self.points.values() if pipeline in (None, one.pipeline) and kind in (None, one.kind)]
        return sum(1 for one in ones if one.count), len(ones)

    def percent(self, pipeline: str | None = None) -> float:
        """How many points were reached, in percent; 100 where there are none."""
        reached, known = self.reached(pipeline)
        return 100.0 * reached / known if known else 100.0

    def gaps(self) -> list[Point]:
        """What no scenario reached, in the order of the files.

        A rule that never ran stands for its outcomes and its conditions, too.
        """
        missing = [one for one in self.points.values() if not one.count]
        rules = {one.name for one in missing if one.kind == RULE}
        return [one for one in missing if one.kind not in {OUTCOME, CONDITION} or one.name not in rules]

    def count(self, simulation: Simulation) -> None:
        """Counts what a scenario did, by what it wrote into its timeline."""
        pipelines = {item.id: item.pipeline for item in simulation.state.items(include_deleted=True)}
        at: dict[str, str] = {}
        for line in simulation.state.timeline():
            moved = line.data.get("pipeline")
            if line.kind in {"created", "entered"} and moved:
                at[line.item] = moved
            self._line(line, at.get(line.item) or line.data.get("from_pipeline") or pipelines.get(line.item, ""))

    def _line(self, line: Entry, pipeline: str) -> None:
        data = line.data
        if line.kind == "entered":
            self._hit(STAGE, pipeline, data["to"])
            if data.get("trigger"):
                self._hit(TRIGGER, pipeline, data["to"], data["trigger"])
        elif line.kind == "created" and data.get("intake"):
            self._hit(INTAKE, pipeline, data["intake"])
        elif line.kind in {"outcome", "repeated"} and data.get("outcome") != CANCELLED:
            home = self._home(pipeline, data["stage"], data["rule"])
            self._hit(RULE, home, data["stage"], data["rule"])
            self._hit(OUTCOME, home, data["stage"], data["rule"], data["outcome"])

    def _home(self, pipeline: str, stage: str, rule: str) -> str:
        """The pipeline that has the rule: a kept run outlives the move to another one."""
        names = [pipeline, *self.workspace.pipelines]
        return next((name for name in names if (RULE, name, stage, rule) in self.points), pipeline)

    def _hit(self, *key: str) -> None:
        point = self.points.get(key)
        if point is not None:
            point.count += 1

    # -- what there is to reach --------------------------------------------------------------------------------------

    def _pipeline(self, one: Pipeline) -> Pipeline:
        intake = []
        for entry in one.intake:
            self._add((INTAKE, one.id, entry.id), f"{one.id}/{entry.id}", entry.place)
            intake.append(self._listening(entry, f"{one.id}/{entry.id}"))
        stages = tuple(self._stage(one.id, stage) for stage in one.stages)
        triggers: dict[str, list[Trigger]] = {}
        for stage in stages:
            for trigger in stage.triggers:
                if trigger.enabled:
                    triggers.setdefault(trigger.event, []).append(trigger)
        by_event = {name: tuple(ones) for name, ones in triggers.items()}
        return replace(
            one, intake=tuple(intake), stages=stages, stage_by_id=MappingProxyType({each.id: each for each in stages}),
            triggers_by_event=MappingProxyType(by_event),
        )  # fmt: skip

    def _stage(self, pipeline: str, stage: Stage) -> Stage:
        self._add((STAGE, pipeline, stage.id), f"{pipeline}/{stage.id}", stage.place)
        triggers = []
        for one in stage.triggers:
            name = f"{pipeline}/{stage.id}/{one.id}"
            if one.enabled:
                self._add((TRIGGER, pipeline, stage.id, one.id), name, one.place)
            triggers.append(self._listening(one, name) if one.enabled else one)
        rules = []
        for rule in stage.rules:
            name = f"{pipeline}/{stage.id}/{rule.id}"
            if rule.enabled:
                self._add((RULE, pipeline, stage.id, rule.id), name, rule.place)
                for outcome in outcomes_of(rule):
                    self._add((OUTCOME, pipeline, stage.id, rule.id, outcome), name, rule.place, outcome)
            rules.append(self._listening(rule, name) if rule.enabled else rule)
        return replace(
            stage, rules=tuple(rules), triggers=tuple(triggers),
            rule_by_id=MappingProxyType({one.id: one for one in rules}),
        )  # fmt: skip

    def _add(self, key: Key, name: str, place: Place, detail: str = "") -> None:
        self.points[key] = Point(key[0], key[1], name, place, detail)

    def _listening(self, one: T, name: str) -> T:
        """The same with a condition that notes the answers of its leaves."""
        if one.condition is None or one.condition.constant_value is not None:
            return one
        keys = {}
        for number, question in enumerate(one.condition.questions):
            for holds in (True, False):
                key = keys[number, holds] = (CONDITION, one.pipeline, name, str(number), str(holds))
                self._add(key, name, one.place, f"`{' '.join(question.split())}` {str(holds).lower()}")

        def hear(leaves: Iterable[Leaf]) -> None:
            for number, leaf in enumerate(leaves):
                if leaf.holds is not None:
                    self._hit(*keys[number, leaf.holds])

        return replace(one, condition=_Listening(one.condition, hear))


class _Listening(Condition):
    """A condition that tells which of its leaves held each time that it is asked."""

    def __init__(self, one: Condition, hear: Callable[[Iterable[Leaf]], None]) -> None:
        self.__dict__.update(one.__dict__)
        self._hear = hear

    def holds(self, scope: Scope) -> bool:
        verdict = self.evaluate(scope)
        self._hear(verdict.leaves)
        return verdict.holds


def outcomes_of(rule: Rule) -> Iterator[str]:
    """How the rule can end, for reasons of its own."""
    yield DONE
    skips = "skip" in {rule.when.if_past, rule.when.if_missing} or rule.once_item
    if skips or (rule.condition is not None and rule.condition.constant_value is None):
        yield SKIPPED
    if rule.action.outer:
        yield FAILED
    if rule.action.outer and rule.action.to_customer():
        yield from (SUPPRESSED, UNDELIVERABLE)


def by_pipeline(coverage: Coverage) -> Mapping[str, Mapping[str, tuple[int, int]]]:
    """Pipeline -> kind -> (reached, known), kinds that it has none of left out."""
    found = {}
    for name in coverage.workspace.pipelines:
        counted = {kind: coverage.reached(name, kind) for kind in KINDS}
        found[name] = {kind: counts for kind, counts in counted.items() if counts[1]}
    return found
