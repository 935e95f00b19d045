"""What the shell offers when a pipeline, a stage or an item is to be named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stageauto.errors import StageautoError

Names = list[tuple[str, str]]


def pipeline_names(ctx: Any, begun: str) -> Names:
    """Pipelines that begin so."""
    from stageauto.runner import completion

    return _asked(ctx, lambda root, user: completion.pipelines(root, user, begun))


def stage_names(ctx: Any, begun: str) -> Names:
    """Stages that begin so, of the pipeline or the item that is named already."""
    from stageauto.runner import completion

    return _asked(ctx, lambda root, user: completion.stages(root, user, begun, *map(ctx.params.get, _WHERE)))


def item_names(ctx: Any, begun: str) -> Names:
    """Items whose id begins so."""
    from stageauto.runner import completion

    return _asked(ctx, lambda root, user: completion.items(root, user, begun))


def rule_names(ctx: Any, begun: str) -> Names:
    """Rules and triggers that begin so, of the pipeline of the item that is named already."""
    from stageauto.runner import completion

    return _asked(ctx, lambda root, user: completion.rules(root, user, begun, ctx.params.get("item")))


def run_names(ctx: Any, begun: str) -> Names:
    """Runs whose id begins so."""
    from stageauto.runner import completion

    return _asked(ctx, lambda root, user: completion.runs(root, user, begun))


def _asked(ctx: Any, found: Callable[..., Names]) -> Names:
    """Nothing, rather than an error in the middle of somebody's line."""
    from stageauto.commands.common import root, settings

    try:
        return found(root(ctx), settings(ctx).as_user)
    except StageautoError:
        return []


_BY_NAME = {"pipeline": pipeline_names, "stage": stage_names, "item": item_names, "rule": rule_names, "run": run_names}
_WHERE = ("pipeline", "item")


def attach(params: list[Any]) -> None:
    """Gives the parameters of a command that name something what completes them."""
    for param in params:
        names = _BY_NAME.get(param.name)
        if names is not None:
            param.shell_complete = _completer(names)


def _completer(names: Callable[[Any, str], Names]) -> Callable[..., Any]:
    def complete(ctx: Any, incomplete: str) -> list[Any]:
        from typer._click.shell_completion import CompletionItem

        return [CompletionItem(name, help=what) for name, what in names(ctx, incomplete)]

    return complete
