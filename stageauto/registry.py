"""Finds the kinds: one module each in `stageauto.actions`, `stageauto.events`, `stageauto.channels`; also entry points.

A plugin's kinds count only when the workspace names the plugin under `plugins:`; a name that exists twice is refused.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any

from stageauto.engine.action import Action
from stageauto.engine.event_types import EventType
from stageauto.errors import StageautoError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_WAY_OUT = "mend or update the plugin, or leave it out of `plugins`"
ACTIONS, TRIGGERS, CHANNELS = "stageauto.actions", "stageauto.triggers", "stageauto.channels"


class DoubleNameError(StageautoError):
    """Two kinds have the same name."""


class BrokenPluginError(StageautoError):
    """A plugin brings something that cannot be imported, or is no kind."""


class _Own(Mapping[str, Any]):
    """The project's own kinds of one package by name.

    A kind's module bears its name, so that asking for one imports no other: a workspace uses a few of many, and some
    take long to import. Whoever looks at all of them imports them all.
    """

    def __init__(self, package: str, found_in: Callable[[ModuleType], Iterable[tuple[str, Any]]]) -> None:
        self._package = package
        self._found_in = found_in
        self._modules = _module_names(package)
        self._asked: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._asked:
            alone = self._read([name]) if name in self._modules else {}
            self._asked[name] = alone[name] if name in alone else self._all[name]
        return self._asked[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @cached_property
    def _all(self) -> Mapping[str, Any]:
        return self._read(self._modules)

    def _read(self, modules: Iterable[str]) -> dict[str, Any]:
        kinds: dict[str, Any] = {}
        for one in modules:
            module = importlib.import_module(f"{self._package}.{one}")
            for name, kind in self._found_in(module):
                _put(kinds, name, kind, module.__name__)
        return kinds


def _module_names(package: str) -> list[str]:
    """The modules that hold kinds, by name."""
    found = importlib.import_module(package)
    return sorted(info.name for info in pkgutil.iter_modules(found.__path__) if not info.name.startswith("_"))


def _classes(module: ModuleType) -> Iterator[Any]:
    """The classes that are written in that module."""
    for value in vars(module).values():
        if isinstance(value, type) and value.__module__ == module.__name__:
            yield value


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


def _named(group: str, attribute: str, plugins: Sequence[str]) -> Iterator[tuple[str, Any, str]]:
    """The name, the kind and the place of all that plugins bring to a group. Raises BrokenPluginError."""
    for point in _plugin_points(group, plugins):
        try:
            kind = point.load()
        except Exception as error:  # what a stranger's module raises while it is imported is anything
            problem = f"{type(error).__name__}: {error}"
            raise BrokenPluginError(f"{point.value} cannot be imported: {problem}", _WAY_OUT) from error
        name = getattr(kind, attribute, None)
        if not isinstance(name, str):
            what = f"{point.value} has no `{attribute}`, as what `{group}` names must have"
            raise BrokenPluginError(what, _WAY_OUT)
        yield name, kind, point.value


def _put(kinds: dict[str, Any], name: str, kind: Any, where: str) -> None:
    if name in kinds and kinds[name] is not kind:
        raise DoubleNameError(f"{where} brings `{name}`, which exists already", "rename it or leave the plugin out")
    kinds[name] = kind


def _with_plugins(own: Mapping[str, Any], group: str, attribute: str, plugins: Sequence[str]) -> Mapping[str, Any]:
    if not plugins:
        return own
    kinds = dict(own)
    for name, kind, where in _named(group, attribute, plugins):
        _put(kinds, name, kind, where)
    return kinds


@cache
def actions(plugins: tuple[str, ...] = ()) -> Mapping[str, type[Action]]:
    """The kinds of actions by name. Raises DoubleNameError, BrokenPluginError."""
    return _with_plugins(_own_actions(), ACTIONS, "kind", plugins)


@cache
def _own_actions() -> Mapping[str, type[Action]]:
    return _Own("stageauto.actions", _actions_in)


def _actions_in(module: ModuleType) -> Iterator[tuple[str, type[Action]]]:
    for one in _classes(module):
        if issubclass(one, Action) and hasattr(one, "kind"):
            yield one.kind, one


@cache
def events(plugins: tuple[str, ...] = ()) -> Mapping[str, EventType]:
    """The kinds of events by name (modules export them as `EVENTS`). Raises DoubleNameError, BrokenPluginError."""
    kinds: dict[str, EventType] = {}
    for one in _module_names("stageauto.events"):
        module = importlib.import_module(f"stageauto.events.{one}")
        for event in getattr(module, "EVENTS", ()):
            _put(kinds, event.name, event, module.__name__)
    return _with_plugins(kinds, TRIGGERS, "name", plugins)


@cache
def channels(plugins: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """The types of channels by name (classes with a `type`). Raises DoubleNameError, BrokenPluginError."""
    return _with_plugins(_own_channels(), CHANNELS, "type", plugins)


@cache
def _own_channels() -> Mapping[str, Any]:
    return _Own("stageauto.channels", _channels_in)


def _channels_in(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for one in _classes(module):
        if isinstance(vars(one).get("type"), str):
            yield vars(one)["type"], one
