"""Random edits of a random pipeline's files, as an admin would make them between two versions."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import yaml

from tests.properties.random_pipelines import SPANS, WORKSPACE

Files = dict[str, str]
Pipeline = dict[str, Any]
MAIL = {"to": "customer", "from": "mail", "subject": "x", "body": "y"}
HOURS = ("09:00-17:00", "11:00-12:30", "00:00-03:00")


def _head(chance: Random) -> Pipeline:
    """A workspace with two calendars, a user who keeps to one of them, and a channel."""
    head = yaml.safe_load(WORKSPACE)
    head["calendars"] = {
        name: {"daily": hours} for name, hours in zip(("working", "own"), chance.sample(HOURS, 2), strict=True)
    }
    head["roles"] = {"admin": {"*": ["automation.read", "automation.update", "items.read", "items.update"]}}
    head["users"] = {
        "me": {"name": "Me", "email": "me@b.test", "roles": ["admin"]},
        "u": {"name": "U", "email": "u@b.test", "calendar": chance.choice(["own", "working"])},
    }
    head["channels"] = {"mail": {"type": "file", "from": "a@b.test"}}
    return dict(head)


def _edit_head(chance: Random, head: Pipeline) -> None:
    """One thing only: another zone, other hours of a calendar, another calendar of a user."""
    what = chance.choice(["timezone", "calendars", "users"]) if "users" in head else "timezone"
    if what == "timezone":
        head["timezone"] = "UTC" if head["timezone"] != "UTC" else "Asia/Tokyo"
    elif what == "calendars":
        head["calendars"][chance.choice(["working", "own"])]["daily"] = chance.choice(HOURS)
    else:
        user = head["users"]["u"]
        user["calendar"] = "working" if user["calendar"] == "own" else "own"


def edited(chance: Random, files: Files) -> Files:
    """The files after some edits of one sort, or of all; they may not load."""
    pipeline = yaml.safe_load(files["pipelines/p.yaml"])
    head = yaml.safe_load(files["stageauto.yaml"])
    about = chance.choice(["head", "head", "rules", "rules", "stage", "all"])
    if about in {"head", "all"}:
        _edit_head(chance, head)
    if about in {"stage", "all"}:
        _drop_stage(chance, pipeline)
    if about in {"rules", "all"}:
        for _ in range(chance.randint(1, 4)):
            chance.choice(EDITS)(chance, pipeline)
    return {"stageauto.yaml": _text(head), "pipelines/p.yaml": _text(pipeline)}


def dressed(chance: Random, files: Files) -> Files:
    """The files with calendars, which many rules keep to, and with some mails in place of comments."""
    pipeline = yaml.safe_load(files["pipelines/p.yaml"])
    for _, rule in _rules(pipeline):
        if rule["do"] != "wait" and chance.randint(0, 2):
            rule["hours"] = chance.choice(["working", "responsible"])
        if rule["do"] != "wait" and rule.get("on_leave") != "keep" and chance.random() < 0.3:
            rule["repeat"] = {"every": "60m", "times": 4}
        if rule["do"] == "add_comment" and chance.randint(0, 2):
            rule["do"], rule["with"] = "send_email", MAIL
    return {"stageauto.yaml": _text(_head(chance)), "pipelines/p.yaml": _text(pipeline)}


def _text(tree: Pipeline) -> str:
    return str(yaml.dump(tree, sort_keys=False, Dumper=_Plain))


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, _: Any) -> bool:
        return True


def _rules(pipeline: Pipeline) -> list[tuple[Pipeline, Pipeline]]:
    return [(stage, rule) for stage in pipeline["stages"] for rule in stage["rules"]]


def _when(chance: Random, pipeline: Pipeline) -> None:
    for _, rule in _chosen(chance, pipeline):
        span = f"{chance.choice(SPANS)}m"
        rule["when"] = chance.choice([{"delay": span}, {"before": "date", "by": span}, {"at": "date"}])
        if chance.random() < 0.5:
            rule["when"]["if_past"] = chance.choice(["run", "skip"])


def _chosen(chance: Random, pipeline: Pipeline) -> list[tuple[Pipeline, Pipeline]]:
    rules = _rules(pipeline)
    return chance.sample(rules, min(len(rules), chance.randint(1, 3)))


def _remove(chance: Random, pipeline: Pipeline) -> None:
    for stage, rule in _chosen(chance, pipeline):
        stage["rules"].remove(rule)
        _forget(pipeline, rule["id"], [])


def _disable(chance: Random, pipeline: Pipeline) -> None:
    for _, rule in _chosen(chance, pipeline):
        rule["enabled"] = not rule.get("enabled", True)
        _forget(pipeline, rule["id"], [])


def _rename(chance: Random, pipeline: Pipeline) -> None:
    for _, rule in _chosen(chance, pipeline):
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


def _keep(chance: Random, pipeline: Pipeline) -> None:
    for _, rule in _chosen(chance, pipeline):
        if "repeat" in rule:
            continue
        rule["on_leave"] = "cancel" if rule.get("on_leave") == "keep" else "keep"


def _hours(chance: Random, pipeline: Pipeline) -> None:
    for _, rule in _chosen(chance, pipeline):
        rule.pop("hours", None)
        if rule["do"] != "wait" and chance.random() < 0.5:
            rule["hours"] = chance.choice(["working", "responsible"])


def _repeat(chance: Random, pipeline: Pipeline) -> None:
    for _, rule in _chosen(chance, pipeline):
        rule.pop("repeat", None)
        if rule["do"] != "wait" and rule.get("on_leave") != "keep" and chance.randint(0, 3):
            rule["repeat"] = {"every": chance.choice(["60m", "90m", "2h"]), "times": 4}


def _words(chance: Random, pipeline: Pipeline) -> None:
    for _, rule in _chosen(chance, pipeline):
        rule["name"] = chance.choice(["one", "two"])


def _add(chance: Random, pipeline: Pipeline) -> None:
    stage = chance.choice(pipeline["stages"])
    number = len(_rules(pipeline))
    new: Pipeline = {
        "id": f"{stage['id']}-new-{number}", "do": "add_comment", "with": {"text": "new"},
        "when": {"delay": f"{chance.choice(SPANS)}m"},
    }  # fmt: skip
    at = chance.randint(0, len(stage["rules"]))
    if at and chance.random() < 0.5:
        new["after"] = "previous"
    stage["rules"].insert(at, new)


def _order(chance: Random, pipeline: Pipeline) -> None:
    stage = chance.choice(pipeline["stages"])
    stage["rules"] = chance.sample(stage["rules"], len(stage["rules"]))


def _drop_stage(chance: Random, pipeline: Pipeline) -> None:
    """A stage goes; its items go to another, and so does what would have moved them there."""
    if len(pipeline["stages"]) < 2:
        return
    gone = chance.choice(pipeline["stages"])
    pipeline["stages"].remove(gone)
    there = chance.choice(pipeline["stages"])["id"]
    pipeline["moved"] = [
        {"from": one["from"], "to": there if one["to"] == gone["id"] else one["to"]}
        for one in [*pipeline.get("moved", ()), {"from": gone["id"], "to": there}]
    ]
    for stage, rule in _rules(pipeline):
        if rule["do"] == "change_stage" and rule["with"]["to"] == gone["id"]:
            stage["rules"].remove(rule)
            _forget(pipeline, rule["id"], [])


EDITS: tuple[Callable[[Random, Pipeline], None], ...] = (
    _when, _when, _hours, _repeat, _remove, _disable, _rename, _keep, _words, _add, _add, _add, _order,
)  # fmt: skip
