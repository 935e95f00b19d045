"""Makes a new item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions._new_items import new_values
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import CreateItem as CreateItemEffect
from stageauto.engine.effects import Effect, End
from stageauto.engine.options import FieldsOption, NameOption, Plain, TextOption, option

if TYPE_CHECKING:
    from stageauto.engine.templates import Text, Value


@dataclass(frozen=True, slots=True)
class CreateItem(Action):
    """Makes a new item in any pipeline, linked to this one both ways.

    It has this item's title, contacts, company and responsible, unless something else is said. Without `stage` it
    begins in the first stage. Its id is `results['rule-id'].item`.

    `failed`: a value does not fit its field, or `responsible` is nobody known (`bad_value`).

    Example:
        id: order
        do: create_item
        with:
          pipeline: orders
          title: "Order for {{ item.title }}"
          set: {amount: "{{ item.amount }}"}
    """

    kind: ClassVar[str] = "create_item"
    group: ClassVar[str] = "item"

    pipeline: str = option(NameOption("pipeline"), "The pipeline.")
    stage: str | None = option(NameOption("stage", pipeline_from="pipeline"), "Its stage; default: the first.", None)
    title: Text | None = option(TextOption(), "The title; default: this item's.", None)
    set: dict[str, Value] = option(FieldsOption("pipeline"), "Fields and their values.", default_factory=dict)
    responsible: str | Text = option(
        NameOption("user", templated=True, also=("responsible", "manager")), "Who is responsible.", "responsible"
    )
    link: bool = option(Plain("boolean"), "Link it to this item.", default=True)

    def plan(self, context: Context) -> Sequence[Effect]:
        values = new_values(context, self.title, self.set, self.responsible)
        if isinstance(values, End):
            return [values]
        return [CreateItemEffect(self.pipeline, self.stage, values, self.link)]
