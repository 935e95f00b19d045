"""Where rules lead: which stages and pipelines they move an item to, or make a new one in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from stageauto.engine.model import Pipeline, Rule, Workspace

Node = tuple[str, str]
"""A pipeline and one of its stages."""

GONE: Final[Node] = ("", "")
"""Where a deleted item goes."""

_MADE: Final = ("deal", "quote", "invoice")


def target_of(rule: Rule, workspace: Workspace) -> Node | None:
    """Where the rule moves the item when it runs; GONE for a deletion, None where it does not move it."""
    action: Any = rule.action
    found: Node | None = None
    if rule.do == "change_stage":
        found = (rule.pipeline, action.to)
    elif rule.do == "change_pipeline":
        found = _into(workspace, action.pipeline, action.stage)
    elif rule.do == "delete_item" or (rule.do == "add_to_exceptions" and action.delete_item):
        found = GONE
    return None if found == (rule.pipeline, rule.stage) else found


def made_in(rule: Rule, workspace: Workspace) -> Iterator[Node]:
    """The stages in which the rule creates items."""
    action: Any = rule.action
    if rule.do == "create_item":
        yield _into(workspace, action.pipeline, action.stage)
    elif rule.do == "convert":
        for name in _MADE:
            one = getattr(action, name)
            if one is not None:
                yield _into(workspace, one.pipeline, one.stage)


def _into(workspace: Workspace, pipeline: str, stage: str | None) -> Node:
    return pipeline, stage or workspace.pipelines[pipeline].stages[0].id


def may_go(pipeline: Pipeline, source: str, target: str, *, allow_back: bool) -> bool:
    """Whether a trigger of the target's stage may move an item out of the source (SEMANTICS 16, 17)."""
    here, there = pipeline.stage_by_id[source], pipeline.stage_by_id[target]
    if here is there:
        return False
    return allow_back or (there.index > here.index and not here.closed)
