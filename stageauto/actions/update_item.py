"""Changes fields of the item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions._values import failed
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, SetFields
from stageauto.engine.fields import BUILT_IN
from stageauto.engine.options import FieldsOption, Plain, option

if TYPE_CHECKING:
    from stageauto.engine.templates import Value


@dataclass(frozen=True, slots=True)
class UpdateItem(Action):
    """Writes fields of the item, any number of them at once.

    A value may be counted from others: `"{{ item.amount * 1.1 }}"`. An empty value empties the field. With
    `append: true` values are added to fields that hold several, instead of taking their place; a value that stands
    there already is not added again. All of them are written, or, where one does not fit its field, none.

    `failed`: a value does not fit its field, or `append` is asked of a field that holds only one (`bad_value`).

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

    def plan(self, context: Context) -> Sequence[Effect]:
        if self.append:
            for name in self.set:
                field = context.pipeline.fields.get(name) or BUILT_IN.get(name)
                if field is not None and not field.multiple:
                    return [failed(f"the field {name} holds one value; nothing can be appended to it")]
        return [SetFields({name: context.render(value) for name, value in self.set.items()}, self.append)]
