"""A contact made of what stands in the item's own fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stageauto.actions._people import addresses
from stageauto.engine.action import Context


def contact_from_item(context: Context) -> dict[str, Any]:
    """Names from fields called `first_name`, `last_name`, `name`; addresses from fields of type email and phone."""
    fields = context.item.fields
    first, _, last = str(fields.get("name") or "").strip().partition(" ")
    found: dict[str, Any] = {
        "first_name": str(fields.get("first_name") or first).strip(),
        "last_name": str(fields.get("last_name") or last).strip(),
        "email": addresses(_of_type(context, "email")),
        "phone": addresses(_of_type(context, "phone")),
    }
    return {word: value for word, value in found.items() if value}


def _of_type(context: Context, kind: str) -> Iterator[Any]:
    for field in context.pipeline.fields.values():
        value = context.item.fields.get(field.name)
        if field.type == kind and value:
            yield from value if isinstance(value, list | tuple) else (value,)


def nothing_of(values: Mapping[str, Any]) -> bool:
    """True when there is neither a name nor an address to make a contact of."""
    return not any(
        values.get(word) for word in ("first_name", "last_name", "name", "email", "emails", "phone", "phones")
    )
