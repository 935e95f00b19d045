"""Random edits of a random pipeline's files, as an admin would make them between two versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml
from hypothesis import strategies as st

from tests.properties.random_pipelines import SPANS, WORKSPACE

Files = dict[str, str]
Pipeline = dict[str, Any]
CALENDARS = (
    "",
    'calendars: {working: {daily: "09:00-17:00"}}\n',
    'calendars: {working: {daily: "11:00-12:30"}}\n',
)


@st.composite
def edited(draw: st.DrawFn, files: Files) -> Files:
    """The files after one to three edits; they may not load."""
    pipeline = yaml.safe_load(files["pipelines/p.yaml"])
    head = files["stageauto.yaml"]
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.integers(0, 5)) == 0:
            head = draw(st.sampled_from([WORKSPACE, WORKSPACE.replace("UTC", "Asia/Tokyo")])) + draw(
                st.sampled_from(CALENDARS[1:])
            )
        else:
            draw(st.sampled_from(EDITS))(draw, pipeline)
    return {"stageauto.yaml": head, "pipelines/p.yaml": str(yaml.safe_dump(pipeline, sort_keys=False))}


def with_hours(draw: st.DrawFn, files: Files) -> Files:
    """The files with a calendar, which some rules keep to."""
    pipeline = yaml.safe_load(files["pipelines/p.yaml"])
    for _, rule in _rules(pipeline):
        if rule["do"] != "wait" and draw(st.integers(0, 2)) == 0:
            rule["hours"] = "working"
    text = str(yaml.safe_dump(pipeline, sort_keys=False))
    return {"stageauto.yaml": WORKSPACE + CALENDARS[1], "pipelines/p.yaml": text}


def _rules(pipeline: Pipeline) -> list[tuple[Pipeline, Pipeline]]:
    return [(stage, rule) for stage in pipeline["stages"] for rule in stage["rules"]]


def _when(draw: st.DrawFn, pipeline: Pipeline) -> None:
    for _, rule in _chosen(draw, pipeline):
        span = f"{draw(st.sampled_from(SPANS))}m"
        rule["when"] = draw(st.sampled_from([{"delay": span}, {"before": "date", "by": span}, {"at": "date"}]))
        if draw(st.booleans()):
            rule["when"]["if_past"] = draw(st.sampled_from(["run", "skip"]))


def _chosen(draw: st.DrawFn, pipeline: Pipeline) -> list[tuple[Pipeline, Pipeline]]:
    rules = _rules(pipeline)
    return [draw(st.sampled_from(rules))] if rules else []


def _remove(draw: st.DrawFn, pipeline: Pipeline) -> None:
    for stage, rule in _chosen(draw, pipeline):
        stage["rules"].remove(rule)
        _forget(pipeline, rule["id"], [])


def _disable(draw: st.DrawFn, pipeline: Pipeline) -> None:
    for _, rule in _chosen(draw, pipeline):
        rule["enabled"] = not rule.get("enabled", True)
        _forget(pipeline, rule["id"], [])


def _rename(draw: st.DrawFn, pipeline: Pipeline) -> None:
    for _, rule in _chosen(draw, pipeline):
        old, new = rule["id"], rule["id"] + "x"
        rule["id"] = new
        pipeline.setdefault("renamed", []).append({"from": old, "to": new})
        _forget(pipeline, old, [new])


def _forget(pipeline: Pipeline, old: str, new: list[str]) -> None:
    """What began after it begins after the new one, else at once."""
    for _, rule in _rules(pipeline):
        if old in rule.get("after", ()):
            after = [*(one for one in rule.pop("after") if one != old), *new]
            rule.update({"after": after} if after else {})


def _keep(draw: st.DrawFn, pipeline: Pipeline) -> None:
    for _, rule in _chosen(draw, pipeline):
        rule["on_leave"] = "cancel" if rule.get("on_leave") == "keep" else "keep"


def _words(draw: st.DrawFn, pipeline: Pipeline) -> None:
    for _, rule in _chosen(draw, pipeline):
        rule["name"] = draw(st.sampled_from(["one", "two"]))


def _add(draw: st.DrawFn, pipeline: Pipeline) -> None:
    stage = draw(st.sampled_from(pipeline["stages"]))
    number = len(_rules(pipeline))
    new: Pipeline = {
        "id": f"{stage['id']}-new-{number}", "do": "add_comment", "with": {"text": "new"},
        "when": {"delay": f"{draw(st.sampled_from(SPANS))}m"},
    }  # fmt: skip
    at = draw(st.integers(0, len(stage["rules"])))
    if at and draw(st.booleans()):
        new["after"] = "previous"
    stage["rules"].insert(at, new)


def _order(draw: st.DrawFn, pipeline: Pipeline) -> None:
    stage = draw(st.sampled_from(pipeline["stages"]))
    stage["rules"] = draw(st.permutations(stage["rules"]))


def _drop_stage(draw: st.DrawFn, pipeline: Pipeline) -> None:
    """A stage goes; its items go to another, and so does what would have moved them there."""
    if len(pipeline["stages"]) < 2:
        return
    gone = draw(st.sampled_from(pipeline["stages"]))
    pipeline["stages"].remove(gone)
    there = draw(st.sampled_from(pipeline["stages"]))["id"]
    pipeline["moved"] = [
        {"from": one["from"], "to": there if one["to"] == gone["id"] else one["to"]}
        for one in [*pipeline.get("moved", ()), {"from": gone["id"], "to": there}]
    ]
    for stage, rule in _rules(pipeline):
        if rule["do"] == "change_stage" and rule["with"]["to"] == gone["id"]:
            stage["rules"].remove(rule)
            _forget(pipeline, rule["id"], [])


EDITS: tuple[Callable[[st.DrawFn, Pipeline], None], ...] = (
    _when, _when, _remove, _disable, _rename, _rename, _keep, _words, _add, _order, _drop_stage,
)  # fmt: skip
