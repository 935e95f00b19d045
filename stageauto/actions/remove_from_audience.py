"""Takes the customer out of an advertising audience."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from stageauto.actions._audiences import REMOVE, change
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect
from stageauto.engine.options import Choice, NameOption, Plain, option


@dataclass(frozen=True, slots=True)
class RemoveFromAudience(Action):
    """Takes the customer out of an audience of an advertising network.

    It is given what `add_to_audience` gives: hashes of the e-mails and phone numbers that the customer has now. Taking
    out somebody who is not in is harmless. Nobody is `suppressed` here: whoever opted out or is on the exceptions list
    is taken out all the same.

    Networks that take many at once only (vk, yandex) get customers together: until enough have come the rule is
    pending, and leaving the stage ends it. `on_leave: keep` keeps it.

    `undeliverable`, and nothing is sent: there is no address of that type (`no_address`), or none that could be one
    (`bad_address`).

    Example:
        id: has-bought
        do: remove_from_audience
        on_leave: keep
        with: {audience: spring}
    """

    kind: ClassVar[str] = "remove_from_audience"
    group: ClassVar[str] = "advertising"
    outer: ClassVar[bool] = True

    audience: str = option(NameOption("audience"), "The audience of stageauto.yaml.")
    type: str = option(Plain(), "Which of the customer's addresses: auto (any), work, private, mobile, ...", "auto")
    pick: str = option(
        Choice(("all", "first", "last")), "All of that type, or the first or last e-mail and phone.", "all"
    )

    def plan(self, context: Context) -> Sequence[Effect]:
        return change(context, self.audience, REMOVE, self.type, self.pick)
