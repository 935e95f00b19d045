"""Checks one unit of a file (a rule, a field, a user) and keeps of it what can be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stageauto.loader.check import check
from stageauto.loader.source import Spot
from stageauto.loader.yaml import Map


def fitting(spot: Spot, raw: Any, schema: Mapping[str, Any]) -> Map | None:
    """The mapping without the keys that are wrong (they are reported), or None where it cannot be used at all."""
    bad = check(spot, raw, schema)
    if bad is None or not isinstance(raw, Map):
        return None
    if not bad:
        return raw
    kept = Map(raw.span)
    for key, value in raw.items():
        if key not in bad:
            kept[key] = value
            kept.key_spans[key], kept.spans[key] = raw.key_spans[key], raw.spans[key]
    missing = [name for name in schema.get("required", ()) if name not in kept]
    return None if missing else kept
