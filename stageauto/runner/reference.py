"""What the language has: actions and events with what they take, as data."""

from __future__ import annotations

import inspect
import textwrap
from dataclasses import dataclass
from typing import Any

from stageauto import registry
from stageauto.engine.event_types import EventType
from stageauto.engine.options import Option, options_of
from stageauto.errors import UsageError
from stageauto.loader.diagnostics import suggest

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


def actions(entity: str | None = None, name: str | None = None) -> list[ActionInfo]:
    """The kinds of actions (for that entity, or the one of that name), by group and name. Raises UsageError."""
    kinds = registry.actions()
    if name is not None and name not in kinds:
        raise UsageError(f"there is no action `{name}`", suggest(name, kinds))
    if entity is not None and entity not in ENTITIES:
        raise UsageError(f"there is no entity `{entity}`", suggest(entity, ENTITIES))
    found = [_action(word, kind) for word, kind in kinds.items() if name in (None, word)]
    fitting = [one for one in found if entity is None or entity in one.entities]
    return sorted(fitting, key=lambda one: (one.group, one.do))


def _action(word: str, kind: Any) -> ActionInfo:
    prose, _, example = inspect.cleandoc(kind.__doc__ or "").partition("Example:\n")
    first, _, more = prose.strip().partition("\n\n")
    return ActionInfo(
        do=word, group=kind.group, help=first.replace("\n", " "), more=more.strip(), entities=tuple(kind.entities),
        options=options_of(kind), example=textwrap.dedent(example).strip(), outer=kind.outer,
    )  # fmt: skip


def takes(option: Option) -> str:
    """What an option takes, in a word or two."""
    schema = option.type.schema()
    if "enum" in schema:
        return " | ".join(str(word) for word in schema["enum"])
    kind = schema.get("type", "any value")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def events(name: str | None = None) -> list[EventType]:
    """The kinds of events (or the one of that name), by name. Raises UsageError."""
    kinds = registry.events()
    if name is not None and name not in kinds:
        raise UsageError(f"there is no event `{name}`", suggest(name, kinds))
    return [kinds[word] for word in sorted(kinds) if name in (None, word)]
