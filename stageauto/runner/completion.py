"""Names for the shell to complete, read from the state without compiling anything; nothing at all where that fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stageauto.engine.model import ITEMS_READ
from stageauto.engine.state import FAILED, UNDELIVERABLE
from stageauto.errors import StageautoError
from stageauto.runner.session import Session

if TYPE_CHECKING:
    from stageauto.engine.state import Item
    from stageauto.runner.look import Look

Names = list[tuple[str, str]]
_MOST = 200
_AGAIN = frozenset({FAILED, UNDELIVERABLE})


def pipelines(root: Path, as_user: str | None, begun: str) -> Names:
    """(id, name) of the pipelines that may be seen and begin so."""

    def found(look: Look) -> Names:
        return [(one.id, one.name) for one in look.facts.pipelines.values() if look.may(one.id)]

    return _read(root, as_user, begun, found)


def stages(root: Path, as_user: str | None, begun: str, pipeline: str | None = None, item: str | None = None) -> Names:
    """(id, name) of the stages that begin so: of one pipeline, of that item's, or of all that may be seen."""

    def found(look: Look) -> Names:
        named = _named(look, item)
        pipeline_id = pipeline or (named.pipeline if named else None)
        ones = [one for one in look.facts.pipelines.values() if pipeline_id in (None, one.id) and look.may(one.id)]
        return list(dict.fromkeys((stage.id, stage.name) for one in ones for stage in one.stages))

    return _read(root, as_user, begun, found)


def items(root: Path, as_user: str | None, begun: str) -> Names:
    """(id, title) of the newest items that may be seen and whose id begins so."""

    def found(look: Look) -> Names:
        ones = [
            (one.id, one.title) for one in look.state.items() if look.may(one.pipeline) and one.id.startswith(begun)
        ]
        return ones[-_MOST:]

    return _read(root, as_user, begun, found)


def rules(root: Path, as_user: str | None, begun: str, item: str | None = None) -> Names:
    """(id, what it is) of the rules and triggers that begin so: of that item's pipeline, or of all that may be seen."""

    def found(look: Look) -> Names:
        named = _named(look, item)
        wanted = named.pipeline if named else None
        ones = [one for one in look.facts.pipelines.values() if wanted in (None, one.id) and look.may(one.id)]
        stages = [stage for one in ones for stage in one.stages]
        return [(rule.id, rule.name or rule.do) for stage in stages for rule in stage.rules] + [
            (trigger, f"trigger into {stage.id}") for stage in stages for trigger in stage.triggers
        ]

    return _read(root, as_user, begun, found)


def runs(root: Path, as_user: str | None, begun: str) -> Names:
    """(id, its item's title) of the living and the failed runs that may be seen and begin so."""

    def found(look: Look) -> Names:
        ones = [one for one in look.state.items() if look.may(one.pipeline)]
        named = [(run.id, one.title) for one in ones for run in one.runs.values() if run.living or run.state in _AGAIN]
        return [one for one in named if one[0].startswith(begun)][-_MOST:]

    return _read(root, as_user, begun, found)


def _named(look: Look, item: str | None) -> Item | None:
    own = look.state.resolve_item(item) if item else []
    return look.state.item(own[0]) if len(own) == 1 else None


def _read(root: Path, as_user: str | None, begun: str, found: Callable[[Look], Names]) -> Names:
    from stageauto.runner.look import Look

    try:
        with Session.open(root, as_user=as_user) as session, session.store.read() as state:
            return [one for one in found(Look(session, state, ITEMS_READ)) if one[0].startswith(begun)]
    except (StageautoError, OSError):
        return []
