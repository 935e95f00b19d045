"""Prints a label for a parcel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect, End, Result, Send
from stageauto.engine.options import Builder, ListOption, NameOption, Plain, TextOption, option

if TYPE_CHECKING:
    from stageauto.engine.templates import Text

MOST_LINES = 6


@dataclass(frozen=True, slots=True)
class PrintLabel(Action):
    """Prints a label for a parcel on the printer in the warehouse.

    Lines that come out empty are left out. How many were printed stands in `results['rule-id'].lines`.

    `undeliverable`: all lines are empty (`no_text`).

    Example:
        id: label
        do: print_label
        with:
          lines: ["{{ contact.name }}", "{{ item.address }}"]
          copies: 2
          channel: warehouse
    """

    kind: ClassVar[str] = "print_label"
    group: ClassVar[str] = "own"
    entities: ClassVar[tuple[str, ...]] = ("deal",)
    outer: ClassVar[bool] = True

    lines: tuple[Text, ...] = option(ListOption(TextOption(), or_one=True, min_items=1), "What stands on it.")
    channel: str = option(NameOption("channel"), "The printer: a channel of type label_printer.")
    copies: int = option(Plain("integer", 1, 20), "How many of it.", 1)

    def check(self, builder: Builder) -> None:
        if len(self.lines) > MOST_LINES:
            message = f"a label has room for {MOST_LINES} lines; these are {len(self.lines)}"
            builder.fault("label-too-long", message, ("lines",), hint="put two of them on one line")

    def plan(self, context: Context) -> Sequence[Effect]:
        lines = [line for one in self.lines if (line := context.words(one).strip())]
        if not lines:
            return [End("undeliverable", "no_text", "the label is empty")]
        message = {"lines": lines, "copies": self.copies}
        return [Send("label", self.channel, lines[0], message), Result({"lines": len(lines)})]
