"""Changes the item's company."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions._people import COMPANY, values_of
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, End, PutCompany
from stageauto.engine.options import option

if TYPE_CHECKING:
    from stageauto.engine.templates import Value


@dataclass(frozen=True, slots=True)
class ChangeCompany(Action):
    """Changes the item's company: its `name`, `emails` and `phones`.

    Under `emails` and `phones` one address is added to those that are there; a list takes their place.

    `failed`: the item has no company (`no_company`).

    Example:
        id: keep-mail
        do: change_company
        if: company and item.email
        with:
          set: {emails: "{{ item.email }}"}
    """

    kind: ClassVar[str] = "change_company"
    group: ClassVar[str] = "item"

    set: dict[str, Value] = option(COMPANY, "What is to be changed.")

    def plan(self, context: Context) -> Sequence[Effect]:
        company = context.company()
        if company is None:
            return [End("failed", "no_company", "the item has no company")]
        return [PutCompany(company.id, values_of(context, self.set))]
