"""What is known of the whole workspace while pipelines and scenarios are read: every name that can be referred to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from stageauto.engine.calendars import Calendar
from stageauto.engine.event_types import EventType
from stageauto.engine.fields import BUILT_IN
from stageauto.engine.model import EMPTY, Channel, Field, Limits, Resource, User
from stageauto.loader.shapes import STANDARD_CHANNELS

if TYPE_CHECKING:
    from stageauto.engine.action import Action
    from stageauto.engine.templates import Templates

BUILT_IN_TYPES: Mapping[str, str] = {
    **{name: field.type for name, field in BUILT_IN.items()},
    "id": "string",
    "stage": "string",
    "pipeline": "string",
    "created_at": "datetime",
    "stage_entered_at": "datetime",
    "links": "item",
}
"""Built-in fields of every item with their types, those that cannot be written included."""


class Anything(set[str]):
    """Names that nobody can tell, so that none is called unknown."""

    def __contains__(self, name: object) -> bool:
        return True


@dataclass(slots=True)
class Outline:
    """A pipeline's names, read before anything that may refer to them."""

    id: str
    file: str
    entity: str = "deal"
    fields: dict[str, Field] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)  # id -> kind, in order
    rules: dict[str, str] = field(default_factory=dict)  # id -> stage
    disabled: set[str] = field(default_factory=set)
    triggers: set[str] = field(default_factory=set)
    broken_fields: set[str] = field(default_factory=set)  # said wrongly: their name is known, not their type

    def field_names(self) -> list[str]:
        """All fields that a template may read."""
        return [*self.fields, *self.broken_fields, *BUILT_IN_TYPES]


@dataclass(slots=True)
class World:
    """The names of a workspace."""

    zone: ZoneInfo
    templates: Templates
    template_files: Mapping[str, str]
    files_present: Callable[[str], bool] | None
    actions: Mapping[str, type[Action]] = EMPTY
    events: Mapping[str, EventType] = EMPTY
    calendars: Mapping[str, Calendar] = EMPTY
    calendar_names: frozenset[str] = frozenset()
    users: Mapping[str, User] = EMPTY
    roles: Mapping[str, Any] = EMPTY
    channels: Mapping[str, Channel] = EMPTY
    channel_names: frozenset[str] = frozenset()
    channel_takes: Mapping[str, tuple[str, ...]] = EMPTY  # by the type of a channel that is set up: kinds of messages
    resources: Mapping[str, Resource] = EMPTY
    audiences: Mapping[str, Any] = EMPTY
    forms: Mapping[str, Any] = EMPTY
    hooks: Mapping[str, Any] = EMPTY
    vars: Mapping[str, Any] = EMPTY
    limits: Limits = field(default_factory=Limits)
    base_url: str = ""
    pipelines: dict[str, Outline] = field(default_factory=dict)

    @property
    def has_working(self) -> bool:
        """True when there is a calendar that `wd` and `wh` count on."""
        return "working" in self.calendar_names

    def names(self, what: str, outline: Outline | None) -> Iterable[str]:
        """The names of that kind; `outline` is the pipeline whose stages, rules and fields are meant."""
        if what in {"stage", "rule", "field"}:
            if outline is None:
                return ()
            return {"stage": outline.stages, "rule": outline.rules, "field": outline.field_names()}[what]
        if what == "channel":
            return {*self.channel_names, *self.channels, *STANDARD_CHANNELS}
        if what == "calendar":
            return self.calendar_names
        if what == "file":
            return [name for name in self.template_files if name.startswith("files/")]
        return getattr(self, {"pipeline": "pipelines"}.get(what, f"{what}s"))  # type: ignore[no-any-return]

    def known(self, what: str, name: str, outline: Outline | None) -> bool:
        """Whether there is one of that name."""
        if what == "file" and self.files_present is not None:
            return self.files_present(f"templates/{name}")
        if what == "event" and name.startswith("app.") and len(name) > len("app."):
            return True
        if what == "field" and outline is not None and name in outline.broken_fields:
            return True
        return name in self.names(what, outline)


def wrong_kind(channel: Channel | None, takes: Mapping[str, tuple[str, ...]], wanted: Sequence[str]) -> str:
    """Why the channel takes no message of any of these kinds; "" where it does, or writes files, or is not set up."""
    kinds = takes.get(channel.type, ("*",)) if channel else ("*",)
    if channel is None or "*" in kinds or set(wanted) & set(kinds):
        return ""
    what = "only receives" if kinds == ("incoming",) else f"takes {' and '.join(kinds)}, no {wanted[0]}"
    return f"the channel `{channel.name}` is of type {channel.type}, which {what}"
