"""Makes a deal, a quote, an invoice, a contact or a company of the item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from stageauto.actions._from_item import contact_from_item, nothing_of
from stageauto.actions._new_items import new_values
from stageauto.actions._people import COMPANY, CONTACT, PersonOption, values_of
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import CreateItem, Effect, End, PutCompany, PutContact
from stageauto.engine.options import Builder, FieldsOption, GroupOption, Json, NameOption, TextOption, at, option

if TYPE_CHECKING:
    from stageauto.engine.templates import Text, Value

_ITEMS = ("deal", "quote", "invoice")


@dataclass(frozen=True, slots=True)
class Target:
    """The item that comes of it."""

    pipeline: str = option(NameOption("pipeline"), "The pipeline.")
    stage: str | None = option(NameOption("stage", pipeline_from="pipeline"), "Its stage; default: the first.", None)
    title: Text | None = option(TextOption(), "The title; default: this item's.", None)
    set: dict[str, Value] = option(FieldsOption("pipeline"), "Fields and their values.", default_factory=dict)


@dataclass(frozen=True, slots=True)
class PersonTargetOption:
    """`true`, or `{set: {...}}`. Builds the dict of `Value` of `set`; None for `false`."""

    words: PersonOption

    def schema(self) -> Json:
        made: Json = {"type": "object", "additionalProperties": False, "properties": {"set": self.words.schema()}}
        return {"anyOf": [{"type": "boolean"}, made]}

    def build(self, raw: Any, builder: Builder) -> dict[str, Value] | None:
        if isinstance(raw, bool):
            return {} if raw else None
        return self.words.build(raw["set"], at(builder, "set")) if "set" in raw else {}


@dataclass(frozen=True, slots=True)
class Convert(Action):
    """Makes a deal of a lead, or a quote or an invoice of a deal; a contact and a company as well, in any combination.

    The new items are linked to this one both ways, and have its title, contacts, company and responsible; `set` fills
    their fields. `contact: true` makes a contact of the item's fields (`first_name`, `last_name`, `name`, and those of
    type email and phone), unless it has one already; `set` says what it has, and changes the one that is there. The
    same with `company`, whose name is the title where nothing else is said. This item stays where it is: chain a
    `change_stage` after it.

    Ids of what was made: `results['rule-id'].deal`, `.quote`, `.invoice`, `.contact`, `.company`.

    `failed`: a value does not fit its field (`bad_value`), or there is nothing to make a contact of (`no_data`).

    Example:
        id: to-deal
        do: convert
        with:
          contact: true
          company: {set: {name: "{{ item.company_name }}"}}
          deal:
            pipeline: orders
            stage: received
            set: {amount: "{{ item.amount }}"}
    """

    kind: ClassVar[str] = "convert"
    group: ClassVar[str] = "item"
    entities: ClassVar[tuple[str, ...]] = ("lead", "deal")

    deal: Target | None = option(GroupOption(Target), "The deal to make.", None)
    quote: Target | None = option(GroupOption(Target), "The quote to make.", None)
    invoice: Target | None = option(GroupOption(Target), "The invoice to make.", None)
    contact: dict[str, Value] | None = option(PersonTargetOption(CONTACT), "Make a contact, or change it.", None)
    company: dict[str, Value] | None = option(PersonTargetOption(COMPANY), "Make a company, or change it.", None)

    def check(self, builder: Builder) -> None:
        made = [getattr(self, name) for name in (*_ITEMS, "contact", "company")]
        if all(one is None for one in made):
            builder.fault(
                "choose-one", "it converts into nothing", hint="write deal, quote, invoice, contact or company"
            )

    def plan(self, context: Context) -> Sequence[Effect]:
        # People first, so that the new items have them too.
        effects = [*self._contact(context), *self._company(context)]
        for name in _ITEMS:
            target = getattr(self, name)
            if target is not None:
                values = new_values(context, target.title, target.set)
                if isinstance(values, End):
                    return [values]
                effects.append(CreateItem(target.pipeline, target.stage, values, as_name=name))
        return next(([one] for one in effects if isinstance(one, End)), effects)

    def _contact(self, context: Context) -> list[Effect]:
        if self.contact is None:
            return []
        there = context.contact()
        values = values_of(context, self.contact)
        if there is not None:
            return [PutContact(there.id, values)] if values else []
        values = contact_from_item(context) | values
        if nothing_of(values):
            return [End("failed", "no_data", "neither a name nor an address to make a contact of")]
        return [PutContact(None, values)]

    def _company(self, context: Context) -> list[Effect]:
        if self.company is None:
            return []
        there = context.company()
        values = values_of(context, self.company)
        if there is not None:
            return [PutCompany(there.id, values)] if values else []
        return [PutCompany(None, values | {"name": values.get("name") or context.item.title})]
