"""What every new item that a rule makes has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stageauto.actions import _values
from stageauto.engine.action import Context
from stageauto.engine.effects import End

if TYPE_CHECKING:
    from stageauto.engine.templates import Text, Value


def new_values(
    context: Context, title: Text | None, fields: Mapping[str, Value], responsible: str | Text = "responsible"
) -> dict[str, Any] | End:
    """Its fields and built-ins: the title of this item and who is responsible for it, where nothing else is said."""
    person = _values.person(context, responsible, "responsible")
    if isinstance(person, End):
        return person
    values: dict[str, Any] = {"title": _values.one_line(context.words(title)) or context.item.title}
    if person is not None:
        values["responsible"] = person
    return values | {name: context.render(value) for name, value in fields.items()}
