"""What a channel is made of and given, as the runner would, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stageauto.channels.base import ChannelContext
from stageauto.engine.model import Channel
from stageauto.engine.state import Delivery

NOW = 1_772_438_400_000
"""The moment at which everything here happens: 2026-03-02T08:00:00Z in ms UTC."""


def nothing() -> None:
    """A point of no return that nobody waits at."""


def make_channel(type: str, name: str = "mail", *, on_unknown: str = "hold", **options: Any) -> Channel:
    """A channel as the loader makes it of `channels:` in stageauto.yaml; `options` are those of its type."""
    return Channel(name=name, type=type, kind=name, on_unknown=on_unknown, options=options)


def make_context(root: Path, **changes: Any) -> ChannelContext:
    """What the runner lends to a channel of the workspace in that folder; `changes` are fields of ChannelContext."""
    values = {"root": root, "outbox": root / ".stageauto" / "outbox", "timeout": 10.0, "now": lambda: NOW}
    return ChannelContext(**{**values, **changes})


def make_delivery(kind: str, message: Mapping[str, Any], key: str = "k1", to: str = "ewa@home.test") -> Delivery:
    """One thing to send, as a rule of the deal `d1` decided it at NOW. The service may tell doubles by `key`."""
    return Delivery(
        id=f"delivery-{key}",
        item="d1",
        run="run-1",
        rule="tracking-mail",
        pipeline="deals",
        do="send_email",
        channel=kind,
        kind=kind,
        to=to,
        key=key,
        message=dict(message),
        decided_at=NOW,
    )
