"""Stages that only people bring items into, or out of."""

from __future__ import annotations

from collections.abc import Iterator

from stageauto.engine.model import Pipeline, Rule, Stage, Workspace
from stageauto.loader.lint.movers import Node, made_in, may_go, target_of
from stageauto.loader.lint.view import Finding, View, is_foreign, may_hold, rules_of, stage_path, triggers_of


def unreachable_stages(view: View) -> Iterator[Finding]:
    """`stage-unreachable`: no trigger, rule or intake entry leads into an open stage, and it is not the first.

    That people win and lose items is how it should be.
    """
    reached = _reached(view)
    for pipeline in view.pipelines() if reached is not None else ():
        for stage in pipeline.stages[1:]:
            if not stage.closed and (pipeline.id, stage.id) not in (reached or ()):
                message = f"no trigger, rule or intake entry leads into the stage `{stage.id}`: only people can"
                hint = "add a trigger to it, or a `change_stage` elsewhere"
                path = (*stage_path(pipeline, stage.id), "id")
                yield Finding("stage-unreachable", pipeline.file, path, message, hint)


def _reached(view: View) -> set[Node] | None:
    """Every stage that automation leads into; None where that cannot be told."""
    found: set[Node] = set()
    for pipeline in view.pipelines():
        found.update((pipeline.id, one.stage) for one in pipeline.intake if may_hold(one))
        found.update((pipeline.id, stage) for stage in pipeline.moved.values())
        found.update(
            (pipeline.id, one.stage)
            for one in triggers_of(pipeline)
            if any(may_go(pipeline, stage.id, one.stage, allow_back=one.allow_back) for stage in pipeline.stages)
        )
        for rule in filter(_can_run, rules_of(pipeline)):
            if is_foreign(rule):
                return None
            found.update(made_in(rule, view.workspace))
            target = target_of(rule, view.workspace)
            if target is not None:
                found.add(target)
    return found


def stuck_stages(view: View) -> Iterator[Finding]:
    """`stage-stuck`: nothing but people moves items out of an open stage, and open ones come after it."""
    for pipeline in view.pipelines():
        if any(is_foreign(rule) for rule in rules_of(pipeline) if _can_run(rule)):
            continue
        if any(rule.keep and _moves(rule, view.workspace) for rule in rules_of(pipeline)):
            continue  # it moves the item wherever that stands by then
        last = max((stage.index for stage in pipeline.stages if not stage.closed), default=0)
        for stage in pipeline.stages[:last]:
            if not stage.closed and not _has_way_out(pipeline, stage, view.workspace):
                message = f"no trigger or rule leads out of the stage `{stage.id}`: only people can"
                hint = "add a trigger to a later stage, or a `change_stage` here"
                path = (*stage_path(pipeline, stage.id), "id")
                yield Finding("stage-stuck", pipeline.file, path, message, hint)


def _has_way_out(pipeline: Pipeline, stage: Stage, workspace: Workspace) -> bool:
    if any(_moves(rule, workspace) or (rule.do == "start_rules" and _can_run(rule)) for rule in stage.rules):
        return True
    return any(
        may_go(pipeline, stage.id, one.stage, allow_back=one.allow_back)
        and (not one.from_stages or stage.id in one.from_stages)
        for one in triggers_of(pipeline)
    )


def _moves(rule: Rule, workspace: Workspace) -> bool:
    return _can_run(rule) and target_of(rule, workspace) is not None


def _can_run(rule: Rule) -> bool:
    return rule.enabled and may_hold(rule)
