"""The functions behind the inner names that lowering puts into a tree (`@compare`, `@loop`, ...), and all filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stageauto.engine.template_filters import FILTERS
from stageauto.engine.template_lists import as_list
from stageauto.engine.template_tests import FUNCTIONS, METHODS
from stageauto.engine.template_values import Run, plain


def _compare(run: Run, value: Any, *pairs: Any) -> bool:
    return run.values.compare(run, value, *pairs)


def _compute(run: Run, value: Any, operator: str, *right: Any) -> Any:
    return run.values.compute(run, value, operator, *right)


def _concat(run: Run, _: Any, *parts: Any) -> Any:
    return run.values.concat(run, *parts)


def _list(run: Run, _: Any, *parts: Any) -> Any:
    return run.keep([plain(one) for one in parts])


def _dict(run: Run, _: Any, *pairs: Any) -> Any:
    made = {}
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        key = plain(key)  # noqa: PLW2901 - the same key, without Jinja2's undefined
        if isinstance(key, (str, int, float)):
            made[key] = plain(value)
    return run.keep(made)


def _slice(run: Run, value: Any, *bounds: Any) -> Any:
    whole = [one if isinstance(one, int) else None for one in map(plain, bounds)]
    return run.keep(run.values.lookup(plain(value), slice(*whole)))


def _unpack(run: Run, value: Any, arity: int) -> tuple[Any, ...]:
    parts = as_list(run, plain(value))[:arity]
    return (*parts, *[None] * (arity - len(parts)))


def _loop(run: Run, value: Any, arity: int, weight: int) -> list[Any]:
    parts = as_list(run, plain(value))
    run.spend(len(parts) * weight)
    return [_unpack(run, one, arity) for one in parts] if arity else parts


INNER: dict[str, Callable[..., Any]] = {
    "@compare": _compare,
    "@compute": _compute,
    "@concat": _concat,
    "@list": _list,
    "@dict": _dict,
    "@slice": _slice,
    "@unpack": _unpack,
    "@loop": _loop,
    **{f"@function {name}": function for name, function in FUNCTIONS.items()},
    **{f"@method {name}": function for name, function in METHODS.items()},
    **FILTERS,
}
