"""Random small pipelines, as the plain model knows them and as the YAML that an admin would write."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import strategies as st

from tests.properties.plain_model import Rule, Stage, Trigger

WORKSPACE = "stageauto: 1\ntimezone: UTC\nlimits: {automatic_moves: 1000, moves_per_day: 100000}\n"
SPANS = (0, 30, 60, 90, 180)
DOES = {
    "comment": ("add_comment", {"text": "x"}),
    "flag": ("update_item", {"set": {"flag": True}}),
    "unflag": ("update_item", {"set": {"flag": False}}),
    "wait": ("wait", {"for": "90m"}),
}


@st.composite
def rules(draw: st.DrawFn, stage: int, stages: int, index: int) -> Rule:
    """A rule of the `stage`-th of so many stages; it moves items forward only, so that nothing goes round for ever."""
    does = ["comment", "comment", "wait", "flag", "unflag"] + (["move"] if stage < stages - 1 else [])
    do = draw(st.sampled_from(does))
    base = draw(st.sampled_from(["entry", "entry", "before", "after", "at"]))
    chained = draw(st.booleans()) if index else False
    above = [f"r{stage}-{number}" for number in range(index)]
    after = draw(st.lists(st.sampled_from(above), min_size=1, max_size=2, unique=True)) if chained else []
    timed = base != "entry"
    keep = draw(st.integers(0, 3)) == 0
    every = 60 if do in ("comment", "flag") and not keep and draw(st.integers(0, 4)) == 0 else 0
    return Rule(
        id=f"r{stage}-{index}",
        do=do,
        base=base,
        by=0 if base == "at" else draw(st.sampled_from(SPANS)),
        after=tuple(after),
        needs_flag=draw(st.integers(0, 3)) == 0,
        keep=keep,
        once=draw(st.integers(0, 3)) == 0,
        skip_past=timed and draw(st.booleans()),
        skip_missing=timed and draw(st.booleans()),
        skip_late=draw(st.integers(0, 3)) == 0,
        to=f"s{draw(st.integers(stage + 1, stages - 1))}" if do == "move" else "",
        every=every,
        times=draw(st.integers(2, 3)) if every else 1,
    )


@st.composite
def triggers(draw: st.DrawFn, name: str) -> Trigger:
    return Trigger(
        id=name,
        event=draw(st.sampled_from(["app.go", "app.go", "email.received"])),
        allow_back=draw(st.booleans()),
        size=draw(st.sampled_from([None, None, None, 1, 2])),
        needs_flag=draw(st.integers(0, 5)) == 0,
    )


@st.composite
def pipelines(draw: st.DrawFn, least: int = 0) -> tuple[Stage, ...]:
    """Two to four stages with `least` to four rules and up to two triggers each; one of them may be won."""
    count = draw(st.sampled_from([2, 3, 4, 4]))
    won = draw(st.integers(-1, count - 1))
    found = []
    for stage in range(count):
        size = draw(st.integers(least, 4))
        found.append(
            Stage(
                id=f"s{stage}",
                closed=stage == won,
                rules=tuple(draw(rules(stage, count, index)) for index in range(size)),
                triggers=tuple(draw(triggers(f"t{stage}-{index}")) for index in range(draw(st.integers(0, 2)))),
            )
        )
    return tuple(found)


def as_yaml(stages: tuple[Stage, ...]) -> str:
    """The pipeline's file."""
    pipeline = {
        "pipeline": "p",
        "entity": "deal",
        "fields": {"flag": "boolean", "date": "datetime"},
        "stages": [_stage(one) for one in stages],
    }
    return str(yaml.safe_dump(pipeline, sort_keys=False))


def _stage(stage: Stage) -> dict[str, Any]:
    return {
        "id": stage.id,
        "kind": "won" if stage.closed else "open",
        "rules": [_rule(one) for one in stage.rules],
        "triggers": [_trigger(one) for one in stage.triggers],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    kind, options = ("change_stage", {"to": rule.to}) if rule.do == "move" else DOES[rule.do]
    found: dict[str, Any] = {"id": rule.id, "do": kind, "with": options, "when": _when(rule)}
    if rule.after:
        found["after"] = list(rule.after)
    if rule.needs_flag:
        found["if"] = "item.flag"
    if rule.keep:
        found["on_leave"] = "keep"
    if rule.once:
        found["once"] = "item"
    if rule.every:
        found["repeat"] = {"every": f"{rule.every}m", "times": rule.times}
    return found


def _when(rule: Rule) -> dict[str, Any]:
    if rule.base == "entry":
        when: dict[str, Any] = {"delay": f"{rule.by}m"}
    elif rule.base == "at":
        when = {"at": "date"}
    else:
        when = {rule.base: "date", "by": f"{rule.by}m"}
    if rule.skip_past:
        when["if_past"] = "skip"
    if rule.skip_missing:
        when["if_missing"] = "skip"
    if rule.skip_late:
        when["if_late"] = "skip"
    return when


def _trigger(trigger: Trigger) -> dict[str, Any]:
    found: dict[str, Any] = {"id": trigger.id, "event": trigger.event, "allow_back": trigger.allow_back}
    if trigger.size is not None:
        found["where"] = {"size": trigger.size} if trigger.event == "app.go" else {"channel": str(trigger.size)}
    if trigger.needs_flag:
        found["if"] = "item.flag"
    return found
