"""Finds the kinds: one module each in `stageauto.actions`, `stageauto.events`, `stageauto.channels`; also entry points.

A plugin's kinds count only when the workspace names the plugin under `plugins:`; a name that exists twice is refused.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from stageauto.engine.action import Action
from stageauto.engine.event_types import EventType
from stageauto.errors import StageautoError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ACTIONS, TRIGGERS, CHANNELS = "stageauto.actions", "stageauto.triggers", "stageauto.channels"


class DoubleNameError(StageautoError):
    """Two kinds have the same name."""


def _modules(package: str) -> Iterable[ModuleType]:
    found = importlib.import_module(package)
    for info in sorted(pkgutil.iter_modules(found.__path__), key=lambda one: one.name):
        if not info.name.startswith("_"):
            yield importlib.import_module(f"{package}.{info.name}")


def _plugin_points(group: str, plugins: Sequence[str]) -> list[EntryPoint]:
    if not plugins:
        return []
    from importlib.metadata import entry_points  # a fiftieth of a second, for those who have plugins

    chosen = {name.replace("-", "_").casefold() for name in plugins}
    return [
        point
        for point in entry_points(group=group)
        if point.dist is not None
        and {point.dist.name.replace("-", "_").casefold(), point.module.split(".")[0].casefold()} & chosen
    ]


def _put(kinds: dict[str, Any], name: str, kind: Any, where: str) -> None:
    if name in kinds and kinds[name] is not kind:
        raise DoubleNameError(f"{where} brings `{name}`, which exists already", "rename it or leave the plugin out")
    kinds[name] = kind


@cache
def _own_actions() -> Mapping[str, type[Action]]:
    kinds: dict[str, type[Action]] = {}
    for module in _modules("stageauto.actions"):
        for value in vars(module).values():
            own = isinstance(value, type) and issubclass(value, Action) and value.__module__ == module.__name__
            if own and hasattr(value, "kind"):
                _put(kinds, value.kind, value, module.__name__)
    return kinds


@cache
def actions(plugins: tuple[str, ...] = ()) -> Mapping[str, type[Action]]:
    """The kinds of actions by name. Raises DoubleNameError."""
    kinds = dict(_own_actions())
    for point in _plugin_points(ACTIONS, plugins):
        kind = point.load()
        _put(kinds, kind.kind, kind, point.value)
    return kinds


@cache
def events(plugins: tuple[str, ...] = ()) -> Mapping[str, EventType]:
    """The kinds of events by name (modules export them as `EVENTS`). Raises DoubleNameError."""
    kinds: dict[str, EventType] = {}
    for module in _modules("stageauto.events"):
        for event in getattr(module, "EVENTS", ()):
            _put(kinds, event.name, event, module.__name__)
    for point in _plugin_points(TRIGGERS, plugins):
        event = point.load()
        _put(kinds, event.name, event, point.value)
    return kinds


@cache
def channels(plugins: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """The types of channels by name (classes with a `type`). Raises DoubleNameError."""
    kinds: dict[str, Any] = {}
    for module in _modules("stageauto.channels"):
        for value in vars(module).values():
            own = isinstance(value, type) and value.__module__ == module.__name__
            if own and isinstance(vars(value).get("type"), str):
                _put(kinds, vars(value)["type"], value, module.__name__)
    for point in _plugin_points(CHANNELS, plugins):
        kind = point.load()
        _put(kinds, kind.type, kind, point.value)
    return kinds
