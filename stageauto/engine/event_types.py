"""What is known of a kind of event: its data, what `where` may ask, and who caused it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EventType:
    """One row of the catalogue of events."""

    name: str
    help: str
    where: tuple[str, ...] = ()  # the usual keys of `where`; keys of `data` are allowed as well
    data: Mapping[str, str] = field(default_factory=dict)  # key -> what it is
    open_data: bool = False  # any other key may stand in the data and in `where` (forms, hooks, app.*)
    customer: bool = False  # caused by the customer: ends waits
    engine: bool = False  # made by stageauto itself (can be emitted by hand as well)
    contact_keys: tuple[str, ...] = ()  # data keys that may hold an address or id of the contact, best first
    token_keys: tuple[str, ...] = ()  # data keys that may hold a token of an item (see State.item_of_token)
    machine: tuple[str, ...] = ()  # data keys that, when true, say that no person did it: it ends and moves nothing
    example: str = ""  # a trigger in YAML, loaded in a test
    group: str = ""
    entities: tuple[str, ...] = ("lead", "deal", "document")
