"""Makes a contact of a lead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions._from_item import contact_from_item, nothing_of
from stageauto.actions._people import CONTACT, values_of
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, End, PutContact
from stageauto.engine.options import option

if TYPE_CHECKING:
    from stageauto.engine.templates import Value


@dataclass(frozen=True, slots=True)
class CreateContact(Action):
    """Makes a contact and links it to the item.

    The item becomes a returning customer's (`repeat`); it is not converted. The contact is made of the item's fields:
    names from `first_name`, `last_name` or `name`, addresses from all fields of type email and phone. What stands under
    `set` goes before.

    `failed`: there is nothing to make a contact of (`no_data`). Its id is `results['rule-id'].contact`.

    Example:
        id: make-contact
        do: create_contact
        if: not contact
        with:
          set:
            first_name: "{{ item.first_name }}"
            emails: {value: "{{ item.email }}", type: work}
    """

    kind: ClassVar[str] = "create_contact"
    group: ClassVar[str] = "item"
    entities: ClassVar[tuple[str, ...]] = ("lead",)

    set: dict[str, Value] = option(
        CONTACT, "What the contact has, besides or instead of the item's.", default_factory=dict
    )

    def plan(self, context: Context) -> Sequence[Effect]:
        values = contact_from_item(context) | values_of(context, self.set)
        if nothing_of(values):
            return [End("failed", "no_data", "neither a name nor an address to make a contact of")]
        return [PutContact(None, values, mark_repeat=True)]
