"""`channels:` of stageauto.yaml: the keys that all types share, and each type's own options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from stageauto.engine.model import Channel, User
from stageauto.engine.options import options_of, schema_of
from stageauto.engine.scalars import source_text
from stageauto.loader import shapes
from stageauto.loader.check import check
from stageauto.loader.diagnostics import WARNING, shown, suggest
from stageauto.loader.environment import Environment
from stageauto.loader.shape_check import fitting
from stageauto.loader.source import Spot
from stageauto.loader.timing import read_span
from stageauto.loader.world import wrong_kind
from stageauto.loader.yaml import Map

_RATE: Final = re.compile(r"([1-9][0-9]{0,6}) */ *(s|sec|second|m|min|minute|h|hour|d|day)", re.ASCII)
_PER: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TIMEOUT: Final = 30_000
_NOTIFIED: Final = ("mail", "sms", "chat", "whatsapp", "call", "notify")


@cache
def channel_schema(kind: Any) -> Mapping[str, Any]:
    """The JSON Schema of a channel of that type."""
    own = schema_of(kind.options)
    return {
        **own,
        "properties": {"type": {"const": kind.type}, **shapes.CHANNEL_COMMON, **own["properties"]},
        "required": ["type", *own.get("required", ())],
    }


def read_channels(spot: Spot, raw: Map, kinds: Mapping[str, Any], environment: Environment) -> dict[str, Channel]:
    """The channels by name; the spot is that of `channels`."""
    bad_names = check(spot, raw, {"propertyNames": {"pattern": shapes.ID}}) or set()
    found = {}
    for name, one in raw.items():
        channel = None if name in bad_names else _channel(spot.at(name), name, one, kinds, environment)
        if channel is not None:
            found[name] = channel
    return found


def _channel(spot: Spot, name: str, raw: Any, kinds: Mapping[str, Any], environment: Environment) -> Channel | None:
    if check(spot, raw, {"type": "object", "required": ["type"], "properties": {"type": {"type": "string"}}}) != set():
        return None
    kind = kinds.get(source_text(environment.opened(raw["type"])))
    if kind is None:
        message = f"there is no type of channel {shown(raw['type'])}"
        spot.fault("unknown-channel-type", message, ("type",), hint=suggest(source_text(raw["type"]), kinds))
        return None
    said = options_of(kind.options)
    opened = _opened(raw, said, environment)
    kept = fitting(spot, opened, channel_schema(kind))
    if kept is None:
        return None
    if len(kept) == len(opened):  # what was wrong by its type has been said
        _report_faults(spot, kind, kept, said, environment)
    options = {
        key: environment.sealed(raw[key]) for key in kept if key in said and not _is_written(kept[key], raw[key])
    }
    options.update(
        {
            key: source_text(kept[key]) if _wants_text(said[key]) else kept[key]
            for key in kept
            if key in said and key not in options
        }
    )
    return Channel(
        name=name,
        type=kind.type,
        kind=_kind(name, kind, kept),
        options=MappingProxyType(options),
        concurrency=int(kept.get("concurrency", 4)),
        rate=read_rate(spot, kept["rate"]) if "rate" in kept else None,
        timeout=read_span(spot, kept["timeout"], ("timeout",), _TIMEOUT) if "timeout" in kept else _TIMEOUT,
        on_unknown=str(kept.get("on_unknown", kind.on_unknown)),
    )


def _report_faults(spot: Spot, kind: Any, kept: Map, said: Mapping[str, Any], environment: Environment) -> None:
    """What the channel itself finds wrong with its options."""
    find = getattr(kind, "faults", None)  # channels of other packages need have none
    plain = {
        key: source_text(kept[key]) if _wants_text(said[key]) else _plain(kept[key], environment)
        for key in kept
        if key in said
    }
    if find is None or "" in plain.values() or environment.lacks(spot.path):  # a missing variable has been told
        return
    for fault in find(plain):
        message = f"`{fault.option}`: {fault.message}" if fault.option else fault.message
        spot.fault("bad-channel", message, (fault.option,) if fault.option in kept else (), hint=fault.hint)


def _plain(value: Any, environment: Environment) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one, environment) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, environment) for one in value]
    return environment.opened(value)


def _wants_text(said: Any) -> bool:
    return bool(said.type.schema().get("type") == "string")


def _is_written(kept: Any, raw: Any) -> bool:
    """True for a scalar whose value could be taken from the file or the environment as it is."""
    return not isinstance(kept, Mapping | list) and (kept is raw or not isinstance(kept, str))


def _opened(raw: Map, said: Mapping[str, Any], environment: Environment) -> Map:
    """The channel's data with what comes from the environment in plain, to be checked; it is not kept."""
    made = Map(raw.span)
    made.key_spans, made.spans = raw.key_spans, raw.spans
    for key, value in raw.items():
        made[key] = environment.opened(value)
        if key in said and _wants_text(said[key]) and made[key] is not value:
            made[key] = source_text(made[key])
    return made


def _kind(name: str, kind: Any, opened: Mapping[str, Any]) -> str:
    if "*" not in kind.kinds:
        return name if name in kind.kinds else str(kind.kinds[0])
    return source_text(opened.get("kind") or name)


def files_for_audiences(audiences: Mapping[str, Mapping[str, Any]]) -> dict[str, Channel]:
    """The `file` channels for networks that an audience names and nobody has set up, so that it can be tried."""
    named = {source_text(one.get("channel", "")) for one in audiences.values()} & {*shapes.AUDIENCE_CHANNELS}
    return {name: Channel(name=name, type="file", kind="audience", on_unknown="resend") for name in sorted(named)}


def check_audiences(
    spot: Spot, audiences: Mapping[str, Mapping[str, Any]], channels: Mapping[str, Channel], kinds: Mapping[str, Any]
) -> None:
    """Reports audiences whose channel keeps none, and those that do not say which list is theirs there."""
    for name, entry in audiences.items():
        channel = channels.get(entry["channel"])
        kind = kinds.get(channel.type) if channel else None
        if channel is None or kind is None or "*" in kind.kinds:
            continue
        if "audience" not in kind.kinds:
            message = f"the channel `{channel.name}` is of type {channel.type}, which has no audiences"
            hint = "name one of type facebook, google_ads, vk, yandex or file"
            spot.at(name).fault("channel-kind", message, ("channel",), hint=hint)
            continue
        wanted: tuple[str, ...] = getattr(kind, "audience_keys", ("list",))
        wrong = [key for key in entry if key not in {"channel", *wanted}]
        for key in wrong:
            message = f"an audience of {channel.type} has no `{key}`"
            spot.at(name).fault("unknown-key", message, (key,), hint=_either(wanted), on_key=True)
        if not wrong and not any(entry.get(key) for key in wanted):
            message = f"the audience `{name}` does not say which one of {channel.type} it is"
            spot.at(name).fault("missing-key", message, hint=_either(wanted), missing=True)


def check_uses(
    spot: Spot, users: Mapping[str, User], channels: Mapping[str, Channel], takes: Mapping[str, tuple[str, ...]]
) -> None:
    """Reports channels that users name for what they do not do, and those that carry the name of another kind.

    The spot is that of the whole file.
    """
    for name, user in users.items():
        wrong = wrong_kind(channels.get(user.mailbox or ""), takes, ("mail",))
        if wrong:
            hint = "name one that sends mail, such as one of type smtp"
            spot.at("users", name).fault("channel-kind", wrong, ("mailbox",), hint=hint)
        for index, one in enumerate(user.notify):
            wrong = wrong_kind(channels.get(one), takes, _NOTIFIED)
            if wrong:
                spot.at("users", name).fault("channel-kind", wrong, ("notify", index), hint="name mail, sms or chat")
    for kind in shapes.STANDARD_CHANNELS:
        wrong = wrong_kind(channels.get(kind), takes, (kind,))
        if wrong:
            hint = f"`{kind}` is the channel of rules that name none: give this one another name"
            spot.at("channels").fault("channel-kind", wrong, (kind,), hint=hint, severity=WARNING, on_key=True)


def _either(keys: tuple[str, ...]) -> str:
    return f"write its id as {' or '.join(f'`{key}`' for key in keys)}"


def read_rate(spot: Spot, raw: Any) -> tuple[int, int] | None:
    """(count, per milliseconds), or None where it is no rate."""
    match = _RATE.fullmatch(source_text(raw))
    if match is None:
        spot.fault("bad-rate", f"{shown(raw)} is no rate", ("rate",), hint="write it like 60/min or 5/s")
        return None
    return int(match[1]), _PER[match[2][0]]
