"""Actions, events and channels as people and machines read them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stageauto.channels.base import Delivered
from stageauto.engine.durations import format_span
from stageauto.engine.event_types import EventType
from stageauto.engine.options import GroupOption, Option, options_of
from stageauto.report.tables import Cell, Table, safe
from stageauto.runner.probe import Listed, Probed
from stageauto.runner.reference import ActionInfo, ChannelInfo, takes


def actions_table(found: Sequence[ActionInfo]) -> Table:
    """One row for each kind of action."""
    rows = [[one.do, one.group, ", ".join(one.entities), one.help] for one in found]
    return Table(("do", "group", "for", "what it does"), rows, "no action fits")


def action_page(one: ActionInfo) -> Iterator[str | Table]:
    """All about one kind of action."""
    return _page(one.do, one, "with")


def types_table(found: Sequence[ChannelInfo]) -> Table:
    """One row for each type of channel."""
    rows = [[one.type, "events come in" if one.incoming else ", ".join(one.kinds), one.help] for one in found]
    return Table(("type", "takes", "what it does"), rows)


def type_page(one: ChannelInfo) -> Iterator[str | Table]:
    """All about one type of channel."""
    return _page(one.type, one, "option")


def type_data(one: ChannelInfo) -> dict[str, Any]:
    """A type of channel as JSON."""
    return {
        "type": one.type, "takes": list(one.kinds), "incoming": one.incoming, "help": one.help,
        "options": _options_data(one.options), "example": one.example,
    }  # fmt: skip


def _options_data(options: Mapping[str, Option]) -> list[dict[str, Any]]:
    return [
        {"name": name, "required": option.required, "help": option.help, "schema": option.type.schema()}
        for name, option in options.items()
    ]


def _option_rows(options: Mapping[str, Option], above: str = "") -> Iterator[list[str | Cell]]:
    """A row for each option, and below a group those of its own options: `say`, `say.text`."""
    for name, option in options.items():
        yield [above + name, takes(option), option.help, "required" if option.required else ""]
        if isinstance(option.type, GroupOption):
            yield from _option_rows(options_of(option.type.cls), f"{above}{name}.")


def _page(word: str, one: ActionInfo | ChannelInfo, column: str) -> Iterator[str | Table]:
    yield safe(f"{word}: {one.help}")
    if one.more:
        yield ""
        yield safe(one.more, keep_lines=True)
    if one.options:
        yield ""
        yield Table((column, "takes", "what it is", ""), list(_option_rows(one.options)))
    if one.example:
        yield ""
        yield safe(one.example, keep_lines=True)


def action_data(one: ActionInfo) -> dict[str, Any]:
    """A kind of action as JSON."""
    return {
        "do": one.do, "group": one.group, "help": one.help, "entities": list(one.entities), "outer": one.outer,
        "options": _options_data(one.options), "example": one.example,
    }  # fmt: skip


def events_table(found: Sequence[EventType]) -> Table:
    """One row for each kind of event."""
    rows = [[one.name, one.group, _by(one), ", ".join(one.where), one.help] for one in found]
    return Table(("event", "group", "caused by", "where", "what it is"), rows, "no event fits")


def _by(one: EventType) -> str:
    return "stageauto" if one.engine else "the customer" if one.customer else "others"


def event_page(one: EventType) -> Iterator[str | Table]:
    """All about one kind of event."""
    yield safe(f"{one.name}: {one.help}")
    yield f"caused by {_by(one)}" + ("; any other keys may stand in its data" if one.open_data else "")
    if one.data:
        yield ""
        yield Table(("data", "what it is"), [[key, what] for key, what in one.data.items()])
    if one.example:
        yield ""
        yield safe(_example(one), keep_lines=True)


def _example(one: EventType) -> str:
    return textwrap.dedent(one.example).strip()


def event_data(one: EventType) -> dict[str, Any]:
    """A kind of event as JSON."""
    return {
        "event": one.name, "group": one.group, "help": one.help, "where": list(one.where), "data": dict(one.data),
        "open_data": one.open_data, "customer": one.customer, "engine": one.engine, "entities": list(one.entities),
        "example": _example(one),
    }  # fmt: skip


def channels_table(found: Sequence[Listed]) -> Table:
    """One row for each channel."""
    rows: list[list[str | Cell]] = []
    for one in found:
        channel = one.channel
        rate = f"{channel.rate[0]} in {format_span(channel.rate[1])}" if channel.rate else ""
        state = Cell("set up", "done") if one.set_up else Cell("not set up: writes files", "skipped")
        rows.append(
            [channel.name, channel.type, channel.kind, str(channel.concurrency), rate, channel.on_unknown, state]
        )
    return Table(("channel", "type", "kind", "at once", "rate", "on unknown", "state"), rows)


def channel_data(one: Listed) -> dict[str, Any]:
    """A channel as JSON; of its options nothing, since they hold secrets."""
    channel = one.channel
    rate = {"count": channel.rate[0], "per_ms": channel.rate[1]} if channel.rate else None
    return {
        "name": channel.name, "type": channel.type, "kind": channel.kind, "concurrency": channel.concurrency,
        "rate": rate, "timeout_ms": channel.timeout, "on_unknown": channel.on_unknown, "set_up": one.set_up,
    }  # fmt: skip


def probe_text(probed: Probed) -> str:
    """What became of a probe, in a sentence."""
    outcome: Any = probed.outcome
    if not probed.to:
        return _looked(probed)
    if isinstance(outcome, Delivered):
        details = ", ".join(f"{key} {value}" for key, value in outcome.answer.items())
        return f"sent to {probed.to} through {probed.channel.name}" + (f" ({details})" if details else "")
    return f"not sent to {probed.to} through {probed.channel.name}: {outcome.reason}"


def _looked(probed: Probed) -> str:
    """What an incoming channel saw."""
    outcome: Any = probed.outcome
    if isinstance(outcome, Delivered):
        details = ", ".join(f"{key} {value}" for key, value in outcome.answer.items())
        return f"{probed.channel.name} can be read: {details}"
    return f"{probed.channel.name} cannot be read: {outcome.reason}"


def probe_data(probed: Probed) -> dict[str, Any]:
    """What became of a probe, as JSON."""
    outcome: Any = probed.outcome
    answer = dict(outcome.answer) if isinstance(outcome, Delivered) else {}
    return {
        "channel": probed.channel.name, "type": probed.channel.type, "to": probed.to, "ok": probed.ok,
        "outcome": type(outcome).__name__.lower(), "answer": answer, "error": "" if probed.ok else outcome.reason,
    }  # fmt: skip
