"""Adds the customer to an advertising audience."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from stageauto.actions._audiences import ADD, change
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect
from stageauto.engine.options import Choice, NameOption, Plain, option


@dataclass(frozen=True, slots=True)
class AddToAudience(Action):
    """Adds the customer to an audience of an advertising network, so that your ads reach them or leave them out.

    `audience` names an entry of `audiences` in stageauto.yaml. Of the customer only e-mails and phone numbers are
    given, all of them unless `type` and `pick` choose, and the network gets nothing but their hashes. Of several
    contacts the first is taken, and where there is no contact, the company. Adding somebody twice is harmless.

    Networks that take many at once only (vk, yandex) get customers together: until enough have come the rule is
    pending, and leaving the stage ends it. `on_leave: keep` keeps it.

    `undeliverable`, and nothing is sent: there is no address of that type (`no_address`), or none that could be one
    (`bad_address`). Whoever is on the exceptions list or has opted out of `audience` is `suppressed`.

    Example:
        id: spring-campaign
        do: add_to_audience
        if: "contact.email or contact.phone"
        on_leave: keep
        with: {audience: spring}
    """

    kind: ClassVar[str] = "add_to_audience"
    group: ClassVar[str] = "advertising"
    outer: ClassVar[bool] = True

    audience: str = option(NameOption("audience"), "The audience of stageauto.yaml.")
    type: str = option(Plain(), "Which of the customer's addresses: auto (any), work, private, mobile, ...", "auto")
    pick: str = option(
        Choice(("all", "first", "last")), "All of that type, or the first or last e-mail and phone.", "all"
    )

    def plan(self, context: Context) -> Sequence[Effect]:
        return change(context, self.audience, ADD, self.type, self.pick)
