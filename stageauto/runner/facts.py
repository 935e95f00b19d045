"""What commands that only look need of the active configuration: kept beside it, so that it need not be compiled."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from stageauto.engine.model import Rule, Workspace
    from stageauto.store.sqlite_state import SqliteReader, SqliteState

KEY = "facts"
_PART = re.compile(r"(?<=\d)(?=[a-z])|(?<=[a-z])(?=\d)")


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """A rule. `why`: when it is due, as the end of a sentence; `quiet`: quiet hours hold for it."""

    id: str
    name: str
    do: str
    why: str
    enabled: bool = True
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class StageFacts:
    """A stage with its rules and the ids of its triggers in file order; `kind` is open, won or lost."""

    id: str
    name: str
    kind: str
    rules: tuple[RuleFacts, ...] = ()
    triggers: tuple[str, ...] = ()

    def rule(self, rule_id: str) -> RuleFacts | None:
        """The rule of that id."""
        return next((one for one in self.rules if one.id == rule_id), None)


@dataclass(frozen=True, slots=True)
class PipelineFacts:
    """A pipeline with its stages in order. `fields`: name -> type."""

    id: str
    name: str
    entity: str
    stages: tuple[StageFacts, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)

    def stage(self, stage_id: str) -> StageFacts | None:
        """The stage of that id."""
        return next((one for one in self.stages if one.id == stage_id), None)


@dataclass(frozen=True, slots=True)
class Facts:
    """The zone, the pipelines, and users, resources: id -> name; quiet hours as minutes of the local day."""

    timezone: str = "UTC"
    pipelines: Mapping[str, PipelineFacts] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, str] = field(default_factory=dict)
    quiet: tuple[int, int] | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The workspace's zone."""
        from zoneinfo import ZoneInfo

        return ZoneInfo(self.timezone)

    def rule(self, pipeline: str, stage: str, rule: str) -> RuleFacts | None:
        """The rule of that id, None where the configuration has it no longer."""
        known = self.pipelines.get(pipeline)
        at = known.stage(stage) if known else None
        return at.rule(rule) if at else None


def read_facts(state: SqliteReader) -> Facts:
    """The facts of the active configuration; none at all where nothing is loaded."""
    kept = state.meta_get(KEY)
    if kept is None:
        return Facts()
    data = json.loads(kept)
    pipelines = {name: _pipeline(one) for name, one in data["pipelines"].items()}
    quiet = data.get("quiet")
    return Facts(data["timezone"], pipelines, data["users"], data["resources"], tuple(quiet) if quiet else None)


def _pipeline(data: Mapping[str, Any]) -> PipelineFacts:
    stages = [
        StageFacts(
            one["id"],
            one["name"],
            one["kind"],
            tuple(RuleFacts(**rule) for rule in one["rules"]),
            tuple(one.get("triggers", ())),
        )
        for one in data["stages"]
    ]
    return PipelineFacts(data["id"], data["name"], data["entity"], tuple(stages), data["fields"])


def save_facts(state: SqliteState, workspace: Workspace) -> None:
    """Keeps the facts of a configuration beside it."""
    state.meta_set(KEY, json.dumps(asdict(facts_of(workspace)), ensure_ascii=False, separators=(",", ":")))


def facts_of(workspace: Workspace) -> Facts:
    """What a configuration says, for those who only look."""
    pipelines = {}
    for one in workspace.pipelines.values():
        stages = [
            StageFacts(
                stage.id,
                stage.name,
                stage.kind,
                tuple(_rule(rule, workspace.limits.quiet_channels) for rule in stage.rules),
                tuple(trigger.id for trigger in stage.triggers),
            )
            for stage in one.stages
        ]
        types = {name: known.type for name, known in one.fields.items()}
        pipelines[one.id] = PipelineFacts(one.id, one.name, one.entity, tuple(stages), types)
    users = {user.id: user.name for user in workspace.users.values()}
    resources = {one.id: one.name for one in workspace.resources.values()}
    return Facts(workspace.timezone, pipelines, users, resources, workspace.limits.quiet)


def _rule(rule: Rule, quiet: Collection[str]) -> RuleFacts:
    minds = rule.action.message_kind() in quiet and rule.action.to_customer()
    return RuleFacts(rule.id, rule.name, rule.do, why_then(rule), rule.enabled, minds)


# -- when a rule is due, in words ------------------------------------------------------------------------------------


def why_then(rule: Rule) -> str:
    """Why a run of the rule is due when it is: "2 d after stage entry, at 12:00"."""
    parts = [_base(rule)]
    when = rule.when
    if when.time is not None:
        parts.append(f"at {when.time[0]:02d}:{when.time[1]:02d}")
    if rule.hours is not None:
        parts.append("in the responsible's hours" if rule.hours == "responsible" else f"in `{rule.hours}` hours")
    if rule.repeat is not None:
        often = f"cron {rule.repeat.cron}" if rule.repeat.cron else f"every {spaced(str(rule.repeat.every))}"
        times = f", {rule.repeat.times} times" if rule.repeat.times is not None else ""
        parts.append(f"again {often}{times}")
    return ", ".join(parts)


def _base(rule: Rule) -> str:
    start = f"after {_listed(rule.after)}" if rule.after else "after stage entry"
    when = rule.when
    own = rule.action.delay_from_entry() if rule.action.own_time else None
    if own is not None:
        return f"{spaced(str(own))} after stage entry"
    if when.kind == "delay":
        return f"{spaced(str(when.by))} {start}"
    if when.kind == "immediately":
        return start if rule.after else "at stage entry"
    if when.kind == "at" and when.field is None:
        return f"at {when.at}"
    if when.kind == "at" or when.by.is_zero:
        return f"at {when.field}"
    return f"{spaced(str(when.by))} {when.kind} {when.field}"


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"


def spaced(duration: str) -> str:
    """`2d12h` as people read it: `2 d 12 h`."""
    return _PART.sub(" ", duration)
