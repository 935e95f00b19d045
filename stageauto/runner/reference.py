"""What the language has: actions, events and types of channels with what they take, as data.

Those of other packages count where a workspace enables them (`plugins:`).
"""

from __future__ import annotations

import inspect
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stageauto import registry
from stageauto.engine.event_types import EventType
from stageauto.engine.options import Option, options_of
from stageauto.engine.scalars import source_text
from stageauto.errors import UsageError
from stageauto.loader.diagnostics import suggest
from stageauto.loader.yaml import read

ENTITIES = ("lead", "deal", "document", "quote", "invoice")


@dataclass(frozen=True, slots=True)
class ActionInfo:
    """A kind of action: `options` by name, `example` as YAML."""

    do: str
    group: str
    help: str
    more: str
    entities: tuple[str, ...]
    options: dict[str, Option]
    example: str
    outer: bool


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """A type of channel; `kinds` are the messages that it takes, `incoming`: events come by it."""

    type: str
    kinds: tuple[str, ...]
    help: str
    more: str
    options: dict[str, Option]
    example: str
    incoming: bool


def enabled(root: Path | None) -> tuple[str, ...]:
    """The plugins that the workspace in that folder enables, as far as its file can be read; none without a folder."""
    if root is None:
        return ()
    try:
        found = read((root / "stageauto.yaml").read_text("utf-8")).root
    except (OSError, UnicodeError):
        return ()
    named = found.get("plugins") if isinstance(found, dict) else None
    return tuple(source_text(one) for one in named) if isinstance(named, list) else ()


def actions(entity: str | None = None, name: str | None = None, plugins: tuple[str, ...] = ()) -> list[ActionInfo]:
    """The kinds of actions (for that entity, or the one of that name), by group and name. Raises UsageError."""
    kinds = registry.actions(plugins)
    if name is not None and name not in kinds:
        raise UsageError(f"there is no action `{name}`", suggest(name, kinds))
    _check_entity(entity)
    found = [_action(word, kind) for word, kind in kinds.items() if name in (None, word)]
    fitting = [one for one in found if entity is None or entity in one.entities]
    return sorted(fitting, key=lambda one: (one.group, one.do))


def _check_entity(entity: str | None) -> None:
    if entity is not None and entity not in ENTITIES:
        raise UsageError(f"there is no entity `{entity}`", suggest(entity, ENTITIES))


def _action(word: str, kind: Any) -> ActionInfo:
    first, more, example = _prose(kind)
    return ActionInfo(
        do=word, group=kind.group, help=first, more=more, entities=tuple(kind.entities), options=options_of(kind),
        example=example, outer=kind.outer,
    )  # fmt: skip


def _prose(kind: Any) -> tuple[str, str, str]:
    """The first paragraph of a kind's docstring on one line, the others, and its example."""
    prose, _, example = inspect.cleandoc(kind.__doc__ or "").partition("Example:\n")
    first, _, more = prose.strip().partition("\n\n")
    return first.replace("\n", " "), more.strip(), textwrap.dedent(example).strip()


def takes(option: Option) -> str:
    """What an option takes, in a word or two."""
    schema = option.type.schema()
    if "enum" in schema:
        return " | ".join(str(word) for word in schema["enum"])
    kind = schema.get("type", "any value")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def events(name: str | None = None, entity: str | None = None, plugins: tuple[str, ...] = ()) -> list[EventType]:
    """The kinds of events (for that entity, or the one of that name), by group and name. Raises UsageError."""
    kinds = registry.events(plugins)
    if name is not None and name not in kinds:
        raise UsageError(f"there is no event `{name}`", suggest(name, kinds))
    _check_entity(entity)
    found = [one for word, one in kinds.items() if name in (None, word) and entity in (None, *one.entities)]
    return sorted(found, key=lambda one: (one.group, one.name))


def channel_types(name: str | None = None, plugins: tuple[str, ...] = ()) -> list[ChannelInfo]:
    """The types of channels (or the one of that name), by name. Raises UsageError."""
    kinds = registry.channels(plugins)
    if name is not None and name not in kinds:
        raise UsageError(f"there is no type of channel `{name}`", suggest(name, kinds))
    found = []
    for word in sorted(kinds):
        if name in (None, word):
            kind = kinds[word]
            first, more, example = _prose(kind)
            taken = tuple("all" if one == "*" else one for one in kind.kinds)
            found.append(ChannelInfo(word, taken, first, more, options_of(kind.options), example, kind.incoming))
    return found
