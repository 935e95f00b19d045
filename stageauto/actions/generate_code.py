"""Writes a code that nobody else has into a field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from stageauto.actions._values import one_line
from stageauto.engine.action import Action, Context
from stageauto.engine.effects import Effect
from stageauto.engine.effects import GenerateCode as GenerateCodeEffect
from stageauto.engine.options import Builder, NameOption, Plain, TextOption, option

if TYPE_CHECKING:
    from stageauto.engine.templates import Text

UNAMBIGUOUS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_FEWEST_CODES = 100_000


@dataclass(frozen=True, slots=True)
class GenerateCode(Action):
    """Writes a code into a field: drawn by lot, and unique in the workspace.

    By default it has 8 characters that nobody mistakes for one another on paper or on the phone. `prefix` stands in
    front and is not counted. The code is `results['rule-id'].code` as well.

    Example:
        id: voucher
        do: generate_code
        with: {field: voucher, length: 6, prefix: "SPRING-"}
    """

    kind: ClassVar[str] = "generate_code"
    group: ClassVar[str] = "item"

    field: str = option(NameOption("field", types=("string", "text")), "The field to write it into.")
    length: int = option(Plain("integer", 4, 64), "How many characters it has.", 8)
    alphabet: str = option(Plain(), "The characters it is made of.", UNAMBIGUOUS)
    prefix: Text | None = option(TextOption(), "What stands in front of it.", None)

    def check(self, builder: Builder) -> None:
        different = len(set(self.alphabet))
        if different != len(self.alphabet) or any(ch.isspace() or not ch.isprintable() for ch in self.alphabet):
            message = "the alphabet has a character twice, or one that cannot be seen"
            builder.fault("bad-alphabet", message, ("alphabet",), hint="write each character once, without spaces")
        elif different**self.length < _FEWEST_CODES:
            builder.fault(
                "bad-alphabet",
                f"{different} characters and a length of {self.length} make only {different**self.length} codes",
                ("length",),
                hint="make the code longer or the alphabet larger: everybody could guess one",
            )

    def plan(self, context: Context) -> Sequence[Effect]:
        return [GenerateCodeEffect(self.field, self.length, self.alphabet, one_line(context.words(self.prefix)))]
