"""A scenario as data: what is given, the steps on a virtual clock, what is expected; it is executed elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stageauto.engine.durations import Duration
from stageauto.engine.model import EMPTY, Place


@dataclass(frozen=True, slots=True)
class GivenContact:
    """A customer; `values` as in `engine.state.Contact`: addresses are [{"value", "type"}], `opt_out` a list."""

    id: str
    values: Mapping[str, Any] = EMPTY
    company: str | None = None  # id of a given company


@dataclass(frozen=True, slots=True)
class GivenCompany:
    """A customer's company; `values` as in `engine.state.Company`."""

    id: str
    values: Mapping[str, Any] = EMPTY


@dataclass(frozen=True, slots=True)
class GivenItem:
    """An item that is there at the start. Contacts and company by id; those written inside it have ids made here."""

    id: str
    pipeline: str
    stage: str
    title: str
    responsible: str | None = None
    fields: Mapping[str, Any] = EMPTY  # raw: to be made fit by `engine.fields.coerce`, defaults not filled in
    contacts: tuple[str, ...] = ()
    company: str | None = None
    tags: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Fail:
    """Sending fails: on a kind of message or a channel, so many times (None = always), or for good."""

    channel: str
    times: int | None = None
    error: str = "it fails, as the scenario says"
    permanent: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """What is there at the start, each list in the order of the file."""

    items: tuple[GivenItem, ...] = ()
    contacts: tuple[GivenContact, ...] = ()
    companies: tuple[GivenCompany, ...] = ()
    exceptions: tuple[str, ...] = ()
    fail: tuple[Fail, ...] = ()


@dataclass(frozen=True, slots=True)
class Emit:
    """An event from outside."""

    event: str
    item: str | None = None
    contact: str | None = None
    id: str | None = None
    data: Mapping[str, Any] = EMPTY


@dataclass(frozen=True, slots=True)
class Move:
    """A move by hand; `user` None = nobody."""

    item: str
    to: str
    user: str | None = None
    reason: str = ""
    restart: bool = False


@dataclass(frozen=True, slots=True)
class SetFields:
    """Fields changed by hand; None empties one."""

    item: str
    fields: Mapping[str, Any]
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """An item deleted by hand."""

    item: str
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """An item put on hold by hand."""

    item: str
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Resume:
    """An item's hold ended by hand."""

    item: str
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One expectation of a list, with its place for the report."""

    values: Mapping[str, Any]
    place: Place


@dataclass(frozen=True, slots=True)
class ExpectedItem:
    """What an item is expected to be; `values` None = deleted."""

    id: str
    values: Mapping[str, Any] | None
    place: Place


@dataclass(frozen=True, slots=True)
class Expect:
    """What is expected of everything so far.

    `lists` by sent, not_sent, pending, outcomes, created, events, tasks, activities, bookings, documents,
    contacts; only those that stand in the file are there. `places` has the place of each key.
    """

    items: tuple[ExpectedItem, ...] = ()
    moves: Mapping[str, tuple[str, ...]] = EMPTY
    lists: Mapping[str, tuple[Entry, ...]] = EMPTY
    exactly: bool = False
    places: Mapping[str, Place] = EMPTY


Deed = Emit | Move | SetFields | Delete | Hold | Resume | Expect


@dataclass(frozen=True, slots=True)
class Step:
    """One step, after its time: a span since the step before, a local time, or at once."""

    deed: Deed
    after: Duration | None = None
    at: str | None = None
    place: Place = field(default_factory=Place)
    path: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A test on a virtual clock; `start` is local text for `engine.schedule.parse_local`."""

    name: str
    file: str
    start: str
    given: Given = field(default_factory=Given)
    steps: tuple[Step, ...] = ()
