"""Changes fields of the item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, SetFields
from stageauto.engine.options import Builder, FieldsOption, Plain, option

if TYPE_CHECKING:
    from stageauto.engine.templates import Value


@dataclass(frozen=True, slots=True)
class UpdateItem(Action):
    """Writes fields of the item, any number of them at once.

    A value may be counted from others: `"{{ item.amount * 1.1 }}"`. An empty value empties the field. With
    `append: true` values are added to fields that hold several, instead of taking their place; a value that stands
    there already is not added again. All of them are written, or, where one does not fit its field, none.

    `failed`: a value does not fit its field (`bad_value`).

    Example:
        id: raise-amount
        do: update_item
        with:
          set:
            amount: "{{ item.amount * 1.1 }}"
            title: "{{ item.title }} (urgent)"
    """

    kind: ClassVar[str] = "update_item"
    group: ClassVar[str] = "item"

    set: dict[str, Value] = option(FieldsOption(), "Fields and their new values.")
    append: bool = option(Plain("boolean"), "Add to fields that hold several values.", default=False)

    def check(self, builder: Builder) -> None:
        for name in self.set if self.append else ():
            if not builder.holds_many(name):
                message = f"the field `{name}` holds one value; nothing can be appended to it"
                hint = "leave `append` out, or add `multiple: true` to the field"
                builder.fault("bad-value", message, ("set", name), hint=hint)

    def plan(self, context: Context) -> Sequence[Effect]:
        return [SetFields({name: context.render(value) for name, value in self.set.items()}, self.append)]
