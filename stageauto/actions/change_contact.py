"""Changes the item's contact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions._people import CONTACT, values_of
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, End, PutContact
from stageauto.engine.options import option

if TYPE_CHECKING:
    from stageauto.engine.templates import Value


@dataclass(frozen=True, slots=True)
class ChangeContact(Action):
    """Changes the item's contact, the first one of several.

    It can have a `first_name`, `last_name`, `emails`, `phones`, `language`, `timezone` and `opt_out`. Under `emails`
    and `phones` one address is added to those that are there; a list takes their place. `opt_out` is a list of mail,
    sms, call, chat, whatsapp and audience, or true for all of them.

    `failed`: the item has no contact (`no_contact`).

    Example:
        id: keep-phone
        do: change_contact
        if: item.phone
        with:
          set:
            phones: {value: "{{ item.phone }}", type: work}
            language: pl
    """

    kind: ClassVar[str] = "change_contact"
    group: ClassVar[str] = "item"

    set: dict[str, Value] = option(CONTACT, "What is to be changed.")

    def plan(self, context: Context) -> Sequence[Effect]:
        contact = context.contact()
        if contact is None:
            return [End("failed", "no_contact", "the item has no contact")]
        return [PutContact(contact.id, values_of(context, self.set))]
