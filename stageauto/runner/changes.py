"""What loading these files would change, as far as the files alone tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stageauto.runner.facts import Facts, facts_of, read_facts

if TYPE_CHECKING:
    from stageauto.engine.model import Workspace
    from stageauto.runner.session import Session


@dataclass(slots=True)
class Changes:
    """Names that are new and names that are gone, and the files that differ; rules as `pipeline/stage/rule`."""

    files: list[str] = field(default_factory=list)
    pipelines_added: list[str] = field(default_factory=list)
    pipelines_removed: list[str] = field(default_factory=list)
    rules_added: list[str] = field(default_factory=list)
    rules_removed: list[str] = field(default_factory=list)
    first: bool = False  # nothing is loaded yet


def changes(session: Session | None, files: Mapping[str, str], workspace: Workspace) -> Changes:
    """How the files differ from what is active; None: there is no state yet."""
    was: Mapping[str, str] = {}
    before = Facts()
    number = 0
    if session is not None:
        with session.store.read() as state:
            number = state.active_number()
            version = state.active_version()
            was, before = (version.files if version else {}), read_facts(state)
    after = facts_of(workspace)
    made = Changes(
        files=sorted(name for name in {*was, *files} if was.get(name) != files.get(name)),
        pipelines_added=_new(after.pipelines, before.pipelines),
        pipelines_removed=_new(before.pipelines, after.pipelines),
        first=number == 0,
    )
    made.rules_added = _new(_rules(after), _rules(before))
    made.rules_removed = _new(_rules(before), _rules(after))
    return made


def _new(these: Iterable[str], those: Iterable[str]) -> list[str]:
    known = set(those)
    return [one for one in these if one not in known]


def _rules(facts: Facts) -> list[str]:
    return [
        f"{pipeline.id}/{stage.id}/{rule.id}"
        for pipeline in facts.pipelines.values()
        for stage in pipeline.stages
        for rule in stage.rules
    ]
