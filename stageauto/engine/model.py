"""The admin's world as loaded: frozen, compiled, the same for every event.

The loader makes these from the YAML; nothing here changes after that. What changes (items, runs, contacts) is in
`stageauto.engine.state`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from stageauto.engine import permissions
from stageauto.engine.calendars import Calendar
from stageauto.engine.event_types import EventType
from stageauto.engine.schedule import Repeat, When
from stageauto.engine.values import value

if TYPE_CHECKING:
    from stageauto.engine.action import Action
    from stageauto.engine.conditions import Condition
    from stageauto.engine.templates import Templates, Value


class _Empty(Mapping[str, Any]):
    """No keys at all. A mappingproxy would be no default of a dataclass before Python 3.12: it has no hash there."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


EMPTY: Mapping[str, Any] = _Empty()

MOMENTS = ("date", "datetime")
"""The types of fields that hold a moment."""

AUTOMATION_READ = permissions.AUTOMATION_READ
AUTOMATION_UPDATE = permissions.AUTOMATION_UPDATE
ITEMS_READ = permissions.ITEMS_READ
ITEMS_UPDATE = permissions.ITEMS_UPDATE
PERMISSIONS = permissions.PERMISSIONS


@dataclass(frozen=True, slots=True)
class Place:
    """Where a thing stands in the files: 1-based line and column."""

    file: str = ""
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a pipeline's items."""

    name: str
    type: str
    required: bool = False
    multiple: bool = False
    default: Any = None
    options: tuple[str, ...] = ()
    pipeline: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a failure that may pass is tried again; spans in milliseconds, `attempts` counts the first try."""

    attempts: int = 8
    first: int = 30_000
    factor: float = 4.0
    max: int = 86_400_000

    def pause(self, tried: int) -> int:
        """The milliseconds to wait after the `tried`-th try failed."""
        return int(min(self.first * self.factor ** (tried - 1), self.max))


@dataclass(frozen=True, slots=True)
class Rule:
    """An action that a stage sets going, with its time, chain and condition."""

    id: str
    do: str
    action: Action
    pipeline: str
    stage: str
    index: int
    path: str
    name: str = ""
    condition: Condition | None = None
    when: When = field(default_factory=lambda: When(kind="immediately"))
    hours: str | None = None
    after: tuple[str, ...] = ()
    keep: bool = False
    once_item: bool = False
    retry: Retry | None = None
    continue_on_failure: bool = False
    repeat: Repeat | None = None
    enabled: bool = True
    place: Place = Place()

    @property
    def title(self) -> str:
        """What people call it: its name, else its id."""
        return self.name or self.id


@dataclass(frozen=True, slots=True)
class Trigger:
    """Moves an item INTO its stage when an event comes."""

    id: str
    event: str
    pipeline: str
    stage: str
    index: int
    path: str
    name: str = ""
    where: Mapping[str, tuple[Any, ...]] = EMPTY
    condition: Condition | None = None
    allow_back: bool = False
    move_as: Value | None = None
    set: Mapping[str, Value] = EMPTY
    route_all: bool = False
    enabled: bool = True
    cron: str | None = None
    from_stages: tuple[str, ...] = ()
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Intake:
    """An event that creates an item in this pipeline."""

    id: str
    event: str
    pipeline: str
    stage: str
    path: str
    where: Mapping[str, tuple[Any, ...]] = EMPTY
    condition: Condition | None = None
    set: Mapping[str, Value] = EMPTY
    unless_open_contact: bool = False
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the pipeline; `index` is what "forward" and "back" mean."""

    id: str
    name: str
    index: int
    kind: str = "open"
    rules: tuple[Rule, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    rule_by_id: Mapping[str, Rule] = EMPTY
    place: Place = Place()

    @property
    def closed(self) -> bool:
        """True for a won or lost stage."""
        return self.kind != "open"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Stages in order, their fields, and what creates items here."""

    id: str
    name: str
    entity: str
    fields: Mapping[str, Field]
    stages: tuple[Stage, ...]
    stage_by_id: Mapping[str, Stage]
    intake: tuple[Intake, ...] = ()
    moved: Mapping[str, str] = EMPTY
    renamed: Mapping[str, str] = EMPTY
    # event type -> enabled triggers of the whole pipeline, in stage then file order
    triggers_by_event: Mapping[str, tuple[Trigger, ...]] = EMPTY
    file: str = ""
    # (event type, stage) -> those of the triggers that may move an item from there, in order, and the others with why
    # not; worked out when first asked for
    candidates: dict[tuple[str, str], tuple[tuple[Trigger, ...], tuple[tuple[Trigger, str], ...]]] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )
    moments: tuple[str, ...] = field(init=False, default=(), compare=False, repr=False)  # fields of dates and times
    names: frozenset[str] = field(init=False, default=frozenset(), compare=False, repr=False)  # of all fields

    def __post_init__(self) -> None:
        moments = tuple(one.name for one in self.fields.values() if one.type in MOMENTS)
        object.__setattr__(self, "moments", moments)
        object.__setattr__(self, "names", frozenset(self.fields))

    def rule(self, rule_id: str) -> Rule | None:
        """The rule of that id, in whichever stage."""
        for stage in self.stages:
            found = stage.rule_by_id.get(rule_id)
            if found is not None:
                return found
        return None


@dataclass(frozen=True, slots=True)
class User:
    """Somebody of the staff."""

    id: str
    name: str
    email: str = ""
    phone: str = ""
    roles: tuple[str, ...] = ()
    manager: str | None = None
    mailbox: str | None = None
    calendar: str | None = None
    os_user: str | None = None
    notify: tuple[str, ...] = ()
    telegram: str = ""  # the id of their chat with the bot
    calendar_url: str = ""  # their own calendar, for a channel that writes into calendars


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to the outside as configured. `options` hold the type's own words (may hold Secret values)."""

    name: str
    type: str
    kind: str
    options: Mapping[str, Any] = EMPTY
    concurrency: int = 4
    rate: tuple[int, int] | None = None  # (count, per milliseconds)
    timeout: int = 30_000
    on_unknown: str = "hold"


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that can be booked."""

    id: str
    name: str
    capacity: int = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """The guards; spans in milliseconds, `quiet` as (start minute, end minute) of the local day."""

    automatic_moves: int = 20
    moves_per_day: int = 200
    messages_per_contact: int | None = None
    quiet: tuple[int, int] | None = None
    quiet_channels: frozenset[str] = frozenset()
    retry: Retry = Retry()


@dataclass(frozen=True, slots=True)
class Workspace:
    """Everything loaded and compiled: one version of the configuration."""

    timezone: str
    zone: ZoneInfo
    templates: Templates
    calendars: Mapping[str, Calendar] = EMPTY
    users: Mapping[str, User] = EMPTY
    roles: Mapping[str, Mapping[str, frozenset[str]]] = EMPTY
    channels: Mapping[str, Channel] = EMPTY
    resources: Mapping[str, Resource] = EMPTY
    audiences: Mapping[str, Mapping[str, Any]] = EMPTY
    forms: Mapping[str, Mapping[str, Any]] = EMPTY
    hooks: Mapping[str, Mapping[str, Any]] = EMPTY
    limits: Limits = Limits()
    allow_private: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    vars: Mapping[str, Any] = EMPTY
    pipelines: Mapping[str, Pipeline] = EMPTY
    events: Mapping[str, EventType] = EMPTY
    state: str = ".stageauto/state.db"
    web: Mapping[str, Any] = EMPTY  # what stands under `web:`, with Secret values
    signing: Mapping[str, Any] = EMPTY  # certificate, key (paths in the workspace), password: what seals documents
    base_url: str = ""  # where customers reach the listener, without a slash at the end; "" = nowhere

    @property
    def working(self) -> Calendar | None:
        """The calendar called `working`, which `wd`, `wh` and `hours: responsible` fall back on."""
        return self.calendars.get("working")

    def channel(self, name: str) -> Channel:
        """The channel of that name; one of the standard names that is not set up is a `file` channel."""
        found = self.channels.get(name)
        return found if found is not None else Channel(name=name, type="file", kind=name, on_unknown="resend")


@value(frozen=True, slots=True)
class Event:
    """A fact. `at` is now for whatever it causes; `contact` may be an id or an address of any kind."""

    id: str
    type: str
    at: int
    source: str = ""
    item: str | None = None
    contact: str | None = None
    data: Mapping[str, Any] = EMPTY
    author: str = ""
    # moves of the item so far without anything from outside: what the loop guard counts
    cascade: tuple[str, ...] = ()
    internal: bool = False
