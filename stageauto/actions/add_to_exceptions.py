"""Puts the customer on the exceptions list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from stageauto.engine.action import Action, Context
from stageauto.engine.effects import AddException, DeleteItem, Effect, End
from stageauto.engine.options import Plain, option


@dataclass(frozen=True, slots=True)
class AddToExceptions(Action):
    """Puts the customer's e-mails and phones on the exceptions list.

    Nothing goes to them any more (`suppressed`), and their mails and calls are dropped and counted, not recorded.
    `delete_item: true` deletes the item as well. `stageauto exceptions` shows the list.

    `failed`: the item has no contact (`no_contact`). `undeliverable`: the contact has no address (`no_address`).

    Example:
        id: spammer
        do: add_to_exceptions
        if: "'spam' in item.tags"
        with: {delete_item: true}
    """

    kind: ClassVar[str] = "add_to_exceptions"
    group: ClassVar[str] = "item"

    delete_item: bool = option(Plain("boolean"), "Delete the item as well.", default=False)

    def plan(self, context: Context) -> Sequence[Effect]:
        contact = context.contact()
        if contact is None:
            return [End("failed", "no_contact", "the item has no contact")]
        return [AddException(contact.id), *([DeleteItem()] if self.delete_item else [])]
